//! Link layers: where their headers begin and end.

use netloom_packet::LinkType;

use super::super::condition::{Comparison, Operand, Test};
use super::super::syntax::Operator;
use super::super::value::{Size, ValueId, Values};

/// An offset that a link type does not have. Sums with it wrap around.
pub(super) const NONE: u32 = u32::MAX;

/// Link types that netloom has no name for, but tcpdump reads.
pub(super) const ARCNET: LinkType = LinkType(7);
pub(super) const SLIP_BSDOS: LinkType = LinkType(102);
pub(super) const PPP_BSDOS: LinkType = LinkType(103);
pub(super) const ATM_CLIP: LinkType = LinkType(106);
pub(super) const ENC: LinkType = LinkType(109);
pub(super) const SYMANTEC_FIREWALL: LinkType = LinkType(99);
pub(super) const MTP2_WITH_PHDR: LinkType = LinkType(139);
pub(super) const MTP2: LinkType = LinkType(140);
pub(super) const BACNET_MS_TP: LinkType = LinkType(165);
pub(super) const MFR: LinkType = LinkType(182);
pub(super) const JUNIPER_ISM: LinkType = LinkType(194);
pub(super) const ERF: LinkType = LinkType(197);
pub(super) const IPNET: LinkType = LinkType(226);
pub(super) const JUNIPER_VS: LinkType = LinkType(232);
pub(super) const JUNIPER_SRX_E2E: LinkType = LinkType(233);
pub(super) const JUNIPER_FIBRECHANNEL: LinkType = LinkType(234);
pub(super) const JUNIPER_ATM_CEMIC: LinkType = LinkType(238);
pub(super) const PFSYNC: LinkType = LinkType(246);

/// An offset: a constant part, and one that depends on the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) constant: u32,
    pub(super) variable: Option<ValueId>,
}

impl Offset {
    const fn fixed(constant: u32) -> Self {
        Self {
            constant,
            variable: None,
        }
    }
}

/// What an offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Packet,
    /// The link layer's header.
    Link,
    /// The link layer's header before it, where one was passed.
    PreviousLink,
    /// What names the protocol above.
    LinkType,
    /// What follows the link layer's header, where an LLC header may begin.
    Payload,
    /// The network layer.
    Network,
    /// The network layer, behind an LLC header without SNAP.
    NetworkNoSnap,
    /// The MPLS label before the network layer.
    PreviousLabel,
    /// What an IPv4 header carries.
    Ipv4Payload,
    /// What follows an IPv6 header; further headers are not passed.
    Ipv6Payload,
}

/// The link layer as it stands at one place of a filter.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Link type of the packets.
    pub(super) outermost: LinkType,
    /// Link type of the header that is looked at now.
    pub(super) link_type: LinkType,
    /// The one before it.
    pub(super) previous_type: LinkType,
    pub(super) header: Offset,
    pub(super) previous_header: Offset,
    /// Where the protocol above is named.
    pub(super) type_at: Offset,
    pub(super) payload: Offset,
    /// From the payload to the network layer.
    pub(super) network: u32,
    /// The same with an LLC header without SNAP.
    pub(super) network_no_snap: u32,
    /// MPLS labels that were passed.
    pub(super) labels: u32,
    /// VLAN tags that were passed.
    pub(super) vlans: u32,
    /// Whether the header is inside GENEVE: 1 if it is Ethernet, 0 if there is none.
    pub(super) geneve_ethernet: Option<ValueId>,
}

impl Layer {
    /// The outermost link layer of packets.
    pub(super) fn of(link_type: LinkType, values: &mut Values) -> Self {
        let (type_at, payload, network, network_no_snap) = offsets(link_type);
        let mut layer = Self {
            outermost: link_type,
            link_type,
            previous_type: link_type,
            header: Offset::fixed(0),
            previous_header: Offset::fixed(0),
            type_at: Offset::fixed(type_at),
            payload: Offset::fixed(payload),
            network,
            network_no_snap,
            labels: 0,
            vlans: 0,
            geneve_ethernet: None,
        };
        match link_type {
            LinkType::NETANALYZER => layer.header.constant = 4,
            LinkType::NETANALYZER_TRANSPARENT => layer.header.constant = 12,
            LinkType::IEEE802_11_PRISM
            | LinkType::IEEE802_11_RADIOTAP
            | LinkType::IEEE802_11_AVS
            | LinkType::PPI => {
                let length = radio_length(link_type, values);
                layer.header.variable = Some(values.share(length));
                let payload = wlan_payload(link_type, Some(length), values);
                layer.payload.variable = Some(values.share(payload));
            }
            LinkType::IEEE802_11 => {
                let payload = wlan_payload(link_type, None, values);
                layer.payload.variable = Some(values.share(payload));
            }
            LinkType::PFLOG => {
                // Its length is padded to four bytes.
                let length = values.load(Size::Byte, None, 0);
                let length = values.with(Operator::Add, length, 3);
                let length = values.with(Operator::And, length, !3);
                layer.payload.variable = Some(length);
            }
            _ => {}
        }
        layer.previous_header = layer.header;
        layer
    }

    /// Whether the header is 802.11, with or without something before it.
    pub(super) fn is_wlan(&self) -> bool {
        matches!(
            self.link_type,
            LinkType::IEEE802_11
                | LinkType::IEEE802_11_PRISM
                | LinkType::IEEE802_11_AVS
                | LinkType::IEEE802_11_RADIOTAP
                | LinkType::PPI
        )
    }

    /// Whether the header is Ethernet.
    pub(super) fn is_ethernet(&self) -> bool {
        matches!(
            self.link_type,
            LinkType::ETHERNET | LinkType::NETANALYZER | LinkType::NETANALYZER_TRANSPARENT
        )
    }

    /// What must hold for every packet, whatever the filter says: that one with a PPI header is
    /// 802.11.
    pub(super) fn outer_check(&self, values: &mut Values) -> Option<Test> {
        // As with libpcap, the innermost link layer counts.
        (self.link_type == LinkType::PPI).then(|| Test {
            value: values.load(Size::Word, None, 4),
            comparison: Comparison::Equal,
            operand: Operand::Number(105_u32.swap_bytes()),
        })
    }

    /// Where a place is: the part that depends on the packet, and the constant one.
    pub(super) fn place(&self, place: Place, values: &mut Values) -> (Option<ValueId>, u32) {
        let behind =
            |offset: Offset, more: u32| (offset.variable, offset.constant.wrapping_add(more));
        match place {
            Place::Packet => (None, 0),
            Place::Link => behind(self.header, 0),
            Place::PreviousLink => behind(self.previous_header, 0),
            Place::LinkType => behind(self.type_at, 0),
            Place::Payload => behind(self.payload, 0),
            Place::Network => behind(self.payload, self.network),
            Place::NetworkNoSnap => behind(self.payload, self.network_no_snap),
            Place::PreviousLabel => behind(self.payload, self.network.wrapping_sub(4)),
            Place::Ipv6Payload => behind(self.payload, self.network.wrapping_add(40)),
            Place::Ipv4Payload => {
                let (base, start) = behind(self.payload, self.network);
                let length = values.header_length(base, start);
                let length = match base {
                    Some(base) => {
                        let length = values.binary(Operator::Add, length, base);
                        values.share(length)
                    }
                    None => length,
                };
                (Some(length), start)
            }
        }
    }
}

/// Where the protocol is named, where the payload begins, and from there the network layer
/// behind an LLC header with and without SNAP.
fn offsets(link_type: LinkType) -> (u32, u32, u32, u32) {
    match link_type {
        ARCNET => (2, 6, 0, 0),
        LinkType::ARCNET_LINUX => (4, 8, 0, 0),
        LinkType::ETHERNET => (12, 14, 0, 3),
        LinkType::NETANALYZER => (16, 18, 0, 3),
        LinkType::NETANALYZER_TRANSPARENT => (24, 26, 0, 3),
        LinkType::SLIP => (NONE, 16, 0, 0),
        SLIP_BSDOS => (NONE, 24, 0, 0),
        LinkType::NULL | LinkType::LOOP => (0, 4, 0, 0),
        ENC => (0, 12, 0, 0),
        LinkType::PPP | LinkType::PPP_PPPD | LinkType::C_HDLC | LinkType::PPP_HDLC => (2, 4, 0, 0),
        LinkType::PPP_ETHER => (6, 8, 0, 0),
        PPP_BSDOS => (5, 24, 0, 0),
        LinkType::FDDI => (13, 13, 8, 3),
        LinkType::TOKEN_RING => (14, 14, 8, 3),
        LinkType::IEEE802_11
        | LinkType::IEEE802_11_PRISM
        | LinkType::IEEE802_11_AVS
        | LinkType::IEEE802_11_RADIOTAP
        | LinkType::PPI => (24, 0, 8, 3),
        LinkType::ATM_RFC1483 | ATM_CLIP => (0, 0, 8, 3),
        LinkType::SUNATM => (4, 4, 8, 3),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType::LTALK | LinkType::FRELAY => {
            (NONE, 0, 0, 0)
        }
        LinkType::LINUX_SLL => (14, 16, 0, 0),
        LinkType::LINUX_SLL2 => (0, 20, 0, 0),
        LinkType::IP_OVER_FC => (16, 16, 8, 3),
        MFR => (NONE, 0, 4, 0),
        LinkType::APPLE_IP_OVER_IEEE1394 => (16, 18, 0, 0),
        SYMANTEC_FIREWALL => (6, 44, 0, 0),
        LinkType::PFLOG => (0, 0, 0, 0),
        LinkType::JUNIPER_MFR
        | LinkType::JUNIPER_MLFR
        | LinkType::JUNIPER_MLPPP
        | LinkType::JUNIPER_PPP
        | LinkType::JUNIPER_CHDLC
        | LinkType::JUNIPER_FRELAY => (4, 4, 0, NONE),
        LinkType::JUNIPER_ATM1 => (4, 4, 0, 10),
        LinkType::JUNIPER_ATM2 => (8, 8, 0, 10),
        LinkType::JUNIPER_PPPOE | LinkType::JUNIPER_ETHER => (16, 14, 18, 21),
        LinkType::JUNIPER_PPPOE_ATM => (4, 6, 0, NONE),
        LinkType::JUNIPER_GGSN => (6, 12, 0, NONE),
        LinkType::JUNIPER_ES => (6, NONE, NONE, NONE),
        LinkType::JUNIPER_MONITOR => (12, 12, 0, NONE),
        LinkType::JUNIPER_SERVICES => (12, NONE, NONE, NONE),
        LinkType::JUNIPER_VP | LinkType::JUNIPER_ST => (18, NONE, NONE, NONE),
        JUNIPER_ISM | JUNIPER_VS | JUNIPER_SRX_E2E | JUNIPER_FIBRECHANNEL | JUNIPER_ATM_CEMIC => {
            (8, NONE, NONE, NONE)
        }
        PFSYNC => (NONE, 4, 0, 0),
        IPNET => (1, 24, 0, NONE),
        _ => (NONE, NONE, NONE, NONE),
    }
}

/// Length of what stands before an 802.11 header.
fn radio_length(link_type: LinkType, values: &mut Values) -> ValueId {
    match link_type {
        // 144 bytes, or an AVS header, which begins with a number of its own and its length.
        LinkType::IEEE802_11_PRISM => {
            let cookie = values.load(Size::Word, None, 0);
            let cookie = values.with(Operator::ShiftRight, cookie, 12);
            let is_avs = values.is(cookie, 0x8021_1000 >> 12);
            let length = values.load(Size::Word, None, 4);
            let more = values.with(Operator::Subtract, length, 144);
            let more = values.binary(Operator::Multiply, more, is_avs);
            values.with(Operator::Add, more, 144)
        }
        LinkType::IEEE802_11_AVS => values.load(Size::Word, None, 4),
        // Radiotap and PPI: 16 bits, the lower byte first.
        _ => {
            let high = values.load(Size::Byte, None, 3);
            let high = values.with(Operator::ShiftLeft, high, 8);
            let low = values.load(Size::Byte, None, 2);
            values.binary(Operator::Or, high, low)
        }
    }
}

/// Where the payload of an 802.11 data frame begins: 24 bytes after the header's begin, 26 for
/// QoS data, and padded to four where radiotap says so.
fn wlan_payload(link_type: LinkType, header: Option<ValueId>, values: &mut Values) -> ValueId {
    let control = values.load(Size::Byte, header, 0);
    let kind = values.with(Operator::And, control, 0x8c);
    let is_qos = values.is(kind, 0x88);
    let more = values.with(Operator::ShiftLeft, is_qos, 1);
    let mut length = values.with(Operator::Add, more, 24);
    if let Some(header) = header {
        length = values.binary(Operator::Add, length, header);
    }
    if link_type != LinkType::IEEE802_11_RADIOTAP {
        return length;
    }
    // The flags are the first field, or the second one after a time stamp; a further word of
    // "present" bits would move them. All bits as a big-endian load sees them.
    let present = values.load(Size::Word, None, 4);
    let bit = |values: &mut Values, shift: u32| {
        let shifted = values.with(Operator::ShiftRight, present, shift);
        values.with(Operator::And, shifted, 1)
    };
    let has_time = bit(values, 24);
    let flags_at = values.with(Operator::ShiftLeft, has_time, 3);
    let flags = values.load(Size::Byte, Some(flags_at), 8);
    let padded = values.with(Operator::ShiftRight, flags, 5);
    let padded = values.with(Operator::And, padded, 1);
    // 0x02 flags, 0x80 another word.
    let relevant = values.with(Operator::And, present, 0x0200_0080);
    let relevant = values.with(Operator::ShiftRight, relevant, 7);
    let has_flags = values.is(relevant, 0x0200_0000 >> 7);
    let padded = values.binary(Operator::And, padded, has_flags);
    // 802.11 headers have an even length, so there is room for two bytes or none.
    let length = values.share(length);
    let missing = values.negate(length);
    let missing = values.with(Operator::And, missing, 3);
    let missing = values.binary(Operator::Multiply, missing, padded);
    values.binary(Operator::Add, length, missing)
}
