//! Logins: lines of Telnet (RFC 854), Rsh and Rlogin (RFC 1282) that do not end.

use super::Found;

/// Telnet's commands that are of interest here.
const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;

/// Where one direction of a network virtual terminal is: Telnet, and FTP's commands.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// Bytes of the line so far, with those of an option that has not ended.
    offset: u32,
    /// Where an option began.
    option_at: u32,
    after: After,
    last: u8,
}

/// What came last of an option.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum After {
    /// There is none.
    #[default]
    Text,
    /// Its first byte.
    Iac,
    /// WILL, WON'T, DO, DON'T.
    Verb,
    /// Something of a subnegotiation.
    Sub,
    /// An IAC in a subnegotiation.
    SubIac,
}

impl Terminal {
    /// Takes a byte of which the line may have `max`; `cr`: a CR alone ends a line, too. Whether it
    /// is text.
    pub(super) fn take(&mut self, byte: u8, max: u32, cr: bool) -> Result<bool, Found> {
        let grows = !matches!(self.after, After::Iac | After::Verb);
        if grows && self.offset >= max {
            return Err(Found::Limit);
        }
        match self.after {
            After::Text => return Ok(self.text(byte, cr)),
            After::Iac => match byte {
                IAC => {
                    self.after = After::Text;
                    self.last = IAC;
                }
                SB => {
                    self.offset = self.offset.saturating_add(1);
                    self.after = After::Sub;
                }
                251..=254 => {
                    self.offset = self.offset.saturating_add(1);
                    self.after = After::Verb;
                }
                _ => self.end_option(),
            },
            After::Verb => self.end_option(),
            After::Sub => {
                self.offset = self.offset.saturating_add(1);
                if byte == IAC {
                    self.after = After::SubIac;
                }
            }
            After::SubIac => match byte {
                IAC => self.after = After::Sub,
                SE => self.end_option(),
                _ => {
                    // It ended without saying so, and this is the next one.
                    self.offset = self.option_at.saturating_add(1);
                    self.after = After::Iac;
                    return self.take(byte, max, cr);
                }
            },
        }
        Ok(false)
    }

    fn end_option(&mut self) {
        self.offset = self.option_at;
        self.after = After::Text;
    }

    fn text(&mut self, byte: u8, cr: bool) -> bool {
        match byte {
            IAC => {
                self.option_at = self.offset;
                self.offset = self.offset.saturating_add(1);
                self.after = After::Iac;
                return false;
            }
            b'\n' => self.offset = 0,
            b'\r' if cr => self.offset = 0,
            0 if self.last == b'\r' => {}
            _ => self.offset = self.offset.saturating_add(1),
        }
        self.last = byte;
        true
    }
}

/// Both directions of Telnet.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    sides: [Terminal; 2],
}

impl Telnet {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], max: u32) -> Found {
        for &byte in bytes {
            if let Err(found) = self.sides[side].take(byte, max, true) {
                return found;
            }
        }
        Found::Nothing
    }
}

/// What is expected of one direction.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Lines.
    #[default]
    Text,
    /// Lines, of a client of Rlogin that may tell the size of its window.
    TextOrSize,
    /// What comes before the names.
    Prologue,
    /// So many names, each with a zero at its end.
    Names(u8),
    /// What the server says first: a zero.
    Answer,
    /// How many of the bytes before a new window size have come.
    Window(u8),
    /// So many bytes of a window size.
    Size(u8),
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    expected: Expected,
    /// Bytes of the line or name so far.
    offset: u32,
}

/// Both directions of Rsh or of Rlogin.
#[derive(Debug)]
pub(super) struct Remote {
    rlogin: bool,
    sides: [Side; 2],
}

impl Remote {
    /// `partial`: the connection was not seen from its start, so the names are gone.
    pub(super) fn new(rlogin: bool, partial: bool) -> Self {
        let mut sides = <[Side; 2]>::default();
        if !partial {
            sides[0].expected = Expected::Prologue;
            if rlogin {
                sides[1].expected = Expected::Answer;
            }
        }
        Self { rlogin, sides }
    }

    pub(super) fn data(&mut self, side: usize, bytes: &[u8], max: u32) -> Found {
        let (rlogin, side) = (self.rlogin, &mut self.sides[side]);
        for &byte in bytes {
            if side.offset >= max {
                return Found::Limit;
            }
            side.take(byte, rlogin);
        }
        Found::Nothing
    }
}

impl Side {
    fn take(&mut self, byte: u8, rlogin: bool) {
        match self.expected {
            Expected::Prologue => match byte {
                // Rlogin has three names: client's and server's user, terminal.
                0 => self.expected = Expected::Names(if rlogin { 3 } else { 2 }),
                // A port for errors.
                b'0'..=b'9' if !rlogin => {}
                _ => self.expected = Expected::Text,
            },
            Expected::Names(left) => {
                self.offset = self.offset.saturating_add(1);
                // Rsh has no empty name of the server's user.
                if byte == 0 {
                    let is_last = left == 1 && (rlogin || self.offset > 1);
                    self.offset = 0;
                    self.expected = match left {
                        _ if is_last && rlogin => Expected::TextOrSize,
                        _ if is_last => Expected::Text,
                        1 => Expected::Names(1),
                        _ => Expected::Names(left - 1),
                    };
                }
            }
            Expected::Answer => self.expected = Expected::Text,
            Expected::Text | Expected::TextOrSize => self.text(byte, rlogin),
            Expected::Window(seen) => match (seen, byte) {
                (1, 255) | (2, b's') => self.expected = Expected::Window(seen + 1),
                (3, b's') => self.expected = Expected::Size(8),
                (1, _) => {
                    self.offset = self.offset.saturating_add(1);
                    self.expected = Expected::TextOrSize;
                    self.text(byte, rlogin);
                }
                // What it was is text again.
                _ => {
                    self.offset = self.offset.saturating_add(seen.into());
                    self.expected = Expected::Text;
                }
            },
            Expected::Size(left) => {
                self.expected = if left > 1 {
                    Expected::Size(left - 1)
                } else {
                    Expected::TextOrSize
                };
            }
        }
    }

    fn text(&mut self, byte: u8, rlogin: bool) {
        match byte {
            b'\r' | b'\n' => self.offset = 0,
            0 if !rlogin => self.offset = 0,
            255 if self.expected == Expected::TextOrSize => self.expected = Expected::Window(1),
            _ => self.offset = self.offset.saturating_add(1),
        }
    }
}
