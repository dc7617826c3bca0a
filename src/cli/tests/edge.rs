//! The redirect to HTTPS, its policy, and the admin listener.

use std::path::PathBuf;

use super::{address, config, wrong};
use crate::middleware::{HstsPolicy, RedirectPort};

#[test]
fn the_admin_listener_is_there_when_it_is_asked_for() {
    let admin = |arguments: &[&str], variables: &[(&str, &str)]| config(arguments, variables).admin;
    let variable = [("TIDEGATE_ADMIN", "127.0.0.1:1")];
    assert_eq!(admin(&[], &[]), None);
    assert_eq!(admin(&[], &variable), Some(address("127.0.0.1:1")));
    assert_eq!(
        admin(&["--admin-listen=[::1]:2"], &variable),
        Some(address("[::1]:2"))
    );
    assert_eq!(admin(&["--admin-listen", "off"], &variable), None);
    assert_eq!(
        admin(&["--admin-listen", "unix:/a"], &[]),
        Some(address("unix:/a"))
    );
    assert_eq!(
        admin(&["-l", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], &[]),
        Some(address("127.0.0.1:0"))
    );
    let shared = ["--tls-self-signed", "--tls-listen=:1", "--admin-listen=:1"];
    let line = wrong(&shared, &[]);
    assert!(line.contains("[::]:1 is given"), "{line}");
    let line = wrong(&[], &[("TIDEGATE_ADMIN", "nowhere")]);
    assert!(
        line.contains("TIDEGATE_ADMIN") && line.contains("or off"),
        "{line}"
    );
}

#[test]
fn the_redirect_and_the_policy_have_values_if_one_wants() {
    let https = |arguments: &[&str]| {
        let config = config(&[&["--tls-self-signed"], arguments].concat(), &[]);
        let root = config.files.map(|files| files.root);
        (config.https_redirect, config.hsts, root)
    };
    let year = HstsPolicy {
        max_age_seconds: 31_536_000,
        includes_subdomains: false,
        preload: false,
    };
    let below = HstsPolicy {
        includes_subdomains: true,
        ..year
    };
    let root = || Some(PathBuf::from("./public"));
    for flag in ["--https-redirect", "--hsts"] {
        let line = wrong(&["./public", flag], &[]);
        assert!(line.starts_with(&format!("{flag} needs")), "{line}");
    }
    assert_eq!(https(&[]), (None, None, None));
    // The redirect's value stands behind `=` alone, so that a root is not taken for it.
    assert_eq!(
        https(&["--https-redirect", "./public"]),
        (Some(RedirectPort::Listener), None, root())
    );
    assert_eq!(
        https(&["--https-redirect=443", "./public", "--hsts"]),
        (Some(RedirectPort::Fixed(443)), Some(year), root())
    );
    assert_eq!(
        https(&["--hsts", "365d; includeSubDomains", "./public"]),
        (None, Some(below), root())
    );
    assert_eq!(
        https(&["./public", "--hsts=max-age=31536000"]),
        (None, Some(year), root())
    );
    assert_eq!(https(&["--hsts", "-l", ":1"]), (None, Some(year), None));
}
