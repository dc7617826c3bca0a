//! Certificates, keys and authorities as files have them, well-formed and not.

use std::time::{Duration, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    SignatureAlgorithm, date_time_ymd,
};

use super::super::config::Tls;
use super::*;

// What OpenSSL writes.
const EC: &str = include_str!("samples/ec.crt");
const EC_SEC1: &str = include_str!("samples/ec.sec1.pem");
const EC_PKCS8: &str = include_str!("samples/ec.pkcs8.pem");
const EC_ENCRYPTED_PKCS8: &str = include_str!("samples/ec.encrypted-pkcs8.pem");
const EC_ENCRYPTED_SEC1: &str = include_str!("samples/ec.encrypted-sec1.pem");
const RSA: &str = include_str!("samples/rsa.crt");
const RSA_PKCS1: &str = include_str!("samples/rsa.pkcs1.pem");
const RSA_1024: &str = include_str!("samples/rsa-1024.crt");
const RSA_1024_KEY: &str = include_str!("samples/rsa-1024.pem");

fn load(chain: &str, key: &str) -> Result<Certificate, CertificateError> {
    Certificate::from_pem(chain.as_bytes(), key.as_bytes())
}

/// What is said about something malformed.
fn complaint<T: fmt::Debug>(result: Result<T, CertificateError>) -> String {
    match result {
        Err(CertificateError::Malformed(what)) => what,
        other => panic!("{other:?}"),
    }
}

/// What is said about a malformed key.
fn key_complaint(key: &str) -> String {
    match load(EC, key) {
        Err(CertificateError::KeyMalformed(what)) => what,
        other => panic!("{other:?}"),
    }
}

fn key_of(kind: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(kind).unwrap()
}

fn for_localhost(key: &KeyPair) -> String {
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.self_signed(key).unwrap().pem()
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

#[test]
fn keys_of_every_form_and_kind_are_read() {
    for (chain, key) in [(EC, EC_SEC1), (EC, EC_PKCS8), (RSA, RSA_PKCS1)] {
        load(chain, key).unwrap();
    }
    for kind in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let key = key_of(kind);
        load(&for_localhost(&key), &key.serialize_pem()).unwrap();
    }
}

#[test]
fn what_stands_around_does_not_matter() {
    let expected = load(EC, EC_PKCS8).unwrap();
    let crlf = |text: &str| text.replace('\n', "\r\n");
    // As openssl writes it with -text, which this sample was, and as mail has it.
    assert!(EC.starts_with("Certificate:\n"));
    let surrounded = |text: &str| format!("Bag Attributes\n  name: \u{e9}\n{text}\n\ngarbage");
    let (_, bare) = EC.split_once("-----BEGIN").unwrap();
    let unterminated = format!("-----BEGIN{bare}");
    let both = format!("{EC_PKCS8}{EC}");
    for (chain, key) in [
        (crlf(EC), crlf(EC_PKCS8)),
        (surrounded(EC), surrounded(EC_SEC1)),
        (
            unterminated.trim_end().to_owned(),
            EC_PKCS8.trim_end().to_owned(),
        ),
        (both.clone(), both),
    ] {
        assert_eq!(load(&chain, &key), Ok(expected.clone()), "{chain}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for nothing in ["", "\n", "garbage", EC_SEC1, "-----BEGIN CERTIFICATE-----"] {
        let refused = load(nothing, EC_SEC1);
        let malformed = matches!(refused, Err(CertificateError::Malformed(_)));
        let begun = nothing.starts_with("-----BEGIN C");
        assert_eq!(malformed, begun, "{nothing:?} {refused:?}");
        assert!(
            begun || refused == Err(CertificateError::NoCertificate),
            "{nothing:?}"
        );
    }
    for nothing in ["", "garbage", EC] {
        assert_eq!(
            load(EC, nothing),
            Err(CertificateError::NoKey),
            "{nothing:?}"
        );
    }
    let none = Tls::builder().build(None).map(|_| ());
    assert_eq!(none, Err(CertificateError::NoCertificate));
}

#[test]
fn what_is_malformed_is_told() {
    let cut_off = &EC[..EC.len() - 40];
    assert!(complaint(load(cut_off, EC_SEC1)).starts_with("it is not PEM: "));
    let cut_off = &EC_PKCS8[..EC_PKCS8.len() - 20];
    assert!(key_complaint(cut_off).starts_with("it is not PEM: "));
    let no_base64 = EC_PKCS8.replacen("\nM", "\n!", 1);
    assert!(key_complaint(&no_base64).starts_with("it is not PEM: "));
    // PEM that is in order around bytes that are no certificate.
    let armour = |what: &str, bytes: &str| {
        format!("-----BEGIN {what}-----\n{bytes}\n-----END {what}-----\n")
    };
    let wrong = armour("CERTIFICATE", "AAAA");
    let what = complaint(load(&wrong, EC_SEC1));
    assert!(what.starts_with("the certificate is malformed: "), "{what}");
    let wrong = armour("PRIVATE KEY", "AAAA");
    assert_eq!(load(EC, &wrong), Err(CertificateError::KeyUnsupported));
}

#[test]
fn keys_with_a_password_are_refused() {
    for key in [EC_ENCRYPTED_PKCS8, EC_ENCRYPTED_SEC1] {
        assert_eq!(load(EC, key), Err(CertificateError::KeyEncrypted));
    }
}

#[test]
fn keys_that_are_too_short_are_refused() {
    let refused = load(RSA_1024, RSA_1024_KEY);
    assert_eq!(refused, Err(CertificateError::KeyUnsupported));
}

#[test]
fn a_key_has_to_be_that_of_the_first_certificate() {
    let other = key_of(&rcgen::PKCS_ECDSA_P256_SHA256);
    for (chain, key) in [
        (EC, &*other.serialize_pem()),
        (EC, RSA_PKCS1),
        (RSA, EC_SEC1),
    ] {
        assert_eq!(load(chain, key), Err(CertificateError::KeyMismatch));
    }
}

#[test]
fn the_servers_own_certificate_comes_first_in_a_chain() {
    let authority_key = key_of(&rcgen::PKCS_ECDSA_P256_SHA256);
    let authority = authority_params()
        .self_signed(&authority_key)
        .unwrap()
        .pem();
    let issuer = Issuer::new(authority_params(), authority_key);
    let key = key_of(&rcgen::PKCS_ECDSA_P256_SHA256);
    let own = CertificateParams::new(["a.example.org".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap().pem();
    let key = key.serialize_pem();

    let certificate = load(&format!("{own}{authority}"), &key).unwrap();
    assert_eq!(certificate.names(), ["a.example.org".into()]);
    assert_eq!(certificate.key.cert.len(), 2);
    assert!(!certificate.is_authority());
    let wrong = load(&format!("{authority}{own}"), &key);
    assert_eq!(wrong, Err(CertificateError::KeyMismatch));
    // A renewed intermediate makes another chain of it.
    assert!(load(&own, &key).unwrap() != certificate);
    assert!(load(&format!("{own}{authority}"), &key).unwrap() == certificate);
}

#[test]
fn the_facts_are_those_of_the_first_certificate() {
    let key = key_of(&rcgen::PKCS_ED25519);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = &mut params.distinguished_name;
    name.push(DnType::CountryName, "CH");
    name.push(DnType::OrganizationName, "Example, Ltd.");
    name.push(DnType::CommonName, "Www.Example.Org");
    params.subject_alt_names = vec![
        SanType::DnsName("Www.Example.ORG".try_into().unwrap()),
        SanType::DnsName("*.Example.org".try_into().unwrap()),
        SanType::Rfc822Name("www.example.net".try_into().unwrap()),
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress("2001:DB8:0::1".parse().unwrap()),
    ];
    params.not_before = date_time_ymd(2024, 2, 29);
    // From 2050 on dates are written in another form.
    params.not_after = date_time_ymd(2050, 1, 1);
    let chain = params.self_signed(&key).unwrap().pem();
    let certificate = load(&chain, &key.serialize_pem()).unwrap();

    assert_eq!(
        certificate.subject(),
        r"CN=Www.Example.Org,O=Example\, Ltd.,C=CH"
    );
    let names = [
        "www.example.org",
        "*.example.org",
        "127.0.0.1",
        "2001:db8::1",
    ];
    assert_eq!(certificate.names(), names.map(Box::from));
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(certificate.not_before(), at(1_709_164_800));
    assert_eq!(certificate.not_after(), at(2_524_608_000));
    assert!(!certificate.is_authority());
}

#[test]
fn a_certificate_may_have_no_names_and_be_an_authority() {
    let certificate = load(EC, EC_SEC1).unwrap();
    assert_eq!(certificate.subject(), "CN=localhost,O=Example");
    assert_eq!(certificate.names(), []);
    assert!(certificate.is_authority());
    // A server can be made of it.
    let tls = Tls::builder().certificate(certificate).build(None).unwrap();
    assert_eq!(tls.certificates().len(), 1);
}

#[test]
fn the_key_is_not_shown() {
    let certificate = load(EC, EC_SEC1).unwrap();
    let shown = format!("{certificate:?}");
    assert!(
        shown.starts_with("Facts {") && shown.contains("CN=localhost"),
        "{shown}"
    );
    assert!(!shown.to_lowercase().contains("key"), "{shown}");
}

fn list_params() -> rcgen::CertificateRevocationListParams {
    rcgen::CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2049, 1, 1),
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    }
}

#[test]
fn authorities_and_their_lists_are_read() {
    let key = key_of(&rcgen::PKCS_ED25519);
    let authority = authority_params().self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority_params(), key);
    let list = list_params().signed_by(&issuer).unwrap().pem().unwrap();

    let read = |text: &str| ClientAuthority::from_pem(text.as_bytes());
    let two = read(&format!("{authority}{EC}")).unwrap();
    assert_eq!(format!("{two:?}"), "2 authorities, 0 revocation lists");
    let one = read(&authority).unwrap();
    assert!(one == read(&authority).unwrap() && one != two);
    let with = one.clone().with_revocation_lists(list.as_bytes()).unwrap();
    assert_eq!(format!("{with:?}"), "1 authorities, 1 revocation lists");
    assert!(with != one);

    // The first to end counts.
    let at = |year| Some(SystemTime::from(date_time_ymd(year, 1, 1)));
    assert_eq!(
        (one.lists_good_until(), with.lists_good_until()),
        (None, at(2049))
    );
    let mut brief = authority_params();
    brief.not_after = date_time_ymd(2031, 1, 1);
    let brief = brief.self_signed(&key_of(&rcgen::PKCS_ED25519)).unwrap();
    let both = read(&format!("{authority}{}", brief.pem())).unwrap();
    assert_eq!(both.authorities_good_until(), at(2031));
    assert!(one.authorities_good_until() > at(2031));
    let sooner = rcgen::CertificateRevocationListParams {
        next_update: date_time_ymd(2030, 1, 1),
        ..list_params()
    };
    let sooner = sooner.signed_by(&issuer).unwrap().pem().unwrap();
    let with = with.with_revocation_lists(sooner.as_bytes()).unwrap();
    assert_eq!(with.lists_good_until(), at(2030));

    assert_eq!(read(""), Err(CertificateError::NoCertificate));
    assert_eq!(read(EC_SEC1), Err(CertificateError::NoCertificate));
    let missing = one.clone().with_revocation_lists(authority.as_bytes());
    assert_eq!(missing, Err(CertificateError::NoRevocationList));
    let wrong = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let what = complaint(one.with_revocation_lists(wrong.as_bytes()));
    assert!(
        what.starts_with("a revocation list is malformed: "),
        "{what}"
    );
    let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let what = complaint(read(wrong));
    assert!(
        what.starts_with("an authority's certificate is malformed: "),
        "{what}"
    );
}

#[test]
fn errors_say_what_to_do() {
    for (error, remedy) in [
        (
            CertificateError::NoCertificate,
            "-----BEGIN CERTIFICATE-----",
        ),
        (CertificateError::NoKey, "-----BEGIN PRIVATE KEY-----"),
        (CertificateError::KeyEncrypted, "openssl pkey -in FILE"),
        (
            CertificateError::KeyUnsupported,
            "use RSA of 2048 to 8192 bits",
        ),
        (CertificateError::KeyMismatch, "own certificate comes first"),
        (
            CertificateError::NoRevocationList,
            "-----BEGIN X509 CRL-----",
        ),
        (CertificateError::KeyMalformed("why".into()), "why"),
        (CertificateError::Malformed("why".into()), "why"),
    ] {
        assert!(error.to_string().contains(remedy), "{error}");
    }
}
