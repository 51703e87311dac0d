//! Link types, with tcpdump's numbers.

use std::fmt;

/// What the first byte of a packet belongs to: a LINKTYPE_ value of
/// <https://www.tcpdump.org/linktypes.html>.
///
/// The DLT_ values that differ between systems are mapped to LINKTYPE_ values by the readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl LinkType {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The name without its LINKTYPE_ prefix, or `None` for one netloom has no name for.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

link_types! {
    /// BSD loopback: a 4-byte address family in the byte order of the capturing machine.
    NULL = 0, "NULL";
    /// IEEE 802.3 Ethernet.
    ETHERNET = 1, "ETHERNET";
    /// IEEE 802.5 Token Ring.
    TOKEN_RING = 6, "IEEE802_5";
    /// SLIP with a 16-byte header.
    SLIP = 8, "SLIP";
    /// PPP, with or without HDLC framing.
    PPP = 9, "PPP";
    /// FDDI.
    FDDI = 10, "FDDI";
    /// PPP in HDLC-like framing, or Cisco HDLC where the first byte says so.
    PPP_HDLC = 50, "PPP_HDLC";
    /// PPPoE session.
    PPP_ETHER = 51, "PPP_ETHER";
    /// ATM with LLC/SNAP (RFC 1483).
    ATM_RFC1483 = 100, "ATM_RFC1483";
    /// Raw IP: the version nibble says which.
    RAW = 101, "RAW";
    /// Cisco HDLC.
    C_HDLC = 104, "C_HDLC";
    /// IEEE 802.11 without any pseudo-header.
    IEEE802_11 = 105, "IEEE802_11";
    /// Frame Relay (LAPF).
    FRELAY = 107, "FRELAY";
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    LOOP = 108, "LOOP";
    /// Linux cooked capture v1.
    LINUX_SLL = 113, "LINUX_SLL";
    /// Apple LocalTalk.
    LTALK = 114, "LTALK";
    /// OpenBSD pflog.
    PFLOG = 117, "PFLOG";
    /// Prism header, then 802.11.
    IEEE802_11_PRISM = 119, "IEEE802_11_PRISM";
    /// Sun ATM pseudo-header.
    SUNATM = 123, "SUNATM";
    /// Radiotap header, then 802.11.
    IEEE802_11_RADIOTAP = 127, "IEEE802_11_RADIOTAP";
    /// ARCNET in Linux's framing.
    ARCNET_LINUX = 129, "ARCNET_LINUX";
    /// Juniper MLPPP.
    JUNIPER_MLPPP = 130, "JUNIPER_MLPPP";
    /// Juniper MLFR.
    JUNIPER_MLFR = 131, "JUNIPER_MLFR";
    /// Juniper encryption services.
    JUNIPER_ES = 132, "JUNIPER_ES";
    /// Juniper GGSN.
    JUNIPER_GGSN = 133, "JUNIPER_GGSN";
    /// Juniper MFR.
    JUNIPER_MFR = 134, "JUNIPER_MFR";
    /// Juniper ATM2.
    JUNIPER_ATM2 = 135, "JUNIPER_ATM2";
    /// Juniper services.
    JUNIPER_SERVICES = 136, "JUNIPER_SERVICES";
    /// Juniper ATM1.
    JUNIPER_ATM1 = 137, "JUNIPER_ATM1";
    /// IP over FireWire (RFC 2734), Apple's header.
    APPLE_IP_OVER_IEEE1394 = 138, "APPLE_IP_OVER_IEEE1394";
    /// Raw IP over Fibre Channel (RFC 2625).
    IP_OVER_FC = 122, "IP_OVER_FC";
    /// AVS header, then 802.11.
    IEEE802_11_AVS = 163, "IEEE802_11_AVS";
    /// Juniper monitor.
    JUNIPER_MONITOR = 164, "JUNIPER_MONITOR";
    /// PPP with a direction byte in front.
    PPP_PPPD = 166, "PPP_PPPD";
    /// Juniper PPPoE.
    JUNIPER_PPPOE = 167, "JUNIPER_PPPOE";
    /// Juniper PPPoE over ATM.
    JUNIPER_PPPOE_ATM = 168, "JUNIPER_PPPOE_ATM";
    /// Juniper PIC peer.
    JUNIPER_PIC_PEER = 174, "JUNIPER_PIC_PEER";
    /// Juniper Ethernet.
    JUNIPER_ETHER = 178, "JUNIPER_ETHER";
    /// Juniper PPP.
    JUNIPER_PPP = 179, "JUNIPER_PPP";
    /// Juniper Frame Relay.
    JUNIPER_FRELAY = 180, "JUNIPER_FRELAY";
    /// Juniper Cisco HDLC.
    JUNIPER_CHDLC = 181, "JUNIPER_CHDLC";
    /// Juniper voice services.
    JUNIPER_VP = 183, "JUNIPER_VP";
    /// USB as Linux captures it.
    USB_LINUX = 189, "USB_LINUX";
    /// Per-Packet Information header.
    PPI = 192, "PPI";
    /// Juniper secure tunnel.
    JUNIPER_ST = 200, "JUNIPER_ST";
    /// PPP with a direction byte.
    PPP_WITH_DIR = 204, "PPP_WITH_DIR";
    /// Cisco HDLC with a direction byte.
    C_HDLC_WITH_DIR = 205, "C_HDLC_WITH_DIR";
    /// Frame Relay with a direction byte.
    FRELAY_WITH_DIR = 206, "FRELAY_WITH_DIR";
    /// USB as Linux captures it, 64-byte header.
    USB_LINUX_MMAPPED = 220, "USB_LINUX_MMAPPED";
    /// Solaris's ipnet: 24 bytes with the address family.
    IPNET = 226, "IPNET";
    /// Raw IPv4.
    IPV4 = 228, "IPV4";
    /// Raw IPv6.
    IPV6 = 229, "IPV6";
    /// Linux netfilter log.
    NFLOG = 239, "NFLOG";
    /// DVB-CI.
    DVB_CI = 235, "DVB_CI";
    /// Ethernet with Hilscher NetANALYZER header.
    NETANALYZER = 240, "NETANALYZER";
    /// As `NETANALYZER`, with preamble.
    NETANALYZER_TRANSPARENT = 241, "NETANALYZER_TRANSPARENT";
    /// IP over InfiniBand: a global route header of 40 bytes, EtherType, two bytes.
    IPOIB = 242, "IPOIB";
    /// Infiniband.
    INFINIBAND = 247, "INFINIBAND";
    /// Linux netlink.
    NETLINK = 253, "NETLINK";
    /// Wireshark's upper PDU export.
    WIRESHARK_UPPER_PDU = 252, "WIRESHARK_UPPER_PDU";
    /// Apple's PKTAP.
    PKTAP = 258, "PKTAP";
    /// IEEE 802.15.4 without FCS and others have numbers only; DSA tags, Marvell.
    DSA_TAG_DSA = 284, "DSA_TAG_DSA";
    /// DSA tags, Marvell, with EtherType.
    DSA_TAG_EDSA = 285, "DSA_TAG_EDSA";
    /// Ethernet frames with DSA tags of Broadcom.
    DSA_TAG_BRCM = 281, "DSA_TAG_BRCM";
    /// Ethernet frames with Broadcom tags in front.
    DSA_TAG_BRCM_PREPEND = 282, "DSA_TAG_BRCM_PREPEND";
    /// Linux cooked capture v2.
    LINUX_SLL2 = 276, "LINUX_SLL2";
    /// Ethernet with preamble and start delimiter in front.
    ETHERNET_MPACKET = 274, "ETHERNET_MPACKET";
    /// Linux virtual socket monitor.
    VSOCK = 271, "VSOCK";
    /// Z-Wave and others have numbers only.
    BLUETOOTH_HCI_H4 = 187, "BLUETOOTH_HCI_H4";
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "LINKTYPE_{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(LinkType::ETHERNET.to_string(), "ETHERNET");
        assert_eq!(LinkType(147).to_string(), "LINKTYPE_147");
    }
}
