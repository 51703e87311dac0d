//! What a filter says, before it is known for which link type.

use std::net::Ipv6Addr;
use std::ops::Range;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Primitive(Primitive, Range<usize>),
    Not(Box<Self>),
    /// Conditions joined from left to right; `and` and `or` bind alike.
    Chain(Box<Self>, Vec<(Join, Self)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

/// A protocol that has a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Link,
    Ip,
    Ip6,
    Arp,
    Rarp,
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmp6,
    Igmp,
    Igrp,
    Pim,
    Vrrp,
    Carp,
    Ah,
    Esp,
    AppleTalk,
    Aarp,
    Decnet,
    Lat,
    Sca,
    Mopdl,
    Moprc,
    Iso,
    Esis,
    Isis,
    IsisL1,
    IsisL2,
    IsisIih,
    IsisLsp,
    IsisSnp,
    IsisCsnp,
    IsisPsnp,
    Clnp,
    Stp,
    Ipx,
    Netbeui,
    Radio,
}

impl Protocol {
    /// The keyword.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Link => "ether",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Rarp => "rarp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
            Self::Igmp => "igmp",
            Self::Igrp => "igrp",
            Self::Pim => "pim",
            Self::Vrrp => "vrrp",
            Self::Carp => "carp",
            Self::Ah => "ah",
            Self::Esp => "esp",
            Self::AppleTalk => "atalk",
            Self::Aarp => "aarp",
            Self::Decnet => "decnet",
            Self::Lat => "lat",
            Self::Sca => "sca",
            Self::Mopdl => "mopdl",
            Self::Moprc => "moprc",
            Self::Iso => "iso",
            Self::Esis => "esis",
            Self::Isis => "isis",
            Self::IsisL1 => "l1",
            Self::IsisL2 => "l2",
            Self::IsisIih => "iih",
            Self::IsisLsp => "lsp",
            Self::IsisSnp => "snp",
            Self::IsisCsnp => "csnp",
            Self::IsisPsnp => "psnp",
            Self::Clnp => "clnp",
            Self::Stp => "stp",
            Self::Ipx => "ipx",
            Self::Netbeui => "netbeui",
            Self::Radio => "radio",
        }
    }
}

/// Which side of a packet an address stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Src,
    Dst,
    /// Either side; also where nothing is said.
    Either,
    Both,
    Addr1,
    Addr2,
    Addr3,
    Addr4,
    Ra,
    Ta,
}

/// What kind of thing a name or number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    /// Not said: a host.
    Default,
    Host,
    Net,
    Port,
    PortRange,
    Proto,
    ProtoChain,
    Gateway,
}

impl IdKind {
    /// The keyword.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default | Self::Host => "host",
            Self::Net => "net",
            Self::Port => "port",
            Self::PortRange => "portrange",
            Self::Proto => "proto",
            Self::ProtoChain => "protochain",
            Self::Gateway => "gateway",
        }
    }
}

/// What stands before a name or number; the next ones inherit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Qualifiers {
    pub(super) protocol: Option<Protocol>,
    pub(super) direction: Option<Direction>,
    pub(super) kind: IdKind,
}

/// A name, number or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id {
    Name(String),
    Number(u32),
    Dotted(String),
    /// `10.0.0.0/8`.
    DottedPrefix(String, u32),
    /// `10.0.0.0 mask 255.0.0.0`.
    DottedMask(String, String),
    V6(Ipv6Addr, u32),
    Mac([u8; 6]),
    Arcnet(u8),
}

/// A single test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Primitive {
    Id(Qualifiers, Id),
    Protocol(Protocol),
    Relation(Arithmetic, Relation, Arithmetic),
    Broadcast(Option<Protocol>),
    Multicast(Option<Protocol>),
    Less(u32),
    Greater(u32),
    Byte(u32, ByteTest, u32),
    /// Direction of the packet: `true` is outbound.
    Bound(bool),
    IfIndex(u32),
    Vlan(Option<u32>),
    Mpls(Option<u32>),
    Pppoed,
    Pppoes(Option<u32>),
    Geneve(Option<u32>),
    Pf(Pf),
    /// 802.11: bits of the first byte of the frame control, and the mask.
    WlanType(u8, u8),
    /// 802.11: to and from the distribution system.
    WlanDir(u32),
    Llc(Llc),
    Atm(AtmType),
    AtmField(AtmField, Relation, u32),
    Mtp2(Mtp2),
    Mtp3(Mtp3Field, bool, Relation, u32),
}

/// A comparison of unsigned 32-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// What `byte` tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteTest {
    Equal,
    Less,
    Greater,
    /// Whether a common bit is set.
    And,
    /// Whether the two together are not zero.
    Or,
}

/// A field of a pflog header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pf {
    IfName(String),
    RuleSet(String),
    RuleNumber(u32),
    SubRuleNumber(u32),
    Reason(u32),
    Action(u32),
}

/// What `llc` tests (IEEE 802.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Llc {
    Any,
    Information,
    Supervisory,
    Unnumbered,
    /// A supervisory frame with this control byte.
    SupervisoryType(u8),
    /// An unnumbered frame with this control byte.
    UnnumberedType(u8),
}

/// Cells and messages of ATM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtmType {
    Lane,
    Metac,
    Bcc,
    OamF4Ec,
    OamF4Sc,
    Sc,
    Ilmic,
    Oam,
    ConnectMsg,
    MetaConnect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtmField {
    Vpi,
    Vci,
}

/// Signal units of MTP2 (ITU-T Q.703); the high-speed ones are those of its Annex A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mtp2 {
    Fisu,
    Lssu,
    Msu,
    Hfisu,
    Hlssu,
    Hmsu,
}

/// Fields of MTP3 (ITU-T Q.704).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mtp3Field {
    Sio,
    Opc,
    Dpc,
    Sls,
}

/// An expression that gives a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Number(u32),
    /// Length of the packet on the wire.
    Len,
    /// Bytes of a protocol's header: where, and how many.
    Load(Protocol, Box<Self>, u32, Range<usize>),
    Negate(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>, Range<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}
