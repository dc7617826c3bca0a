//! What unit tests of several features need.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reactor::tls::{Certificate, Tls};
use reactor::{Handle, ListenAddress, Server, SiteBuilder};

/// A directory of its own, removed at the end of a test.
pub struct TempDir(PathBuf);

impl TempDir {
    /// An empty directory.
    pub fn new() -> TempDir {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path.canonicalize().unwrap())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A certificate for localhost that has signed itself, and its key: PEM files made by openssl.
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Pair {
    /// Makes one of this subject, written as openssl wants it: `/CN=localhost`.
    pub fn new(folder: &TempDir, name: &str, subject: &str) -> Pair {
        let file = |ending: &str| folder.path().join(format!("{name}.{ending}"));
        let (certificate, key) = (file("crt"), file("key"));
        let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                         -utf8 -addext subjectAltName=DNS:localhost \
                         -addext basicConstraints=critical,CA:FALSE";
        let mut openssl = Command::new("openssl");
        openssl
            .args(arguments.split_whitespace())
            .args(["-subj", subject, "-out"])
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key);
        run(openssl);
        Pair { certificate, key }
    }

    /// As the engine has it.
    pub fn certificate(&self) -> Certificate {
        let read = |path: &Path| std::fs::read(path).unwrap();
        Certificate::from_pem(&read(&self.certificate), &read(&self.key)).unwrap()
    }
}

/// A server in this process that listens on a plain and on a TLS port; it stops when dropped.
pub struct TwoPorts {
    /// The plain port.
    pub plain: u16,
    /// The port of TLS.
    pub secure: u16,
    handle: Handle,
}

impl TwoPorts {
    /// Starts one; each worker has a local value of `local`'s.
    pub fn start(
        site: SiteBuilder,
        tls: Tls,
        local: impl Fn() -> Box<dyn Any + Send> + 'static,
    ) -> TwoPorts {
        let any_port = || "127.0.0.1:0".parse().unwrap();
        let server = Server::new(site.tls(Arc::new(tls)).build().unwrap())
            .workers(1)
            .local(move |_| local())
            .listen(any_port())
            .listen_tls(any_port());
        let bound = server.bind().unwrap();
        let port = |index: usize| match bound.addresses()[index].address {
            ListenAddress::Tcp(address) => address.port(),
            ref other => panic!("{other} has no port"),
        };
        let (plain, secure) = (port(0), port(1));
        TwoPorts {
            plain,
            secure,
            handle: bound.start().unwrap().handle(),
        }
    }
}

impl Drop for TwoPorts {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

/// What curl prints with these arguments, head and body; certificates are not checked.
pub fn curl(arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sSik", "--noproxy", "*", "--max-time", "15"]);
    curl.args(arguments);
    run(curl)
}

/// Whether a test has to be left out because a program is missing; see `tests/common/wait.rs`.
pub fn skipped_without(programs: &[&str]) -> bool {
    let missing = programs
        .iter()
        .find(|program| Command::new(program).arg("--version").output().is_err());
    if let Some(program) = missing {
        skip(&format!("no {program}"));
    }
    missing.is_some()
}

/// Says that something is left out, and why; with TIDEGATE_FORBID_SKIPS it fails.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("TIDEGATE_FORBID_SKIPS").is_none(),
        "may not be skipped: {why}"
    );
    eprintln!("skipped: {why}");
}

/// Asks until the answer is good, or simply has been the same for long: when anything anywhere is
/// renamed, the kernel says of each `..` in a link that it cannot tell where that led.
pub fn undisturbed<T>(mut ask: impl FnMut() -> T, is_good: impl Fn(&T) -> bool) -> T {
    for _ in 0..1_000 {
        let answer = ask();
        if is_good(&answer) {
            return answer;
        }
    }
    ask()
}

fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Does `test` as somebody who may not read everything, also where this is root.
#[cfg(target_os = "linux")]
pub fn without_privileges(test: impl FnOnce() + Send) {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    // They are those of a thread: other tests keep theirs.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut own = capabilities(None).unwrap();
            own.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            set_capabilities(None, own).unwrap();
            test();
        });
    });
}

/// The same where privileges cannot be given up for a while.
#[cfg(not(target_os = "linux"))]
pub fn without_privileges(test: impl FnOnce() + Send) {
    test();
}
