//! HTTPS on the command line: the flags, their variables, and what they come to together.
//!
//! Must not look at any file.

// The texts are for terminals: what looks like a link in them is an address.
#![allow(rustdoc::broken_intra_doc_links)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reactor::ListenAddress;
use reactor::tls::TlsVersion;

use super::environment::Sources;
use super::values;
use crate::config::Listen;
use crate::tls::{Clients, Config, Pair, Source};

/// Where TLS is listened for, unless something else is said.
const PORT: u16 = 8443;

/// Where the demo site looks for certificates, from the working directory.
const DEMO_FOLDER: &str = "certs";

/// What there has to be for any other flag of TLS to make sense.
pub const REMEDY: &str = "add --tls-cert FILE --tls-key FILE, --tls-dir DIR or --tls-self-signed";

/// What is wrong where HTTPS is for some and HTTP for everybody, without anyone having said so.
const OPEN_BESIDE: &str = "--client-ca has clients show certificates over HTTPS, and HTTP would \
    serve the same to everybody: add --https-redirect, or --listen ADDR for where everybody may \
    read it";

/// HTTPS.
#[derive(Args, Debug)]
#[command(next_help_heading = "HTTPS")]
pub struct Tls {
    /// Certificate, with its chain, repeatable [env: TIDEGATE_TLS_CERT]
    ///
    /// PEM, the server's own certificate first: certbot's fullchain.pem. Each has its --tls-key, in
    /// the same order, and the one for a connection is chosen by the name that the client asks for;
    /// the first is for everybody else. Changed files are used for new connections within seconds,
    /// or at once on the signal HUP. Several files in the variable are separated by commas.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tls_dir", "tls_self_signed"])]
    pub tls_cert: Vec<PathBuf>,
    /// Private key of the certificate, repeatable [env: TIDEGATE_TLS_KEY]
    ///
    /// PEM without a password: RSA, ECDSA or Ed25519, in PKCS#8, PKCS#1 or SEC1.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tls_dir", "tls_self_signed"])]
    pub tls_key: Vec<PathBuf>,
    /// Directory with server.crt and server.key [default: certs for the demo site]
    ///
    /// HTTPS is on when both are there and valid, else a line says why not, and HTTP goes on.
    /// server-rsa.crt and server-rsa.key are served beside them, to clients that know RSA alone.
    /// The demo site by itself has HTTPS without this flag: with the files in certs, or with a
    /// self-signed certificate; not if --listen is given.
    #[arg(long, value_name = "DIR", conflicts_with = "tls_self_signed")]
    pub tls_dir: Option<PathBuf>,
    /// Make a certificate at the start
    ///
    /// For localhost and this machine's name, in memory alone. No client knows it: to try
    /// something out, with curl -k.
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Address to listen on for HTTPS, repeatable [env: TIDEGATE_TLS_LISTEN] [default: [::]:8443]
    ///
    /// Written like --listen. There has to be a certificate.
    #[arg(long, value_name = "ADDR", value_parser = values::listen)]
    pub tls_listen: Vec<ListenAddress>,
    /// Refuse clients that ask for a name of no certificate, or for none
    ///
    /// Else they get the first certificate.
    #[arg(long)]
    pub tls_strict_sni: bool,
    /// Oldest version of TLS: 1.2 or 1.3 [default: 1.2]
    #[arg(long, value_name = "VERSION", value_parser = values::tls_version)]
    pub tls_min_version: Option<TlsVersion>,
    /// Whether clients may resume sessions: on or off [default: on]
    ///
    /// Saves most of a handshake. With off every connection has secrets of its own, as some rules
    /// on forward secrecy want it.
    #[arg(long, value_name = "SWITCH", value_parser = values::switch)]
    pub tls_session_tickets: Option<bool>,
    /// Authorities whose certificates clients have to show
    ///
    /// PEM, one or more. See --client-auth. HTTP asks nobody for a certificate: add
    /// --https-redirect, or say with --listen where everybody may read what is served. With this
    /// flag a --tls-dir that cannot be used ends the start, and HTTP does not go on.
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// What happens to clients without a certificate [default: required]
    #[arg(long, value_name = "MODE")]
    pub client_auth: Option<ClientAuthMode>,
    /// Revocation lists of those authorities
    ///
    /// PEM. Every authority in a client's chain then needs a list that is in force.
    #[arg(long, value_name = "FILE")]
    pub client_crl: Option<PathBuf>,
}

/// What happens to clients that show no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuthMode {
    /// They are refused
    Required,
    /// They are served; one with a bad certificate is refused all the same
    Optional,
}

/// What was said of HTTP.
#[derive(Debug)]
pub struct Http<'a> {
    /// Where it is listened for.
    pub listen: &'a Listen,
    /// Whether that was said, by a flag or a variable.
    pub is_given: bool,
    /// Whether everybody is sent to HTTPS.
    pub is_redirected: bool,
}

/// Where to listen for TLS, and with which certificates, beside HTTP, for a server that has the
/// demo site alone or not.
pub fn settle(
    flags: Tls,
    sources: &Sources<'_>,
    http: &Http<'_>,
    is_demo_alone: bool,
) -> Result<(Listen, Option<Config>), String> {
    let (listen, is_listen_given) = listen(&flags, sources)?;
    let only_with_certificate = [
        (!flags.tls_listen.is_empty(), "--tls-listen"),
        (is_listen_given, "the environment's TIDEGATE_TLS_LISTEN"),
        (flags.tls_strict_sni, "--tls-strict-sni"),
        (flags.tls_min_version.is_some(), "--tls-min-version"),
        (flags.tls_session_tickets.is_some(), "--tls-session-tickets"),
        (flags.client_ca.is_some(), "--client-ca"),
    ];
    let only_with_authority = [
        (flags.client_auth.is_some(), "--client-auth"),
        (flags.client_crl.is_some(), "--client-crl"),
    ];
    for (is_given, flag) in only_with_authority {
        if is_given && flags.client_ca.is_none() {
            return Err(format!(
                "{flag} needs to know whose certificates clients show: add --client-ca FILE"
            ));
        }
    }
    let needy = only_with_certificate.iter().find(|(is_given, _)| *is_given);
    let source = match (source(&flags, sources)?, needy) {
        (Some(source), _) => {
            apart(http.listen, &listen)?;
            source
        }
        (None, Some((_, flag))) => return Err(format!("{flag} needs a certificate: {REMEDY}")),
        // Who says exactly where to listen wants to listen nowhere else.
        (None, None) => match http.listen {
            Listen::Everywhere(port) if is_demo_alone && *port != PORT => {
                Source::Demo(PathBuf::from(DEMO_FOLDER))
            }
            _ => return Ok((listen, None)),
        },
    };
    let clients = flags.client_ca.map(|authority| Clients {
        authority,
        revoked: flags.client_crl,
        required: flags.client_auth != Some(ClientAuthMode::Optional),
    });
    let is_required = clients.as_ref().is_some_and(|clients| clients.required);
    if is_required && !http.is_given && !http.is_redirected {
        return Err(OPEN_BESIDE.into());
    }
    let config = Config {
        source,
        strict_names: flags.tls_strict_sni,
        min_version: flags.tls_min_version.unwrap_or(TlsVersion::V1_2),
        tickets: flags.tls_session_tickets.unwrap_or(true),
        clients,
    };
    Ok((listen, Some(config)))
}

/// Where to listen, and whether something said so.
fn listen(flags: &Tls, sources: &Sources<'_>) -> Result<(Listen, bool), String> {
    if !flags.tls_listen.is_empty() {
        let listen = &flags.tls_listen;
        values::all_different(listen).map_err(|why| format!("invalid --tls-listen: {why}"))?;
        return Ok((Listen::On(listen.clone()), true));
    }
    Ok(
        match sources.read("TIDEGATE_TLS_LISTEN", values::listen_list)? {
            Some(addresses) => (Listen::On(addresses), true),
            None => (Listen::Everywhere(PORT), false),
        },
    )
}

/// Where certificates come from, if that was said.
fn source(flags: &Tls, sources: &Sources<'_>) -> Result<Option<Source>, String> {
    if flags.tls_self_signed {
        return Ok(Some(Source::SelfSigned));
    }
    if let Some(folder) = &flags.tls_dir {
        return Ok(Some(Source::Directory(folder.clone())));
    }
    let (mut certificates, mut keys) = (flags.tls_cert.clone(), flags.tls_key.clone());
    let mut names = ["--tls-cert", "--tls-key"];
    if certificates.is_empty() && keys.is_empty() {
        names = ["TIDEGATE_TLS_CERT", "TIDEGATE_TLS_KEY"];
        certificates = sources.read(names[0], values::paths)?.unwrap_or_default();
        keys = sources.read(names[1], values::paths)?.unwrap_or_default();
    }
    if certificates.len() != keys.len() {
        let [certificate, key] = names;
        return Err(format!(
            "every certificate needs its key, in the same order: there are {} in {certificate}, \
             and {} in {key}",
            certificates.len(),
            keys.len()
        ));
    }
    let pair = |(certificate, key)| Pair { certificate, key };
    let pairs: Vec<Pair> = certificates.into_iter().zip(keys).map(pair).collect();
    Ok((!pairs.is_empty()).then_some(Source::Files(pairs)))
}

/// Refuses an address that is to be for both.
fn apart(http: &Listen, https: &Listen) -> Result<(), String> {
    match values::shared(http, &values::expand(https)) {
        Some(address) => Err(format!(
            "{address} cannot be for HTTP and HTTPS: choose another address or port with --port, \
             --listen or --tls-listen"
        )),
        None => Ok(()),
    }
}
