//! What a packet was wrapped in: [`Tunnels`].

/// Encapsulations, outermost first: up to six are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct Tunnels {
    len: u8,
    pub(super) kinds: [Tunnel; 6],
}

impl Tunnels {
    /// How many nested encapsulations are opened at the most.
    pub const MAX: usize = 6;

    /// Appends an inner encapsulation; `false` when there is no room (the caller then stops
    /// with [`StopKind::TooDeep`](super::StopKind::TooDeep)).
    #[must_use]
    pub fn push(&mut self, tunnel: Tunnel) -> bool {
        let Some(place) = self.kinds.get_mut(usize::from(self.len)) else {
            return false;
        };
        *place = tunnel;
        self.len += 1;
        true
    }

    /// The encapsulations, outermost first.
    #[inline]
    pub fn as_slice(&self) -> &[Tunnel] {
        &self.kinds[..usize::from(self.len)]
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Keeps the outermost `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        while usize::from(self.len) > len {
            self.len -= 1;
            // Equality and hashes look at all places.
            self.kinds[usize::from(self.len)] = Tunnel::default();
        }
    }
}

/// One encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Tunnel {
    /// What kind.
    pub kind: TunnelKind,
    /// GRE key, VXLAN/GENEVE network identifier, GTP-U TEID, L2TP tunnel and session id,
    /// MPLS label, PPPoE session, ERSPAN session id, PBB I-SID; 0 where there is none.
    pub id: u32,
    /// Start of the IP header that carries it, from the start of the packet; `u16::MAX` for
    /// encapsulations that no IP header carries (MPLS, PPPoE, PBB) or offsets beyond.
    pub ip_offset: u16,
}

/// The encapsulations that are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum TunnelKind {
    /// IP in IP: 4in4, 4in6, 6in4, 6in6 (RFC 2003, 2473, 4213).
    #[default]
    IpIp,
    /// GRE (RFC 2784, 2890; PPTP's version 1, RFC 2637).
    Gre,
    /// ERSPAN types I, II and III over GRE.
    Erspan,
    /// VXLAN and VXLAN-GPE (RFC 7348).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP-U (3GPP TS 29.281).
    GtpU,
    /// Teredo (RFC 4380).
    Teredo,
    /// L2TPv2 over UDP, L2TPv3 (RFC 2661, 3931).
    L2tp,
    /// AYIYA and 6in4 brokers.
    Ayiya,
    /// An MPLS label stack; `id` is its bottom label.
    Mpls,
    /// PPPoE session (RFC 2516).
    Pppoe,
    /// Provider backbone bridge, 802.1ah.
    Pbb,
    /// CAPWAP data (RFC 5415) towards 802.11 or 802.3.
    Capwap,
    /// TZSP.
    Tzsp,
    /// Ethernet in IP (RFC 3378), and as SRv6 carries it (RFC 8986).
    EtherIp,
    /// PIM Register: multicast on its way to the rendezvous point (RFC 7761 section 4.9.3).
    PimRegister,
}

impl TunnelKind {
    /// Lower-case name as it stands in the `tunnel` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpIp => "ipip",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtpu",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
            Self::Ayiya => "ayiya",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Pbb => "pbb",
            Self::Capwap => "capwap",
            Self::Tzsp => "tzsp",
            Self::EtherIp => "etherip",
            Self::PimRegister => "pim",
        }
    }
}

/// A set of [`TunnelKind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelSet(u32);

impl TunnelSet {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// The set with `kind` in it too.
    #[must_use]
    pub const fn with(self, kind: TunnelKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// The set without `kind`.
    #[must_use]
    pub const fn without(self, kind: TunnelKind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Whether `kind` is in the set.
    pub const fn contains(self, kind: TunnelKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}
