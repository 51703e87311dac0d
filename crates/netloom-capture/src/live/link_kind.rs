//! From the kernel's kinds of interfaces to link types.

use netloom_packet::LinkType;

/// What packets of an interface of a kind (`ARPHRD_`, linux/if_arp.h) begin with; `None`: what
/// they begin with has no link type of its own, they are taken in cooked mode.
pub(super) fn link_type(kind: u16) -> Option<LinkType> {
    Some(match kind {
        // ETHER; METRICOM and LOOPBACK frame as it does.
        1 | 23 | 772 => LinkType::ETHERNET,
        // IEEE802, IEEE802_TR
        6 | 800 => LinkType::TOKEN_RING,
        // ARCNET
        7 => LinkType::ARCNET_LINUX,
        // TUNNEL, TUNNEL6, SIT, SLIP and its compressed kinds, RAWHDLC, RAWIP, NONE (TUN,
        // WireGuard): an IP packet.
        256..=259 | 518 | 519 | 768 | 769 | 776 | 0xfffe => LinkType::RAW,
        // CISCO (HDLC)
        513 => LinkType::C_HDLC,
        // FRAD, DLCI
        15 | 770 => LinkType::FRELAY,
        // LOCALTLK
        773 => LinkType::LTALK,
        // FDDI
        774 => LinkType::FDDI,
        // IEEE80211, with a Prism header, with a radiotap header
        801 => LinkType::IEEE802_11,
        802 => LinkType::IEEE802_11_PRISM,
        803 => LinkType::IEEE802_11_RADIOTAP,
        // VSOCKMON
        826 => LinkType::VSOCK,
        _ => return None,
    })
}

/// The kernel's name for a kind of interface, in lower case, for people.
pub(super) fn kind_name(kind: u16) -> &'static str {
    match kind {
        1 => "ethernet",
        772 => "loopback",
        768 | 769 => "ip tunnel",
        776 => "sit",
        778 => "gre",
        823 => "gre6",
        512 => "ppp",
        280 => "can",
        801..=803 => "wlan monitor",
        824 => "netlink",
        826 => "vsock",
        32 => "infiniband",
        0xfffe | 519 => "ip",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert_eq!(link_type(1), Some(LinkType::ETHERNET));
        assert_eq!(link_type(772), Some(LinkType::ETHERNET));
        assert_eq!(link_type(0xfffe), Some(LinkType::RAW));
        assert_eq!(link_type(803), Some(LinkType::IEEE802_11_RADIOTAP));
        // PPP and GRE have headers of several kinds.
        assert_eq!(link_type(512), None);
        assert_eq!(link_type(778), None);
    }
}
