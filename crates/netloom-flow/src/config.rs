//! What a flow is: rules, timeouts, the memory cap.

use std::str::FromStr;

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
    /// not count; direction by the first packet.
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
        }
    }
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self::new(FlowRules::default())
    }
}
