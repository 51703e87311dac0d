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
    /// Google's versions number frames in their own way.
    google: bool,
    /// Whether a frame was none that may stand in an Initial packet.
    pub(super) broken: bool,
}

impl<'a> Frames<'a> {
    pub(super) const fn new(payload: &'a [u8], google: bool) -> Self {
        Self {
            reader: Reader::new(payload),
            google,
            broken: false,
        }
    }

    fn read(&mut self) -> Option<Frame<'a>> {
        let reader = &mut self.reader;
        loop {
            let kind = reader.u8()?;
            let kind = if self.google {
                match kind {
                    // PADDING, PING
                    0 | 7 => continue,
                    0x40..=0x7f => {
                        google_ack(reader, kind)?;
                        continue;
                    }
                    8 => 6,
                    // CONNECTION_CLOSE
                    2 => 0x1c,
                    _ => {
                        self.broken = true;
                        return None;
                    }
                }
            } else {
                kind
            };
            match kind {
                // PADDING, of which a packet may hold a thousand bytes; PING
                0 => skip_zeros(reader),
                1 => (),
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
                6 => {
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

/// Passes over zeros.
fn skip_zeros(reader: &mut Reader<'_>) {
    let mut rest = reader.rest();
    while let Some((&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], after)) =
        rest.split_first_chunk()
    {
        rest = after;
    }
    let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
    *reader = Reader::new(rest.get(zeros..).unwrap_or_default());
}

/// Passes over Google's ACK: its type holds whether there are several blocks and how long numbers
/// are (01ntllmm), then come the largest number, the delay, the first block, the further ones with
/// the gaps before them, and times of arrival.
fn google_ack(reader: &mut Reader<'_>, kind: u8) -> Option<()> {
    let width = |bits: u8| [1, 2, 4, 6][usize::from(bits & 3)];
    let block = width(kind);
    reader.take(width(kind >> 2) + 2)?;
    let further = if kind & 0x20 == 0 { 0 } else { reader.u8()? };
    reader.take(block + usize::from(further) * (1 + block))?;
    match usize::from(reader.u8()?) {
        0 => {}
        times => {
            reader.take(5 + (times - 1) * 3)?;
        }
    }
    Some(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn crypto(payload: &[u8], google: bool) -> (Vec<(usize, &[u8])>, bool) {
        let mut frames = Frames::new(payload, google);
        let mut found = Vec::new();
        for frame in frames.by_ref() {
            if let Frame::Crypto { offset, data } = frame {
                found.push((offset, data));
            }
        }
        (found, frames.broken)
    }

    #[test]
    fn acknowledgements_of_google_are_passed_over() {
        // One block, numbers of one byte, no times.
        let short: &[u8] = b"\x40\x01\x00\x10\x01\x00\x08\x05\x02hi\0\0";
        assert_eq!(crypto(short, true), (vec![(5, b"hi".as_slice())], false));
        // Two further blocks; numbers of four and two bytes; two times.
        let long: &[u8] = b"\x69\0\0\0\x09\x00\x10\x02\0\x01\x01\0\x01\x01\0\x02\
            \x02\x01\0\0\0\x05\x02\0\x01\x07\x08\x00\x02hi";
        assert_eq!(crypto(long, true), (vec![(0, b"hi".as_slice())], false));
        for end in 0..long.len() {
            crypto(&long[..end], true);
        }
        // Elsewhere there is no such frame.
        assert_eq!(crypto(short, false), (vec![], true));
    }
}
