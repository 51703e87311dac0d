//! Diameter (RFC 6733) over TCP: commands, peers, sessions and users.

use super::support::{Frame, frames, say, software};
use super::wire::{Reader, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// Diameter.
pub static PROTOCOL: Protocol = Protocol {
    name: "diameter",
    title: "Diameter",
    category: Category::Authentication,
};

/// Recognised by version, length, flags and the first attribute's code and length.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[3868],
    probe,
    parser: Some(|| Box::<Diameter>::default()),
};

const HEADER: usize = 20;
const KEPT: usize = 4096;
const MESSAGES_MAX: u32 = 512;

fn length(data: &[u8]) -> Option<u32> {
    let word = u32_at(data, 0)?;
    (word >> 24 == 1).then_some(word & 0x00ff_ffff)
}

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.first().is_some_and(|&version| version != 1) {
        return Guess::No;
    }
    let Some(length) = length(data) else {
        return Guess::More;
    };
    if !(28..=65_536).contains(&length) || length % 4 != 0 {
        return Guess::No;
    }
    if data.len() < HEADER + 8 {
        return Guess::More;
    }
    // Reserved bits of the command's and the first attribute's flags are zero.
    let first = u32_at(data, HEADER).unwrap_or_default();
    let size = u32_at(data, HEADER + 4).unwrap_or_default();
    let inside = (8..=length - 20).contains(&(size & 0x00ff_ffff));
    if data[4].trailing_zeros() >= 4
        && (1..=2000).contains(&first)
        && (size >> 24).trailing_zeros() >= 5
        && inside
    {
        Guess::Certain
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Diameter {
    messages: u32,
}

impl Parser for Diameter {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match (length(data), data.first()) {
                (Some(length @ 20..), _) => Frame::Of(length.into()),
                (None, Some(1)) if data.len() < 4 => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                say_message(context.from_client, message, events);
                if self.messages < MESSAGES_MAX {
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

fn say_message(from_client: bool, message: &[u8], events: &mut dyn Events) {
    let Some(word) = u32_at(message, 4) else {
        return;
    };
    let request = word >> 31 != 0;
    let code = word & 0x00ff_ffff;
    let application = u32_at(message, 8).unwrap_or_default();
    let mut fields = vec![
        ("request", Value::Flag(request)),
        ("command_code", Value::Number(code.into())),
        ("application_id", Value::Number(application.into())),
    ];
    let mut reader = Reader::new(message.get(HEADER..).unwrap_or_default());
    while let (Some(code), Some(word)) = (reader.u32(), reader.u32())
        && fields.len() < 24
    {
        let vendor = word >> 31 != 0;
        let size = (word & 0x00ff_ffff) as usize;
        let header = if vendor { 12 } else { 8 };
        let Some(body) = size.checked_sub(8) else {
            break;
        };
        let Some(body) = reader.take(body) else { break };
        // The last one may go without its padding.
        reader.take_up_to(size.next_multiple_of(4) - size);
        let value = body.get(header - 8..).unwrap_or_default();
        if vendor {
            continue;
        }
        let name = match code {
            1 => "user_name",
            263 => "session_id",
            264 => "origin_host",
            296 => "origin_realm",
            293 => "destination_host",
            283 => "destination_realm",
            269 => {
                software(events, from_client, value);
                "product_name"
            }
            268 => {
                if let Some(number) = u32_at(value, 0) {
                    fields.push(("result_code", Value::Number(number.into())));
                }
                continue;
            }
            _ => continue,
        };
        fields.push((name, Value::Text(value)));
    }
    say(events, command_name(code), &fields);
}

/// Commands (IANA's registry of AAA parameters).
fn command_name(code: u32) -> &'static str {
    match code {
        257 => "capabilities_exchange",
        258 => "re_auth",
        260 => "aa_mobile_node",
        265 => "aa",
        268 => "diameter_eap",
        271 => "accounting",
        272 => "credit_control",
        274 => "abort_session",
        275 => "session_termination",
        280 => "device_watchdog",
        282 => "disconnect_peer",
        300 => "user_authorization",
        301 => "server_assignment",
        302 => "location_info",
        303 => "multimedia_auth",
        316 => "update_location",
        317 => "cancel_location",
        318 => "authentication_information",
        319 => "insert_subscriber_data",
        320 => "delete_subscriber_data",
        321 => "purge_ue",
        323 => "notify",
        _ => "command",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const REQUEST: &[u8] = b"\x01\0\0\x34\x80\0\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\
        \0\0\x01\x08\x40\0\0\x0eexampl\0\0\0\0\x01\x0d\0\0\0\x0ctest\0\0\0\0";

    #[test]
    fn peers_name_themselves() {
        let said = conversation(&DETECTOR, &[(true, &REQUEST[..52])]);
        assert_eq!(said.0[0], "software: client test");
        assert!(said.has("capabilities_exchange: request=true command_code=257 application_id=0 origin_host=exampl product_name=test"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, REQUEST), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &REQUEST[..12]), Guess::More);
        assert_eq!(
            guess(
                &DETECTOR,
                b"\x01\0\0\x35\x80\0\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\x01\x08\0\0\0\0"
            ),
            Guess::No
        );
    }
}
