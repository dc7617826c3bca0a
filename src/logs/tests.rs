//! The access log of a server that really speaks TLS.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use reactor::tls::{ClientAuth, ClientAuthority, Tls, TlsPolicy};
use reactor::{Observer, Reply, Request, Route, Site, Summary};
use serde_json::Value;

use super::{AccessConfig, AccessLog, Format, Sink, WorkerLog};
use crate::testing::{Pair, TempDir, TwoPorts, curl, skipped_without};

/// The log is the worker's only local value.
struct Logging;

impl Observer for Logging {
    fn observe(&self, summary: &Summary<'_>, local: &mut dyn Any) {
        local.downcast_mut::<WorkerLog>().unwrap().observe(summary);
    }

    fn flush(&self, local: &mut dyn Any) {
        local.downcast_mut::<WorkerLog>().unwrap().flush();
    }
}

/// Subject of the client's certificate: openssl takes a backslash for an escape of its own.
const SUBJECT: &str = "/CN=al\"ice\n{\\\\}/O=\u{202e}\u{dc}bung";

#[test]
fn lines_tell_of_tls_and_of_the_clients_certificate() {
    if skipped_without(&["openssl", "curl"]) {
        return;
    }
    let folder = TempDir::new();
    let server = Pair::new(&folder, "server", "/CN=localhost");
    let client = Pair::new(&folder, "client", SUBJECT);
    let authority = ClientAuthority::from_pem(&std::fs::read(&client.certificate).unwrap());
    let tls = Tls::builder()
        .certificate(server.certificate())
        .policy(TlsPolicy {
            client_auth: ClientAuth::Optional(authority.unwrap()),
            ..TlsPolicy::default()
        });
    let path = folder.path().join("access.log");
    let config = AccessConfig {
        sink: Sink::File(path.clone()),
        format: Format::Json,
        colours: false,
    };
    let log = Arc::new(AccessLog::start(config, 1).unwrap());
    let site = Site::builder()
        .observer(Arc::new(Logging))
        .route(Route::get("/{any}", |_: &mut Request<'_>| Reply::text("x")));
    let own = Arc::clone(&log);
    let ports = TwoPorts::start(site, tls.build(None).unwrap(), move || {
        Box::new(own.worker())
    });
    let secure = format!("https://localhost:{}", ports.secure);
    let address = format!("https://127.0.0.1:{}/address", ports.secure);
    let (certificate, key) = (client.certificate.to_str(), client.key.to_str());
    curl(&[&format!("http://localhost:{}/plain", ports.plain)]);
    curl(&["--tls-max", "1.2", &format!("{secure}/old")]);
    curl(&[&address]);
    let with_certificate = ["--cert", certificate.unwrap(), "--key", key.unwrap()];
    curl(&[&with_certificate[..], &[&format!("{secure}/client")]].concat());

    let lines = lines(&path, 4);
    let tls_fields = |line: &Value| {
        let names = line.as_object().unwrap().keys();
        let of_tls = names.filter(|name| name.starts_with("tls_") || *name == "server_name");
        of_tls.map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(tls_fields(&lines[0]), [""; 0]);
    assert_eq!(lines[1]["tls_version"], "TLSv1.2");
    assert_eq!(lines[1]["server_name"], "localhost");
    assert_eq!(lines[2]["tls_version"], "TLSv1.3");
    assert!(lines[2]["tls_cipher"].as_str().unwrap().starts_with("TLS_"));
    assert_eq!(lines[2]["tls_resumed"], false);
    assert_eq!(
        tls_fields(&lines[2]),
        ["tls_cipher", "tls_resumed", "tls_version"]
    );
    let subject = lines[3]["tls_client"].as_str().unwrap();
    for part in ["al\\\"ice", "\u{202e}\u{dc}bung"] {
        assert!(subject.contains(part), "{subject}");
    }
    assert_eq!(lines[3]["tls_client_names"][0], "DNS:localhost");
    log.finish(Duration::from_secs(10));
}

/// The lines of the log once there are so many, each of which is visible ASCII.
fn lines(path: &std::path::Path, count: usize) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap();
        if text.lines().count() >= count {
            let is_visible = |byte: u8| (b' '..=b'~').contains(&byte) || byte == b'\n';
            assert!(text.bytes().all(is_visible), "{text}");
            let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
            return parsed.collect();
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
