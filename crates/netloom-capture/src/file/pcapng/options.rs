//! Options: the list of code, length and padded value that ends most blocks
//! (draft-ietf-opsawg-pcapng, section 3.5).

use super::super::scan::{u16_at, u32_at};

/// `opt_endofopt`.
const END: u16 = 0;

/// The options of a block, one after another; what does not fit ends them.
#[derive(Debug, Clone)]
pub(super) struct Options<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Options<'a> {
    /// The options in `bytes`, which is the rest of a block's body.
    pub(super) const fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, big_endian }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = u16_at(self.bytes, 0, self.big_endian)?;
        let length = usize::from(u16_at(self.bytes, 2, self.big_endian)?);
        if code == END {
            self.bytes = &[];
            return None;
        }
        let value = self.bytes.get(4..4 + length)?;
        // Some writers leave the padding of the last option out.
        self.bytes = self.bytes.get(4 + padded(length)..).unwrap_or_default();
        Some((code, value))
    }
}

/// A length with its padding to 32 bits.
pub(super) const fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The text of an option, without the NULs that some writers add.
pub(super) fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

/// The number of an 8-byte option.
pub(super) fn number(value: &[u8], big_endian: bool) -> Option<u64> {
    let bytes = value.first_chunk().copied()?;
    Some(if big_endian {
        u64::from_be_bytes(bytes)
    } else {
        u64::from_le_bytes(bytes)
    })
}

/// A time as blocks other than packets hold it: the upper half first, in the file's order.
pub(super) fn ticks(bytes: &[u8], position: usize, big_endian: bool) -> Option<u64> {
    let high = u32_at(bytes, position, big_endian)?;
    let low = u32_at(bytes, position + 4, big_endian)?;
    Some(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_padded() {
        let bytes = [
            2, 0, 3, 0, b'a', b'b', b'c', 0, // three bytes, one of padding
            1, 0, 0, 0, // nothing
            3, 0, 1, 0, b'd', // the padding of the last one left out
        ];
        let found: Vec<_> = Options::new(&bytes, false).collect();
        assert_eq!(found, [(2, &b"abc"[..]), (1, b""), (3, b"d")]);
    }

    #[test]
    fn the_end_ends() {
        let bytes = [0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(Options::new(&bytes, false).count(), 0);
    }

    #[test]
    fn a_length_past_the_end_ends_too() {
        let bytes = [0, 1, 0xff, 0xff, 1, 2];
        assert_eq!(Options::new(&bytes, true).count(), 0);
    }

    #[test]
    fn text_without_nuls() {
        assert_eq!(text(b"eth0\0\0"), "eth0");
        assert_eq!(text(b"\0"), "");
        assert_eq!(text(b"a\xff"), "a\u{fffd}");
    }
}
