//! The record layer (RFC 8446, section 5.1).

use crate::app::wire::Reader;

/// What a record carries.
pub(crate) mod content {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Content type, 20 to 24.
    pub(crate) content: u8,
    /// Version, 0x0300 to 0x0304 or that of a draft.
    pub(crate) version: u16,
    /// Bytes that follow, at least one.
    pub(crate) len: usize,
}

impl RecordHeader {
    /// Bytes of it.
    pub(crate) const LEN: usize = 5;
    /// The most that may follow: 2^14, and 2,048 for what encryption adds (RFC 5246, section 6.2.3).
    const BODY_MAX: usize = (1 << 14) + 2048;

    /// Reads the head at the start of `data`; `None` where there are too few bytes or they are none.
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let header = Self {
            content: reader.u8()?,
            version: reader.u16()?,
            len: reader.u16()?.into(),
        };
        let sound = matches!(header.content, 20..=24)
            && matches!(header.version, 0x0300..=0x0304 | 0x7f00..=0x7f1c)
            && header.len <= Self::BODY_MAX
            && (header.len > 0 || header.content == content::APPLICATION_DATA);
        sound.then_some(header)
    }
}
