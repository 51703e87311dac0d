//! Conditions on numbers: what a filter means for one link type.

use super::syntax::Join;
use super::value::ValueId;

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Constant(bool),
    Test(Test),
    Not(Box<Self>),
    /// Joined from left to right; the order is that of evaluation, which shows where a packet
    /// ends before the bytes that a later one needs.
    Chain(Vec<(Join, Self)>),
}

/// A comparison of a number with another or with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Test {
    pub(super) value: ValueId,
    pub(super) comparison: Comparison,
    pub(super) operand: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterEqual,
    /// Whether they have a bit in common.
    AnyBit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operand {
    Number(u32),
    Value(ValueId),
}

impl Condition {
    pub(super) fn and(self, other: Self) -> Self {
        self.join(Join::And, other)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.join(Join::Or, other)
    }

    pub(super) fn join(self, join: Join, other: Self) -> Self {
        Self::Chain(vec![(join, self), (join, other)])
    }

    /// `self` and `first`, if there is one, which is tested before.
    pub(super) fn after(self, first: Option<Self>) -> Self {
        match first {
            Some(first) => first.and(self),
            None => self,
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, a: u32, b: u32) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
            Self::AnyBit => a & b != 0,
        }
    }
}
