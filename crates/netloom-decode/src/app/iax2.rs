//! IAX2 (RFC 5456), the trunk of Asterisk: calls with number, user and program.

use super::support::{login, say};
use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// IAX2.
pub static PROTOCOL: Protocol = Protocol {
    name: "iax2",
    title: "IAX2",
    category: Category::Voip,
};

/// Recognised by a full frame whose information elements fill the datagram.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[4569],
    probe,
    parser: Some(|| Box::<Iax>::default()),
};

const HEADER: usize = 12;
const CONTROL: u8 = 6;
const FRAMES_MAX: u32 = 512;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // A full frame: high bit of the source call; the control frames of IAX.
    let [source, ..] = data else { return Guess::No };
    if source & 0x80 == 0 || data.len() < HEADER || data[10] != CONTROL {
        return Guess::No;
    }
    let subclass = data[11];
    if !(1..=0x28).contains(&subclass) || data.len() < probe.wire_len {
        return Guess::No;
    }
    let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
    let mut elements = 0;
    while let (Some(kind), Some(length)) = (reader.u8(), reader.u8()) {
        if !(1..=0x37).contains(&kind) || reader.skip(length.into()).is_none() {
            return Guess::No;
        }
        elements += 1;
    }
    // The first one of a call has no other call's number and no sequence yet.
    let begins = data[2].trailing_zeros() >= 7 && data[3] == 0 && data[8] == 0 && data[9] == 0;
    match (reader.is_empty(), elements, probe.has_port(4569)) {
        (true, 1.., true) | (true, 2.., _) => Guess::Certain,
        (true, 0, true) => Guess::Unsure,
        (true, 1, false) if begins => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Iax {
    frames: u32,
}

impl Parser for Iax {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.frames += 1;
        if self.frames > FRAMES_MAX {
            return Next::Done;
        }
        let (Some(source), Some(&CONTROL), Some(&subclass)) =
            (u16_at(data, 0), data.get(10), data.get(11))
        else {
            return Next::Continue;
        };
        if source & 0x8000 == 0 {
            return Next::Continue;
        }
        let mut fields = vec![("call", Value::Number((source & 0x7fff).into()))];
        let mut user: &[u8] = &[];
        let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
        while let Some(kind) = reader.u8()
            && let Some(value) = reader.bytes8()
            && fields.len() < 16
        {
            let name = match kind {
                1 => "called_number",
                2 => "calling_number",
                4 => "calling_name",
                5 => "called_context",
                6 => {
                    user = value;
                    "username"
                }
                0x0a => "language",
                0x16 => "cause",
                _ => continue,
            };
            fields.push((name, Value::Text(value)));
        }
        // Registration or call: who it is for (the password is a digest or a key's signature).
        if matches!(subclass, 1 | 0x0d) && !user.is_empty() {
            login(events, user, "IAX2", None, false);
        }
        say(events, subclass_name(subclass), &fields);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// IAX control frames (RFC 5456, 8.4).
fn subclass_name(subclass: u8) -> &'static str {
    match subclass {
        0x01 => "NEW",
        0x02 => "PING",
        0x03 => "PONG",
        0x04 => "ACK",
        0x05 => "HANGUP",
        0x06 => "REJECT",
        0x07 => "ACCEPT",
        0x08 => "AUTHREQ",
        0x09 => "AUTHREP",
        0x0a => "INVAL",
        0x0b => "LAGRQ",
        0x0c => "LAGRP",
        0x0d => "REGREQ",
        0x0e => "REGAUTH",
        0x0f => "REGACK",
        0x10 => "REGREJ",
        0x11 => "REGREL",
        0x12 => "VNAK",
        0x13 => "DPREQ",
        0x14 => "DPREP",
        0x15 => "DIAL",
        0x16 => "TXREQ",
        0x17 => "TXCNT",
        0x18 => "TXACC",
        0x19 => "TXREADY",
        0x1a => "TXREL",
        0x1b => "TXREJ",
        0x1c => "QUELCH",
        0x1d => "UNQUELCH",
        0x1e => "POKE",
        0x20 => "MWI",
        0x21 => "UNSUPPORT",
        0x22 => "TRANSFER",
        0x28 => "CALLTOKEN",
        _ => "CONTROL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::exchange;

    const NEW: &[u8] = b"\x80\x01\0\0\0\0\0\x05\0\0\x06\x01\x0b\x02\0\x02\x01\x03100\x06\x03ann";

    #[test]
    fn calls() {
        let said = exchange(&DETECTOR, &[(true, NEW)]);
        assert_eq!(
            said.0,
            [
                "login: ann IAX2 None false",
                "NEW: call=1 called_number=100 username=ann"
            ]
        );
    }

    #[test]
    fn recognised() {
        let probe = crate::app::trial::probe(NEW, false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&probe), Guess::Certain);
        let probe = crate::app::trial::probe(&NEW[..20], false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&probe), Guess::No);
    }
}
