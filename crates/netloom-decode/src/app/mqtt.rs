//! MQTT 3.1, 3.1.1 and 5.0 (OASIS standards): who connects, with which user, what is published
//! and subscribed to. Fields are named as Suricata's EVE has them below `mqtt.<message>`; what is
//! published and passwords are not kept.

use super::support::{Frame, frames, keep, login, printable, risk, say};
use super::wire::Reader;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value,
};

/// MQTT.
pub static PROTOCOL: Protocol = Protocol {
    name: "mqtt",
    title: "MQTT",
    category: Category::Iot,
};

/// Recognised by the CONNECT message, which carries the protocol's name.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[1883],
    probe,
    parser: Some(|| Box::<Mqtt>::default()),
};

/// Bytes of a message that are looked at: topics and properties stand in front of what is sent.
const KEPT: usize = 8192;
/// Longest user name kept until the server has answered.
const USER_MAX: usize = 256;
/// Most topics said of one SUBSCRIBE.
const TOPICS_MAX: usize = 64;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0x10, ..] if data.len() < 8 => Guess::More,
        [0x10, ..] => {
            let Some((_, header)) = remaining_length(data) else {
                return Guess::No;
            };
            let mut reader = Reader::new(data.get(header..).unwrap_or_default());
            match reader.bytes16() {
                Some(b"MQTT" | b"MQIsdp") => Guess::Certain,
                None if data.len() < 12 => Guess::More,
                _ => Guess::No,
            }
        }
        // A connection that is only kept alive, on MQTT's port: PINGREQ, PINGRESP.
        [0xc0 | 0xd0, 0] if probe.has_port(1883) => match (data, probe.other) {
            ([0xc0, 0], [0xd0, 0]) | ([0xd0, 0], [0xc0, 0]) => Guess::Certain,
            (_, []) => Guess::More,
            _ => Guess::Unsure,
        },
        // A connection that began before the capture, on any port: a ping and its answer, or a
        // message and its acknowledgement.
        [0xc0, 0, ..] if !probe.from_start && probe.other.starts_with(&[0xd0, 0]) => Guess::Certain,
        [0xd0, 0, ..] if !probe.from_start && probe.other.starts_with(&[0xc0, 0]) => Guess::Certain,
        [0xc0 | 0xd0, 0] | [0x20 | 0xc0 | 0xd0] if !probe.from_start => Guess::More,
        [0x32 | 0x3a, ..] if !probe.from_start && acknowledged(data, probe.other) => Guess::Certain,
        [0x40, 2, ..] if !probe.from_start && acknowledged(probe.other, data) => Guess::Certain,
        [0x32 | 0x3a, ..] if !probe.from_start && probe.other.is_empty() => Guess::More,
        // CONNACK of 5, whose properties fill it.
        [0x20, 3..=0xff, ..] if !probe.from_start => accepted(data),
        // CONNACK of 3.1 and 3.1.1.
        [0x20, 2, 0 | 1, 0..=5] => Guess::Unsure,
        _ => Guess::No,
    }
}

/// Whether a message of quality 1 has a topic, and is acknowledged under its number.
fn acknowledged(message: &[u8], answer: &[u8]) -> bool {
    let whole = remaining_length(message)
        .and_then(|(length, header)| message.get(header..header + usize::try_from(length).ok()?));
    let Some(mut reader) = whole.map(Reader::new) else {
        return false;
    };
    let topic = reader.bytes16().is_some_and(|topic| {
        !topic.is_empty() && topic.iter().all(|byte| !byte.is_ascii_control())
    });
    matches!(answer, [0x40, 2, high, low, ..]
        if topic && reader.u16() == Some(u16::from_be_bytes([*high, *low])))
}

/// A CONNACK of MQTT 5 (3.2): flags, a reason, and properties of its kind that fill it.
fn accepted(data: &[u8]) -> Guess {
    const LONGEST: usize = 1024;
    let length = remaining_length(data).map(|(length, header)| (length as usize, header));
    let Some((length, header)) = length.filter(|&(length, _)| length <= LONGEST) else {
        return Guess::No;
    };
    let body = data.get(header..).unwrap_or_default();
    if !matches!(body, [] | [0 | 1] | [0 | 1, 0 | 0x80..=0xff, ..]) {
        return Guess::No;
    }
    let Some(body) = body.get(..length) else {
        return Guess::More;
    };
    let mut reader = Reader::new(body.get(2..).unwrap_or_default());
    let mut fields = Fields::new();
    if properties(&mut reader, Some(&mut fields)).is_some()
        && reader.is_empty()
        && !fields.is_empty()
    {
        Guess::Certain
    } else {
        Guess::No
    }
}

/// The variable length after the first byte, and the bytes of the fixed header.
fn remaining_length(data: &[u8]) -> Option<(u64, usize)> {
    let mut length = 0_u64;
    for (index, &byte) in data.iter().skip(1).take(4).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((length, index + 2));
        }
    }
    None
}

fn frame(data: &[u8]) -> Frame {
    match remaining_length(data) {
        Some((length, header)) if data.first().is_some_and(|first| first >> 4 != 0) => {
            Frame::Of(header as u64 + length)
        }
        None if data.len() < 5 => Frame::More,
        _ => Frame::Wrong,
    }
}

#[derive(Debug, Default)]
struct Mqtt {
    version: u8,
    /// User of the CONNECT that waits for its CONNACK, and whether a password came with it.
    user: Option<(Box<[u8]>, bool)>,
}

impl Parser for Mqtt {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(data, KEPT, frame, |message| {
            self.message(context.from_client, message, events)
        })
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.answered(None, events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.user.as_ref().map_or(0, |(user, _)| user.len())
    }
}

type Fields<'a> = Vec<(&'static str, Value<'a>)>;

impl Mqtt {
    fn message(&mut self, from_client: bool, message: &[u8], events: &mut dyn Events) -> Next {
        let Some((_, header)) = remaining_length(message) else {
            return Next::Done;
        };
        let first = message.first().copied().unwrap_or_default();
        let mut fields: Fields<'_> = vec![
            ("qos", Value::Number(u64::from(first >> 1 & 3))),
            ("retain", Value::Flag(first & 1 != 0)),
            ("dup", Value::Flag(first & 8 != 0)),
        ];
        let mut reader = Reader::new(message.get(header..).unwrap_or_default());
        let mut lists = Lists::default();
        let kind = match first >> 4 {
            1 => {
                if self.connect(&mut reader, &mut fields).is_none() {
                    return Next::Done;
                }
                "connect"
            }
            2 => {
                self.connack(&mut reader, &mut fields, events);
                "connack"
            }
            3 => {
                self.publish(&mut reader, first, &mut fields);
                "publish"
            }
            4 => self.acknowledged(&mut reader, "puback", &mut fields),
            5 => self.acknowledged(&mut reader, "pubrec", &mut fields),
            6 => self.acknowledged(&mut reader, "pubrel", &mut fields),
            7 => self.acknowledged(&mut reader, "pubcomp", &mut fields),
            8 => self.topics(&mut reader, &mut fields, &mut lists, "subscribe"),
            9 => self.codes(&mut reader, &mut fields, &mut lists, "suback"),
            10 => self.topics(&mut reader, &mut fields, &mut lists, "unsubscribe"),
            11 => self.codes(&mut reader, &mut fields, &mut lists, "unsuback"),
            12 => "pingreq",
            13 => "pingresp",
            14 => self.reason(&mut reader, "disconnect", &mut fields),
            15 => self.reason(&mut reader, "auth", &mut fields),
            _ => return Next::Done,
        };
        if from_client && kind == "disconnect" {
            self.answered(None, events);
        }
        if !lists.topics.is_empty() {
            fields.push(("topics", Value::List(&lists.topics)));
        }
        let numbers: Vec<&[u8]> = lists.numbers.iter().map(String::as_bytes).collect();
        if !numbers.is_empty() {
            fields.push((lists.numbers_name, Value::List(&numbers)));
        }
        say(events, kind, &fields);
        Next::Continue
    }

    fn connect<'a>(&mut self, reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Option<()> {
        let name = reader.bytes16()?;
        self.version = reader.u8()?;
        let flags = reader.u8()?;
        let keep_alive = reader.u16()?;
        fields.extend([
            ("protocol_string", Value::Text(name)),
            ("protocol_version", Value::Number(self.version.into())),
            ("flags.username", Value::Flag(flags & 0x80 != 0)),
            ("flags.password", Value::Flag(flags & 0x40 != 0)),
            ("flags.will_retain", Value::Flag(flags & 0x20 != 0)),
            ("flags.will", Value::Flag(flags & 4 != 0)),
            ("flags.clean_session", Value::Flag(flags & 2 != 0)),
            ("keep_alive", Value::Number(keep_alive.into())),
        ]);
        if self.version == 5 {
            properties(reader, Some(fields))?;
        }
        fields.push(("client_id", Value::Text(reader.bytes16()?)));
        if flags & 4 != 0 {
            if self.version == 5 {
                properties(reader, None)?;
            }
            fields.push(("will.topic", Value::Text(reader.bytes16()?)));
            reader.bytes16()?;
        }
        let mut user: &[u8] = &[];
        if flags & 0x80 != 0 {
            user = reader.bytes16()?;
            fields.push(("username", Value::Text(user)));
        }
        if flags & 0xc0 != 0 {
            self.user = Some((keep(user, USER_MAX), flags & 0x40 != 0));
        }
        Some(())
    }

    /// The server's answer to the login.
    fn answered(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some((user, password)) = self.user.take() {
            login(events, &user, "CONNECT", success, password);
            if password {
                risk(events, Risk::CleartextCredentials, "MQTT user and password");
            }
        }
    }

    fn connack<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        fields: &mut Fields<'a>,
        events: &mut dyn Events,
    ) {
        let (Some(flags), Some(code)) = (reader.u8(), reader.u8()) else {
            return;
        };
        fields.push(("session_present", Value::Flag(flags & 1 != 0)));
        fields.push(("return_code", Value::Number(code.into())));
        self.answered(Some(code == 0), events);
        // Behind a CONNECT that was not seen: only MQTT 5 has anything here.
        if self.version == 0 && !reader.is_empty() {
            self.version = 5;
        }
        if self.version == 5 {
            properties(reader, Some(fields));
        }
    }

    fn publish<'a>(&self, reader: &mut Reader<'a>, first: u8, fields: &mut Fields<'a>) {
        let Some(topic) = reader.bytes16() else {
            return;
        };
        fields.push(("topic", Value::Text(topic)));
        if first & 6 != 0
            && let Some(id) = reader.u16()
        {
            fields.push(("message_id", Value::Number(id.into())));
        }
        if self.version == 5 {
            properties(reader, Some(fields));
        }
    }

    /// PUBACK, PUBREC, PUBREL, PUBCOMP; a reason that is left out is success (MQTT 5, 3.4.2.1).
    fn acknowledged<'a>(
        &self,
        reader: &mut Reader<'a>,
        kind: &'static str,
        fields: &mut Fields<'a>,
    ) -> &'static str {
        if let Some(id) = reader.u16() {
            fields.push(("message_id", Value::Number(id.into())));
        }
        self.reason(reader, kind, fields)
    }

    fn reason<'a>(
        &self,
        reader: &mut Reader<'a>,
        kind: &'static str,
        fields: &mut Fields<'a>,
    ) -> &'static str {
        if self.version == 5 {
            let code = reader.u8().unwrap_or_default();
            fields.push(("reason_code", Value::Number(code.into())));
            properties(reader, Some(fields));
        }
        kind
    }

    fn topics<'a>(
        &self,
        reader: &mut Reader<'a>,
        fields: &mut Fields<'a>,
        lists: &mut Lists<'a>,
        kind: &'static str,
    ) -> &'static str {
        if let Some(id) = reader.u16() {
            fields.push(("message_id", Value::Number(id.into())));
        }
        if self.version == 5 {
            properties(reader, Some(fields));
        }
        lists.numbers_name = "topics_qos";
        while let Some(topic) = reader.bytes16()
            && lists.topics.len() < TOPICS_MAX
        {
            if kind == "subscribe" {
                let Some(qos) = reader.u8() else { break };
                lists.numbers.push((qos & 3).to_string());
            }
            lists.topics.push(topic);
        }
        kind
    }

    fn codes<'a>(
        &self,
        reader: &mut Reader<'a>,
        fields: &mut Fields<'a>,
        lists: &mut Lists<'a>,
        kind: &'static str,
    ) -> &'static str {
        if let Some(id) = reader.u16() {
            fields.push(("message_id", Value::Number(id.into())));
        }
        if self.version == 5 {
            properties(reader, Some(fields));
        }
        lists.numbers_name = if kind == "suback" {
            "qos_granted"
        } else {
            "reason_codes"
        };
        let codes = reader.take_up_to(TOPICS_MAX);
        lists.numbers.extend(codes.iter().map(u8::to_string));
        kind
    }
}

/// What a message lists.
#[derive(Default)]
struct Lists<'a> {
    topics: Vec<&'a [u8]>,
    numbers: Vec<String>,
    numbers_name: &'static str,
}

/// A variable byte integer (MQTT 5, 1.5.5).
fn variable(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.u8()?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Properties of MQTT 5 (2.2.2): numbers and texts; credentials and user data are passed over.
fn properties<'a>(reader: &mut Reader<'a>, mut fields: Option<&mut Fields<'a>>) -> Option<()> {
    let length = variable(reader)?;
    let mut inside = Reader::new(reader.take(length)?);
    while let Some(id) = variable(&mut inside) {
        let (name, value) = match id {
            0x01 => ("properties.payload_format_indicator", number8(&mut inside)),
            0x02 => ("properties.message_expiry_interval", number32(&mut inside)),
            0x03 => ("properties.content_type", text(&mut inside)),
            0x08 => ("properties.response_topic", text(&mut inside)),
            0x09 => ("properties.correlation_data", text(&mut inside)),
            0x0b => (
                "properties.subscription_identifier",
                variable(&mut inside).map(|number| Value::Number(number as u64)),
            ),
            0x11 => ("properties.session_expiry_interval", number32(&mut inside)),
            0x12 => ("properties.assigned_client_identifier", text(&mut inside)),
            0x13 => ("properties.server_keep_alive", number16(&mut inside)),
            0x15 => ("properties.authentication_method", text(&mut inside)),
            0x16 => {
                inside.bytes16()?;
                continue;
            }
            0x17 => (
                "properties.request_problem_information",
                number8(&mut inside),
            ),
            0x18 => ("properties.will_delay_interval", number32(&mut inside)),
            0x19 => (
                "properties.request_response_information",
                number8(&mut inside),
            ),
            0x1a => ("properties.response_information", text(&mut inside)),
            0x1c => ("properties.server_reference", text(&mut inside)),
            0x1f => ("properties.reason_string", text(&mut inside)),
            0x21 => ("properties.receive_maximum", number16(&mut inside)),
            0x22 => ("properties.topic_alias_maximum", number16(&mut inside)),
            0x23 => ("properties.topic_alias", number16(&mut inside)),
            0x24 => ("properties.maximum_qos", number8(&mut inside)),
            0x25 => ("properties.retain_available", number8(&mut inside)),
            0x26 => {
                inside.bytes16()?;
                inside.bytes16()?;
                continue;
            }
            0x27 => ("properties.maximum_packet_size", number32(&mut inside)),
            0x28 => (
                "properties.wildcard_subscription_available",
                number8(&mut inside),
            ),
            0x29 => (
                "properties.subscription_identifiers_available",
                number8(&mut inside),
            ),
            0x2a => (
                "properties.shared_subscription_available",
                number8(&mut inside),
            ),
            _ => break,
        };
        let value = value?;
        if let Some(fields) = fields.as_deref_mut()
            && fields.len() < 48
        {
            fields.push((name, value));
        }
    }
    Some(())
}

fn number8<'a>(reader: &mut Reader<'a>) -> Option<Value<'a>> {
    reader.u8().map(|number| Value::Number(number.into()))
}

fn number16<'a>(reader: &mut Reader<'a>) -> Option<Value<'a>> {
    reader.u16().map(|number| Value::Number(number.into()))
}

fn number32<'a>(reader: &mut Reader<'a>) -> Option<Value<'a>> {
    reader.u32().map(|number| Value::Number(number.into()))
}

fn text<'a>(reader: &mut Reader<'a>) -> Option<Value<'a>> {
    let text = reader.bytes16()?;
    Some(if text.is_empty() || printable(text) {
        Value::Text(text)
    } else {
        Value::Bytes(text)
    })
}

#[cfg(test)]
mod tests;
