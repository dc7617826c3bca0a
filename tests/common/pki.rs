//! Certificates made with openssl, as operators make them, and a connection through its client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use super::Client;

/// An authority and what it has signed, in a directory that is removed in the end.
pub struct Pki {
    folder: tempfile::TempDir,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A connection that `openssl s_client` holds.
pub struct Secure {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// Runs openssl, which must succeed, in `folder`.
pub fn openssl(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Pki {
    /// A fresh authority: `ca.crt`, `ca.key`.
    pub fn new() -> Pki {
        let pki = Pki {
            folder: tempfile::tempdir().unwrap(),
        };
        pki.run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key \
                 -out ca.crt -days 30 -subj /CN=Authority",
        );
        pki
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file there.
    pub fn path(&self, name: &str) -> String {
        self.folder().join(name).to_str().unwrap().to_owned()
    }

    /// Runs openssl there with the words of `line`.
    pub fn run(&self, line: &str) -> String {
        openssl(self.folder(), &line.split_whitespace().collect::<Vec<_>>())
    }

    /// A certificate of `{name}.crt` with the key `{name}.key`, for these names
    /// (`DNS:a,IP:127.0.0.1`).
    pub fn leaf(&self, name: &str, names: &str) -> Files {
        self.leaf_with(name, names, "ec -pkeyopt ec_paramgen_curve:P-256", 30)
    }

    /// The same with a key of this kind, for so many days; below zero it has expired.
    pub fn leaf_with(&self, name: &str, names: &str, kind: &str, days: i32) -> Files {
        self.run(&format!(
            "req -new -newkey {kind} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} \
             -addext subjectAltName={names}"
        ));
        self.run(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -days {days} \
             -copy_extensions copy -out {name}.crt"
        ));
        self.files(name)
    }

    /// The files of this name.
    pub fn files(&self, name: &str) -> Files {
        Files {
            certificate: self.folder().join(format!("{name}.crt")),
            key: self.folder().join(format!("{name}.key")),
        }
    }
}

impl Files {
    /// The flags that have them served.
    pub fn flags(&self) -> [&str; 4] {
        let [certificate, key] = [&self.certificate, &self.key];
        [
            "--tls-cert",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ]
    }

    /// The certificate as text, without what stands before it.
    pub fn pem(&self) -> String {
        first_pem(&fs::read_to_string(&self.certificate).unwrap())
    }

    /// Copies both to the names of `to`.
    pub fn copy(&self, to: &Files) {
        fs::copy(&self.certificate, &to.certificate).unwrap();
        fs::copy(&self.key, &to.key).unwrap();
    }
}

/// The first certificate of a text.
fn first_pem(text: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let start = text.find("-----BEGIN CERTIFICATE-----");
    let end = text.find(END).map(|at| at + END.len());
    match (start, end) {
        (Some(start), Some(end)) => text[start..end].to_owned(),
        _ => String::new(),
    }
}

/// What `openssl s_client` says of a connection that is closed after the handshake.
pub fn handshake(address: SocketAddr, args: &[&str]) -> Output {
    Command::new("timeout")
        .args([
            "60",
            "openssl",
            "s_client",
            "-connect",
            &address.to_string(),
        ])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The certificate that is served to who asks for `name`; empty if none is.
pub fn served(address: SocketAddr, name: &str) -> String {
    let output = handshake(address, &["-servername", name]);
    first_pem(&String::from_utf8_lossy(&output.stdout))
}

/// A connection over TLS that stays open.
pub fn connect_secure(address: SocketAddr, args: &[&str]) -> Client<Secure> {
    let mut openssl = Command::new("timeout");
    openssl.args(["120", "openssl", "s_client", "-quiet"]);
    openssl.stderr(Stdio::null());
    hold(openssl, address, args)
}

/// The same with all that openssl says, and with its commands: a letter at the beginning of what is
/// sent.
pub fn connect_commanding(address: SocketAddr, args: &[&str]) -> Client<Secure> {
    let mut openssl = Command::new("sh");
    let line = "exec timeout 120 openssl s_client \"$@\" 2>&1";
    openssl.args(["-c", line, "s_client"]);
    hold(openssl, address, args)
}

fn hold(mut openssl: Command, address: SocketAddr, args: &[&str]) -> Client<Secure> {
    let mut child = openssl
        .args(["-connect", &address.to_string()])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    Client::new(Secure {
        child,
        input,
        output,
    })
}

impl Read for Secure {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Write for Secure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        // `timeout` passes nothing on when it is killed; openssl ends with its standard input.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
