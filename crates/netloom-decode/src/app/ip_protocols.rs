//! Services that are an IP protocol of their own: what a flow without ports speaks.

use super::{Category, Protocol};

const fn protocol(name: &'static str, title: &'static str, category: Category) -> Protocol {
    Protocol {
        name,
        title,
        category,
    }
}

static ICMP: Protocol = protocol("icmp", "ICMP", Category::Network);
static IGMP: Protocol = protocol("igmp", "IGMP", Category::Network);
static IP_IN_IP: Protocol = protocol("ip_in_ip", "IP in IP", Category::Network);
static EGP: Protocol = protocol("egp", "EGP", Category::Network);
static RSVP: Protocol = protocol("rsvp", "RSVP", Category::Network);
static GRE: Protocol = protocol("gre", "GRE", Category::Network);
static IPSEC: Protocol = protocol("ipsec", "IPsec", Category::Vpn);
static ICMPV6: Protocol = protocol("icmpv6", "ICMPv6", Category::Network);
static EIGRP: Protocol = protocol("eigrp", "EIGRP", Category::Network);
static OSPF: Protocol = protocol("ospf", "OSPF", Category::Network);
static PIM: Protocol = protocol("pim", "PIM", Category::Network);
static VRRP: Protocol = protocol("vrrp", "VRRP", Category::Network);
static PGM: Protocol = protocol("pgm", "PGM", Category::Network);
static L2TP: Protocol = protocol("l2tp", "L2TP", Category::Vpn);
static SCTP: Protocol = protocol("sctp", "SCTP", Category::Network);

/// The service that an IP protocol's number stands for (IANA's protocol numbers); `None` for
/// those that carry services by port, and for the rest.
///
/// ```
/// use netloom_decode::app::service_of_protocol;
/// assert_eq!(service_of_protocol(112).map(|service| service.name), Some("vrrp"));
/// assert_eq!(service_of_protocol(6), None);
/// ```
pub fn service_of_protocol(number: u8) -> Option<&'static Protocol> {
    Some(match number {
        1 => &ICMP,
        2 => &IGMP,
        4 | 41 | 94 => &IP_IN_IP,
        8 => &EGP,
        46 => &RSVP,
        47 => &GRE,
        // ESP, AH, and compression.
        50 | 51 | 108 => &IPSEC,
        58 => &ICMPV6,
        88 => &EIGRP,
        89 => &OSPF,
        103 => &PIM,
        112 => &VRRP,
        113 => &PGM,
        115 => &L2TP,
        132 => &SCTP,
        _ => return None,
    })
}
