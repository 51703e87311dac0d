//! STUN (RFC 8489, 5389, and 3489 before it) and TURN (RFC 8656): addresses seen from outside,
//! relays, users; then whatever the path was found for: DTLS and media in the same flow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::support::{Frame, frames, keep, login, printable, say, software};
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value,
};

/// STUN.
pub static PROTOCOL: Protocol = Protocol {
    name: "stun",
    title: "STUN",
    category: Category::Voip,
};

/// Recognised by the magic cookie, or by RFC 3489's types with a length that fits.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[3478],
    probe,
    parser: Some(|| Box::<Stun>::default()),
};

const COOKIE: u32 = 0x2112_a442;
const HEADER: usize = 20;
const MESSAGES_MAX: u32 = 256;
/// Datagrams of other kinds (media) after which nothing new is expected.
const OTHERS_MAX: u32 = 32;

/// Whether a message with the cookie, of `length` bytes, stands here.
fn is_message(data: &[u8], length: usize) -> bool {
    let (Some(kind), Some(size), Some(cookie)) =
        (u16_at(data, 0), u16_at(data, 2), u32_at(data, 4))
    else {
        return false;
    };
    let size = usize::from(size);
    kind < 0x4000 && cookie == COOKIE && size % 4 == 0 && size + HEADER <= length
}

/// A message of RFC 3489, which has no cookie: a known type, a length and attributes that fit.
fn is_classic(data: &[u8], length: usize) -> bool {
    let (Some(kind), Some(size)) = (u16_at(data, 0), u16_at(data, 2)) else {
        return false;
    };
    if !matches!(
        kind,
        1 | 2 | 3 | 0x101 | 0x102 | 0x103 | 0x111 | 0x112 | 0x113 | 0x115
    ) || usize::from(size) + HEADER != length
    {
        return false;
    }
    let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
    while let (Some(_), Some(size)) = (reader.u16(), reader.u16()) {
        if reader.skip(usize::from(size).next_multiple_of(4)).is_none() {
            return reader.len() >= usize::from(size);
        }
    }
    reader.is_empty()
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        // Plain, or with a length in front (RFC 4571), as Microsoft's relays do.
        let framed = u16_at(data, 0).map_or(0, usize::from);
        let inner = data.get(2..).unwrap_or_default();
        return match data {
            [] | [0..=0x3f] | [0..=0x3f, _] => Guess::More,
            _ if u32_at(data, 4) == Some(COOKIE) && data[0] < 0x40 => Guess::Certain,
            _ if u32_at(inner, 4) == Some(COOKIE) && inner[0] < 0x40 && framed >= HEADER => {
                Guess::Certain
            }
            [0..=0x3f, ..] if data.len() < 10 => Guess::More,
            _ => Guess::No,
        };
    }
    if is_message(data, probe.wire_len) || is_classic(data, probe.wire_len) {
        Guess::Certain
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Stun {
    messages: u32,
    others: u32,
    user: Option<Box<[u8]>>,
    app: bool,
    /// DTLS that goes the same way.
    dtls: Option<Box<dyn Parser>>,
    /// Each direction's framing over TCP: with a length in front.
    framed: [Option<bool>; 2],
}

impl Parser for Stun {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if is_message(data, context.wire_len) || is_classic(data, context.wire_len) {
            return self.message(context.from_client, data, events);
        }
        self.other(context, data, events)
    }

    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() < 10 {
            return Step::consumed(0);
        }
        let side = usize::from(context.from_client);
        let framed = *self.framed[side].get_or_insert_with(|| u32_at(data, 4) != Some(COOKIE));
        frames(
            data,
            4096,
            |data| match (framed, u16_at(data, 0), u16_at(data, 2)) {
                (true, Some(length), _) => Frame::Of(u64::from(length) + 2),
                (false, Some(0..=0x3fff), Some(length)) => Frame::Of(u64::from(length) + 20),
                // ChannelData is padded to four bytes in streams (RFC 8656, 12.5).
                (false, Some(0x4000..=0x7fff), Some(length)) => {
                    Frame::Of((u64::from(length) + 4).next_multiple_of(4))
                }
                (_, None, _) | (_, _, None) => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                let message = if framed {
                    message.get(2..).unwrap_or_default()
                } else {
                    message
                };
                if is_message(message, message.len()) {
                    return self.message(context.from_client, message, events);
                }
                self.others += 1;
                if self.others > OTHERS_MAX {
                    Next::Done
                } else {
                    Next::Continue
                }
            },
        )
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        self.answered(None, events);
        if let Some(dtls) = &mut self.dtls {
            dtls.finish(context, events);
        }
    }

    fn heap_bytes(&self) -> usize {
        let dtls = self.dtls.as_ref().map_or(0, |dtls| dtls.heap_bytes());
        size_of::<Self>() + dtls + self.user.as_ref().map_or(0, |user| user.len())
    }
}

impl Stun {
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(user) = self.user.take() {
            login(events, &user, "TURN", success, false);
        }
    }

    /// What shares the path (RFC 7983): DTLS, channels of TURN, media.
    fn other(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if matches!(data.first(), Some(20..=63)) && matches!(data.get(1), Some(0xfe | 0x01)) {
            if self.dtls.is_none() {
                events.event(Event::Service(&super::dtls::PROTOCOL));
                self.dtls = Some(super::dtls::beside_stun());
            }
            if let Some(dtls) = &mut self.dtls
                && !matches!(dtls.datagram(context, data, events), Next::Continue)
            {
                return Next::Done;
            }
            return Next::Continue;
        }
        self.others += 1;
        if self.others > OTHERS_MAX && self.dtls.is_none() {
            self.answered(None, events);
            return Next::Done;
        }
        Next::Continue
    }

    fn message(&mut self, from_client: bool, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        let Some(kind) = u16_at(data, 0) else {
            return Next::Continue;
        };
        let mut fields = Vec::new();
        let mut relay_user = None;
        let transaction = data.get(4..20).unwrap_or_default();
        let mut reader = Reader::new(data.get(HEADER..).unwrap_or_default());
        while let (Some(attribute), Some(size)) = (reader.u16(), reader.u16())
            && fields.len() < 16
        {
            let Some(value) = reader.take(size.into()) else {
                break;
            };
            reader.take_up_to(usize::from(size).next_multiple_of(4) - usize::from(size));
            let field = match attribute {
                0x0001 => address(value, &[]).map(|ip| ("mapped_address", Value::Address(ip))),
                0x0020 | 0x8020 => {
                    address(value, transaction).map(|ip| ("mapped_address", Value::Address(ip)))
                }
                0x0012 => {
                    address(value, transaction).map(|ip| ("peer_address", Value::Address(ip)))
                }
                0x0016 => {
                    address(value, transaction).map(|ip| ("relayed_address", Value::Address(ip)))
                }
                0x0006 if printable(value) => {
                    relay_user = Some(value);
                    Some(("username", Value::Text(value)))
                }
                0x0009 => value.get(2..4).map(|code| {
                    let code = u64::from(code[0] & 7) * 100 + u64::from(code[1] % 100);
                    ("error_code", Value::Number(code))
                }),
                0x0014 => Some(("realm", Value::Text(value))),
                0x8022 => {
                    if self.messages <= 4 {
                        software(events, from_client, super::support::until_nul(value));
                    }
                    Some(("software", Value::Text(super::support::until_nul(value))))
                }
                _ => None,
            };
            fields.extend(field);
            if !self.app
                && let Some(app) = app(attribute, value)
            {
                self.app = true;
                events.event(Event::App(app));
            }
        }
        let class = (kind >> 7 & 2) | (kind >> 4 & 1);
        let method = kind & 0x0f | kind >> 1 & 0x70 | kind >> 2 & 0xf80;
        // Only relays have users of their own; a check between two peers names both.
        if method == 3 {
            match (class, relay_user) {
                (0, Some(user)) => self.user = Some(keep(user, 256)),
                (2, _) => self.answered(Some(true), events),
                (3, _) if self.messages > 2 => self.answered(Some(false), events),
                _ => {}
            }
        }
        let names = ["request", "indication", "success", "error"];
        let name = names.get(usize::from(class)).copied().unwrap_or_default();
        fields.insert(0, ("class", Value::Word(name)));
        say(events, method_name(method), &fields);
        Next::Continue
    }
}

/// An address attribute; `transaction` (cookie and identifier) where it is exclusive-ored.
fn address(value: &[u8], transaction: &[u8]) -> Option<IpAddr> {
    let family = *value.get(1)?;
    let bytes = value.get(4..)?;
    let mut plain = [0; 16];
    for (index, (place, &byte)) in plain.iter_mut().zip(bytes).enumerate() {
        *place = byte ^ transaction.get(index).copied().unwrap_or_default();
    }
    match family {
        1 if bytes.len() >= 4 => {
            let [a, b, c, d, ..] = plain;
            Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        2 if bytes.len() >= 16 => Some(IpAddr::V6(Ipv6Addr::from(plain))),
        _ => None,
    }
}

/// Products that are told by attributes of their own, or by realms.
fn app(attribute: u16, value: &[u8]) -> Option<&'static str> {
    match attribute {
        0x4000..=0x4007 => Some("WhatsApp"),
        // MS-VERSION, MS-SERVICE-QUALITY, CANDIDATE-IDENTIFIER, MS-IMPLEMENTATION-VERSION of
        // [MS-TURN] and [MS-ICE2].
        0x8008 | 0x8054 | 0x8055 | 0x8070 => Some("Microsoft Teams"),
        0x0014 | 0x8022 => {
            let has = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
            if has(b"telegram") {
                Some("Telegram")
            } else if has(b"facebook") || has(b"fbsbx") {
                Some("Facebook")
            } else if has(b"viber") {
                Some("Viber")
            } else if has(b"zoom.us") {
                Some("Zoom")
            } else if has(b"discord") {
                Some("Discord")
            } else if has(b"signal.org") {
                Some("Signal")
            } else {
                None
            }
        }
        _ => None,
    }
}

fn method_name(method: u16) -> &'static str {
    match method {
        1 => "binding",
        2 => "shared_secret",
        3 => "allocate",
        4 => "refresh",
        6 => "send",
        7 => "data",
        8 => "create_permission",
        9 => "channel_bind",
        10 => "connect",
        11 => "connection_bind",
        12 => "connection_attempt",
        _ => "method",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, guess};

    const REQUEST: &[u8] = b"\0\x01\0\x08\x21\x12\xa4\x42123456789012\x80\x22\0\x04test";
    const ANSWER: &[u8] =
        b"\x01\x01\0\x0c\x21\x12\xa4\x42123456789012\0\x20\0\x08\0\x01\x11\x22\xe1\x12\xa6\x4b";

    #[test]
    fn addresses_seen_from_outside() {
        let said = exchange(&DETECTOR, &[(true, REQUEST), (false, ANSWER)]);
        assert_eq!(
            said.0,
            [
                "software: client test",
                "binding: class=request software=test",
                "binding: class=success mapped_address=192.0.2.9",
            ]
        );
        assert_eq!(
            conversation(&DETECTOR, &[(true, REQUEST), (false, ANSWER)])
                .0
                .len(),
            3
        );
    }

    #[test]
    fn recognised() {
        let mut classic = REQUEST.to_vec();
        assert_eq!(guess(&DETECTOR, REQUEST), Guess::Certain);
        classic[4] = 0;
        let udp = crate::app::trial::probe(&classic, false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&udp), Guess::Certain);
        classic.push(0);
        let udp = crate::app::trial::probe(&classic, false, true, (40_000, 40_001));
        assert_eq!((DETECTOR.probe)(&udp), Guess::No);
        assert_eq!(
            guess(&DETECTOR, b"\x16\x03\x01\0\x05\x01\0\0\x01\0\0\0"),
            Guess::No
        );
    }
}
