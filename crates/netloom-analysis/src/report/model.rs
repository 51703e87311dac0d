//! The facts of a report: what the terminal, the page and the JSON all show.
//!
//! This is the schema of `netloom report --json`; docs/report-json.md describes it for users.
//! Counts are exact unless the field `approximate` beside them says otherwise; lengths are
//! frame lengths on the wire in bytes; times are RFC 3339 UTC with nanoseconds.

mod named;

use serde::Serialize;

pub use named::{
    Certificate, Count, Dns, DnsFailure, DnsServer, Group, Host, Http, RiskExample, RiskSummary,
    Site, SlowAnswer, Tls,
};

/// Everything a report tells.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Version of this schema: 1. Fields may be added without a new version.
    pub schema_version: u32,
    /// Version of netloom that wrote it.
    pub netloom_version: String,
    /// Whether reading was ended by the user (Ctrl-C) before the end of the capture.
    pub interrupted: bool,
    /// `native`, `zeek`, `nfstream`, `ndpi`.
    pub flow_rules: String,
    /// More options that say which flows there are: timeouts, checksums, memory; for the queries.
    #[serde(skip)]
    pub options: Vec<String>,
    /// The filter that packets had to match, in tcpdump's language; null where all were looked at.
    pub filter: Option<String>,
    /// Packets read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes captured.
    pub captured_bytes: u64,
    /// Flows, all that began.
    pub flows: u64,
    /// Smallest timestamp; null for an empty capture.
    pub first_ts: Option<String>,
    /// Largest timestamp.
    pub last_ts: Option<String>,
    /// Seconds between the two.
    pub duration: f64,
    /// Packets a second over the whole time; null when the duration is 0.
    pub packets_per_second: Option<f64>,
    /// Bits a second over the whole time; null when the duration is 0.
    pub bits_per_second: Option<f64>,
    /// Mean length of a packet on the wire.
    pub mean_packet_len: Option<f64>,
    /// One entry a file, with what it says about itself.
    pub capture: Vec<Capture>,
    /// How far the capture can be trusted.
    pub quality: Quality,
    /// Traffic over time.
    pub timeline: Timeline,
    /// Every protocol seen, link layer to application, as a tree in depth-first order; where
    /// there are more than 1,024 paths, those that are not told apart are one branch, `other`.
    pub protocols: Vec<Protocol>,
    /// Services (application protocols), most bytes first.
    pub services: Vec<Service>,
    /// Addresses with the most bytes, both directions.
    pub top_addresses: Vec<Address>,
    /// Addresses with the most packets.
    pub top_addresses_by_packets: Vec<Address>,
    /// Addresses that received the most bytes as responders: where traffic goes.
    pub top_destinations: Vec<Address>,
    /// Pairs of addresses with the most bytes.
    pub top_conversations: Vec<Conversation>,
    /// How many different addresses there are.
    pub unique: Unique,
    /// Whether tables of addresses, pairs or names overflowed their bound, so that their counts
    /// and order are estimates.
    pub approximate: bool,
    /// Histogram of lengths on the wire.
    pub packet_sizes: Vec<SizeBucket>,
    /// Protocols that show what they carry, or that are abused often.
    pub risky: Vec<Risky>,
    /// Slow and lossy connections.
    pub performance: Performance,
    /// ARP and broadcast traffic.
    pub local: LocalTraffic,
    /// Malformed and odd packets by kind, most first.
    pub anomalies: Vec<Anomaly>,
    /// The flow table: its bound and what it cost.
    pub flow_table: FlowTableFacts,
    /// Sentences worth saying first: what a person should notice.
    pub findings: Vec<Finding>,
    /// Share of bytes that belong to flows with a known server name, 0 to 1; null without flows.
    pub named_share: Option<f64>,
    /// Sites with the most bytes: full names of servers.
    pub sites: Vec<Site>,
    /// Registrable domains with the most bytes.
    pub domains: Vec<Site>,
    /// Products with the most bytes.
    pub applications: Vec<Group>,
    /// Categories, most bytes first.
    pub categories: Vec<Group>,
    /// Countries of the addresses outside, most bytes first; all of them, for the map.
    pub countries: Vec<Group>,
    /// Name resolution.
    pub dns: Dns,
    /// TLS, over TCP and QUIC.
    pub tls: Tls,
    /// HTTP in clear.
    pub http: Http,
    /// Hosts on the local network that sent something, those with the most bytes.
    pub hosts: Vec<Host>,
    /// How many hosts of the local network sent something.
    pub host_count: u64,
    /// Risks, worst first.
    pub risks: Vec<RiskSummary>,
}

impl Report {
    /// The captures that were read: files of a folder that are none are entries without a
    /// format.
    pub(crate) fn captures_read(&self) -> Vec<&Capture> {
        self.capture
            .iter()
            .filter(|capture| !capture.format.is_empty())
            .collect()
    }

    /// The buckets of packet sizes from the first to the last with a packet in it.
    pub(crate) fn sizes_seen(&self) -> &[SizeBucket] {
        let mut seen = self.packet_sizes.as_slice();
        while let [rest @ .., SizeBucket { packets: 0, .. }]
        | [SizeBucket { packets: 0, .. }, rest @ ..] = seen
        {
            seen = rest;
        }
        seen
    }
}

/// A source of packets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Capture {
    /// File as given, `-` for standard input.
    pub name: String,
    /// `pcap`, `pcapng`, with `+gzip`, `+zstd`, `+lz4`.
    pub format: String,
    /// Packets read from it.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Packets that the capture says the kernel dropped; null where it does not say.
    pub dropped_kernel: Option<u64>,
    /// Packets that the capture says the interface dropped; null where it does not say.
    pub dropped_interface: Option<u64>,
    /// Packets cut by a snap length.
    pub truncated: u64,
    /// Packets earlier than one before them.
    pub out_of_order: u64,
    /// Smallest timestamp.
    pub first_ts: Option<String>,
    /// Largest timestamp.
    pub last_ts: Option<String>,
    /// Link types and names of its interfaces.
    pub interfaces: Vec<CaptureInterface>,
    /// Program that wrote it, as it says.
    pub application: Option<String>,
    /// Operating system, as it says.
    pub os: Option<String>,
    /// Hardware, as it says.
    pub hardware: Option<String>,
    /// Comments in it.
    pub comments: Vec<String>,
    /// What was wrong with it.
    pub warnings: Vec<String>,
}

/// An interface of a capture.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CaptureInterface {
    /// Name, where the capture has one.
    pub name: Option<String>,
    /// Link type, `ETHERNET`.
    pub link_type: String,
    /// Snap length; 0: none.
    pub snap_len: u32,
    /// Packets.
    pub packets: u64,
}

/// How far the capture can be trusted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Quality {
    /// Packets cut by a snap length.
    pub truncated: u64,
    /// Packets that the capture admits to have lost (kernel and interface).
    pub dropped: Option<u64>,
    /// Packets that repeat an earlier one byte for byte within a short window (a mirror port
    /// that sees both directions, say).
    pub duplicates: u64,
    /// Packets earlier than one before them.
    pub out_of_order: u64,
    /// Packets longer than an Ethernet frame can be (offloading joined them).
    pub oversized: u64,
    /// Packets in which decoding stopped early.
    pub decode_stopped: u64,
    /// Share of TCP flows seen in one direction only, 0 to 1; null without TCP flows.
    pub one_way_tcp_share: Option<f64>,
    /// Bytes of TCP that the capture misses though they were acknowledged.
    pub missed_bytes: u64,
}

/// Traffic over time in equal intervals from `start` on.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    /// Start of the first interval.
    pub start: Option<String>,
    /// Length of an interval in seconds.
    pub interval: f64,
    /// Packets in each interval.
    pub packets: Vec<u64>,
    /// Bytes in each interval.
    pub bytes: Vec<u64>,
    /// Flows that began in each interval.
    pub new_flows: Vec<u64>,
    /// Bytes in each interval by protocol or service, most first, the rest as `other`: at
    /// most eight series, which add up to `bytes`.
    pub by_protocol: Vec<Series>,
}

/// A named series over a timeline's intervals.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Packets in each interval.
    pub packets: Vec<u64>,
    /// Bytes in each interval.
    pub bytes: Vec<u64>,
}

/// A node of the protocol tree.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Protocol {
    /// Name: `ethernet`, `ipv4`, `tcp`, `tls`.
    pub name: String,
    /// Names from the root, with `:` between: `ethernet:ipv4:tcp:tls`.
    pub path: String,
    /// Depth, from 0.
    pub depth: u32,
    /// Packets with this path, deeper ones included.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An application protocol.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Service {
    /// Zeek's name where it has one: `dns`, `ssl` is `tls` here.
    pub name: String,
    /// `tcp`, `udp`, …
    pub transport: String,
    /// Server port that told: of several the one with the most bytes (where there are more than
    /// 1,024, of those that could be told apart).
    pub port: Option<u16>,
    /// How it was told: `content`, `name` or `port`.
    pub source: String,
    /// Flows.
    pub flows: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Service {
    /// Whether it is a guess: told by its port alone.
    pub(crate) fn is_by_port(&self) -> bool {
        self.source == "port"
    }
}

/// Traffic of an address.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Address {
    /// The address.
    pub address: String,
    /// A name that came with the capture, or null.
    pub name: Option<String>,
    /// Whether it is private, link-local, loopback or multicast.
    pub is_local: bool,
    /// Packets, both ways.
    pub packets: u64,
    /// Bytes, both ways.
    pub bytes: u64,
    /// Packets it sent.
    pub packets_sent: u64,
    /// Packets it received.
    pub packets_received: u64,
    /// Bytes it sent.
    pub bytes_sent: u64,
    /// Bytes it received.
    pub bytes_received: u64,
    /// Bytes it received as the responder of flows: what `top_destinations` is ordered by.
    pub bytes_received_as_responder: u64,
    /// Flows it took part in.
    pub flows: u64,
}

/// Traffic between two addresses.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Conversation {
    /// One end: the one that began most of the flows (the smaller address on a tie).
    pub a: String,
    /// The other end.
    pub b: String,
    /// Packets, both ways.
    pub packets: u64,
    /// Bytes, both ways.
    pub bytes: u64,
    /// Packets from `a` to `b`.
    pub packets_a_to_b: u64,
    /// Bytes from `a` to `b`.
    pub bytes_a_to_b: u64,
    /// Packets from `b` to `a`.
    pub packets_b_to_a: u64,
    /// Bytes from `b` to `a`.
    pub bytes_b_to_a: u64,
    /// Flows.
    pub flows: u64,
    /// Services between the two, most bytes first, at most five.
    pub services: Vec<String>,
    /// Seconds from the first packet to the last.
    pub duration: f64,
}

/// How many different addresses were seen.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Unique {
    /// Source hardware addresses.
    pub src_macs: u64,
    /// Destination hardware addresses.
    pub dst_macs: u64,
    /// Source IP addresses of packets.
    pub src_ips: u64,
    /// Destination IP addresses of packets.
    pub dst_ips: u64,
    /// Whether the numbers are estimates (HyperLogLog) because there were too many.
    pub approximate: bool,
    /// Hardware addresses with the most packets sent, at most `--top`.
    pub top_macs: Vec<Mac>,
}

impl Unique {
    /// What an overview counts, and how many of it were sources and destinations: IP
    /// addresses, or hardware addresses where there is no IP.
    pub(crate) fn stations(&self) -> (&'static str, u64, u64) {
        if self.src_ips == 0 && self.dst_ips == 0 && self.src_macs > 0 {
            ("Stations", self.src_macs, self.dst_macs)
        } else {
            ("IP addresses", self.src_ips, self.dst_ips)
        }
    }
}

/// Traffic of a hardware address.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Mac {
    /// The address.
    pub mac: String,
    /// Packets it sent.
    pub packets_sent: u64,
    /// Packets it received.
    pub packets_received: u64,
    /// Bytes it sent.
    pub bytes_sent: u64,
    /// Bytes it received.
    pub bytes_received: u64,
}

/// Packets of some lengths.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SizeBucket {
    /// Smallest length, inclusive.
    pub min: u32,
    /// Largest length, inclusive; null: no bound.
    pub max: Option<u32>,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Use of a protocol that shows what it carries or is abused often.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Risky {
    /// Key, stable for programs: `telnet`, `ftp`, `http login`, …
    pub protocol: String,
    /// What people call it: `Telnet`, `FTP`, `HTTP login`.
    pub label: String,
    /// `high`, `medium`, `low`.
    pub severity: String,
    /// Why it matters, in a sentence.
    pub why: String,
    /// What to do instead, in a sentence.
    pub instead: String,
    /// Flows in all.
    pub flows: u64,
    /// Packets in all.
    pub packets: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// Whether there were so many pairs that some were forgotten, and `pairs` are estimates;
    /// what is counted above is exact.
    pub approximate: bool,
    /// Who to whom, most bytes first, at most `--top`.
    pub pairs: Vec<RiskyPair>,
}

/// Who uses a risky protocol with whom.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RiskyPair {
    /// Originator.
    pub src: String,
    /// Responder.
    pub dst: String,
    /// Responder's port.
    pub dst_port: u16,
    /// Flows.
    pub flows: u64,
    /// Bytes, both ways.
    pub bytes: u64,
    /// What was seen, in words, without any secret: `login as "alice"` , `POST /login`; or null.
    pub detail: Option<String>,
}

/// Slow and lossy connections.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Performance {
    /// TCP flows that were measured.
    pub tcp_flows: u64,
    /// Round-trip time of TCP handshakes in milliseconds: distribution over flows.
    pub rtt_ms: Distribution,
    /// Time a server took to answer the first data, in milliseconds: distribution over flows.
    pub server_delay_ms: Distribution,
    /// Retransmitted packets, with or without payload.
    pub retransmissions: u64,
    /// Retransmitted packets with payload.
    pub data_retransmissions: u64,
    /// TCP packets with payload, so that a share can be told.
    pub data_packets: u64,
    /// Packets out of order.
    pub out_of_order: u64,
    /// Zero-window announcements.
    pub zero_windows: u64,
    /// TCP connection attempts without an answer (S0) or refused (REJ).
    pub failed_connections: u64,
    /// Connections that suffered most, at most `--top`.
    pub worst: Vec<SlowFlow>,
}

/// A distribution in a few numbers; null without values.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Distribution {
    /// Values.
    pub count: u64,
    /// Median (of a log-scale histogram, within 2 %).
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Largest, exact.
    pub max: Option<f64>,
}

/// A connection that suffered.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SlowFlow {
    /// Its `flow_id` in `export flows`.
    pub flow_id: String,
    /// Originator, `address:port`.
    pub src: String,
    /// Responder.
    pub dst: String,
    /// Service.
    pub service: Option<String>,
    /// Packets.
    pub packets: u64,
    /// Round-trip time of the handshake.
    pub tcp_rtt_ms: Option<f64>,
    /// Server delay.
    pub server_delay_ms: Option<f64>,
    /// Retransmitted packets, both ways, with or without payload.
    pub retransmissions: u64,
    /// Retransmitted packets with payload, both ways.
    pub data_retransmissions: u64,
    /// Share of data packets that were retransmissions, 0 to 1.
    pub retransmission_share: f64,
    /// Zero windows.
    pub zero_windows: u64,
    /// Bytes that the capture misses.
    pub missed_bytes: u64,
    /// What is wrong, in words: "12 % of its packets were sent again".
    pub why: String,
}

/// ARP and broadcast traffic.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LocalTraffic {
    /// ARP requests.
    pub arp_requests: u64,
    /// ARP replies.
    pub arp_replies: u64,
    /// Gratuitous ARP.
    pub arp_gratuitous: u64,
    /// Addresses that more than one hardware address claimed: (address, hardware addresses).
    pub arp_conflicts: Vec<ArpConflict>,
    /// Who asked most.
    pub arp_top: Vec<ArpAsker>,
    /// Whether there were so many addresses or stations that some were forgotten: more may be claimed
    /// by several, and more may have asked.
    pub arp_approximate: bool,
    /// Frames to ff:ff:ff:ff:ff:ff.
    pub broadcast_packets: u64,
    /// Their bytes.
    pub broadcast_bytes: u64,
    /// Frames to multicast hardware addresses, broadcast not included.
    pub multicast_packets: u64,
    /// Their bytes.
    pub multicast_bytes: u64,
}

/// An address that several stations claim.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ArpConflict {
    /// The IP address.
    pub address: String,
    /// Who claims it.
    pub macs: Vec<String>,
}

/// A station that asks by ARP.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ArpAsker {
    /// Hardware address.
    pub mac: String,
    /// Its IP address as it says.
    pub address: String,
    /// Requests sent.
    pub requests: u64,
    /// Different addresses asked for.
    pub targets: u64,
}

/// Packets that did not make sense, of one kind.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Anomaly {
    /// Layer: `ipv4`, `tcp`.
    pub layer: String,
    /// Kind: `truncated`, `bad_length`.
    pub kind: String,
    /// Packets.
    pub packets: u64,
    /// Number of the first such packet.
    pub first_number: u64,
    /// What was wrong with that one, in words.
    pub example: String,
}

/// The flow table's own figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FlowTableFacts {
    /// Most flows alive at once.
    pub peak_live: u64,
    /// Flows ended early because the memory cap was reached.
    pub evicted: u64,
    /// The cap in bytes.
    pub max_memory: u64,
    /// Datagrams whose fragments never came together.
    pub fragments_incomplete: u64,
}

/// A sentence worth saying first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Finding {
    /// `high`, `medium`, `low`, `info`.
    pub severity: String,
    /// What was found, in one line.
    pub title: String,
    /// The numbers behind it, in a sentence.
    pub detail: String,
}
