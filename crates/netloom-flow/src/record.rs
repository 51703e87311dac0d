//! What is known of a flow when it ends.

use std::borrow::Cow;
use std::net::IpAddr;

use netloom_decode::app::{Category, Protocol};
use netloom_decode::{Tunnels, Vlans};
use netloom_packet::{MacAddr, Timestamp};

use crate::app::{AppInfo, Confidence};
use crate::features::{FlowFeatures, Nfstream, Sequence, Statistics, Summed};
use crate::key::{FlowId, FlowIdentity};
use crate::name::{product, registrable_domain};
use crate::server;

/// A finished flow: `src` is the originator, `dst` the responder; `fwd` is src→dst.
///
/// One row of the `flows` table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FlowRecord {
    /// Which flow it is; see [`flow_id`](Self::flow_id).
    pub identity: FlowIdentity,
    /// Number of the flow's first packet in its capture.
    pub first_number: u64,
    /// Number of the packet at whose arrival the flow was ended (one more than the last
    /// packet's where the capture's end did it); rows are ordered by it.
    pub closed_by: u64,
    /// First packet.
    pub start: Timestamp,
    /// Last packet (the largest timestamp); under Zeek's rules none behind the second FIN.
    pub end: Timestamp,
    /// Originator.
    pub src_ip: IpAddr,
    /// Responder.
    pub dst_ip: IpAddr,
    /// Originator's port; `None` where the protocol has none.
    pub src_port: Option<u16>,
    /// Responder's port.
    pub dst_port: Option<u16>,
    /// IP protocol number.
    pub protocol: u8,
    /// ICMP type of the originator's first packet.
    pub icmp_type: Option<u8>,
    /// ICMP code of the originator's first packet.
    pub icmp_code: Option<u8>,
    /// VLANs of the first packet.
    pub vlans: Vlans,
    /// Tunnels of the first packet.
    pub tunnels: Tunnels,
    /// Hardware address of the originator's first packet.
    pub src_mac: Option<MacAddr>,
    /// Hardware address the originator's first packet went to.
    pub dst_mac: Option<MacAddr>,
    /// TCP: how the connection went, in Zeek's terms; UDP and ICMP as Zeek too (S0, SF, SHR, OTH).
    pub conn_state: ConnState,
    /// Zeek's history letters, at most [`FlowRecord::HISTORY_MAX`] of them.
    pub history: String,
    /// Why the flow ended.
    pub end_reason: EndReason,
    /// src→dst.
    pub fwd: Side,
    /// dst→src.
    pub bwd: Side,
    /// TCP payload bytes that are missing from the capture though they were acknowledged, both ways.
    pub missed_bytes: u64,
    /// Round-trip time of the TCP handshake in ns: SYN to SYN-ACK plus SYN-ACK to ACK, where
    /// all three were seen.
    pub tcp_rtt: Option<i64>,
    /// Time from the last packet of the first request to the first byte of the answer, ns.
    pub server_delay: Option<i64>,
    /// TCP packets that came after one with a higher sequence number and are no retransmissions, both ways.
    pub out_of_order: u64,
    /// TCP announcements of a zero window (RST and SYN not counted), both ways.
    pub zero_windows: u64,
    /// Whether this is the outer flow of packets that also count in an inner one (Zeek's rules
    /// for UDP tunnels): left out of sums over all flows.
    pub outer: bool,
    /// Of the packets, those that also count in an inner flow; fewer than all of an outer flow
    /// where some could not be opened. `packets() - tunnelled_packets` adds up over all flows.
    pub tunnelled_packets: u64,
    /// What its payload told: protocol, names, fingerprints, risks; `None` where nobody looked
    /// ([`FlowConfig::applications`](crate::FlowConfig::applications)) or there was nothing.
    pub app: Option<Box<AppInfo>>,
    /// Whose it is, where it was captured live on one of its ends and somebody filled it in;
    /// packets do not tell.
    pub owner: Option<Box<FlowOwner>>,
    /// What models learn from, as far as somebody asked
    /// ([`FlowConfig::features`](crate::FlowConfig::features)).
    pub features: FlowFeatures,
}

/// The process and the user that own a flow of the capturing machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FlowOwner {
    /// The process's number; `None` where only the user is known.
    pub pid: Option<u32>,
    /// Its name. It chose that itself: escape it where it is shown.
    pub process: Option<Box<str>>,
    /// The user's name, else number.
    pub user: Option<Box<str>>,
}

impl FlowOwner {
    /// An owner of whom all of this is known.
    pub fn new(pid: Option<u32>, process: Option<&str>, user: Option<&str>) -> Self {
        Self {
            pid,
            process: process.map(Into::into),
            user: user.map(Into::into),
        }
    }
}

impl FlowRecord {
    /// Longest `history`.
    pub const HISTORY_MAX: usize = 64;

    /// See [`flow_id`](crate::flow_id).
    pub fn flow_id(&self) -> FlowId {
        self.identity.id()
    }

    /// A flow between these addresses that has seen nothing yet; everything else is set field
    /// by field.
    pub fn new(
        identity: impl Into<FlowIdentity>,
        src_ip: IpAddr,
        dst_ip: IpAddr,
        protocol: u8,
    ) -> Self {
        Self {
            identity: identity.into(),
            first_number: 0,
            closed_by: 0,
            start: Timestamp::default(),
            end: Timestamp::default(),
            src_ip,
            dst_ip,
            src_port: None,
            dst_port: None,
            protocol,
            icmp_type: None,
            icmp_code: None,
            vlans: Vlans::default(),
            tunnels: Tunnels::default(),
            src_mac: None,
            dst_mac: None,
            conn_state: ConnState::default(),
            history: String::new(),
            end_reason: EndReason::default(),
            fwd: Side::default(),
            bwd: Side::default(),
            missed_bytes: 0,
            tcp_rtt: None,
            server_delay: None,
            out_of_order: 0,
            zero_windows: 0,
            outer: false,
            tunnelled_packets: 0,
            app: None,
            owner: None,
            features: FlowFeatures::default(),
        }
    }

    /// What was summed up over all packets for models; `None` where nobody asked.
    pub fn statistics(&self) -> Option<Summed<'_, Statistics>> {
        self.features.statistics(self.start.as_nanos())
    }

    /// The first packets one by one; `None` where nobody asked.
    pub fn sequence(&self) -> Option<Cow<'_, Sequence>> {
        self.features.sequence()
    }

    /// What NFStream sums up, the way it does; `None` where nobody asked.
    pub fn nfstream(&self) -> Option<Summed<'_, Nfstream>> {
        self.features.nfstream(self.start.as_nanos())
    }

    /// Nanoseconds from first to last packet.
    pub fn duration(&self) -> i64 {
        self.end.nanos_since(self.start)
    }

    /// The service that its ports stand for: the responder's, or the originator's where that one is
    /// known and the other is not, if it cannot be there by chance. (Of a single packet, which does
    /// not tell who asks,
    /// [`service_by_port`](netloom_decode::service::service_by_port) looks at both alike.)
    pub fn service_by_port(&self) -> Option<&'static str> {
        server::service_by_port(self)
    }

    /// Whether the originator is the server, who was seen first: as ports tell where the capture does
    /// not have the connection's beginning, or there is none (UDP).
    ///
    /// Who alone has a port of the service's own serves, else who alone has one on which it is
    /// common; else, over TCP, an originator below port 32768 (systems give none of those to
    /// clients) where the responder's port is dynamic (RFC 6335, section 6).
    pub fn originator_serves(&self) -> bool {
        server::originator_serves(self)
    }

    /// Whether the server refused the connection: it sent a RST, and nothing besides.
    pub fn is_refused(&self) -> bool {
        server::is_refused(self)
    }

    /// The protocol: by content where it was recognised, else by the ports.
    pub fn service(&self) -> Option<&'static str> {
        self.recognised()
            .map(|protocol| protocol.name)
            .or_else(|| self.service_by_port())
    }

    /// The protocol that was recognised by content or announced by another flow.
    pub fn recognised(&self) -> Option<&'static Protocol> {
        self.app.as_ref().and_then(|app| app.service)
    }

    /// How sure [`service`](Self::service) is; `None` where there is none.
    pub fn confidence(&self) -> Option<Confidence> {
        let recognised = self.app.as_ref().and_then(|app| app.confidence);
        recognised.or_else(|| self.service_by_port().map(|_| Confidence::Port))
    }

    /// Name of the server, where anything told it.
    pub fn server_name(&self) -> Option<&str> {
        self.app.as_ref().and_then(|app| app.server_name.as_deref())
    }

    /// The product behind the flow, as people write it: by its own signs, else by the server's
    /// name, certificate or address.
    pub fn product(&self) -> Option<&'static str> {
        match &self.app {
            Some(app) => app.app,
            None => product(None, None, self.dst_ip, None).map(|product| product.title),
        }
    }

    /// What the product, else the protocol, is for.
    pub fn category(&self) -> Option<Category> {
        match &self.app {
            Some(app) => app
                .category
                .or_else(|| app.service.map(|protocol| protocol.category)),
            None => product(None, None, self.dst_ip, None).map(|product| product.category),
        }
    }

    /// The registrable domain of [`server_name`](Self::server_name), in lower case.
    pub fn domain(&self) -> Option<Cow<'_, str>> {
        registrable_domain(self.server_name()?)
    }

    /// Packets, both ways.
    pub fn packets(&self) -> u64 {
        self.fwd.packets + self.bwd.packets
    }

    /// Frame bytes on the wire, both ways.
    pub fn bytes(&self) -> u64 {
        self.fwd.bytes + self.bwd.bytes
    }
}

/// One direction of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// Frame lengths on the wire.
    pub bytes: u64,
    /// IP datagram lengths by their headers.
    pub ip_bytes: u64,
    /// Transport payload lengths by the headers.
    pub payload_bytes: u64,
    /// Payload as Zeek's `orig_bytes`/`resp_bytes` count it: for TCP from sequence numbers
    /// (gaps included, retransmissions not); else `payload_bytes`. `None` where Zeek has `-`.
    pub stream_bytes: Option<u64>,
    /// Fragments after the first of their datagram.
    pub fragments: u64,
    /// Packets with transport payload.
    pub data_packets: u64,
    /// Retransmitted TCP packets.
    pub retransmissions: u64,
    /// Of the retransmissions, those with payload: of `data_packets`.
    pub data_retransmissions: u64,
    /// Zero-window announcements.
    pub zero_windows: u64,
    /// All TCP flags seen, or-ed.
    pub tcp_flags: u8,
}

/// How a connection went: Zeek's `conn_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not ended.
    S1,
    /// Established, originator closed, responder did not.
    S2,
    /// Established, responder closed, originator did not.
    S3,
    /// Normal establishment and end.
    SF,
    /// Attempt refused.
    Rej,
    /// Established, originator aborted.
    Rsto,
    /// Responder aborted.
    Rstr,
    /// Originator sent SYN, then RST; no SYN-ACK seen.
    Rstos0,
    /// Responder sent SYN-ACK, then RST; no SYN seen.
    Rstrh,
    /// Originator sent SYN, then FIN; no SYN-ACK seen (half open).
    Sh,
    /// Responder sent SYN-ACK, then FIN; no SYN seen.
    Shr,
    /// None of these: traffic in the middle.
    #[default]
    Oth,
}

impl ConnState {
    /// Zeek's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::SF => "SF",
            Self::Rej => "REJ",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

/// Why a flow ended (IPFIX flowEndReason, element 136, where it has one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum EndReason {
    /// No packet for the idle timeout (1).
    Idle,
    /// Longer than the active timeout (2).
    Active,
    /// FIN both ways (3).
    Fin,
    /// RST (3).
    Rst,
    /// A new SYN began another connection with the same key (3).
    NewConnection,
    /// The capture ended (4).
    #[default]
    CaptureEnd,
    /// The memory cap (5).
    Evicted,
}

impl EndReason {
    /// Name as it stands in the `end_reason` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::NewConnection => "new_connection",
            Self::CaptureEnd => "capture_end",
            Self::Evicted => "evicted",
        }
    }
}
