//! Who made a network card.

use std::cell::Cell;
use std::ops::Range;
use std::sync::LazyLock;

use netloom_packet::MacAddr;

/// Lines of prefix, tab, name, in the order of the prefixes: the IEEE's registries of blocks of
/// 2^24, 2^20 and 2^12 addresses (MA-L; MA-M; MA-S and IAB). `cargo xtask vendors` makes it. It is
/// searched as it is: to note where the lines are would take longer than to look up thousands of
/// cards, at every start, and memory too.
static TABLE: &str = include_str!("vendors.tsv");

/// Where the lines of every fourth first byte begin (the others are those of no card's own
/// address), and where the last ones end: the first half of the way to any line, gone once.
static FIRSTS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let starts = (0..=u8::MAX).step_by(4).map(|byte| {
        let digits = digits(byte);
        first_line(0..TABLE.len(), |prefix| prefix >= digits.as_slice())
    });
    starts.chain([TABLE.len()]).collect()
});

/// Digits of the prefixes, the longest first.
const LENGTHS: [usize; 3] = [9, 7, 6];

/// Maker of a network card by the IEEE's registries (MA-L, MA-M, MA-S, IAB); `None` for
/// addresses that are made up (locally administered) or stand for groups, and for the zeros that
/// frames of a loopback interface have.
///
/// ```
/// use netloom_flow::name::vendor;
/// use netloom_packet::MacAddr;
/// let vendor = vendor(MacAddr([0, 0, 0x0c, 1, 2, 3]));
/// assert_eq!(vendor, Some("Cisco Systems, Inc"));
/// ```
pub fn vendor(mac: MacAddr) -> Option<&'static str> {
    // Group or locally administered (IEEE 802, section 8.2.2).
    if mac.0[0] & 3 != 0 || mac == MacAddr::default() {
        return None;
    }
    let [.., before_last, last] = mac.0;
    let place = usize::from(before_last.wrapping_mul(31) ^ last);
    KNOWN.with(|known| {
        let (of, name) = known[place].get();
        if of == mac {
            return name;
        }
        let name = look_up(mac);
        known[place].set((mac, name));
        name
    })
}

thread_local! {
    /// Cards that were looked up last, and their makers, by what their last two bytes make: a network has
    /// few, and many flows. The address that stands for none at first has no maker, as it stands
    /// for a group.
    static KNOWN: [Cell<(MacAddr, Option<&'static str>)>; 256] =
        const { [const { Cell::new((MacAddr([0xff; 6]), None)) }; 256] };
}

/// What the table says of an address that a maker gave.
fn look_up(mac: MacAddr) -> Option<&'static str> {
    let mut own = [0; 12];
    for (place, byte) in own.as_chunks_mut().0.iter_mut().zip(mac.0) {
        *place = digits(byte);
    }
    let first = usize::from(mac.0[0] / 4);
    let lines = *FIRSTS.get(first)?..*FIRSTS.get(first + 1)?;
    // The last prefix that is not behind the address is the longest of its own, if it is one at all:
    // it may be that of a neighbour within the same larger block.
    let (prefix, name) = last_up_to(lines.clone(), &own)?;
    if own.starts_with(prefix) {
        return Some(name);
    }
    // A prefix of its own that is farther in front is one of the neighbour's, too.
    let lengths = LENGTHS.iter().filter_map(|&length| own.get(..length));
    let mut shared = lengths.filter(|wanted| prefix.starts_with(wanted));
    shared.find_map(|wanted| {
        let (prefix, name) = last_up_to(lines.clone(), wanted)?;
        (prefix == wanted).then_some(name)
    })
}

/// A byte as the table has it.
fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| b"0123456789ABCDEF"[usize::from(digit)])
}

/// Prefix and name of the last of some lines whose prefix does not come after `digits`.
fn last_up_to(lines: Range<usize>, digits: &[u8]) -> Option<(&'static [u8], &'static str)> {
    let behind = first_line(lines.clone(), |prefix| prefix > digits);
    let line = TABLE.get(lines.start..behind)?.lines().next_back()?;
    let (prefix, name) = line.split_once('\t')?;
    Some((prefix.as_bytes(), name))
}

/// Where the first of some lines begins for whose prefix something holds, as it does for all behind
/// it; their end where there is none.
fn first_line(lines: Range<usize>, holds: impl Fn(&[u8]) -> bool) -> usize {
    let is_end = |&byte: &u8| byte == b'\n';
    let (mut from, mut to) = (lines.start, lines.end);
    // Halved by bytes: the line in the middle is the one that the middle byte is in.
    while let Some(half) = TABLE
        .as_bytes()
        .get(from..to)
        .filter(|half| !half.is_empty())
    {
        let (before, after) = half.split_at(half.len() / 2);
        let start = from + before.iter().rposition(is_end).map_or(0, |end| end + 1);
        if holds(prefix(start)) {
            to = start;
        } else {
            let rest = after
                .iter()
                .position(is_end)
                .map_or(after.len(), |end| end + 1);
            from += before.len() + rest;
        }
    }
    from
}

/// The prefix in the line that begins at `at`.
fn prefix(at: usize) -> &'static [u8] {
    let line = TABLE.as_bytes().get(at..).unwrap_or_default();
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
        // The block is somebody's (XEROX), this address nobody's.
        assert_eq!(vendor(MacAddr([0; 6])), None);
        assert!(vendor(MacAddr([0, 0, 0, 0, 0, 1])).is_some());
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
                let expected = found
                    .copied()
                    .filter(|_| mac[0].is_multiple_of(4) && mac != [0; 6]);
                assert_eq!(vendor(MacAddr(mac)), expected, "{digits}");
            }
        }
    }
}
