//! DER (X.690): definite lengths in their shortest form, nothing else.

/// Universal and context tags that certificates use.
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const BIT_STRING: u8 = 0x03;
    pub(in super::super) const OCTET_STRING: u8 = 0x04;
    pub(in super::super) const OID: u8 = 0x06;
    pub(in super::super) const UTC_TIME: u8 = 0x17;
    pub(in super::super) const GENERALIZED_TIME: u8 = 0x18;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
}

/// A value with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// Identifier octet.
    pub(super) tag: u8,
    /// Content octets.
    pub(super) content: &'a [u8],
    /// Identifier, length and content.
    pub(super) whole: &'a [u8],
}

/// Reads values one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a> {
    data: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data }
    }

    /// The tag of the next value.
    pub(super) fn peek(self) -> Option<u8> {
        self.data.first().copied()
    }

    /// The next value, of any tag.
    pub(super) fn any(&mut self) -> Option<Value<'a>> {
        let (&[tag, first], after) = self.data.split_first_chunk()?;
        if tag & 0x1f == 0x1f {
            // Tags of several bytes: none in certificates.
            return None;
        }
        let (len, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            // More than three bytes of length: longer than any handshake message.
            0x81..=0x83 => {
                let count = usize::from(first & 0x7f);
                let digits = after.get(..count)?;
                let len = digits
                    .iter()
                    .fold(0, |len, &digit| len << 8 | usize::from(digit));
                let shortest = len >= 0x80 && digits.first() != Some(&0);
                if !shortest {
                    return None;
                }
                (len, 2 + count)
            }
            _ => return None,
        };
        let (whole, rest) = self.data.split_at_checked(header + len)?;
        self.data = rest;
        Some(Value {
            tag,
            content: whole.get(header..)?,
            whole,
        })
    }

    /// The content of the next value, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let value = ahead.any()?;
        if value.tag != tag {
            return None;
        }
        *self = ahead;
        Some(value.content)
    }

    /// The values inside the next one, which must have this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.expect(tag).map(Self::new)
    }
}

/// An object identifier as text: numbers joined by dots.
pub(super) fn oid(content: &[u8]) -> Option<String> {
    use std::fmt::Write as _;

    let mut text = String::new();
    let mut number = 0_u64;
    let mut open = false;
    for &byte in content {
        number = number.checked_mul(128)? | u64::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if open {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            let _ = write!(text, "{first}.{}", number - first * 40);
        } else {
            let _ = write!(text, ".{number}");
        }
        number = 0;
    }
    (!open && !text.is_empty()).then_some(text)
}
