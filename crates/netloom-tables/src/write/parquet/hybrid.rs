//! Parquet's hybrid of run lengths and bit packing: places in a dictionary, definition levels.
//!
//! Source: Apache Parquet, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid".

/// Values that are packed together.
const GROUP: usize = 8;

/// Bits that hold any number up to `most`.
pub(super) fn width(most: usize) -> u32 {
    usize::BITS - most.leading_zeros()
}

/// Appends numbers of at most `width` bits (0 to 32).
pub(super) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    // What is packed: from there to where a run begins, whole groups.
    let mut packed = 0;
    let mut at = 0;
    while let Some(&value) = values.get(at) {
        let run = values[at..].iter().take_while(|&&v| v == value).count();
        if run < GROUP {
            at += GROUP.min(values.len() - at);
            continue;
        }
        pack(&values[packed..at], width, out);
        repeat(value, run, width, out);
        at += run;
        packed = at;
    }
    pack(&values[packed..], width, out);
}

/// Appends a run.
pub(super) fn repeat(value: u32, times: usize, width: u32, out: &mut Vec<u8>) {
    varint((times as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends numbers one by one; the last group is filled up with zeros.
fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    varint((groups as u64) << 1 | 1, out);
    out.reserve(groups * width as usize);
    let (whole, rest) = values.as_chunks();
    // Places in small dictionaries are most of what there is.
    match width {
        1 => pack_narrow::<1>(whole, out),
        2 => pack_narrow::<2>(whole, out),
        3 => pack_narrow::<3>(whole, out),
        4 => pack_narrow::<4>(whole, out),
        5 => pack_narrow::<5>(whole, out),
        6 => pack_narrow::<6>(whole, out),
        7 => pack_narrow::<7>(whole, out),
        8 => pack_narrow::<8>(whole, out),
        9 => pack_narrow::<9>(whole, out),
        10 => pack_narrow::<10>(whole, out),
        11 => pack_narrow::<11>(whole, out),
        12 => pack_narrow::<12>(whole, out),
        13 => pack_narrow::<13>(whole, out),
        14 => pack_narrow::<14>(whole, out),
        15 => pack_narrow::<15>(whole, out),
        _ => return pack_wide(values, width, out),
    }
    pack_wide(rest, width, out);
}

/// Appends whole groups of numbers of less than 16 bits: half a group is less than 64.
fn pack_narrow<const WIDTH: usize>(groups: &[[u32; GROUP]], out: &mut Vec<u8>) {
    for group in groups {
        let half = |half: &[u32]| {
            let shifted = half.iter().enumerate();
            shifted.fold(0, |bits, (at, &value)| {
                bits | u64::from(value) << (at * WIDTH)
            })
        };
        let (low, high) = (half(&group[..GROUP / 2]), half(&group[GROUP / 2..]));
        let bits = GROUP / 2 * WIDTH;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(low | high << bits).to_le_bytes());
        bytes[8..].copy_from_slice(&(high >> (64 - bits)).to_le_bytes());
        out.extend_from_slice(&bytes[..WIDTH]);
    }
}

/// Appends numbers of any width.
fn pack_wide(values: &[u32], width: u32, out: &mut Vec<u8>) {
    for group in values.chunks(GROUP) {
        let (mut bits, mut held) = (0_u64, 0);
        for &value in group {
            bits |= u64::from(value) << held;
            held += width;
            if held >= 32 {
                out.extend_from_slice(&(bits as u32).to_le_bytes());
                bits >>= 32;
                held -= 32;
            }
        }
        // As many bytes as numbers have bits.
        let rest = (width as usize * GROUP).div_ceil(8)
            - (width as usize * group.len() - held as usize) / 8;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&bytes[..rest]);
    }
}

/// Appends which of `rows` rows are not null, as a page has it: by bits from the first byte of
/// `valid` on, of which `ones` are set.
pub(super) fn levels(valid: &[u8], rows: usize, ones: usize, out: &mut Vec<u8>) {
    behind_length(out, |out| {
        if ones == rows || ones == 0 {
            repeat(u32::from(ones > 0), rows, 1, out);
            return;
        }
        let groups = rows.div_ceil(GROUP);
        varint((groups as u64) << 1 | 1, out);
        out.extend_from_slice(&valid[..groups]);
        // What is behind the last row is nobody's.
        if let (Some(last), 1..) = (out.last_mut(), rows % GROUP) {
            *last &= (1 << (rows % GROUP)) - 1;
        }
    });
}

/// Appends levels of at most `width` bits as a page has them.
pub(super) fn all_levels(levels: &[u32], width: u32, out: &mut Vec<u8>) {
    behind_length(out, |out| encode(levels, width, out));
}

/// Appends what is written, behind its length.
fn behind_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = (out.len() - begin - 4) as u32;
    out[begin..begin + 4].copy_from_slice(&len.to_le_bytes());
}

/// Appends a number, seven bits a byte, the lowest first (ULEB128).
pub(super) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_specification_has_it() {
        // Its own example of bit packing: 0 to 7 with 3 bits.
        let mut out = Vec::new();
        encode(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        let mut out = Vec::new();
        encode(&[300; 100], 9, &mut out);
        assert_eq!(out, [200, 1, 44, 1]);
    }

    #[test]
    fn runs_stand_between_what_is_packed() {
        let mut values: Vec<u32> = (0..8).collect();
        values.extend([1; 9]);
        values.extend([7, 6]);
        let mut out = Vec::new();
        encode(&values, 3, &mut out);
        // The run begins with the group; what is left fills its group up with zeros.
        assert_eq!(out[..4], [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        assert_eq!(out[4..], [18, 1, 3, 0b0011_0111, 0, 0]);
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 255, 256].map(width), [0, 1, 2, 8, 9]);
        let mut out = Vec::new();
        encode(&[0; 3], 0, &mut out);
        assert_eq!(out, [3], "a group of nothing");
        for width in 1..=32 {
            let values = [u32::MAX >> (32 - width), 0, 1, 0, 1, 1, 0, 0, 1];
            let mut out = Vec::new();
            encode(&values, width, &mut out);
            assert_eq!(out.len(), 1 + 2 * width as usize, "{width}");
            let bit = |at: usize| out[1 + at / 8] >> (at % 8) & 1;
            for (place, value) in values.iter().enumerate() {
                let read =
                    (0..width).map(|b| u32::from(bit(place * width as usize + b as usize)) << b);
                assert_eq!(read.sum::<u32>(), *value, "{width} {place}");
            }
        }
    }

    #[test]
    fn which_rows_are_not_null() {
        let of = |valid: &[u8], rows, ones| {
            let mut out = Vec::new();
            levels(valid, rows, ones, &mut out);
            out
        };
        assert_eq!(of(&[0xff, 0xff], 12, 12), [2, 0, 0, 0, 24, 1]);
        assert_eq!(of(&[0, 0xf0], 12, 0), [2, 0, 0, 0, 24, 0]);
        assert_eq!(of(&[0b101, 0xff], 12, 6), [3, 0, 0, 0, 5, 0b101, 0x0f]);
    }
}
