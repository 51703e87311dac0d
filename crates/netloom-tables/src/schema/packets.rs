//! The `packets` table.

use std::fmt::Write as _;

use netloom_decode::net::arp::Arp;
use netloom_decode::{Decoded, Tcp, Transport};
use netloom_flow::FlowId;
use netloom_packet::Packet;

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::info::SegmentNote;
use crate::layers::append_protocols;

/// The `packets` table: a row is a packet.
#[derive(Debug)]
pub enum Packets {}

/// What a row of `packets` is made from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PacketRow<'a> {
    /// The packet as it was captured.
    pub packet: &'a Packet<'a>,
    /// What decoding it gave.
    pub decoded: &'a Decoded,
    /// The bytes that offsets in `decoded` point into: the packet's, or those of the datagram
    /// it completed.
    pub data: &'a [u8],
    /// The flow it belongs to; needed only where the `flow_id` column was asked for.
    pub flow_id: Option<FlowId>,
    /// Application protocol.
    pub service: Option<&'a str>,
    /// Name of the server of its flow.
    pub server_name: Option<&'a str>,
    /// Its registrable domain.
    pub domain: Option<&'a str>,
    /// Whether its checksums are right; `None` where they were not verified or cannot be.
    pub checksum_ok: Option<bool>,
    /// Bytes of payload that the `payload` column shows.
    pub payload_bytes: usize,
    /// What it says as a part of its TCP stream; where that is not known, the `info` column goes
    /// by the packet alone.
    pub note: Option<&'a SegmentNote>,
}

impl<'a> PacketRow<'a> {
    /// A packet and what decoding it gave; the rest is not known.
    pub fn new(packet: &'a Packet<'a>, decoded: &'a Decoded) -> Self {
        Self {
            packet,
            decoded,
            data: packet.data,
            flow_id: None,
            service: None,
            server_name: None,
            domain: None,
            checksum_ok: None,
            payload_bytes: usize::MAX,
            note: None,
        }
    }
}

impl Table for Packets {
    type Row<'a> = PacketRow<'a>;

    const NAME: &'static str = "packets";
    const DOC: &'static str = "A packet, in the order of the capture. Addresses, protocol and \
        ports are those of the innermost IP header that could be decoded; what was around it \
        stands in `tunnel`.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// Whether ports of a transport are ports and not zeros.
const fn has_ports(transport: &Transport) -> bool {
    matches!(
        transport,
        Transport::Tcp(_)
            | Transport::Udp
            | Transport::UdpLite
            | Transport::Sctp(_)
            | Transport::Dccp(_)
    )
}

/// Source and destination port of a packet as its row has them; `None` where it has none.
pub fn packet_ports(decoded: &Decoded) -> Option<(u16, u16)> {
    has_ports(&decoded.transport).then_some((decoded.src_port, decoded.dst_port))
}

/// The TCP header, where there is one.
fn tcp<'a>(row: &PacketRow<'a>) -> Option<&'a Tcp> {
    match &row.decoded.transport {
        Transport::Tcp(tcp) => Some(tcp),
        _ => None,
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Packets>) -> Column<Packets> {
    captured(name, make).requires(Requires::HEADERS)
}

/// A column that the capture itself tells, without a look into the packet.
const fn captured(name: &'static str, make: Make<Packets>) -> Column<Packets> {
    column::column(name, make)
}

static COLUMNS: &[Column<Packets>] = &[
    captured("number", Make::U64(|row| Some(row.packet.number)))
        .required()
        .doc("Number of the packet in its capture (in several files given together, of the merged stream), from 1, as Wireshark counts.")
        .ecs("event.sequence"),
    captured("ts", Make::Time(|row| Some(row.packet.timestamp)))
        .required()
        .doc("When the packet was captured.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .cic("Timestamp")
        .ecs("@timestamp")
        .ipfix("observationTimeNanoseconds (325)"),
    captured("interface", Make::U32(|row| Some(row.packet.interface)))
        .required()
        .doc("Which interface of the capture it came from, from 0; the `capture` table has their names.")
        .ecs("observer.ingress.interface.id")
        .ipfix("ingressInterface (10)"),
    captured(
        "link_type",
        Make::Text(|row, out| match row.packet.link_type.name() {
            Some(name) => text::some(name, out),
            None => write!(out, "{}", row.packet.link_type).ok(),
        }),
    )
    .required()
    .of_nobody()
    .doc("What the packet's first byte belongs to: a LINKTYPE_ name of tcpdump.org without its prefix, such as `ETHERNET`.")
    .ipfix("dataLinkFrameType (408)"),
    captured("caplen", Make::U32(|row| Some(row.packet.data.len() as u32)))
        .required()
        .doc("Bytes that were captured.")
        .unit("bytes"),
    captured("len", Make::U32(|row| Some(row.packet.wire_len)))
        .required()
        .doc("Length of the frame on the wire.")
        .unit("bytes")
        .ecs("network.bytes")
        .ipfix("dataLinkFrameSize (312)"),
    column(
        "src_mac",
        Make::Mac(|row| row.decoded.src_mac),
    )
    .address("mac")
    .doc("Hardware address the outermost frame came from; null where the link layer has none.")
    .zeek("orig_l2_addr")
    .nfstream("src_mac")
    .ecs("source.mac")
    .ipfix("sourceMacAddress (56)"),
    column(
        "dst_mac",
        Make::Mac(|row| row.decoded.dst_mac),
    )
    .address("mac")
    .doc("Hardware address the outermost frame went to; null where the link layer has none.")
    .zeek("resp_l2_addr")
    .nfstream("dst_mac")
    .ecs("destination.mac")
    .ipfix("destinationMacAddress (80)"),
    column("ethertype", Make::U16(|row| row.decoded.ethertype))
        .doc("EtherType of what the outermost frame carries, behind VLAN tags; null where there is none (LLC without SNAP).")
        .ipfix("ethernetType (256)"),
    column(
        "vlan",
        Make::U16List(|row, out| text::vlans(&row.decoded.vlans, out)),
    )
    .doc("VLAN identifiers of the outermost frame, outermost first; null without a tag.")
    .zeek("vlan / inner_vlan")
    .nfstream("vlan_id")
    .ecs("network.vlan.id / network.inner.vlan.id")
    .ipfix("dot1qVlanId (243)"),
    column(
        "tunnel",
        Make::TextList(|row, item| text::tunnels(&row.decoded.tunnels, item)),
    )
    .of_nobody()
    .doc("Encapsulations that were opened, outermost first, as `kind` or `kind:id` (`vxlan:42`); null without one.")
    .zeek("tunnel_parents")
    .nfstream("tunnel_id")
    .ecs("network.inner"),
    column(
        "src_ip",
        Make::Ip(|row| row.decoded.ip.map(|ip| ip.src)),
    )
    .address("ip")
    .doc("Source address; null without an IP header.")
    .zeek("id.orig_h")
    .nfstream("src_ip")
    .cic("Src IP")
    .ecs("source.ip")
    .ipfix("sourceIPv4Address (8) / sourceIPv6Address (27)"),
    column(
        "dst_ip",
        Make::Ip(|row| row.decoded.ip.map(|ip| ip.dst)),
    )
    .address("ip")
    .doc("Destination address; null without an IP header.")
    .zeek("id.resp_h")
    .nfstream("dst_ip")
    .cic("Dst IP")
    .ecs("destination.ip")
    .ipfix("destinationIPv4Address (12) / destinationIPv6Address (28)"),
    column(
        "ip_version",
        Make::U8(|row| row.decoded.ip.map(|ip| if ip.src.is_ipv4() { 4 } else { 6 })),
    )
    .doc("4 or 6; null without an IP header.")
    .nfstream("ip_version")
    .ecs("network.type")
    .ipfix("ipVersion (60)"),
    column("ttl", Make::U8(|row| row.decoded.ip.map(|ip| ip.ttl)))
        .doc("Time to live, or hop limit; null without an IP header.")
        .unit("hops")
        .ipfix("ipTTL (192)"),
    column("protocol", Make::U8(|row| row.decoded.ip.map(|ip| ip.protocol)))
        .doc("IANA number of the protocol above IP (behind IPv6 extension headers); null without an IP header.")
        .zeek("ip_proto")
        .nfstream("protocol")
        .cic("Protocol")
        .ecs("network.iana_number")
        .ipfix("protocolIdentifier (4)"),
    column(
        "src_port",
        Make::U16(|row| has_ports(&row.decoded.transport).then_some(row.decoded.src_port)),
    )
    .doc("Source port of TCP, UDP, UDP-Lite, SCTP or DCCP; null for anything else and for fragments after the first.")
    .zeek("id.orig_p")
    .nfstream("src_port")
    .cic("Src Port")
    .ecs("source.port")
    .ipfix("sourceTransportPort (7)"),
    column(
        "dst_port",
        Make::U16(|row| has_ports(&row.decoded.transport).then_some(row.decoded.dst_port)),
    )
    .doc("Destination port, as `src_port`.")
    .zeek("id.resp_p")
    .nfstream("dst_port")
    .cic("Dst Port")
    .ecs("destination.port")
    .ipfix("destinationTransportPort (11)"),
    column(
        "icmp_type",
        Make::U8(|row| match row.decoded.transport {
            Transport::Icmpv4(icmp) | Transport::Icmpv6(icmp) => Some(icmp.icmp_type),
            _ => None,
        }),
    )
    .doc("ICMP or ICMPv6 type; null for anything else.")
    .zeek("id.orig_p")
    .ipfix("icmpTypeIPv4 (176) / icmpTypeIPv6 (178)"),
    column(
        "icmp_code",
        Make::U8(|row| match row.decoded.transport {
            Transport::Icmpv4(icmp) | Transport::Icmpv6(icmp) => Some(icmp.code),
            _ => None,
        }),
    )
    .doc("ICMP or ICMPv6 code; null for anything else.")
    .zeek("id.resp_p")
    .ipfix("icmpCodeIPv4 (177) / icmpCodeIPv6 (179)"),
    column(
        "tcp_flags",
        Make::U8(|row| tcp(row).map(|tcp| tcp.flags.0)),
    )
    .doc("TCP flags as the byte of the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128; null without TCP.")
    .ipfix("tcpControlBits (6)"),
    column(
        "tcp_seq",
        Make::U32(|row| tcp(row).map(|tcp| tcp.seq)),
    )
    .doc("TCP sequence number as it stands (not relative); null without TCP.")
    .ipfix("tcpSequenceNumber (184)"),
    column(
        "tcp_ack",
        Make::U32(|row| tcp(row).map(|tcp| tcp.ack)),
    )
    .doc("TCP acknowledgment number as it stands, also where ACK is not set; null without TCP.")
    .ipfix("tcpAcknowledgementNumber (185)"),
    column(
        "tcp_window",
        Make::U16(|row| tcp(row).map(|tcp| tcp.window)),
    )
    .doc("TCP window as it stands (not scaled); null without TCP.")
    .ipfix("tcpWindowSize (186)"),
    column(
        "payload_len",
        Make::U32(|row| row.decoded.ip.map(|_| row.decoded.payload_wire_len)),
    )
    .doc("Bytes behind the transport header as the headers promise them, captured or not (of an unknown protocol: behind the IP header); null without an IP header.")
    .unit("bytes")
    .ipfix("ipPayloadLength (204)"),
    column(
        "service",
        Make::Text(|row, out| text::some(row.service, out)),
    )
    .requires(Requires::FLOW_NAME)
    .of_nobody()
    .doc("Application protocol (`dns`, `http`, `tls`) that its flow has in `flows`; of a packet without a flow, and live until more is known, what its ports stand for.")
    .zeek("service")
    .nfstream("application_name")
    .ecs("network.protocol"),
    column(
        "server_name",
        Make::Text(|row, out| text::some(row.server_name, out)),
    )
    .requires(Requires::FLOW_NAME)
    .identity(Identity::Name)
    .doc("Name of the server of its flow, on every packet of the flow, those before the handshake included; null where nothing names it.")
    .zeek("server_name")
    .nfstream("requested_server_name")
    .ecs("destination.domain"),
    column(
        "domain",
        Make::Text(|row, out| text::some(row.domain, out)),
    )
    .requires(Requires::FLOW_NAME)
    .identity(Identity::Name)
    .doc("Registrable domain of `server_name` by the public suffix list, in lower case; null for addresses and single labels.")
    .ecs("destination.registered_domain"),
    column(
        "flow_id",
        Make::Text(|row, out| text::some(row.flow_id?.as_str(), out)),
    )
    .requires(Requires::FLOW_ID)
    .identity(Identity::FlowId)
    .doc("The flow it belongs to, as in the `flows` table; null for packets of no flow (without an IP header).")
    .zeek("uid")
    .nfstream("id")
    .cic("Flow ID")
    .ecs("event.id")
    .ipfix("flowId (148)"),
    column(
        "info",
        Make::Text(|row, out| crate::info::append(row, out)),
    )
    .requires(Requires::HEADERS.with(Requires::STREAMS))
    .identity(Identity::Text)
    .doc("The packet in one line, for people; its wording may change. A TLS record or an HTTP message that several packets carry is told by the one that ends it."),
    column(
        "fragment",
        Make::Bool(|row| Some(row.decoded.fragment().is_some())),
    )
    .required()
    .doc("Whether it is a fragment of an IP datagram, the first ones too.")
    .ipfix("fragmentFlags (197) / fragmentOffset (88)"),
    captured("truncated", Make::Bool(|row| Some(row.packet.is_truncated())))
        .required()
        .doc("Whether fewer bytes were captured than were on the wire."),
    column(
        "decode_error",
        Make::Text(|row, out| write!(out, "{}", row.decoded.stopped?).ok()),
    )
    .of_nobody()
    .doc("Why decoding ended before the payload: layer, byte, what was needed and found; null where it did not.")
    .ecs("error.message"),
    column(
        "protocols",
        Make::Text(|row, out| {
            append_protocols(row.packet.link_type, row.decoded, out);
            Some(())
        }),
    )
    .when_asked()
    .required()
    .of_nobody()
    .doc("Protocols of its headers, outermost first, with a colon between (`ethernet:vlan:ipv4:tcp`), as Wireshark's `frame.protocols` has them; what is above them is its `service`."),
    column("arp_opcode", Make::U16(|row| Some(arp(row)?.operation)))
        .when_asked()
        .doc("What an ARP message does: 1 asks, 2 replies (RFC 826; IANA, \"ARP parameters\"); null for anything but ARP for IPv4 over 48-bit hardware addresses."),
    column("arp_sender_mac", Make::Mac(|row| Some(arp(row)?.sender_mac)))
        .when_asked()
        .address("mac")
        .doc("Hardware address of the sender of an ARP message, as the message says; null as `arp_opcode`."),
    column("arp_sender_ip", Make::Ip(|row| Some(arp(row)?.sender_ip.into())))
        .when_asked()
        .address("ip")
        .doc("Address of the sender of an ARP message: 0.0.0.0 in a probe (RFC 5227); null as `arp_opcode`."),
    column("arp_target_mac", Make::Mac(|row| Some(arp(row)?.target_mac)))
        .when_asked()
        .address("mac")
        .doc("Hardware address of the target of an ARP message, mostly zeros where it is asked for; null as `arp_opcode`."),
    column("arp_target_ip", Make::Ip(|row| Some(arp(row)?.target_ip.into())))
        .when_asked()
        .address("ip")
        .doc("Address that an ARP message asks for or replies to, the sender's own where it is announced; null as `arp_opcode`."),
    column("checksum_ok", Make::Bool(|row| row.checksum_ok))
        .when_asked()
        .requires(Requires::CHECKSUMS)
        .doc("Whether the checksums of IP and transport header are right; null where they cannot be verified (cut or fragmented packets). Verified only when this column is asked for."),
    column("payload", Make::Text(|row, out| payload(row, out)))
        .when_asked()
        .identity(Identity::Bytes)
        .doc("Payload behind the transport header as hex, at most as many bytes as `--payload-bytes` says; null without payload. Only where it is asked for by name: it is what people said."),
];

/// The ARP message, where it is one.
fn arp(row: &PacketRow<'_>) -> Option<Arp> {
    row.decoded.arp(row.data)
}

/// The payload as hex.
fn payload(row: &PacketRow<'_>, out: &mut String) -> Option<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = row.decoded.payload(row.data);
    let bytes = bytes.get(..row.payload_bytes).unwrap_or(bytes);
    if bytes.is_empty() {
        return None;
    }
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)].into());
        out.push(DIGITS[usize::from(byte & 15)].into());
    }
    Some(())
}
