//! Numbers that a program computes from a packet, each known by an index: equal ones have the
//! same, so that what was computed already is seen.

use std::collections::HashMap;

use super::syntax::Operator;

/// Index of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ValueId(u32);

/// Bytes read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Size {
    Byte,
    Half,
    Word,
}

/// How a number is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Const(u32),
    /// Length of the packet on the wire.
    Len,
    /// Bytes at an offset, which is added to `base` if there is one.
    Load {
        size: Size,
        base: Option<ValueId>,
        offset: u32,
    },
    /// Length of the IPv4 header that begins at an offset: four times the lower half of its
    /// first byte.
    HeaderLength(u32),
    Binary(Operator, ValueId, ValueId),
    Negate(ValueId),
}

/// All numbers of a program.
#[derive(Debug, Default)]
pub(super) struct Values {
    all: Vec<Value>,
    known: HashMap<Value, ValueId>,
    /// Which are worth a word of memory, as many places use them and they are long to compute.
    shared: Vec<ValueId>,
}

impl Values {
    pub(super) fn get(&self, id: ValueId) -> Value {
        // Indices are only given out here.
        self.all
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Value::Const(0))
    }

    fn add(&mut self, value: Value) -> ValueId {
        let next = ValueId(self.all.len() as u32);
        let id = *self.known.entry(value).or_insert(next);
        if id == next {
            self.all.push(value);
        }
        id
    }

    pub(super) fn constant(&mut self, number: u32) -> ValueId {
        self.add(Value::Const(number))
    }

    pub(super) fn as_constant(&self, id: ValueId) -> Option<u32> {
        match self.get(id) {
            Value::Const(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn len(&mut self) -> ValueId {
        self.add(Value::Len)
    }

    /// Bytes of the packet.
    pub(super) fn load(&mut self, size: Size, base: Option<ValueId>, offset: u32) -> ValueId {
        // Offsets wrap around, so that `ip[-1]` is the byte before the header.
        let (base, offset) = match base.map(|base| (base, self.as_constant(base))) {
            Some((_, Some(number))) => (None, offset.wrapping_add(number)),
            Some((base, None)) => (Some(base), offset),
            None => (None, offset),
        };
        self.add(Value::Load { size, base, offset })
    }

    pub(super) fn header_length(&mut self, base: Option<ValueId>, offset: u32) -> ValueId {
        if base.is_none() {
            return self.add(Value::HeaderLength(offset));
        }
        let first = self.load(Size::Byte, base, offset);
        let words = self.with(Operator::And, first, 0x0f);
        self.with(Operator::ShiftLeft, words, 2)
    }

    /// An operation with a constant.
    pub(super) fn with(&mut self, operator: Operator, left: ValueId, number: u32) -> ValueId {
        let number = self.constant(number);
        self.binary(operator, left, number)
    }

    pub(super) fn binary(&mut self, operator: Operator, left: ValueId, right: ValueId) -> ValueId {
        let numbers = (self.as_constant(left), self.as_constant(right));
        if let (Some(a), Some(b)) = numbers
            && let Some(number) = reckon(operator, a, b)
        {
            return self.constant(number);
        }
        let neutral = match operator {
            Operator::Add
            | Operator::Subtract
            | Operator::Or
            | Operator::Xor
            | Operator::ShiftLeft
            | Operator::ShiftRight => numbers.1 == Some(0),
            Operator::Multiply | Operator::Divide => numbers.1 == Some(1),
            Operator::And => numbers.1 == Some(u32::MAX),
            Operator::Modulo => false,
        };
        if neutral {
            return left;
        }
        if numbers.1 == Some(0) && matches!(operator, Operator::And | Operator::Multiply) {
            return self.constant(0);
        }
        self.add(Value::Binary(operator, left, right))
    }

    pub(super) fn negate(&mut self, value: ValueId) -> ValueId {
        match self.as_constant(value) {
            Some(number) => self.constant(number.wrapping_neg()),
            None => self.add(Value::Negate(value)),
        }
    }

    /// 1 if a number below 2^31 is this constant, else 0; without a branch.
    pub(super) fn is(&mut self, value: ValueId, number: u32) -> ValueId {
        let difference = self.with(Operator::Xor, value, number);
        let minus_one = self.with(Operator::Subtract, difference, 1);
        self.with(Operator::ShiftRight, minus_one, 31)
    }

    /// Gives a number a word of memory.
    pub(super) fn share(&mut self, id: ValueId) -> ValueId {
        if self.as_constant(id).is_none() && !self.shared.contains(&id) {
            self.shared.push(id);
        }
        id
    }

    /// Which word of memory holds a number.
    pub(super) fn memory(&self, id: ValueId) -> Option<usize> {
        self.shared.iter().position(|shared| *shared == id)
    }

    /// How many numbers have a word of memory.
    pub(super) fn shared(&self) -> usize {
        self.shared.len()
    }
}

/// What an operator gives; `None` for a division by zero.
fn reckon(operator: Operator, a: u32, b: u32) -> Option<u32> {
    Some(match operator {
        Operator::Add => a.wrapping_add(b),
        Operator::Subtract => a.wrapping_sub(b),
        Operator::Multiply => a.wrapping_mul(b),
        Operator::Divide => a.checked_div(b)?,
        Operator::Modulo => a.checked_rem(b)?,
        Operator::And => a & b,
        Operator::Or => a | b,
        Operator::Xor => a ^ b,
        Operator::ShiftLeft => a.checked_shl(b).unwrap_or(0),
        Operator::ShiftRight => a.checked_shr(b).unwrap_or(0),
    })
}
