//! TACACS+ (RFC 8907): recognised, and read where the body is not obfuscated.

use super::support::{Frame, frame_u32, frames, login, risk, say};
use super::wire::{Reader, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// TACACS+.
pub static PROTOCOL: Protocol = Protocol {
    name: "tacacs",
    title: "TACACS+",
    category: Category::Authentication,
};

/// Recognised by its header of 12 bytes, whose sequence starts with 1.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[49],
    probe,
    parser: Some(|| Box::new(Tacacs)),
};

const KEPT: usize = 1024;
/// TAC_PLUS_UNENCRYPTED_FLAG (RFC 8907, 4.1).
const IN_CLEAR: u8 = 1;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0xc0 | 0xc1, 1..=3, sequence, flags, ..] => {
            let Some(length) = u32_at(data, 8) else {
                return Guess::More;
            };
            let first = if probe.from_client { 1 } else { 2 };
            let fits = length as usize + 12 == data.len() && (5..=4096).contains(&length);
            match (*sequence == first && flags & !5 == 0, fits) {
                (true, true) => Guess::Certain,
                (true, false) if (data.len() as u64) < u64::from(length) + 12 && length < 4096 => {
                    Guess::More
                }
                _ => Guess::No,
            }
        }
        [] | [0xc0 | 0xc1] | [0xc0 | 0xc1, 1..=3] | [0xc0 | 0xc1, 1..=3, _] => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug)]
struct Tacacs;

impl Parser for Tacacs {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match data {
                [0xc0 | 0xc1, ..] => match frame_u32(data, 8, 12) {
                    Frame::Of(length) if length > 65_548 => Frame::Wrong,
                    other => other,
                },
                _ => Frame::Wrong,
            },
            |message| {
                message_of(context.from_client, message, events);
                Next::Continue
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn message_of(from_client: bool, message: &[u8], events: &mut dyn Events) {
    let (Some(&kind), Some(&sequence), Some(&flags), Some(session)) = (
        message.get(1),
        message.get(2),
        message.get(3),
        u32_at(message, 4),
    ) else {
        return;
    };
    let kind = match kind {
        1 => "authentication",
        2 => "authorization",
        3 => "accounting",
        _ => return,
    };
    let mut fields = vec![
        ("session_id", Value::Number(session.into())),
        ("seq_no", Value::Number(sequence.into())),
        ("encrypted", Value::Flag(flags & IN_CLEAR == 0)),
    ];
    let body = message.get(12..).unwrap_or_default();
    // The start of an authentication: lengths at 4 to 7, the user behind them (5.1).
    if flags & IN_CLEAR != 0
        && from_client
        && sequence == 1
        && kind == "authentication"
        && let Some([user, port, address, _]) = body.get(4..).and_then(|rest| rest.first_chunk())
    {
        let mut reader = Reader::new(body.get(8..).unwrap_or_default());
        for (name, length) in [("user", user), ("port", port), ("rem_addr", address)] {
            if let Some(text) = reader.take((*length).into()) {
                if name == "user" {
                    login(events, text, "TACACS+", None, true);
                    risk(
                        events,
                        Risk::CleartextCredentials,
                        "TACACS+ without encryption",
                    );
                }
                fields.push((name, Value::Text(text)));
            }
        }
    }
    say(events, kind, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const START: &[u8] =
        b"\xc0\x01\x01\x01\x12\x34\x56\x78\0\0\0\x0e\x01\0\x01\x01\x03\x03\0\0anntty";

    #[test]
    fn users_in_clear() {
        let said = conversation(&DETECTOR, &[(true, START)]);
        assert!(said.has("login: ann TACACS+ None true"));
        assert!(said.has("seq_no=1 encrypted=false user=ann port=tty"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, START), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &START[..20]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, b"\xc0\x01\x02\x01\x12\x34\x56\x78\0\0\0\x0e"),
            Guess::No
        );
    }
}
