//! WebSocket (RFC 6455), after its upgrade from HTTP.
//!
//! Frames are counted off by their headers. What the first ones carry is shown to all detectors,
//! as the start of a flow is: SSH, VNC, MQTT and others go through WebSockets, some where nothing
//! but the web may. What is recognised is read; what is not is passed over unseen.

use super::nested::Nested;
use super::support::say;
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Next, Over, Parser, Probe,
    Protocol, Step, Value, detectors, wire,
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

/// Frames of each direction that are told of, and most of them that are looked into before
/// something is recognised.
const FRAMES_MAX: u8 = 8;

/// Bytes of each direction by which something is recognised.
const LOOK_MAX: usize = 2048;

/// Counts frames.
#[derive(Debug, Default)]
struct Frames {
    /// Frames of the server and of the client.
    seen: [u8; 2],
    /// A message was whole.
    spoken: bool,
    inside: Inside,
}

/// What is known of what the frames carry.
#[derive(Debug)]
enum Inside {
    /// Nothing yet.
    Unknown(Box<Look>),
    /// Something that is read.
    Read(Box<Nested>),
    /// Something that nobody knows, or reads further.
    PassedOver,
}

impl Default for Inside {
    fn default() -> Self {
        Self::Unknown(Box::default())
    }
}

/// What was carried before anything is recognised.
#[derive(Debug, Default)]
struct Look {
    /// From the server and from the client.
    bytes: [Vec<u8>; 2],
    /// Whose bytes came first.
    client_first: bool,
    frames: u8,
    /// Detectors that do not yet say no; none before the first was asked.
    candidates: Option<Vec<&'static Detector>>,
}

impl Look {
    /// Adds bytes; what is known then.
    fn add(
        mut self: Box<Self>,
        context: &Context,
        bytes: &[u8],
        events: &mut dyn Events,
    ) -> Inside {
        self.frames += 1;
        if self.frames == 1 {
            self.client_first = context.from_client;
        }
        let side = usize::from(context.from_client);
        let [server, client] = &mut self.bytes;
        let (data, other) = if context.from_client {
            (client, server)
        } else {
            (server, client)
        };
        data.extend_from_slice(bytes);
        let probe = Probe {
            data: data.get(..LOOK_MAX).unwrap_or(data),
            other: other.get(..LOOK_MAX).unwrap_or(other),
            previous: &[],
            wire_len: data.len().min(LOOK_MAX),
            tcp: true,
            from_client: context.from_client,
            from_start: true,
            packets: self.frames.into(),
            client: context.client,
            server: context.server,
        };
        let candidates = self.candidates.get_or_insert_with(|| {
            let tcp = |detector: &&&Detector| detector.over.contains(true);
            detectors().iter().filter(tcp).copied().collect()
        });
        let mut found = None;
        candidates.retain(|detector| {
            let guess = match found {
                None => (detector.probe)(&probe),
                Some(_) => Guess::No,
            };
            if guess == Guess::Certain {
                found = Some(*detector);
            }
            guess != Guess::No
        });
        let Some(detector) = found else {
            let long = self
                .bytes
                .get(side)
                .is_some_and(|data| data.len() >= LOOK_MAX);
            return if candidates.is_empty() || long || self.frames >= FRAMES_MAX {
                Inside::PassedOver
            } else {
                Inside::Unknown(self)
            };
        };
        if !tls_or_mqtt(detector.protocol) {
            events.carries(&PROTOCOL);
        }
        events.carries(detector.protocol);
        let Some(new) = detector.parser else {
            return Inside::PassedOver;
        };
        let mut inside = Inside::Read(Box::new(Nested::new(new())));
        for from_client in [self.client_first, !self.client_first] {
            let mut context = *context;
            context.from_client = from_client;
            let [server, client] = &self.bytes;
            let bytes = if from_client { client } else { server };
            inside = inside.add(&context, bytes, events);
        }
        inside
    }
}

/// Whether a protocol is beyond doubt for Zeek by the client's first words, before the message
/// that they stand in is whole.
fn tls_or_mqtt(protocol: &Protocol) -> bool {
    matches!(protocol.name, "tls" | "mqtt")
}

impl Inside {
    /// Takes what a frame carried.
    fn add(self, context: &Context, bytes: &[u8], events: &mut dyn Events) -> Self {
        match self {
            Self::Unknown(look) => look.add(context, bytes, events),
            Self::Read(mut inner) => {
                if inner.push(context, bytes, &mut Within(events)) {
                    Self::Read(inner)
                } else {
                    inner.finish(context, &mut Within(events));
                    Self::PassedOver
                }
            }
            Self::PassedOver => Self::PassedOver,
        }
    }
}

/// Events of what is inside: what it finds to be its protocol is none of the flow's.
struct Within<'a>(&'a mut dyn Events);

impl Events for Within<'_> {
    fn wants(&self, interest: Interest) -> bool {
        self.0.wants(interest)
    }

    fn event(&mut self, event: Event<'_>) {
        self.0.event(match event {
            Event::Service(protocol) => Event::Carries {
                protocol,
                early: false,
            },
            other => other,
        });
    }
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

/// Longest frame whose payload is looked at.
const PAYLOAD_MAX: u64 = 32 * 1024;

impl Frames {
    /// Tells once that a message was whole.
    fn tell_spoken(&mut self, header: &Header, events: &mut dyn Events) {
        if header.last && !std::mem::replace(&mut self.spoken, true) {
            events.carries(&PROTOCOL);
        }
    }

    /// The frame at the start of `data`.
    fn frame(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let header = match header(data) {
            Ok(Some(header)) => header,
            Ok(None) => return Step::consumed(0),
            Err(()) => return Step::DONE,
        };
        let side = usize::from(context.from_client);
        let whole = header.payload.saturating_add(header.length as u64);
        let is_data = matches!(header.opcode, 0..=2) && header.payload > 0;
        let looked_at =
            is_data && header.payload <= PAYLOAD_MAX && !matches!(self.inside, Inside::PassedOver);
        if looked_at && (data.len() as u64) < whole {
            return Step::consumed(0);
        }
        if let Some(seen) = self.seen.get_mut(side).filter(|seen| **seen < FRAMES_MAX) {
            *seen += 1;
            tell(&header, events);
        }
        if looked_at {
            let end = whole as usize;
            let bytes = unmasked(data.get(header.length..end).unwrap_or_default(), header.key);
            let inside = std::mem::replace(&mut self.inside, Inside::PassedOver);
            self.inside = inside.add(context, &bytes, events);
            self.tell_spoken(&header, events);
            return Step::consumed(end);
        }
        self.tell_spoken(&header, events);
        if is_data && header.payload > PAYLOAD_MAX {
            // What is inside lacks this.
            self.finish(context, events);
            self.inside = Inside::PassedOver;
        }
        let told = self.seen.get(side).is_none_or(|seen| *seen >= FRAMES_MAX);
        if told && matches!(self.inside, Inside::PassedOver) {
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
        if let Inside::Read(inner) = &mut self.inside {
            inner.finish(context, &mut Within(events));
        }
    }

    fn heap_bytes(&self) -> usize {
        let inside = match &self.inside {
            Inside::Unknown(look) => {
                let held: usize = look.bytes.iter().map(Vec::capacity).sum();
                let candidates = look.candidates.as_ref().map_or(0, Vec::capacity);
                size_of::<Look>() + held + candidates * size_of::<&Detector>()
            }
            Inside::Read(inner) => inner.heap_bytes(),
            Inside::PassedOver => 0,
        };
        size_of::<Self>() + inside
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
        assert_eq!(said.0.len(), 5, "{said:?}");
        assert!(said.0[0].contains("opcode=text length=2 masked=true"));
        assert_eq!(said.0[1], "carries: websocket");
        assert!(said.0[3].contains("opcode=binary length=128"));
        assert!(said.0[4].contains("opcode=close"));
    }

    /// A masked frame.
    fn masked(text: &[u8]) -> Vec<u8> {
        let mut out = vec![0x82, 0x80 | text.len() as u8, 1, 2, 3, 4];
        out.extend(unmasked(text, Some([1, 2, 3, 4])));
        out
    }

    #[test]
    fn ssh_inside() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, &masked(b"SSH-2.0-a\r\n")),
                (false, b"\x82\x0bSSH-2.0-b\r\n"),
                (true, &masked(&[0, 0, 0, 6, 4, 21, 0, 0, 0, 0])),
            ],
        );
        assert!(said.has("client=SSH-2.0-a server=SSH-2.0-b"), "{said:#?}");
        assert!(said.has("carries: ssh"));
    }

    #[test]
    fn a_frame_longer_than_anything_is_passed_over() {
        let mut frame = vec![0x82, 0x7f];
        frame.extend([0xff; 8]);
        frame.extend(b"SSH-2.0-x\r\n");
        let said = conversation(&DETECTOR, &[(false, &frame)]);
        assert!(!said.has("SSH"), "{:?}", said.0);
    }

    #[test]
    fn others_inside() {
        let mqtt = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02ab";
        let said = conversation(
            &DETECTOR,
            &[
                (true, &masked(mqtt)),
                (false, b"\x82\x04\x20\x02\0\0"),
                (true, &masked(b"\x82\x08\0\x01\0\x03a/b\0")),
            ],
        );
        assert!(said.has("carries: mqtt"), "{said:#?}");
        assert!(said.has("client_id=ab"), "{said:#?}");
        // What nobody knows is passed over.
        let said = conversation(
            &DETECTOR,
            &[
                (true, &masked(b"{\"type\":\"hello\",\"id\":7}")),
                (false, b"\x81\x0b{\"ok\":true}"),
            ],
        );
        assert!(said.has("carries: websocket"), "{said:#?}");
        assert_eq!(said.0.len(), 3, "{said:#?}");
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
