//! Reads certificates and keys from files, and says what is wrong with them: which file it is, and
//! what to do about it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reactor::tls::{Certificate, CertificateError, ClientAuthority};

use super::{Clients, Pair};
use crate::words::plain;

/// No chain and no bundle of authorities is as long.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The permission of everybody who is neither the owner nor of the group to read a file.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Why something cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// In one line that names the file and the remedy.
    pub why: String,
    /// Whether it may pass although the files stay as they are.
    pub may_pass: bool,
}

impl Refusal {
    /// For what is in a file: another try is of no use.
    fn lasting(why: String) -> Refusal {
        let may_pass = false;
        Refusal { why, may_pass }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The certificate of a pair of files.
///
/// # Errors
///
/// One of them cannot be read or used, or they do not fit.
pub(super) fn pair(pair: &Pair) -> Result<Certificate, Refusal> {
    let chain = read("certificate", &pair.certificate)?;
    let key = read("private key", &pair.key)?;
    Certificate::from_pem(&chain, &key).map_err(|error| {
        let (certificate_file, key_file) = (pair.certificate.display(), pair.key.display());
        Refusal::lasting(match &error {
            CertificateError::KeyMismatch => {
                format!("cannot use {key_file} with {certificate_file}: {error}")
            }
            CertificateError::NoCertificate | CertificateError::Malformed(_) => {
                format!("cannot use the certificate {certificate_file}: {error}")
            }
            _ => format!("cannot use the private key {key_file}: {error}"),
        })
    })
}

/// The authorities of clients' certificates.
///
/// # Errors
///
/// A file cannot be read or used.
pub(super) fn clients(clients: &Clients) -> Result<ClientAuthority, Refusal> {
    let cannot_use =
        |path: &Path, error| Refusal::lasting(format!("cannot use {}: {error}", path.display()));
    let path = &clients.authority;
    let text = read("clients' authority", path)?;
    let authority = ClientAuthority::from_pem(&text).map_err(|error| cannot_use(path, error))?;
    let Some(path) = &clients.revoked else {
        return Ok(authority);
    };
    let text = read("revocation list", path)?;
    authority
        .with_revocation_lists(&text)
        .map_err(|error| cannot_use(path, error))
}

/// What an operator should know of a pair that can be used all the same.
pub(super) fn warnings(pair: &Pair, certificate: &Certificate) -> Vec<String> {
    let (file, key) = (pair.certificate.display(), pair.key.display());
    let mut warnings = Vec::new();
    let mode = fs::metadata(&pair.key).map_or(0, |metadata| metadata.permissions().mode());
    if mode & READABLE_BY_OTHERS != 0 {
        warnings.push(format!(
            "the private key {key} can be read by every user of this machine; run: chmod o-r {key}"
        ));
    }
    if certificate.is_authority() {
        warnings.push(format!(
            "the certificate {file} calls itself an authority (CA:TRUE), which some clients \
             refuse; make it with: openssl req -x509 -addext basicConstraints=critical,CA:FALSE"
        ));
    }
    if certificate.names().is_empty() {
        warnings.push(format!(
            "the certificate {file} has no subjectAltName, without which browsers refuse it; make \
             it with: -addext subjectAltName=DNS:NAME"
        ));
    }
    warnings
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    let result = File::open(path).and_then(|file| {
        let mut file = file.take(FILE_BYTES_MAX + 1);
        file.read_to_end(&mut text)
    });
    let file = path.display();
    match result {
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => Err(Refusal::lasting(format!(
            "cannot read the {what} {file}: it is longer than {FILE_BYTES_MAX} bytes; is it the \
             right file?"
        ))),
        Ok(_) => Ok(text),
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "; check the path",
                io::ErrorKind::PermissionDenied => {
                    "; let the user that runs tidegate, or a group of it, read the file"
                }
                _ => "",
            };
            Err(Refusal {
                why: format!("cannot read the {what} {file}: {}{remedy}", plain(&error)),
                may_pass: true,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use crate::tls::own::tests::{key, write_pair};

    /// What is said about a pair after `spoil` had its way with it.
    fn refusal(spoil: impl FnOnce(&Pair)) -> (String, Pair) {
        let folder = TempDir::new();
        let files = write_pair(folder.path(), "server", 0, 90);
        spoil(&files);
        (pair(&files).unwrap_err().why, files)
    }

    #[test]
    fn every_refusal_names_the_file_and_the_remedy() {
        const PKCS8: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n\
                             -----END ENCRYPTED PRIVATE KEY-----\n";
        const NO_DER: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        const NO_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\u{e9}\n-----END PRIVATE KEY-----\n";

        for (in_key, text, remedy) in [
            (false, None, "check the path"),
            (true, None, "check the path"),
            (false, Some(""), "BEGIN CERTIFICATE"),
            (true, Some("nothing"), "BEGIN PRIVATE KEY"),
            (true, Some(PKCS8), "openssl pkey"),
            (false, Some(NO_DER), "malformed"),
            (true, Some(NO_PEM), "not PEM"),
            (
                true,
                Some(&NO_DER.replace("CERTIFICATE", "PRIVATE KEY")),
                "RSA of 2048",
            ),
        ] {
            let (line, files) = refusal(|files| {
                let path = if in_key {
                    &files.key
                } else {
                    &files.certificate
                };
                match text {
                    Some(text) => fs::write(path, text).unwrap(),
                    None => fs::remove_file(path).unwrap(),
                }
            });
            let (bad, good) = match in_key {
                true => (files.key, files.certificate),
                false => (files.certificate, files.key),
            };
            assert!(line.contains(bad.to_str().unwrap()), "{line}");
            assert!(!line.contains(good.to_str().unwrap()), "{line}");
            assert!(line.contains(remedy), "{remedy}: {line}");
            assert!(!line.contains('\n') && !line.contains("os error"), "{line}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused_with_both_names() {
        let (line, files) = refusal(|files| fs::write(&files.key, key()).unwrap());
        for path in [&files.key, &files.certificate] {
            assert!(line.contains(path.to_str().unwrap()), "{line}");
        }
        assert!(line.contains("is not that of the certificate"), "{line}");
    }

    #[test]
    fn a_key_that_everybody_can_read_is_warned_of() {
        let folder = TempDir::new();
        let files = write_pair(folder.path(), "server", 0, 90);
        let certificate = pair(&files).unwrap();
        let warned = |mode| {
            fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
            warnings(&files, &certificate)
        };
        assert_eq!(warned(0o600), [""; 0]);
        assert_eq!(warned(0o640), [""; 0]);
        let lines = warned(0o644);
        let key = files.key.to_str().unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(&format!("chmod o-r {key}")), "{lines:?}");
    }

    #[test]
    fn an_authority_that_is_none_is_named() {
        let folder = TempDir::new();
        let files = write_pair(folder.path(), "server", 0, 90);
        let with = |authority: &Path, revoked: Option<&Path>| {
            clients(&Clients {
                authority: authority.to_owned(),
                revoked: revoked.map(Path::to_owned),
                required: true,
            })
        };
        assert!(with(&files.certificate, None).is_ok());
        let line = with(&files.key, None).unwrap_err().why;
        assert!(line.contains(files.key.to_str().unwrap()), "{line}");
        let line = with(&files.certificate, Some(&files.key)).unwrap_err().why;
        assert!(line.contains(files.key.to_str().unwrap()), "{line}");
        assert!(line.contains("X509 CRL"), "{line}");
    }
}
