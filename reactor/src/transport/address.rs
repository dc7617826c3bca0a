//! Where to listen and who is calling: addresses as the configuration, logs and limits see them.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a connection comes from: 20 bytes, for there is one in each connection. An IPv4 address
/// that came mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Over IPv4.
    V4(Ipv4Addr, u16),
    /// Over IPv6.
    V6(Ipv6Addr, u16),
    /// Over a Unix socket: a process on this machine.
    Unix,
}

impl Peer {
    /// The IP address; `None` over a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match *self {
            Peer::V4(ip, _) => Some(ip.into()),
            Peer::V6(ip, _) => Some(ip.into()),
            Peer::Unix => None,
        }
    }

    /// The port; `None` over a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match *self {
            Peer::V4(_, port) | Peer::V6(_, port) => Some(port),
            Peer::Unix => None,
        }
    }

    /// What limits by address count under: an IPv4 address by itself, an IPv6 address by its /64,
    /// which is what one customer gets. `None` over a Unix socket. The keys of the two families do
    /// not meet: a prefix that begins with 32 zero bits (::/32) belongs to no host but this one.
    pub fn account(&self) -> Option<u64> {
        match *self {
            Peer::V4(ip, _) => Some(u64::from(ip.to_bits())),
            Peer::V6(ip, _) => Some((ip.to_bits() >> 64) as u64),
            Peer::Unix => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Peer::V4(ip, address.port()),
            IpAddr::V6(ip) => Peer::V6(ip, address.port()),
        }
    }
}

impl fmt::Display for Peer {
    /// As `192.0.2.1:49152`, `[2001:db8::1]:49152` or `unix:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Peer::V4(ip, port) => write!(f, "{ip}:{port}"),
            Peer::V6(ip, port) => write!(f, "[{ip}]:{port}"),
            Peer::Unix => f.write_str("unix:"),
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A listening socket that the parent process passed, by its descriptor number, from 3 on.
    Inherited(RawFd),
    /// An address and port. `[::]` means every address of both families; port 0 lets the system
    /// choose a port.
    Tcp(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    /// Reads `192.0.2.1:80`, `[2001:db8::1]:80`, `localhost:80` (that is `127.0.0.1:80`), `:80` or
    /// `80` (that is `[::]:80`, all addresses), `unix:/run/site.sock` or `fd:3`.
    fn from_str(text: &str) -> Result<ListenAddress, InvalidAddress> {
        let refuse = |reason| InvalidAddress {
            text: text.to_owned(),
            reason,
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() || path.contains('\0') {
                return Err(refuse(
                    "write the path of the socket, as in unix:/run/site.sock",
                ));
            }
            return Ok(ListenAddress::Unix(path.into()));
        }
        if let Some(number) = text.strip_prefix("fd:") {
            return match parse_digits::<RawFd>(number) {
                Some(number) if number >= 3 => Ok(ListenAddress::Inherited(number)),
                _ => Err(refuse("passed descriptors are numbered from 3, as in fd:3")),
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(ListenAddress::Tcp(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let ip: IpAddr = match host {
            "" => Ipv6Addr::UNSPECIFIED.into(),
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            _ => return Err(refuse(why_not(text, host))),
        };
        match parse_digits(port) {
            Some(port) => Ok(ListenAddress::Tcp(SocketAddr::new(ip, port))),
            None => Err(refuse(why_not(text, host))),
        }
    }
}

impl fmt::Display for ListenAddress {
    /// As [`ListenAddress::from_str`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Inherited(number) => write!(f, "fd:{number}"),
            ListenAddress::Tcp(address) => write!(f, "{address}"),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A text that is no [`ListenAddress`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress {
    text: String,
    reason: &'static str,
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {:?}: {}", self.text, self.reason)
    }
}

impl Error for InvalidAddress {}

/// A number without a sign: `parse` alone would take `+80`.
fn parse_digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// What to tell somebody whose address is none; `host` is what stands before the last colon.
fn why_not(text: &str, host: &str) -> &'static str {
    let port = text.rsplit_once(':').map_or(text, |(_, port)| port);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() {
        "write an address and port, as in 0.0.0.0:8080, or only a port"
    } else if text.parse::<Ipv6Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
        "an IPv6 address stands in brackets before its port, as in [::1]:8080"
    } else if text.parse::<Ipv4Addr>().is_ok() || text.ends_with(']') || text == "localhost" {
        "the port is missing, as in 127.0.0.1:8080"
    } else if text.starts_with('/') {
        "a path needs unix: before it, as in unix:/run/site.sock"
    } else if is_number && port.parse::<u16>().is_err() {
        "ports go up to 65535"
    } else if is_number {
        "names are not looked up: write an IP address, localhost, or nothing for all addresses"
    } else {
        "write an address and port, as in 0.0.0.0:8080, or only a port"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_read_and_written() {
        let table = [
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::]:8080", "[::]:8080"),
            ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
            ("[fe80::1%3]:80", "[fe80::1%3]:80"),
            ("localhost:3000", "127.0.0.1:3000"),
            (":3000", "[::]:3000"),
            ("3000", "[::]:3000"),
            ("65535", "[::]:65535"),
            ("unix:/run/site.sock", "unix:/run/site.sock"),
            ("unix:relative", "unix:relative"),
            ("fd:3", "fd:3"),
            ("fd:12", "fd:12"),
        ];
        for (text, written) in table {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn other_texts_are_refused_with_advice() {
        let table = [
            ("", "write an address"),
            (":", "write an address"),
            ("localhost", "port is missing"),
            ("localhost:", "write an address"),
            ("127.0.0.1", "port is missing"),
            ("127.0.0.1:", "write an address"),
            ("127.0.0.1:http", "write an address"),
            ("[::1]", "port is missing"),
            ("::1", "in brackets"),
            ("::1:80", "in brackets"),
            ("65536", "up to 65535"),
            ("127.0.0.1:99999", "up to 65535"),
            (":99999", "up to 65535"),
            ("+80", "write an address"),
            (":+80", "write an address"),
            ("-1", "write an address"),
            ("example.org:80", "not looked up"),
            ("*:80", "not looked up"),
            ("/run/site.sock", "needs unix:"),
            ("unix:", "path of the socket"),
            ("unix:/a\0b", "path of the socket"),
            ("fd:", "numbered from 3"),
            ("fd:2", "numbered from 3"),
            ("fd:-3", "numbered from 3"),
            ("fd:99999999999", "numbered from 3"),
            (" 80", "write an address"),
        ];
        for (text, advice) in table {
            let refused = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(refused.contains(advice), "{refused}");
        }
    }

    #[test]
    fn a_peer_takes_20_bytes() {
        assert!(size_of::<Peer>() <= 20);
    }

    #[test]
    fn peers_are_counted_by_address_or_prefix() {
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        let account = |text| peer(text).account().unwrap();

        assert_eq!(account("192.0.2.1:1"), account("192.0.2.1:2"));
        assert_eq!(account("192.0.2.1:1"), account("[::ffff:192.0.2.1]:1"));
        assert_ne!(account("192.0.2.1:1"), account("192.0.2.2:1"));
        assert_eq!(
            account("[2001:db8:0:1::1]:1"),
            account("[2001:db8:0:1:ffff::2]:1")
        );
        assert_ne!(
            account("[2001:db8:0:1::1]:1"),
            account("[2001:db8:0:2::1]:1")
        );
        assert_eq!(Peer::Unix.account(), None);
    }

    #[test]
    fn a_peer_shows_its_address_and_port() {
        let table = [
            ("192.0.2.1:49152", "192.0.2.1:49152"),
            ("[::ffff:192.0.2.1]:49152", "192.0.2.1:49152"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ];
        for (address, shown) in table {
            let address: SocketAddr = address.parse().unwrap();
            let peer = Peer::from(address);
            assert_eq!(peer.to_string(), shown);
            assert_eq!(peer.ip(), Some(address.ip().to_canonical()));
            assert_eq!(peer.port(), Some(address.port()));
        }
        assert_eq!(Peer::Unix.to_string(), "unix:");
        assert_eq!((Peer::Unix.ip(), Peer::Unix.port()), (None, None));
    }
}
