//! Domain names in messages (RFC 1035, sections 3.1 and 4.1.4), and reverse ones.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

use smallvec::SmallVec;

use crate::app::wire::Reader;

/// Longest name, in bytes of its text; RFC 1035 allows 255 bytes on the wire.
pub(super) const NAME_MAX: usize = 255;

/// Bytes of a name that take no place on the heap: most names are shorter.
const INLINE: usize = 36;

/// A domain name in text form, without the final dot; empty: the root. Bytes that are no text are as
/// they were sent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Name(SmallVec<[u8; INLINE]>);

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Name {
    fn from(text: &[u8]) -> Self {
        Self(SmallVec::from_slice(text))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Why a name could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The bytes end inside it.
    Cut,
    /// A label of an unknown kind, pointers in a circle, or too long a name.
    Malformed,
}

/// Pointers that are followed in one name.
const JUMPS_MAX: u32 = 32;

/// The name at `at` in text form without the final dot, and the place behind it.
///
/// Pointers may lead forwards too: no resolver writes them so, but some read them.
pub(super) fn read(message: &[u8], at: usize) -> Result<(Name, usize), Broken> {
    let mut text = Text::new();
    let end = text.read(message, at)?;
    Ok((Name::from(text.bytes()), end))
}

/// The place behind the name at `at`, as [`read`] says it.
pub(super) fn end(message: &[u8], at: usize) -> Result<usize, Broken> {
    walk(message, at, |_| ())
}

/// Follows the name at `at`, up to the place behind it. Its labels, each with its length in front,
/// go to `take` in the runs that pointers leave of them: at most [`Text::ROOM`] bytes in all.
#[inline]
fn walk<'a>(message: &'a [u8], at: usize, mut take: impl FnMut(&'a [u8])) -> Result<usize, Broken> {
    let (mut position, mut run) = (at, at);
    let mut room = Text::ROOM;
    let mut jumps = 0;
    let mut end = None;
    loop {
        let &length = message.get(position).ok_or(Broken::Cut)?;
        match length {
            1..=0x3f => {
                let taken = 1 + usize::from(length);
                position += taken;
                if position > message.len() {
                    return Err(Broken::Cut);
                }
                room = room.checked_sub(taken).ok_or(Broken::Malformed)?;
            }
            0 => {
                take(message.get(run..position).unwrap_or_default());
                return Ok(end.unwrap_or(position + 1));
            }
            0xc0.. => {
                let &low = message.get(position + 1).ok_or(Broken::Cut)?;
                jumps += 1;
                if jumps > JUMPS_MAX {
                    return Err(Broken::Malformed);
                }
                if position > run {
                    take(message.get(run..position).unwrap_or_default());
                }
                end = end.or(Some(position + 2));
                position = usize::from(length & 0x3f) << 8 | usize::from(low);
                run = position;
            }
            _ => return Err(Broken::Malformed),
        }
    }
}

/// A name in text form, without a place on the heap.
#[derive(Clone, Copy)]
pub(super) struct Text {
    /// A dot in front of each label.
    buffer: [u8; Self::ROOM],
    len: usize,
}

impl Text {
    /// Room for the longest name and the dot in front of it.
    const ROOM: usize = NAME_MAX + 1;

    pub(super) const fn new() -> Self {
        Self {
            buffer: [0; Self::ROOM],
            len: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(1..self.len).unwrap_or_default()
    }

    /// As [`read`].
    pub(super) fn read(&mut self, message: &[u8], at: usize) -> Result<usize, Broken> {
        self.len = 0;
        walk(message, at, |run| self.push(run))
    }

    /// Appends labels: all at once, then the dots are put where the lengths stood.
    #[inline]
    fn push(&mut self, run: &[u8]) {
        let end = self.len + run.len();
        let Some(place) = self.buffer.get_mut(self.len..end) else {
            return;
        };
        place.copy_from_slice(run);
        let mut at = 0;
        while let Some(length) = place.get_mut(at) {
            at += 1 + usize::from(*length);
            *length = b'.';
        }
        self.len = end;
    }
}

/// A name in wire form without pointers, as text: what DHCP carries of names. One that does not
/// end (RFC 4704, section 4.2) is taken as far as it goes.
pub(crate) fn plain_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(length @ 1..) = reader.u8() {
        let label = reader
            .take(usize::from(length))
            .filter(|_| length <= 0x3f)?;
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
        if name.len() > NAME_MAX {
            return None;
        }
    }
    (!name.is_empty()).then_some(name)
}

/// The address that a name under `in-addr.arpa` or `ip6.arpa` stands for, where it is complete.
///
/// ```
/// use netloom_decode::app::dns::reverse_address;
/// assert_eq!(
///     reverse_address(b"4.3.2.1.in-addr.arpa"),
///     Some("1.2.3.4".parse().unwrap())
/// );
/// assert_eq!(reverse_address(b"3.2.1.in-addr.arpa"), None);
/// ```
pub fn reverse_address(name: &[u8]) -> Option<IpAddr> {
    if let Some(labels) = strip_suffix_ignore_case(name, b".in-addr.arpa") {
        let mut octets = [0_u8; 4];
        let mut count = 0;
        for label in labels.split(|&byte| byte == b'.') {
            let number = crate::app::text::number(label).filter(|_| label.len() <= 3)?;
            // The last octet comes first.
            *octets.iter_mut().rev().nth(count)? = u8::try_from(number).ok()?;
            count += 1;
        }
        return (count == 4).then(|| Ipv4Addr::from(octets).into());
    }
    let labels = strip_suffix_ignore_case(name, b".ip6.arpa")?;
    let mut bits = 0_u128;
    let mut count = 0;
    for label in labels.split(|&byte| byte == b'.') {
        let &[digit] = label else { return None };
        let nibble = char::from(digit).to_digit(16)?;
        bits = bits >> 4 | u128::from(nibble) << 124;
        count += 1;
    }
    (count == 32).then(|| Ipv6Addr::from(bits).into())
}

fn strip_suffix_ignore_case<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (rest, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pointers() {
        // "b" at 0, then "a" with a pointer to it.
        let message = b"\x01b\x00\x01a\xc0\x00\xff";
        assert_eq!(read(message, 3), Ok((Name::from(&b"a.b"[..]), 7)));
        assert_eq!(
            read(b"\xc0\x02\x01a\x00", 0),
            Ok((Name::from(&b"a"[..]), 2))
        );
        // To itself, and in circles.
        for message in [&b"\xc0\x00"[..], b"\xc0\x02\xc0\x00", b"\x01a\xc0\x00"] {
            assert_eq!(read(message, 0), Err(Broken::Malformed));
        }
        assert_eq!(read(b"\x40aa\x00", 0), Err(Broken::Malformed));
        assert_eq!(read(b"\x03ab", 0), Err(Broken::Cut));
        assert_eq!(read(b"\x00", 0), Ok((Name::default(), 1)));
        let long = [[1, b'a'].repeat(200), vec![0]].concat();
        assert_eq!(read(&long, 0), Err(Broken::Malformed));
    }

    #[test]
    fn the_longest_name() {
        let long = [&[63; 64][..], &[63; 64], &[63; 64], &[61; 62], &[0]].concat();
        let (name, end) = read(&long, 0).unwrap();
        assert_eq!((name.len(), end), (253, long.len()));
        let text = |labels: &[u8]| {
            let message: Vec<u8> = labels
                .iter()
                .flat_map(|&length| [&[length][..], &vec![b'a'; length.into()]].concat())
                .chain([0])
                .collect();
            read(&message, 0).map(|(name, _)| name.len())
        };
        assert_eq!(text(&[63, 63, 63, 63]), Ok(255));
        assert_eq!(text(&[63, 63, 63, 62, 1]), Err(Broken::Malformed));
    }

    /// A label at a time, as RFC 1035 tells it.
    fn plainly(message: &[u8], at: usize) -> Result<(Vec<u8>, usize), Broken> {
        let (mut text, mut position, mut jumps, mut end) = (Vec::new(), at, 0, None);
        loop {
            match *message.get(position).ok_or(Broken::Cut)? {
                0 => return Ok((text, end.unwrap_or(position + 1))),
                length @ 1..=0x3f => {
                    let next = position + 1 + usize::from(length);
                    let label = message.get(position + 1..next).ok_or(Broken::Cut)?;
                    if !text.is_empty() {
                        text.push(b'.');
                    }
                    text.extend_from_slice(label);
                    if text.len() > NAME_MAX {
                        return Err(Broken::Malformed);
                    }
                    position = next;
                }
                high @ 0xc0.. => {
                    let low = *message.get(position + 1).ok_or(Broken::Cut)?;
                    jumps += 1;
                    if jumps > JUMPS_MAX {
                        return Err(Broken::Malformed);
                    }
                    end = end.or(Some(position + 2));
                    position = usize::from(high & 0x3f) << 8 | usize::from(low);
                }
                _ => return Err(Broken::Malformed),
            }
        }
    }

    proptest! {
        /// Bytes that are short labels, long ones, pointers and ends.
        #[test]
        fn runs_are_read_as_labels_are(
            message in proptest::collection::vec(
                prop_oneof![
                    8 => (0_u8..6).prop_map(|byte| vec![byte]),
                    2 => (0_u8..200).prop_map(|to| vec![0xc0, to]),
                    1 => (0_u8..0x40).prop_map(|length| [vec![length], vec![1; length.into()]].concat()),
                    1 => any::<u8>().prop_map(|byte| vec![byte]),
                ],
                0..120,
            ),
            at in 0_usize..100,
        ) {
            let message = message.concat();
            let expected = plainly(&message, at);
            let found = read(&message, at);
            prop_assert_eq!(found.map(|(name, end)| (name.to_vec(), end)), expected.clone());
            prop_assert_eq!(end(&message, at), expected.map(|(_, end)| end));
        }
    }

    #[test]
    fn reverse_names() {
        let loopback = b"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.IP6.ARPA";
        assert_eq!(reverse_address(loopback), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(reverse_address(b"256.0.0.1.in-addr.arpa"), None);
        assert_eq!(reverse_address(b"1.2.3.4.5.in-addr.arpa"), None);
        assert_eq!(reverse_address(b"1.ip6.arpa"), None);
        assert_eq!(reverse_address(b"example.org"), None);
    }
}
