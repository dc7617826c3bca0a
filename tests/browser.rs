//! A browser that people use, over HTTPS: headless Chromium shows the demo page if it knows the
//! authority, and refuses it if not.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{Server, skipped_without, start_secure};
use tempfile::TempDir;

/// The repository's certificates for localhost.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs");

/// Somebody's home directory, with the authorities that they trust.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// Has browsers of this home trust an authority.
    fn trust(&self, authority: &Path) {
        let store = self.0.path().join(".pki/nssdb");
        fs::create_dir_all(&store).unwrap();
        let store = format!("sql:{}", store.display());
        let authority = authority.to_str().unwrap();
        self.certutil(&["-d", &store, "-N", "--empty-password"]);
        let trusted = ["-A", "-t", "C,,", "-n", "development", "-i", authority];
        self.certutil(&[&["-d", &store], &trusted[..]].concat());
    }

    fn certutil(&self, args: &[&str]) {
        let mut certutil = Command::new("certutil");
        let output = certutil.args(args).output().unwrap();
        assert!(output.status.success(), "certutil {args:?}: {output:?}");
    }

    /// The page at `url` as the browser has it after loading, empty if it did not load; and what
    /// the browser said.
    fn visit(&self, url: &str) -> (String, String) {
        let profile = tempfile::tempdir_in(self.0.path()).unwrap();
        let output = Command::new("timeout")
            .args(["60", "chromium", "--headless", "--no-sandbox"])
            .args(["--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage"])
            .args(["--no-proxy-server", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .env("HOME", self.0.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        texts(&output)
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
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

    let stranger = Home::new();
    let (page, said) = stranger.visit(&url);
    assert!(!page.contains("Tidegate"), "it was shown: {page}");
    assert!(said.contains("ERR_CERT_AUTHORITY_INVALID"), "{said}");

    let developer = Home::new();
    developer.trust(&folder.join("ca.crt"));
    let (page, said) = developer.visit(&url);
    assert!(
        page.contains("<title>Tidegate is running</title>"),
        "{page}\n{said}"
    );
    // The links are there, so the page is whole and not the browser's own.
    assert!(page.contains("href=\"/ping\"") && page.ends_with("</html>\n"));
    let (text, said) = developer.visit(&format!("{url}ping"));
    assert!(text.contains("pong"), "{text}\n{said}");
}

#[test]
fn a_browser_that_knows_another_authority_refuses() {
    if lacks_browser() {
        return;
    }
    let spare = tempfile::tempdir().unwrap();
    let folder = certificates(&spare);
    let server = start_secure(&["--tls-self-signed"]);
    let developer = Home::new();
    developer.trust(&folder.join("ca.crt"));
    let (page, said) = developer.visit(&url(&server));
    assert!(!page.contains("Tidegate"), "it was shown: {page}");
    assert!(said.contains("ERR_CERT_AUTHORITY_INVALID"), "{said}");
}
