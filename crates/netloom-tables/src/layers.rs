//! Which protocols a packet's headers are of.

use std::borrow::Cow;
use std::fmt::Write as _;

use netloom_decode::{Decoded, Network, TunnelKind};
use netloom_packet::LinkType;

use crate::ethertype::ethertype_name;
use crate::protocol::protocol_name;

/// Appends the protocols of a packet's headers, outermost first, with a colon between
/// (`ethernet:vlan:ipv4:tcp`). What is above the transport is not told. A fragment after the first
/// ends in `fragment`; `unknown` network layers have no name here.
///
/// ```
/// use netloom_packet::LinkType;
/// let mut path = String::new();
/// netloom_tables::append_protocols(LinkType::ETHERNET, &Default::default(), &mut path);
/// assert_eq!(path, "ethernet");
/// ```
pub fn append_protocols(link_type: LinkType, decoded: &Decoded, out: &mut String) {
    let start = out.len();
    // Writing to a String cannot fail.
    _ = write!(out, "{link_type}");
    if let Some(name) = out.get_mut(start..) {
        name.make_ascii_lowercase();
    }
    let mut push = |name: &str| {
        out.push(':');
        out.push_str(name);
    };
    if !decoded.vlans.as_slice().is_empty() {
        push("vlan");
    }
    for (depth, tunnel) in decoded.tunnels.as_slice().iter().enumerate() {
        if carried_by_ip(tunnel.kind) {
            // Only the outermost carrier's version is known for sure.
            push(match decoded.ethertype {
                Some(0x86dd) if depth == 0 => "ipv6",
                _ if depth == 0 => "ipv4",
                _ => "ip",
            });
        }
        push(tunnel.kind.name());
    }
    if decoded.network != Network::None {
        push(network_name(decoded));
    }
    let Some(ip) = decoded.ip else { return };
    // Its transport may have been learned from the first one since; its header is not in it.
    if ip.is_later_fragment() {
        push("fragment");
    } else {
        push(&header_name(ip.protocol));
    }
}

const fn carried_by_ip(kind: TunnelKind) -> bool {
    !matches!(kind, TunnelKind::Mpls | TunnelKind::Pppoe | TunnelKind::Pbb)
}

/// Lower-case name of a packet's network layer, `unknown` where there is none.
pub fn network_name(decoded: &Decoded) -> &'static str {
    match decoded.network {
        Network::None => "unknown",
        Network::Ipv4 => "ipv4",
        Network::Ipv6 => "ipv6",
        Network::Arp => "arp",
        Network::Rarp => "rarp",
        Network::Lldp => "lldp",
        Network::Cdp => "cdp",
        Network::Stp => "stp",
        Network::Eapol => "eapol",
        Network::PppoeDiscovery => "pppoe_discovery",
        Network::SlowProtocols => "slow_protocols",
        Network::WlanControl => "wlan_control",
        Network::WlanEncrypted => "wlan_encrypted",
        Network::Ipx => "ipx",
        Network::Osi => "osi",
        Network::PppControl => "ppp_control",
        Network::Loopback => "loopback",
        Network::Dtp => "dtp",
        Network::Vtp => "vtp",
        Network::Udld => "udld",
        Network::Pagp => "pagp",
        Network::NetBeui => "netbeui",
        _ => decoded
            .ethertype
            .and_then(ethertype_name)
            .unwrap_or("other"),
    }
}

/// Name of an IP protocol: as people say it where the IANA keyword ([`protocol_name`]) is another,
/// and `ip_protocol_N` where there is none.
///
/// ```
/// use netloom_tables::header_name;
/// assert_eq!(header_name(6), "tcp");
/// assert_eq!(header_name(58), "icmpv6");
/// assert_eq!(header_name(253), "ip_protocol_253");
/// ```
pub fn header_name(protocol: u8) -> Cow<'static, str> {
    match protocol {
        // An IP header inside that could not be decoded; the one outside has the name `ipv4`.
        4 => "ipip".into(),
        41 => "ipv6_in_ip".into(),
        58 => "icmpv6".into(),
        89 => "ospf".into(),
        _ => protocol_name(protocol)
            .map_or_else(|| format!("ip_protocol_{protocol}").into(), Cow::from),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use netloom_decode::{Fragment, Ip, Transport};

    use super::*;

    #[test]
    fn what_is_not_decoded_has_the_name_of_its_ethertype() {
        let mut other = Decoded {
            network: Network::Other,
            ethertype: Some(0x88a4),
            ..Decoded::default()
        };
        assert_eq!(network_name(&other), "ethercat");
        other.ethertype = Some(0x1234);
        assert_eq!(network_name(&other), "other");
        other.ethertype = None;
        assert_eq!(network_name(&other), "other");
    }

    #[test]
    fn later_fragments_have_no_transport() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut decoded = Decoded {
            network: Network::Ipv4,
            transport: Transport::Udp,
            ip: Some(Ip {
                src: host,
                dst: host,
                offset: 0,
                header_len: 20,
                total_len: 36,
                ttl: 64,
                tos: 0,
                protocol: 17,
                fragment: None,
            }),
            ..Decoded::default()
        };
        let path = |decoded: &Decoded| {
            let mut path = String::new();
            append_protocols(LinkType(147), decoded, &mut path);
            path
        };
        assert!(path(&decoded).ends_with(":ipv4:udp"), "{}", path(&decoded));
        if let Some(ip) = &mut decoded.ip {
            ip.fragment = Some(Fragment {
                id: 1,
                offset: 8,
                len: 8,
                more: false,
                data_offset: 20,
            });
        }
        // Not learned from the first fragment, and learned from it.
        for transport in [Transport::None, Transport::Udp] {
            decoded.transport = transport;
            assert!(
                path(&decoded).ends_with(":ipv4:fragment"),
                "{}",
                path(&decoded)
            );
        }
    }
}
