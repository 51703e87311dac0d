//! Names of numbers: cipher suites, groups, versions, alerts (IANA's TLS registries).

use std::borrow::Cow;
use std::sync::LazyLock;

/// Name of a cipher suite as IANA has it; `unknown-<number>` for one that has none (Zeek's words).
///
/// ```
/// use netloom_decode::app::tls::names::cipher_suite;
/// assert_eq!(cipher_suite(0x1301), "TLS_AES_128_GCM_SHA256");
/// assert_eq!(cipher_suite(0xfade), "unknown-64222");
/// ```
pub fn cipher_suite(number: u16) -> Cow<'static, str> {
    find(super::cipher_suites::NAMES, number)
}

/// Name of a group (elliptic curve, finite field or hybrid) as IANA has it.
pub fn group(number: u16) -> Cow<'static, str> {
    find(GROUPS, number)
}

/// Name of an extension type as IANA has it; `GREASE` for those of RFC 8701.
pub fn extension(number: u16) -> Cow<'static, str> {
    if is_grease(number) {
        return Cow::Borrowed("GREASE");
    }
    find(EXTENSIONS, number)
}

/// Name of a version as Zeek writes it: `TLSv12`, `TLSv13-draft23`, `DTLSv12`, `SSLv3`.
pub fn version(number: u16) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        0x0002 => "SSLv2",
        0x0300 => "SSLv3",
        0x0301 => "TLSv10",
        0x0302 => "TLSv11",
        0x0303 => "TLSv12",
        0x0304 => "TLSv13",
        0xfeff | 0x0100 => "DTLSv10",
        0xfefd => "DTLSv12",
        0xfefc => "DTLSv13",
        0x7f00 => "TLSv13-draft",
        // RFC 8446 before it was one; Facebook's own numbers.
        0x7f01..=0x7fff => return format!("TLSv13-draft{}", number & 0xff).into(),
        0xfb17 => "TLSv13-draft23-fb",
        0xfb1a => "TLSv13-draft26-fb",
        other => return format!("unknown-{other}").into(),
    })
}

/// Name of an alert (RFC 8446, section 6.2, and before).
pub fn alert(description: u8) -> Cow<'static, str> {
    Cow::Borrowed(match description {
        0 => "close_notify",
        1 => "end_of_early_data",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        52 => "too_many_cids_requested",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        other => return format!("unknown-{other}").into(),
    })
}

/// Whether a number is one of those that are sent so that peers learn to ignore what they do not
/// know (RFC 8701): both bytes the same, low half `a`.
pub const fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// Whether a cipher suite is one not to use: nothing encrypted, nobody authenticated, export
/// strength, RC2, RC4, DES, triple DES, MD5 (RFC 9325, section 4.2.1, with RFC 7465 and RFC 8429);
/// or without forward secrecy, for its keys travel under RSA or come of fixed Diffie-Hellman
/// values (RFC 9325, section 4.1).
pub fn is_weak_cipher(number: u16) -> bool {
    static WEAK: LazyLock<Vec<u16>> = LazyLock::new(|| {
        let fixed = ["TLS_RSA_WITH_", "TLS_DH_", "TLS_ECDH_"];
        let parts = ["NULL", "anon", "EXPORT", "RC4", "RC2", "DES", "_MD5"];
        super::cipher_suites::NAMES
            .iter()
            .filter(|(_, name)| {
                parts.iter().any(|part| name.contains(part))
                    || fixed.iter().any(|start| name.starts_with(start))
            })
            .map(|(number, _)| *number)
            .collect()
    });
    // Signalling values name no cipher; those of integrity only (RFC 9150) mean to have none.
    WEAK.binary_search(&number).is_ok() && !matches!(number, 0x00ff | 0x5600)
}

fn find(table: &'static [(u16, &'static str)], number: u16) -> Cow<'static, str> {
    match table.binary_search_by_key(&number, |entry| entry.0) {
        Ok(place) => Cow::Borrowed(table.get(place).map_or("", |entry| entry.1)),
        Err(_) => format!("unknown-{number}").into(),
    }
}

/// Extension types by number.
const EXTENSIONS: &[(u16, &str)] = &[
    (0x0000, "server_name"),
    (0x0001, "max_fragment_length"),
    (0x0002, "client_certificate_url"),
    (0x0003, "trusted_ca_keys"),
    (0x0004, "truncated_hmac"),
    (0x0005, "status_request"),
    (0x0006, "user_mapping"),
    (0x0007, "client_authz"),
    (0x0008, "server_authz"),
    (0x0009, "cert_type"),
    (0x000a, "supported_groups"),
    (0x000b, "ec_point_formats"),
    (0x000c, "srp"),
    (0x000d, "signature_algorithms"),
    (0x000e, "use_srtp"),
    (0x000f, "heartbeat"),
    (0x0010, "application_layer_protocol_negotiation"),
    (0x0011, "status_request_v2"),
    (0x0012, "signed_certificate_timestamp"),
    (0x0013, "client_certificate_type"),
    (0x0014, "server_certificate_type"),
    (0x0015, "padding"),
    (0x0016, "encrypt_then_mac"),
    (0x0017, "extended_master_secret"),
    (0x0018, "token_binding"),
    (0x0019, "cached_info"),
    (0x001a, "tls_lts"),
    (0x001b, "compress_certificate"),
    (0x001c, "record_size_limit"),
    (0x001d, "pwd_protect"),
    (0x001e, "pwd_clear"),
    (0x001f, "password_salt"),
    (0x0020, "ticket_pinning"),
    (0x0021, "tls_cert_with_extern_psk"),
    (0x0022, "delegated_credential"),
    (0x0023, "session_ticket"),
    (0x0024, "TLMSP"),
    (0x0025, "TLMSP_proxying"),
    (0x0026, "TLMSP_delegate"),
    (0x0027, "supported_ekt_ciphers"),
    (0x0029, "pre_shared_key"),
    (0x002a, "early_data"),
    (0x002b, "supported_versions"),
    (0x002c, "cookie"),
    (0x002d, "psk_key_exchange_modes"),
    (0x002f, "certificate_authorities"),
    (0x0030, "oid_filters"),
    (0x0031, "post_handshake_auth"),
    (0x0032, "signature_algorithms_cert"),
    (0x0033, "key_share"),
    (0x0034, "transparency_info"),
    (0x0036, "connection_id"),
    (0x0037, "external_id_hash"),
    (0x0038, "external_session_id"),
    (0x0039, "quic_transport_parameters"),
    (0x003a, "ticket_request"),
    (0x003b, "dnssec_chain"),
    (0x003c, "sequence_number_encryption_algorithms"),
    (0x003d, "rrc"),
    (0x3374, "next_protocol_negotiation"),
    (0x4469, "application_settings_old"),
    (0x44cd, "application_settings"),
    (0x7550, "channel_id"),
    (0xfd00, "ech_outer_extensions"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
    (0xffa5, "quic_transport_parameters_draft"),
    (0xffce, "encrypted_server_name"),
];

/// Groups by number.
const GROUPS: &[(u16, &str)] = &[
    (0x0001, "sect163k1"),
    (0x0002, "sect163r1"),
    (0x0003, "sect163r2"),
    (0x0004, "sect193r1"),
    (0x0005, "sect193r2"),
    (0x0006, "sect233k1"),
    (0x0007, "sect233r1"),
    (0x0008, "sect239k1"),
    (0x0009, "sect283k1"),
    (0x000a, "sect283r1"),
    (0x000b, "sect409k1"),
    (0x000c, "sect409r1"),
    (0x000d, "sect571k1"),
    (0x000e, "sect571r1"),
    (0x000f, "secp160k1"),
    (0x0010, "secp160r1"),
    (0x0011, "secp160r2"),
    (0x0012, "secp192k1"),
    (0x0013, "secp192r1"),
    (0x0014, "secp224k1"),
    (0x0015, "secp224r1"),
    (0x0016, "secp256k1"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001a, "brainpoolP256r1"),
    (0x001b, "brainpoolP384r1"),
    (0x001c, "brainpoolP512r1"),
    (0x001d, "x25519"),
    (0x001e, "x448"),
    (0x001f, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0022, "GC256A"),
    (0x0023, "GC256B"),
    (0x0024, "GC256C"),
    (0x0025, "GC256D"),
    (0x0026, "GC512A"),
    (0x0027, "GC512B"),
    (0x0028, "GC512C"),
    (0x0029, "curveSM2"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ec, "X25519MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (0x6399, "X25519Kyber768Draft00"),
    (0x639a, "SecP256r1Kyber768Draft00"),
    (0xfe30, "X25519Kyber512Draft00"),
    (0xff01, "arbitrary_explicit_prime_curves"),
    (0xff02, "arbitrary_explicit_char2_curves"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(GROUPS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(EXTENSIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(super::super::cipher_suites::NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn versions() {
        assert_eq!(version(0x0303), "TLSv12");
        assert_eq!(version(0x7f17), "TLSv13-draft23");
        assert_eq!(version(0x7f00), "TLSv13-draft");
        assert_eq!(version(0xfefd), "DTLSv12");
        assert_eq!(version(0x1234), "unknown-4660");
    }

    #[test]
    fn grease() {
        assert!(is_grease(0x0a0a) && is_grease(0xfafa) && is_grease(0x3a3a));
        assert!(!is_grease(0x0a1a) && !is_grease(0x1301) && !is_grease(0x0a0b));
    }

    #[test]
    fn weak_ciphers() {
        // RSA with RC4 and MD5, triple DES, anonymous.
        assert!(is_weak_cipher(0x0004) && is_weak_cipher(0x000a) && is_weak_cipher(0x0034));
        // Keys under RSA, keys of fixed elliptic-curve values.
        assert!(is_weak_cipher(0x002f) && is_weak_cipher(0xc004));
        assert!(!is_weak_cipher(0x1301) && !is_weak_cipher(0xc02f) && !is_weak_cipher(0x00ff));
    }
}
