//! Numbers of IKE by name: IANA's registries "Internet Key Exchange (IKE) Attributes", "Internet Key
//! Exchange Version 2 (IKEv2) Parameters" and "Magic Numbers for ISAKMP Protocol"; algorithms as
//! strongSwan's logs write them.

/// The kinds of algorithms, in the order in which they are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Encryption,
    Integrity,
    PseudoRandom,
    Group,
    SequenceNumbers,
}

/// An exchange.
pub(super) fn exchange(number: u8, v1: bool) -> Option<&'static str> {
    Some(match (number, v1) {
        (1, true) => "base",
        (2, true) => "identity_protection",
        (3, true) => "authentication_only",
        (4, true) => "aggressive",
        (5, true) | (37, false) => "informational",
        (6, true) => "transaction",
        (32, true) => "quick_mode",
        (33, true) => "new_group_mode",
        (34, false) => "ike_sa_init",
        (35, false) => "ike_auth",
        (36, false) => "create_child_sa",
        (38, false) => "ike_session_resume",
        (43, false) => "ike_intermediate",
        (44, false) => "ike_followup_ke",
        _ => return None,
    })
}

/// A payload, by the short form of its registry.
pub(super) fn payload(number: u8, v1: bool) -> Option<&'static str> {
    Some(match (number, v1) {
        (1, true) | (33, false) => "SA",
        (4, true) | (34, false) => "KE",
        (5, true) => "ID",
        (6, true) | (37, false) => "CERT",
        (7, true) | (38, false) => "CERTREQ",
        (8, true) => "HASH",
        (9, true) => "SIG",
        (10, true) | (40, false) => "NONCE",
        (11, true) | (41, false) => "N",
        (12, true) | (42, false) => "D",
        (13, true) | (43, false) => "VID",
        (14, true) => "ATTR",
        (15 | 20 | 130, true) => "NAT-D",
        (16 | 21 | 131, true) => "NAT-OA",
        (132, true) => "FRAGMENT",
        (35, false) => "IDi",
        (36, false) => "IDr",
        (39, false) => "AUTH",
        (44, false) => "TSi",
        (45, false) => "TSr",
        (46, false) => "SK",
        (47, false) => "CP",
        (48, false) => "EAP",
        (53, false) => "SKF",
        _ => return None,
    })
}

fn or_number(known: Option<&str>, what: &str, number: u16) -> String {
    known.map_or_else(|| format!("{what}_{number}"), str::to_owned)
}

/// An encryption algorithm of the first version.
pub(super) fn v1_encryption(number: u16) -> String {
    let known = match number {
        1 => Some("DES_CBC"),
        2 => Some("IDEA_CBC"),
        3 => Some("BLOWFISH_CBC"),
        4 => Some("RC5_CBC"),
        5 => Some("3DES_CBC"),
        6 => Some("CAST_CBC"),
        7 => Some("AES_CBC"),
        8 => Some("CAMELLIA_CBC"),
        _ => None,
    };
    or_number(known, "ENCR", number)
}

/// A hash algorithm of the first version.
pub(super) fn v1_hash(number: u16) -> String {
    let known = match number {
        1 => Some("HMAC_MD5"),
        2 => Some("HMAC_SHA1"),
        3 => Some("HMAC_TIGER"),
        4 => Some("HMAC_SHA2_256"),
        5 => Some("HMAC_SHA2_384"),
        6 => Some("HMAC_SHA2_512"),
        _ => None,
    };
    or_number(known, "HASH", number)
}

/// How the sides of the first version show who they are.
pub(super) fn auth_method(number: u16) -> &'static str {
    match number {
        1 => "pre-shared key",
        2 => "DSS signatures",
        3 => "RSA signatures",
        4 => "RSA encryption",
        5 => "revised RSA encryption",
        9 => "ECDSA-256 signatures",
        10 => "ECDSA-384 signatures",
        11 => "ECDSA-521 signatures",
        64221 | 64222 => "hybrid RSA",
        64223 | 64224 => "hybrid DSS",
        65001 | 65002 => "XAUTH with pre-shared key",
        65003 | 65004 => "XAUTH with DSS signatures",
        65005 | 65006 => "XAUTH with RSA signatures",
        _ => "unknown",
    }
}

/// A group for the exchange of keys, in both versions.
pub(super) fn group(number: u16) -> String {
    let known = match number {
        1 => Some("MODP_768"),
        2 => Some("MODP_1024"),
        5 => Some("MODP_1536"),
        14 => Some("MODP_2048"),
        15 => Some("MODP_3072"),
        16 => Some("MODP_4096"),
        17 => Some("MODP_6144"),
        18 => Some("MODP_8192"),
        19 => Some("ECP_256"),
        20 => Some("ECP_384"),
        21 => Some("ECP_521"),
        22 => Some("MODP_1024_160"),
        23 => Some("MODP_2048_224"),
        24 => Some("MODP_2048_256"),
        25 => Some("ECP_192"),
        26 => Some("ECP_224"),
        27 => Some("ECP_224_BP"),
        28 => Some("ECP_256_BP"),
        29 => Some("ECP_384_BP"),
        30 => Some("ECP_512_BP"),
        31 => Some("CURVE_25519"),
        32 => Some("CURVE_448"),
        35 => Some("ML_KEM_512"),
        36 => Some("ML_KEM_768"),
        37 => Some("ML_KEM_1024"),
        _ => None,
    };
    or_number(known, "DH", number)
}

/// An algorithm of the second version.
pub(super) fn transform(kind: u8, number: u16) -> Option<(Kind, String)> {
    Some(match kind {
        1 => (
            Kind::Encryption,
            or_number(encryption(number), "ENCR", number),
        ),
        2 => (
            Kind::PseudoRandom,
            or_number(pseudo_random(number), "PRF", number),
        ),
        3 => (
            Kind::Integrity,
            or_number(integrity(number), "AUTH", number),
        ),
        4 => (Kind::Group, group(number)),
        5 => {
            let name = match number {
                0 => "NO_EXT_SEQ",
                1 => "EXT_SEQ",
                _ => return None,
            };
            (Kind::SequenceNumbers, name.to_owned())
        }
        _ => return None,
    })
}

fn encryption(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "DES_IV64",
        2 => "DES_CBC",
        3 => "3DES_CBC",
        4 => "RC5_CBC",
        5 => "IDEA_CBC",
        6 => "CAST_CBC",
        7 => "BLOWFISH_CBC",
        11 => "NULL",
        12 => "AES_CBC",
        13 => "AES_CTR",
        14 => "AES_CCM_8",
        15 => "AES_CCM_12",
        16 => "AES_CCM_16",
        18 => "AES_GCM_8",
        19 => "AES_GCM_12",
        20 => "AES_GCM_16",
        21 => "NULL_AES_GMAC",
        23 => "CAMELLIA_CBC",
        24 => "CAMELLIA_CTR",
        25 => "CAMELLIA_CCM_8",
        26 => "CAMELLIA_CCM_12",
        27 => "CAMELLIA_CCM_16",
        28 => "CHACHA20_POLY1305",
        _ => return None,
    })
}

fn pseudo_random(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "PRF_HMAC_MD5",
        2 => "PRF_HMAC_SHA1",
        3 => "PRF_HMAC_TIGER",
        4 => "PRF_AES128_XCBC",
        5 => "PRF_HMAC_SHA2_256",
        6 => "PRF_HMAC_SHA2_384",
        7 => "PRF_HMAC_SHA2_512",
        8 => "PRF_AES128_CMAC",
        _ => return None,
    })
}

fn integrity(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "HMAC_MD5_96",
        2 => "HMAC_SHA1_96",
        3 => "DES_MAC",
        4 => "KPDK_MD5",
        5 => "AES_XCBC_96",
        6 => "HMAC_MD5_128",
        7 => "HMAC_SHA1_160",
        8 => "AES_CMAC_96",
        9 => "AES_128_GMAC",
        10 => "AES_192_GMAC",
        11 => "AES_256_GMAC",
        12 => "HMAC_SHA2_256_128",
        13 => "HMAC_SHA2_384_192",
        14 => "HMAC_SHA2_512_256",
        _ => return None,
    })
}

/// What a side notifies the other of.
pub(super) fn notify(number: u16, v1: bool) -> String {
    let known = if v1 {
        v1_notify(number)
    } else {
        v2_notify(number)
    };
    known.map_or_else(|| number.to_string(), str::to_owned)
}

fn v1_notify(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "INVALID-PAYLOAD-TYPE",
        4 => "INVALID-COOKIE",
        5 => "INVALID-MAJOR-VERSION",
        7 => "INVALID-EXCHANGE-TYPE",
        9 => "INVALID-MESSAGE-ID",
        11 => "INVALID-SPI",
        14 => "NO-PROPOSAL-CHOSEN",
        16 => "PAYLOAD-MALFORMED",
        17 => "INVALID-KEY-INFORMATION",
        18 => "INVALID-ID-INFORMATION",
        23 => "INVALID-HASH-INFORMATION",
        24 => "AUTHENTICATION-FAILED",
        25 => "INVALID-SIGNATURE",
        16384 => "CONNECTED",
        24576 => "RESPONDER-LIFETIME",
        24577 => "REPLAY-STATUS",
        24578 => "INITIAL-CONTACT",
        // RFC 3706.
        36136 => "R-U-THERE",
        36137 => "R-U-THERE-ACK",
        _ => return None,
    })
}

fn v2_notify(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "UNSUPPORTED_CRITICAL_PAYLOAD",
        4 => "INVALID_IKE_SPI",
        5 => "INVALID_MAJOR_VERSION",
        7 => "INVALID_SYNTAX",
        9 => "INVALID_MESSAGE_ID",
        11 => "INVALID_SPI",
        14 => "NO_PROPOSAL_CHOSEN",
        17 => "INVALID_KE_PAYLOAD",
        24 => "AUTHENTICATION_FAILED",
        34 => "SINGLE_PAIR_REQUIRED",
        35 => "NO_ADDITIONAL_SAS",
        36 => "INTERNAL_ADDRESS_FAILURE",
        37 => "FAILED_CP_REQUIRED",
        38 => "TS_UNACCEPTABLE",
        39 => "INVALID_SELECTORS",
        43 => "TEMPORARY_FAILURE",
        44 => "CHILD_SA_NOT_FOUND",
        16384 => "INITIAL_CONTACT",
        16385 => "SET_WINDOW_SIZE",
        16386 => "ADDITIONAL_TS_POSSIBLE",
        16387 => "IPCOMP_SUPPORTED",
        16388 => "NAT_DETECTION_SOURCE_IP",
        16389 => "NAT_DETECTION_DESTINATION_IP",
        16390 => "COOKIE",
        16391 => "USE_TRANSPORT_MODE",
        16392 => "HTTP_CERT_LOOKUP_SUPPORTED",
        16393 => "REKEY_SA",
        16394 => "ESP_TFC_PADDING_NOT_SUPPORTED",
        16395 => "NON_FIRST_FRAGMENTS_ALSO",
        16396 => "MOBIKE_SUPPORTED",
        16404 => "MULTIPLE_AUTH_SUPPORTED",
        16406 => "REDIRECT_SUPPORTED",
        16407 => "REDIRECT",
        16418 => "CHILDLESS_IKEV2_SUPPORTED",
        16430 => "IKEV2_FRAGMENTATION_SUPPORTED",
        16431 => "SIGNATURE_HASH_ALGORITHMS",
        16435 => "USE_PPK",
        16438 => "INTERMEDIATE_EXCHANGE_SUPPORTED",
        _ => return None,
    })
}

/// A vendor's mark, where it is a well-known one: mostly MD5 of a text that its document names.
pub(super) fn vendor(id: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 9] = [
        (
            b"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f",
            "RFC 3947 NAT traversal",
        ),
        (
            b"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57",
            "RFC 3706 dead peer detection",
        ),
        (b"\x09\x00\x26\x89\xdf\xd6\xb7\x12", "XAUTH"),
        (
            b"\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc",
            "Cisco Unity",
        ),
        (
            b"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3",
            "fragmentation",
        ),
        (
            b"\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb",
            "strongSwan",
        ),
        (
            b"\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61",
            "Windows",
        ),
        (
            b"\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f",
            "NAT traversal draft 2",
        ),
        (
            b"\x7d\x94\x19\xa6\x53\x10\xca\x6f\x2c\x17\x9d\x92\x15\x52\x9d\x56",
            "NAT traversal draft 3",
        ),
    ];
    // Versions may follow.
    let known = KNOWN.iter().find(|(mark, _)| id.starts_with(mark));
    known.map(|(_, name)| *name)
}
