//! Suricata's EVE events: `flow`, `dns`, `http` and `tls`, as objects in one another. A name with
//! points is where a value stands; `flow_id`, a number there, is made of the first eight digits of
//! netloom's.

mod dns;
mod flow;
mod http;
mod tls;

use std::fmt::Write as _;

use netloom_flow::FlowId;
use netloom_packet::Timestamp;

pub use dns::EveDns;
pub use flow::EveFlows;
pub use http::EveHttp;
pub use tls::EveTls;

/// What every event that comes out of a payload begins with.
macro_rules! head {
    ($event:literal) => {
        vec![
            app(
                "timestamp",
                Make::Text(|row, out| time(row.record.ts, out)),
                "When it began.",
            )
            .required(),
            app(
                "flow_id",
                Make::U64(|row| Some(number(&row.app.flow_id()))),
                "The flow.",
            )
            .required(),
            app(
                "event_type",
                Make::Text(|_, out| text::some($event, out)),
                concat!("Always ", $event, "."),
            )
            .required(),
            app(
                "src_ip",
                Make::Ip(|row| Some(row.app.origin.src.0)),
                "Originator of the flow.",
            )
            .required()
            .address("ip"),
            app(
                "src_port",
                Make::U16(|row| Some(row.app.origin.src.1)),
                "Its port.",
            )
            .required(),
            app(
                "dest_ip",
                Make::Ip(|row| Some(row.app.origin.dst.0)),
                "Responder of the flow.",
            )
            .required()
            .address("ip"),
            app(
                "dest_port",
                Make::U16(|row| Some(row.app.origin.dst.1)),
                "Its port.",
            )
            .required(),
            app(
                "proto",
                Make::Text(|row, out| {
                    proto(row.app.origin.protocol, out);
                    Some(())
                }),
                "Protocol above IP.",
            )
            .required(),
        ]
    };
}
use head;

/// A flow's number: the first eight digits of its identifier, as one in base 62; below 2^48.
fn number(id: &FlowId) -> u64 {
    id.as_str().bytes().take(8).fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => 0,
        };
        number * 62 + u64::from(digit)
    })
}

/// `2017-07-03T14:55:58.000001+0000`.
fn time(at: Timestamp, out: &mut String) -> Option<()> {
    // 2017-07-03T14:55:58.000001000Z
    let text = at.to_string();
    out.push_str(text.get(..26)?);
    out.push_str("+0000");
    Some(())
}

fn proto(protocol: u8, out: &mut String) {
    match protocol {
        58 => out.push_str("IPv6-ICMP"),
        other => match crate::protocol::protocol_name(other) {
            Some(name) => out.push_str(&name.to_uppercase()),
            // Writing to a String cannot fail.
            None => _ = write!(out, "{other:03}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_as_they_do_there() {
        let at = Timestamp::from_nanos(1_499_093_758_000_001_999);
        let mut text = String::new();
        time(at, &mut text).unwrap();
        assert_eq!(text, "2017-07-03T14:55:58.000001+0000");
        for (number, name) in [(6, "TCP"), (58, "IPv6-ICMP"), (255, "255")] {
            let mut text = String::new();
            proto(number, &mut text);
            assert_eq!(text, name);
        }
    }
}
