//! Protocols, by keyword or by number.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::names;
use super::super::syntax::{Id, IdKind, Join, Operator, Protocol, Qualifiers, Relation};
use super::super::value::{Size, ValueId};
use super::link::Place;
use super::link_type::{
    AARP, APPLETALK, ARP, DECNET, IP, IP6, RARP, SAP_IPX, SAP_ISO, SAP_NETBEUI, SAP_STP,
};
use super::{Generator, Made, compare};

/// Protocols over OSI's network layer, by their first byte (ISO/IEC TR 9577).
const CLNP: u32 = 0x81;
const ESIS: u32 = 0x82;
const ISIS: u32 = 0x83;

/// Headers that `protochain` passes in IPv6: RFC 8200 (4.1) has seven kinds, one of them twice.
const CHAIN: usize = 8;
/// The same in IPv4, where there are only authentication headers.
const CHAIN_V4: usize = 3;

impl Generator<'_> {
    /// A protocol by its keyword.
    pub(super) fn protocol(&mut self, protocol: Protocol) -> Made {
        match protocol {
            Protocol::Ip => self.link_protocol(IP),
            Protocol::Ip6 => self.link_protocol(IP6),
            Protocol::Arp => self.link_protocol(ARP),
            Protocol::Rarp => self.link_protocol(RARP),
            Protocol::AppleTalk => self.link_protocol(APPLETALK),
            Protocol::Aarp => self.link_protocol(AARP),
            Protocol::Decnet => self.link_protocol(DECNET),
            Protocol::Sca => self.link_protocol(0x6007),
            Protocol::Lat => self.link_protocol(0x6004),
            Protocol::Mopdl => self.link_protocol(0x6001),
            Protocol::Moprc => self.link_protocol(0x6002),
            Protocol::Iso => self.link_protocol(SAP_ISO),
            Protocol::Stp => self.link_protocol(SAP_STP),
            Protocol::Ipx => self.link_protocol(SAP_IPX),
            Protocol::Netbeui => self.link_protocol(SAP_NETBEUI),
            Protocol::Tcp => self.ip_protocol(6),
            Protocol::Udp => self.ip_protocol(17),
            Protocol::Sctp => self.ip_protocol(132),
            Protocol::Pim => self.ip_protocol(103),
            Protocol::Ah => self.ip_protocol(51),
            Protocol::Esp => self.ip_protocol(50),
            Protocol::Icmp => self.ip4_protocol(1),
            Protocol::Igmp => self.ip4_protocol(2),
            Protocol::Igrp => self.ip4_protocol(9),
            Protocol::Vrrp | Protocol::Carp => self.ip4_protocol(112),
            Protocol::Icmp6 => self.ip6_protocol(58),
            Protocol::Clnp => self.iso_protocol(CLNP),
            Protocol::Esis => self.iso_protocol(ESIS),
            Protocol::Isis => self.iso_protocol(ISIS),
            // IS-IS PDU types (ISO/IEC 10589, 9): hellos, link state, sequence numbers.
            Protocol::IsisL1 => self.isis_types(&[26, 24, 18, 15, 17]),
            Protocol::IsisL2 => self.isis_types(&[27, 25, 20, 16, 17]),
            Protocol::IsisIih => self.isis_types(&[17, 15, 16]),
            Protocol::IsisLsp => self.isis_types(&[18, 20]),
            Protocol::IsisSnp => self.isis_types(&[27, 26, 24, 25]),
            Protocol::IsisCsnp => self.isis_types(&[24, 25]),
            Protocol::IsisPsnp => self.isis_types(&[26, 27]),
            Protocol::Link => Err(self
                .fault("the link layer is there in every packet")
                .hint("write what is to be tested of it: `ether host`, `ether proto`, `ether[0]`")),
            Protocol::Radio => Err(self.fault("`radio` is not a protocol: write `radio[0] = …`")),
        }
    }

    /// A protocol over IPv4 or IPv6.
    fn ip_protocol(&mut self, number: u32) -> Made {
        let v4 = self.ip4_protocol(number)?;
        Ok(v4.or(self.ip6_protocol(number)?))
    }

    pub(super) fn ip4_protocol(&mut self, number: u32) -> Made {
        let carries = self.link_protocol(IP)?;
        Ok(carries.and(self.equal(Place::Network, 9, Size::Byte, number)))
    }

    /// Right after the IPv6 header, or after a fragment header.
    fn ip6_protocol(&mut self, number: u32) -> Made {
        let carries = self.link_protocol(IP6)?;
        let next = self.equal(Place::Network, 6, Size::Byte, number);
        let fragment = self.equal(Place::Network, 6, Size::Byte, 44);
        let fragment = fragment.and(self.equal(Place::Network, 40, Size::Byte, number));
        Ok(carries.and(next.or(fragment)))
    }

    fn iso_protocol(&mut self, number: u32) -> Made {
        match self.layer.link_type {
            LinkType::FRELAY => Ok(self.equal(Place::Link, 2, Size::Half, 0x0300 | number)),
            LinkType::C_HDLC => {
                let carries = self.link_protocol(SAP_ISO << 8 | SAP_ISO)?;
                Ok(carries.and(self.equal(Place::NetworkNoSnap, 1, Size::Byte, number)))
            }
            _ => {
                let carries = self.link_protocol(SAP_ISO)?;
                Ok(carries.and(self.equal(Place::NetworkNoSnap, 0, Size::Byte, number)))
            }
        }
    }

    fn isis_type(&mut self, number: u32) -> Made {
        let isis = self.iso_protocol(ISIS)?;
        Ok(isis.and(self.equal(Place::NetworkNoSnap, 4, Size::Byte, number)))
    }

    fn isis_types(&mut self, numbers: &[u32]) -> Made {
        let mut links = Vec::new();
        for number in numbers {
            links.push((Join::Or, self.isis_type(*number)?));
        }
        Ok(Condition::Chain(links))
    }

    /// `proto` and `protochain`.
    pub(super) fn protocol_id(&mut self, qualifiers: Qualifiers, id: &Id) -> Made {
        let number = match id {
            Id::Number(number) => *number,
            Id::Name(name) => self.protocol_number(qualifiers.protocol, name)?,
            _ => return Err(self.fault("this is an address, not a protocol")),
        };
        if qualifiers.kind == IdKind::ProtoChain {
            return match qualifiers.protocol {
                None => {
                    let v4 = self.chain(false, number)?;
                    Ok(v4.or(self.chain(true, number)?))
                }
                Some(Protocol::Ip) => self.chain(false, number),
                Some(Protocol::Ip6) => self.chain(true, number),
                Some(other) => Err(self.fault(format!(
                    "`{}` has no chain of headers: only IP and IPv6 have",
                    other.name()
                ))),
            };
        }
        match qualifiers.protocol {
            None => self.ip_protocol(number),
            Some(Protocol::Link) => self.link_protocol(number),
            Some(Protocol::Ip) => self.ip4_protocol(number),
            Some(Protocol::Ip6) => self.ip6_protocol(number),
            Some(Protocol::Iso) => self.iso_protocol(number),
            Some(Protocol::Isis) => self.isis_type(number),
            Some(other) => Err(self.fault(format!(
                "what `{}` carries cannot be tested: only ether, ip, ip6, iso and isis have `proto`",
                other.name()
            ))),
        }
    }

    fn protocol_number(&self, over: Option<Protocol>, name: &str) -> Result<u32, super::Fault> {
        let found = match over {
            None | Some(Protocol::Ip | Protocol::Ip6) => self.names.ip_protocol(name),
            Some(Protocol::Link) => names::ether_protocol(name),
            Some(Protocol::Iso) => match name {
                "clnp" => Some(CLNP),
                "esis" => Some(ESIS),
                "isis" => Some(ISIS),
                _ => None,
            },
            Some(_) => None,
        };
        found.ok_or_else(|| {
            self.fault(format!("no protocol has the name `{name}` here"))
                .hint("a protocol can be given by its number")
        })
    }

    /// Whether a protocol is somewhere in the chain of headers after an IP header: behind
    /// extension headers of IPv6 (RFC 8200) and the authentication header (RFC 4302).
    ///
    /// Programs have no loops, so a bounded number of headers is passed.
    fn chain(&mut self, v6: bool, number: u32) -> Made {
        if self.layer.payload.variable.is_some() {
            return Err(
                self.fault("`protochain` needs a link layer whose header has a fixed length")
            );
        }
        let carries = self.link_protocol(if v6 { IP6 } else { IP })?;
        let (_, start) = self.layer.place(Place::Network, &mut self.values);
        let (mut kind, mut length) = if v6 {
            (
                self.load(Place::Network, 6, Size::Byte),
                self.values.constant(40),
            )
        } else {
            (
                self.load(Place::Network, 9, Size::Byte),
                self.values.header_length(None, start),
            )
        };
        // From the last header on: found here, or in a header further on.
        let mut steps = Vec::new();
        for _ in 0..if v6 { CHAIN } else { CHAIN_V4 } {
            let found = compare(kind, Relation::Equal, number);
            let more = is_chain_header(v6, kind);
            steps.push((found, more));
            (kind, length) = self.next_header(v6, kind, length, start);
        }
        let mut condition = compare(kind, Relation::Equal, number);
        for (found, more) in steps.into_iter().rev() {
            condition = found.or(more.and(condition));
        }
        Ok(carries.and(condition))
    }

    /// The kind and the place of the next header. The length is in units of 8 bytes after the
    /// first 8, with AH in units of 4 after the first 8.
    fn next_header(
        &mut self,
        v6: bool,
        kind: ValueId,
        at: ValueId,
        start: u32,
    ) -> (ValueId, ValueId) {
        let next = self.values.load(Size::Byte, Some(at), start);
        let units = self
            .values
            .load(Size::Byte, Some(at), start.wrapping_add(1));
        let shift = if v6 {
            let is_ah = self.values.is(kind, 51);
            let three = self.values.constant(3);
            self.values.binary(Operator::Subtract, three, is_ah)
        } else {
            self.values.constant(2)
        };
        let length = self.values.binary(Operator::ShiftLeft, units, shift);
        let length = self.values.with(Operator::Add, length, 8);
        let after = self.values.binary(Operator::Add, length, at);
        (next, self.values.share(after))
    }
}

/// Whether a header says what follows it.
fn is_chain_header(v6: bool, kind: ValueId) -> Condition {
    let mut kinds = vec![51];
    if v6 {
        kinds.extend([0, 60, 43, 44]);
    }
    let links = kinds
        .into_iter()
        .map(|number| (Join::Or, compare(kind, Relation::Equal, number)));
    Condition::Chain(links.collect())
}
