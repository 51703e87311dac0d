//! SMB 1: commands that are chained to one another (AndX), too many or in a circle.

use super::Found;
use super::settings::AnalyzerLimits;

/// Bytes of a header.
const HEADER: u32 = 32;

/// One direction.
#[derive(Debug, Default)]
struct Side {
    lost: bool,
    /// Bytes of the message and of what is before it (4) so far.
    at: u32,
    /// Bytes that it says it has.
    len: u32,
    /// Where the block of a command is, and which it is; 0 where there is none.
    block: u32,
    command: u8,
    depth: u8,
    /// What its block chains to.
    next: u8,
    offset: u16,
}

/// Both directions.
#[derive(Debug, Default)]
pub(super) struct Smb {
    sides: [Side; 2],
}

impl Smb {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let half = &mut self.sides[side];
        let mut bytes = bytes;
        while let Some((&byte, rest)) = bytes.split_first() {
            if half.lost {
                return Found::Nothing;
            }
            // Where the next byte of interest is far, all before it is passed over.
            let to_pass = half.to_pass().min(bytes.len() as u32);
            if to_pass > 0 {
                half.at += to_pass;
                bytes = bytes.get(to_pass as usize..).unwrap_or_default();
            } else {
                bytes = rest;
                if half.take(byte, side == 0, limits) {
                    return Found::Limit;
                }
                half.at += 1;
            }
            if half.at >= 4 && half.at - 4 >= half.len {
                *half = Side::default();
            }
        }
        Found::Nothing
    }

    pub(super) fn gap(&mut self, side: usize) {
        self.sides[side].lost = true;
    }
}

impl Side {
    /// Bytes before the next one of interest.
    fn to_pass(&self) -> u32 {
        let end = self.len.saturating_add(4);
        match self.at {
            0..9 => 0,
            at if self.block == 0 => end.saturating_sub(at),
            at => (self.block + 4)
                .saturating_sub(at)
                .min(end.saturating_sub(at)),
        }
    }

    /// Takes a byte of interest; whether it exceeds a limit.
    fn take(&mut self, byte: u8, is_request: bool, limits: &AnalyzerLimits) -> bool {
        match self.at {
            // Only session messages (RFC 1002) are of interest, but all have a length.
            0 => {}
            1..4 => self.len = self.len << 8 | u32::from(byte),
            4..8 => {
                let magic = [0xff, b'S', b'M', b'B'];
                self.lost |= magic.get(self.at as usize - 4) != Some(&byte);
            }
            8 => {
                self.command = byte;
                self.block = HEADER;
                self.check_command(is_request);
            }
            at => match (at - 4).wrapping_sub(self.block) {
                // Words of parameters: two of them tell what comes next.
                0 if byte < 2 => self.block = 0,
                1 => self.next = byte,
                3 => self.offset = byte.into(),
                4 => {
                    self.offset |= u16::from(byte) << 8;
                    return self.chain(is_request, limits);
                }
                _ => {}
            },
        }
        false
    }

    fn chain(&mut self, is_request: bool, limits: &AnalyzerLimits) -> bool {
        if self.next == 0xff {
            self.block = 0;
            return false;
        }
        let too_deep = limits.smb_chain > 0 && self.depth >= limits.smb_chain;
        let offset = u32::from(self.offset);
        if too_deep || offset <= self.block {
            return true;
        }
        self.depth = self.depth.saturating_add(1);
        // What lies within this block has passed by.
        self.block = if offset > self.block + 4 { offset } else { 0 };
        self.command = self.next;
        self.check_command(is_request);
        false
    }

    /// Only some commands can chain another.
    fn check_command(&mut self, is_request: bool) {
        let chains = match self.command {
            // Read, write, session setup, logoff, tree connect, create.
            0x2e | 0x2f | 0x73 | 0x74 | 0x75 | 0xa2 => true,
            // Locking.
            0x24 => is_request,
            _ => false,
        };
        if !chains {
            self.block = 0;
        }
    }
}
