//! Who made a network card.

use std::sync::LazyLock;

use netloom_packet::MacAddr;

/// Lines of prefix, tab, name, in the order of the prefixes: the IEEE's registries of blocks of
/// 2^24, 2^20 and 2^12 addresses (MA-L; MA-M; MA-S and IAB). `cargo xtask vendors` makes it. It is searched as it is: a table of references would be written to at every start, and
/// take three megabytes of memory that one who looks up a handful of cards has no use for.
static TABLE: &str = include_str!("vendors.tsv");

/// Where the lines of the table are.
struct Index {
    /// Where each begins.
    lines: Vec<u32>,
    /// The first of those that begin with three digits, by these; and how many there are.
    firsts: Vec<u32>,
}

/// A quarter of a megabyte, made when a card is looked up.
static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let (mut lines, mut firsts) = (Vec::new(), Vec::with_capacity((1 << 12) + 1));
    let mut at = 0;
    for line in TABLE.split_inclusive('\n') {
        let first = line
            .get(..3)
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        while first.is_some_and(|first| firsts.len() <= first) {
            firsts.push(lines.len() as u32);
        }
        lines.push(at);
        at += line.len() as u32;
    }
    firsts.resize((1 << 12) + 1, lines.len() as u32);
    lines.shrink_to_fit();
    Index { lines, firsts }
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
    let Index { lines, firsts } = &*INDEX;
    let (&from, &to) = (firsts.get(first)?, firsts.get(first + 1)?);
    let lines = lines.get(from as usize..to as usize)?;
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

/// The last of some lines whose prefix does not come after `digits`.
fn last_up_to(lines: &[u32], digits: &[u8]) -> Option<(&'static str, &'static str)> {
    let behind = lines.partition_point(|&at| prefix(at) <= digits);
    let &at = lines.get(behind.checked_sub(1)?)?;
    let line = TABLE.get(at as usize..)?.split('\n').next()?;
    line.split_once('\t')
}

/// The prefix in the line that begins at `at`.
fn prefix(at: u32) -> &'static [u8] {
    let line = TABLE.as_bytes().get(at as usize..).unwrap_or_default();
    let mut prefixes = LENGTHS.iter().filter_map(|&len| line.split_at_checked(len));
    let own = prefixes.find(|(_, rest)| rest.first() == Some(&b'\t'));
    own.map_or(&[], |(prefix, _)| prefix)
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
