//! The development certificates in `certs/`, and the script that makes them.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use reactor::tls::{Certificate, CertificateError};

use common::skipped_without;

const PAIRS: [&str; 2] = ["server", "server-rsa"];

const LOCALHOST: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// What Apple's systems accept at most.
const LIFETIME: Duration = Duration::from_secs(825 * 24 * 60 * 60);

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certs")
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(folder: &Path, pair: &str) -> Certificate {
    let chain = read(folder, &format!("{pair}.crt"));
    let key = read(folder, &format!("{pair}.key"));
    Certificate::from_pem(&chain, &key).unwrap()
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Runs a copy of the script in a folder with a name that wants quoting, from another folder.
fn make(folder: &Path, arguments: &[&str]) -> Output {
    let script = folder.join("make.sh");
    fs::copy(committed().join("make.sh"), &script).unwrap();
    let mut command = Command::new("sh");
    let command = command.arg(script).args(arguments).current_dir("/");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// Has openssl say what it thinks of both pairs, for this name. Dates aside: these tests are to
/// pass when the committed pairs have expired.
fn verify(folder: &Path, name: [&str; 2]) -> bool {
    let path = |file: String| folder.join(file).into_os_string().into_string().unwrap();
    PAIRS.iter().all(|pair| {
        let (authority, pair) = (path("ca.crt".into()), path(format!("{pair}.crt")));
        let mut arguments = vec!["verify", "-x509_strict", "-no_check_time", "-purpose"];
        arguments.extend(["sslserver", "-CAfile", &authority, name[0], name[1], &pair]);
        run("openssl", &arguments).status.success()
    })
}

/// The only private keys are those of the two certificates.
fn assert_no_other_keys(folder: &Path) {
    for name in file_names(folder) {
        let text = read(folder, &name);
        let is_key = text.windows(11).any(|window| window == b"PRIVATE KEY");
        // The script itself writes keys, but has none.
        let may = ["server.key", "server-rsa.key", "make.sh"].contains(&name.as_str());
        assert!(may || !is_key, "{name}");
    }
}

#[test]
fn the_committed_pairs_are_for_localhost_and_no_authorities() {
    for pair in PAIRS {
        let certificate = load(&committed(), pair);
        let names: Vec<&str> = certificate.names().iter().map(|name| &**name).collect();
        assert_eq!(names, LOCALHOST, "{pair}");
        assert!(!certificate.is_authority(), "{pair}");
        let (from, until) = (certificate.not_before(), certificate.not_after());
        // openssl reads the clock twice.
        let lifetime = until.duration_since(from).unwrap();
        assert!(lifetime.abs_diff(LIFETIME).as_secs() <= 1, "{pair}");
    }
}

#[test]
fn the_folder_has_no_key_of_an_authority() {
    let authority = read(&committed(), "ca.crt");
    for pair in PAIRS {
        let key = read(&committed(), &format!("{pair}.key"));
        let refused = Certificate::from_pem(&authority, &key);
        assert_eq!(refused, Err(CertificateError::KeyMismatch), "{pair}");
    }
    assert_no_other_keys(&committed());
}

#[test]
fn the_committed_authority_has_signed_the_committed_pairs() {
    if skipped_without("openssl") {
        return;
    }
    assert!(verify(&committed(), ["-verify_hostname", "localhost"]));
    assert!(verify(&committed(), ["-verify_ip", "::1"]));
    assert!(!verify(&committed(), ["-verify_hostname", "example.org"]));
}

#[test]
fn the_script_makes_pairs_for_further_names() {
    if skipped_without("openssl") {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("it's a folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("server.key"), "the one before").unwrap();
    let more = ["example.test", "*.example.test", "10.1.2.3"];
    let output = make(&folder, &more);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("DNS:*.example.test, IP:10.1.2.3"));

    let made = ["ca.crt", "make.sh", "server-rsa.crt", "server-rsa.key"];
    let made = [&made[..], &["server.crt", "server.key"]].concat();
    assert_eq!(file_names(&folder), made);
    assert_no_other_keys(&folder);
    for pair in PAIRS {
        let certificate = load(&folder, pair);
        let names: Vec<&str> = certificate.names().iter().map(|name| &**name).collect();
        assert_eq!(names, [&LOCALHOST[..], &more].concat(), "{pair}");
        assert!(!certificate.is_authority(), "{pair}");
        let key = fs::metadata(folder.join(format!("{pair}.key"))).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600, "{pair}");
    }
    assert!(verify(&folder, ["-verify_hostname", "a.example.test"]));
    assert!(verify(&folder, ["-verify_ip", "10.1.2.3"]));
    assert!(!verify(&folder, ["-verify_hostname", "a.a.example.test"]));
}

#[test]
fn the_script_replaces_nothing_if_it_fails() {
    if skipped_without("openssl") {
        return;
    }
    for (name, status) in [("a,DNS:b", 2), ("a\nb", 2), ("", 2), ("300.1.1.1", 1)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("server.key"), "the one before").unwrap();
        let output = make(folder.path(), &["fine.test", name]);
        assert_eq!(output.status.code(), Some(status), "{}", text(&output));
        assert_eq!(file_names(folder.path()), ["make.sh", "server.key"]);
        assert_eq!(read(folder.path(), "server.key"), b"the one before");
    }
}
