//! Domain names in messages (RFC 1035, sections 3.1 and 4.1.4), and reverse ones.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

use smallvec::SmallVec;

use crate::app::wire::Reader;

/// Longest name, in bytes of its text; RFC 1035 allows 255 bytes on the wire.
const NAME_MAX: usize = 255;

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

/// Bytes of a label that are copied at once.
const SHORT_LABEL: usize = 16;

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

/// A name in text form, without a place on the heap.
#[derive(Clone, Copy)]
pub(super) struct Text {
    /// Room for the longest name and the label that makes it too long.
    buffer: [u8; NAME_MAX + 65],
    len: usize,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self {
            buffer: [0; NAME_MAX + 65],
            len: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// A label. Most are short: those are copied as sixteen bytes, of which what is too much is
    /// written over by what comes next.
    #[inline]
    fn push_label(&mut self, message: &[u8], start: usize, label: &[u8]) {
        let from = message
            .get(start..)
            .and_then(<[u8]>::first_chunk::<SHORT_LABEL>);
        let to = self
            .buffer
            .get_mut(self.len..)
            .and_then(<[u8]>::first_chunk_mut::<SHORT_LABEL>);
        if let (Some(from), Some(to), true) = (from, to, label.len() <= SHORT_LABEL) {
            *to = *from;
            self.len += label.len();
        } else {
            self.push(label);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// As [`read`].
    pub(super) fn read(&mut self, message: &[u8], at: usize) -> Result<usize, Broken> {
        self.len = 0;
        let mut position = at;
        let mut jumps = 0;
        let mut end = None;
        loop {
            let &length = message.get(position).ok_or(Broken::Cut)?;
            match length {
                0 => return Ok(end.unwrap_or(position + 1)),
                1..=0x3f => {
                    let start = position + 1;
                    let next = start + usize::from(length);
                    let label = message.get(start..next).ok_or(Broken::Cut)?;
                    if self.len > 0 {
                        self.push(b".");
                    }
                    self.push_label(message, start, label);
                    if self.len > NAME_MAX {
                        return Err(Broken::Malformed);
                    }
                    position = next;
                }
                0xc0.. => {
                    let &low = message.get(position + 1).ok_or(Broken::Cut)?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    jumps += 1;
                    if jumps > JUMPS_MAX {
                        return Err(Broken::Malformed);
                    }
                    end = end.or(Some(position + 2));
                    position = target;
                }
                _ => return Err(Broken::Malformed),
            }
        }
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
    fn reverse_names() {
        let loopback = b"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.IP6.ARPA";
        assert_eq!(reverse_address(loopback), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(reverse_address(b"256.0.0.1.in-addr.arpa"), None);
        assert_eq!(reverse_address(b"1.2.3.4.5.in-addr.arpa"), None);
        assert_eq!(reverse_address(b"1.ip6.arpa"), None);
        assert_eq!(reverse_address(b"example.org"), None);
    }
}
