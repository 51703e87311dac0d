//! Frames of Initial packets (RFC 9000, section 19): only some are allowed there.

use crate::app::wire::Reader;

use super::packet::varint;

/// A frame that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A piece of the handshake.
    Crypto {
        /// Its place in the stream.
        offset: usize,
        /// Its bytes, as far as they were captured.
        data: &'a [u8],
    },
    /// The connection is closed.
    Close,
}

/// Reads frames one behind the other; ends at what makes no sense.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    reader: Reader<'a>,
    /// Type of CRYPTO: Google's versions number frames in their own way.
    crypto: u8,
    /// Whether a frame was none that may stand in an Initial packet.
    pub(super) broken: bool,
}

impl<'a> Frames<'a> {
    pub(super) const fn new(payload: &'a [u8], google: bool) -> Self {
        Self {
            reader: Reader::new(payload),
            crypto: if google { 8 } else { 6 },
            broken: false,
        }
    }

    fn read(&mut self) -> Option<Frame<'a>> {
        let reader = &mut self.reader;
        loop {
            match reader.u8()? {
                // PADDING, PING
                0 | 1 => (),
                // ACK, with counts of congestion marks for 3
                kind @ (2 | 3) => {
                    let _largest = varint(reader)?;
                    let _delay = varint(reader)?;
                    let ranges = varint(reader)?;
                    let _first = varint(reader)?;
                    // Each takes two bytes at least.
                    if ranges > reader.len() as u64 {
                        self.broken = true;
                        return None;
                    }
                    for _ in 0..ranges {
                        varint(reader)?;
                        varint(reader)?;
                    }
                    if kind == 3 {
                        for _ in 0..3 {
                            varint(reader)?;
                        }
                    }
                }
                kind if kind == self.crypto => {
                    let offset = usize::try_from(varint(reader)?).ok()?;
                    let len = usize::try_from(varint(reader)?).ok()?;
                    let data = reader.take_up_to(len);
                    return Some(Frame::Crypto { offset, data });
                }
                0x1c | 0x1d => return Some(Frame::Close),
                _ => {
                    self.broken = true;
                    return None;
                }
            }
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let frame = self.read();
        if !matches!(frame, Some(Frame::Crypto { .. })) {
            self.reader = Reader::new(&[]);
        }
        frame
    }
}
