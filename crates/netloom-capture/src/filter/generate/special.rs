//! Broadcast and multicast, directions, interfaces, LLC, and the headers of PF.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::program::ancillary;
use super::super::syntax::{Direction, Llc, Pf, Protocol, Relation};
use super::super::value::Size;
use super::link::{self, ARCNET, IPNET, Place};
use super::link_type::{IP, IP6, is_juniper};
use super::{Generator, Made, compare};

const BROADCAST: [u8; 6] = [0xff; 6];

/// "Sent by this machine" in Linux's headers (`linux/if_packet.h`, PACKET_OUTGOING).
const OUTGOING: u32 = 4;

impl Generator<'_> {
    pub(super) fn broadcast(&mut self, protocol: Option<Protocol>) -> Made {
        let dst = Some(Direction::Dst);
        match protocol {
            None | Some(Protocol::Link) => match self.layer.link_type {
                ARCNET | LinkType::ARCNET_LINUX => self.arcnet_address(dst, 0),
                _ => self
                    .link_address(dst, BROADCAST)
                    .map_err(|_| self.unsupported("broadcasts")),
            },
            Some(Protocol::Ip) => {
                let Some(mask) = self.options.netmask else {
                    return Err(self.fault(
                        "the network's mask is not known, so its broadcasts cannot be told",
                    ));
                };
                // All zeros, as of old, or all ones.
                let host = !mask;
                let ip = self.link_protocol(IP)?;
                let zeros = self.masked(Place::Network, 16, Size::Word, 0, host);
                let ones = self.masked(Place::Network, 16, Size::Word, host, host);
                Ok(ip.and(zeros.or(ones)))
            }
            Some(other) => Err(self
                .fault(format!("`{}` has no broadcasts", other.name()))
                .hint("the link layer and IPv4 have: `ether broadcast`, `ip broadcast`")),
        }
    }

    pub(super) fn multicast(&mut self, protocol: Option<Protocol>) -> Made {
        match protocol {
            None | Some(Protocol::Link) => match self.layer.link_type {
                ARCNET | LinkType::ARCNET_LINUX => self.arcnet_address(Some(Direction::Dst), 0),
                _ if self.layer.is_ethernet() => {
                    let first = self.previous_link_check();
                    Ok(self.any_bit(Place::Link, 0, 1).after(first))
                }
                LinkType::FDDI => Ok(self.any_bit(Place::Link, 1, 1)),
                LinkType::TOKEN_RING | LinkType::IP_OVER_FC => Ok(self.any_bit(Place::Link, 2, 1)),
                _ if self.layer.is_wlan() => Ok(self.wlan_multicast()),
                _ => Err(self.unsupported("multicasts of the link layer")),
            },
            Some(Protocol::Ip) => {
                let ip = self.link_protocol(IP)?;
                let value = self.load(Place::Network, 16, Size::Byte);
                Ok(ip.and(compare(value, Relation::GreaterEqual, 224)))
            }
            Some(Protocol::Ip6) => {
                let ip6 = self.link_protocol(IP6)?;
                Ok(ip6.and(self.equal(Place::Network, 24, Size::Byte, 255)))
            }
            Some(other) => Err(self
                .fault(format!("`{}` has no multicasts", other.name()))
                .hint("the link layer, IPv4 and IPv6 have: `ip multicast`")),
        }
    }

    /// Packets that came in, or went out.
    pub(super) fn bound(&mut self, outbound: bool) -> Made {
        let incoming = |outgoing: Condition| {
            if outbound {
                outgoing
            } else {
                outgoing.negate()
            }
        };
        Ok(match self.layer.link_type {
            LinkType::SLIP => {
                let value = self.load(Place::Link, 0, Size::Byte);
                incoming(compare(value, Relation::NotEqual, 0))
            }
            IPNET => self.equal(Place::Link, 2, Size::Half, if outbound { 1 } else { 2 }),
            LinkType::LINUX_SLL => incoming(self.equal(Place::Link, 0, Size::Half, OUTGOING)),
            LinkType::LINUX_SLL2 => incoming(self.equal(Place::Link, 10, Size::Byte, OUTGOING)),
            LinkType::PFLOG => {
                self.equal(Place::Link, 60, Size::Byte, if outbound { 2 } else { 1 })
            }
            LinkType::PPP_PPPD => self.equal(Place::Link, 0, Size::Byte, u32::from(outbound)),
            link_type if is_juniper(link_type) => {
                self.masked(Place::Link, 3, Size::Byte, u32::from(!outbound), 1)
            }
            _ if self.options.live => {
                let value = self.values.load(Size::Half, None, ancillary::PACKET_TYPE);
                incoming(compare(value, Relation::Equal, OUTGOING))
            }
            _ => return Err(self.not_in_files("which way a packet went")),
        })
    }

    fn not_in_files(&self, what: &str) -> super::Fault {
        self.fault(format!(
            "a capture with packets of link type {} does not say {what}",
            self.layer.link_type
        ))
    }

    pub(super) fn interface_index(&mut self, index: u32) -> Made {
        match self.layer.link_type {
            LinkType::LINUX_SLL2 => Ok(self.equal(Place::Link, 4, Size::Word, index)),
            _ if self.options.live => {
                let value = self.values.load(Size::Word, None, ancillary::INTERFACE);
                Ok(compare(value, Relation::Equal, index))
            }
            _ => Err(self.not_in_files("the index of its interface")),
        }
    }

    /// Frames of LLC (IEEE 802.2, 5.4).
    pub(super) fn llc(&mut self, frames: Llc) -> Made {
        let any = match self.layer.link_type {
            LinkType::ETHERNET => {
                let value = self.load(Place::LinkType, 0, Size::Half);
                let length = compare(value, Relation::LessEqual, 1500);
                // IPX without LLC.
                let raw = self.equal(Place::Payload, 0, Size::Half, 0xffff);
                length.and(raw.negate())
            }
            LinkType::SUNATM => self.is_atm_llc(),
            LinkType::TOKEN_RING | LinkType::FDDI | LinkType::ATM_RFC1483 => {
                Condition::Constant(true)
            }
            _ if self.layer.is_wlan() => self.is_wlan_data(),
            _ => return Err(self.unsupported("LLC headers")),
        };
        let frames = match frames {
            Llc::Any => return Ok(any),
            Llc::Information => self.any_bit(Place::Payload, 2, 1).negate(),
            Llc::Supervisory => self.masked(Place::Payload, 2, Size::Byte, 1, 3),
            Llc::Unnumbered => self.masked(Place::Payload, 2, Size::Byte, 3, 3),
            Llc::SupervisoryType(control) => {
                self.masked(Place::Payload, 2, Size::Byte, u32::from(control), 0x0f)
            }
            Llc::UnnumberedType(control) => {
                self.masked(Place::Payload, 2, Size::Byte, u32::from(control), 0xef)
            }
        };
        Ok(any.and(frames))
    }

    /// Fields of a pflog header (`net/if_pflog.h`).
    pub(super) fn pf(&mut self, field: &Pf) -> Made {
        /// Names of interfaces and rule sets, with the zero at the end.
        const NAME: usize = 16;
        if self.layer.link_type != LinkType::PFLOG {
            return Err(self.unsupported("PF headers"));
        }
        if let Pf::IfName(name) | Pf::RuleSet(name) = field
            && name.len() >= NAME
        {
            return Err(self.fault("this name is longer than 15 bytes"));
        }
        Ok(match field {
            Pf::IfName(name) => self.bytes(Place::Link, 4, name.as_bytes()),
            Pf::RuleSet(name) => self.bytes(Place::Link, 20, name.as_bytes()),
            Pf::RuleNumber(number) => self.equal(Place::Link, 36, Size::Word, *number),
            Pf::SubRuleNumber(number) => self.equal(Place::Link, 40, Size::Word, *number),
            Pf::Reason(number) => self.equal(Place::Link, 3, Size::Byte, *number),
            Pf::Action(number) => self.equal(Place::Link, 2, Size::Byte, *number),
        })
    }
}

impl link::Layer {
    /// Where the outermost link layer begins.
    pub(super) fn outermost_header(&self) -> u32 {
        match self.outermost {
            LinkType::NETANALYZER => 4,
            LinkType::NETANALYZER_TRANSPARENT => 12,
            _ => 0,
        }
    }
}
