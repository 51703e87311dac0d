//! RTP (RFC 3550), recognised by behaviour: packets of one source whose sequence numbers and
//! timestamps go on.

use super::support::say;
use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// RTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtp",
    title: "RTP",
    category: Category::Media,
};

/// Recognised by two packets in a row.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[5004],
    probe,
    parser: Some(|| Box::new(Rtp { said: [false; 2] })),
};

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What is sent (RFC 3551).
    pub(crate) payload_type: u8,
    /// Goes up by one with each packet.
    pub(crate) sequence: u16,
    /// Goes on with the media's own clock.
    pub(crate) timestamp: u32,
    /// Who sends.
    pub(crate) source: u32,
}

/// A header that is valid in itself: version 2, a payload type that is RTP's (not RTCP's,
/// RFC 5761), contributing sources and extension that fit.
pub(crate) fn header(data: &[u8]) -> Option<Header> {
    let (&first, &second) = (data.first()?, data.get(1)?);
    let payload_type = second & 0x7f;
    // 35 to 71 are not assigned, 72 to 95 would be RTCP's.
    if first >> 6 != 2 || matches!(payload_type, 20..=24 | 27 | 29 | 30 | 35..=95) {
        return None;
    }
    let mut at = 12 + 4 * usize::from(first & 15);
    if first & 0x10 != 0 {
        at += 4 + 4 * usize::from(u16_at(data, at + 2)?);
    }
    if data.len() < at {
        return None;
    }
    Some(Header {
        payload_type,
        sequence: u16_at(data, 2)?,
        timestamp: u32_at(data, 4)?,
        source: u32_at(data, 8)?,
    })
}

/// Whether `next` follows `previous`: same source, a sequence a little further, time that has not
/// gone back more than what reordered frames of video do.
pub(crate) fn follows(previous: Header, next: Header) -> bool {
    let step = next.sequence.wrapping_sub(previous.sequence);
    let time = next.timestamp.wrapping_sub(previous.timestamp) as i32;
    previous.source == next.source
        // A small number is more likely a field of something else, but for the old encodings.
        && (next.source > 0xffff || next.source != 0 && next.payload_type <= 34)
        && (1..=32).contains(&step)
        && (-90_000..=2_000_000).contains(&time)
        && (time != 0 || next.payload_type >= 25)
}

fn probe(probe: &Probe<'_>) -> Guess {
    if probe.tcp {
        return framed(probe);
    }
    let Some(next) = header(probe.data) else {
        return Guess::No;
    };
    match header(probe.previous) {
        Some(previous) if follows(previous, next) && previous.payload_type == next.payload_type => {
            Guess::Certain
        }
        // Events (RFC 4733) and comfort noise come with another payload type.
        Some(previous) if follows(previous, next) => Guess::Unsure,
        _ if probe.packets < 4 => Guess::More,
        _ => Guess::No,
    }
}

/// In TCP each packet has its length in front (RFC 4571): two in a row are needed.
fn framed(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !matches!(data, [_, _, 0x80..=0xbf, ..]) {
        return if data.len() < 3 {
            Guess::More
        } else {
            Guess::No
        };
    }
    let length = u16_at(data, 0).map_or(0, usize::from);
    let Some(first) = data.get(2..).and_then(header) else {
        return if data.len() < 14 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let second = data.get(length + 2..).unwrap_or_default();
    match second.get(2..).and_then(header) {
        // Lengths that lead from one to the next stand in for a source's number.
        Some(next)
            if first.source == next.source
                && next.sequence == first.sequence.wrapping_add(1)
                && next.timestamp.wrapping_sub(first.timestamp) < 2_000_000 =>
        {
            Guess::Certain
        }
        None if second.len() < 16 && length < 2048 => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug)]
struct Rtp {
    said: [bool; 2],
}

impl Rtp {
    fn first(&mut self, from_client: bool, packet: &[u8], events: &mut dyn Events) {
        let side = usize::from(from_client);
        if let Some(header) = header(packet)
            && !self.said[side]
        {
            self.said[side] = true;
            let source = format!("0x{:08x}", header.source);
            say(
                events,
                "stream",
                &[
                    ("payload_type", Value::Number(header.payload_type.into())),
                    ("encoding", Value::Word(encoding(header.payload_type))),
                    ("ssrc", Value::Word(&source)),
                ],
            );
        }
    }
}

impl Parser for Rtp {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() < 14 {
            return Step::consumed(0);
        }
        self.first(
            context.from_client,
            data.get(2..).unwrap_or_default(),
            events,
        );
        Step::then(data.len(), Next::Quiet)
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.first(context.from_client, data, events);
        if self.said == [true; 2] {
            Next::Done
        } else {
            Next::Continue
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Encodings with a number of their own (RFC 3551, tables 4 and 5).
fn encoding(payload_type: u8) -> &'static str {
    match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        _ => "dynamic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, probe as first};

    const ONE: &[u8] = b"\x80\x00\x12\x34\0\0\x01\0\xde\xad\xbe\xef\xff\xff";
    const TWO: &[u8] = b"\x80\x00\x12\x35\0\0\x01\xa0\xde\xad\xbe\xef\xff\xff";

    #[test]
    fn two_in_a_row() {
        let mut probe = first(ONE, false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&probe), Guess::More);
        probe.data = TWO;
        probe.previous = ONE;
        assert_eq!((DETECTOR.probe)(&probe), Guess::Certain);
        probe.data = ONE;
        probe.packets = 9;
        assert_eq!((DETECTOR.probe)(&probe), Guess::No);
    }

    #[test]
    fn in_tcp() {
        let stream = [&[0, 14], ONE, &[0, 14], TWO].concat();
        let probe = first(&stream, true, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&probe), Guess::Certain);
    }

    #[test]
    fn what_is_sent() {
        let said = exchange(&DETECTOR, &[(true, ONE), (true, TWO)]);
        assert_eq!(
            said.0,
            ["stream: payload_type=0 encoding=PCMU ssrc=0xdeadbeef"]
        );
    }
}
