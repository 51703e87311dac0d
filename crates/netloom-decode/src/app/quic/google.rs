//! Google's QUIC before TLS (versions Q009 to Q050): the client's first message, `CHLO`, in clear
//! or under Initial protection.

use std::fmt::Write as _;

use crate::app::text::display;
use crate::app::wire::{Reader, u32_le_at};

use super::version::Version;

/// What a `CHLO` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chlo<'a> {
    /// Tag `SNI`.
    pub(super) server_name: Option<&'a [u8]>,
    /// Tag `UAID`.
    pub(super) user_agent: Option<&'a [u8]>,
    /// Tags and where their values end, eight bytes each.
    entries: &'a [u8],
}

/// Most entries of a message.
const ENTRIES_MAX: usize = 128;

/// Tag of the message.
pub(super) const TAG: &[u8] = b"CHLO";

impl<'a> Chlo<'a> {
    /// Reads a message from its tag on; what is cut off at the end is left out.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.take(4)? != TAG {
            return None;
        }
        let count = usize::from(reader.u16_le()?);
        reader.skip(2)?;
        if count == 0 || count > ENTRIES_MAX {
            return None;
        }
        let entries = reader.take(count * 8)?;
        let values = reader.rest();
        let mut chlo = Self {
            entries,
            ..Self::default()
        };
        let mut start = 0;
        for entry in entries.chunks_exact(8) {
            let end = u32_le_at(entry, 4)? as usize;
            if end < start {
                return None;
            }
            let value = values.get(start..end);
            match entry.get(..4)? {
                b"SNI\0" => chlo.server_name = value,
                b"UAID" => chlo.user_agent = value,
                _ => (),
            }
            start = end;
        }
        Some(chlo)
    }

    /// What CYU is the hash of: the number of the version, and the tags in their order.
    pub(super) fn cyu_text(&self, version: Version) -> String {
        let [_, _, tens, ones] = version
            .0
            .to_be_bytes()
            .map(|digit| digit.wrapping_sub(b'0'));
        let number = u32::from(tens) * 10 + u32::from(ones);
        let mut text = String::with_capacity(3 + 5 * self.entries.len() / 8);
        let _ = write!(text, "{number},");
        for (place, entry) in self.entries.chunks_exact(8).enumerate() {
            if place > 0 {
                text.push('-');
            }
            // Short tags are filled up with zeros.
            let tag = entry.get(..4).unwrap_or_default();
            let end = tag
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |at| at + 1);
            text.push_str(&display(tag.get(..end).unwrap_or_default()));
        }
        text
    }
}

/// Bytes of a message, from its tag on, up to its values: tag, count of entries, and these; more are
/// needed where the count is not there yet.
pub(super) fn head_len(data: &[u8]) -> usize {
    let count = data.get(4..6).map_or(0, |count| {
        usize::from(u16::from_le_bytes([count[0], count[1]]))
    });
    8 + count.min(ENTRIES_MAX) * 8
}

/// The version in a public header of Google's (Q043 and before: flags, connection ID, version),
/// or in the long header of Q044 to Q048, and where the header ends at the earliest.
pub(super) fn header(data: &[u8]) -> Option<(Version, usize)> {
    let first = *data.first()?;
    let at = match first {
        0xc0.. => 1,
        // Version is there, connection ID of 8 bytes or none, no reset.
        _ if first & 0xc3 == 1 => 1 + usize::from(first & 8),
        _ => return None,
    };
    let &[letter, b'0', tens, ones] = data.get(at..at + 4)? else {
        return None;
    };
    let sound = matches!(letter, b'Q' | b'T') && tens.is_ascii_digit() && ones.is_ascii_digit();
    sound.then(|| {
        let version = u32::from_be_bytes([letter, b'0', tens, ones]);
        (Version(version), at + 4)
    })
}

/// Whether this is a server's refusal of a first message, not protected either: an identifier of
/// eight bytes, no version, then `REJ` with its entries within the first bytes.
pub(super) fn rejection(data: &[u8]) -> bool {
    const TAG: &[u8] = b"REJ\0";
    let head = matches!(data.first(), Some(first) if first & 0xcb == 0x08);
    let area = data.get(..64 + TAG.len()).unwrap_or(data);
    let Some(at) = area
        .windows(TAG.len())
        .position(|four| four == TAG)
        .filter(|&at| head && at >= 22)
    else {
        return false;
    };
    let mut reader = Reader::new(data.get(at + TAG.len()..).unwrap_or_default());
    let (Some(count @ 1..=128), Some(0)) = (reader.u16_le(), reader.u16_le()) else {
        return false;
    };
    let mut last = 0;
    (0..count).all(|_| {
        let named = reader
            .take(4)
            .is_some_and(|tag| tag[0].is_ascii_uppercase() && tag[1].is_ascii_uppercase());
        let end = reader.u32_le().unwrap_or(0);
        let ordered = end >= last && end > 0;
        last = end;
        named && ordered
    })
}

/// The `CHLO` in a datagram that is not protected.
pub(super) fn find(data: &[u8]) -> Option<Chlo<'_>> {
    // Behind packet number, hash and frame header: within the first bytes.
    let area = data.get(..data.len().min(64 + TAG.len()))?;
    let at = area.windows(TAG.len()).position(|four| four == TAG)?;
    Chlo::parse(data.get(at..)?)
}
