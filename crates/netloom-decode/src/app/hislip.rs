//! HiSLIP (IVI-6.1), instruments over TCP: the name of the sub-address, errors.

use super::support::{Frame, frames, say};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// HiSLIP.
pub static PROTOCOL: Protocol = Protocol {
    name: "hislip",
    title: "HiSLIP",
    category: Category::Industrial,
};

/// Recognised by its prologue `HS`.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[4880],
    probe,
    parser: Some(|| Box::<HiSlip>::default()),
};

const KEPT: usize = 512;
const MESSAGES_MAX: u32 = 256;
const HEADER: usize = 16;

fn length(data: &[u8]) -> Option<u64> {
    let bytes: [u8; 8] = data.get(8..16)?.try_into().ok()?;
    Some(u64::from_be_bytes(bytes))
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [b'H', b'S', kind, ..] => match length(data) {
            None => Guess::More,
            Some(length) if length < 1 << 32 && (*kind <= 38 || *kind >= 128) => Guess::Certain,
            Some(_) => Guess::No,
        },
        [] | [b'H'] | [b'H', b'S'] => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct HiSlip {
    messages: u32,
}

impl Parser for HiSlip {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (data, length(data)) {
                ([b'H', b'S', ..], Some(length)) => length
                    .checked_add(HEADER as u64)
                    .map_or(Frame::Wrong, Frame::Of),
                ([b'H', b'S', ..] | [b'H'] | [], None) => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                let kind = message.get(2).copied().unwrap_or_default();
                let name = match kind {
                    0 => "initialize",
                    1 => "initialize_response",
                    2 => "fatal_error",
                    3 => "error",
                    4 => "async_lock",
                    6 => "data",
                    7 => "data_end",
                    8 => "device_clear_complete",
                    12 => "trigger",
                    17 => "async_initialize",
                    18 => "async_initialize_response",
                    19 => "async_device_clear",
                    21 => "async_status_query",
                    _ => "message",
                };
                let body = message.get(HEADER..).unwrap_or_default();
                // Data itself is not said.
                match kind {
                    0 => say(events, name, &[("sub_address", Value::Text(body))]),
                    2 | 3 => say(events, name, &[("text", Value::Text(body))]),
                    _ => say(events, name, &[("type", Value::Number(kind.into()))]),
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const INITIALIZE: &[u8] = b"HS\0\0\x01\0ZZ\0\0\0\0\0\0\0\x07hislip0";

    #[test]
    fn instruments() {
        let said = conversation(&DETECTOR, &[(true, INITIALIZE)]);
        assert_eq!(said.0, ["initialize: sub_address=hislip0"]);
        assert_eq!(guess(&DETECTOR, INITIALIZE), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"HS\0\0\x01"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"HSHSHSHSHSHSHSHS"), Guess::No);
    }
}
