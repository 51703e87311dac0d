//! How far decoding came, and why it ended early: [`Layer`], [`Stop`].

/// Layers, for saying where something stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum Layer {
    /// Link layer and what stands before it (radiotap, cooked headers, …).
    #[default]
    Link,
    /// VLAN tags.
    Vlan,
    /// MPLS labels.
    Mpls,
    /// ARP.
    Arp,
    /// IPv4 header.
    Ipv4,
    /// IPv6 header.
    Ipv6,
    /// IPv6 extension headers, AH.
    Ipv6Extension,
    /// TCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
    /// ICMP, either version.
    Icmp,
    /// IGMP.
    Igmp,
    /// SCTP.
    Sctp,
    /// DCCP.
    Dccp,
    /// ESP.
    Esp,
    /// Header of a tunnel.
    Tunnel,
    /// Payload.
    Payload,
}

impl Layer {
    /// Lower-case name as it stands in the `anomalies` table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Vlan => "vlan",
            Self::Mpls => "mpls",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension => "ipv6_extension",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Igmp => "igmp",
            Self::Sctp => "sctp",
            Self::Dccp => "dccp",
            Self::Esp => "esp",
            Self::Tunnel => "tunnel",
            Self::Payload => "payload",
        }
    }
}

/// Why decoding ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The layer that could not be read.
    pub layer: Layer,
    /// What was wrong.
    pub kind: StopKind,
    /// Where that layer begins, from the start of the packet.
    pub offset: u32,
    /// Bytes that were needed, or the value that made no sense.
    pub needed: u32,
    /// Bytes that were there, or the least (or largest) value that would have made sense.
    pub found: u32,
}

/// What can be wrong with a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum StopKind {
    /// The packet ends inside the layer: the capture's snap length cut it (the packet is
    /// shorter than it was on the wire).
    CutBySnapLength,
    /// The packet ends inside the layer though it was captured whole: it was malformed.
    Truncated,
    /// A length field contradicts itself or the layer around it.
    BadLength,
    /// A version or type field has a value that cannot be here.
    BadVersion,
    /// More nested layers than are opened.
    TooDeep,
    /// The link type (or what a header announces) is not one that is decoded.
    Unsupported,
}

impl StopKind {
    /// Lower-case name as it stands in the `anomalies` table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutBySnapLength => "cut_by_snap_length",
            Self::Truncated => "truncated",
            Self::BadLength => "bad_length",
            Self::BadVersion => "bad_version",
            Self::TooDeep => "too_deep",
            Self::Unsupported => "unsupported",
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (layer, offset) = (self.layer.name(), self.offset);
        match self.kind {
            StopKind::CutBySnapLength | StopKind::Truncated => write!(
                f,
                "{layer} at byte {offset}: needs {} bytes, {} left",
                self.needed, self.found
            ),
            kind => write!(
                f,
                "{layer} at byte {offset}: {} ({})",
                kind.name(),
                self.needed
            ),
        }
    }
}
