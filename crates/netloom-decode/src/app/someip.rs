//! SOME/IP (AUTOSAR) over UDP and TCP: services and methods, service discovery.

use super::support::{Frame, frame_u32, frames, say};
use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// SOME/IP.
pub static PROTOCOL: Protocol = Protocol {
    name: "someip",
    title: "SOME/IP",
    category: Category::Rpc,
};

/// Recognised by a header whose length, version and types fit.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[30490, 30491, 30501],
    probe,
    parser: Some(|| Box::<SomeIp>::default()),
};

const KEPT: usize = 128;
const MESSAGES_MAX: u32 = 256;
/// Messages of service discovery.
const DISCOVERY: u32 = 0xffff_8100;

/// Whether a header stands here: version 1, a known type and return code.
fn header(data: &[u8]) -> bool {
    matches!(
        data.get(12..16),
        Some([
            1,
            _,
            0 | 1
                | 2
                | 0x20
                | 0x21
                | 0x22
                | 0x40
                | 0x41
                | 0x42
                | 0x80
                | 0x81
                | 0xa0
                | 0xa1
                | 0xc0
                | 0xc1,
            0..=0x0f
        ])
    )
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(length) = u32_at(data, 4) else {
        return if probe.tcp { Guess::More } else { Guess::No };
    };
    if !(8..=1 << 20).contains(&length) {
        return Guess::No;
    }
    if data.len() < 16 {
        return if probe.tcp { Guess::More } else { Guess::No };
    }
    if !header(data) {
        return Guess::No;
    }
    let discovery = u32_at(data, 0) == Some(DISCOVERY) && data[14] == 2;
    // Several messages may share a datagram.
    let end = length as usize + 8;
    let whole = end
        == if probe.tcp {
            data.len()
        } else {
            probe.wire_len
        };
    let followed = data.get(end..).is_some_and(header);
    let own = DETECTOR.ports.iter().any(|&port| probe.has_port(port));
    if discovery || whole || followed || own {
        Guess::Certain
    } else if probe.tcp && length >= 1 << 16 {
        // So long a message cannot be told by its header alone.
        Guess::No
    } else if probe.tcp && data.len() < end + 16 {
        // A stream shows by its next header, where that can be waited for.
        if end + 16 <= Probe::MAX {
            Guess::More
        } else {
            Guess::Unsure
        }
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct SomeIp {
    messages: u32,
}

impl Parser for SomeIp {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| frame_u32(data, 4, 8),
            |message| self.message(message, events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let mut rest = data;
        while header(rest)
            && let Frame::Of(length) = frame_u32(rest, 4, 8)
        {
            if !matches!(self.message(rest, events), Next::Continue) {
                return Next::Done;
            }
            rest = usize::try_from(length)
                .ok()
                .and_then(|length| rest.get(length..))
                .unwrap_or_default();
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl SomeIp {
    fn message(&mut self, message: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(service), Some(method), Some(client), Some(&kind), Some(&code)) = (
            u16_at(message, 0),
            u16_at(message, 2),
            u16_at(message, 8),
            message.get(14),
            message.get(15),
        ) else {
            return Next::Continue;
        };
        // 0x20 marks segments (SOME/IP-TP).
        let name = match kind & !0x20 {
            _ if u32_at(message, 0) == Some(DISCOVERY) => "service_discovery",
            0 => "request",
            1 => "request_no_return",
            2 => "notification",
            0x80 => "response",
            0x81 => "error",
            _ => "acknowledgement",
        };
        say(
            events,
            name,
            &[
                ("service_id", Value::Number(service.into())),
                ("method_id", Value::Number(method.into())),
                ("client_id", Value::Number(client.into())),
                ("return_code", Value::Number(code.into())),
            ],
        );
        Next::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, probe as first};

    const REQUEST: &[u8] = &[0x12, 0x34, 0, 1, 0, 0, 0, 9, 0, 7, 0, 1, 1, 1, 0, 0, 5];

    #[test]
    fn methods() {
        let said = exchange(&DETECTOR, &[(true, REQUEST)]);
        assert_eq!(
            said.0,
            ["request: service_id=4660 method_id=1 client_id=7 return_code=0"]
        );
        let ports = (40_000, 40_001);
        assert_eq!(
            (DETECTOR.probe)(&first(REQUEST, false, true, ports)),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&REQUEST[..16], false, true, ports)),
            Guess::No
        );
        // A length that no stream shows to be one.
        let mut long = REQUEST.to_vec();
        assert_eq!(
            (DETECTOR.probe)(&first(&long, true, true, ports)),
            Guess::Certain
        );
        long[5] = 0x0b;
        assert_eq!(
            (DETECTOR.probe)(&first(&long, true, true, ports)),
            Guess::No
        );
    }
}
