//! Parquet's DELTA_BINARY_PACKED: whole numbers as what is between one and the next.
//!
//! Source: Apache Parquet, Encodings.md, "Delta Encoding".

use super::hybrid::varint;

/// Differences of a block, which have their least in common.
const BLOCK: usize = 128;
/// Differences that have their width in common.
const MINI: usize = 32;

/// Appends numbers. Differences wrap round, so that any number follows any other.
pub(super) fn encode(mut numbers: impl ExactSizeIterator<Item = i64>, out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINI) as u64, out);
    varint(numbers.len() as u64, out);
    let mut last = numbers.next().unwrap_or(0);
    zigzag(last, out);
    let mut block = [0_i64; BLOCK];
    while numbers.len() > 0 {
        let count = BLOCK.min(numbers.len());
        let block = &mut block[..count];
        for (place, number) in block.iter_mut().zip(&mut numbers) {
            *place = number.wrapping_sub(last);
            last = number;
        }
        write(block, out);
    }
}

/// Appends the differences of a block.
fn write(block: &[i64], out: &mut Vec<u8>) {
    let least = block.iter().copied().min().unwrap_or(0);
    zigzag(least, out);
    let widths = out.len();
    out.extend_from_slice(&[0; BLOCK / MINI]);
    for (place, mini) in block.chunks(MINI).enumerate() {
        let mut above = [0_u64; MINI];
        let mut bits = 0;
        for (above, difference) in above.iter_mut().zip(mini) {
            *above = difference.wrapping_sub(least).cast_unsigned();
            bits |= *above;
        }
        let width = u64::BITS - bits.leading_zeros();
        out[widths + place] = width as u8;
        pack(&above, width, out);
    }
}

/// Appends numbers of at most `width` bits (0 to 64); what is missing in the last is 0.
fn pack(numbers: &[u64; MINI], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut bits, mut held) = (0_u64, 0);
    for &number in numbers {
        bits |= number << held;
        held += width;
        if held >= u64::BITS {
            out.extend_from_slice(&bits.to_le_bytes());
            held -= u64::BITS;
            bits = number.checked_shr(width - held).unwrap_or(0);
        }
    }
    // As many bytes as four times the width.
    out.extend_from_slice(&bits.to_le_bytes()[..held as usize / 8]);
}

/// Appends a number, small ones of either sign in few bytes.
fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint((number << 1 ^ number >> 63).cast_unsigned(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(numbers: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(numbers.iter().copied(), &mut out);
        out
    }

    #[test]
    fn as_the_specification_has_it() {
        // Its first example: differences of 1 take no bits.
        let head = |count, first| [0x80, 1, 4, count, first];
        let mut expected = head(5, 2).to_vec();
        expected.extend([2, 0, 0, 0, 0]);
        assert_eq!(encoded(&[1, 2, 3, 4, 5]), expected);
        // Its second: -2 -2 -2 1 1 1 1, the least of which is -2: 0 0 0 3 3 3 3 in two bits.
        let mut expected = head(8, 14).to_vec();
        expected.extend([3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded(&[7, 5, 3, 1, 2, 3, 4, 5]), expected);
    }

    #[test]
    fn nothing_and_one() {
        assert_eq!(encoded(&[]), [0x80, 1, 4, 0, 0]);
        assert_eq!(encoded(&[-1]), [0x80, 1, 4, 1, 1]);
    }

    /// Reads bit by bit, as the specification says.
    fn decoded(bytes: &[u8]) -> Vec<i64> {
        let mut at = 0;
        let varint = |at: &mut usize| {
            let (mut number, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[*at];
                *at += 1;
                number |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return number;
                }
            }
        };
        let signed = |number: u64| (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
        let block = varint(&mut at) as usize;
        let minis = varint(&mut at) as usize;
        let count = varint(&mut at) as usize;
        let mut last = signed(varint(&mut at));
        let mut numbers = vec![last];
        while numbers.len() < count {
            let least = signed(varint(&mut at));
            let widths = at..at + minis;
            at += minis;
            for place in widths {
                let width = usize::from(bytes[place]);
                let begin = 8 * at;
                // What has no number left has no width and no bytes.
                assert!(numbers.len() < count || width == 0);
                for of in 0..block / minis {
                    let bit = |bit: usize| {
                        let place = begin + of * width + bit;
                        u64::from(bytes[place / 8] >> (place % 8) & 1) << bit
                    };
                    let above: u64 = (0..width).map(bit).sum();
                    last = last.wrapping_add(least).wrapping_add(above.cast_signed());
                    numbers.push(last);
                }
                numbers.truncate(count);
                last = *numbers.last().unwrap();
                at += width * (block / minis) / 8;
            }
        }
        assert_eq!(at, bytes.len());
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers: Vec<i64>,
            near in proptest::collection::vec(-9_i64..9, 0..700),
            width in 0..64_u32,
        ) {
            let narrow: Vec<i64> = numbers.iter().map(|number| number >> width).collect();
            for numbers in [numbers, near, narrow] {
                prop_assert_eq!(decoded(&encoded(&numbers)), numbers);
            }
        }
    }
}
