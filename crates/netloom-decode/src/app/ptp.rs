//! PTP (IEEE 1588-2008 and -2019) over UDP: messages, domains, clocks.

use super::support::say;
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Value,
};

/// PTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ptp",
    title: "PTP",
    category: Category::Network,
};

/// Recognised by version, type and a length that fits.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[319, 320],
    probe,
    parser: Some(|| Box::<Ptp>::default()),
};

const MESSAGES_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(&first), Some(&version), Some(length)) =
        (data.first(), data.get(1), u16_at(data, 2).map(usize::from))
    else {
        return Guess::No;
    };
    let own = probe.has_port(319) || probe.has_port(320);
    let kind = first & 15;
    // Shortest of each type (13.5 to 13.12).
    let least = match kind {
        0 | 1 | 8 | 12 => 44,
        2 | 3 | 9 | 10 => 54,
        11 => 64,
        13 => 48,
        _ => return Guess::No,
    };
    // Two bytes of padding may follow over IPv6, and an authentication.
    let fits = length >= least && (length..length + 3).contains(&probe.wire_len);
    match (version & 15, own, fits) {
        (2, true, true) => Guess::Certain,
        // Version 1 begins with its number in two bytes and names its domain.
        (_, true, _) if data.starts_with(&[0, 1, 0, 1]) && data.get(4..9) == Some(b"_DFLT") => {
            Guess::Certain
        }
        (2, false, true) if data.get(16..20) == Some(&[0; 4]) && first >> 4 <= 1 => Guess::Unsure,
        (2, true, false) => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Ptp {
    messages: u32,
}

impl Parser for Ptp {
    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let (Some(&first), Some(&version), Some(&domain)) =
            (data.first(), data.get(1), data.get(4))
        else {
            return Next::Continue;
        };
        if version & 15 != 2 {
            return Next::Done;
        }
        let name = match first & 15 {
            0 => "sync",
            1 => "delay_req",
            2 => "pdelay_req",
            3 => "pdelay_resp",
            8 => "follow_up",
            9 => "delay_resp",
            10 => "pdelay_resp_follow_up",
            11 => "announce",
            12 => "signaling",
            13 => "management",
            _ => return Next::Continue,
        };
        let clock = data.get(20..28).unwrap_or_default();
        let mut fields = vec![
            ("domain", Value::Number(domain.into())),
            ("clock_identity", Value::Bytes(clock)),
        ];
        if let Some(sequence) = u16_at(data, 30) {
            fields.push(("sequence_id", Value::Number(sequence.into())));
        }
        if first & 15 == 11
            && let Some(grandmaster) = data.get(53..61)
        {
            fields.push(("grandmaster_identity", Value::Bytes(grandmaster)));
        }
        say(events, name, &fields);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{exchange, probe as first};

    #[test]
    fn clocks() {
        let mut sync = vec![0, 2, 0, 44, 3, 0];
        sync.resize(44, 0);
        sync[27] = 9;
        let said = exchange(&DETECTOR, &[(true, &sync)]);
        assert_eq!(
            said.0,
            ["sync: domain=3 clock_identity=[00, 00, 00, 00, 00, 00, 00, 09] sequence_id=0"]
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&sync, false, true, (319, 319))),
            Guess::Certain
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&sync[..43], false, true, (319, 319))),
            Guess::Unsure
        );
        assert_eq!(
            (DETECTOR.probe)(&first(&sync[..43], false, true, (9, 9))),
            Guess::No
        );
    }
}
