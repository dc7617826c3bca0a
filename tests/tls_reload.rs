//! New certificates in place of old ones, while connections stay open.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;

use common::{
    Client, Files, PATIENCE, Pki, Secure, Server, connect_secure, get, served, skipped_without,
    until,
};
use rustix::process::Signal;

const NAMES: &str = "DNS:localhost";

/// A server of the pair `live` and a connection that it serves from before any change.
struct Served {
    server: Server,
    address: SocketAddr,
    open: Client<Secure>,
}

impl Served {
    fn start(live: &Files) -> Served {
        let tls = ["--tls-listen", "127.0.0.1:0"];
        let server = Server::start(&[&tls[..], &live.flags()].concat());
        let address = server.secure_address();
        let mut served = Served {
            open: connect_secure(address, &[]),
            server,
            address,
        };
        served.expect_open();
        served
    }

    /// The connection of the beginning is still served.
    fn expect_open(&mut self) {
        self.open.send(&get("/ping"));
        self.open.response().expect(200, "pong");
    }

    /// New connections get this certificate, soon; the old one goes on.
    fn expect(&mut self, files: &Files) {
        let wanted = files.pem();
        until("the new certificate is served", PATIENCE, || {
            (served(self.address, "localhost") == wanted).then_some(())
        });
        self.expect_open();
    }
}

/// A server of the pair `one`, which stands at `live`, and a pair that is to take its place.
struct Renewal {
    served: Served,
    live: Files,
    one: Files,
    two: Files,
    /// Where all the files are, until this is dropped.
    _pki: Pki,
}

/// `None` without openssl; then that was said.
fn renewal() -> Option<Renewal> {
    if skipped_without("openssl") {
        return None;
    }
    let pki = Pki::new();
    let live = pki.files("live");
    let (one, two) = (pki.leaf("one", NAMES), pki.leaf("two", NAMES));
    one.copy(&live);
    Some(Renewal {
        served: Served::start(&live),
        live,
        one,
        two,
        _pki: pki,
    })
}

#[test]
fn files_that_are_written_again_are_used() {
    let Some(Renewal {
        live,
        one,
        two,
        mut served,
        _pki,
    }) = renewal()
    else {
        return;
    };
    served.expect(&one);
    two.copy(&live);
    served.expect(&two);
    served
        .server
        .expect_message(&["INFO", "live.crt", "CN=two", "for 29 more days"]);
}

#[test]
fn files_that_take_the_place_of_others_are_used() {
    let Some(Renewal {
        live,
        two,
        mut served,
        _pki,
        ..
    }) = renewal()
    else {
        return;
    };
    fs::rename(&two.key, &live.key).unwrap();
    let pem = fs::read_to_string(&two.certificate).unwrap();
    fs::rename(&two.certificate, &live.certificate).unwrap();
    fs::write(&two.certificate, pem).unwrap();
    served.expect(&two);
}

#[test]
fn links_that_lead_elsewhere_are_followed() {
    if skipped_without("openssl") {
        return;
    }
    let pki = Pki::new();
    // As Kubernetes mounts a secret: the files are links through `..data`, and that is replaced.
    for (version, leaf) in [("v1", "one"), ("v2", "two"), ("v3", "three")] {
        fs::create_dir(pki.path(version)).unwrap();
        pki.leaf(leaf, NAMES)
            .copy(&pki.files(&format!("{version}/tls")));
    }
    let point_to = |version: &str| {
        symlink(version, pki.path("..data_tmp")).unwrap();
        fs::rename(pki.path("..data_tmp"), pki.path("..data")).unwrap();
    };
    point_to("v1");
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), pki.path(name)).unwrap();
    }
    let mut served = Served::start(&pki.files("tls"));
    served.expect(&pki.files("one"));
    point_to("v2");
    served.expect(&pki.files("two"));

    // As certbot does it: one link after the other.
    for name in ["tls.crt", "tls.key"] {
        fs::remove_file(pki.path(name)).unwrap();
        symlink(format!("v3/{name}"), pki.path(name)).unwrap();
    }
    served.expect(&pki.files("three"));
}

#[test]
fn a_pair_that_does_not_fit_keeps_the_old_one() {
    let Some(Renewal {
        live,
        one,
        two,
        mut served,
        _pki,
    }) = renewal()
    else {
        return;
    };
    fs::copy(&two.certificate, &live.certificate).unwrap();
    let words = [
        "ERROR",
        "live.key",
        "live.crt",
        "what was in use before stays",
    ];
    served.server.expect_message(&words);
    served.expect(&one);
    // It is asked again only when somebody asks, and says why again.
    served.server.signal(Signal::HUP);
    until("a second complaint", PATIENCE, || {
        (served.server.messages_with(&words).len() == 2).then_some(())
    });
    served.expect(&one);
    // The key comes as well: now they fit.
    fs::copy(&two.key, &live.key).unwrap();
    served.expect(&two);
    assert_eq!(served.server.messages_with(&["ERROR"]).len(), 2);
}

#[test]
fn a_hangup_reads_all_files_at_once() {
    let Some(Renewal {
        live,
        one,
        two,
        mut served,
        _pki,
    }) = renewal()
    else {
        return;
    };
    served.server.signal(Signal::HUP);
    served.server.expect_message(&["nothing has changed"]);
    served.expect(&one);
    two.copy(&live);
    served.server.signal(Signal::HUP);
    served.expect(&two);
    served.server.signal(Signal::TERM);
    let status = served.server.exit_status(PATIENCE);
    assert_eq!(status.code(), Some(0));
}

/// How often each thread of a server has gone to sleep so far, by its name.
fn naps(server: &Server) -> BTreeMap<String, u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let nap = |task: DirEntry| {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap();
        let status = read("status");
        let mut lines = status.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        (
            read("comm").trim().to_owned(),
            count.unwrap().trim().parse().unwrap(),
        )
    };
    tasks.map(|task| nap(task.unwrap())).collect()
}

#[test]
fn watching_wakes_no_worker() {
    if skipped_without("openssl") {
        return;
    }
    let pki = Pki::new();
    let served = Served::start(&pki.leaf("live", NAMES));
    let watched = |naps: &BTreeMap<String, u64>| naps["certificates"];
    // The answer to the first request may still be on its way into a log.
    let start = watched(&naps(&served.server));
    let before = until("a look at the files", PATIENCE, || {
        let naps = naps(&served.server);
        (watched(&naps) > start).then_some(naps)
    });
    let after = until("three looks more", PATIENCE, || {
        let naps = naps(&served.server);
        (watched(&naps) >= watched(&before) + 3).then_some(naps)
    });
    let workers = |naps: &BTreeMap<String, u64>| {
        let workers = naps.iter().filter(|(name, _)| name.starts_with("worker-"));
        workers.map(|(_, count)| *count).collect::<Vec<_>>()
    };
    assert!(!workers(&before).is_empty());
    assert_eq!(workers(&before), workers(&after));
}

#[test]
fn without_certificates_a_hangup_changes_nothing() {
    let server = Server::start(&[]);
    server.signal(Signal::HUP);
    server.expect_message(&["nothing to reload"]);
    server.get("/ping").expect(200, "pong");
}

#[test]
fn authorities_are_read_again_too() {
    if skipped_without("openssl") {
        return;
    }
    let pki = Pki::new();
    let live = pki.leaf("live", NAMES);
    let (old, new) = (pki.path("ca.crt"), Pki::new());
    let flags = ["--tls-listen", "127.0.0.1:0", "--client-ca", &old];
    let server = Server::start(&[&flags[..], &live.flags()].concat());
    let client = pki.leaf("client", "DNS:client");
    let [certificate, key] = [&client.certificate, &client.key].map(|path| path.to_str().unwrap());
    let args = ["-cert", certificate, "-key", key];
    let mut open = connect_secure(server.secure_address(), &args);
    open.send(&get("/ping"));
    open.response().expect(200, "pong");
    // Another authority takes the place of the one that signed the client's certificate.
    fs::copy(new.path("ca.crt"), &old).unwrap();
    server.expect_message(&["new connections use"]);
    until("the client is refused", PATIENCE, || {
        let mut client = connect_secure(server.secure_address(), &args);
        // The server may have closed already.
        let _ = std::io::Write::write_all(&mut client.stream, &get("/ping"));
        client.rest().is_empty().then_some(())
    });
    open.send(&get("/ping"));
    open.response().expect(200, "pong");
}
