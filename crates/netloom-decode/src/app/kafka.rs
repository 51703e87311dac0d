//! Apache Kafka: requests by name, the client's own name.

use super::support::{Frame, frame_u32, frames, printable, say, software};
use super::wire::{Reader, u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Kafka.
pub static PROTOCOL: Protocol = Protocol {
    name: "kafka",
    title: "Kafka",
    category: Category::Rpc,
};

/// Recognised by a request's header: length, key, version, client's name.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[9092],
    probe,
    parser: Some(|| Box::<Kafka>::default()),
};

const KEPT: usize = 512;
const REQUESTS_MAX: u32 = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.from_client && probe.from_start {
        return Guess::No;
    }
    let (Some(length), Some(key), Some(version), Some(_), Some(name_length)) = (
        u32_at(data, 0),
        u16_at(data, 4),
        u16_at(data, 6),
        u32_at(data, 8),
        u16_at(data, 12),
    ) else {
        return if matches!(data, [] | [0, ..]) && data.len() < 14 {
            Guess::More
        } else {
            Guess::No
        };
    };
    if key > 92
        || version > 20
        || !(12..=1 << 26).contains(&length)
        || !(1..=200).contains(&name_length)
    {
        return Guess::No;
    }
    let fits = u32::from(name_length) + 10 <= length;
    match data.get(14..14 + usize::from(name_length)) {
        None if data.len() < 256 => Guess::More,
        // Four letters at least: less is a chance of its own.
        Some(name) if fits && printable(name) && name.len() >= 4 => Guess::Certain,
        Some(name) if fits && printable(name) && length as usize + 4 == data.len() => {
            Guess::Certain
        }
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Kafka {
    requests: u32,
    named: bool,
}

impl Parser for Kafka {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if !context.from_client {
            return Step::then(data.len(), Next::Quiet);
        }
        frames(
            data,
            KEPT,
            |data| match frame_u32(data, 0, 4) {
                Frame::Of(length) if length > 1 << 28 => Frame::Wrong,
                other => other,
            },
            |message| {
                self.request(message, events);
                if self.requests < REQUESTS_MAX {
                    Next::Continue
                } else {
                    Next::Done
                }
            },
        )
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Kafka {
    fn request(&mut self, message: &[u8], events: &mut dyn Events) {
        let mut reader = Reader::new(message.get(4..).unwrap_or_default());
        let (Some(key), Some(version), Some(_)) = (reader.u16(), reader.u16(), reader.u32()) else {
            return;
        };
        self.requests += 1;
        let name = reader.bytes16().unwrap_or_default();
        if !self.named && printable(name) {
            self.named = true;
            software(events, true, name);
        }
        say(
            events,
            request_name(key),
            &[
                ("api_key", Value::Number(key.into())),
                ("api_version", Value::Number(version.into())),
                ("client_id", Value::Text(name)),
            ],
        );
    }
}

/// Requests by key (Kafka protocol guide).
fn request_name(key: u16) -> &'static str {
    match key {
        0 => "produce",
        1 => "fetch",
        2 => "list_offsets",
        3 => "metadata",
        8 => "offset_commit",
        9 => "offset_fetch",
        10 => "find_coordinator",
        11 => "join_group",
        12 => "heartbeat",
        13 => "leave_group",
        14 => "sync_group",
        15 => "describe_groups",
        16 => "list_groups",
        17 => "sasl_handshake",
        18 => "api_versions",
        19 => "create_topics",
        20 => "delete_topics",
        21 => "delete_records",
        22 => "init_producer_id",
        32 => "describe_configs",
        36 => "sasl_authenticate",
        60 => "describe_cluster",
        _ => "request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const REQUEST: &[u8] = b"\0\0\0\x11\0\x12\0\0\0\0\0\x01\0\x07console";

    #[test]
    fn requests_and_clients() {
        let said = conversation(&DETECTOR, &[(true, REQUEST)]);
        assert_eq!(
            said.0,
            [
                "software: client console",
                "api_versions: api_key=18 api_version=0 client_id=console"
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, REQUEST), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &REQUEST[..10]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, b"\0\0\0\x11\0\x12\0\0\0\0\0\x01\0\x07con\x01ole"),
            Guess::No
        );
    }
}
