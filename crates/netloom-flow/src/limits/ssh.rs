//! SSH (RFC 4253): packets, strings and lists before encryption that are too long.

use super::Found;
use super::settings::AnalyzerLimits;

/// Messages of the key exchange.
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;

/// What comes next in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A line, of which so many bytes came.
    Line(usize),
    /// So many of the bytes that tell a packet's length.
    Length(u8),
    /// The length of the padding.
    Padding,
    /// The kind of message.
    Kind,
    /// So many bytes to pass over, and then what.
    Pass(u32, Inside),
    /// So many of the bytes that tell a string's length.
    StringLength(u8),
    /// Nothing is looked at any more.
    Nothing,
}

/// What follows bytes that are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Another packet.
    Packet,
    /// A string of a message.
    String,
}

/// What a side speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
    /// Either (1.99).
    Both,
}

/// One direction.
#[derive(Debug, Clone, Copy)]
struct Side {
    next: Next,
    version: Option<Version>,
    /// How the line begins.
    start: [u8; 8],
    /// A number that is coming.
    number: u32,
    /// Bytes of the packet to come, its padding among them.
    left: u32,
    padding: u32,
    kind: u8,
    /// Which of a list's strings it is.
    list: u8,
    /// Bytes of the string to come, and commas so far; where it is one of names.
    string: u32,
    names: u32,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Ssh {
    sides: [Side; 2],
    /// A list was too long, which is said when its packet has come.
    too_long: [bool; 2],
}

impl Default for Ssh {
    fn default() -> Self {
        let side = Side {
            next: Next::Line(0),
            version: None,
            start: [0; 8],
            number: 0,
            left: 0,
            padding: 0,
            kind: 0,
            list: 0,
            string: 0,
            names: 0,
        };
        Self {
            sides: [side; 2],
            too_long: [false; 2],
        }
    }
}

impl Ssh {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let peer = self.sides[1 - side].version;
        let (half, too_long) = (&mut self.sides[side], &mut self.too_long[side]);
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let is_one = match (half.next, half.version, peer) {
                (
                    Next::Length(_),
                    Some(Version::Two | Version::Both),
                    Some(Version::Two | Version::Both),
                ) => false,
                (
                    Next::Length(_),
                    Some(Version::One | Version::Both),
                    Some(Version::One | Version::Both),
                ) => true,
                // Without the other side's version, packets cannot be read.
                (Next::Length(_), ..) => {
                    half.next = Next::Nothing;
                    break;
                }
                _ => false,
            };
            let (taken, exceeded) = half.take(bytes, limits);
            bytes = bytes.get(taken..).unwrap_or_default();
            *too_long |= exceeded;
            if is_one && half.next == Next::Padding && !exceeded {
                // Version 1 has packets of another kind, and encryption from the second on.
                half.next = Next::Nothing;
            }
            if half.next == Next::Nothing {
                break;
            }
            // What is inside a packet counts once all of it is there, its length at once.
            if *too_long && matches!(half.next, Next::Length(0) | Next::Padding) {
                return Found::Limit;
            }
        }
        if self.sides.iter().all(|half| half.next == Next::Nothing) {
            return Found::Over;
        }
        Found::Nothing
    }
}

impl Side {
    /// Takes some bytes, of which there are any: how many, and whether they exceed a limit.
    fn take(&mut self, bytes: &[u8], limits: &AnalyzerLimits) -> (usize, bool) {
        let byte = bytes.first().copied().unwrap_or_default();
        match self.next {
            Next::Line(seen) => {
                self.line(byte, seen);
                (1, false)
            }
            Next::Length(seen) => {
                self.number = self.number << 8 | u32::from(byte);
                if seen < 3 {
                    self.next = Next::Length(seen + 1);
                    return (1, false);
                }
                self.left = std::mem::take(&mut self.number);
                self.next = Next::Padding;
                // Padding and kind at least.
                if self.left < 2 {
                    self.next = Next::Nothing;
                }
                (1, limits.ssh_packet > 0 && self.left > limits.ssh_packet)
            }
            Next::Padding => {
                self.padding = byte.into();
                self.left -= 1;
                self.next = Next::Kind;
                (1, false)
            }
            Next::Kind => {
                self.kind = byte;
                self.left -= 1;
                self.message();
                (1, false)
            }
            Next::Pass(count, inside) => {
                let passed = bytes.len().min(count as usize);
                let content = bytes.get(..passed).unwrap_or_default();
                if self.string > 0 && self.kind == KEXINIT {
                    let commas = content.iter().map(|byte| u32::from(*byte == b','));
                    self.names = self.names.saturating_add(commas.sum());
                }
                self.left -= passed as u32;
                self.next = Next::Pass(count - passed as u32, inside);
                let exceeded = passed == count as usize && self.ends_string(limits);
                if passed == count as usize {
                    self.behind(inside);
                }
                (passed, exceeded)
            }
            Next::StringLength(seen) => {
                self.number = self.number << 8 | u32::from(byte);
                self.left -= 1;
                if seen < 3 {
                    self.next = Next::StringLength(seen + 1);
                    return (1, false);
                }
                let len = std::mem::take(&mut self.number);
                self.string(len);
                (1, limits.ssh_string > 0 && len > limits.ssh_string)
            }
            Next::Nothing => (bytes.len(), false),
        }
    }

    /// A byte of a line: servers may say something before the version.
    fn line(&mut self, byte: u8, seen: usize) {
        if byte != b'\n' {
            if let Some(place) = self.start.get_mut(seen) {
                *place = byte;
            }
            self.next = Next::Line(seen.saturating_add(1));
            return;
        }
        self.version = match std::mem::take(&mut self.start) {
            [_, _, _, b'-', b'2', b'.', ..] => Some(Version::Two),
            [_, _, _, b'-', b'1', b'.', b'9', b'9'] => Some(Version::Both),
            [_, _, _, b'-', b'1', b'.', ..] => Some(Version::One),
            _ => None,
        };
        self.next = match self.version {
            Some(_) => Next::Length(0),
            None => Next::Line(0),
        };
    }

    /// The kind of message is known.
    fn message(&mut self) {
        self.list = 0;
        let body = self.left.saturating_sub(self.padding);
        let strings = match self.kind {
            // One of the first method's messages that hold numbers, not strings.
            30 if body == 4 => false,
            34 => false,
            30..=49 => true,
            _ => false,
        };
        if self.kind == NEWKEYS {
            self.next = Next::Nothing;
        } else if self.kind == KEXINIT && self.left >= 16 {
            // A cookie.
            self.next = Next::Pass(16, Inside::String);
        } else if strings {
            self.behind(Inside::String);
        } else {
            self.next = Next::Pass(self.left, Inside::Packet);
            if self.left == 0 {
                self.behind(Inside::Packet);
            }
        }
    }

    /// A string's length is known.
    fn string(&mut self, len: u32) {
        self.list = self.list.saturating_add(1);
        self.names = 0;
        let len = len.min(self.left);
        self.string = len;
        self.next = Next::Pass(len, Inside::String);
        if len == 0 {
            self.behind(Inside::String);
        }
    }

    /// A list has come, or something else: whether it has too many names.
    fn ends_string(&mut self, limits: &AnalyzerLimits) -> bool {
        if std::mem::take(&mut self.string) == 0 || self.kind != KEXINIT {
            return false;
        }
        let most = match self.list {
            1 => limits.ssh_key_exchanges,
            2 => limits.ssh_host_keys,
            3 | 4 => limits.ssh_ciphers,
            5 | 6 => limits.ssh_macs,
            7 | 8 => limits.ssh_compressions,
            9 | 10 => limits.ssh_languages,
            _ => 0,
        };
        // One more than commas.
        most > 0 && self.names >= most
    }

    /// What was passed over is over.
    fn behind(&mut self, inside: Inside) {
        let body = self.left.saturating_sub(self.padding);
        let lists_over = self.kind == KEXINIT && self.list >= 10;
        self.next = match inside {
            Inside::String if body >= 4 && !lists_over => Next::StringLength(0),
            _ if self.left > 0 => Next::Pass(self.left, Inside::Packet),
            _ => Next::Length(0),
        };
    }
}
