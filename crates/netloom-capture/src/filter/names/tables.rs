//! Names that are built in: services and protocols for systems without a list of their own
//! (IANA's registries), and the words of 802.11, LLC and PF.

use super::super::syntax::Llc;
use super::{Service, Transport};

/// Bits of a type in the first byte of an 802.11 frame (IEEE 802.11, 9.2.4.1).
pub(in super::super) const WLAN_TYPE_MASK: u8 = 0x0c;
/// Bits of a subtype.
pub(in super::super) const WLAN_SUBTYPE_MASK: u8 = 0xf0;

const MANAGEMENT: u8 = 0x00;
const CONTROL: u8 = 0x04;
const DATA: u8 = 0x08;

/// Control byte of "receiver not ready" (IEEE 802.2, 5.4).
pub(in super::super) const LLC_RNR: u8 = 0x05;

/// Services that have a port with TCP, with UDP, or with both.
const SERVICES: &[(&str, u16, Option<Transport>)] = &[
    ("amqp", 5672, Some(Transport::Tcp)),
    ("bgp", 179, Some(Transport::Tcp)),
    ("bootpc", 68, Some(Transport::Udp)),
    ("bootps", 67, Some(Transport::Udp)),
    ("domain", 53, None),
    ("echo", 7, None),
    ("finger", 79, Some(Transport::Tcp)),
    ("ftp", 21, Some(Transport::Tcp)),
    ("ftp-data", 20, Some(Transport::Tcp)),
    ("ftps", 990, Some(Transport::Tcp)),
    ("git", 9418, Some(Transport::Tcp)),
    ("http", 80, Some(Transport::Tcp)),
    ("http-alt", 8080, None),
    ("https", 443, None),
    ("imap", 143, Some(Transport::Tcp)),
    ("imap2", 143, Some(Transport::Tcp)),
    ("imaps", 993, Some(Transport::Tcp)),
    ("ipp", 631, Some(Transport::Tcp)),
    ("ipsec-nat-t", 4500, Some(Transport::Udp)),
    ("isakmp", 500, Some(Transport::Udp)),
    ("kerberos", 88, None),
    ("ldap", 389, None),
    ("ldaps", 636, None),
    ("mdns", 5353, Some(Transport::Udp)),
    ("microsoft-ds", 445, None),
    ("ms-sql-s", 1433, Some(Transport::Tcp)),
    ("mysql", 3306, Some(Transport::Tcp)),
    ("netbios-dgm", 138, Some(Transport::Udp)),
    ("netbios-ns", 137, Some(Transport::Udp)),
    ("netbios-ssn", 139, Some(Transport::Tcp)),
    ("nfs", 2049, None),
    ("nntp", 119, Some(Transport::Tcp)),
    ("ntp", 123, Some(Transport::Udp)),
    ("openvpn", 1194, None),
    ("pop3", 110, Some(Transport::Tcp)),
    ("pop3s", 995, Some(Transport::Tcp)),
    ("postgresql", 5432, Some(Transport::Tcp)),
    ("radius", 1812, Some(Transport::Udp)),
    ("radius-acct", 1813, Some(Transport::Udp)),
    ("route", 520, Some(Transport::Udp)),
    ("rsync", 873, Some(Transport::Tcp)),
    ("rtsp", 554, None),
    ("sip", 5060, None),
    ("sip-tls", 5061, None),
    ("smtp", 25, Some(Transport::Tcp)),
    ("snmp", 161, None),
    ("snmp-trap", 162, None),
    ("ssh", 22, Some(Transport::Tcp)),
    ("submission", 587, Some(Transport::Tcp)),
    ("submissions", 465, Some(Transport::Tcp)),
    ("sunrpc", 111, None),
    ("syslog", 514, Some(Transport::Udp)),
    ("tacacs", 49, None),
    ("telnet", 23, Some(Transport::Tcp)),
    ("tftp", 69, Some(Transport::Udp)),
    ("whois", 43, Some(Transport::Tcp)),
    ("xmpp-client", 5222, Some(Transport::Tcp)),
];

/// Protocols over IP.
const IP_PROTOCOLS: &[(&str, u32)] = &[
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("eigrp", 88),
    ("encap", 98),
    ("esp", 50),
    ("etherip", 97),
    ("fc", 133),
    ("ggp", 3),
    ("gre", 47),
    ("hip", 139),
    ("hopopt", 0),
    ("icmp", 1),
    ("idrp", 45),
    ("igmp", 2),
    ("igp", 9),
    ("ip", 0),
    ("ipcomp", 108),
    ("ipencap", 4),
    ("ipip", 94),
    ("ipv6", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("isis", 124),
    ("l2tp", 115),
    ("manet", 138),
    ("mobility-header", 135),
    ("mpls-in-ip", 137),
    ("ospf", 89),
    ("pim", 103),
    ("pup", 12),
    ("rdp", 27),
    ("rsvp", 46),
    ("sctp", 132),
    ("skip", 57),
    ("st", 5),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
    ("wesp", 141),
];

/// Protocols over Ethernet: EtherTypes, and for the last four the service access points of LLC.
const ETHER_PROTOCOLS: &[(&str, u32)] = &[
    ("aarp", 0x80f3),
    ("arp", 0x0806),
    ("atalk", 0x809b),
    ("decnet", 0x6003),
    ("ip", 0x0800),
    ("ip6", 0x86dd),
    ("lat", 0x6004),
    ("loopback", 0x9000),
    ("mopdl", 0x6001),
    ("moprc", 0x6002),
    ("rarp", 0x8035),
    ("sca", 0x6007),
    ("iso", 0xfe),
    ("stp", 0x42),
    ("ipx", 0xe0),
    ("netbeui", 0xf0),
];

/// Subtypes of management frames.
const MANAGEMENT_SUBTYPES: &[(&str, u8)] = &[
    ("assocreq", 0x00),
    ("assoc-req", 0x00),
    ("assocresp", 0x10),
    ("assoc-resp", 0x10),
    ("reassocreq", 0x20),
    ("reassoc-req", 0x20),
    ("reassocresp", 0x30),
    ("reassoc-resp", 0x30),
    ("probereq", 0x40),
    ("probe-req", 0x40),
    ("proberesp", 0x50),
    ("probe-resp", 0x50),
    ("beacon", 0x80),
    ("atim", 0x90),
    ("disassoc", 0xa0),
    ("disassociation", 0xa0),
    ("auth", 0xb0),
    ("authentication", 0xb0),
    ("deauth", 0xc0),
    ("deauthentication", 0xc0),
];

/// Subtypes of control frames.
const CONTROL_SUBTYPES: &[(&str, u8)] = &[
    ("ps-poll", 0xa0),
    ("rts", 0xb0),
    ("cts", 0xc0),
    ("ack", 0xd0),
    ("cf-end", 0xe0),
    ("cf-end-ack", 0xf0),
];

/// Subtypes of data frames.
const DATA_SUBTYPES: &[(&str, u8)] = &[
    ("data", 0x00),
    ("data-cf-ack", 0x10),
    ("data-cf-poll", 0x20),
    ("data-cf-ack-poll", 0x30),
    ("null", 0x40),
    ("cf-ack", 0x50),
    ("cf-poll", 0x60),
    ("cf-ack-poll", 0x70),
    ("qos-data", 0x80),
    ("qos-data-cf-ack", 0x90),
    ("qos-data-cf-poll", 0xa0),
    ("qos-data-cf-ack-poll", 0xb0),
    ("qos", 0xc0),
    ("qos-cf-poll", 0xe0),
    ("qos-cf-ack-poll", 0xf0),
];

/// Why PF took note of a packet (pf(4)).
const PF_REASONS: &[(&str, u32)] = &[
    ("match", 0),
    ("bad-offset", 1),
    ("fragment", 2),
    ("short", 3),
    ("normalize", 4),
    ("memory", 5),
    ("bad-timestamp", 6),
    ("congestion", 7),
    ("ip-option", 8),
    ("proto-cksum", 9),
    ("state-mismatch", 10),
    ("state-insert", 11),
    ("state-limit", 12),
    ("src-limit", 13),
    ("synproxy", 14),
];

/// What PF did with a packet.
const PF_ACTIONS: &[(&str, u32)] = &[
    ("pass", 0),
    ("accept", 0),
    ("drop", 1),
    ("block", 1),
    ("scrub", 2),
    ("noscrub", 3),
    ("nat", 4),
    ("nonat", 5),
    ("binat", 6),
    ("nobinat", 7),
    ("rdr", 8),
    ("nordr", 9),
    ("synproxy-drop", 10),
];

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

fn find_any_case<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let found = table
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| *value)
}

pub(super) fn service(name: &str) -> Option<Service> {
    let (_, port, transport) = SERVICES.iter().find(|(known, ..)| *known == name)?;
    Some(Service {
        port: u32::from(*port),
        transport: *transport,
    })
}

pub(super) fn ip_protocol(name: &str) -> Option<u32> {
    find(IP_PROTOCOLS, name)
}

/// A protocol over Ethernet by its name: an EtherType, or a service access point below 256.
pub(in super::super) fn ether_protocol(name: &str) -> Option<u32> {
    find(ETHER_PROTOCOLS, name)
}

/// A type of 802.11 frames.
pub(in super::super) fn wlan_type(name: &str) -> Option<u8> {
    let types = [
        ("data", DATA),
        ("mgt", MANAGEMENT),
        ("management", MANAGEMENT),
        ("ctl", CONTROL),
        ("control", CONTROL),
    ];
    find_any_case(&types, name)
}

/// A subtype of one type of 802.11 frames.
pub(in super::super) fn wlan_subtype(frame_type: u8, name: &str) -> Option<u8> {
    match frame_type {
        MANAGEMENT => find_any_case(MANAGEMENT_SUBTYPES, name),
        CONTROL => find_any_case(CONTROL_SUBTYPES, name),
        DATA => find_any_case(DATA_SUBTYPES, name),
        _ => None,
    }
}

/// A subtype of any type of 802.11 frames, with the type.
pub(in super::super) fn wlan_any_subtype(name: &str) -> Option<u8> {
    [MANAGEMENT, CONTROL, DATA]
        .into_iter()
        .find_map(|frame_type| Some(frame_type | wlan_subtype(frame_type, name)?))
}

/// A type of LLC frames: `i`, `s`, `u` or a command.
pub(in super::super) fn llc(name: &str) -> Option<Llc> {
    let types = [
        ("i", Llc::Information),
        ("s", Llc::Supervisory),
        ("u", Llc::Unnumbered),
        ("rr", Llc::SupervisoryType(0x01)),
        ("rnr", Llc::SupervisoryType(LLC_RNR)),
        ("rej", Llc::SupervisoryType(0x09)),
        ("ui", Llc::UnnumberedType(0x03)),
        ("ua", Llc::UnnumberedType(0x63)),
        ("disc", Llc::UnnumberedType(0x43)),
        ("dm", Llc::UnnumberedType(0x0f)),
        ("sabme", Llc::UnnumberedType(0x6f)),
        ("test", Llc::UnnumberedType(0xe3)),
        ("xid", Llc::UnnumberedType(0xaf)),
        ("frmr", Llc::UnnumberedType(0x87)),
    ];
    find_any_case(&types, name)
}

/// A reason of PF.
pub(in super::super) fn pf_reason(name: &str) -> Option<u32> {
    find_any_case(PF_REASONS, name)
}

/// An action of PF.
pub(in super::super) fn pf_action(name: &str) -> Option<u32> {
    find_any_case(PF_ACTIONS, name)
}
