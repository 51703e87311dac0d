//! What a filter means for a link type: conditions on the bytes of its packets.
//!
//! Some tests change what the ones after them mean: after `vlan` the offsets of the network
//! layer are four bytes further on, after `pppoes` the link layer is PPP. So conditions are
//! made in the order in which they are written, whether they are joined by `and` or `or`.

mod address;
mod arithmetic;
mod atm;
mod encapsulation;
mod link;
mod link_type;
mod port;
mod protocol;
mod special;
mod wireless;

use std::ops::Range;

use netloom_packet::LinkType;

use self::link::{Layer, Place};
use super::CompileOptions;
use super::condition::{Comparison, Condition, Operand, Test};
use super::error::Fault;
use super::names::Names;
use super::syntax::{Id, IdKind, Join, Node, Operator, Primitive, Qualifiers, Relation};
use super::value::{Size, ValueId, Values};

/// Makes the conditions of one filter.
pub(super) struct Generator<'a> {
    pub(super) values: Values,
    names: &'a Names,
    options: &'a CompileOptions,
    layer: Layer,
    /// The test that is being made, for what is wrong with it.
    span: Range<usize>,
}

/// A condition, or why there is none.
type Made = Result<Condition, Fault>;

impl<'a> Generator<'a> {
    pub(super) fn new(link_type: LinkType, names: &'a Names, options: &'a CompileOptions) -> Self {
        let mut values = Values::default();
        let layer = Layer::of(link_type, &mut values);
        Self {
            values,
            names,
            options,
            layer,
            span: 0..0,
        }
    }

    /// The condition of a whole filter.
    pub(super) fn filter(&mut self, node: &Node) -> Made {
        let condition = self.node(node)?;
        Ok(match self.layer.outer_check(&mut self.values) {
            Some(test) => Condition::Test(test).and(condition),
            None => condition,
        })
    }

    fn node(&mut self, node: &Node) -> Made {
        match node {
            Node::Primitive(primitive, span) => {
                self.span = span.clone();
                self.primitive(primitive)
            }
            Node::Not(inner) => Ok(self.node(inner)?.negate()),
            Node::Chain(first, more) => {
                let mut links = vec![(Join::And, self.node(first)?)];
                for (join, node) in more {
                    links.push((*join, self.node(node)?));
                }
                Ok(Condition::Chain(links))
            }
        }
    }

    fn primitive(&mut self, primitive: &Primitive) -> Made {
        match primitive {
            Primitive::Id(qualifiers, id) => self.id(*qualifiers, id),
            Primitive::Protocol(protocol) => self.protocol(*protocol),
            Primitive::Relation(left, relation, right) => self.relation(left, *relation, right),
            Primitive::Broadcast(protocol) => self.broadcast(*protocol),
            Primitive::Multicast(protocol) => self.multicast(*protocol),
            Primitive::Less(length) => {
                let len = self.values.len();
                Ok(compare(len, Relation::LessEqual, *length))
            }
            Primitive::Greater(length) => {
                let len = self.values.len();
                Ok(compare(len, Relation::GreaterEqual, *length))
            }
            Primitive::Byte(offset, test, number) => Ok(self.byte(*offset, *test, *number)),
            Primitive::Bound(outbound) => self.bound(*outbound),
            Primitive::IfIndex(index) => self.interface_index(*index),
            Primitive::Vlan(id) => self.vlan(*id),
            Primitive::Mpls(label) => self.mpls(*label),
            Primitive::Pppoed => self.link_protocol(0x8863),
            Primitive::Pppoes(session) => self.pppoes(*session),
            Primitive::Geneve(network) => self.geneve(*network),
            Primitive::Pf(field) => self.pf(field),
            Primitive::WlanType(bits, mask) => self.wlan_type(*bits, *mask),
            Primitive::WlanDir(direction) => self.wlan_direction(*direction),
            Primitive::Llc(frames) => self.llc(*frames),
            Primitive::Atm(cells) => self.atm(*cells),
            Primitive::AtmField(field, relation, number) => {
                self.atm_field(*field, *relation, *number)
            }
            Primitive::Mtp2(units) => self.mtp2(*units),
            Primitive::Mtp3(field, high_speed, relation, number) => {
                self.mtp3(*field, *high_speed, *relation, *number)
            }
        }
    }

    /// A name, number or address, by what it is said to be.
    fn id(&mut self, qualifiers: Qualifiers, id: &Id) -> Made {
        match qualifiers.kind {
            IdKind::Default | IdKind::Host | IdKind::Net => self.address(qualifiers, id),
            IdKind::Port | IdKind::PortRange => self.ports(qualifiers, id),
            IdKind::Proto | IdKind::ProtoChain => self.protocol_id(qualifiers, id),
            IdKind::Gateway => self.gateway(qualifiers, id),
        }
    }

    /// The fault that something is wrong with the test that is being made.
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.span.clone(), message)
    }

    /// The fault that this link type has nothing of the kind.
    fn unsupported(&self, what: &str) -> Fault {
        self.fault(format!(
            "{what}: packets of link type {} have none",
            self.layer.outermost
        ))
    }

    /// Bytes of the packet.
    fn load(&mut self, place: Place, offset: u32, size: Size) -> ValueId {
        let (base, start) = self.layer.place(place, &mut self.values);
        self.values.load(size, base, start.wrapping_add(offset))
    }

    /// Whether bytes are this number.
    fn equal(&mut self, place: Place, offset: u32, size: Size, number: u32) -> Condition {
        let value = self.load(place, offset, size);
        compare(value, Relation::Equal, number)
    }

    /// Whether the bits of a mask are this number.
    fn masked(
        &mut self,
        place: Place,
        offset: u32,
        size: Size,
        number: u32,
        mask: u32,
    ) -> Condition {
        let value = self.load(place, offset, size);
        let value = self.values.with(Operator::And, value, mask);
        compare(value, Relation::Equal, number)
    }

    /// Whether a byte has one of these bits.
    fn any_bit(&mut self, place: Place, offset: u32, bits: u32) -> Condition {
        let value = self.load(place, offset, Size::Byte);
        any_bit(value, bits)
    }

    /// Whether bytes are these. The last ones, which differ most, are compared first.
    fn bytes(&mut self, place: Place, offset: u32, bytes: &[u8]) -> Condition {
        let mut condition: Option<Condition> = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = match rest.len() {
                4.. => Size::Word,
                2.. => Size::Half,
                _ => Size::Byte,
            };
            let (before, last) = match size {
                Size::Word => rest.split_at(rest.len() - 4),
                Size::Half => rest.split_at(rest.len() - 2),
                Size::Byte => rest.split_at(rest.len() - 1),
            };
            let number = last
                .iter()
                .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
            let at = offset.wrapping_add(before.len() as u32);
            let test = self.equal(place, at, size, number);
            condition = Some(test.after(condition));
            rest = before;
        }
        condition.unwrap_or(Condition::Constant(true))
    }
}

/// A comparison with a constant.
fn compare(value: ValueId, relation: Relation, number: u32) -> Condition {
    compare_with(value, relation, Operand::Number(number))
}

fn compare_with(value: ValueId, relation: Relation, operand: Operand) -> Condition {
    let (comparison, negated) = match relation {
        Relation::Equal => (Comparison::Equal, false),
        Relation::NotEqual => (Comparison::Equal, true),
        Relation::Greater => (Comparison::Greater, false),
        Relation::LessEqual => (Comparison::Greater, true),
        Relation::GreaterEqual => (Comparison::GreaterEqual, false),
        Relation::Less => (Comparison::GreaterEqual, true),
    };
    let test = Condition::Test(Test {
        value,
        comparison,
        operand,
    });
    if negated { test.negate() } else { test }
}

/// Whether a number has one of these bits.
fn any_bit(value: ValueId, bits: u32) -> Condition {
    Condition::Test(Test {
        value,
        comparison: Comparison::AnyBit,
        operand: Operand::Number(bits),
    })
}
