//! NTP (RFC 5905), its control messages (RFC 9327) and the private ones of old servers.

use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Message, Next, Over, Parser,
    Probe, Protocol, Value,
};

/// NTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    title: "NTP",
    category: Category::Network,
};

/// Recognises NTP, on its own port: most values of its fields are possible.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[123],
    probe,
    parser: Some(|| Box::new(Ntp)),
};

/// Bytes of a message about time, without extensions (RFC 5905, section 7.3).
pub const TIME_LEN: usize = 48;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;

fn probe(probe: &Probe<'_>) -> Guess {
    let Some(&first) = probe.data.first().filter(|_| probe.has_port(123)) else {
        return Guess::No;
    };
    let (version, mode) = (first >> 3 & 7, first & 7);
    let fits = match mode {
        _ if !(1..=4).contains(&version) => false,
        CONTROL => {
            let count = u16_at(probe.data, 10).map_or(0, usize::from);
            probe.wire_len >= 12 + count && probe.data.len() >= 12
        }
        PRIVATE => probe.wire_len >= 8,
        0..=5 => {
            let stratum = probe.data.get(1).copied().unwrap_or(u8::MAX);
            probe.wire_len >= TIME_LEN && stratum <= 16 && probe.wire_len.is_multiple_of(4)
        }
        _ => false,
    };
    match (fits, mode) {
        (false, _) => Guess::No,
        (true, PRIVATE) if private_list(probe) => Guess::Certain,
        (true, 1..=5) => Guess::Certain,
        (true, _) => Guess::Unsure,
    }
}

/// An answer of mode 7 from ntpd: no error, and its items of their size are all there is.
fn private_list(probe: &Probe<'_>) -> bool {
    let (count, size) = (u16_at(probe.data, 4), u16_at(probe.data, 6));
    let (Some(count @ 1..=500), Some(size @ 1..=500)) = (count, size) else {
        return false;
    };
    probe.data.first().is_some_and(|first| first & 0x80 != 0)
        && matches!(probe.data.get(2), Some(2 | 3))
        && 8 + usize::from(count) * usize::from(size) == probe.wire_len.max(probe.data.len())
}

/// Every message speaks for itself.
#[derive(Debug)]
struct Ntp;

impl Parser for Ntp {
    fn datagram(&mut self, _context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if let Some(&first) = data.first()
            && events.wants(Interest::MESSAGES)
        {
            say(first, data, events);
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Name of a mode, the lowest three bits of a message (RFC 5905, section 3).
pub fn mode_name(mode: u8) -> &'static str {
    const NAMES: [&str; 8] = [
        "reserved",
        "symmetric_active",
        "symmetric_passive",
        "client",
        "server",
        "broadcast",
        "control",
        "private",
    ];
    NAMES[usize::from(mode & 7)]
}

fn say(first: u8, data: &[u8], events: &mut dyn Events) {
    let mode = first & 7;
    let kind = mode_name(mode);
    let mut fields = vec![
        ("version", Value::Number((first >> 3 & 7).into())),
        ("mode", Value::Number(mode.into())),
    ];
    let address;
    match mode {
        CONTROL => {
            if let Some(&code) = data.get(1) {
                fields.push(("op_code", Value::Number((code & 31).into())));
            }
        }
        PRIVATE => {
            if let Some(&code) = data.get(3) {
                fields.push(("req_code", Value::Number(code.into())));
            }
        }
        _ => {
            let stratum = data.get(1).copied().unwrap_or_default();
            fields.push(("stratum", Value::Number(stratum.into())));
            if let Some(reference) = u32_at(data, 12).filter(|&reference| reference != 0) {
                // A source of time names itself; who asked another server says its address.
                address = reference.to_be_bytes();
                let text = address.split(|&byte| byte == 0).next().unwrap_or_default();
                let value = if stratum <= 1 && text.iter().all(u8::is_ascii_graphic) {
                    Value::Text(text)
                } else {
                    Value::Address(std::net::Ipv4Addr::from(reference).into())
                };
                fields.push(("ref_id", value));
            }
        }
    }
    events.event(Event::Message(Message {
        kind,
        fields: &fields,
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, datagrams, exchange, probe as of};

    fn server() -> Vec<u8> {
        let mut bytes = vec![0x24, 1, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(b"GPS\0");
        bytes.resize(TIME_LEN, 0x77);
        bytes
    }

    #[test]
    fn a_server_answers() {
        let bytes = server();
        let guess = |data: &[u8], port| (DETECTOR.probe)(&of(data, false, true, (port, 40_000)));
        assert_eq!(guess(&bytes, 123), Guess::Certain);
        assert_eq!(guess(&bytes, 124), Guess::No);
        assert_eq!(guess(&bytes[..40], 123), Guess::No);
        let said = exchange(&DETECTOR, &[(false, &bytes)]);
        assert!(
            said.has("server: version=4 mode=4 stratum=1 ref_id=GPS"),
            "{said:?}"
        );
        // The request of the monitor list that amplifies.
        let list = [0x17, 0, 3, 42, 0, 0, 0, 0];
        assert_eq!(guess(&list, 123), Guess::Unsure);
        // Its answer: as many items of the size as there are.
        let mut answer = vec![0x97, 0, 3, 42, 0, 2, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(guess(&answer, 123), Guess::Certain);
        answer.pop();
        assert_eq!(guess(&answer, 123), Guess::Unsure);
        assert!(exchange(&DETECTOR, &[(true, &list)]).has("private: version=2 mode=7 req_code=42"));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = (DETECTOR.probe)(&of(&bytes, false, true, (123, 123)));
            let mut said = Said::default();
            datagrams(&mut Ntp, [(true, &bytes[..])], &mut said);
        }
    }
}
