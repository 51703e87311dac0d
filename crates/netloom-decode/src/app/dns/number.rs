//! Names of types, classes, response codes and opcodes (IANA, Domain Name System Parameters),
//! written as Zeek writes them.

use std::borrow::Cow;

/// Types of records and questions that are named in code.
pub mod rtype {
    /// Address of IPv4.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Canonical name.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Mailbox (obsolete).
    pub const MB: u16 = 7;
    /// Mail group member (obsolete).
    pub const MG: u16 = 8;
    /// Mail rename (obsolete).
    pub const MR: u16 = 9;
    /// Anything (obsolete).
    pub const NULL: u16 = 10;
    /// Well-known services (obsolete).
    pub const WKS: u16 = 11;
    /// Pointer.
    pub const PTR: u16 = 12;
    /// Host information.
    pub const HINFO: u16 = 13;
    /// Mail exchange.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// Address of IPv6.
    pub const AAAA: u16 = 28;
    /// Location.
    pub const LOC: u16 = 29;
    /// NetBIOS name, in NBNS (RFC 1002, section 4.2.1.3).
    pub const NB: u16 = 32;
    /// Service; in NBNS it is the node status.
    pub const SRV: u16 = 33;
    /// Naming authority pointer (RFC 3403).
    pub const NAPTR: u16 = 35;
    /// Delegation of a name.
    pub const DNAME: u16 = 39;
    /// Pseudo record of EDNS.
    pub const OPT: u16 = 41;
    /// Delegation signer.
    pub const DS: u16 = 43;
    /// SSH fingerprint.
    pub const SSHFP: u16 = 44;
    /// Signature.
    pub const RRSIG: u16 = 46;
    /// Next secure.
    pub const NSEC: u16 = 47;
    /// Key.
    pub const DNSKEY: u16 = 48;
    /// Next secure, hashed.
    pub const NSEC3: u16 = 50;
    /// Parameters of it.
    pub const NSEC3PARAM: u16 = 51;
    /// Service binding (RFC 9460).
    pub const SVCB: u16 = 64;
    /// Service binding of HTTPS (RFC 9460).
    pub const HTTPS: u16 = 65;
    /// Sender policy (obsolete).
    pub const SPF: u16 = 99;
    /// Transaction signature.
    pub const TSIG: u16 = 250;
    /// Certification authority authorization.
    pub const CAA: u16 = 257;
    /// BIND's note of how far it has signed a zone, of private use.
    pub const BIND_SIGNING: u16 = 65_534;
}

/// Types by number, ascending.
#[rustfmt::skip]
const TYPES: &[(u16, &str)] = &[
    (1, "A"), (2, "NS"), (3, "MD"), (4, "MF"), (5, "CNAME"), (6, "SOA"), (7, "MB"), (8, "MG"),
    (9, "MR"), (10, "NULL"), (11, "WKS"), (12, "PTR"), (13, "HINFO"), (14, "MINFO"), (15, "MX"),
    (16, "TXT"), (17, "RP"), (18, "AFSDB"), (19, "X25"), (20, "ISDN"), (21, "RT"), (22, "NSAP"),
    (23, "NSAP-PTR"), (24, "SIG"), (25, "KEY"), (26, "PX"), (27, "GPOS"), (28, "AAAA"),
    (29, "LOC"), (30, "NXT"), (31, "EID"), (32, "NIMLOC"), (33, "SRV"), (34, "ATMA"),
    (35, "NAPTR"), (36, "KX"), (37, "CERT"), (38, "A6"), (39, "DNAME"), (40, "SINK"), (41, "OPT"),
    (42, "APL"), (43, "DS"), (44, "SSHFP"), (45, "IPSECKEY"), (46, "RRSIG"), (47, "NSEC"),
    (48, "DNSKEY"), (49, "DHCID"), (50, "NSEC3"), (51, "NSEC3PARAM"), (52, "TLSA"),
    (53, "SMIMEA"), (55, "HIP"), (56, "NINFO"), (57, "RKEY"), (58, "TALINK"), (59, "CDS"),
    (60, "CDNSKEY"), (61, "OPENPGPKEY"), (62, "CSYNC"), (63, "ZONEMD"), (64, "SVCB"),
    (65, "HTTPS"), (66, "DSYNC"), (99, "SPF"), (100, "UINFO"), (101, "UID"), (102, "GID"),
    (103, "UNSPEC"), (104, "NID"), (105, "L32"), (106, "L64"), (107, "LP"), (108, "EUI48"),
    (109, "EUI64"), (249, "TKEY"), (250, "TSIG"), (251, "IXFR"), (252, "AXFR"), (253, "MAILB"),
    (254, "MAILA"), (255, "*"), (256, "URI"), (257, "CAA"), (258, "AVC"), (259, "DOA"),
    (260, "AMTRELAY"), (261, "RESINFO"), (32_768, "TA"), (32_769, "DLV"), (65_281, "WINS"),
    (65_282, "WINS-R"), (65_422, "XPF"), (65_521, "INTEGRITY"),
];

/// Name of a type, where it has one.
///
/// ```
/// use netloom_decode::app::dns::known_type;
/// assert_eq!(known_type(28), Some("AAAA"));
/// assert_eq!(known_type(4711), None);
/// ```
pub fn known_type(number: u16) -> Option<&'static str> {
    let at = TYPES.binary_search_by_key(&number, |&(number, _)| number);
    at.ok().and_then(|at| TYPES.get(at)).map(|&(_, name)| name)
}

/// Name of a question's type. `nbns` says whether the message is one of NBNS, where two numbers
/// mean something else.
///
/// ```
/// use netloom_decode::app::dns::qtype_name;
/// assert_eq!(qtype_name(28, false), "AAAA");
/// assert_eq!(qtype_name(255, false), "*");
/// assert_eq!(qtype_name(33, true), "NBSTAT");
/// assert_eq!(qtype_name(4711, false), "query-4711");
/// ```
pub fn qtype_name(number: u16, nbns: bool) -> Cow<'static, str> {
    match number {
        rtype::NB if nbns => "NB".into(),
        rtype::SRV if nbns => "NBSTAT".into(),
        _ => known_type(number).map_or_else(|| format!("query-{number}").into(), Into::into),
    }
}

/// Name of a question's class, the unicast bit of mDNS (RFC 6762, section 5.4) not included.
///
/// ```
/// use netloom_decode::app::dns::qclass_name;
/// assert_eq!(qclass_name(1), "C_INTERNET");
/// assert_eq!(qclass_name(77), "qclass-77");
/// ```
pub fn qclass_name(number: u16) -> Cow<'static, str> {
    match number {
        1 => "C_INTERNET".into(),
        2 => "C_CSNET".into(),
        3 => "C_CHAOS".into(),
        4 => "C_HESIOD".into(),
        254 => "C_NONE".into(),
        255 => "C_ANY".into(),
        _ => format!("qclass-{number}").into(),
    }
}

/// Name of a response code, extended ones (RFC 6891) included.
///
/// ```
/// use netloom_decode::app::dns::rcode_name;
/// assert_eq!(rcode_name(3), "NXDOMAIN");
/// assert_eq!(rcode_name(23), "BADCOOKIE");
/// ```
pub fn rcode_name(number: u16) -> Cow<'static, str> {
    const NAMES: [&str; 24] = [
        "NOERROR",
        "FORMERR",
        "SERVFAIL",
        "NXDOMAIN",
        "NOTIMP",
        "REFUSED",
        "YXDOMAIN",
        "YXRRSET",
        "NXRRSet",
        "NOTAUTH",
        "NOTZONE",
        "unassigned-11",
        "unassigned-12",
        "unassigned-13",
        "unassigned-14",
        "unassigned-15",
        "BADVERS",
        "BADKEY",
        "BADTIME",
        "BADMODE",
        "BADNAME",
        "BADALG",
        "BADTRUNC",
        "BADCOOKIE",
    ];
    match NAMES.get(usize::from(number)) {
        Some(&name) => name.into(),
        None => format!("rcode-{number}").into(),
    }
}

/// Name of an opcode. `nbns` says whether the message is one of NBNS, where they mean something
/// else (RFC 1002, section 4.2.1.1).
pub fn opcode_name(number: u8, nbns: bool) -> Cow<'static, str> {
    match (nbns, number) {
        (false, 0) => "query".into(),
        (false, 1) => "iquery".into(),
        (false, 2) => "server-status".into(),
        (false, 4) => "notify".into(),
        (false, 5) => "dynamic-update".into(),
        (false, 6) => "dso".into(),
        (false, _) => format!("opcode-{number}").into(),
        (true, 0) => "netbios-query".into(),
        (true, 5) => "netbios-registration".into(),
        (true, 6) => "netbios-release".into(),
        (true, 7) => "netbios-wack".into(),
        (true, 8 | 9) => "netbios-refresh".into(),
        (true, _) => format!("netbios-opcode-{number}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_in_order() {
        assert!(TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(known_type(65), Some("HTTPS"));
        assert_eq!(known_type(54), None);
    }

    #[test]
    fn opcodes() {
        assert_eq!(opcode_name(5, false), "dynamic-update");
        assert_eq!(opcode_name(5, true), "netbios-registration");
        assert_eq!(opcode_name(3, false), "opcode-3");
        assert_eq!(rcode_name(4000), "rcode-4000");
    }
}
