//! Names of algorithms and sizes of keys.

use std::borrow::Cow;

use super::der::{self, Der, tag};

/// Name of an object identifier as OpenSSL has it, else its numbers.
pub(super) fn name(content: &[u8]) -> Cow<'static, str> {
    if let Some(name) = common(content) {
        return name.into();
    }
    let oid = der::oid(content).unwrap_or_default();
    known(&oid).map_or(Cow::Owned(oid), Cow::Borrowed)
}

/// Names that nearly all certificates are made of, by the content octets of their object
/// identifiers: numbers need not be written to be compared.
fn common(content: &[u8]) -> Option<&'static str> {
    Some(match content {
        // 1.2.840.113549.1.1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            1 => "rsaEncryption",
            5 => "sha1WithRSAEncryption",
            11 => "sha256WithRSAEncryption",
            12 => "sha384WithRSAEncryption",
            _ => return None,
        },
        // 1.2.840.10045
        [0x2a, 0x86, 0x48, 0xce, 0x3d, rest @ ..] => match rest {
            [2, 1] => "id-ecPublicKey",
            [3, 1, 7] => "prime256v1",
            [4, 3, 2] => "ecdsa-with-SHA256",
            [4, 3, 3] => "ecdsa-with-SHA384",
            _ => return None,
        },
        // 1.3.132.0
        [0x2b, 0x81, 0x04, 0x00, 34] => "secp384r1",
        _ => return None,
    })
}

/// Bits of a public key.
pub(super) fn key_bits(algorithm: &[u8], curve: &[u8], key: &[u8]) -> Option<u32> {
    match &*name(algorithm) {
        "rsaEncryption" | "rsassaPss" => {
            let modulus = Der::new(key).inside(tag::SEQUENCE)?.expect(tag::INTEGER)?;
            Some(integer_bits(modulus))
        }
        "id-ecPublicKey" => match &*name(curve) {
            "prime192v1" => Some(192),
            "secp224r1" => Some(224),
            "prime256v1" | "secp256k1" | "brainpoolP256r1" | "sm2" => Some(256),
            "secp384r1" | "brainpoolP384r1" => Some(384),
            "brainpoolP512r1" => Some(512),
            "secp521r1" => Some(521),
            _ => None,
        },
        // RFC 8410; OpenSSL's words for their sizes.
        "ED25519" | "X25519" => Some(256),
        "ED448" => Some(456),
        "X448" => Some(448),
        // FIPS 204: the key is its bytes.
        "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87" => u32::try_from(key.len() * 8).ok(),
        _ => None,
    }
}

/// Bits of an unsigned number, most significant byte first.
fn integer_bits(bytes: &[u8]) -> u32 {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let first = bytes.get(zeros).map_or(8, |byte| byte.leading_zeros());
    // A certificate is shorter than 2^24 bytes.
    ((bytes.len() - zeros) as u32 * 8).saturating_sub(if zeros == bytes.len() { 0 } else { first })
}

fn known(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.1" => "rsaEncryption",
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.3.14.3.2.29" => "sha1WithRSA",
        "1.2.840.10040.4.1" => "dsaEncryption",
        "1.2.840.10040.4.3" => "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.2" => "dsa_with_SHA256",
        "1.2.840.10046.2.1" => "dhpublicnumber",
        "1.2.840.10045.2.1" => "id-ecPublicKey",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10045.3.1.1" => "prime192v1",
        "1.2.840.10045.3.1.7" => "prime256v1",
        "1.3.132.0.10" => "secp256k1",
        "1.3.132.0.33" => "secp224r1",
        "1.3.132.0.34" => "secp384r1",
        "1.3.132.0.35" => "secp521r1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        "1.2.156.10197.1.301" => "sm2",
        "1.2.156.10197.1.501" => "SM2-with-SM3",
        "1.2.643.7.1.1.1.1" => "gost2012_256",
        "1.2.643.7.1.1.1.2" => "gost2012_512",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_are_those_of_their_numbers() {
        let mut found = 0;
        for start in [
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01][..],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3],
            &[0x2b, 0x81, 0x04, 0x00],
        ] {
            for last in 0..=u8::MAX {
                let content = [start, &[last]].concat();
                if let Some(name) = common(&content) {
                    let numbers = der::oid(&content).unwrap();
                    assert_eq!(known(&numbers), Some(name), "{numbers}");
                    found += 1;
                }
            }
        }
        assert_eq!(found, 9);
    }
}
