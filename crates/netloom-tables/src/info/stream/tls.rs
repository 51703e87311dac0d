//! TLS records, byte by byte where they come so.

use std::fmt::Write as _;

use netloom_decode::app::tls::names::{alert, version};
use netloom_decode::app::tls::{Carrier, ServerHello};
use netloom_decode::app::wire::Reader;

use super::Progress;
use crate::info::app::{FINISHED_MAX, RECORD_MAX, push_server_name};

/// Longest handshake message that is believed.
const MESSAGE_MAX: u32 = 1 << 18;
/// What is kept of a Client Hello that several segments carry.
const HELLO_MAX: usize = 8 << 10;
/// Longest list of messages of a record.
const NAMES_MAX: usize = 1 << 10;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Whether data begins with a record, as far as it goes.
pub(super) fn begins(data: &[u8]) -> bool {
    matches!(data, [20..=24, 3, 0..=4, rest @ ..]
        if rest.first_chunk().is_none_or(|len| u16::from_be_bytes(*len) <= RECORD_MAX))
}

/// What lasts from record to record.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Keys have changed.
    encrypted: bool,
    /// A handshake message that has begun and not ended.
    message: Option<HandshakeMessage>,
}

#[derive(Debug)]
struct HandshakeMessage {
    kind: u8,
    left: u32,
    /// Where more of it is told than its kind.
    start: Vec<u8>,
}

impl State {
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref();
        message.map_or(0, |message| message.start.capacity())
    }

    pub(super) fn lose(&mut self) {
        self.message = None;
    }
}

/// A record that has begun.
#[derive(Debug, Default)]
pub(super) struct Record {
    header: Gathered<5>,
    /// Bytes of its body to come.
    left: u16,
    /// First and last byte so far.
    ends: (u8, u8),
    /// Handshake messages that ended in it.
    names: String,
    /// A handshake message's header.
    message: Gathered<4>,
    /// Its messages are no longer read.
    opaque: bool,
}

/// A few bytes that may come one by one.
#[derive(Debug)]
struct Gathered<const N: usize> {
    bytes: [u8; N],
    have: usize,
}

impl<const N: usize> Default for Gathered<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            have: 0,
        }
    }
}

impl<const N: usize> Gathered<N> {
    /// Takes what is wanted off the front; all of it, once it is there.
    fn fill(&mut self, reader: &mut Reader<'_>) -> Option<[u8; N]> {
        let got = reader.take_up_to(N - self.have);
        for (place, byte) in self.bytes.iter_mut().skip(self.have).zip(got) {
            *place = *byte;
        }
        self.have += got.len();
        (self.have == N).then_some(self.bytes)
    }
}

impl Record {
    /// Reads on.
    pub(super) fn read<'a>(
        &mut self,
        data: &'a [u8],
        state: &mut State,
        said: &mut String,
    ) -> Progress<'a> {
        let mut reader = Reader::new(data);
        let is_new = self.header.have < 5;
        let Some(header) = self.header.fill(&mut reader) else {
            return Progress::More;
        };
        let [kind, _, _, high, low] = header;
        let len = u16::from_be_bytes([high, low]);
        if is_new {
            if !begins(&header) {
                return Progress::Lost;
            }
            self.left = len;
        }
        let body = reader.take_up_to(self.left.into());
        if let (Some(&first), Some(&last)) = (body.first(), body.last()) {
            let first = if self.left == len { first } else { self.ends.0 };
            self.ends = (first, last);
        }
        if kind == 22 {
            self.handshake(body, state);
        }
        self.left = self.left.saturating_sub(body.len() as u16);
        if self.left > 0 {
            return Progress::More;
        }
        self.say(header, state, said);
        Progress::Done(reader.rest())
    }

    /// Appends what the whole record is.
    fn say(&self, header: [u8; 5], state: &mut State, said: &mut String) {
        let [kind, major, minor, high, low] = header;
        let len = u16::from_be_bytes([high, low]);
        if kind != 22 {
            state.message = None;
        }
        let text;
        let name = match kind {
            20 => {
                state.encrypted = true;
                "Change Cipher Spec"
            }
            21 if len == 2 && !state.encrypted => {
                text = format!("Alert ({})", alert(self.ends.1));
                &text
            }
            21 => "Encrypted Alert",
            22 if self.names.is_empty() && state.message.is_some() => return,
            22 if self.names.is_empty() => "Encrypted Handshake Message",
            22 => &self.names,
            23 => "Application Data",
            _ if state.encrypted => "Encrypted Heartbeat",
            _ if self.ends.0 == 1 => "Heartbeat Request",
            _ if self.ends.0 == 2 => "Heartbeat Response",
            _ => "Heartbeat",
        };
        let record_version = u16::from_be_bytes([major, minor]);
        if !said.is_empty() {
            said.push_str(", ");
        } else if record_version <= 0x0303 {
            // What the record says; TLS 1.3 says 1.2 there.
            let _ = write!(said, "{} ", version(record_version));
        }
        said.push_str(name);
    }

    /// Reads handshake messages in a part of the body.
    fn handshake(&mut self, body: &[u8], state: &mut State) {
        let [_, major, minor, high, low] = self.header.bytes;
        let len = u16::from_be_bytes([high, low]);
        let record_version = u16::from_be_bytes([major, minor]);
        let mut reader = Reader::new(body);
        while !reader.is_empty() && !self.opaque {
            if let Some(message) = &mut state.message {
                let part = reader.take_up_to(message.left as usize);
                message.left -= part.len() as u32;
                if matches!(message.kind, CLIENT_HELLO | SERVER_HELLO) {
                    let room = HELLO_MAX - message.start.len();
                    message.start.extend(part.iter().take(room));
                }
                if message.left == 0 {
                    self.name(message, record_version);
                    state.message = None;
                }
                continue;
            }
            let Some([kind, a, b, c]) = self.message.fill(&mut reader) else {
                return;
            };
            self.message = Gathered::default();
            let message_len = u32::from_be_bytes([0, a, b, c]);
            // Of this part and behind it.
            let behind = u32::from(self.left) - (body.len() - reader.len()) as u32;
            let is_first = behind + 4 == u32::from(len);
            let plain = if state.encrypted {
                // The hellos after a HelloRetryRequest stand behind a Change Cipher Spec
                // (RFC 8446, appendix D.4), each a record.
                is_first && matches!(kind, CLIENT_HELLO | SERVER_HELLO) && message_len == behind
            } else {
                // What is encrypted begins with zeros or with anything; RFC 5246, section
                // 7.4.1.1: a Hello Request stands alone.
                known(kind)
                    && (kind != 0 || message_len == 0 && len == 4)
                    && (message_len <= behind || len > FINISHED_MAX)
                    && message_len <= MESSAGE_MAX
            };
            if !plain {
                self.opaque = true;
                return;
            }
            let message = HandshakeMessage {
                kind,
                left: message_len,
                start: Vec::new(),
            };
            if message_len == 0 {
                self.name(&message, record_version);
            } else {
                state.message = Some(message);
            }
        }
    }

    /// A handshake message has ended.
    fn name(&mut self, message: &HandshakeMessage, record_version: u16) {
        if self.names.len() > NAMES_MAX {
            return;
        }
        if !self.names.is_empty() {
            self.names.push_str(", ");
        }
        self.names.push_str(match message.kind {
            0 => "Hello Request",
            CLIENT_HELLO => "Client Hello",
            SERVER_HELLO
                if ServerHello::parse(&message.start, Carrier::Tcp)
                    .is_some_and(|hello| hello.retry) =>
            {
                "Hello Retry Request"
            }
            SERVER_HELLO => "Server Hello",
            4 => "New Session Ticket",
            6 => "Hello Retry Request",
            8 => "Encrypted Extensions",
            11 => "Certificate",
            12 => "Server Key Exchange",
            13 => "Certificate Request",
            14 => "Server Hello Done",
            15 => "Certificate Verify",
            16 => "Client Key Exchange",
            20 => "Finished",
            _ => "Certificate Status",
        });
        if message.kind == CLIENT_HELLO {
            push_server_name(&message.start, record_version, &mut self.names);
        }
    }
}

/// Whether there is such a handshake message.
fn known(kind: u8) -> bool {
    matches!(kind, 0..=2 | 4 | 6 | 8 | 11..=16 | 20 | 22)
}
