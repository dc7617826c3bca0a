//! The client of the idle cases of `benches/compare.sh`: `idle [--tls] N ADDR [PATH]` opens N
//! connections to ADDR, gets one whole reply on each (PATH is `/plaintext` unless given), prints
//! `held N` and keeps them open, silent, until its standard input ends. The caller sees to enough
//! descriptors.
#![forbid(unsafe_code)]

#[path = "peer.rs"]
mod peer;

use std::io;

use peer::Peer;

fn main() -> io::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let tls = match args.first().is_some_and(|first| first == "--tls") {
        true => {
            args.remove(0);
            Some(peer::tls().map_err(io::Error::other)?)
        }
        false => None,
    };
    let (count, address, path) = match args.as_slice() {
        [count, address] => (count, address, "/plaintext"),
        [count, address, path] => (count, address, path.as_str()),
        _ => return Err(usage()),
    };
    let count: usize = count.parse().map_err(|_| usage())?;
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut peer = Peer::connect(address, tls.as_ref())?;
        peer.ask(path)?;
        peer.read_reply()?;
        held.push(peer);
    }
    println!("held {count}");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn usage() -> io::Error {
    io::Error::other("usage: idle [--tls] N ADDR [PATH]")
}
