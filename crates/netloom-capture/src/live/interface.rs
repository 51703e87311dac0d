//! What is known of a network interface.

use std::net::IpAddr;

use netloom_packet::{LinkType, MacAddr};

/// An address of an interface, with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits that the addresses of its network have in common.
    pub prefix_len: u8,
}

impl std::fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// What passed an interface since it exists, as its driver counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets received.
    pub received_packets: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets received that were bad.
    pub received_errors: u64,
    /// Packets received for which there was no room, or nobody.
    pub received_dropped: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets that could not be sent.
    pub sent_errors: u64,
    /// Packets that were dropped instead of sent.
    pub sent_dropped: u64,
}

/// A network interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name, such as `eth0`. Whoever makes an interface names it: escape it where it is shown.
    pub name: String,
    /// What it is: `ethernet`, `loopback`, `wireless`, or the kernel's word for a virtual one
    /// (`veth`, `bridge`, `wireguard`).
    pub kind: String,
    /// What its captured packets begin with.
    pub link_type: LinkType,
    /// Whether it is the loopback interface.
    pub loopback: bool,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether there is something at the other end of the cable, or the access point.
    pub carrier: bool,
    /// Speed in bits a second, where the driver says it.
    pub speed: Option<u64>,
    /// Bytes of the largest packet, without link header.
    pub mtu: u32,
    /// Its link-layer address.
    pub mac: Option<MacAddr>,
    /// Its addresses, IPv4 first.
    pub addresses: Vec<InterfaceAddress>,
    /// What passed it since it exists.
    pub traffic: Traffic,
}

impl NetworkInterface {
    /// How likely it is the one that a person means, small first: what is connected and has
    /// addresses, what is connected, loopback, what is not connected.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "none is listed"))]
    pub(super) fn rank(&self) -> u8 {
        match (self.up && self.carrier, self.loopback) {
            (true, false) if !self.addresses.is_empty() => 0,
            (true, false) => 1,
            (true, true) => 2,
            (false, _) => 3,
        }
    }
}
