//! Authorities, what they sign, and what they revoke.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, date_time_ymd,
};

use super::super::client::Pem;

/// A certificate for these names, signed by itself, with a key of this kind.
pub(super) fn self_signed(names: &[&str], kind: &'static SignatureAlgorithm) -> Pem {
    let key = KeyPair::generate_for(kind).unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap();
    Pem {
        chain: certificate.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// What is to be signed.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    /// The serial number.
    pub number: u64,
    /// Its last year is over.
    pub expired: bool,
    /// It calls itself an authority.
    pub authority: bool,
}

/// Who signs.
pub(super) struct Authority {
    pub pem: Pem,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = Pem {
            chain: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        };
        let issuer = Issuer::new(params, key);
        Authority { pem, issuer }
    }

    /// A client's certificate, for alice.
    pub fn sign(&self, wish: &Wish) -> Pem {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(DnType::OrganizationName, "Example");
        name.push(DnType::CommonName, "alice");
        params.subject_alt_names = vec![
            SanType::DnsName("Laptop.example.org".try_into().unwrap()),
            SanType::Rfc822Name("alice@example.org".try_into().unwrap()),
            SanType::IpAddress([192, 0, 2, 1].into()),
            SanType::URI("spiffe://example.org/alice".try_into().unwrap()),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from(wish.number));
        params.not_before = date_time_ymd(2020, 1, 1);
        if wish.expired {
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        if wish.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pem {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A list of revoked serial numbers, good until this year.
    pub fn revoke(&self, numbers: &[u64], until_year: i32) -> String {
        let revoked = |&number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(number),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until_year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}
