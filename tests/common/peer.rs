//! A client of TLS in the tests' own hands: rustls over a socket, or for its bytes alone. That the
//! server ends a connection without close_notify is an error for it (RFC 8446 section 6.1).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion};

use super::Client;
use super::any_certificate::AnyCertificate;

/// A connection over TLS.
pub type Tls<S = TcpStream> = StreamOwned<ClientConnection, S>;

/// Settings of a client that trusts every certificate and speaks these versions.
pub fn trusting(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    trusting_with(aws_lc_rs::default_provider(), versions)
}

/// The same with these suites and groups.
pub fn trusting_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(provider);
    let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth()
}

/// A client that asks for `localhost` and has said nothing yet.
pub fn client_of(config: ClientConfig) -> ClientConnection {
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// The first message of a client, as it goes on the wire.
pub fn client_hello() -> Vec<u8> {
    sealed(&mut client_of(trusting(rustls::ALL_VERSIONS)))
}

/// What a client has to send now, as it goes on the wire.
pub fn sealed(client: &mut ClientConnection) -> Vec<u8> {
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    wire
}

impl Client<Tls> {
    /// Connects, and finishes the handshake.
    pub fn over_tls(address: SocketAddr) -> Client<Tls> {
        Client::over_tls_with(address, trusting(rustls::ALL_VERSIONS))
    }

    /// The same with these settings.
    pub fn over_tls_with(address: SocketAddr, config: ClientConfig) -> Client<Tls> {
        Client::over_tls_on(Client::connect(address).stream, config)
    }
}

impl<S: Read + Write> Client<Tls<S>> {
    /// Finishes the handshake on a connection.
    pub fn over_tls_on(stream: S, config: ClientConfig) -> Client<Tls<S>> {
        let mut stream = StreamOwned::new(client_of(config), stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        Client::new(stream)
    }
}
