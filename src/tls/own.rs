//! The self-signed certificate: made in memory, for this machine, never written down.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use reactor::tls::Certificate;

/// Names that it is always for, beside this machine's.
const NAMES: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// How long it is in force. A process that runs longer makes another one in time.
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// It is in force since this long, for clients whose clocks are late.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

/// A self-signed certificate.
pub(super) struct Own {
    pub certificate: Certificate,
    /// The SHA-256 of its DER, in hexadecimal with colons, as OpenSSL and browsers show it.
    pub fingerprint: String,
}

/// Makes one.
///
/// # Errors
///
/// The system has no randomness.
pub(super) fn certificate(now: SystemTime) -> Result<Own, String> {
    let start = now.checked_sub(CLOCK_SKEW).unwrap_or(now);
    let (chain, key, der) = signed(&names(), start, start + LIFE).map_err(refused)?;
    let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes())
        .map_err(|error| format!("cannot make a self-signed certificate: {error}"))?;
    let hash = digest::digest(&digest::SHA256, &der);
    let mut fingerprint = String::new();
    for (at, byte) in hash.as_ref().iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(fingerprint, "{colon}{byte:02X}");
    }
    Ok(Own {
        certificate,
        fingerprint,
    })
}

fn refused(error: rcgen::Error) -> String {
    format!("cannot make a self-signed certificate: {error}")
}

/// Chain and key in PEM, and the certificate in DER.
fn signed(
    names: &[String],
    start: SystemTime,
    end: SystemTime,
) -> Result<(String, String, Vec<u8>), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = CertificateParams::new(names)?;
    let common_name = names.first().map_or("localhost", String::as_str);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, common_name);
    parameters.not_before = start.into();
    parameters.not_after = end.into();
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.self_signed(&key)?;
    Ok((
        certificate.pem(),
        key.serialize_pem(),
        certificate.der().to_vec(),
    ))
}

/// The names it is for.
fn names() -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    let host = rustix::system::uname();
    let host = host.nodename().to_str().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if !host.is_empty() && host.bytes().all(is_plain) && !names.iter().any(|name| name == host) {
        names.push(host.to_ascii_lowercase());
    }
    names
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::tls::Pair;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// A fresh private key in PEM.
    pub fn key() -> String {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        key.serialize_pem()
    }

    /// Writes a fresh pair for `{name}.test`, in force from and until so many days from now.
    pub fn write_pair(folder: &Path, name: &str, from: i64, until: i64) -> Pair {
        let at = |days: i64| {
            let span = DAY * days.unsigned_abs() as u32;
            let now = SystemTime::now();
            if days < 0 { now - span } else { now + span }
        };
        let names = [format!("{name}.test")];
        let (chain, key, _) = signed(&names, at(from) - DAY / 24, at(until)).unwrap();
        let pair = Pair {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&pair.certificate, chain).unwrap();
        fs::write(&pair.key, key).unwrap();
        fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
        pair
    }

    #[test]
    fn it_is_for_this_machine_for_ninety_days() {
        let now = SystemTime::now();
        let own = certificate(now).unwrap();
        let names: Vec<&str> = own.certificate.names().iter().map(AsRef::as_ref).collect();
        assert_eq!(names[..4], NAMES);
        assert_eq!(own.certificate.subject(), "CN=localhost");
        assert!(!own.certificate.is_authority());
        let age = now.duration_since(own.certificate.not_before()).unwrap();
        assert!((CLOCK_SKEW..CLOCK_SKEW + DAY / 24).contains(&age));
        let life = own.certificate.not_after();
        let life = life.duration_since(own.certificate.not_before()).unwrap();
        assert_eq!(life, LIFE);
        assert_eq!(own.fingerprint.len(), 32 * 3 - 1);
    }

    #[test]
    fn each_is_another_one() {
        let now = SystemTime::now();
        let [one, two] = [certificate(now).unwrap(), certificate(now).unwrap()];
        assert_ne!(one.fingerprint, two.fingerprint);
        assert_ne!(one.certificate, two.certificate);
    }
}
