//! What a flow is: rules, timeouts, the memory cap.

use std::str::FromStr;

use netloom_decode::app::Interest;
use netloom_decode::{Decoded, TunnelKind, TunnelSet};

use crate::features::FeatureSet;
use crate::limits::AnalyzerLimits;
use crate::ports::ServerPorts;
use crate::timeouts::Timeouts;

/// The four meanings of "flow" (`--flow-rules`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FlowRules {
    /// Key: 5-tuple, VLAN stack, tunnel. Ends: idle 120 s, active 30 min, FIN both ways or RST
    /// plus a linger of 5 s, a new SYN on an ended one. Direction as Zeek's: SYN, known ports,
    /// first packet.
    #[default]
    Native,
    /// As Zeek's conn.log: 5-tuple with ICMP type and code as ports; TCP idle 5 min, UDP and
    /// ICMP 1 min, `tcp_close_delay` 5 s; a lone RST is a flow of its own; outer flows of UDP
    /// tunnels are flows too.
    Zeek,
    /// As NFStream 6.6: 5-tuple, VLAN, tunnel id; ICMP between two hosts as one flow with ports
    /// 0; idle 120 s, active 30 min; FIN and RST never end one; fragments after the first do
    /// not count; direction by the first packet; time in whole milliseconds that never goes
    /// back. What it looks at is told by [`nfstream_view`](crate::nfstream_view).
    Nfstream,
    /// As ndpiReader: like `Nfstream`, but nothing ever ends a flow, and only the tunnels that
    /// nDPI opens are opened.
    Ndpi,
}

impl FlowRules {
    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Zeek => "zeek",
            Self::Nfstream => "nfstream",
            Self::Ndpi => "ndpi",
        }
    }

    /// The tunnels that are opened under these rules; a packet of any other belongs to the
    /// flow of its outer addresses. Pass it to
    /// [`DecodeOptions::tunnels`](netloom_decode::DecodeOptions::tunnels).
    ///
    /// Zeek has no analyzer for L2TP, CAPWAP, TZSP, EtherIP and PIM. ndpiReader and NFStream
    /// always look into MPLS, PPPoE and IP in IP; with tunnel decoding on (as nDPI's own
    /// tests have it) into GRE, GTP-U, TZSP, CAPWAP and VXLAN too.
    pub const fn tunnels(self) -> TunnelSet {
        match self {
            Self::Native => TunnelSet::ALL,
            Self::Zeek => TunnelSet::ALL
                .without(TunnelKind::L2tp)
                .without(TunnelKind::Capwap)
                .without(TunnelKind::Tzsp)
                .without(TunnelKind::EtherIp)
                .without(TunnelKind::PimRegister),
            Self::Nfstream => TunnelSet::NONE
                .with(TunnelKind::Mpls)
                .with(TunnelKind::Pppoe)
                .with(TunnelKind::IpIp)
                .with(TunnelKind::GtpU)
                .with(TunnelKind::Tzsp)
                .with(TunnelKind::Capwap),
            Self::Ndpi => TunnelSet::NONE
                .with(TunnelKind::Mpls)
                .with(TunnelKind::Pppoe)
                .with(TunnelKind::IpIp)
                .with(TunnelKind::Gre)
                .with(TunnelKind::GtpU)
                .with(TunnelKind::Tzsp)
                .with(TunnelKind::Capwap)
                .with(TunnelKind::Vxlan),
        }
    }

    /// Whether UDP carries this kind of tunnel: under Zeek's rules its outer flow counts too.
    pub const fn is_udp_tunnel(kind: TunnelKind) -> bool {
        matches!(
            kind,
            TunnelKind::Vxlan
                | TunnelKind::Geneve
                | TunnelKind::GtpU
                | TunnelKind::Teredo
                | TunnelKind::L2tp
                | TunnelKind::Ayiya
                | TunnelKind::Capwap
                | TunnelKind::Tzsp
        )
    }

    /// Whether a packet counts by what was captured of it (`caplen` bytes): ndpiReader looks only
    /// at datagrams that are there to the end, NFStream asks that of IPv6 alone.
    pub fn counts(self, decoded: &Decoded, caplen: u32) -> bool {
        let Some(ip) = &decoded.ip else {
            return true;
        };
        let asked = match self {
            Self::Ndpi => true,
            Self::Nfstream => ip.src.is_ipv6(),
            Self::Native | Self::Zeek => false,
        };
        let end = u64::from(ip.offset) + u64::from(ip.total_len);
        !asked || u64::from(caplen) >= end
    }

    /// What a packet adds to its flow's bytes: its length on the wire; for ndpiReader what was
    /// captured of it, which is less where only a frame's end was cut off.
    pub(crate) fn bytes(self, wire_len: u32, caplen: u32) -> u64 {
        u64::from(if self == Self::Ndpi { caplen } else { wire_len })
    }

    /// Whether a packet is to be looked at as NFStream does
    /// ([`nfstream_view`](crate::nfstream_view)), and time never goes back: a packet whose
    /// timestamp is before that of another one that counted is to be passed to the table with the
    /// time of that one.
    pub const fn is_nfstream(self) -> bool {
        matches!(self, Self::Nfstream)
    }

    /// Whether ICMP type and code are part of the key, requests paired with their replies.
    pub(crate) const fn pairs_icmp(self) -> bool {
        matches!(self, Self::Native | Self::Zeek)
    }

    /// Whether direction follows Zeek's heuristics; else the first packet alone.
    pub(crate) const fn guesses_direction(self) -> bool {
        !self.is_ndpi_like()
    }

    /// Whether these are nDPI's ways, which NFStream shares: fragments after the first do not
    /// count, a header that is not all there has no ports.
    pub(crate) const fn is_ndpi_like(self) -> bool {
        matches!(self, Self::Nfstream | Self::Ndpi)
    }

    /// Whether flows of this protocol are kept apart by hosts alone: nDPI knows the ports of
    /// TCP and UDP only, Zeek those too.
    pub(crate) const fn hosts_only(self, protocol: u8) -> bool {
        !matches!(self, Self::Native) && !matches!(protocol, 6 | 17)
    }
}

impl FromStr for FlowRules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Native, Self::Zeek, Self::Nfstream, Self::Ndpi]
            .into_iter()
            .find(|rules| rules.name() == text)
            .ok_or_else(|| format!("'{text}' is not one of native, zeek, nfstream, ndpi"))
    }
}

/// How a [`FlowTable`](crate::FlowTable) works.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FlowConfig {
    /// What a flow is.
    pub rules: FlowRules,
    /// Idle timeout in nanoseconds in place of the rules' own; `Some(0)`: never.
    pub idle_timeout: Option<i64>,
    /// Active timeout in nanoseconds in place of the rules' own; `Some(0)`: never.
    pub active_timeout: Option<i64>,
    /// Bytes the table may use; the least recently seen flow is evicted first.
    pub max_memory: usize,
    /// Name of the sensor, part of each `flow_id`.
    pub sensor: String,
    /// Whether each packet is to know the `flow_id` of its flow
    /// ([`Ingested::flow_id`](crate::Ingested::flow_id)): it is made when the flow begins, not
    /// when it ends.
    pub packet_flow_ids: bool,
    /// Whether each row's `flow_id` will be asked for
    /// ([`AppRecord::flow_id`](crate::app::AppRecord::flow_id)): it is made once for all rows of a
    /// flow then, and not by each row that is asked.
    pub row_flow_ids: bool,
    /// Whether checksums of TCP and UDP are verified: a segment with a wrong one gives a `c`
    /// in `history` and has no effect on the connection's state. Under Zeek's rules it does
    /// not count in `packets` either, nor does an ICMP message; and a wrong one in an IPv4
    /// header makes the packet count in no flow at all.
    pub checksums: bool,
    /// Ports that servers are likely to listen on, as IP protocol (6 or 17) and port, from
    /// which direction is guessed where a conversation was not seen from its start; `None`:
    /// those of Zeek's default scripts. An empty list: no guess by ports.
    pub server_ports: Option<Vec<(u8, u16)>>,
    /// Under Zeek's rules, what must not be exceeded for `history` to have no `X`.
    pub limits: AnalyzerLimits,
    /// Whether payloads are looked at: flows get their names
    /// ([`FlowRecord::app`](crate::FlowRecord::app)), and rows of the kinds in the set come
    /// out of [`FlowTable::take_rows`](crate::FlowTable::take_rows). `None`: nobody looks.
    pub applications: Option<Interest>,
    /// Which features are kept ([`FlowRecord::features`](crate::FlowRecord::features)).
    pub features: FeatureSet,
}

impl FlowConfig {
    /// The rules with their own timeouts, 1 GiB, no sensor name.
    pub fn new(rules: FlowRules) -> Self {
        Self {
            rules,
            idle_timeout: None,
            active_timeout: None,
            max_memory: 1 << 30,
            sensor: String::new(),
            packet_flow_ids: false,
            row_flow_ids: false,
            checksums: false,
            server_ports: None,
            limits: AnalyzerLimits::default(),
            applications: None,
            features: FeatureSet::NONE,
        }
    }

    /// Nanoseconds from a flow's first packet to the time by which its timeouts have ended it;
    /// `None` where it need not end.
    ///
    /// ```
    /// use netloom_flow::{FlowConfig, FlowRules};
    ///
    /// let mut config = FlowConfig::new(FlowRules::Native);
    /// assert_eq!(config.longest(), Some((30 + 2) * 60 * 1_000_000_000));
    /// config.active_timeout = Some(0);
    /// assert_eq!(config.longest(), None);
    /// assert_eq!(FlowConfig::new(FlowRules::Zeek).longest(), None);
    /// ```
    pub fn longest(&self) -> Option<i64> {
        Timeouts::new(self, &ServerPorts::default()).longest()
    }
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self::new(FlowRules::default())
    }
}
