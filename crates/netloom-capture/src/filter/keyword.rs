//! The words that have a meaning of their own.

use super::lexer::{Symbol, TokenKind};
use super::syntax::Protocol;

/// A word of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Protocol(Protocol),
    Src,
    Dst,
    Host,
    Net,
    Mask,
    Port,
    PortRange,
    Proto,
    ProtoChain,
    Gateway,
    Type,
    Subtype,
    Dir,
    Addr1,
    Addr2,
    Addr3,
    Addr4,
    Ra,
    Ta,
    Less,
    Greater,
    Byte,
    Broadcast,
    Multicast,
    Len,
    Inbound,
    Outbound,
    IfIndex,
    Vlan,
    Mpls,
    Pppoed,
    Pppoes,
    Geneve,
    Llc,
    Lane,
    Metac,
    Bcc,
    Oam,
    OamF4,
    OamF4Ec,
    OamF4Sc,
    Sc,
    Ilmic,
    Vpi,
    Vci,
    ConnectMsg,
    MetaConnect,
    IfName,
    RuleSet,
    RuleNumber,
    SubRuleNumber,
    Reason,
    Action,
    Fisu,
    Lssu,
    Msu,
    Hfisu,
    Hlssu,
    Hmsu,
    Sio,
    Opc,
    Dpc,
    Sls,
    Hsio,
    Hopc,
    Hdpc,
    Hsls,
}

/// Keywords, sorted by name.
const KEYWORDS: &[(&str, Keyword)] = &[
    ("aarp", Keyword::Protocol(Protocol::Aarp)),
    ("action", Keyword::Action),
    ("addr1", Keyword::Addr1),
    ("addr2", Keyword::Addr2),
    ("addr3", Keyword::Addr3),
    ("addr4", Keyword::Addr4),
    ("address1", Keyword::Addr1),
    ("address2", Keyword::Addr2),
    ("address3", Keyword::Addr3),
    ("address4", Keyword::Addr4),
    ("ah", Keyword::Protocol(Protocol::Ah)),
    ("arp", Keyword::Protocol(Protocol::Arp)),
    ("atalk", Keyword::Protocol(Protocol::AppleTalk)),
    ("bcc", Keyword::Bcc),
    ("broadcast", Keyword::Broadcast),
    ("byte", Keyword::Byte),
    ("carp", Keyword::Protocol(Protocol::Carp)),
    ("clnp", Keyword::Protocol(Protocol::Clnp)),
    ("connectmsg", Keyword::ConnectMsg),
    ("csnp", Keyword::Protocol(Protocol::IsisCsnp)),
    ("decnet", Keyword::Protocol(Protocol::Decnet)),
    ("dir", Keyword::Dir),
    ("direction", Keyword::Dir),
    ("dpc", Keyword::Dpc),
    ("dst", Keyword::Dst),
    ("es-is", Keyword::Protocol(Protocol::Esis)),
    ("esis", Keyword::Protocol(Protocol::Esis)),
    ("esp", Keyword::Protocol(Protocol::Esp)),
    ("ether", Keyword::Protocol(Protocol::Link)),
    ("fddi", Keyword::Protocol(Protocol::Link)),
    ("fisu", Keyword::Fisu),
    ("gateway", Keyword::Gateway),
    ("geneve", Keyword::Geneve),
    ("greater", Keyword::Greater),
    ("hdpc", Keyword::Hdpc),
    ("hfisu", Keyword::Hfisu),
    ("hlssu", Keyword::Hlssu),
    ("hmsu", Keyword::Hmsu),
    ("hopc", Keyword::Hopc),
    ("host", Keyword::Host),
    ("hsio", Keyword::Hsio),
    ("hsls", Keyword::Hsls),
    ("icmp", Keyword::Protocol(Protocol::Icmp)),
    ("icmp6", Keyword::Protocol(Protocol::Icmp6)),
    ("ifindex", Keyword::IfIndex),
    ("ifname", Keyword::IfName),
    ("igmp", Keyword::Protocol(Protocol::Igmp)),
    ("igrp", Keyword::Protocol(Protocol::Igrp)),
    ("iih", Keyword::Protocol(Protocol::IsisIih)),
    ("ilmic", Keyword::Ilmic),
    ("inbound", Keyword::Inbound),
    ("ip", Keyword::Protocol(Protocol::Ip)),
    ("ip6", Keyword::Protocol(Protocol::Ip6)),
    ("ipx", Keyword::Protocol(Protocol::Ipx)),
    ("is-is", Keyword::Protocol(Protocol::Isis)),
    ("isis", Keyword::Protocol(Protocol::Isis)),
    ("iso", Keyword::Protocol(Protocol::Iso)),
    ("l1", Keyword::Protocol(Protocol::IsisL1)),
    ("l2", Keyword::Protocol(Protocol::IsisL2)),
    ("lane", Keyword::Lane),
    ("lat", Keyword::Protocol(Protocol::Lat)),
    ("len", Keyword::Len),
    ("length", Keyword::Len),
    ("less", Keyword::Less),
    ("link", Keyword::Protocol(Protocol::Link)),
    ("llc", Keyword::Llc),
    ("lsp", Keyword::Protocol(Protocol::IsisLsp)),
    ("lssu", Keyword::Lssu),
    ("lsu", Keyword::Lssu),
    ("mask", Keyword::Mask),
    ("metac", Keyword::Metac),
    ("metaconnect", Keyword::MetaConnect),
    ("mopdl", Keyword::Protocol(Protocol::Mopdl)),
    ("moprc", Keyword::Protocol(Protocol::Moprc)),
    ("mpls", Keyword::Mpls),
    ("msu", Keyword::Msu),
    ("multicast", Keyword::Multicast),
    ("net", Keyword::Net),
    ("netbeui", Keyword::Protocol(Protocol::Netbeui)),
    ("oam", Keyword::Oam),
    ("oamf4", Keyword::OamF4),
    ("oamf4ec", Keyword::OamF4Ec),
    ("oamf4sc", Keyword::OamF4Sc),
    ("on", Keyword::IfName),
    ("opc", Keyword::Opc),
    ("outbound", Keyword::Outbound),
    ("pim", Keyword::Protocol(Protocol::Pim)),
    ("port", Keyword::Port),
    ("portrange", Keyword::PortRange),
    ("ppp", Keyword::Protocol(Protocol::Link)),
    ("pppoed", Keyword::Pppoed),
    ("pppoes", Keyword::Pppoes),
    ("proto", Keyword::Proto),
    ("protochain", Keyword::ProtoChain),
    ("psnp", Keyword::Protocol(Protocol::IsisPsnp)),
    ("ra", Keyword::Ra),
    ("radio", Keyword::Protocol(Protocol::Radio)),
    ("rarp", Keyword::Protocol(Protocol::Rarp)),
    ("reason", Keyword::Reason),
    ("rnr", Keyword::RuleNumber),
    ("rset", Keyword::RuleSet),
    ("rulenum", Keyword::RuleNumber),
    ("ruleset", Keyword::RuleSet),
    ("sc", Keyword::Sc),
    ("sca", Keyword::Protocol(Protocol::Sca)),
    ("sctp", Keyword::Protocol(Protocol::Sctp)),
    ("sio", Keyword::Sio),
    ("slip", Keyword::Protocol(Protocol::Link)),
    ("sls", Keyword::Sls),
    ("snp", Keyword::Protocol(Protocol::IsisSnp)),
    ("src", Keyword::Src),
    ("srnr", Keyword::SubRuleNumber),
    ("stp", Keyword::Protocol(Protocol::Stp)),
    ("subrulenum", Keyword::SubRuleNumber),
    ("subtype", Keyword::Subtype),
    ("ta", Keyword::Ta),
    ("tcp", Keyword::Protocol(Protocol::Tcp)),
    ("tr", Keyword::Protocol(Protocol::Link)),
    ("type", Keyword::Type),
    ("udp", Keyword::Protocol(Protocol::Udp)),
    ("vci", Keyword::Vci),
    ("vlan", Keyword::Vlan),
    ("vpi", Keyword::Vpi),
    ("vrrp", Keyword::Protocol(Protocol::Vrrp)),
    ("wlan", Keyword::Protocol(Protocol::Link)),
];

/// Names that stand for numbers: offsets and values of header fields (RFC 792, RFC 4443 and
/// the IANA registries of ICMP and ICMPv6 types; RFC 9293), sorted by name.
const NUMBERS: &[(&str, u32)] = &[
    ("icmp-echo", 8),
    ("icmp-echoreply", 0),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreply", 18),
    ("icmp-maskreq", 17),
    ("icmp-paramprob", 12),
    ("icmp-redirect", 5),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-sourcequench", 4),
    ("icmp-timxceed", 11),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-unreach", 3),
    ("icmp6-certpathadvert", 149),
    ("icmp6-certpathsolicit", 148),
    ("icmp6-destinationunreach", 1),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-homeagentdiscoveryreply", 145),
    ("icmp6-homeagentdiscoveryrequest", 144),
    ("icmp6-ineighbordiscoveryadvert", 142),
    ("icmp6-ineighbordiscoverysolicit", 141),
    ("icmp6-mobileprefixadvert", 147),
    ("icmp6-mobileprefixsolicit", 146),
    ("icmp6-multicastlistenerdone", 132),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-multicastlistenerreportv1", 131),
    ("icmp6-multicastlistenerreportv2", 143),
    ("icmp6-multicastrouteradvert", 151),
    ("icmp6-multicastroutersolicit", 152),
    ("icmp6-multicastrouterterm", 153),
    ("icmp6-neighboradvert", 136),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-nodeinformationquery", 139),
    ("icmp6-nodeinformationresponse", 140),
    ("icmp6-packettoobig", 2),
    ("icmp6-parameterproblem", 4),
    ("icmp6-redirect", 137),
    ("icmp6-routeradvert", 134),
    ("icmp6-routerrenum", 138),
    ("icmp6-routersolicit", 133),
    ("icmp6-timeexceeded", 3),
    ("icmp6code", 1),
    ("icmp6type", 0),
    ("icmpcode", 1),
    ("icmptype", 0),
    ("tcp-ack", 0x10),
    ("tcp-cwr", 0x80),
    ("tcp-ece", 0x40),
    ("tcp-fin", 0x01),
    ("tcp-push", 0x08),
    ("tcp-rst", 0x04),
    ("tcp-syn", 0x02),
    ("tcp-urg", 0x20),
    ("tcpflags", 13),
];

/// What a word means, if it is one of the language's own.
pub(super) fn find(word: &str) -> Option<TokenKind> {
    match word {
        "and" => return Some(TokenKind::Symbol(Symbol::And)),
        "or" => return Some(TokenKind::Symbol(Symbol::Or)),
        "not" => return Some(TokenKind::Symbol(Symbol::Not)),
        _ => {}
    }
    look_up(KEYWORDS, word)
        .map(TokenKind::Keyword)
        .or_else(|| look_up(NUMBERS, word).map(TokenKind::Number))
}

fn look_up<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let index = table.binary_search_by_key(&word, |(name, _)| name).ok()?;
    table.get(index).map(|(_, value)| *value)
}

/// The keyword that was probably meant: the one a single slip of the finger away.
pub(super) fn similar(word: &str) -> Option<&'static str> {
    let words = ["and", "or", "not"];
    let known = KEYWORDS
        .iter()
        .map(|(name, _)| *name)
        .chain(NUMBERS.iter().map(|(name, _)| *name))
        .chain(words);
    if word.len() < 3 {
        return None;
    }
    known
        .filter(|name| name.len() >= 3)
        .find(|name| is_one_slip(word, name))
}

/// Whether two words differ in one letter too many, too few, wrong, or in two that changed
/// places.
fn is_one_slip(a: &str, b: &str) -> bool {
    let lower = a.to_ascii_lowercase();
    let (a, b) = (lower.as_bytes(), b.as_bytes());
    if a == b {
        return true;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let rest = |word: &[u8], from: usize| word.get(from..).unwrap_or_default().to_vec();
    match a.len().abs_diff(b.len()) {
        0 => {
            let swapped = a.get(same) == b.get(same + 1) && a.get(same + 1) == b.get(same);
            rest(a, same + 1) == rest(b, same + 1)
                || (swapped && rest(a, same + 2) == rest(b, same + 2))
        }
        1 if a.len() < b.len() => rest(a, same) == rest(b, same + 1),
        1 => rest(a, same + 1) == rest(b, same),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(KEYWORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NUMBERS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn slips_are_found() {
        assert_eq!(similar("prot"), Some("port"));
        assert_eq!(similar("hots"), Some("host"));
        assert_eq!(similar("TCP"), Some("tcp"));
        assert_eq!(similar("example"), None);
    }
}
