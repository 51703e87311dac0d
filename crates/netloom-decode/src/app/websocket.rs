//! WebSocket (RFC 6455), after its upgrade from HTTP.
//!
//! Frames are counted off by their headers alone. What a client and a server say is masked or
//! belongs to the application: it is passed over.

use super::support::say;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    wire,
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
}

impl Parser for Frames {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let seen = &mut self.seen[usize::from(context.from_client)];
        let [first, second, ..] = *data else {
            return Step::consumed(0);
        };
        if first & 0x70 & !0x40 != 0 || !matches!(first & 15, 0..=2 | 8..=10) {
            return Step::DONE;
        }
        let masked = second & 0x80 != 0;
        let (length, header) = match second & 0x7f {
            126 => match wire::u16_at(data, 2) {
                Some(length) => (u64::from(length), 4),
                None => return Step::consumed(0),
            },
            127 => match (wire::u32_at(data, 2), wire::u32_at(data, 6)) {
                (Some(high), Some(low)) => (u64::from(high) << 32 | u64::from(low), 10),
                _ => return Step::consumed(0),
            },
            length => (u64::from(length), 2),
        };
        let opcode = first & 15;
        let word = match opcode {
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
                ("length", Value::Number(length)),
                ("masked", Value::Flag(masked)),
                ("fin", Value::Flag(first & 0x80 != 0)),
            ],
        );
        *seen = seen.saturating_add(1);
        if *seen >= FRAMES_MAX {
            return Step::then(header, Next::Quiet);
        }
        let rest = length.saturating_add(if masked { 4 } else { 0 });
        Step::then(header, Next::Skip(rest))
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::conversation;
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
}
