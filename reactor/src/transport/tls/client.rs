//! A client's side of TLS without a socket, for the tests and the simulation.

use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ConnectionTrafficSecrets, HandshakeKind,
    RootCertStore, SignatureScheme, SupportedCipherSuite,
};

use super::certificate::{Certificate, PROVIDER};
use super::config::{Tls, TlsBuilder, TlsVersion};

/// A certificate in PEM and its key.
#[derive(Clone, Debug)]
pub(crate) struct Pem {
    pub chain: String,
    pub key: String,
}

impl Pem {
    /// A self-signed certificate for these names, with an Ed25519 key: its signatures are of one
    /// length, so that what is sent has the same length in each run.
    pub(crate) fn for_names(names: &[&str]) -> Pem {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut certificate = rcgen::CertificateParams::new(names).unwrap();
        // A number made from the key has leading zeros now and then, which are left out.
        certificate.serial_number = Some(1_u64.into());
        Pem {
            chain: certificate.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// What a server loads.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// The certificate of the simulation's server, for `localhost`.
pub(crate) static LOCALHOST: LazyLock<Pem> = LazyLock::new(|| Pem::for_names(&["localhost"]));

/// What serves as `localhost`.
pub(crate) fn localhost() -> TlsBuilder {
    Tls::builder().certificate(LOCALHOST.certificate())
}

/// What clients have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientOptions<'a> {
    /// Certificates of servers that they trust.
    pub trusted: &'a [&'a Pem],
    /// The certificate that they show.
    pub own: Option<&'a Pem>,
    /// The only version that they speak.
    pub version: Option<TlsVersion>,
    /// The protocols that they offer.
    pub protocols: &'a [&'a str],
    /// They ask for no name.
    pub nameless: bool,
    /// They resume no session.
    pub forgetful: bool,
    /// They begin with a group that the server does not have, so that it asks them for another.
    pub retries: bool,
    /// The only suites that they have; all if there is none.
    pub suites: &'a [CipherSuite],
    /// The only signatures that they can verify; all if there is none.
    pub schemes: &'a [SignatureScheme],
}

/// Clients that share their sessions.
#[derive(Clone, Debug)]
pub(crate) struct Clients(Arc<ClientConfig>);

impl Clients {
    /// With these options.
    pub(crate) fn new(options: &ClientOptions<'_>) -> Clients {
        let versions = match options.version {
            None => rustls::ALL_VERSIONS,
            Some(TlsVersion::V1_2) => &[&rustls::version::TLS12],
            Some(TlsVersion::V1_3) => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(provider(options))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots(options.trusted));
        let mut config = match options.own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::pem_slice_iter(own.chain.as_bytes());
                let chain = chain.map(|one| one.unwrap()).collect();
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let protocols = options.protocols.iter();
        config.alpn_protocols = protocols.map(|one| one.as_bytes().to_vec()).collect();
        config.enable_sni = !options.nameless;
        config.enable_secret_extraction = true;
        if options.forgetful {
            config.resumption = Resumption::disabled();
        }
        Clients(Arc::new(config))
    }

    /// One that connects to this name.
    pub(crate) fn connect(&self, name: &str) -> Client {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Client(ClientConnection::new(Arc::clone(&self.0), name).unwrap())
    }
}

/// With the suites and signatures of these options.
fn provider(options: &ClientOptions<'_>) -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider::clone(&PROVIDER);
    if options.retries {
        provider.kx_groups = vec![kx_group::MLKEM768, kx_group::X25519];
    }
    if !options.suites.is_empty() {
        let suites = &mut provider.cipher_suites;
        suites.retain(|suite| options.suites.contains(&suite.suite()));
    }
    if !options.schemes.is_empty() {
        let algorithms = &mut provider.signature_verification_algorithms;
        let mut mapping = algorithms.mapping.to_vec();
        mapping.retain(|(scheme, _)| options.schemes.contains(scheme));
        algorithms.mapping = mapping.leak();
    }
    Arc::new(provider)
}

fn roots(certificates: &[&Pem]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for pem in certificates {
        let one = CertificateDer::from_pem_slice(pem.chain.as_bytes()).unwrap();
        roots.add(one).unwrap();
    }
    roots
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client(ClientConnection);

impl Client {
    /// Takes what the server has sent in; what could be decrypted of it is added to `plaintext`.
    ///
    /// # Errors
    ///
    /// Why the connection is over, in words.
    pub(crate) fn ingest(
        &mut self,
        mut bytes: &[u8],
        plaintext: &mut Vec<u8>,
    ) -> Result<(), String> {
        while !bytes.is_empty() {
            let count = self
                .0
                .read_tls(&mut bytes)
                .map_err(|error| error.to_string())?;
            self.0
                .process_new_packets()
                .map_err(|error| error.to_string())?;
            // An error says that there is no more.
            let _ = self.0.reader().read_to_end(plaintext);
            if count == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What is to be sent to the server now.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut output).unwrap();
        }
        output
    }

    /// Sends plaintext, when the handshake is finished.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.set_buffer_limit(None);
        self.0.writer().write_all(bytes).unwrap();
    }

    /// Says that no more will be sent.
    pub(crate) fn close(&mut self) {
        self.0.send_close_notify();
    }

    /// Has the keys changed.
    pub(crate) fn update_keys(&mut self) {
        self.0.refresh_traffic_keys().unwrap();
    }

    /// Whether the handshake is going on.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Whether the server has said that it sends no more.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self.0.reader().read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        }
    }

    /// Whether the session of an earlier connection was resumed.
    pub(crate) fn is_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// How many tickets have come, with TLS 1.3.
    pub(crate) fn tickets(&self) -> u32 {
        self.0.tls13_tickets_received()
    }

    /// The protocol that was agreed on.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.0.alpn_protocol()
    }

    /// The certificate that the server showed.
    pub(crate) fn shown(&self) -> Option<&[u8]> {
        self.0.peer_certificates().map(|chain| chain[0].as_ref())
    }

    /// Gives the connection up for the suite, the next record's number and the keys of what it
    /// sends: what a client needs that keeps to no rules.
    pub(crate) fn into_secrets(self) -> (SupportedCipherSuite, u64, ConnectionTrafficSecrets) {
        let suite = self.0.negotiated_cipher_suite().unwrap();
        let (number, secrets) = self.0.dangerous_extract_secrets().unwrap().tx;
        (suite, number, secrets)
    }
}
