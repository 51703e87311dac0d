//! Who made a network card.

use std::sync::LazyLock;

use netloom_packet::MacAddr;

/// Lines of prefix, tab, name, in the order of the prefixes: the IEEE's registries of blocks of
/// 2^24, 2^20 and 2^12 addresses (MA-L; MA-M; MA-S and IAB). `cargo xtask vendors` makes it. It is searched as it is: a table of references would be written to at every start, and
/// take three megabytes of memory that one who looks up a handful of cards has no use for.
static TABLE: &str = include_str!("vendors.tsv");

/// Where in the table the lines begin whose first three digits are these, and where the last ones
/// end: a few lines are left to search.
static STARTS: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let mut starts = Vec::with_capacity((1 << 12) + 1);
    let mut at = 0;
    for line in TABLE.split_inclusive('\n') {
        let first = line
            .get(..3)
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        while first.is_some_and(|first| starts.len() <= first) {
            starts.push(at);
        }
        at += line.len() as u32;
    }
    starts.resize((1 << 12) + 1, at);
    starts.into()
});

/// Digits of the prefixes, the longest first.
const LENGTHS: [usize; 3] = [9, 7, 6];

/// Maker of a network card by the IEEE's registries (MA-L, MA-M, MA-S, IAB); `None` for
/// addresses that are made up (locally administered) or stand for groups.
///
/// ```
/// use netloom_flow::name::vendor;
/// use netloom_packet::MacAddr;
/// let vendor = vendor(MacAddr([0, 0, 0x0c, 1, 2, 3]));
/// assert_eq!(vendor, Some("Cisco Systems, Inc"));
/// ```
pub fn vendor(mac: MacAddr) -> Option<&'static str> {
    // Group or locally administered (IEEE 802, section 8.2.2).
    if mac.0[0] & 3 != 0 {
        return None;
    }
    let mut digits = [0; 12];
    for (digits, byte) in digits.chunks_exact_mut(2).zip(mac.0) {
        for (digit, bits) in digits.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *digit = b"0123456789ABCDEF"[usize::from(bits)];
        }
    }
    let first = usize::from(mac.0[0]) << 4 | usize::from(mac.0[1] >> 4);
    let (&from, &to) = (STARTS.get(first)?, STARTS.get(first + 1)?);
    let lines = TABLE.get(from as usize..to as usize)?;
    // The last prefix that is not behind the address is the longest of its own, if it is one at all:
    // it may be that of a neighbour within the same larger block.
    let (prefix, name) = last_up_to(lines, &digits)?;
    if digits.starts_with(prefix.as_bytes()) {
        return Some(name);
    }
    LENGTHS.iter().find_map(|&length| {
        let wanted = digits.get(..length)?;
        let (prefix, name) = last_up_to(lines, wanted)?;
        (prefix.as_bytes() == wanted).then_some(name)
    })
}

/// The last line whose prefix does not come after `digits`.
fn last_up_to<'t>(lines: &'t str, digits: &[u8]) -> Option<(&'t str, &'t str)> {
    let (mut from, mut to) = (0, lines.len());
    let mut found = None;
    while from < to {
        let middle = usize::midpoint(from, to);
        let start = before(lines, from, middle);
        let rest = lines.get(start..)?;
        let line = rest.split('\n').next()?;
        let (prefix, name) = line.split_once('\t')?;
        if prefix.as_bytes() <= digits {
            found = Some((prefix, name));
            from = start + line.len() + 1;
        } else {
            to = start;
        }
    }
    found
}

/// Where the line begins that `at` is in, not before `from`.
fn before(text: &str, from: usize, at: usize) -> usize {
    let line = text.as_bytes().get(from..at).unwrap_or_default();
    line.iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(from, |end| from + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_cards_have_no_vendor() {
        assert_eq!(vendor(MacAddr([2, 0, 0x0c, 1, 2, 3])), None);
        assert_eq!(vendor(MacAddr([0xff; 6])), None);
    }

    #[test]
    fn blocks_in_blocks() {
        let name = |text: &str| vendor(text.parse().unwrap());
        assert_eq!(name("b8:4c:87:40:00:00"), Some("Blum Novotest GmbH"));
        assert_eq!(
            name("8c:1f:64:af:a1:23"),
            Some("DATA ELECTRONIC DEVICES, INC")
        );
        assert_eq!(name("40:d8:55:0d:7f:ff"), Some("Avant Technologies"));
        // A block that was cut up, at an address in none of its parts.
        assert_eq!(
            name("40:d8:55:ff:ff:ff"),
            Some("IEEE Registration Authority")
        );
    }

    /// The first and the last address of each block, against a plain search.
    #[test]
    fn every_block_is_found() {
        let table: std::collections::HashMap<&str, &str> = TABLE
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .collect();
        assert_eq!(table.len(), TABLE.lines().count());
        assert!(TABLE.lines().is_sorted() && !TABLE.contains('\r'));
        for prefix in table.keys() {
            for fill in ["000000", "FFFFFF"] {
                let digits = format!("{prefix}{}", &fill[..12 - prefix.len()]);
                let mut mac = [0; 6];
                for (byte, at) in mac.iter_mut().zip((0..).step_by(2)) {
                    *byte = u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
                }
                let found = LENGTHS
                    .iter()
                    .find_map(|&length| table.get(&digits[..length]));
                let expected = found.copied().filter(|_| mac[0].is_multiple_of(4));
                assert_eq!(vendor(MacAddr(mac)), expected, "{digits}");
            }
        }
    }
}
