//! What a TCP segment says as a part of its stream.
//!
//! A TLS record or an HTTP message that several segments carry is told by the one that ends it, as
//! Wireshark does: the ones before are parts. Payload is counted, not kept, but for what a line is
//! made from and several segments hold: an HTTP head, a Client Hello.
//!
//! Segments are taken in the order in which they were captured: one that was sent again says
//! nothing new, and behind a gap, reading begins anew with the next message that a segment
//! begins with.

mod http;
mod tls;

use std::borrow::Cow;

use netloom_decode::TcpFlags;

/// Sequence numbers so far behind what was seen last are not of the same stream.
const WINDOW: i32 = 1 << 24;
/// What almost all TLS records are.
const APPLICATION_DATA: &str = "TLSv12 Application Data";

/// What a TCP segment says in its stream: [`PacketRow::note`](crate::PacketRow::note).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentNote {
    /// A part of a message that ends in a later one.
    Part,
    /// The first part, and the first line of the message.
    Begins(Box<str>),
    /// The messages that end in it.
    Says(Cow<'static, str>),
    /// Nothing that was not there before.
    Again,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Which of the two sends it.
    pub from_first: bool,
    /// Its sequence number.
    pub seq: u32,
    /// Its flags.
    pub flags: TcpFlags,
    /// What was captured of its payload.
    pub payload: &'a [u8],
    /// Bytes of payload on the wire.
    pub wire_len: u32,
}

impl Segment<'_> {
    /// Whether it begins with a message of TLS or HTTP: a [`Conversation`] is worth its memory.
    pub fn begins(&self) -> bool {
        tls::begins(self.payload) || http::begins(self.payload)
    }
}

/// The TLS or HTTP of a TCP connection, as far as its segments were seen.
///
/// ```
/// use netloom_decode::TcpFlags;
/// use netloom_tables::{Conversation, Segment, SegmentNote};
///
/// let mut conversation = Conversation::default();
/// let mut note = |seq, payload: &[u8]| {
///     let wire_len = payload.len() as u32;
///     let flags = TcpFlags::ACK;
///     conversation.segment(&Segment { from_first: true, seq, flags, payload, wire_len })
/// };
/// assert_eq!(note(1, b"\x17\x03\x03\x00\x04ab"), Some(SegmentNote::Part));
/// assert_eq!(note(8, b"cd"), Some(SegmentNote::Says("TLSv12 Application Data".into())));
/// assert_eq!(note(8, b"cd"), Some(SegmentNote::Again));
/// ```
#[derive(Debug, Default)]
pub struct Conversation {
    first: Direction,
    second: Direction,
    requests: http::Requests,
}

/// What one of the two sends.
#[derive(Debug, Default)]
struct Direction {
    /// The sequence number that comes next.
    next: Option<u32>,
    tls: tls::State,
    /// What has begun and not ended.
    message: Option<Message>,
}

#[derive(Debug)]
enum Message {
    Tls(Box<tls::Record>),
    Http(Box<http::Message>),
}

/// How far reading came.
#[derive(Debug, PartialEq, Eq)]
enum Progress<'a> {
    /// There is more of the message to come.
    More,
    /// The message is over; what stands behind it.
    Done(&'a [u8]),
    /// It is no such message.
    Lost,
}

impl Conversation {
    /// Reads a segment. `None` where it is of no message that is known here.
    pub fn segment(&mut self, segment: &Segment<'_>) -> Option<SegmentNote> {
        let mine = if segment.from_first {
            &mut self.first
        } else {
            &mut self.second
        };
        mine.segment(segment, &mut self.requests)
    }

    /// Bytes of payload that are kept.
    pub fn held(&self) -> usize {
        self.first.held() + self.second.held()
    }

    /// Gives up what has begun: nothing is kept.
    pub fn forget(&mut self) {
        self.first.lose();
        self.second.lose();
    }
}

impl Direction {
    fn held(&self) -> usize {
        let message = match &self.message {
            Some(Message::Http(message)) => message.held(),
            _ => 0,
        };
        message + self.tls.held()
    }

    fn lose(&mut self) {
        self.message = None;
        self.tls.lose();
    }

    fn segment(
        &mut self,
        segment: &Segment<'_>,
        requests: &mut http::Requests,
    ) -> Option<SegmentNote> {
        let syn = segment.flags.contains(TcpFlags::SYN);
        let fin = segment.flags.contains(TcpFlags::FIN);
        let begin = segment.seq.wrapping_add(u32::from(syn));
        let end = begin.wrapping_add(segment.wire_len);
        if syn {
            *self = Self {
                next: Some(begin),
                ..Self::default()
            };
        }
        if segment.wire_len == 0 && !fin {
            return None;
        }
        let mut payload = segment.payload;
        if let Some(next) = self.next {
            let ahead = begin.wrapping_sub(next).cast_signed();
            if !(-WINDOW..=0).contains(&ahead) {
                self.lose();
            } else if segment.wire_len > 0 && end.wrapping_sub(next).cast_signed() <= 0 {
                return Some(SegmentNote::Again);
            } else {
                let seen = ahead.unsigned_abs() as usize;
                payload = payload.get(seen..).unwrap_or_default();
            }
        }
        self.next = Some(end.wrapping_add(u32::from(fin)));
        let mut said = String::new();
        let begins = self.message.is_none();
        self.read(payload, requests, &mut said);
        let missing = (segment.wire_len as usize).saturating_sub(segment.payload.len());
        if missing > 0 {
            // What was not captured may be the end of it.
            self.lose();
        }
        if fin && let Some(Message::Http(message)) = &self.message {
            if message.is_until_close() {
                message.say(&mut said);
            }
            self.lose();
        }
        if said == APPLICATION_DATA {
            return Some(SegmentNote::Says(Cow::Borrowed(APPLICATION_DATA)));
        }
        if !said.is_empty() {
            return Some(SegmentNote::Says(Cow::Owned(said)));
        }
        match &self.message {
            Some(Message::Http(message)) if begins && !message.line().is_empty() => {
                Some(SegmentNote::Begins(message.line().into()))
            }
            Some(_) => Some(SegmentNote::Part),
            None => None,
        }
    }

    /// Reads payload that follows what was read, and appends what the messages say that it ends.
    fn read(&mut self, mut rest: &[u8], requests: &mut http::Requests, said: &mut String) {
        while !rest.is_empty() {
            if self.message.is_none() {
                self.message = Message::begin(rest);
            }
            let progress = match &mut self.message {
                Some(Message::Tls(record)) => record.read(rest, &mut self.tls, said),
                Some(Message::Http(message)) => message.read(rest, requests, said),
                None => return,
            };
            match progress {
                Progress::More => return,
                Progress::Done(behind) => {
                    self.message = None;
                    rest = behind;
                }
                Progress::Lost => return self.lose(),
            }
        }
    }
}

impl Message {
    fn begin(data: &[u8]) -> Option<Self> {
        if tls::begins(data) {
            Some(Self::Tls(Box::default()))
        } else if http::begins(data) {
            Some(Self::Http(Box::default()))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
