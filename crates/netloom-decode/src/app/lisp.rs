//! LISP control messages (RFC 9301) over UDP and the reliable transport over TCP
//! (draft-ietf-lisp-map-server-reliable-transport).

use super::support::{Frame, frames, say};
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// LISP's control plane.
pub static PROTOCOL: Protocol = Protocol {
    name: "lisp",
    title: "LISP",
    category: Category::Network,
};

/// Recognised by record counts that fit, on its own port; over TCP by its end marker.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[4342],
    probe,
    parser: Some(|| Box::<Lisp>::default()),
};

const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 256;
/// Ends each message of the reliable transport.
const END: u32 = 0x9fac_ade9;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        let (Some(kind), Some(length)) = (u16_at(data, 0), u16_at(data, 2)) else {
            return if data.len() < 4 && data.first().is_none_or(|&high| high == 0) {
                Guess::More
            } else {
                Guess::No
            };
        };
        let length = usize::from(length);
        if !(16..=23).contains(&kind) || length < 12 {
            return Guess::No;
        }
        return match u32_at(data, length - 4) {
            Some(END) => Guess::Certain,
            Some(_) if probe.has_port(4342) => Guess::Unsure,
            None if length < 4096 => Guess::More,
            _ => Guess::No,
        };
    }
    if !probe.has_port(4342) {
        return Guess::No;
    }
    let Some(&first) = data.first() else {
        return Guess::No;
    };
    match first >> 4 {
        1 | 2 if data.len() >= 12 => Guess::Certain,
        // A key identifier and the authentication's length.
        3 | 4 if u16_at(data, 12).is_some_and(|key| key <= 4) => Guess::Certain,
        // An IP header within.
        8 if data.get(4).is_some_and(|byte| matches!(byte >> 4, 4 | 6)) => Guess::Certain,
        5..=7 => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Lisp {
    messages: u32,
}

impl Parser for Lisp {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u16_at(data, 2) {
                Some(length @ 8..) => Frame::Of(length.into()),
                None => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                let name = match u16_at(message, 0) {
                    Some(16) => "error_notification",
                    Some(17) => "registration",
                    Some(18) => "registration_ack",
                    Some(19) => "registration_reject",
                    Some(20) => "registration_refresh",
                    Some(21) => "mapping_notification",
                    _ => "message",
                };
                self.said(name, &[], events)
            },
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let mut reader = Reader::new(data);
        let Some(word) = reader.u32() else {
            return Next::Continue;
        };
        let records = word & 0xff;
        let name = match word >> 28 {
            1 => "map_request",
            2 => "map_reply",
            3 => "map_register",
            4 => "map_notify",
            5 => "map_notify_ack",
            6 => "map_referral",
            7 => "info",
            8 => return self.said("encapsulated_control", &[], events),
            _ => return Next::Continue,
        };
        self.said(name, &[("records", Value::Number(records.into()))], events)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Lisp {
    fn said(
        &mut self,
        name: &str,
        fields: &[(&'static str, Value<'_>)],
        events: &mut dyn Events,
    ) -> Next {
        self.messages += 1;
        say(events, name, fields);
        if self.messages < MESSAGES_MAX {
            Next::Continue
        } else {
            Next::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, probe as first};

    #[test]
    fn registrations() {
        let mut register = vec![0x30, 0, 0, 1];
        register.resize(40, 0);
        let said = exchange(&DETECTOR, &[(true, &register)]);
        assert_eq!(said.0, ["map_register: records=1"]);
        let own = first(&register, false, true, (40_000, 4342));
        assert_eq!((DETECTOR.probe)(&own), Guess::Certain);
        let foreign = first(&register, false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&foreign), Guess::No);
    }
}
