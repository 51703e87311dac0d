//! Gnutella: lines and heads of the handshake that are too long.

use super::Found;
use super::settings::AnalyzerLimits;

/// What tells that it is HTTP.
const HTTP: &[u8] = b" HTTP/1.";
/// How an answer begins.
const NAME: &[u8] = b"GNUTELLA";

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// Bytes of the line.
    line: u32,
    /// Bytes of the head, of whole lines.
    head: u64,
    cr: bool,
    /// How far the line is like [`HTTP`], like [`NAME`], and the digits behind it.
    http: u8,
    name: u8,
    digits: u8,
    is_http: bool,
}

/// A handshake.
#[derive(Debug, Default)]
pub(super) struct Gnutella {
    sides: [Side; 2],
    /// Who has agreed, in a head that has not ended; and in one that has.
    agreeing: [bool; 2],
    agreed: [bool; 2],
}

impl Gnutella {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let (line_max, head_max) = (limits.gnutella_line, limits.gnutella_head);
        let half = &mut self.sides[side];
        for &byte in bytes {
            if byte == b'\n' && half.cr {
                half.cr = false;
                if half.line == 0 {
                    *half = Side::default();
                    for (agreed, agreeing) in self.agreed.iter_mut().zip(self.agreeing) {
                        *agreed |= agreeing;
                    }
                    if self.agreed == [true; 2] {
                        // What follows are messages.
                        return Found::Over;
                    }
                    continue;
                }
                if half.head == 0 {
                    if half.is_http {
                        return Found::Over;
                    }
                    self.agreeing[side] |= half.digits == 3;
                }
                let head = half.head + 2 + u64::from(half.line);
                if head_max > 0 && head >= u64::from(head_max) {
                    return Found::Limit;
                }
                *half = Side {
                    head,
                    ..Side::default()
                };
                continue;
            }
            if byte == b'\r' {
                half.cr = true;
            } else {
                half.look(byte);
                half.line = half.line.saturating_add(1);
            }
            if line_max > 0 && half.line >= line_max {
                return Found::Limit;
            }
        }
        Found::Nothing
    }
}

impl Side {
    /// Follows the line: `GNUTELLA`, a space, `200`.
    fn look(&mut self, byte: u8) {
        self.http = match HTTP.get(usize::from(self.http)) {
            Some(next) if *next == byte => self.http + 1,
            _ => u8::from(byte == b' '),
        };
        self.is_http |= usize::from(self.http) == HTTP.len();
        if self.line < NAME.len() as u32 {
            self.name += u8::from(NAME.get(self.line as usize) == Some(&byte));
        } else if usize::from(self.name) == NAME.len() {
            match (self.digits, byte) {
                // Up to the space.
                (0, b' ') => self.digits = 10,
                (10, b'2') => self.digits = 11,
                (11, b'0') => self.digits = 12,
                (12, b'0') => self.digits = 3,
                (0 | 3, _) => {}
                _ => self.digits = 20,
            }
        }
    }
}
