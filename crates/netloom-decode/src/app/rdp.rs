//! Remote Desktop Protocol (MS-RDPBCGR): the connection request and what follows it.

use super::support::{keep, login, say};
use super::wire::{u16_at, u16_le_at, u32_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
    text, tls,
};

/// RDP.
pub static PROTOCOL: Protocol = Protocol {
    name: "rdp",
    title: "RDP",
    category: Category::RemoteAccess,
};

/// RDP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[3389],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// Connection request and confirm of X.224.
const REQUEST: u8 = 0xe0;
const CONFIRM: u8 = 0xd0;

/// What a packet in TPKT (RFC 1006) with a connection request or confirm of X.224 says: its
/// code, and what follows the fixed part; `None` where it is none or not whole.
fn unit(data: &[u8]) -> Option<(u8, &[u8])> {
    let length = usize::from(u16_at(data, 2)?);
    let packet = data.get(..length)?;
    let [3, 0, _, _, indicator, code, _, _, _, _, _, rest @ ..] = packet else {
        return None;
    };
    (usize::from(*indicator) + 5 == length && matches!(*code, REQUEST | CONFIRM))
        .then_some((*code, rest))
}

/// The cookie or routing token, and the negotiation that follows it: type, flags, protocols.
fn parts(rest: &[u8]) -> (&[u8], Option<(u8, u8, u32)>) {
    let (cookie, after) = match text::line(rest) {
        Some((line, taken)) if rest.starts_with(b"Cookie: ") => {
            (line, rest.get(taken..).unwrap_or_default())
        }
        _ => (&[][..], rest),
    };
    let negotiation = match after {
        [kind @ 1..=3, flags, ..] if u16_le_at(after, 2) == Some(8) => {
            u32_le_at(after, 4).map(|protocols| (*kind, *flags, protocols))
        }
        _ => None,
    };
    (cookie, negotiation)
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [3, 0, ..] | [3] | [] => {}
        _ => return Guess::No,
    }
    match unit(data) {
        Some((code, rest)) => {
            let (cookie, negotiation) = parts(rest);
            if !cookie.is_empty() || negotiation.is_some() {
                Guess::Certain
            } else if rest.is_empty() && probe.has_port(3389) {
                // The first versions ask for nothing.
                if code == REQUEST && probe.other.starts_with(&[3, 0]) {
                    Guess::Certain
                } else {
                    Guess::Unsure
                }
            } else {
                Guess::No
            }
        }
        None if data.len() < 11 => Guess::More,
        None if matches!(data.get(5), Some(&(REQUEST | CONFIRM)))
            && data.len() < 512
            && u16_at(data, 2).is_some_and(|length| usize::from(length) > data.len()) =>
        {
            Guess::More
        }
        None => Guess::No,
    }
}

/// Names of the security protocols (MS-RDPBCGR 2.2.1.2.1).
const fn security(protocol: u32) -> &'static str {
    match protocol {
        0 => "RDP",
        1 => "SSL",
        2 => "HYBRID",
        4 => "RDSTLS",
        8 => "HYBRID_EX",
        16 => "RDSAAD",
        _ => "other",
    }
}

/// Reads the start of a connection.
#[derive(Debug, Default)]
struct Session {
    cookie: Option<Box<[u8]>>,
}

impl Parser for Session {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let Some(length) = u16_at(data, 2) else {
            return Step::consumed(0);
        };
        let length = usize::from(length);
        if data.len() < length {
            return if data.first() == Some(&3) {
                Step::consumed(0)
            } else {
                Step::DONE
            };
        }
        let Some((code, rest)) = unit(data) else {
            return Step::DONE;
        };
        let (cookie, negotiation) = parts(rest);
        if code == REQUEST {
            let user = cookie.strip_prefix(b"Cookie: mstshash=");
            if let Some(user) = user.filter(|user| !user.is_empty()) {
                login(events, user, "cookie", None, false);
            }
            self.cookie = (!cookie.is_empty()).then(|| keep(user.unwrap_or(cookie), 256));
            return Step::consumed(length);
        }
        let mut fields = Vec::new();
        if let Some(cookie) = &self.cookie {
            fields.push(("cookie", Value::Text(cookie)));
        }
        let chosen = match negotiation {
            Some((2, _, chosen)) => chosen,
            Some((3, _, reason)) => {
                fields.push(("result", Value::Word("failed")));
                fields.push(("failure_code", Value::Number(reason.into())));
                say(events, "connect", &fields);
                return Step::DONE;
            }
            _ => 0,
        };
        fields.push(("security_protocol", Value::Word(security(chosen))));
        say(events, "connect", &fields);
        if chosen == 0 {
            return Step::DONE;
        }
        Step::then(length, Next::Become(Some(&tls::DETECTOR)))
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.cookie.as_ref().map_or(0, |cookie| cookie.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, guess, streams};
    use super::*;

    fn packet(code: u8, rest: &[u8]) -> Vec<u8> {
        let mut out = vec![3, 0, 0, 11 + rest.len() as u8, 6 + rest.len() as u8, code];
        out.extend([0; 5]);
        out.extend(rest);
        out
    }

    #[test]
    fn a_connection() {
        let mut rest = b"Cookie: mstshash=bob\r\n".to_vec();
        rest.extend([1, 0, 8, 0, 3, 0, 0, 0]);
        let request = packet(REQUEST, &rest);
        assert_eq!(guess(&DETECTOR, &request), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &request[..9]), Guess::More);
        let confirm = packet(CONFIRM, &[2, 0, 8, 0, 2, 0, 0, 0]);
        let mut said = Said::default();
        let next = streams(
            &mut Session::default(),
            [(true, request), (false, confirm)],
            &mut said,
        );
        assert!(matches!(next, Next::Become(Some(_))));
        assert!(said.has("login: bob cookie None false"), "{said:#?}");
        assert!(said.has("cookie=bob security_protocol=HYBRID"));
        assert_eq!(
            guess(&DETECTOR, &packet(REQUEST, &[0xc1, 2, 1, 0])),
            Guess::No,
            "S7"
        );
    }

    proptest! {
        #[test]
        fn bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let data = packet(REQUEST, &data);
            let mut session = Session::default();
            streams(&mut session, [(true, &data)], &mut Said::default());
            prop_assert!(session.heap_bytes() < 1024);
        }
    }
}
