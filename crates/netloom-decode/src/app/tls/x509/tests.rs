//! A certificate made with OpenSSL for these tests, and what is wrong with others.

use proptest::prelude::*;

use super::*;

/// P-256, self-signed: C=DE, O="Example, Inc.", OU=Größe, CN=www.example.org and a mail address;
/// three kinds of alternative names; a CA of path length 0; 2026-11-20 to 2026-11-30.
const EXAMPLE: &str = "\
    30820258308201fea003020102020300ff01300a06082a8648ce3d040302306f310b30090603550406130244\
    4531163014060355040a0c0d4578616d706c652c20496e632e3110300e060355040b0c074772c3b6c39f6531\
    18301606035504030c0f7777772e6578616d706c652e6f7267311c301a06092a864886f70d010901160d6140\
    6578616d706c652e6f7267301e170d3236313132303134323635305a170d3236313133303134323635305a30\
    6f310b300906035504061302444531163014060355040a0c0d4578616d706c652c20496e632e3110300e0603\
    55040b0c074772c3b6c39f653118301606035504030c0f7777772e6578616d706c652e6f7267311c301a0609\
    2a864886f70d010901160d61406578616d706c652e6f72673059301306072a8648ce3d020106082a8648ce3d\
    030107034200049f277b2e7c72febd3d763f8c12f7afa52535143ae6fb4cc9d2c1571b3c0f5b2ce3f19f3195\
    60a52ae09b9d5aecb33ec3f729de22ccbee6449685047fb2641b63a3818830818530500603551d1104493047\
    820f7777772e6578616d706c652e6f7267820d2a2e6578616d706c652e6e65748704c0000207871020010db8\
    000000000000000000000007810d62406578616d706c652e6f726730120603551d130101ff040830060101ff\
    020100301d0603551d0e04160414ddca3e075b8afbb76941bd33e1ee7704a0d84c25300a06082a8648ce3d04\
    03020348003045022100f518cb9de96659f56c91f6d8332d38c11d9c7a0f86bc761d4cda6be7709607e00220\
    3d7b45aa9a9b610eb8dbb7c34caf79b017755225fc076595776ce434c13be437";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal
        .chars()
        .filter_map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// A value of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len @ 0x80..=0xff => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

/// A certificate of the year 2024 whose subject and issuer have these common names and nothing
/// else (or nothing at all), with these alternative names of hosts.
pub(crate) fn certificate(subject: &str, issuer: &str, hosts: &[&str]) -> Vec<u8> {
    let name = |common: &str| {
        let pair = [der(0x06, &[0x55, 4, 3]), der(0x0c, common.as_bytes())].concat();
        let set = der(0x31, &der(0x30, &pair));
        der(0x30, if common.is_empty() { &[] } else { &set })
    };
    let algorithm = der(0x30, &der(0x06, &[0x2a, 3]));
    let validity = [der(0x17, b"240101000000Z"), der(0x17, b"241201000000Z")].concat();
    let key = [algorithm.clone(), der(0x03, &[0, 4, 1, 2])].concat();
    let mut signed = [
        der(0xa0, &der(0x02, &[2])),
        der(0x02, &[1]),
        algorithm.clone(),
        name(issuer),
        der(0x30, &validity),
        name(subject),
        der(0x30, &key),
    ]
    .concat();
    if !hosts.is_empty() {
        let names: Vec<u8> = hosts
            .iter()
            .flat_map(|host| der(0x82, host.as_bytes()))
            .collect();
        let content = der(0x04, &der(0x30, &names));
        let extension = [der(0x06, &[0x55, 0x1d, 0x11]), content].concat();
        signed.extend(der(0xa3, &der(0x30, &der(0x30, &extension))));
    }
    let whole = [der(0x30, &signed), algorithm, der(0x03, &[0, 1])].concat();
    der(0x30, &whole)
}

#[test]
fn everything_in_a_certificate() {
    let der = bytes(EXAMPLE);
    let certificate = Certificate::parse(&der).unwrap();
    let name =
        r"emailAddress=a@example.org,CN=www.example.org,OU=Gr\C3\B6\C3\9Fe,O=Example\, Inc.,C=DE";
    assert_eq!(certificate.subject.to_text(), name);
    assert_eq!(certificate.issuer.to_text(), name);
    assert!(certificate.is_self_signed());
    assert_eq!(
        certificate.subject.common_name().unwrap(),
        b"www.example.org"
    );
    assert_eq!(
        certificate.subject.organization().unwrap().as_ref(),
        b"Example, Inc."
    );
    assert_eq!(certificate.version, 3);
    assert_eq!(certificate.serial_text(), "FF01");
    assert_eq!(
        certificate.not_before.unwrap().to_string(),
        "2026-11-20T14:26:50.000000000Z"
    );
    assert_eq!(
        certificate.not_after.unwrap().to_string(),
        "2026-11-30T14:26:50.000000000Z"
    );
    assert_eq!(certificate.key_algorithm(), "id-ecPublicKey");
    assert_eq!(certificate.key_curve().unwrap(), "prime256v1");
    assert_eq!(certificate.key_bits, Some(256));
    assert_eq!(certificate.signature_algorithm(), "ecdsa-with-SHA256");
    assert_eq!(
        certificate.dns_names,
        [&b"www.example.org"[..], b"*.example.net"]
    );
    assert_eq!(certificate.mail_addresses, [b"b@example.org"]);
    assert_eq!(
        certificate.addresses,
        [
            "192.0.2.7".parse::<IpAddr>().unwrap(),
            "2001:db8::7".parse().unwrap()
        ]
    );
    assert_eq!(
        (certificate.ca, certificate.path_len),
        (Some(true), Some(0))
    );
    assert_eq!(sha1(&der), "37799f6f43e078ec1eef21b5768277f7e129594a");
    assert_eq!(sha256(&der).len(), 64);
}

#[test]
fn for_which_hosts() {
    let der = bytes(EXAMPLE);
    let certificate = Certificate::parse(&der).unwrap();
    for host in [
        "www.example.org",
        "WWW.Example.ORG.",
        "a.example.net",
        "192.0.2.7",
        "2001:db8::7",
    ] {
        assert!(certificate.is_for(host.as_bytes()), "{host}");
    }
    for host in [
        "example.org",
        "example.net",
        "a.b.example.net",
        ".example.net",
        "192.0.2.8",
        "",
    ] {
        assert!(!certificate.is_for(host.as_bytes()), "{host}");
    }
    assert!(!covers(b"*.org", b"example.org"));
    assert!(!covers(b"w*.example.org", b"www.example.org"));
}

#[test]
fn times() {
    let at = |tag: u8, content: &[u8]| {
        let value = der::Value {
            tag,
            content,
            whole: content,
        };
        time(&value).map(Timestamp::as_secs)
    };
    assert_eq!(at(tag::UTC_TIME, b"700101000000Z"), Some(0));
    assert_eq!(at(tag::UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
    assert_eq!(at(tag::UTC_TIME, b"500101000000Z"), Some(-631_152_000));
    assert_eq!(at(tag::UTC_TIME, b"7001010000Z"), Some(0));
    assert_eq!(at(tag::UTC_TIME, b"700101010000+0100"), Some(0));
    assert_eq!(
        at(tag::GENERALIZED_TIME, b"20000229120000Z"),
        Some(951_825_600)
    );
    assert_eq!(at(tag::GENERALIZED_TIME, b"20001329120000Z"), None);
    assert_eq!(at(tag::UTC_TIME, b"70010100000"), None);
}

#[test]
fn serial_numbers() {
    let text = |serial: &[u8]| {
        Certificate {
            serial,
            ..Certificate::default()
        }
        .serial_text()
    };
    assert_eq!(text(&[0, 0x80]), "80");
    assert_eq!(text(&[0]), "00");
    assert_eq!(text(&[0xff, 0x00]), "-0100");
    assert_eq!(text(&[]), "");
}

#[test]
fn lengths_that_are_not_the_shortest() {
    assert!(Der::new(&[0x30, 0x81, 0x01, 0x00]).any().is_none());
    assert!(Der::new(&[0x30, 0x82, 0x00, 0x80]).any().is_none());
    assert!(Der::new(&[0x30, 0x80, 0x00, 0x00]).any().is_none());
    assert!(Der::new(&[0x30, 0x05, 0x00]).any().is_none());
}

#[test]
fn object_identifiers() {
    assert_eq!(der::oid(&[0x55, 0x04, 0x03]).unwrap(), "2.5.4.3");
    assert_eq!(
        der::oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]).unwrap(),
        "1.2.840.113549.1.1.11"
    );
    assert_eq!(der::oid(&[0x80]), None);
    assert_eq!(der::oid(&[0xff; 12]), None);
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(certificate) = Certificate::parse(&bytes) {
            let _ = (certificate.subject.to_text(), certificate.serial_text(), certificate.key_algorithm());
        }
    }

    #[test]
    fn any_byte_changed(place in 0_usize..604, byte in any::<u8>(), end in 0_usize..605) {
        let mut der = bytes(EXAMPLE);
        der[place] = byte;
        if let Some(certificate) = Certificate::parse(&der[..end]) {
            prop_assert!(certificate.subject.to_text().len() <= 4096);
            let _ = (certificate.is_for(b"a.example.net"), certificate.signature_algorithm());
        }
    }
}
