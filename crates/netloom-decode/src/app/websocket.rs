//! WebSocket (RFC 6455), after its upgrade from HTTP.
//!
//! Frames are counted off by their headers alone: what they carry belongs to the application
//! and is passed over. Only SSH is known inside (tunnels that go where nothing but the web may);
//! its start is unmasked and read.

use super::support::say;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, STREAM_MAX,
    Step, Value, ssh, wire,
};

/// WebSocket.
pub static PROTOCOL: Protocol = Protocol {
    name: "websocket",
    title: "WebSocket",
    category: Category::Web,
};

/// WebSocket, taken over from HTTP: its frames alone are too little to be recognised by.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[],
    probe,
    parser: Some(|| Box::new(Frames::default())),
};

const fn probe(_: &Probe<'_>) -> Guess {
    Guess::No
}

/// Frames of each direction that are looked at.
const FRAMES_MAX: u8 = 8;

/// Counts frames.
#[derive(Debug, Default)]
struct Frames {
    seen: [u8; 2],
    /// What was found inside.
    inner: Option<Box<Inner>>,
}

/// A protocol inside the frames.
#[derive(Debug)]
struct Inner {
    parser: Box<dyn Parser>,
    /// Bytes of each direction that wait for more.
    held: [Vec<u8>; 2],
    /// Directions that are of no more interest.
    quiet: [bool; 2],
}

/// A frame's header: bytes it takes, whether it is data, and how long its payload is.
struct Header {
    length: usize,
    opcode: u8,
    last: bool,
    key: Option<[u8; 4]>,
    payload: u64,
}

/// Reads a header; `Err` where it is none, nothing where more bytes are needed.
fn header(data: &[u8]) -> Result<Option<Header>, ()> {
    let [first, second, ..] = *data else {
        return Ok(None);
    };
    // One reserved bit is known: a compressed message (RFC 7692).
    if first & 0x30 != 0 || !matches!(first & 15, 0..=2 | 8..=10) {
        return Err(());
    }
    let long = |length: Option<u64>, end| length.map(|length| (length, end));
    let sizes = match second & 0x7f {
        126 => long(wire::u16_at(data, 2).map(u64::from), 4),
        127 => long(
            wire::u32_at(data, 2)
                .zip(wire::u32_at(data, 6))
                .map(|(high, low)| u64::from(high) << 32 | u64::from(low)),
            10,
        ),
        length => long(Some(u64::from(length)), 2),
    };
    let Some((payload, mut length)) = sizes else {
        return Ok(None);
    };
    let mut key = None;
    if second & 0x80 != 0 {
        key = data
            .get(length..)
            .and_then(|rest| rest.first_chunk::<4>())
            .copied();
        if key.is_none() {
            return Ok(None);
        }
        length += 4;
    }
    Ok(Some(Header {
        length,
        opcode: first & 15,
        last: first & 0x80 != 0,
        key,
        payload,
    }))
}

/// The payload without its mask (RFC 6455, section 5.3).
fn unmasked(payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let key = key.unwrap_or_default();
    payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect()
}

impl Inner {
    /// Gives the parser inside what a frame carried; whether it wants more.
    fn feed(&mut self, context: &Context, bytes: &[u8], events: &mut dyn Events) -> bool {
        let side = usize::from(context.from_client);
        if self.quiet[side] {
            return true;
        }
        let held = &mut self.held[side];
        held.extend_from_slice(bytes);
        loop {
            let step = self.parser.stream(context, held, events);
            held.drain(..step.consumed.min(held.len()));
            match step.next {
                Next::Continue if step.consumed > 0 && !held.is_empty() => {}
                Next::Continue => return held.len() <= STREAM_MAX,
                Next::Quiet => {
                    self.quiet[side] = true;
                    held.clear();
                    return true;
                }
                _ => return false,
            }
        }
    }
}

/// Longest frame whose payload is looked at.
const PAYLOAD_MAX: u64 = 32 * 1024;

impl Frames {
    /// The frame at the start of `data`.
    fn frame(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let header = match header(data) {
            Ok(Some(header)) => header,
            Ok(None) => return Step::consumed(0),
            Err(()) => return Step::DONE,
        };
        let side = usize::from(context.from_client);
        let whole = header.length as u64 + header.payload;
        let carries = matches!(header.opcode, 0..=2) && header.payload > 0;
        // The first frames may begin something that is known; from then on all are read.
        let looked_at = carries
            && header.payload <= PAYLOAD_MAX
            && (self.inner.is_some() || self.seen[side] == 0);
        if looked_at && (data.len() as u64) < whole {
            return Step::consumed(0);
        }
        if self.seen[side] < FRAMES_MAX {
            self.seen[side] += 1;
            tell(&header, events);
        }
        if looked_at {
            let end = whole as usize;
            let bytes = unmasked(data.get(header.length..end).unwrap_or_default(), header.key);
            if self.inner.is_none()
                && bytes.starts_with(b"SSH-")
                && let Some(new) = ssh::DETECTOR.parser
            {
                self.inner = Some(Box::new(Inner {
                    parser: new(),
                    held: [Vec::new(), Vec::new()],
                    quiet: [false; 2],
                }));
            }
            if let Some(inner) = &mut self.inner
                && !inner.feed(context, &bytes, events)
            {
                return Step::then(end, Next::Done);
            }
            return Step::consumed(end);
        }
        if self.seen[side] >= FRAMES_MAX && self.inner.is_none() {
            return Step::then(header.length, Next::Quiet);
        }
        Step::then(header.length, Next::Skip(header.payload))
    }
}

impl Parser for Frames {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let step = self.frame(context, rest, events);
            consumed += step.consumed;
            if step.consumed == 0 || !matches!(step.next, Next::Continue) {
                return Step::then(consumed, step.next);
            }
        }
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        if let Some(inner) = &mut self.inner {
            inner.parser.finish(context, events);
        }
    }

    fn heap_bytes(&self) -> usize {
        let inner = self.inner.as_ref().map_or(0, |inner| {
            let held: usize = inner.held.iter().map(Vec::capacity).sum();
            size_of::<Inner>() + held + inner.parser.heap_bytes()
        });
        size_of::<Self>() + inner
    }
}

/// Tells of a frame.
fn tell(header: &Header, events: &mut dyn Events) {
    let word = match header.opcode {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        _ => "pong",
    };
    say(
        events,
        "frame",
        &[
            ("opcode", Value::Word(word)),
            ("length", Value::Number(header.payload)),
            ("masked", Value::Flag(header.key.is_some())),
            ("fin", Value::Flag(header.last)),
        ],
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, conversation, streams};
    use super::*;

    #[test]
    fn frames_are_counted_off() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, b"\x81\x82abcd\x01\x02\x89\x80wxyz"),
                (false, b"\x82\x7e\x00\x80"),
                (false, &[0; 128]),
                (false, b"\x88\x00"),
            ],
        );
        assert_eq!(said.0.len(), 4, "{said:?}");
        assert!(said.0[0].contains("opcode=text length=2 masked=true"));
        assert!(said.0[2].contains("opcode=binary length=128"));
        assert!(said.0[3].contains("opcode=close"));
    }

    #[test]
    fn ssh_inside() {
        let masked = |text: &[u8]| {
            let mut out = vec![0x82, 0x80 | text.len() as u8, 1, 2, 3, 4];
            out.extend(unmasked(text, Some([1, 2, 3, 4])));
            out
        };
        let said = conversation(
            &DETECTOR,
            &[
                (true, &masked(b"SSH-2.0-a\r\n")),
                (false, b"\x82\x0bSSH-2.0-b\r\n"),
                (true, &masked(&[0, 0, 0, 6, 4, 21, 0, 0, 0, 0])),
            ],
        );
        assert!(said.has("client=SSH-2.0-a server=SSH-2.0-b"), "{said:#?}");
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..20)) {
            let mut frames = Frames::default();
            let mut all = vec![(false, b"\x82\x0bSSH-2.0-b\r\n".to_vec())];
            all.extend(pieces);
            streams(&mut frames, all, &mut Said::default());
            prop_assert!(frames.heap_bytes() < 512 * 1024);
        }
    }
}
