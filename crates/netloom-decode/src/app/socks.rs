//! SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): where a proxy is asked to connect, and for whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::support::{keep, login, nul_text, printable, say};
use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value,
};

/// SOCKS.
pub static PROTOCOL: Protocol = Protocol {
    name: "socks",
    title: "SOCKS",
    category: Category::Vpn,
};

/// SOCKS on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[1080, 9050],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// A request of version 4: command, port, address, user, and the name of 4a; with its length.
struct Request4<'a> {
    port: u16,
    address: Ipv4Addr,
    user: &'a [u8],
    name: Option<&'a [u8]>,
    length: usize,
}

/// Longest user or name of version 4.
const TEXT_MAX: usize = 255;

fn request4(data: &[u8]) -> Option<Request4<'_>> {
    let [4, 1 | 2, _, _, a, b, c, d, rest @ ..] = data else {
        return None;
    };
    let port = u16_at(data, 2)?;
    let address = Ipv4Addr::new(*a, *b, *c, *d);
    let (user, after) = nul_text(rest)?;
    if user.len() > TEXT_MAX || !(user.is_empty() || printable(user)) || port == 0 {
        return None;
    }
    let length = 8 + user.len() + 1;
    // 0.0.0.x says that a name follows.
    if matches!(address.octets(), [0, 0, 0, 1..=255]) {
        let (name, _) = nul_text(after)?;
        return (printable(name) && name.len() <= TEXT_MAX).then_some(Request4 {
            port,
            address,
            user,
            name: Some(name),
            length: length + name.len() + 1,
        });
    }
    Some(Request4 {
        port,
        address,
        user,
        name: None,
        length,
    })
}

fn probe(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    if !probe.from_client {
        // The greeting is the client's; this side only confirms it.
        return if matches!(data, [5, _] | [0, 90..=93, ..] | []) {
            Guess::More
        } else {
            Guess::No
        };
    }
    match data {
        [5, count @ 1..=255, methods @ ..] if methods.len() == usize::from(*count) => match other {
            [5, method, ..] if methods.contains(method) || *method == 0xff => Guess::Certain,
            [] if probe.has_port(1080) => Guess::Unsure,
            [] | [5] => Guess::More,
            _ => Guess::No,
        },
        // The greeting with what the client sends after the server's answer.
        [5, count @ 1..=16, methods @ ..] if methods.len() > usize::from(*count) => match other {
            [5, method, ..]
                if methods
                    .get(..usize::from(*count))
                    .is_some_and(|m| m.contains(method)) =>
            {
                Guess::Certain
            }
            [] if probe.has_port(1080) => Guess::More,
            _ => Guess::No,
        },
        [5, ..] if data.len() < 18 => Guess::More,
        [4, ..] => match request4(data) {
            Some(request) if request.length == data.len() => match other {
                [0, 90..=93, ..] => Guess::Certain,
                [] if probe.has_port(1080) => Guess::Unsure,
                [] => Guess::More,
                _ => Guess::No,
            },
            Some(_) => match other {
                [0, 90, ..] if other.len() >= 8 => Guess::Certain,
                _ => Guess::No,
            },
            None if data.len() < 300 && matches!(data, [4] | [4, 1 | 2, ..]) => Guess::More,
            None => Guess::No,
        },
        [] => Guess::More,
        _ => Guess::No,
    }
}

/// What comes next of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Greeting,
    /// The server chooses a method.
    Chosen,
    /// User and password (RFC 1929).
    Password,
    /// The server's word on them.
    Verdict,
    /// The client's request.
    Request,
    /// The server's reply.
    Reply5,
    Reply4,
}

/// Reads until the connection is through.
#[derive(Debug, Default)]
struct Session {
    state: State,
    user: Option<Box<[u8]>>,
}

/// Address types of version 5.
fn address5<'a>(reader: &mut Reader<'a>) -> Option<Target<'a>> {
    Some(match reader.u8()? {
        1 => Target::Address(IpAddr::V4(Ipv4Addr::from(reader.u32()?))),
        3 => Target::Name(reader.bytes8()?),
        4 => {
            let bytes: [u8; 16] = reader.take(16)?.try_into().ok()?;
            Target::Address(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => return None,
    })
}

/// Where a client wants to.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Address(IpAddr),
    Name(&'a [u8]),
}

/// Tells of a request.
fn tell(version: u64, target: Target<'_>, port: u16, events: &mut dyn Events) {
    let value = match target {
        Target::Address(address) => Value::Address(address),
        Target::Name(name) => {
            events.event(Event::ServerName {
                name,
                source: "socks",
            });
            Value::Text(name)
        }
    };
    say(
        events,
        "request",
        &[
            ("version", Value::Number(version)),
            ("request_host", value),
            ("request_p", Value::Number(port.into())),
        ],
    );
}

impl Session {
    /// The next message of a side, where it is that side's turn: its length, and what follows.
    fn take(
        &mut self,
        from_client: bool,
        data: &[u8],
        events: &mut dyn Events,
    ) -> Option<(usize, Next)> {
        let mut reader = Reader::new(data);
        match (self.state, from_client) {
            (State::Greeting, true) if data.first() == Some(&4) => {
                let request = request4(data)?;
                let target = match request.name {
                    Some(name) => Target::Name(name),
                    None => Target::Address(IpAddr::V4(request.address)),
                };
                tell(4, target, request.port, events);
                if !request.user.is_empty() {
                    login(events, request.user, "socks4", None, false);
                }
                self.state = State::Reply4;
                Some((request.length, Next::Continue))
            }
            (State::Greeting, true) => {
                reader.skip(1)?;
                let methods = reader.bytes8()?;
                self.state = State::Chosen;
                Some((2 + methods.len(), Next::Continue))
            }
            (State::Chosen, false) => {
                self.state = match data.get(1)? {
                    0 => State::Request,
                    2 => State::Password,
                    _ => return Some((2, Next::Done)),
                };
                Some((2, Next::Continue))
            }
            (State::Password, true) => {
                reader.skip(1)?;
                let user = reader.bytes8()?;
                let password = reader.bytes8()?;
                self.user = Some(keep(user, TEXT_MAX));
                self.state = State::Verdict;
                Some((3 + user.len() + password.len(), Next::Continue))
            }
            (State::Verdict, false) => {
                let success = *data.get(1)? == 0;
                let user = self.user.take().unwrap_or_default();
                login(events, &user, "socks5", Some(success), true);
                self.state = State::Request;
                Some((2, if success { Next::Continue } else { Next::Done }))
            }
            (State::Request, true) => {
                reader.skip(3)?;
                let target = address5(&mut reader)?;
                let port = reader.u16()?;
                tell(5, target, port, events);
                self.state = State::Reply5;
                Some((data.len() - reader.len(), Next::Continue))
            }
            (State::Reply5, false) => {
                reader.skip(1)?;
                let reply = reader.u8()?;
                reader.skip(1)?;
                address5(&mut reader)?;
                reader.skip(2)?;
                let next = if reply == 0 {
                    Next::Become(None)
                } else {
                    Next::Done
                };
                Some((data.len() - reader.len(), next))
            }
            (State::Reply4, false) => {
                let reply = *data.get(1)?;
                data.get(..8)?;
                Some((
                    8,
                    if reply == 90 {
                        Next::Become(None)
                    } else {
                        Next::Done
                    },
                ))
            }
            _ => None,
        }
    }
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() > 1024 && self.state != State::Reply5 && self.state != State::Reply4 {
            return Step::DONE;
        }
        match self.take(context.from_client, data, events) {
            Some((taken, next)) => Step::then(taken.min(data.len()), next),
            None => Step::consumed(0),
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |user| user.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, guess, probe as make, streams};
    use super::*;

    #[test]
    fn version_five() {
        let mut said = Said::default();
        let pieces: [(bool, &[u8]); 6] = [
            (true, b"\x05\x02\x00\x02"),
            (false, b"\x05\x02"),
            (true, b"\x01\x03bob\x06secret"),
            (false, b"\x01\x00"),
            (true, b"\x05\x01\x00\x03\x0bexample.org\x00\x50"),
            (false, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
        ];
        let next = streams(&mut Session::default(), pieces, &mut said);
        assert!(matches!(next, Next::Become(None)));
        assert!(said.has("login: bob socks5 Some(true) true"), "{said:#?}");
        assert!(said.has("version=5 request_host=example.org request_p=80"));
        assert!(!said.has("secret"));
    }

    #[test]
    fn version_four() {
        let mut said = Said::default();
        let pieces: [(bool, &[u8]); 2] = [
            (
                true,
                b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00example.org\x00",
            ),
            (false, b"\x00\x5a\x00\x00\x00\x00\x00\x00"),
        ];
        let next = streams(&mut Session::default(), pieces, &mut said);
        assert!(matches!(next, Next::Become(None)));
        assert!(said.has("request_host=example.org"), "{said:#?}");
    }

    #[test]
    fn recognition_takes_both_sides() {
        assert_eq!(guess(&DETECTOR, b"\x05\x01\x00"), Guess::More);
        let mut both = make(b"\x05\x01\x00", true, true, (40_000, 40_001));
        both.other = b"\x05\x00";
        assert_eq!(probe(&both), Guess::Certain);
        both.other = b"\x06\x00";
        assert_eq!(probe(&both), Guess::No);
        assert_eq!(guess(&DETECTOR, b"\x16\x03\x01"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(0_u8..6, 0..30)), 0..10)) {
            let mut session = Session::default();
            streams(&mut session, pieces, &mut Said::default());
            prop_assert!(session.heap_bytes() < 1024);
        }
    }
}
