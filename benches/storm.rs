//! The client of the storm case of `benches/compare.sh`: `storm ADDR [PATH]` keeps 32 established
//! TLS connections busy, one request at a time each, while 1,000 further ones begin their
//! handshakes at once, and prints the latencies of the established ones until the last of the 1,000
//! has its answer: `storm REQUESTS P50_US P99_US MAX_US HANDSHAKES_MS`. No more of those answers is
//! read, so that this client's own work does not get in the way.
#![forbid(unsafe_code)]

#[path = "peer.rs"]
mod peer;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use peer::Peer;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

const ESTABLISHED: usize = 32;
const HANDSHAKES: usize = 1000;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (address, path) = match args.as_slice() {
        [address] => (address, "/plaintext"),
        [address, path] => (address, path.as_str()),
        _ => return Err(io::Error::other("usage: storm ADDR [PATH]")),
    };
    let tls = peer::tls().map_err(io::Error::other)?;
    let mut established = Vec::new();
    for _ in 0..ESTABLISHED {
        let mut peer = Peer::connect(address, Some(&tls))?;
        peer.ask(path)?;
        peer.read_reply()?;
        established.push(peer);
    }
    let mut arriving = arriving(address, &tls)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let begun = Instant::now();
        let busy: Vec<_> = established
            .into_iter()
            .map(|peer| scope.spawn(|| ask_until(peer, path, &is_over)))
            .collect();
        // All first flights leave before an answer is waited for.
        let sent = arriving
            .iter_mut()
            .try_for_each(|(stream, flight)| stream.write_all(flight));
        let answered = sent.and_then(|()| {
            arriving
                .iter_mut()
                .try_for_each(|(stream, _)| stream.read_exact(&mut [0]))
        });
        let handshakes_ms = begun.elapsed().as_millis();
        is_over.store(true, Relaxed);
        let mut latencies = Vec::new();
        for thread in busy {
            let asked = thread
                .join()
                .map_err(|_| io::Error::other("a thread panicked"))?;
            latencies.extend(asked?);
        }
        answered?;
        latencies.sort_unstable();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        println!(
            "storm {} {} {} {} {handshakes_ms}",
            latencies.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        Ok(())
    })
}

/// Connections that have not said anything, each with its first flight.
fn arriving(address: &str, tls: &Arc<ClientConfig>) -> io::Result<Vec<(TcpStream, Vec<u8>)>> {
    (0..HANDSHAKES)
        .map(|_| {
            let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
            let mut connection =
                ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
            let mut flight = Vec::new();
            connection.write_tls(&mut flight)?;
            Ok((TcpStream::connect(address)?, flight))
        })
        .collect()
}

/// Asks again and again; the latencies in microseconds.
fn ask_until(mut peer: Peer, path: &str, is_over: &AtomicBool) -> io::Result<Vec<u128>> {
    let mut latencies = Vec::new();
    while !is_over.load(Relaxed) {
        let begun = Instant::now();
        peer.ask(path)?;
        peer.read_reply()?;
        latencies.push(begun.elapsed().as_micros());
    }
    Ok(latencies)
}
