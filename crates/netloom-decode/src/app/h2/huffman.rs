//! Huffman decoding of HPACK (RFC 7541, section 5.2 and appendix B).

use std::sync::LazyLock;

/// Length in bits of the code of each byte, and of the end of the string; the code is canonical, so
/// that the lengths are all of it.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Symbol that must not occur (RFC 7541, section 5.2).
const END: u16 = 256;
/// Bits of the longest code.
const LONGEST: usize = 30;

/// The canonical code: for each length the first code, and where its symbols begin.
#[derive(Debug)]
struct Code {
    first: [u32; LONGEST + 1],
    count: [u16; LONGEST + 1],
    offset: [u16; LONGEST + 1],
    symbols: Vec<u16>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut symbols: Vec<u16> = (0..=END).collect();
    symbols.sort_by_key(|&symbol| (LENGTHS[usize::from(symbol)], symbol));
    let mut code = Code {
        first: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        offset: [0; LONGEST + 1],
        symbols,
    };
    for &length in &LENGTHS {
        code.count[usize::from(length)] += 1;
    }
    let (mut next, mut offset) = (0_u32, 0_u16);
    for length in 1..=LONGEST {
        next = (next + u32::from(code.count[length - 1])) << 1;
        code.first[length] = next;
        code.offset[length] = offset;
        offset += code.count[length];
    }
    code
});

/// Decodes a string, at most `max` bytes of it; `None` where it is no valid code.
pub(super) fn decode(data: &[u8], max: usize) -> Option<Vec<u8>> {
    let code = &*CODE;
    let mut out = Vec::with_capacity((data.len() * 8 / 5).min(max));
    let (mut value, mut length) = (0_u32, 0_usize);
    for byte in data {
        for bit in (0..8).rev() {
            value = value << 1 | u32::from(byte >> bit & 1);
            length += 1;
            if length > LONGEST {
                return None;
            }
            let index = value.wrapping_sub(code.first[length]);
            if value >= code.first[length] && index < u32::from(code.count[length]) {
                let symbol = *code
                    .symbols
                    .get(usize::from(code.offset[length]) + index as usize)?;
                if symbol == END {
                    return None;
                }
                if out.len() < max {
                    out.push(symbol as u8);
                }
                (value, length) = (0, 0);
            }
        }
    }
    // What is left pads the last byte with ones.
    (length < 8 && value == (1 << length) - 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7541, C.4.1, C.4.2, C.6.1.
        let coded = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(decode(&coded, 99).unwrap(), b"www.example.com");
        let coded = [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        assert_eq!(decode(&coded, 99).unwrap(), b"no-cache");
        assert_eq!(decode(&coded, 2).unwrap(), b"no");
        assert_eq!(decode(&[0x64, 0x02], 99).unwrap(), b"302");
    }

    #[test]
    fn nonsense() {
        assert_eq!(decode(&[0xff; 5], 99), None);
        assert_eq!(decode(&[0x00, 0x00], 99), None);
        assert_eq!(decode(&[], 99), Some(Vec::new()));
    }
}
