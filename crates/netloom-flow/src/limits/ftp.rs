//! FTP (RFC 959): commands whose word is too long.

use super::Found;
use super::login::Terminal;
use super::settings::AnalyzerLimits;

/// Where the word of a command is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It has not begun.
    #[default]
    Before,
    /// It has so many bytes, which all can be printed.
    In(u32),
    /// It was too long, which is said when the line ends.
    TooLong,
    /// It is over, or none.
    Behind,
}

/// A control connection.
#[derive(Debug, Default)]
pub(super) struct Ftp {
    terminals: [Terminal; 2],
    word: Word,
    /// There was a command, so this is FTP.
    confirmed: bool,
    /// The reply's digits so far; `None` behind them.
    reply: Option<u16>,
    reply_len: u8,
}

impl Ftp {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        for &byte in bytes {
            match self.terminals[side].take(byte, limits.login_line, false) {
                Err(found) => return found,
                Ok(false) => continue,
                Ok(true) => {}
            }
            let found = if side == 0 {
                self.command(byte, limits)
            } else {
                self.answer(byte)
            };
            if found != Found::Nothing {
                return found;
            }
        }
        Found::Nothing
    }

    /// A byte of the client's.
    fn command(&mut self, byte: u8, limits: &AnalyzerLimits) -> Found {
        let is_space = byte.is_ascii_whitespace() || byte == 11;
        let ends = byte == b'\n';
        self.word = match self.word {
            Word::Before if byte.is_ascii_graphic() => Word::In(1),
            Word::Before if is_space => Word::Before,
            Word::In(len) if byte.is_ascii_graphic() => Word::In(len.saturating_add(1)),
            Word::In(len) if is_space => {
                if limits.ftp_command > 0 && len > limits.ftp_command {
                    // Zeek says so only of what it knows to be FTP.
                    if self.confirmed {
                        Word::TooLong
                    } else {
                        Word::Behind
                    }
                } else {
                    self.confirmed |= len >= 3;
                    Word::Behind
                }
            }
            Word::TooLong => Word::TooLong,
            _ => Word::Behind,
        };
        if ends && std::mem::take(&mut self.word) == Word::TooLong {
            return Found::Limit;
        }
        Found::Nothing
    }

    /// A byte of the server's: 234 says that TLS follows (RFC 4217).
    fn answer(&mut self, byte: u8) -> Found {
        if byte == b'\n' {
            (self.reply, self.reply_len) = (None, 0);
        } else if self.reply_len < 3 {
            let digit = u16::from(byte.wrapping_sub(b'0'));
            self.reply = Some(self.reply.unwrap_or(0) * 10 + digit.min(10));
            self.reply_len += 1;
            if self.reply_len == 3 && self.reply == Some(234) {
                return Found::Over;
            }
        }
        Found::Nothing
    }
}
