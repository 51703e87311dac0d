//! The `flows` table.

use std::sync::LazyLock;

use netloom_flow::FlowRecord;
use netloom_flow::features::{Nfstream, Statistics, Summed};
use netloom_flow::name::{country, vendor};

use super::{flow_features, text};
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;

/// The `flows` table: a row is a bidirectional flow.
#[derive(Debug)]
pub enum Flows {}

/// What a row of `flows` is made from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowRow<'a> {
    /// The finished flow.
    pub record: &'a FlowRecord,
    /// What was summed up over its packets, where a column asked for it.
    pub statistics: Option<Summed<'a, Statistics>>,
    /// What NFStream sums up, where a column asked for it.
    pub nfstream: Option<Summed<'a, Nfstream>>,
    /// Number of the row, for who counts them; else that of the flow's first packet.
    pub number: u64,
}

impl<'a> FlowRow<'a> {
    /// A flow of which no more is known than its record.
    pub fn new(record: &'a FlowRecord) -> Self {
        Self {
            record,
            statistics: record.statistics(),
            nfstream: record.nfstream(),
            number: record.first_number,
        }
    }
}

impl Table for Flows {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "A bidirectional flow, in the order in which flows ended. `src` is \
        the originator, `dst` the responder; `fwd_` is src→dst, `bwd_` the way back. What keys \
        and ends a flow is set by `--flow-rules`.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<Flows>>> = LazyLock::new(|| {
            columns()
                .into_iter()
                .chain(flow_features::columns())
                .collect()
        });
        &ALL
    }
}

/// A fingerprint of the flow's ends.
fn fingerprint(row: &FlowRow<'_>, kind: &str, out: &mut String) -> Option<()> {
    text::some(row.record.app.as_ref()?.fingerprint(kind)?, out)
}

/// Nanoseconds as milliseconds.
fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Flows>) -> Column<Flows> {
    column::column(name, make)
}

/// The columns of every flow; those that models learn from come after them.
fn columns() -> Vec<Column<Flows>> {
    vec![
    column("flow_id", Make::Text(|row, out| text::some(row.record.flow_id().as_str(), out)))
    .required()
    .identity(Identity::FlowId)
    .doc("16 base62 digits of SHA-256 over flow key, start, number of the first packet and the sensor's name: the same for the same capture and rules, whatever the threads.")
    .zeek("uid")
    .nfstream("id")
    .cic("Flow ID")
    .ecs("event.id")
    .ipfix("flowId (148)"),
    column("community_id", Make::Text(|row, out| {
        let flow = row.record;
        out.push_str(&community_id(flow));
        Some(())
    }))
    .required()
    .identity(Identity::CommunityId)
    .doc("Community ID v1 with seed 0: the same in every tool that knows it, for joining.")
    .zeek("community_id")
    .ecs("network.community_id"),
    column("start", Make::Time(|row| Some(row.record.start)))
        .required()
        .doc("Time of the first packet.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .nfstream("bidirectional_first_seen_ms")
        .cic("Timestamp")
        .ecs("event.start")
        .ipfix("flowStartNanoseconds (156)"),
    column("end", Make::Time(|row| Some(row.record.end)))
        .required()
        .doc("Largest time of a packet; under Zeek's rules of those up to the second FIN.")
        .unit("ns since 1970, UTC")
        .nfstream("bidirectional_last_seen_ms")
        .ecs("event.end")
        .ipfix("flowEndNanoseconds (157)"),
    column("duration", Make::F64(|row| Some(row.record.duration() as f64 / 1e9)))
        .required()
        .doc("`end` less `start`.")
        .unit("s")
        .zeek("duration")
        .nfstream("bidirectional_duration_ms")
        .cic("Flow Duration")
        .ecs("event.duration")
        .ipfix("flowDurationMicroseconds (162)"),
    column("src_ip", Make::Ip(|row| Some(row.record.src_ip)))
    .required()
    .address("ip")
    .doc("Address of the originator.")
    .zeek("id.orig_h")
    .nfstream("src_ip")
    .cic("Src IP")
    .ecs("source.ip")
    .ipfix("sourceIPv4Address (8) / sourceIPv6Address (27)"),
    column("src_port", Make::U16(|row| row.record.src_port))
        .doc("Port of the originator; null where the protocol has none.")
        .zeek("id.orig_p")
        .nfstream("src_port")
        .cic("Src Port")
        .ecs("source.port")
        .ipfix("sourceTransportPort (7)"),
    column("dst_ip", Make::Ip(|row| Some(row.record.dst_ip)))
    .required()
    .address("ip")
    .doc("Address of the responder.")
    .zeek("id.resp_h")
    .nfstream("dst_ip")
    .cic("Dst IP")
    .ecs("destination.ip")
    .ipfix("destinationIPv4Address (12) / destinationIPv6Address (28)"),
    column("dst_port", Make::U16(|row| row.record.dst_port))
        .doc("Port of the responder; null where the protocol has none.")
        .zeek("id.resp_p")
        .nfstream("dst_port")
        .cic("Dst Port")
        .ecs("destination.port")
        .ipfix("destinationTransportPort (11)"),
    column("protocol", Make::U8(|row| Some(row.record.protocol)))
        .required()
        .doc("IANA number of the protocol above IP.")
        .zeek("ip_proto")
        .nfstream("protocol")
        .cic("Protocol")
        .ecs("network.iana_number")
        .ipfix("protocolIdentifier (4)"),
    column("transport", Make::Text(|row, out| text::some(protocol_name(row.record.protocol)?, out)))
    .of_nobody()
    .doc("IANA keyword of `protocol` in lower case (`tcp`, `udp`, `ipv6-icmp`); null for a number without one.")
    .zeek("proto")
    .ecs("network.transport"),
    column("icmp_type", Make::U8(|row| row.record.icmp_type))
        .doc("ICMP or ICMPv6 type of the originator's first packet; null for anything else.")
        .zeek("id.orig_p")
        .ipfix("icmpTypeIPv4 (176) / icmpTypeIPv6 (178)"),
    column("icmp_code", Make::U8(|row| row.record.icmp_code))
        .doc("ICMP or ICMPv6 code of the originator's first packet; null for anything else.")
        .zeek("id.resp_p")
        .ipfix("icmpCodeIPv4 (177) / icmpCodeIPv6 (179)"),
    column("vlan", Make::U16List(|row, out| text::vlans(&row.record.vlans, out)))
        .doc("VLAN identifiers of the first packet, outermost first; null without a tag.")
        .zeek("vlan / inner_vlan")
        .nfstream("vlan_id")
        .ecs("network.vlan.id / network.inner.vlan.id")
        .ipfix("dot1qVlanId (243)"),
    column("tunnel", Make::TextList(|row, item| text::tunnels(&row.record.tunnels, item)))
        .of_nobody()
        .doc("Encapsulations of the first packet, outermost first, as `kind` or `kind:id` (`vxlan:42`); null without one.")
        .zeek("tunnel_parents")
        .nfstream("tunnel_id")
        .ecs("network.inner"),
    column("src_mac", Make::Mac(|row| row.record.src_mac))
    .address("mac")
    .doc("Hardware address the originator's first packet came from; null where the link layer has none.")
    .zeek("orig_l2_addr")
    .nfstream("src_mac")
    .ecs("source.mac")
    .ipfix("sourceMacAddress (56)"),
    column("dst_mac", Make::Mac(|row| row.record.dst_mac))
    .address("mac")
    .doc("Hardware address the originator's first packet went to; null where the link layer has none.")
    .zeek("resp_l2_addr")
    .nfstream("dst_mac")
    .ecs("destination.mac")
    .ipfix("destinationMacAddress (80)"),
    column("service", Make::Text(|row, out| text::some(row.record.service()?, out)))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("Application protocol (`dns`, `http`, `tls`): by what the flow contains where that was recognised, else by the responder's port, else by the originator's where it cannot be there by chance; null where none says. `confidence` says which.")
    .zeek("service")
    .nfstream("application_name")
    .ecs("network.protocol"),
    column("confidence", Make::Text(|row, out| text::some(row.record.confidence()?.name(), out)))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("How sure `service` is: `content` (recognised by the bytes), `name` (another flow announced it), `port` (a guess); null without a service.")
    .nfstream("application_confidence"),
    column("carried_services", Make::TextList(|row, item| {
        let app = row.record.app.as_ref()?;
        let others = app.carried.iter().filter(|carried| Some(**carried) != app.service);
        let mut any = None;
        for carried in others {
            item(format_args!("{}", carried.name));
            any = Some(());
        }
        any
    }))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("Protocols that `service` carried, in the order in which they were told: behind a proxy, after an upgrade, over a WebSocket (`ssh`), and how users proved who they are (`ntlm`, `kerberos` in `gssapi`); null where none was recognised.")
    .zeek("service"),
    column("app", Make::Text(|row, out| text::some(row.record.product()?, out)))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("The product behind the flow (`YouTube`, `Microsoft Teams`), by its own signs, the server's name, its certificate or its address; null where none is known.")
    .nfstream("application_name"),
    column("category", Make::Text(|row, out| text::some(row.record.category()?.name(), out)))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("What the product, else the protocol, is for: `web`, `video`, `chat`, `mail` and so on.")
    .nfstream("application_category_name")
    .ecs("event.category"),
    column("server_name", Make::Text(|row, out| text::some(row.record.server_name()?, out)))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Name)
    .doc("Name of the server of this flow, as the capture itself shows it (never a DNS query); null where nothing does. Text as it was sent, other bytes as `\\xNN`.")
    .zeek("server_name")
    .nfstream("requested_server_name")
    .ecs("destination.domain"),
    column("server_name_source", Make::Text(|row, out| {
        text::some(row.record.app.as_ref().map(|app| app.server_name_source).filter(|source| !source.is_empty())?, out)
    }))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("Where `server_name` is from, best first: `tls_sni`, `quic_sni`, `http_host` (`http_proxy`, where a proxy was asked for it), other protocols' own words (`socks`, `smtp_banner`, `rtsp`, `xmpp`, …), `dns` (an answer that the same client got before the flow began), `mdns`, `certificate`."),
    column("domain", Make::Text(|row, out| text::some(&*row.record.domain()?, out)))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Name)
    .doc("Registrable domain of `server_name` by the public suffix list, in lower case; null for addresses and single labels.")
    .ecs("destination.registered_domain"),
    column("ja3", Make::Text(|row, out| fingerprint(row, "ja3", out)))
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("JA3 of the TLS client: MD5 of version, ciphers, extensions, groups, point formats, without GREASE.")
    .zeek("ja3")
    .nfstream("client_fingerprint")
    .ecs("tls.client.ja3"),
    column("ja3s", Make::Text(|row, out| fingerprint(row, "ja3s", out)))
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("JA3S of the TLS server.")
    .zeek("ja3s")
    .nfstream("server_fingerprint")
    .ecs("tls.server.ja3s"),
    column("ja4", Make::Text(|row, out| fingerprint(row, "ja4", out)))
    .requires(Requires::JA4)
    .of_nobody()
    .doc("JA4 of the TLS client (TCP, QUIC or DTLS). Under the rules of nDPI and NFStream as nDPI makes it.")
    .zeek("ja4"),
    column("hassh", Make::Text(|row, out| fingerprint(row, "hassh", out)))
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("HASSH of the SSH client: MD5 of its key exchange, encryption, MAC and compression algorithms.")
    .zeek("hassh"),
    column("hassh_server", Make::Text(|row, out| fingerprint(row, "hassh_server", out)))
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("HASSH of the SSH server.")
    .zeek("hasshServer"),
    column("username", Make::Text(|row, out| {
        text::some(row.record.app.as_ref()?.user.as_deref()?, out)
    }))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Text)
    .doc("User who logged in readably; passwords are never kept.")
    .zeek("username")
    .ecs("user.name"),
    column("client_software", Make::Text(|row, out| {
        text::some(row.record.app.as_ref()?.client_software.as_deref()?, out)
    }))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Text)
    .doc("Program of the client in its own words: User-Agent, SSH banner.")
    .nfstream("user_agent")
    .ecs("user_agent.original"),
    column("server_software", Make::Text(|row, out| {
        text::some(row.record.app.as_ref()?.server_software.as_deref()?, out)
    }))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Text)
    .doc("Program of the server in its own words: Server header, banner."),
    column("risks", Make::TextList(|row, item| {
        let app = row.record.app.as_ref()?;
        for (risk, _) in &app.risks {
            item(format_args!("{}", risk.name()));
        }
        (!app.risks.is_empty()).then_some(())
    }))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("What is wrong with the flow (nDPI's flow risks in netloom's words), in the order found; null where nothing is."),
    column("risk_severity", Make::Text(|row, out| {
        let app = row.record.app.as_ref()?;
        text::some(app.risks.iter().map(|(risk, _)| risk.severity()).max()?.name(), out)
    }))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("The worst of `risks`: `info`, `low`, `medium`, `high`."),
    column("risk_details", Make::TextList(|row, item| {
        let app = row.record.app.as_ref()?;
        for (risk, detail) in &app.risks {
            if detail.is_empty() {
                item(format_args!("{}", risk.title()));
            } else {
                item(format_args!("{}: {detail}", risk.title()));
            }
        }
        (!app.risks.is_empty()).then_some(())
    }))
    .requires(Requires::APPLICATIONS)
    .identity(Identity::Evidence)
    .doc("`risks` in words, with what was seen."),
    column("src_country", Make::Text(|row, out| text::some(country(row.record.src_ip)?, out)))
    .of_nobody()
    .doc("Country that the originator's address is registered in (ISO 3166-1 alpha-2, regional registries' data); null for private addresses.")
    .ecs("source.geo.country_iso_code"),
    column("dst_country", Make::Text(|row, out| text::some(country(row.record.dst_ip)?, out)))
    .of_nobody()
    .doc("Country that the responder's address is registered in.")
    .ecs("destination.geo.country_iso_code"),
    column("src_vendor", Make::Text(|row, out| text::some(vendor(row.record.src_mac?)?, out)))
    .of_nobody()
    .doc("Maker of `src_mac` (IEEE registry); null for addresses that are not assigned by one.")
    .nfstream("src_oui"),
    column("dst_vendor", Make::Text(|row, out| text::some(vendor(row.record.dst_mac?)?, out)))
    .of_nobody()
    .doc("Maker of `dst_mac`.")
    .nfstream("dst_oui"),
    column("conn_state", Make::Text(|row, out| text::some(row.record.conn_state.name(), out)))
    .required()
    .of_nobody()
    .doc("How the connection went, in Zeek's terms: S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH.")
    .zeek("conn_state"),
    column("history", Make::Text(|row, out| {
        if row.record.history.is_empty() {
            return None;
        }
        out.push_str(&row.record.history);
        Some(())
    }))
    .of_nobody()
    .doc("What happened, a letter each, in Zeek's terms (upper case: by the originator); at most 64 letters; null where nothing was noted.")
    .zeek("history"),
    column("end_reason", Make::Text(|row, out| text::some(row.record.end_reason.name(), out)))
    .required()
    .of_nobody()
    .doc("Why the flow ended: idle, active, fin, rst, new_connection, capture_end, evicted.")
    .nfstream("expiration_id")
    .ecs("event.reason")
    .ipfix("flowEndReason (136)"),
    column("fwd_packets", Make::U64(|row| Some(row.record.fwd.packets)))
        .required()
        .doc("Packets src→dst.")
        .unit("packets")
        .zeek("orig_pkts")
        .nfstream("src2dst_packets")
        .cic("Total Fwd Packet")
        .ecs("source.packets")
        .ipfix("packetDeltaCount (2)"),
    column("bwd_packets", Make::U64(|row| Some(row.record.bwd.packets)))
        .required()
        .doc("Packets dst→src.")
        .unit("packets")
        .zeek("resp_pkts")
        .nfstream("dst2src_packets")
        .cic("Total Bwd packets")
        .ecs("destination.packets")
        .ipfix("reverse packetDeltaCount (2)"),
    column("fwd_bytes", Make::U64(|row| Some(row.record.fwd.bytes)))
        .required()
        .doc("Frame lengths on the wire src→dst, added up.")
        .unit("bytes")
        .nfstream("src2dst_bytes")
        .ecs("source.bytes")
        .ipfix("layer2OctetDeltaCount (352)"),
    column("bwd_bytes", Make::U64(|row| Some(row.record.bwd.bytes)))
        .required()
        .doc("Frame lengths on the wire dst→src, added up.")
        .unit("bytes")
        .nfstream("dst2src_bytes")
        .ecs("destination.bytes")
        .ipfix("reverse layer2OctetDeltaCount (352)"),
    column("fwd_ip_bytes", Make::U64(|row| Some(row.record.fwd.ip_bytes)))
        .required()
        .doc("Lengths of IP datagrams src→dst by their headers, added up.")
        .unit("bytes")
        .zeek("orig_ip_bytes")
        .ipfix("octetDeltaCount (1)"),
    column("bwd_ip_bytes", Make::U64(|row| Some(row.record.bwd.ip_bytes)))
        .required()
        .doc("Lengths of IP datagrams dst→src by their headers, added up.")
        .unit("bytes")
        .zeek("resp_ip_bytes")
        .ipfix("reverse octetDeltaCount (1)"),
    column("fwd_payload_bytes", Make::U64(|row| Some(row.record.fwd.payload_bytes)))
        .required()
        .doc("Transport payload src→dst by the headers, retransmissions included.")
        .unit("bytes")
        .cic("Total Length of Fwd Packet")
        .ipfix("transportOctetDeltaCount (401)"),
    column("bwd_payload_bytes", Make::U64(|row| Some(row.record.bwd.payload_bytes)))
        .required()
        .doc("Transport payload dst→src by the headers, retransmissions included.")
        .unit("bytes")
        .cic("Total Length of Bwd Packet")
        .ipfix("reverse transportOctetDeltaCount (401)"),
    column("fwd_stream_bytes", Make::U64(|row| row.record.fwd.stream_bytes))
        .doc("Payload src→dst as Zeek counts it: for TCP from sequence numbers (gaps included, retransmissions not); null where Zeek has none.")
        .unit("bytes")
        .zeek("orig_bytes"),
    column("bwd_stream_bytes", Make::U64(|row| row.record.bwd.stream_bytes))
        .doc("Payload dst→src, as `fwd_stream_bytes`.")
        .unit("bytes")
        .zeek("resp_bytes"),
    column("missed_bytes", Make::U64(|row| Some(row.record.missed_bytes)))
        .required()
        .doc("TCP payload that was acknowledged though the capture lacks it, both ways.")
        .unit("bytes")
        .zeek("missed_bytes"),
    column("fwd_fragments", Make::U64(|row| Some(row.record.fwd.fragments)))
        .required()
        .doc("Fragments src→dst after the first of their datagram.")
        .unit("packets"),
    column("bwd_fragments", Make::U64(|row| Some(row.record.bwd.fragments)))
        .required()
        .doc("Fragments dst→src after the first of their datagram.")
        .unit("packets"),
    column("fwd_data_packets", Make::U64(|row| Some(row.record.fwd.data_packets)))
        .required()
        .doc("Packets src→dst with transport payload.")
        .unit("packets"),
    column("bwd_data_packets", Make::U64(|row| Some(row.record.bwd.data_packets)))
        .required()
        .doc("Packets dst→src with transport payload.")
        .unit("packets"),
    column("fwd_tcp_flags", Make::U8(|row| tcp_flags(row, row.record.fwd.tcp_flags)))
        .doc("All TCP flags seen src→dst, or-ed, as the byte of the header; null without TCP.")
        .ipfix("tcpControlBits (6)"),
    column("bwd_tcp_flags", Make::U8(|row| tcp_flags(row, row.record.bwd.tcp_flags)))
        .doc("All TCP flags seen dst→src, or-ed, as the byte of the header; null without TCP.")
        .ipfix("reverse tcpControlBits (6)"),
    column("tcp_rtt_ms", Make::F64(|row| row.record.tcp_rtt.map(millis)))
        .doc("Round-trip time of the TCP handshake: SYN to SYN-ACK plus SYN-ACK to ACK; null where not all three were seen.")
        .unit("ms"),
    column("server_delay_ms", Make::F64(|row| row.record.server_delay.map(millis)))
        .doc("From the last packet of the first request to the first byte of the answer; null where there was no answer.")
        .unit("ms"),
    column("fwd_retransmissions", Make::U64(|row| Some(row.record.fwd.retransmissions)))
        .required()
        .doc("Retransmitted TCP packets src→dst, with or without payload (SYN, FIN).")
        .unit("packets"),
    column("bwd_retransmissions", Make::U64(|row| Some(row.record.bwd.retransmissions)))
        .required()
        .doc("Retransmitted TCP packets dst→src, with or without payload (SYN, FIN).")
        .unit("packets"),
    column("fwd_data_retransmissions", Make::U64(|row| Some(row.record.fwd.data_retransmissions)))
        .required()
        .doc("Of `fwd_retransmissions`, those with payload: of the `fwd_data_packets`.")
        .unit("packets"),
    column("bwd_data_retransmissions", Make::U64(|row| Some(row.record.bwd.data_retransmissions)))
        .required()
        .doc("Of `bwd_retransmissions`, those with payload: of the `bwd_data_packets`.")
        .unit("packets"),
    column("out_of_order", Make::U64(|row| Some(row.record.out_of_order)))
        .required()
        .doc("TCP packets behind one with a higher sequence number that are no retransmissions, both ways.")
        .unit("packets"),
    column("zero_windows", Make::U64(|row| Some(row.record.zero_windows)))
        .required()
        .doc("TCP announcements of a zero window (on SYN and RST they do not count), both ways.")
        .unit("packets"),
    column("first_packet_number", Make::U64(|row| Some(row.record.first_number)))
        .required()
        .doc("Number of the flow's first packet in its capture: `number` of `packets`."),
    column("closed_by_packet", Make::U64(|row| Some(row.record.closed_by)))
        .required()
        .doc("Number of the packet at whose arrival the flow was ended, one more than the last packet's where the capture's end did it; rows are ordered by it, then by `flow_id`."),
    column("outer", Make::Bool(|row| Some(row.record.outer)))
        .required()
        .doc("Whether it is the outer flow of a tunnel whose packets count in an inner flow too (under Zeek's rules)."),
    column("tunnelled_packets", Make::U64(|row| Some(row.record.tunnelled_packets)))
        .required()
        .doc("Of its packets, those that also count in an inner flow: `fwd_packets + bwd_packets - tunnelled_packets` adds up to the packets of the capture that have an IP header.")
        .unit("packets"),
    column("process", Make::Text(|row, out| {
        text::some(row.record.owner.as_ref()?.process.as_deref()?, out)
    }))
    .requires(Requires::OWNERS)
    .of_nobody()
    .doc("Live, on one of the flow's ends: name of the process that owns it, which chose that itself; null where that is not known, and for files.")
    .ecs("process.name"),
    column("pid", Make::U32(|row| row.record.owner.as_ref()?.pid))
        .requires(Requires::OWNERS)
        .doc("Live: number of the process that owns the flow; null as `process`.")
        .ecs("process.pid"),
    column("user", Make::Text(|row, out| {
        text::some(row.record.owner.as_ref()?.user.as_deref()?, out)
    }))
    .requires(Requires::OWNERS)
    .identity(Identity::Text)
    .doc("Live: user of this machine who owns the flow, by name, else by number; null where nobody was found, and for files. Who logged in over it is `username`.")
    .ecs("process.user.name"),
    ]
}

/// The Community ID of a flow: ICMP's type and code stand in for ports.
pub(crate) fn community_id(flow: &FlowRecord) -> String {
    let icmp = |value: Option<u8>| value.map(u16::from);
    netloom_flow::community_id(
        flow.src_ip,
        flow.dst_ip,
        flow.src_port.or_else(|| icmp(flow.icmp_type)).unwrap_or(0),
        flow.dst_port.or_else(|| icmp(flow.icmp_code)).unwrap_or(0),
        flow.protocol,
    )
}

/// TCP flags, of TCP only.
fn tcp_flags(row: &FlowRow<'_>, flags: u8) -> Option<u8> {
    (row.record.protocol == 6).then_some(flags)
}
