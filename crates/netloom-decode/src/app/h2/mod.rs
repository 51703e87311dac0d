//! HTTP/2 in clear (RFC 9113): with prior knowledge, or upgraded from HTTP/1. gRPC is HTTP/2.
//!
//! Its exchanges are said as those of HTTP/1 (`http::Exchange`), numbered in the order in which
//! streams open. Bytes that the capture lacks end the reading: the state of the header
//! compression is lost with them.

mod hpack;
mod huffman;

use std::collections::VecDeque;

use self::hpack::{Decoder, Field};
use super::http::inspect::Inspector;
use super::http::{Exchange, Request, Response};
use super::uri::without_userinfo;
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Next, Over, Parser, Probe,
    Protocol, Risk, Room, Step, support, text, wire,
};

/// HTTP/2.
pub static PROTOCOL: Protocol = Protocol {
    name: "http2",
    title: "HTTP/2",
    category: Category::Web,
};

/// HTTP/2 in clear.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[80, 8080, 50051],
    probe,
    parser: Some(|| Box::new(Connection::new())),
};

/// What a client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn probe(probe: &Probe<'_>) -> Guess {
    if probe.data.starts_with(PREFACE) {
        Guess::Certain
    } else if PREFACE.starts_with(probe.data) {
        Guess::More
    } else {
        Guess::No
    }
}

/// Bytes of a frame's header.
const HEADER: usize = 9;
/// Longest frame or block of fields that is read.
const BLOCK_MAX: usize = 48 * 1024;
/// Most bytes that a block of fields unpacks to, as RFC 9113 (section 6.5.2) counts them.
const FIELDS_MAX: usize = 64 * 1024;
/// Bytes that the blocks of a connection may unpack to however few bytes it has; above them, how many
/// times its own bytes: a token or a cookie of kilobytes takes a byte where it was sent before.
const UNPACKED_FREE: usize = 64 * 1024;
const UNPACKED_RATIO: usize = 128;
/// Most streams that are remembered.
const STREAMS_MAX: usize = 256;
/// Most bytes of a body's start that are shown.
const START_MAX: usize = 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// A stream that is open.
#[derive(Debug)]
struct Stream {
    id: u32,
    number: u32,
    /// Bytes of the request's and the response's body.
    body_len: [u64; 2],
    shown: [bool; 2],
    ended: [bool; 2],
}

/// One direction.
#[derive(Debug)]
struct Side {
    begun: bool,
    decoder: Decoder,
    /// A block of fields that goes on in further frames: its stream, whether the stream ends
    /// with it, and what has come.
    block: Option<(u32, bool, Vec<u8>)>,
}

/// Reads an HTTP/2 connection.
#[derive(Debug)]
struct Connection {
    sides: [Side; 2],
    streams: VecDeque<Stream>,
    next: u32,
    /// Bytes that blocks of fields may still unpack to.
    room: Room<UNPACKED_FREE, UNPACKED_RATIO>,
    inspector: Inspector,
}

impl Connection {
    fn new() -> Self {
        let side = || Side {
            begun: false,
            decoder: Decoder::new(),
            block: None,
        };
        Self {
            sides: [side(), side()],
            streams: VecDeque::new(),
            next: 0,
            room: Room::default(),
            inspector: Inspector::new(),
        }
    }

    /// The stream of this number; opened where it is new.
    fn stream_of(&mut self, id: u32) -> Option<&mut Stream> {
        if let Some(at) = self.streams.iter().position(|stream| stream.id == id) {
            return self.streams.get_mut(at);
        }
        if self.streams.len() >= STREAMS_MAX {
            self.streams.pop_front();
        }
        let number = self.next;
        self.next = number.saturating_add(1);
        self.streams.push_back(Stream {
            id,
            number,
            body_len: [0; 2],
            shown: [false; 2],
            ended: [false; 2],
        });
        self.streams.back_mut()
    }

    /// A whole block of fields.
    fn fields(
        &mut self,
        context: &Context,
        from_server: bool,
        id: u32,
        (fields, packed): (&[Field], usize),
        events: &mut dyn Events,
    ) {
        let find = |name: &[u8]| {
            fields
                .iter()
                .find(|(known, _)| &**known == name)
                .map(|(_, value)| &**value)
        };
        let mut headers: Vec<(&[u8], &[u8])> = fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let method = find(b":method");
        let status = find(b":status").and_then(text::number);
        let authority = find(b":authority");
        let path = find(b":path").unwrap_or_default();
        headers.retain(|(name, _)| !name.starts_with(b":"));
        let Some(stream) = self.stream_of(id) else {
            return;
        };
        let number = stream.number;
        if let Some(method) = method {
            let mut request = Request::read(method, path, b"2", &headers);
            request.host = authority.map(without_userinfo).or(request.host);
            request.packed = Some(packed);
            self.inspector.request(context, &request, events);
            events.event(Event::Http(Exchange::Request(number, request)));
        } else if let Some(status) = status
            && from_server
        {
            let status = status.min(999) as u16;
            let mut response = Response::read(status, b"", b"2", &headers);
            response.packed = Some(packed);
            self.inspector.response(&response, events);
            events.event(Event::Http(Exchange::Response(number, response)));
        }
        // Anything else is a trailer section.
    }

    /// One direction of a stream is over.
    fn end(&mut self, id: u32, from_server: bool, complete: bool, events: &mut dyn Events) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return;
        };
        let side = usize::from(from_server);
        if std::mem::replace(&mut stream.ended[side], true) {
            return;
        }
        events.event(Event::Http(Exchange::End {
            number: stream.number,
            of_request: !from_server,
            body_len: stream.body_len[side],
            complete,
        }));
        if stream.ended == [true; 2] {
            self.streams.retain(|stream| stream.id != id);
        }
    }

    /// A frame of data: `payload` is what of it is there.
    fn data(
        &mut self,
        id: u32,
        from_server: bool,
        flags: u8,
        length: usize,
        payload: &[u8],
        events: &mut dyn Events,
    ) {
        let (padding, payload) = match payload {
            [padding, rest @ ..] if flags & PADDED != 0 => (usize::from(*padding) + 1, rest),
            _ => (0, payload),
        };
        let length = length.saturating_sub(padding);
        let payload = payload.get(..length).unwrap_or(payload);
        let side = usize::from(from_server);
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return;
        };
        stream.body_len[side] = stream.body_len[side].saturating_add(length as u64);
        if !stream.shown[side] && !payload.is_empty() {
            stream.shown[side] = true;
            events.event(Event::Http(Exchange::Body {
                number: stream.number,
                of_request: !from_server,
                start: payload.get(..START_MAX).unwrap_or(payload),
            }));
        }
        if !payload.is_empty() && events.wants(Interest::CONTENT) {
            events.event(Event::Http(Exchange::Content {
                number: stream.number,
                of_request: !from_server,
                data: payload,
            }));
        }
        if flags & END_STREAM != 0 {
            self.end(id, from_server, true, events);
        }
    }

    /// A frame other than data, whole; `None` where nothing further can be understood.
    fn frame(
        &mut self,
        context: &Context,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
        events: &mut dyn Events,
    ) -> Option<()> {
        let from_server = !context.from_client;
        let side = &mut self.sides[usize::from(from_server)];
        let (block, end_stream, target) = match kind {
            HEADERS | PUSH_PROMISE => {
                let mut rest = payload;
                if flags & PADDED != 0 {
                    let (&padding, after) = rest.split_first()?;
                    rest = after.get(..after.len().checked_sub(usize::from(padding))?)?;
                }
                let mut target = id;
                if kind == PUSH_PROMISE {
                    target = wire::u32_at(rest, 0)? & 0x7fff_ffff;
                    rest = rest.get(4..)?;
                } else if flags & PRIORITY != 0 {
                    rest = rest.get(5..)?;
                }
                let end_stream = kind == HEADERS && flags & END_STREAM != 0;
                if flags & END_HEADERS == 0 {
                    side.block = Some((target, end_stream, rest.to_vec()));
                    return Some(());
                }
                (rest.to_vec(), end_stream, target)
            }
            CONTINUATION => {
                let (target, end_stream, mut block) = side.block.take()?;
                if block.len() + payload.len() > BLOCK_MAX {
                    return None;
                }
                block.extend_from_slice(payload);
                if flags & END_HEADERS == 0 {
                    side.block = Some((target, end_stream, block));
                    return Some(());
                }
                (block, end_stream, target)
            }
            RST_STREAM => {
                self.end(id, false, false, events);
                self.end(id, true, false, events);
                return Some(());
            }
            // Settings, pings, windows, priorities, what later documents add.
            _ => return Some(()),
        };
        let room = FIELDS_MAX.min(self.room.left());
        let unpacked = side.decoder.decode(&block, room)?;
        self.room.take(unpacked.size);
        if unpacked.cut {
            let detail = "HTTP/2 fields that unpack to far more than was sent";
            support::risk(events, Risk::MalformedPacket, detail);
        }
        let fields = (&unpacked.fields[..], HEADER + block.len());
        self.fields(context, from_server, target, fields, events);
        if end_stream {
            self.end(target, from_server, true, events);
        }
        Some(())
    }

    /// Takes a frame at the front of `data`: bytes consumed and to be skipped; `Err` where it is
    /// no frame, nothing where more is needed.
    fn take(
        &mut self,
        context: &Context,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Result<Option<(usize, u64)>, ()> {
        let from_server = !context.from_client;
        let side = &mut self.sides[usize::from(from_server)];
        if !side.begun {
            if data.starts_with(PREFACE) {
                side.begun = true;
                return Ok(Some((PREFACE.len(), 0)));
            }
            if !from_server {
                return if PREFACE.starts_with(data) {
                    Ok(None)
                } else {
                    Err(())
                };
            }
            side.begun = true;
        }
        let Some((header, rest)) = data.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [high, middle, low, kind, flags, ids @ ..] = *header;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let id = u32::from_be_bytes(ids) & 0x7fff_ffff;
        let there = rest.get(..length).unwrap_or(rest);
        if kind == DATA {
            if there.is_empty() && length > 0 {
                return Ok(None);
            }
            self.data(id, from_server, flags, length, there, events);
            return Ok(Some((HEADER + there.len(), (length - there.len()) as u64)));
        }
        let read = matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION);
        if read && length > BLOCK_MAX {
            return Err(());
        }
        if there.len() < length {
            if read {
                return Ok(None);
            }
            return Ok(Some((HEADER + there.len(), (length - there.len()) as u64)));
        }
        self.frame(context, kind, flags, id, there, events)
            .ok_or(())?;
        Ok(Some((HEADER + length, 0)))
    }
}

impl Parser for Connection {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Step::consumed(consumed);
            }
            match self.take(context, rest, events) {
                Ok(Some((count, 0))) => {
                    consumed += count;
                    self.room.earn(count);
                }
                Ok(Some((count, skip))) => {
                    self.room.earn(count);
                    return Step::then(consumed + count, Next::Skip(skip));
                }
                Ok(None) => return Step::consumed(consumed),
                Err(()) => {
                    self.finish(context, events);
                    return Step::then(consumed, Next::Done);
                }
            }
        }
    }

    fn gap(&mut self, context: &Context, _: u64, events: &mut dyn Events) -> Next {
        self.finish(context, events);
        Next::Done
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        while let Some(id) = self.streams.front().map(|stream| stream.id) {
            self.end(id, false, false, events);
            self.end(id, true, false, events);
            self.streams.retain(|stream| stream.id != id);
        }
    }

    fn heap_bytes(&self) -> usize {
        let blocks: usize = self
            .sides
            .iter()
            .map(|side| {
                let block = side
                    .block
                    .as_ref()
                    .map_or(0, |(_, _, block)| block.capacity());
                block + side.decoder.heap_bytes()
            })
            .sum();
        size_of::<Self>() + self.streams.capacity() * size_of::<Stream>() + blocks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, context, guess, streams};
    use super::*;

    fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        out.extend([kind, flags]);
        out.extend(id.to_be_bytes());
        out.extend(payload);
        out
    }

    const REQUEST: &[u8] = &[
        0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90,
        0xf4, 0xff,
    ];

    fn talk() -> Vec<(bool, Vec<u8>)> {
        let mut client = PREFACE.to_vec();
        client.extend(frame(4, 0, 0, &[]));
        client.extend(frame(HEADERS, END_STREAM, 1, &REQUEST[..5]));
        client.extend(frame(CONTINUATION, END_HEADERS, 1, &REQUEST[5..]));
        client.extend(frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            3,
            &[0x82, 0x84, 0xbe],
        ));
        let mut server = frame(4, 0, 0, &[]);
        // :status 200; the second stream is answered first.
        server.extend(frame(HEADERS, END_HEADERS | END_STREAM, 3, &[0x8d]));
        server.extend(frame(HEADERS, END_HEADERS, 1, &[0x88]));
        server.extend(frame(DATA, PADDED, 1, b"\x02hello\0\0"));
        server.extend(frame(DATA, END_STREAM, 1, b"!"));
        vec![(true, client), (false, server)]
    }

    #[test]
    fn exchanges() {
        let mut said = Said::default();
        streams(&mut Connection::new(), talk(), &mut said);
        let mut bytewise = Said::default();
        let bytes = talk()
            .into_iter()
            .flat_map(|(side, piece)| piece.into_iter().map(move |byte| (side, [byte])));
        streams(&mut Connection::new(), bytes, &mut bytewise);
        for said in [said, bytewise] {
            assert!(said.has("Request(0, Request"), "{said:#?}");
            assert!(said.has("Request(1, Request"));
            assert!(said.has("Response(1, Response { status: 404"));
            assert!(said.has("Response(0, Response { status: 200"));
            assert!(said.has("End { number: 0, of_request: false"));
            assert!(said.has("ServerName"));
        }
    }

    /// A byte a field, each of which is one of 8 KB, in frames of their own.
    #[test]
    fn blocks_unpack_to_what_the_connection_has_earned() {
        #[derive(Default)]
        struct Sum(usize, usize, bool);
        impl Events for Sum {
            fn wants(&self, _: Interest) -> bool {
                true
            }
            fn event(&mut self, event: Event<'_>) {
                if let Event::Http(Exchange::Request(_, request)) = event {
                    let bytes = request
                        .headers
                        .iter()
                        .map(|(name, value)| name.len() + value.len());
                    self.0 += bytes.sum::<usize>();
                    self.1 += 1;
                }
                self.2 |= matches!(event, Event::Risk { .. });
            }
        }
        let mut client = PREFACE.to_vec();
        // The table takes 64 KiB; the field takes 8,001 bytes; both entries of the request.
        let field = [&b"\x3f\xe1\xff\x03\x40\x01n\x7f\xc1\x3d"[..], &[b'v'; 8000]].concat();
        client.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &field));
        for number in 0..2000 {
            let flags = END_STREAM | END_HEADERS;
            client.extend(frame(
                HEADERS,
                flags,
                3 + 2 * number,
                b"\x82\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe",
            ));
        }
        let mut sum = Sum::default();
        let mut parser = Connection::new();
        let step = parser.stream(&context(true, true, 1, 0), &client, &mut sum);
        assert_eq!(step.consumed, client.len(), "the table is what it was");
        assert_eq!(sum.1, 2000, "the requests are all there");
        assert!(sum.0 > 1_000_000 && sum.2);
        let most = UNPACKED_FREE + UNPACKED_RATIO * client.len();
        assert!(sum.0 <= most, "{} bytes of {}", sum.0, client.len());
    }

    #[test]
    fn the_preface_is_certain() {
        assert_eq!(guess(&DETECTOR, PREFACE), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"PRI * H"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"PRINT"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(
            frames in proptest::collection::vec(
                (any::<bool>(), 0_u8..10, any::<u8>(), 0_u32..6, proptest::collection::vec(any::<u8>(), 0..40)),
                0..30,
            ),
            cut in 0_usize..50,
        ) {
            let mut pieces = vec![(true, PREFACE.to_vec())];
            for (side, kind, flags, id, payload) in frames {
                pieces.push((side, frame(kind, flags, id, &payload)));
            }
            pieces.push((false, vec![0xff; cut]));
            let mut parser = Connection::new();
            streams(&mut parser, pieces, &mut Said::default());
            prop_assert!(parser.heap_bytes() < 512 * 1024);
        }
    }
}
