//! H.323: call signalling (H.225.0, which is Q.931 in TPKT frames) over TCP and the gatekeeper's
//! registrations (RAS) over UDP.

use super::support::{Frame, frames, say};
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// H.323.
pub static PROTOCOL: Protocol = Protocol {
    name: "h323",
    title: "H.323",
    category: Category::Voip,
};

/// Recognised by Q.931 within TPKT.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[1720, 1719],
    probe,
    parser: Some(|| Box::<H323>::default()),
};

const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        return registration(probe);
    }
    match data {
        // Discriminator 8, a call reference of two bytes, a message type of Q.931.
        [3, 0, _, _, 8, 2, _, _, kind, ..] => {
            let length = u16_at(data, 2).map_or(0, usize::from);
            if length >= 9 && length >= data.len().min(9) && message_name(*kind).is_some() {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        // H.245: what a terminal can do, with the protocol's identifier 0.0.8.245.0.n.
        [3, 0, _, _, 2, _, _, 6, 0, 8, 0x81, 0x75, 0, 2..=20, ..] => Guess::Certain,
        [3, 0, _, _, 2, ..] if data.len() < 14 => Guess::More,
        [3, 0, _, _, 8, 2, ..] | [3, 0, _, _, 8] | [3, 0, _, _] | [3, 0, _] | [3, 0] | [3] | [] => {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// RAS is packed too tightly for a signature: its object identifier (0.0.8.2250.0.n) helps.
fn registration(probe: &Probe<'_>) -> Guess {
    let data = probe.data.get(..64).unwrap_or(probe.data);
    let identifier = data
        .windows(6)
        .any(|part| matches!(part, [6, 0, 8, 0x91, 0x4a, 0]));
    match (identifier, probe.has_port(1719) || probe.has_port(1718)) {
        (true, _) => Guess::Certain,
        (false, true) => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct H323 {
    messages: u32,
}

impl Parser for H323 {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (data.first(), u16_at(data, 2)) {
                (Some(3), Some(length @ 4..)) => Frame::Of(length.into()),
                (Some(3), None) => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                if let [8, 2, high, low, kind, ..] = message.get(4..).unwrap_or_default()
                    && let Some(name) = message_name(*kind)
                {
                    let call = u16::from_be_bytes([high & 0x7f, *low]);
                    say(
                        events,
                        name,
                        &[("call_reference", Value::Number(call.into()))],
                    );
                }
                if self.messages < MESSAGES_MAX {
                    Next::Continue
                } else {
                    Next::Done
                }
            },
        )
    }

    fn datagram(&mut self, _: &Context, _: &[u8], _: &mut dyn Events) -> Next {
        Next::Done
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Messages of Q.931 that H.225.0 uses.
fn message_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "alerting",
        0x02 => "call_proceeding",
        0x03 => "progress",
        0x05 => "setup",
        0x07 => "connect",
        0x0d => "setup_acknowledge",
        0x5a => "release_complete",
        0x62 => "facility",
        0x6e => "notify",
        0x75 => "status_inquiry",
        0x7b => "information",
        0x7d => "status",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const SETUP: &[u8] = &[3, 0, 0, 11, 8, 2, 0, 7, 5, 4, 3];

    #[test]
    fn calls() {
        let said = conversation(&DETECTOR, &[(true, SETUP)]);
        assert_eq!(said.0, ["setup: call_reference=7"]);
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, SETUP), Guess::Certain);
        // Remote desktop shares the framing.
        assert_eq!(
            guess(&DETECTOR, &[3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 0, 0]),
            Guess::No
        );
        let mut capabilities = [3, 0, 0, 16, 2, 0x70, 1, 6, 0, 8, 0x81, 0x75, 0, 5, 0, 0x80];
        assert_eq!(guess(&DETECTOR, &capabilities), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &capabilities[..9]), Guess::More);
        capabilities[11] = 0x76;
        assert_eq!(guess(&DETECTOR, &capabilities), Guess::No);
    }
}
