//! Header compression of HTTP/2 (RFC 7541), the decoder.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use super::huffman;

/// The static table (RFC 7541, appendix A).
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// Size of the dynamic table before anybody says otherwise.
const TABLE_DEFAULT: usize = 4096;
/// Largest dynamic table that is kept, whatever was agreed on.
const TABLE_MAX: usize = 64 * 1024;
/// Longest name or value that is kept.
const TEXT_MAX: usize = 8192;
/// Most fields of a block that are given.
const FIELDS_MAX: usize = 128;
/// Bytes that an entry counts for beside its texts (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// A name or a value: of the static table, or shared by the dynamic one and the blocks that point to
/// it. A byte may point to thousands.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Static(&'static [u8]),
    Shared(Arc<[u8]>),
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// A name and a value.
pub(super) type Field = (Text, Text);

/// What a field counts for in the table, and in what a block may unpack to (RFC 7541, section 4.1;
/// RFC 9113, section 6.5.2).
pub(super) fn size((name, value): &Field) -> usize {
    name.len() + value.len() + OVERHEAD
}

/// What a block of fields holds.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) fields: Vec<Field>,
    /// What the fields count for.
    pub(super) size: usize,
    /// Whether there was no room for a field.
    pub(super) cut: bool,
}

/// The state of one direction.
#[derive(Debug)]
pub(super) struct Decoder {
    table: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            limit: TABLE_DEFAULT,
        }
    }

    /// Decodes a block of fields; `None` where it is not valid, after which nothing further of
    /// the direction can be. Fields for which `room` is too small (in [`size`]) are left out; the
    /// table takes them all the same.
    pub(super) fn decode(&mut self, mut data: &[u8], room: usize) -> Option<Block> {
        let mut block = Block::default();
        while let Some(&first) = data.first() {
            let field = if first & 0x80 != 0 {
                let index = integer(&mut data, 7)?;
                self.entry(index)?
            } else if first & 0x40 != 0 {
                let field = self.literal(&mut data, 6)?;
                self.insert(field.clone());
                field
            } else if first & 0x20 != 0 {
                let limit = integer(&mut data, 5)?;
                self.limit = usize::try_from(limit).ok()?.min(TABLE_MAX);
                self.evict(0);
                continue;
            } else {
                self.literal(&mut data, 4)?
            };
            let size = size(&field);
            if block.size + size > room {
                block.cut = true;
            } else if block.fields.len() < FIELDS_MAX {
                block.size += size;
                block.fields.push(field);
            }
        }
        Some(block)
    }

    /// An entry of either table, by its number from 1.
    fn entry(&self, index: u64) -> Option<Field> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        if let Some(&(name, value)) = STATIC.get(index) {
            return Some((Text::Static(name), Text::Static(value)));
        }
        self.table.get(index - STATIC.len()).cloned()
    }

    fn literal(&self, data: &mut &[u8], prefix: u8) -> Option<Field> {
        let index = integer(data, prefix)?;
        let name = if index == 0 {
            string(data)?
        } else {
            self.entry(index)?.0
        };
        Some((name, string(data)?))
    }

    fn insert(&mut self, field: Field) {
        let size = size(&field);
        self.evict(size);
        if size <= self.limit {
            self.size += size;
            self.table.push_front(field);
        }
    }

    /// Makes room for an entry.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.limit {
            let Some(field) = self.table.pop_back() else {
                break;
            };
            self.size -= size(&field);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // An entry takes about what it counts for.
        self.size + self.table.capacity() * size_of::<Field>()
    }
}

/// An integer with a prefix of so many bits (RFC 7541, section 5.1).
fn integer(data: &mut &[u8], prefix: u8) -> Option<u64> {
    let (&first, mut rest) = data.split_first()?;
    let mask = (1_u8 << prefix) - 1;
    let mut value = u64::from(first & mask);
    if first & mask == mask {
        let mut shift = 0;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            if shift > 28 {
                return None;
            }
            value += u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *data = rest;
    Some(value)
}

/// A string, plain or in Huffman code.
fn string(data: &mut &[u8]) -> Option<Text> {
    let coded = data.first()? & 0x80 != 0;
    let length = usize::try_from(integer(data, 7)?).ok()?;
    let (text, rest) = data.split_at_checked(length)?;
    *data = rest;
    let text = if coded {
        huffman::decode(text, TEXT_MAX)?.into()
    } else {
        text.get(..TEXT_MAX).unwrap_or(text).into()
    };
    Some(Text::Shared(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(fields: &[Field]) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        fields
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn requests_of_the_rfc() {
        // RFC 7541, C.4: three requests with Huffman code.
        let mut decoder = Decoder::new();
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
            0x90, 0xf4, 0xff,
        ];
        let fields = decoder.decode(&first, 4096).unwrap().fields;
        assert_eq!(
            texts(&fields),
            [
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                (":authority", "www.example.com")
            ]
        );
        assert_eq!(decoder.size, 57);
        let second = [
            0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf,
        ];
        let fields = decoder.decode(&second, 4096).unwrap().fields;
        assert_eq!(
            texts(&fields)[3..],
            [
                (":authority", "www.example.com"),
                ("cache-control", "no-cache")
            ]
        );
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f,
            0x89, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        let fields = decoder.decode(&third, 4096).unwrap().fields;
        assert_eq!(texts(&fields)[4], ("custom-key", "custom-value"));
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn entries_leave_when_the_table_shrinks() {
        let mut decoder = Decoder::new();
        decoder.decode(b"\x40\x01a\x01b", 4096).unwrap();
        assert_eq!(decoder.table.len(), 1);
        decoder.decode(&[0x20], 4096).unwrap();
        assert!(decoder.table.is_empty());
        assert_eq!(decoder.size, 0);
        assert!(
            decoder.decode(&[0xbe], 4096).is_none(),
            "an entry that is not there"
        );
    }

    #[test]
    fn what_there_is_no_room_for_is_in_the_table_all_the_same() {
        let mut decoder = Decoder::new();
        let long = [&b"\x40\x01a\x64"[..], &[b'x'; 100]].concat();
        // The long field, a short one, the long one by its number.
        let block = [&long[..], b"\x40\x01b\x01y", &[0xbf]].concat();
        let fields = decoder.decode(&block, 100).unwrap().fields;
        assert_eq!(texts(&fields), [("b", "y")]);
        let fields = decoder.decode(&[0xbf, 0xbf, 0xbe], 2 * 133).unwrap().fields;
        assert_eq!(fields.len(), 2);
        assert_eq!(fields[0].1.len(), 100);
        // Nothing is copied.
        assert_eq!(fields[0].1.as_ptr(), fields[1].1.as_ptr());
        assert_eq!(fields[0].1.as_ptr(), decoder.table[1].1.as_ptr());
    }

    proptest! {
        #[test]
        fn bytes_never_panic(
            blocks in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![any::<u8>(), 0xbe_u8..0xc4, 0x40_u8..0x42], 0..80),
                0..10,
            ),
            room in 0_usize..500,
        ) {
            let (mut decoder, mut other) = (Decoder::new(), Decoder::new());
            for block in blocks {
                let fields = decoder.decode(&block, room);
                let all = other.decode(&block, usize::MAX);
                prop_assert_eq!(fields.is_some(), all.is_some());
                if let (Some(block), Some(all)) = (fields, all) {
                    let sizes = block.fields.iter().map(size);
                    prop_assert_eq!(sizes.sum::<usize>(), block.size);
                    prop_assert!(block.size <= room);
                    prop_assert!(block.cut || block.fields.len() == all.fields.len());
                }
                prop_assert_eq!(texts_of(&decoder.table), texts_of(&other.table));
            }
            prop_assert!(decoder.size <= TABLE_MAX);
        }
    }

    fn texts_of(table: &VecDeque<Field>) -> Vec<(&[u8], &[u8])> {
        table
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect()
    }
}
