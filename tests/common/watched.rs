//! A server whose metrics are watched.

use std::net::SocketAddr;

use super::{Client, PATIENCE, Response, Server, get, until};

/// A server with an admin listener on a free port.
pub struct Watched {
    /// The server.
    pub server: Server,
    /// Where its metrics are.
    pub admin: SocketAddr,
}

impl Watched {
    /// Starts it.
    pub fn start(args: &[&str]) -> Watched {
        let mut all = vec!["--admin-listen", "127.0.0.1:0"];
        all.extend(args);
        let server = Server::start(&all);
        let admin = until("the admin's address is said", PATIENCE, || {
            let text = server.messages().join("\n");
            let rest = text.split_once("readiness on http://")?.1;
            rest.lines().next()?.parse().ok()
        });
        Watched { server, admin }
    }

    /// Starts it with TLS and a certificate of its own making.
    pub fn start_secure(args: &[&str]) -> Watched {
        let tls = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];
        Watched::start(&[&tls, args].concat())
    }

    /// Where it listens for TLS.
    pub fn secure(&self) -> SocketAddr {
        self.server.secure_address()
    }

    /// What the admin listener answers.
    pub fn ask(&self, path: &str) -> Response {
        let mut client = Client::connect(self.admin);
        client.send(&get(path));
        client.response()
    }

    /// The value of a sample, as it is now.
    pub fn sample(&self, name: &str) -> Option<u64> {
        let page = self.ask("/metrics");
        let lines = page.text().lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next().map(|value| value.parse().unwrap())
    }

    /// Waits until a sample has this value.
    #[track_caller]
    pub fn expect_sample(&self, name: &str, value: u64) {
        until(&format!("{name} is {value}"), PATIENCE, || {
            (self.sample(name) == Some(value)).then_some(())
        });
    }

    /// Waits until it has this many connections.
    #[track_caller]
    pub fn expect_connections(&self, count: u64) {
        self.expect_sample("tidegate_connections", count);
    }

    /// Waits until this many handshakes have failed.
    #[track_caller]
    pub fn expect_failures(&self, count: u64) {
        self.expect_sample("tidegate_tls_handshake_failures_total", count);
    }

    /// Waits until so many handshakes were full ones, and so many resumed a session.
    #[track_caller]
    pub fn expect_handshakes(&self, full: u64, resumed: u64) {
        for (kind, count) in [("full", full), ("resumed", resumed)] {
            let name = format!("tidegate_tls_handshakes_total{{kind=\"{kind}\"}}");
            self.expect_sample(&name, count);
        }
    }
}
