//! TLS over TCP.

use crate::app::http;
use crate::app::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
};

use super::record::{RecordHeader, content};
use super::session::message;
use super::{HandshakeBuffer, Session, sslv2};

/// TLS and SSL.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    title: "TLS",
    category: Category::Web,
};

/// Recognises TLS over TCP by its records; what STARTTLS and CONNECT go on with.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[
        443, 261, 448, 465, 563, 614, 636, 684, 832, 853, 989, 990, 992, 993, 994, 995, 2376, 3269,
        4433, 4843, 5061, 5223, 5349, 5671, 6514, 6619, 6697, 8443, 8883, 9443,
    ],
    probe,
    parser: Some(|| Box::<Tls>::default()),
};

/// How an answer of HTTP begins.
const ANSWER: &[u8] = b"HTTP/1.";

/// Encrypted records after which a stream without a hello has no more to tell.
const ENCRYPTED_MAX: u32 = 4;
/// The same for one with a hello whose other side was not seen to finish.
const ONE_SIDED_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [] | [20..=24] => return Guess::More,
        [0x80..=0xff, ..] => return probe_sslv2(data),
        [20..=24, 3 | 0x7f, ..] if data.len() <= RecordHeader::LEN => return Guess::More,
        _ => (),
    }
    let Some(header) = RecordHeader::parse(data) else {
        return Guess::No;
    };
    let body = data.get(RecordHeader::LEN..).unwrap_or_default();
    match header.content {
        content::HANDSHAKE => probe_handshake(&header, body),
        content::ALERT if header.len == 2 => match body {
            [1 | 2, 0..=121, ..] => Guess::Certain,
            [] | [1 | 2] => Guess::More,
            _ => Guess::No,
        },
        content::CHANGE_CIPHER_SPEC if header.len != 1 || body.first() != Some(&1) => Guess::No,
        // The middle of a connection: one record behind the other, or records both ways.
        _ => match body.get(header.len..) {
            Some([]) | None => {
                let other = RecordHeader::parse(probe.other).is_some();
                if other { Guess::Certain } else { Guess::Unsure }
            }
            Some(next) if next.len() < RecordHeader::LEN => Guess::Unsure,
            Some(next) if RecordHeader::parse(next).is_some() => Guess::Certain,
            Some(_) => Guess::No,
        },
    }
}

fn probe_handshake(header: &RecordHeader, body: &[u8]) -> Guess {
    let &[kind, a, b, c, ref rest @ ..] = body else {
        return Guess::More;
    };
    let len = u32::from_be_bytes([0, a, b, c]) as usize;
    match kind {
        message::CLIENT_HELLO | message::SERVER_HELLO => {
            let version = rest.first().is_none_or(|&major| matches!(major, 3 | 0x7f));
            // Version, random, length of the session identifier, a cipher suite.
            if version && (38..=HELLO_MAX).contains(&len) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        // A certificate at the start of what was seen; nothing at all in HelloRequest, Done.
        message::CERTIFICATE if len <= HELLO_MAX * 2 => Guess::Certain,
        0 | 14 if len == 0 => Guess::Certain,
        4 | 12 | 13 | 15 | 16 | 20 | 22 if len + 4 <= header.len => Guess::Certain,
        // Encrypted already: as good as any record.
        _ => match body.get(header.len..) {
            Some(next) if RecordHeader::parse(next).is_some() => Guess::Certain,
            _ => Guess::Unsure,
        },
    }
}

/// Longest plausible hello.
const HELLO_MAX: usize = 1 << 16;

fn probe_sslv2(data: &[u8]) -> Guess {
    // Head, type and version: `80 2e 01 03 01`, `80 31 01 00 02`.
    let early = match data {
        [_] | [_, _] | [_, _, 1 | 4] | [_, _, 1, 0 | 3] | [_, _, 4, 0 | 1] => true,
        [_, _, 1, 0, 2, ..] | [_, _, 1, 3, 0..=3, ..] | [_, _, 4, 0 | 1, 0 | 1, ..] => false,
        _ => return Guess::No,
    };
    match sslv2::record_len(data) {
        _ if early => Guess::More,
        None => Guess::No,
        Some(len) => match data.get(..len) {
            None if len < 4096 => Guess::More,
            Some(record) if sslv2::parse(record).is_some() => Guess::Certain,
            _ => Guess::No,
        },
    }
}

/// A TLS connection over TCP.
#[derive(Debug, Default)]
struct Tls {
    session: Session,
    client: Side,
    server: Side,
    /// Encrypted records, both ways.
    encrypted: u32,
}

/// What one side sent so far.
#[derive(Debug, Default)]
struct Side {
    /// Whether the first record was read.
    started: bool,
    /// The record that is being read.
    record: Option<RecordHeader>,
    /// Bytes of it that are still to come.
    left: usize,
    handshake: HandshakeBuffer,
    /// Version of the record in which the message that is held began.
    version: u16,
}

impl Tls {
    fn side(&mut self, from_client: bool) -> &mut Side {
        if from_client {
            &mut self.client
        } else {
            &mut self.server
        }
    }

    /// Handshake bytes of a record.
    fn handshake(&mut self, context: &Context, version: u16, data: &[u8], events: &mut dyn Events) {
        let side = if context.from_client {
            &mut self.client
        } else {
            &mut self.server
        };
        if side.handshake.partial().is_none() {
            side.version = version;
        }
        let version = side.version;
        let session = &mut self.session;
        side.handshake.push(data, &mut |kind, body| {
            session.message(context, version, kind, body, events);
        });
    }

    /// What was held back and will not be completed.
    fn give_up(&mut self, context: &Context, events: &mut dyn Events) {
        let side = if context.from_client {
            &mut self.client
        } else {
            &mut self.server
        };
        if let Some((kind, body)) = side.handshake.partial() {
            self.session
                .partial_message(context, side.version, kind, body, events);
        }
        side.handshake.clear();
    }

    /// Whether nothing more is to be learnt.
    fn is_over(&self) -> bool {
        self.session.is_established()
            || self.encrypted >= ONE_SIDED_MAX
            || (!self.session.has_hello() && self.encrypted >= ENCRYPTED_MAX)
    }

    /// A hello of SSL 2; the bytes it takes, or `None` where it is none. 0: not all of it is here.
    fn sslv2(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Option<usize> {
        if data.len() < 3 {
            return data
                .first()
                .is_none_or(|&first| first & 0x80 != 0)
                .then_some(0);
        }
        let len = sslv2::record_len(data).filter(|&len| len <= 1 << 14)?;
        let Some(record) = data.get(..len) else {
            return Some(0);
        };
        match sslv2::parse(record)? {
            sslv2::Hello::Client(hello) => {
                self.session.take_client_hello(context, &hello, events);
                Session::step(true, b'c', events);
            }
            sslv2::Hello::Server(hello, certificate) => {
                self.session.take_server_hello(context, &hello, events);
                Session::step(false, b's', events);
                if !certificate.is_empty() {
                    let chain: &[&[u8]] = &[certificate];
                    self.session.take_certificates(context, chain, events);
                }
            }
        }
        Some(len)
    }
}

impl Parser for Tls {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let from_client = context.from_client;
        let mut rest = data;
        loop {
            let consumed = data.len() - rest.len();
            let side = self.side(from_client);
            let Some(record) = side.record else {
                // The next record begins.
                let Some(header) = RecordHeader::parse(rest) else {
                    let side_started = side.started;
                    if !side_started {
                        match self.sslv2(context, rest, events) {
                            Some(0) => return Step::consumed(consumed),
                            Some(len) => {
                                self.side(from_client).started = true;
                                rest = rest.get(len..).unwrap_or_default();
                                continue;
                            }
                            None => (),
                        }
                    }
                    // A server of HTTP that is spoken to in TLS says so in its own words.
                    if !from_client && !side_started && self.session.has_client_hello() {
                        if rest.starts_with(ANSWER) {
                            return Step::then(consumed, Next::Become(Some(&http::DETECTOR)));
                        }
                        if ANSWER.starts_with(rest) {
                            return Step::consumed(consumed);
                        }
                    }
                    if rest.len() < RecordHeader::LEN
                        && rest.first().is_none_or(|first| matches!(first, 20..=24))
                    {
                        return Step::consumed(consumed);
                    }
                    let next = if self.session.has_hello() || self.encrypted > 0 {
                        Next::Quiet
                    } else {
                        Next::NotThis
                    };
                    return Step::then(consumed, next);
                };
                side.started = true;
                side.record = Some(header);
                side.left = header.len;
                rest = rest.get(RecordHeader::LEN..).unwrap_or_default();
                continue;
            };

            let whole = side.left == record.len;
            let available = side.left.min(rest.len());
            let (body, after) = rest.split_at(available);
            match record.content {
                content::ALERT | content::CHANGE_CIPHER_SPEC if record.len <= 2 => {
                    if body.len() < record.len {
                        return Step::consumed(consumed);
                    }
                    match body {
                        &[level, description] => {
                            self.session.alert(from_client, level, description, events);
                        }
                        _ => self.session.change_cipher_spec(from_client, events),
                    }
                }
                content::HANDSHAKE if whole && body.is_empty() => {
                    return Step::consumed(consumed);
                }
                content::HANDSHAKE
                    if !self.session.is_encrypted(from_client)
                        || (whole && is_client_hello(body, record.len)) =>
                {
                    self.handshake(context, record.version, body, events);
                }
                _ => {
                    // Encrypted: counted once, then passed over without being held.
                    if whole {
                        self.encrypted = self.encrypted.saturating_add(1);
                        self.session.encrypted_record(from_client, events);
                    }
                    let side = self.side(from_client);
                    let left = side.left - available;
                    side.record = None;
                    side.left = 0;
                    if self.is_over() {
                        return Step::then(consumed + available, Next::Done);
                    }
                    if left > 0 {
                        return Step::then(consumed + available, Next::Skip(left as u64));
                    }
                    rest = after;
                    continue;
                }
            }
            let side = self.side(from_client);
            side.left -= available;
            rest = after;
            if side.left > 0 {
                return Step::consumed(data.len() - rest.len());
            }
            side.record = None;
        }
    }

    fn gap(&mut self, context: &Context, missing: u64, events: &mut dyn Events) -> Next {
        self.give_up(context, events);
        let side = self.side(context.from_client);
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        // The rest of a record that has holes tells nothing; behind it the next one begins. Where
        // the gap is longer, the bytes behind it are taken for the start of one, or are not.
        let inside = side.record.is_some() && missing <= side.left;
        let left = if inside { side.left - missing } else { 0 };
        side.record = None;
        side.left = 0;
        side.started = true;
        if left > 0 {
            Next::Skip(left as u64)
        } else {
            Next::Continue
        }
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        for from_client in [true, false] {
            let context = Context {
                from_client,
                ..*context
            };
            self.give_up(&context, events);
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.session.heap_bytes()
            + self.client.handshake.heap_bytes()
            + self.server.handshake.heap_bytes()
    }
}

/// Whether a handshake record holds a whole ClientHello in clear: a client may change its cipher
/// before its second hello (RFC 8446, appendix D.4).
fn is_client_hello(body: &[u8], record_len: usize) -> bool {
    matches!(body, &[message::CLIENT_HELLO, a, b, c, 3, ..]
        if u32::from_be_bytes([0, a, b, c]) as usize + 4 == record_len)
}
