//! NetWare's core protocol over TCP: frames whose length makes no sense.

use super::Found;

/// Bytes of a frame's header: a signature and the length of all.
const HEADER: u8 = 8;

/// One direction.
#[derive(Debug)]
struct Side {
    /// A frame is looked for at the start of a segment.
    resync: bool,
    /// Bytes of the header so far.
    header: u8,
    /// The frame's length.
    len: u32,
    /// Bytes of the frame to come.
    left: u32,
    lost: bool,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Ncp {
    sides: [Side; 2],
}

impl Ncp {
    /// `partial`: it was not seen from its start.
    pub(super) fn new(partial: bool) -> Self {
        Self {
            sides: [(), ()].map(|()| Side {
                resync: partial,
                header: 0,
                len: 0,
                left: 0,
                lost: false,
            }),
        }
    }

    pub(super) fn data(&mut self, side: usize, bytes: &[u8], max: u32) -> Found {
        let half = &mut self.sides[side];
        if half.lost {
            return Found::Nothing;
        }
        if half.resync {
            // The kind of frame is told behind the header and what a request has before it.
            let (kind_at, least) = if side == 0 { (16, 22) } else { (8, 16) };
            let kind = bytes.get(kind_at..).and_then(<[u8]>::first_chunk);
            let is_known = matches!(
                kind.map(|kind| u16::from_be_bytes(*kind)),
                Some(0x1111 | 0x2222 | 0x3333 | 0x5555 | 0x7777 | 0x9999)
            );
            if bytes.len() < least || !is_known {
                return Found::Nothing;
            }
            half.resync = false;
        }
        let mut bytes = bytes;
        while let Some((&byte, rest)) = bytes.split_first() {
            if half.left > 0 {
                let passed = bytes.len().min(half.left as usize);
                half.left -= passed as u32;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            if half.header >= 4 {
                half.len = half.len << 8 | u32::from(byte);
            }
            half.header += 1;
            if half.header == HEADER {
                let least = u32::from(HEADER);
                if half.len < least || half.len > max.max(least) {
                    return Found::Limit;
                }
                half.left = half.len - least;
                (half.header, half.len) = (0, 0);
            }
        }
        Found::Nothing
    }

    pub(super) fn gap(&mut self, side: usize) {
        self.sides[side].lost = true;
    }
}
