//! A browser that people use, over HTTPS: headless Chromium shows the demo page if it knows the
//! authority, and refuses it if not.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{Browser, Server, skipped_without, start_secure};
use tempfile::TempDir;

/// The repository's certificates for localhost.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs");

/// Has browsers in this home directory trust an authority.
fn trust(home: &Path, authority: &Path) {
    let store = home.join(".pki/nssdb");
    fs::create_dir_all(&store).unwrap();
    let store = format!("sql:{}", store.display());
    let authority = authority.to_str().unwrap();
    certutil(&["-d", &store, "-N", "--empty-password"]);
    let trusted = ["-A", "-t", "C,,", "-n", "development", "-i", authority];
    certutil(&[&["-d", &store], &trusted[..]].concat());
}

fn certutil(args: &[&str]) {
    let output = Command::new("certutil").args(args).output().unwrap();
    assert!(output.status.success(), "certutil {args:?}: {output:?}");
}

/// The folder of the committed certificates, or of fresh ones if those have expired.
fn certificates(spare: &TempDir) -> PathBuf {
    let committed = PathBuf::from(COMMITTED);
    let soon = Duration::from_secs(3600).as_secs().to_string();
    let is_in_force = ["ca.crt", "server.crt"].iter().all(|name| {
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-noout", "-checkend", &soon, "-in"]);
        let output = openssl.arg(committed.join(name)).output().unwrap();
        output.status.success()
    });
    if is_in_force {
        return committed;
    }
    let mut make = Command::new("sh");
    make.arg(committed.join("make.sh")).arg("-o");
    let output = make.arg(spare.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    spare.path().to_owned()
}

fn lacks_browser() -> bool {
    ["chromium", "certutil", "openssl"]
        .iter()
        .any(|program| skipped_without(program))
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.secure_address().port())
}

#[test]
fn a_browser_shows_the_demo_page_over_https_if_it_knows_the_authority() {
    if lacks_browser() {
        return;
    }
    let spare = tempfile::tempdir().unwrap();
    let folder = certificates(&spare);
    let server = start_secure(&["--tls-dir", folder.to_str().unwrap()]);
    let url = url(&server);

    let stranger = Browser::new().visit(&url);
    assert!(!stranger.page.contains("Tidegate"), "{stranger:#?}");
    let why = "ERR_CERT_AUTHORITY_INVALID";
    assert!(stranger.said.contains(why), "{stranger:#?}");

    let developer = Browser::new();
    trust(developer.home(), &folder.join("ca.crt"));
    let visit = developer.visit(&url);
    visit.expect("<title>Tidegate is running</title>");
    // The links are there, so the page is whole and not the browser's own.
    visit.expect("href=\"/ping\"");
    assert!(visit.page.ends_with("</html>\n"), "{visit:#?}");
    developer.visit(&format!("{url}ping")).expect("pong");
}

#[test]
fn a_browser_that_knows_another_authority_refuses() {
    if lacks_browser() {
        return;
    }
    let spare = tempfile::tempdir().unwrap();
    let folder = certificates(&spare);
    let server = start_secure(&["--tls-self-signed"]);
    let developer = Browser::new();
    trust(developer.home(), &folder.join("ca.crt"));
    let visit = developer.visit(&url(&server));
    assert!(!visit.page.contains("Tidegate"), "{visit:#?}");
    let why = "ERR_CERT_AUTHORITY_INVALID";
    assert!(visit.said.contains(why), "{visit:#?}");
}
