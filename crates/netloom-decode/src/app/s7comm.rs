//! S7comm and S7comm-plus, Siemens' protocols for controllers, in COTP (X.224) and TPKT
//! (RFC 1006) frames: connections, functions, downloads, stops.

use super::support::{Frame, frames, say};
use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// S7comm.
pub static PROTOCOL: Protocol = Protocol {
    name: "s7comm",
    title: "S7comm",
    category: Category::Industrial,
};

/// Recognised by its identifier in a data frame of COTP, or a connection to a controller's rack.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[102],
    probe,
    parser: Some(|| Box::<Controller>::default()),
};

const KEPT: usize = 512;
const MESSAGES_MAX: u32 = 1024;
/// Identifiers of S7comm and of its successor.
const S7: u8 = 0x32;
const S7_PLUS: u8 = 0x72;

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    // Frames of connection, then the first of data.
    for _ in 0..3 {
        let [3, 0, _, _, rest @ ..] = data else {
            return if data.len() < 4 && [3, 0].starts_with(data.get(..2).unwrap_or(data)) {
                Guess::More
            } else {
                Guess::No
            };
        };
        let length = u16_at(data, 2).map_or(0, usize::from);
        match rest {
            [2, 0xf0, 0x80, id @ (S7 | S7_PLUS), kind, ..] => {
                let known = match *id {
                    S7 => matches!(kind, 1 | 2 | 3 | 7),
                    _ => matches!(kind, 1 | 2 | 3 | 0xfe),
                };
                return if known && length >= 11 {
                    Guess::Certain
                } else {
                    Guess::No
                };
            }
            [2, 0xf0, 0x80] | [2, 0xf0, 0x80, S7 | S7_PLUS] | [] => return Guess::More,
            // Connection request or confirm; cookies are remote desktop's.
            [size, 0xe0 | 0xd0, ..] if usize::from(*size) + 5 == length && length < 64 => {
                let text = rest.windows(7).any(|part| part == b"Cookie:");
                if text {
                    return Guess::No;
                }
                match data.get(length..) {
                    None => return Guess::More,
                    Some([]) => {
                        return if probe.has_port(102) && tsap(rest) {
                            Guess::Unsure
                        } else {
                            Guess::More
                        };
                    }
                    Some(next) => data = next,
                }
            }
            [_, 0xe0 | 0xd0, ..] | [_] if rest.len() < 8 => return Guess::More,
            _ => return Guess::No,
        }
    }
    Guess::No
}

/// Whether the connection is for a rack and slot: both selectors of two bytes (or S7-1200's name).
fn tsap(cotp: &[u8]) -> bool {
    let has = |part: &[u8]| cotp.windows(part.len()).any(|window| window == part);
    has(&[0xc1, 2]) && has(&[0xc2, 2]) || has(b"SIMATIC-ROOT")
}

#[derive(Debug, Default)]
struct Controller {
    messages: u32,
}

impl Parser for Controller {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (data.first(), u16_at(data, 2)) {
                (Some(3), Some(length @ 7..)) => Frame::Of(length.into()),
                (Some(3), None) => Frame::More,
                _ => Frame::Wrong,
            },
            |frame| {
                self.messages += 1;
                frame_of(context.from_client, frame, events);
                if self.messages < MESSAGES_MAX {
                    Next::Continue
                } else {
                    Next::Done
                }
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn frame_of(from_client: bool, frame: &[u8], events: &mut dyn Events) {
    match frame.get(4..).unwrap_or_default() {
        [_, 0xe0, parameters @ ..] => {
            // The called selector: kind of connection, rack and slot.
            let called = parameters
                .windows(4)
                .find(|part| part.starts_with(&[0xc2, 2]));
            let mut fields = Vec::new();
            if let Some([_, _, kind, place]) = called {
                fields.push(("connection_type", Value::Number((*kind).into())));
                fields.push(("rack", Value::Number((place >> 5).into())));
                fields.push(("slot", Value::Number((place & 31).into())));
            }
            say(events, "connect_request", &fields);
        }
        [_, 0xd0, ..] => say(events, "connect_confirm", &[]),
        [2, 0xf0, _, S7_PLUS, version, kind, ..] => {
            let name = match kind {
                0x31 => "request",
                0x32 => "response",
                0x33 => "notification",
                _ => "plus",
            };
            say(
                events,
                name,
                &[("version", Value::Number((*version).into()))],
            );
        }
        [2, 0xf0, _, S7, rosctr, ..] => {
            let header = frame.get(7..).unwrap_or_default();
            let (Some(reference), Some(parameters)) = (u16_at(header, 4), u16_at(header, 6)) else {
                return;
            };
            // Answers have an error's class and code in front of their parameters.
            let at = if matches!(rosctr, 2 | 3) { 12 } else { 10 };
            let mut fields = vec![
                ("rosctr", Value::Word(rosctr_name(*rosctr))),
                ("pdu_reference", Value::Number(reference.into())),
                ("request", Value::Flag(from_client)),
            ];
            if at == 12
                && let Some(error) = u16_at(header, 10).filter(|&error| error != 0)
            {
                fields.push(("error", Value::Number(error.into())));
            }
            let mut name = "userdata";
            if *rosctr == 7 {
                if let Some(word) = u32_at(header, at + 4) {
                    fields.push(("function_group", Value::Number(u64::from(word >> 16 & 15))));
                    fields.push(("subfunction", Value::Number(u64::from(word >> 8 & 0xff))));
                }
            } else if parameters > 0
                && let Some(&function) = header.get(at)
            {
                name = function_name(function);
                fields.push(("function", Value::Number(function.into())));
            } else {
                name = "ack";
            }
            say(events, name, &fields);
        }
        _ => {}
    }
}

fn rosctr_name(rosctr: u8) -> &'static str {
    match rosctr {
        1 => "job",
        2 => "ack",
        3 => "ack_data",
        7 => "userdata",
        _ => "unknown",
    }
}

fn function_name(function: u8) -> &'static str {
    match function {
        0x00 => "cpu_services",
        0x04 => "read_variable",
        0x05 => "write_variable",
        0x1a => "request_download",
        0x1b => "download_block",
        0x1c => "download_ended",
        0x1d => "start_upload",
        0x1e => "upload",
        0x1f => "end_upload",
        0x28 => "plc_control",
        0x29 => "plc_stop",
        0xf0 => "setup_communication",
        _ => "function",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const CONNECT: &[u8] = &[
        3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2,
    ];
    const SETUP: &[u8] = &[
        3, 0, 0, 25, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 0, 5, 0, 8, 0, 0, 0xf0, 0, 0, 1, 0, 1, 1, 0xe0,
    ];

    #[test]
    fn connections_and_functions() {
        let said = conversation(&DETECTOR, &[(true, CONNECT), (true, SETUP)]);
        assert_eq!(
            said.0,
            [
                "connect_request: connection_type=1 rack=0 slot=2",
                "setup_communication: rosctr=job pdu_reference=5 request=true function=240",
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, SETUP), Guess::Certain);
        assert_eq!(guess(&DETECTOR, CONNECT), Guess::More);
        assert_eq!(guess(&DETECTOR, &[CONNECT, SETUP].concat()), Guess::Certain);
        let desktop =
            b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=user\r\n\x01\0\x08\0\x03\0\0\0";
        assert_eq!(guess(&DETECTOR, desktop), Guess::No);
    }
}
