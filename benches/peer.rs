//! A client's connection, plain or over TLS, for the programs of the comparison. Any certificate is
//! taken: what is measured is the server.

#[path = "../tests/common/any_certificate.rs"]
mod any_certificate;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error};

use any_certificate::AnyCertificate;

/// What a connection's bytes pass through.
pub enum Peer {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<ClientConnection, TcpStream>>),
}

impl Peer {
    /// Connects; over TLS with the first flight sent by the first write.
    pub fn connect(address: &str, tls: Option<&Arc<ClientConfig>>) -> io::Result<Peer> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let Some(config) = tls else {
            return Ok(Peer::Plain(stream));
        };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let stream = rustls::StreamOwned::new(connection, stream);
        Ok(Peer::Tls(Box::new(stream)))
    }

    /// Asks for a path.
    pub fn ask(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        match self {
            Peer::Plain(stream) => stream.write_all(request.as_bytes()),
            Peer::Tls(stream) => stream.write_all(request.as_bytes()),
        }
    }

    /// Reads a head and as many bytes of body as its Content-Length announces.
    pub fn read_reply(&mut self) -> io::Result<()> {
        let mut reply = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let count = match self {
                Peer::Plain(stream) => stream.read(&mut chunk)?,
                Peer::Tls(stream) => stream.read(&mut chunk)?,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reply.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&reply).to_ascii_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .split("\r\n")
                .find_map(|line| line.strip_prefix("content-length:"));
            if length.is_some_and(|length| length.trim().parse() == Ok(body.len())) {
                return Ok(());
            }
        }
    }
}

/// TLS 1.3 or 1.2, no session is resumed.
pub fn tls() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
