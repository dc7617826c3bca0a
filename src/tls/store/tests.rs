//! Certificates that come, go, break and expire.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use reactor::tls::TlsVersion;

use super::*;
use crate::testing::TempDir;
use crate::tls::own::tests::write_pair;

fn config(source: Source) -> Config {
    Config {
        source,
        strict_names: false,
        min_version: TlsVersion::V1_2,
        tickets: true,
        clients: None,
    }
}

fn load(source: Source) -> Certificates {
    Certificates::load(&config(source)).unwrap()
}

/// The first names of the certificates in use.
fn names(tls: &Tls) -> Vec<String> {
    let certificates = tls.certificates().iter();
    certificates.map(|c| c.names()[0].to_string()).collect()
}

/// Reads all files again; the names of what was published.
fn reload(certificates: &mut Certificates) -> Vec<Vec<String>> {
    refresh(certificates, Scope::All, SystemTime::now())
}

/// Reads files again; the names of what was published.
fn refresh(certificates: &mut Certificates, scope: Scope, now: SystemTime) -> Vec<Vec<String>> {
    let published = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&published);
    let publish: Box<Publish> = Box::new(move |tls| {
        sink.lock().unwrap().push(names(&tls));
        Ok(())
    });
    certificates.refresh(scope, now, &publish);
    let published = published.lock().unwrap();
    published.clone()
}

fn counts(certificates: &Certificates) -> (u64, u64) {
    let status = certificates.status();
    (status.reloads(), status.reload_failures())
}

#[test]
fn new_files_are_published_and_broken_ones_are_not() {
    let folder = TempDir::new();
    let one = write_pair(folder.path(), "one", 0, 90);
    let two = write_pair(folder.path(), "two", 0, 90);
    let mut certificates = load(Source::Files(vec![one.clone(), two.clone()]));
    assert_eq!(names(certificates.tls()), ["one.test", "two.test"]);
    assert!(reload(&mut certificates).is_empty(), "nothing has changed");
    assert_eq!(counts(&certificates), (0, 0));

    // One is new and one is broken: the new one is used, and of the other what was there.
    let before = certificates.tls().certificates().to_vec();
    write_pair(folder.path(), "one", 0, 80);
    fs::write(&two.key, "").unwrap();
    assert_eq!(reload(&mut certificates).len(), 1);
    let after = certificates.tls().certificates().to_vec();
    assert!(before[0] != after[0] && before[1] == after[1]);
    assert_eq!(counts(&certificates), (1, 1));
    let known = certificates.status().certificates();
    assert_eq!(known.len(), 2);
    assert_eq!(&*known[0].name, "one.test");
    assert_eq!(known[0].not_after, after[0].not_after());

    assert!(reload(&mut certificates).is_empty());
    assert_eq!(counts(&certificates), (1, 2));
    write_pair(folder.path(), "two", 0, 90);
    assert_eq!(reload(&mut certificates), [["one.test", "two.test"]]);
    assert_eq!(counts(&certificates), (2, 2));
}

#[test]
fn what_could_not_be_published_is_tried_again() {
    let folder = TempDir::new();
    let pair = write_pair(folder.path(), "one", 0, 90);
    let mut certificates = load(Source::Files(vec![pair]));
    write_pair(folder.path(), "one", 0, 90);
    let refuse = |why: &'static str| -> Box<Publish> { Box::new(move |_| Err(why.into())) };
    let now = SystemTime::now();
    certificates.refresh(Scope::All, now, &refuse("no"));
    assert_eq!(counts(&certificates), (0, 1));
    // The next tries fail as this one did, or for another reason.
    assert!(refresh(&mut certificates, Scope::Settled, now).is_empty());
    certificates.refresh(Scope::Refused, now, &refuse("no"));
    assert_eq!(counts(&certificates), (0, 1));
    certificates.refresh(Scope::Refused, now, &refuse("not yet"));
    assert_eq!(counts(&certificates), (0, 2));
    assert_eq!(refresh(&mut certificates, Scope::Refused, now).len(), 1);
    assert_eq!(counts(&certificates), (1, 2));
    assert!(refresh(&mut certificates, Scope::Refused, now).is_empty());
}

#[test]
fn what_is_refused_for_what_may_pass_is_tried_again() {
    let folder = TempDir::new();
    let now = SystemTime::now();
    let later = |days: u32| now + days * Duration::from_secs(24 * 60 * 60);
    let pair = write_pair(folder.path(), "one", 0, 90);
    let mut certificates = load(Source::Files(vec![pair.clone()]));
    let mut again = |now| refresh(&mut certificates, Scope::Refused, now).len();
    assert_eq!(again(now), 0);

    // Not valid yet: taken once it is, though no file has changed since.
    let first = certificates.tls().certificates()[0].clone();
    write_pair(folder.path(), "one", 9, 90);
    assert!(reload(&mut certificates).is_empty());
    let mut again = |now| refresh(&mut certificates, Scope::Refused, now).len();
    assert_eq!((again(now), again(later(8)), again(later(10))), (0, 0, 1));
    assert_eq!(again(later(10)), 0);
    assert_eq!(counts(&certificates), (1, 1));
    assert!(certificates.tls().certificates()[0] != first);

    // A file that cannot be read for now.
    fs::rename(&pair.key, folder.path().join("away")).unwrap();
    assert!(reload(&mut certificates).is_empty());
    assert!(refresh(&mut certificates, Scope::Refused, now).is_empty());
    assert_eq!(counts(&certificates), (1, 2));
    write_pair(folder.path(), "one", 0, 90);
    assert_eq!(refresh(&mut certificates, Scope::Refused, now).len(), 1);

    // What is wrong in a file stays wrong until it is written.
    fs::write(&pair.key, "").unwrap();
    assert!(reload(&mut certificates).is_empty());
    write_pair(folder.path(), "one", 0, 90);
    assert!(refresh(&mut certificates, Scope::Refused, now).is_empty());
    assert_eq!(counts(&certificates), (2, 3));
}

#[test]
fn what_is_not_valid_yet_at_the_start_is_taken_later() {
    let later = SystemTime::now() + 2 * Duration::from_secs(24 * 60 * 60);
    let folder = TempDir::new();
    write_pair(folder.path(), "server", 1, 90);
    let mut certificates = load(Source::Demo(folder.path().to_owned()));
    assert_eq!(names(certificates.tls()), ["localhost"]);
    let taken = refresh(&mut certificates, Scope::Refused, later);
    assert_eq!(taken, [["server.test"]]);

    write_pair(folder.path(), "server", 0, 90);
    write_pair(folder.path(), "server-rsa", 1, 90);
    let mut certificates = load(Source::Directory(folder.path().to_owned()));
    assert_eq!(names(certificates.tls()), ["server.test"]);
    let taken = refresh(&mut certificates, Scope::Refused, later);
    assert_eq!(taken, [["server.test", "server-rsa.test"]]);
}

#[test]
fn one_that_is_not_in_force_replaces_none_that_is() {
    let folder = TempDir::new();
    let pair = write_pair(folder.path(), "one", 0, 90);
    let mut certificates = load(Source::Files(vec![pair.clone()]));
    write_pair(folder.path(), "one", -9, -1);
    assert!(reload(&mut certificates).is_empty());
    write_pair(folder.path(), "one", 9, 90);
    assert!(reload(&mut certificates).is_empty());
    assert_eq!(counts(&certificates), (0, 2));

    // At the start there is no better one.
    write_pair(folder.path(), "one", -9, -1);
    let mut certificates = load(Source::Files(vec![pair]));
    write_pair(folder.path(), "one", -9, -2);
    assert_eq!(reload(&mut certificates).len(), 1);
}

#[test]
fn a_directory_needs_a_pair_in_force() {
    let folder = TempDir::new();
    let source = || Source::Directory(folder.path().to_owned());
    let is_off = || match Certificates::load(&config(source())) {
        Ok(_) => false,
        Err(NoCertificates::Off(why)) => why.contains("server."),
        Err(NoCertificates::Fatal(why)) => panic!("{why}"),
    };
    assert!(is_off(), "empty");
    let pair = write_pair(folder.path(), "server", -9, -1);
    assert!(is_off(), "expired");
    write_pair(folder.path(), "server", 1, 9);
    assert!(is_off(), "not yet valid");
    write_pair(folder.path(), "server", 0, 9);
    assert!(!is_off());
    fs::remove_file(&pair.key).unwrap();
    assert!(is_off(), "no key");
}

#[test]
fn the_second_pair_of_a_directory_may_come_and_break() {
    let folder = TempDir::new();
    write_pair(folder.path(), "server", 0, 90);
    let mut certificates = load(Source::Directory(folder.path().to_owned()));
    assert_eq!(names(certificates.tls()), ["server.test"]);
    let second = write_pair(folder.path(), "server-rsa", 0, 90);
    let both = ["server.test", "server-rsa.test"];
    assert_eq!(reload(&mut certificates), [both]);
    fs::remove_file(&second.certificate).unwrap();
    assert!(reload(&mut certificates).is_empty());
    assert_eq!(counts(&certificates), (1, 1));

    // Broken at the start, it is left out.
    fs::write(&second.certificate, "").unwrap();
    let mut certificates = load(Source::Directory(folder.path().to_owned()));
    assert_eq!(names(certificates.tls()), ["server.test"]);
    write_pair(folder.path(), "server-rsa", 0, 90);
    assert_eq!(reload(&mut certificates), [both]);
}

#[test]
fn the_demo_has_a_certificate_whatever_is_there() {
    let folder = TempDir::new();
    let source = || Source::Demo(folder.path().to_owned());
    let mut certificates = load(source());
    assert_eq!(names(certificates.tls()), ["localhost"]);
    let files = certificates.holders[0].files.as_ref();
    assert!(files.is_some_and(|files| files.are_public));
    assert!(reload(&mut certificates).is_empty());
    assert_eq!(counts(&certificates), (0, 0));
    write_pair(folder.path(), "server", -9, -1);
    assert_eq!(names(load(source()).tls()), ["localhost"]);
    write_pair(folder.path(), "server", 0, 9);
    assert_eq!(reload(&mut certificates), [["server.test"]]);
    assert_eq!(names(load(source()).tls()), ["server.test"]);
}

#[test]
fn the_certificate_that_is_made_here_is_renewed_in_time() {
    let mut certificates = load(Source::SelfSigned);
    assert!(!certificates.has_files());
    let (first, now) = (
        certificates.tls().certificates()[0].clone(),
        SystemTime::now(),
    );
    let holder = &mut certificates.holders[0];
    assert!(!holder.renew(now + Duration::from_secs(59 * 24 * 60 * 60)));
    assert!(holder.renew(now + Duration::from_secs(61 * 24 * 60 * 60)));
    assert!(holder.certificate.as_ref() != Some(&first));
}

#[test]
fn without_the_clients_authority_nothing_is_served() {
    let config = Config {
        clients: Some(Clients {
            authority: PathBuf::from("/nonexistent/ca.pem"),
            revoked: None,
            required: true,
        }),
        ..config(Source::SelfSigned)
    };
    let Err(NoCertificates::Fatal(line)) = Certificates::load(&config) else {
        panic!("there are certificates");
    };
    assert!(line.contains("/nonexistent/ca.pem"), "{line}");
}
