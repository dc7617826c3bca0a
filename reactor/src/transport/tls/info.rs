//! How a connection was opened: what handlers and logs may know of its TLS.

use std::sync::Arc;

use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConnection};

use super::certificate::ClientCertificate;
use super::config::{Tls, TlsVersion};

/// How a connection was opened.
#[derive(Debug)]
pub struct TlsInfo {
    version: TlsVersion,
    cipher_suite: &'static str,
    server_name: Option<Box<str>>,
    is_resumed: bool,
    client: Option<ClientCertificate>,
    tls: Arc<Tls>,
}

impl TlsInfo {
    /// The version.
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// The suite, by IANA's name, as in `TLS_AES_128_GCM_SHA256`.
    pub fn cipher_suite(&self) -> &'static str {
        self.cipher_suite
    }

    /// The name that the client asked for (SNI, RFC 6066 section 3).
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether it goes on from an earlier connection's secrets (RFC 8446 section 2.2).
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// The certificate that the client showed.
    pub fn client(&self) -> Option<&ClientCertificate> {
        self.client.as_ref()
    }

    /// Whether a request for `host` may come over this connection: what is demanded of clients is
    /// the same as for the name that it was opened with (RFC 9110 section 7.4).
    #[inline]
    pub fn covers(&self, host: &str) -> bool {
        self.tls.covers(self.server_name(), host)
    }

    pub(super) fn of(connection: &ServerConnection, tls: Arc<Tls>) -> TlsInfo {
        let suite = connection.negotiated_cipher_suite();
        let client = connection.peer_certificates().and_then(<[_]>::first);
        TlsInfo {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
                _ => TlsVersion::V1_2,
            },
            cipher_suite: suite.map_or("", |suite| suite_name(suite.suite())),
            server_name: connection.server_name().map(Box::from),
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            client: client.map(ClientCertificate::of),
            tls,
        }
    }
}

/// IANA's name: rustls writes `TLS13_` where IANA has `TLS_`.
fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or(""),
    }
}
