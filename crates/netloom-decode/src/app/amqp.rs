//! AMQP 0-9, 0-9-1 and 1.0 (OASIS): the header, who connects, with which user and mechanism.

use super::support::{Frame, frame_u32, frames, login, risk, say, software};
use super::wire::{Reader, u16_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// AMQP.
pub static PROTOCOL: Protocol = Protocol {
    name: "amqp",
    title: "AMQP",
    category: Category::Rpc,
};

/// Recognised by the header `AMQP`.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[5672],
    probe,
    parser: Some(|| Box::<Amqp>::default()),
};

const KEPT: usize = 4096;
const METHODS_MAX: u32 = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [b'A', b'M', b'Q', b'P', 0..=3, _, _, _, ..] => Guess::Certain,
        // A frame in the middle of a connection: a method of a known class, and its end marker.
        [1, _, _, 0, 0, high, low, 0, class, 0, ..] => {
            let length = usize::from(*high) << 8 | usize::from(*low);
            let known = matches!(class, 10 | 20 | 40 | 50 | 60 | 85 | 90);
            match probe.data.get(length + 7) {
                Some(0xce) if known && length >= 4 => Guess::Certain,
                None if known && probe.data.len() < 32 => Guess::More,
                _ => Guess::No,
            }
        }
        [3, _, _, 0, ..] if !probe.from_start => match frame_u32(probe.data, 3, 7) {
            Frame::Of(length @ 8..=8192) => match probe.data.get(length as usize) {
                Some(0xce) => Guess::Unsure,
                _ => Guess::No,
            },
            _ => Guess::No,
        },
        data if b"AMQP".starts_with(data.get(..4).unwrap_or(data)) && data.len() < 8 => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Amqp {
    headed: [bool; 2],
    methods: u32,
}

impl Parser for Amqp {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let side = usize::from(context.from_client);
        let mut start = 0;
        if !self.headed[side] {
            if data.len() < 8 {
                return Step::consumed(0);
            }
            self.headed[side] = true;
            if let [b'A', b'M', b'Q', b'P', id, major, minor, revision, ..] = data {
                start = 8;
                let version = match (id, major, minor, revision) {
                    (0, 0, 9, 1) => "0-9-1".to_owned(),
                    (0 | 2 | 3, 1, 0, _) => "1.0".to_owned(),
                    _ => format!("{major}-{minor}"),
                };
                say(events, "header", &[("version", Value::Word(&version))]);
                if *major == 1 {
                    return Step::DONE;
                }
            }
        }
        let rest = data.get(start..).unwrap_or_default();
        let step = frames(
            rest,
            KEPT,
            |data| match data.first() {
                Some(1..=3 | 8) => frame_u32(data, 3, 8),
                _ => Frame::Wrong,
            },
            |frame| self.frame(context.from_client, frame, events),
        );
        Step::then(start + step.consumed, step.next)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Amqp {
    fn frame(&mut self, from_client: bool, frame: &[u8], events: &mut dyn Events) -> Next {
        if frame.first() != Some(&1) {
            return Next::Continue;
        }
        let (Some(class), Some(method)) = (u16_at(frame, 7), u16_at(frame, 9)) else {
            return Next::Continue;
        };
        let body = frame.get(11..).unwrap_or_default();
        self.methods += 1;
        match (class, method) {
            // Start: version, then a table of what the server is.
            (10, 10) => {
                let mut reader = Reader::new(body.get(2..).unwrap_or_default());
                product(&mut reader, from_client, events);
            }
            // Start-Ok: table, mechanism, answer.
            (10, 11) => {
                let mut reader = Reader::new(body);
                product(&mut reader, from_client, events);
                let (Some(mechanism), Some(length)) = (reader.bytes8(), reader.u32()) else {
                    return Next::Continue;
                };
                let answer = reader.take_up_to(length as usize);
                Self::credentials(mechanism, answer, events);
                return Next::Continue;
            }
            _ => {}
        }
        if let Some(name) = method_name(class, method) {
            say(events, name, &[]);
        }
        if self.methods < METHODS_MAX {
            Next::Continue
        } else {
            Next::Done
        }
    }

    fn credentials(mechanism: &[u8], answer: &[u8], events: &mut dyn Events) {
        let mut user: &[u8] = &[];
        if mechanism == b"PLAIN" {
            user = answer.split(|&byte| byte == 0).nth(1).unwrap_or_default();
            risk(events, Risk::CleartextCredentials, "AMQP PLAIN");
            login(events, user, "PLAIN", None, true);
        } else if mechanism == b"AMQPLAIN" {
            // A table: `LOGIN`, a long string, `PASSWORD`, …
            if let Some(rest) = answer.strip_prefix(b"\x05LOGINS") {
                let mut reader = Reader::new(rest);
                let length = reader.u32().unwrap_or_default();
                user = reader.take_up_to(length as usize);
            }
            risk(events, Risk::CleartextCredentials, "AMQP AMQPLAIN");
            login(events, user, "AMQPLAIN", None, true);
        }
        let mut fields = vec![("mechanism", Value::Text(mechanism))];
        if !user.is_empty() {
            fields.push(("user", Value::Text(user)));
        }
        say(events, "connection.start_ok", &fields);
    }
}

/// The product that a table of properties names; the table is passed over.
fn product(reader: &mut Reader<'_>, from_client: bool, events: &mut dyn Events) {
    let Some(length) = reader.u32() else { return };
    let table = reader.take_up_to(length as usize);
    let text = |key: &[u8]| {
        let at = table.windows(key.len()).position(|window| window == key)?;
        let mut reader = Reader::new(table.get(at + key.len()..)?);
        let length = reader.u32()? as usize;
        reader.take(length)
    };
    if let Some(product) = text(b"\x07productS") {
        let mut name = product.iter().take(128).copied().collect::<Vec<_>>();
        if let Some(version) = text(b"\x07versionS") {
            name.push(b' ');
            name.extend(version.iter().take(64));
        }
        software(events, from_client, &name);
    }
}

fn method_name(class: u16, method: u16) -> Option<&'static str> {
    Some(match (class, method) {
        (10, 10) => "connection.start",
        (10, 30) => "connection.tune",
        (10, 31) => "connection.tune_ok",
        (10, 40) => "connection.open",
        (10, 41) => "connection.open_ok",
        (10, 50) => "connection.close",
        (10, 51) => "connection.close_ok",
        (20, 10) => "channel.open",
        (20, 40) => "channel.close",
        (40, 10) => "exchange.declare",
        (50, 10) => "queue.declare",
        (50, 20) => "queue.bind",
        (60, 20) => "basic.consume",
        (60, 40) => "basic.publish",
        (60, 60) => "basic.deliver",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    #[test]
    fn plain_logins() {
        let mut body = b"\0\x0a\0\x0b\0\0\0\x12\x07productS\0\0\0\x05pytho\x05PLAIN\0\0\0\x09\0ann\0hush\x05en_US".to_vec();
        let mut frame = vec![1, 0, 0, 0, 0, 0, body.len() as u8];
        frame.append(&mut body);
        frame.push(0xce);
        let said = conversation(&DETECTOR, &[(true, b"AMQP\0\0\x09\x01"), (true, &frame)]);
        assert_eq!(said.0[0], "header: version=0-9-1");
        assert!(said.has("software: client pytho"));
        assert!(said.has("login: ann PLAIN None true"));
        assert!(!said.has("hush"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, b"AMQP\0\0\x09\x01"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"AMQ"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"AMQX\0\0\x09\x01"), Guess::No);
    }
}
