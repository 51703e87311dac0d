//! Comparisons of numbers: bytes of headers, lengths, and what is reckoned with them.

use netloom_packet::LinkType;

use super::super::condition::{Condition, Operand};
use super::super::syntax::{Arithmetic, ByteTest, Operator, Protocol, Relation};
use super::super::value::{Size, ValueId};
use super::link::Place;
use super::link_type::IP6;
use super::{Fault, Generator, Made, compare, compare_with};

/// A number, and what must hold for it to be there.
struct Number {
    value: ValueId,
    there: Option<Condition>,
}

impl Generator<'_> {
    /// A comparison. The headers that it reads from must be there, also where it is one of
    /// inequality.
    pub(super) fn relation(
        &mut self,
        left: &Arithmetic,
        relation: Relation,
        right: &Arithmetic,
    ) -> Made {
        let left = self.number(left)?;
        let right = self.number(right)?;
        let operand = match self.values.as_constant(right.value) {
            Some(number) => Operand::Number(number),
            None => Operand::Value(right.value),
        };
        let test = compare_with(left.value, relation, operand);
        Ok(test.after(both(left.there, right.there)))
    }

    fn number(&mut self, arithmetic: &Arithmetic) -> Result<Number, Fault> {
        Ok(match arithmetic {
            Arithmetic::Number(number) => Number {
                value: self.values.constant(*number),
                there: None,
            },
            Arithmetic::Len => Number {
                value: self.values.len(),
                there: None,
            },
            Arithmetic::Negate(inner) => {
                let inner = self.number(inner)?;
                Number {
                    value: self.values.negate(inner.value),
                    there: inner.there,
                }
            }
            Arithmetic::Binary(operator, left, right, span) => {
                let left = self.number(left)?;
                // A number as it is written; what comes out as zero is another matter.
                if let Arithmetic::Number(number) = right.as_ref() {
                    match (operator, number) {
                        (Operator::Divide | Operator::Modulo, 0) => {
                            return Err(Fault::new(span.clone(), "this divides by zero"));
                        }
                        (Operator::ShiftLeft | Operator::ShiftRight, 32..) => {
                            return Err(Fault::new(
                                span.clone(),
                                "this shifts by more than 31 bits",
                            ));
                        }
                        _ => {}
                    }
                }
                let right = self.number(right)?;
                Number {
                    value: self.values.binary(*operator, left.value, right.value),
                    there: both(left.there, right.there),
                }
            }
            Arithmetic::Load(protocol, offset, size, span) => {
                let offset = self.number(offset)?;
                let size = match size {
                    1 => Size::Byte,
                    2 => Size::Half,
                    _ => Size::Word,
                };
                self.header_bytes(*protocol, offset, size)
                    .map_err(|fault| Fault {
                        span: span.clone(),
                        ..fault
                    })?
            }
        })
    }

    /// Bytes of a protocol's header.
    fn header_bytes(
        &mut self,
        protocol: Protocol,
        offset: Number,
        size: Size,
    ) -> Result<Number, Fault> {
        let (place, there) = match protocol {
            Protocol::Radio => {
                if !matches!(
                    self.layer.link_type,
                    LinkType::IEEE802_11_AVS
                        | LinkType::IEEE802_11_RADIOTAP
                        | LinkType::IEEE802_11_PRISM
                ) {
                    return Err(self.unsupported("the radio's header"));
                }
                (Place::Packet, offset.there)
            }
            Protocol::Link => (Place::Link, offset.there),
            Protocol::Ip
            | Protocol::Ip6
            | Protocol::Arp
            | Protocol::Rarp
            | Protocol::AppleTalk
            | Protocol::Decnet
            | Protocol::Sca
            | Protocol::Lat
            | Protocol::Moprc
            | Protocol::Mopdl => {
                let carried = self.protocol(protocol)?;
                (Place::Network, Some(carried.after(offset.there)))
            }
            Protocol::Tcp
            | Protocol::Udp
            | Protocol::Sctp
            | Protocol::Icmp
            | Protocol::Igmp
            | Protocol::Igrp
            | Protocol::Pim
            | Protocol::Vrrp
            | Protocol::Carp => {
                // Behind IPv4 only, and of fragments only in the first one.
                let ip = self.protocol(Protocol::Ip)?;
                let carried = self.protocol(protocol)?.and(self.is_first_fragment());
                let there = ip.and(carried.after(offset.there));
                (Place::Ipv4Payload, Some(there))
            }
            Protocol::Icmp6 => {
                let ip6 = self.link_protocol(IP6)?.after(offset.there);
                let next = self.equal(Place::Network, 6, Size::Byte, 58);
                (Place::Ipv6Payload, Some(ip6.and(next)))
            }
            other => {
                return Err(self.fault(format!("bytes of `{}` cannot be read", other.name())));
            }
        };
        let (base, start) = self.layer.place(place, &mut self.values);
        let (base, start) = match self.values.as_constant(offset.value) {
            Some(number) => (base, start.wrapping_add(number)),
            None => match base {
                Some(base) => {
                    let sum = self.values.binary(Operator::Add, offset.value, base);
                    (Some(sum), start)
                }
                None => (Some(offset.value), start),
            },
        };
        Ok(Number {
            value: self.values.load(size, base, start),
            there,
        })
    }

    /// `byte 0 = 1`.
    pub(super) fn byte(&mut self, offset: u32, test: ByteTest, number: u32) -> Condition {
        let value = self.load(Place::Link, offset, Size::Byte);
        match test {
            ByteTest::Equal => compare(value, Relation::Equal, number),
            ByteTest::Less => compare(value, Relation::Less, number),
            ByteTest::Greater => compare(value, Relation::Greater, number),
            ByteTest::And => super::any_bit(value, number),
            ByteTest::Or => {
                let value = self.values.with(Operator::Or, value, number);
                compare(value, Relation::NotEqual, 0)
            }
        }
    }
}

fn both(first: Option<Condition>, second: Option<Condition>) -> Option<Condition> {
    match (first, second) {
        (first, None) => first,
        (first, Some(second)) => Some(second.after(first)),
    }
}
