//! The client of the idle case of `benches/compare.sh`: `idle N ADDR [PATH]` opens N connections
//! to ADDR, gets one whole reply on each (PATH is `/plaintext` unless given), prints `held N` and
//! keeps them open, silent, until its standard input ends. The caller sees to enough descriptors.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::TcpStream;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (count, address, path) = match args.as_slice() {
        [count, address] => (count, address, "/plaintext"),
        [count, address, path] => (count, address, path.as_str()),
        _ => return Err(usage()),
    };
    let count: usize = count.parse().map_err(|_| usage())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        read_reply(&mut stream)?;
        held.push(stream);
    }
    println!("held {count}");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn usage() -> io::Error {
    io::Error::other("usage: idle N ADDR [PATH]")
}

/// Reads a head and as many bytes of body as its Content-Length announces.
fn read_reply(stream: &mut TcpStream) -> io::Result<()> {
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&reply).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length:"));
        if length.is_some_and(|n| n.trim().parse() == Ok(body.len())) {
            return Ok(());
        }
    }
}
