//! Header compression of HTTP/2 (RFC 7541), the decoder.

use std::collections::VecDeque;

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

/// A name and a value.
pub(super) type Field = (Box<[u8]>, Box<[u8]>);

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
    /// the direction can be.
    pub(super) fn decode(&mut self, mut data: &[u8]) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
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
            if fields.len() < FIELDS_MAX {
                fields.push(field);
            }
        }
        Some(fields)
    }

    /// An entry of either table, by its number from 1.
    fn entry(&self, index: u64) -> Option<Field> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        if let Some(&(name, value)) = STATIC.get(index) {
            return Some((name.into(), value.into()));
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
        let size = field.0.len() + field.1.len() + OVERHEAD;
        self.evict(size);
        if size <= self.limit {
            self.size += size;
            self.table.push_front(field);
        }
    }

    /// Makes room for an entry.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.limit {
            let Some((name, value)) = self.table.pop_back() else {
                break;
            };
            self.size -= name.len() + value.len() + OVERHEAD;
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
fn string(data: &mut &[u8]) -> Option<Box<[u8]>> {
    let coded = data.first()? & 0x80 != 0;
    let length = usize::try_from(integer(data, 7)?).ok()?;
    let (text, rest) = data.split_at_checked(length)?;
    *data = rest;
    if coded {
        huffman::decode(text, TEXT_MAX).map(Into::into)
    } else {
        Some(text.get(..TEXT_MAX).unwrap_or(text).into())
    }
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
        let fields = decoder.decode(&first).unwrap();
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
        let fields = decoder.decode(&second).unwrap();
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
        let fields = decoder.decode(&third).unwrap();
        assert_eq!(texts(&fields)[4], ("custom-key", "custom-value"));
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn entries_leave_when_the_table_shrinks() {
        let mut decoder = Decoder::new();
        decoder.decode(b"\x40\x01a\x01b").unwrap();
        assert_eq!(decoder.table.len(), 1);
        decoder.decode(&[0x20]).unwrap();
        assert!(decoder.table.is_empty());
        assert_eq!(decoder.size, 0);
        assert!(
            decoder.decode(&[0xbe]).is_none(),
            "an entry that is not there"
        );
    }

    proptest! {
        #[test]
        fn bytes_never_panic(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..10)) {
            let mut decoder = Decoder::new();
            for block in blocks {
                let _ = decoder.decode(&block);
            }
            prop_assert!(decoder.size <= TABLE_MAX);
        }
    }
}
