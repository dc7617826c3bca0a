//! Where the server listens, and how that is written for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use reactor::{ListenAddress, Listening};

use crate::config::{Config, Listen};
use crate::metrics;

/// The addresses to listen on.
pub fn addresses(listen: &Listen) -> Vec<ListenAddress> {
    match listen {
        Listen::On(addresses) => addresses.clone(),
        Listen::Everywhere(port) => {
            let ip = if has_ipv6() {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            } else {
                log::warn!("there is no IPv6 on this system: listening on 0.0.0.0:{port} only");
                IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            };
            vec![ListenAddress::Tcp(SocketAddr::new(ip, *port))]
        }
    }
}

/// Whether the system lets a socket be bound to the IPv6 wildcard address.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

/// What is served where, by how many.
pub fn greeting(config: &Config, listening: &Listening) -> String {
    let what = match (&config.files, config.demo) {
        (Some(files), true) => format!("{} and the demo routes", files.root.display()),
        (Some(files), false) => files.root.display().to_string(),
        (None, _) => "the demo site".into(),
    };
    let place = place(&listening.address, listening.secure);
    let (version, workers) = (env!("CARGO_PKG_VERSION"), config.workers);
    let plural = if workers == 1 { "" } else { "s" };
    format!("tidegate {version} serving {what} on {place} ({workers} worker{plural})")
}

/// An address where others than this machine's users are served in the clear although clients have
/// to show certificates over TLS.
pub fn open_beside<'a>(config: &Config, addresses: &'a [Listening]) -> Option<&'a ListenAddress> {
    let clients = config.tls.as_ref().and_then(|tls| tls.clients.as_ref());
    if config.https_redirect.is_some() || !clients.is_some_and(|clients| clients.required) {
        return None;
    }
    let mut open = addresses.iter().filter(|own| !own.secure);
    let found = open.find(|own| metrics::is_exposed(&own.address))?;
    Some(&found.address)
}

/// An address as people open it.
pub fn place(address: &ListenAddress, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    match address {
        ListenAddress::Tcp(address) if address.ip().is_unspecified() => {
            format!("{scheme}://localhost:{}", address.port())
        }
        ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
        other if secure => format!("{other}, for HTTPS"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::config;

    #[test]
    fn http_beside_clients_certificates_is_warned_of_unless_it_is_private() {
        let is_open = |flags: &[&str], addresses: &[&str]| {
            let flags = [&["--tls-self-signed", "-l:80"], flags].concat();
            let listening = |address: &&str| Listening {
                address: address.trim_start_matches("tls ").parse().unwrap(),
                secure: address.starts_with("tls "),
            };
            let addresses: Vec<_> = addresses.iter().map(listening).collect();
            open_beside(&config(&flags), &addresses).map(ToString::to_string)
        };
        let ca = ["--client-ca=x"];
        let all = ["127.0.0.1:80", "unix:/x", "tls [::]:443", "192.0.2.1:80"];
        assert_eq!(is_open(&ca, &all), Some("192.0.2.1:80".into()));
        assert_eq!(is_open(&ca, &all[..3]), None);
        assert_eq!(is_open(&[], &all), None);
        assert_eq!(is_open(&["--client-ca=x", "--https-redirect"], &all), None);
        assert_eq!(
            is_open(&["--client-ca=x", "--client-auth=optional"], &all),
            None
        );
    }

    #[test]
    fn the_greeting_says_what_is_where() {
        let line = |arguments: &[&str], address: &str| {
            let plain = address.strip_prefix("tls ");
            let listening = Listening {
                address: plain.unwrap_or(address).parse().unwrap(),
                secure: plain.is_some(),
            };
            let line = greeting(&config(arguments), &listening);
            line.strip_prefix(concat!("tidegate ", env!("CARGO_PKG_VERSION"), " "))
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            line(&["./public", "-w2"], "[::]:8080"),
            "serving ./public on http://localhost:8080 (2 workers)"
        );
        assert_eq!(
            line(&["./public", "--demo", "-w1"], "127.0.0.1:80"),
            "serving ./public and the demo routes on http://127.0.0.1:80 (1 worker)"
        );
        assert_eq!(
            line(&["-w3"], "unix:/run/x.sock"),
            "serving the demo site on unix:/run/x.sock (3 workers)"
        );
        assert_eq!(
            line(&["-w3"], "tls [::]:8443"),
            "serving the demo site on https://localhost:8443 (3 workers)"
        );
        assert_eq!(
            line(&["-w3"], "tls unix:/run/x.sock"),
            "serving the demo site on unix:/run/x.sock, for HTTPS (3 workers)"
        );
    }
}
