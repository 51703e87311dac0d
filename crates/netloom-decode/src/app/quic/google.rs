//! Google's QUIC before TLS (versions Q009 to Q050): the client's first message, `CHLO`, in clear
//! or under Initial protection.

use crate::app::wire::{Reader, u32_le_at};

use super::version::Version;

/// What a `CHLO` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chlo<'a> {
    /// Tag `SNI`.
    pub(super) server_name: Option<&'a [u8]>,
    /// Tag `UAID`.
    pub(super) user_agent: Option<&'a [u8]>,
}

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
        if count == 0 || count > 128 {
            return None;
        }
        let entries = reader.take(count * 8)?;
        let values = reader.rest();
        let mut chlo = Self::default();
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
}

/// Whether a server's refusal (`REJ`) or hello (`SHLO`) stands in clear behind a public header
/// without a version: tag, number of entries, and the first of them, a tag and where it ends.
pub(super) fn refused(data: &[u8]) -> bool {
    let start = data.get(..96).unwrap_or(data);
    data.first().is_some_and(|first| first & 0xc3 == 0)
        && start.windows(16).any(|window| {
            (window.starts_with(b"REJ\0") || window.starts_with(b"SHLO"))
                && matches!(window[4..8], [1..=64, 0, 0, 0])
                && window[8..11].iter().all(u8::is_ascii_uppercase)
                && matches!(window[11], 0 | b'A'..=b'Z')
                && window[14..] == [0, 0]
        })
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

/// The `CHLO` in a datagram that is not protected.
pub(super) fn find(data: &[u8]) -> Option<Chlo<'_>> {
    // Behind packet number, hash and frame header: within the first bytes.
    let area = data.get(..data.len().min(64 + TAG.len()))?;
    let at = area.windows(TAG.len()).position(|four| four == TAG)?;
    Chlo::parse(data.get(at..)?)
}
