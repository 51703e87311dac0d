//! Hosts and networks, by their addresses on each layer.

use std::net::{IpAddr, Ipv6Addr};

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::error::Fault;
use super::super::syntax::{Direction, Id, IdKind, Join, Protocol, Qualifiers};
use super::super::value::Size;
use super::link::{self, ARCNET, Place};
use super::link_type::{ARP, DECNET, IP, IP6, RARP};
use super::{Generator, Made};

impl Generator<'_> {
    /// A host or a network.
    pub(super) fn address(&mut self, qualifiers: Qualifiers, id: &Id) -> Made {
        let is_net = qualifiers.kind == IdKind::Net;
        match id {
            Id::Name(name) if is_net => {
                let Some(number) = self.names.network(name) else {
                    return Err(self
                        .fault("no network of this name is in /etc/networks")
                        .hint("a network is written as 10.0.0.0/8"));
                };
                let (address, mask) = left_aligned(number);
                self.v4(qualifiers, address, mask)
            }
            Id::Name(name) => self.host(qualifiers, name),
            Id::Mac(address) => self.mac(qualifiers, *address),
            Id::Arcnet(address) => self.arcnet(qualifiers, *address),
            Id::V6(address, length) => self.v6_prefix(qualifiers, *address, *length),
            Id::DottedPrefix(text, length) => {
                let (address, _) = self.dotted(text)?;
                if *length > 32 {
                    return Err(self.fault("a prefix of an IPv4 address is at most 32 bits long"));
                }
                let mask = mask4(*length);
                self.v4_net(qualifiers, address, mask)
            }
            Id::DottedMask(text, mask) => {
                let (address, _) = self.dotted(text)?;
                let (mask, _) = self.dotted(mask)?;
                self.v4_net(qualifiers, address, mask)
            }
            Id::Dotted(text) if qualifiers.protocol == Some(Protocol::Decnet) => {
                let address = decnet(text).ok_or_else(|| self.not_decnet())?;
                self.decnet_host(qualifiers.direction, address)
            }
            // As with libpcap, the beginning of an address stands for all that begin so, even
            // after `host`.
            Id::Dotted(text) => {
                let (address, bits) = self.dotted(text)?;
                self.v4_or_link(qualifiers, address, mask4(bits))
            }
            Id::Number(number) if qualifiers.protocol == Some(Protocol::Decnet) => {
                self.decnet_host(qualifiers.direction, *number)
            }
            Id::Number(number) if is_net => {
                let (address, mask) = left_aligned(*number);
                self.v4_or_link(qualifiers, address, mask)
            }
            Id::Number(number) => self.v4_or_link(qualifiers, *number, u32::MAX),
        }
    }

    fn not_decnet(&self) -> Fault {
        self.fault("this is no DECnet address")
            .hint("a DECnet address is written as AREA.NODE")
    }

    /// An address of which one to four bytes are written: the address, and how many bits are.
    fn dotted(&self, text: &str) -> Result<(u32, u32), Fault> {
        let mut address = 0_u32;
        let mut bits = 0;
        for part in text.split('.') {
            let byte: Option<u8> = part.parse().ok();
            let byte = byte.ok_or_else(|| {
                self.fault(format!("{text} is no IPv4 address"))
                    .hint("each of its four numbers is at most 255")
            })?;
            address = address << 8 | u32::from(byte);
            bits += 8;
        }
        Ok((address.checked_shl(32 - bits.min(32)).unwrap_or(0), bits))
    }

    fn v4_net(&mut self, qualifiers: Qualifiers, address: u32, mask: u32) -> Made {
        if address & !mask != 0 {
            let network = std::net::Ipv4Addr::from(address & mask);
            return Err(self
                .fault("the address has bits set that the mask does not cover")
                .hint(format!("the network of this address is {network}")));
        }
        if qualifiers.kind != IdKind::Net {
            return Err(self
                .fault("only a network has a mask")
                .hint("write `net` before it"));
        }
        self.v4(qualifiers, address, mask)
    }

    fn v4_or_link(&mut self, qualifiers: Qualifiers, address: u32, mask: u32) -> Made {
        if qualifiers.protocol == Some(Protocol::Link) {
            return Err(self
                .fault("this is no address of the link layer")
                .hint("an Ethernet address is six bytes: 00:11:22:33:44:55"));
        }
        self.v4(qualifiers, address, mask)
    }

    fn v4(&mut self, qualifiers: Qualifiers, address: u32, mask: u32) -> Made {
        match qualifiers.protocol {
            None => {
                let ip = self.v4_in(IP, qualifiers.direction, address, mask)?;
                if self.layer.labels > 0 {
                    return Ok(ip);
                }
                let arp = self.v4_in(ARP, qualifiers.direction, address, mask)?;
                let rarp = self.v4_in(RARP, qualifiers.direction, address, mask)?;
                Ok(ip.or(arp).or(rarp))
            }
            Some(Protocol::Ip) => self.v4_in(IP, qualifiers.direction, address, mask),
            Some(Protocol::Arp) => self.v4_in(ARP, qualifiers.direction, address, mask),
            Some(Protocol::Rarp) => self.v4_in(RARP, qualifiers.direction, address, mask),
            Some(Protocol::Decnet) => self.decnet_host(qualifiers.direction, address),
            Some(protocol) => Err(self.no_hosts(protocol, qualifiers.kind)),
        }
    }

    fn no_hosts(&self, protocol: Protocol, kind: IdKind) -> Fault {
        let (protocol, kind) = (protocol.name(), kind.name());
        let fault = self.fault(format!("`{protocol}` has no {kind} of this kind"));
        match protocol {
            "tcp" | "udp" | "sctp" | "icmp" | "icmp6" => {
                fault.hint(format!("write `{protocol} and {kind} …`"))
            }
            _ => fault,
        }
    }

    /// An IPv4 address in IP, ARP or RARP.
    fn v4_in(
        &mut self,
        protocol: u32,
        direction: Option<Direction>,
        address: u32,
        mask: u32,
    ) -> Made {
        let (src, dst) = if protocol == IP { (12, 16) } else { (14, 24) };
        self.sides(direction, |this, is_src| {
            let carries = this.link_protocol(protocol)?;
            let offset = if is_src { src } else { dst };
            Ok(carries.and(this.masked(Place::Network, offset, Size::Word, address, mask)))
        })
    }

    fn v6_prefix(&mut self, qualifiers: Qualifiers, address: Ipv6Addr, length: u32) -> Made {
        if length > 128 {
            return Err(self.fault("a prefix of an IPv6 address is at most 128 bits long"));
        }
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        if address.to_bits() & !mask != 0 {
            let network = Ipv6Addr::from_bits(address.to_bits() & mask);
            return Err(self
                .fault("the address has bits set that the prefix does not cover")
                .hint(format!("the network of this address is {network}")));
        }
        if qualifiers.kind != IdKind::Net && length != 128 {
            return Err(self
                .fault("only a network has a prefix length")
                .hint("write `net` before it"));
        }
        self.v6(qualifiers, address.to_bits(), mask)
    }

    fn v6(&mut self, qualifiers: Qualifiers, address: u128, mask: u128) -> Made {
        match qualifiers.protocol {
            None | Some(Protocol::Ip6) => {}
            Some(protocol) => {
                let protocol = protocol.name();
                return Err(self.fault(format!("`{protocol}` has no IPv6 addresses")));
            }
        }
        self.sides(qualifiers.direction, |this, is_src| {
            let offset = if is_src { 8 } else { 24 };
            let mut condition = this.link_protocol(IP6)?;
            for word in 0..4_u32 {
                let part = |bits: u128| (bits >> (96 - 32 * word)) as u32;
                let (number, mask) = (part(address), part(mask));
                let test = this.masked(Place::Network, offset + 4 * word, Size::Word, number, mask);
                condition = condition.and(test);
            }
            Ok(condition)
        })
    }

    /// A condition on the source, the destination, or both.
    pub(super) fn sides(
        &mut self,
        direction: Option<Direction>,
        mut make: impl FnMut(&mut Self, bool) -> Made,
    ) -> Made {
        match direction {
            Some(Direction::Src) => make(self, true),
            Some(Direction::Dst) => make(self, false),
            Some(Direction::Both) => Ok(make(self, true)?.and(make(self, false)?)),
            None | Some(Direction::Either) => Ok(make(self, true)?.or(make(self, false)?)),
            Some(
                Direction::Addr1
                | Direction::Addr2
                | Direction::Addr3
                | Direction::Addr4
                | Direction::Ra
                | Direction::Ta,
            ) => Err(self.fault("only Ethernet addresses in 802.11 frames have this side")),
        }
    }

    /// A host by its name.
    fn host(&mut self, qualifiers: Qualifiers, name: &str) -> Made {
        match qualifiers.protocol {
            Some(Protocol::Link) => {
                let Some(address) = self.names.ether(name) else {
                    return Err(self
                        .fault("no Ethernet address of this name is in /etc/ethers")
                        .hint("an Ethernet address is six bytes: 00:11:22:33:44:55"));
                };
                return self.mac(qualifiers, address);
            }
            Some(Protocol::Decnet) => return Err(self.not_decnet()),
            _ => {}
        }
        let addresses = self.names.host(name);
        if addresses.is_empty() {
            return Err(self
                .fault(format!("the address of `{name}` is not known"))
                .hint("netloom looks names up in /etc/hosts only and never asks a DNS server; write the address"));
        }
        // Where the link layer names no protocol, ARP cannot be told.
        let (mut v4, mut v6) = (qualifiers, qualifiers);
        if self.layer.type_at.constant == link::NONE && qualifiers.protocol.is_none() {
            v4.protocol = Some(Protocol::Ip);
            v6.protocol = Some(Protocol::Ip6);
        }
        let mut links: Vec<(Join, Condition)> = Vec::new();
        for address in addresses {
            let condition = match address {
                IpAddr::V4(_) if v4.protocol == Some(Protocol::Ip6) => continue,
                IpAddr::V6(_) if v6.protocol == Some(Protocol::Ip) => continue,
                IpAddr::V4(address) => self.v4(v4, address.to_bits(), u32::MAX)?,
                IpAddr::V6(address) => self.v6(v6, address.to_bits(), u128::MAX)?,
            };
            links.push((Join::Or, condition));
        }
        if links.is_empty() {
            return Err(self.fault(format!("`{name}` has no address of this protocol")));
        }
        Ok(Condition::Chain(links))
    }

    /// `gateway` needs names that have both kinds of addresses, which libpcap with IPv6 refuses.
    pub(super) fn gateway(&mut self, _qualifiers: Qualifiers, id: &Id) -> Made {
        Err(match id {
            Id::Name(_) => self
                .fault("`gateway` is not supported")
                .hint("write `ether host ADDRESS and not host ADDRESS`"),
            _ => self
                .fault("`gateway` takes a name")
                .hint("write `ether host ADDRESS and not host ADDRESS`"),
        })
    }

    /// An Ethernet address.
    fn mac(&mut self, qualifiers: Qualifiers, address: [u8; 6]) -> Made {
        if qualifiers.protocol != Some(Protocol::Link) || qualifiers.kind == IdKind::Net {
            return Err(self
                .fault("an Ethernet address can only be a host of the link layer")
                .hint("write `ether host` before it"));
        }
        self.link_address(qualifiers.direction, address)
    }

    /// An address of six bytes in the link layer's header.
    pub(super) fn link_address(&mut self, direction: Option<Direction>, address: [u8; 6]) -> Made {
        if self.layer.is_wlan() {
            return self.wlan_address(direction, address);
        }
        let (src, dst) = match self.layer.link_type {
            _ if self.layer.is_ethernet() => (6, 0),
            LinkType::FDDI => (7, 1),
            LinkType::TOKEN_RING => (8, 2),
            LinkType::IP_OVER_FC => (10, 2),
            _ => return Err(self.unsupported("addresses of the link layer")),
        };
        let first = self
            .layer
            .is_ethernet()
            .then(|| self.previous_link_check())
            .flatten();
        let condition = self.sides(direction, |this, is_src| {
            Ok(this.bytes(Place::Link, if is_src { src } else { dst }, &address))
        })?;
        Ok(condition.after(first))
    }

    /// An address of one byte.
    fn arcnet(&mut self, qualifiers: Qualifiers, address: u8) -> Made {
        if !matches!(self.layer.link_type, ARCNET | LinkType::ARCNET_LINUX) {
            return Err(self.unsupported("addresses of one byte"));
        }
        if qualifiers.protocol != Some(Protocol::Link) || qualifiers.kind == IdKind::Net {
            return Err(self.fault("an ARCNET address can only be a host of the link layer"));
        }
        self.arcnet_address(qualifiers.direction, address)
    }

    pub(super) fn arcnet_address(&mut self, direction: Option<Direction>, address: u8) -> Made {
        self.sides(direction, |this, is_src| {
            let offset = u32::from(!is_src);
            Ok(this.equal(Place::Link, offset, Size::Byte, u32::from(address)))
        })
    }

    /// A DECnet address, in the long and the short header (DECnet Routing Layer, phase IV), each
    /// with and without a byte of padding.
    fn decnet_host(&mut self, direction: Option<Direction>, address: u32) -> Made {
        let address = u32::from((address as u16).swap_bytes());
        self.sides(direction, |this, is_src| {
            let (long, short) = if is_src { (15, 3) } else { (7, 1) };
            let mut forms = Vec::new();
            for (size, flags, mask, offset) in [
                (Size::Half, 0x8106, 0xff07, 3 + long),
                (Size::Byte, 0x06, 0x07, 2 + long),
                (Size::Half, 0x8102, 0xff07, 3 + short),
                (Size::Byte, 0x02, 0x07, 2 + short),
            ] {
                let form = this.masked(Place::Network, 2, size, flags, mask);
                let same = this.equal(Place::Network, offset, Size::Half, address);
                forms.push((Join::Or, form.and(same)));
            }
            // libpcap tests them the other way round: it matters where a packet is cut.
            forms.reverse();
            Ok(this.link_protocol(DECNET)?.and(Condition::Chain(forms)))
        })
    }
}

/// A mask of so many bits.
fn mask4(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0)
}

/// A number of a network, moved to the left as far as it has zeros there, and its mask.
fn left_aligned(number: u32) -> (u32, u32) {
    let (mut address, mut mask) = (number, u32::MAX);
    while address != 0 && address & 0xff00_0000 == 0 {
        address <<= 8;
        mask <<= 8;
    }
    (address, mask)
}

/// A DECnet address: six bits of area, ten of node.
fn decnet(text: &str) -> Option<u32> {
    let (area, node) = text.split_once('.')?;
    let node = node.split('.').next()?;
    let (area, node): (u32, u32) = (area.parse().ok()?, node.parse().ok()?);
    Some((area << 10 & 0xfc00) | (node & 0x03ff))
}
