//! SCCP, Cisco's "Skinny" telephony protocol over TCP: what phones and call managers say.

use super::support::{Frame, frames, say, until_nul};
use super::wire::u32_le_at;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol, Step, Value,
};

/// SCCP (Skinny).
pub static PROTOCOL: Protocol = Protocol {
    name: "sccp",
    title: "Skinny (SCCP)",
    category: Category::Voip,
};

/// Recognised by a header whose version and message are known.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[2000],
    probe,
    parser: Some(|| Box::<Sccp>::default()),
};

const KEPT: usize = 512;
const MESSAGES_MAX: u32 = 256;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(length), Some(version), Some(id)) =
        (u32_le_at(data, 0), u32_le_at(data, 4), u32_le_at(data, 8))
    else {
        return if data.get(2).is_none_or(|&byte| byte == 0) && data.len() < 12 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let known = matches!(version, 0 | 0x0a..=0x20) && message_name(id).is_some();
    let next = length as usize + 8;
    if !known || !(4..=4096).contains(&length) {
        return Guess::No;
    }
    let whole = data.len() == next
        || u32_le_at(data, next + 8).is_some_and(|id| message_name(id).is_some());
    match (whole, version, probe.has_port(2000)) {
        (true, _, true) => Guess::Certain,
        (true, 1.., false) if length > 4 => Guess::Certain,
        (true, 0, false) if matches!(id, 1 | 0x81) && length > 20 => Guess::Certain,
        (_, _, true) => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Sccp {
    messages: u32,
}

impl Parser for Sccp {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| match u32_le_at(data, 0) {
                Some(length @ 4..=65_536) => Frame::Of(u64::from(length) + 8),
                None => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                if let Some(id) = u32_le_at(message, 8)
                    && let Some(name) = message_name(id)
                {
                    let mut fields = vec![("message_id", Value::Number(id.into()))];
                    // Register: the phone's name, `SEP` and its hardware address.
                    if id == 1
                        && let Some(phone) = message.get(12..28)
                    {
                        let phone = until_nul(phone);
                        fields.push(("device", Value::Text(phone)));
                        if events.wants(Interest::DEVICES) {
                            let mut device = Device::new(DeviceSource::Protocol(PROTOCOL.name));
                            device.hostname = Some(phone);
                            device.vendor = Some(b"Cisco");
                            events.event(Event::Device(device));
                        }
                    }
                    say(events, name, &fields);
                }
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

/// Messages, those of phones below 0x80 and of call managers from there on.
fn message_name(id: u32) -> Option<&'static str> {
    Some(match id {
        0x0000 => "keep_alive",
        0x0001 => "register",
        0x0002 => "ip_port",
        0x0003 => "keypad_button",
        0x0004 => "enbloc_call",
        0x0005 => "stimulus",
        0x0006 => "off_hook",
        0x0007 => "on_hook",
        0x0008 => "hook_flash",
        0x0009 => "forward_stat_req",
        0x000a => "speed_dial_stat_req",
        0x000b => "line_stat_req",
        0x000c => "config_stat_req",
        0x000d => "time_date_req",
        0x000e => "button_template_req",
        0x000f => "version_req",
        0x0010 => "capabilities_res",
        0x0012 => "server_req",
        0x0020 => "alarm",
        0x0022 => "open_receive_channel_ack",
        0x0023 => "connection_statistics_res",
        0x0025 => "soft_key_set_req",
        0x0026 => "soft_key_event",
        0x0027 => "unregister",
        0x0028 => "soft_key_template_req",
        0x002d => "register_available_lines",
        0x0048 => "subscription_stat_req",
        0x0081 => "register_ack",
        0x0082 => "start_tone",
        0x0083 => "stop_tone",
        0x0085 => "set_ringer",
        0x0086 => "set_lamp",
        0x0088 => "set_speaker_mode",
        0x0089 => "set_micro_mode",
        0x008a => "start_media_transmission",
        0x008b => "stop_media_transmission",
        0x008f => "call_info",
        0x0090 => "forward_stat",
        0x0091 => "speed_dial_stat",
        0x0092 => "line_stat",
        0x0093 => "config_stat",
        0x0094 => "define_time_date",
        0x0097 => "button_template",
        0x0098 => "version",
        0x009a => "clear_display",
        0x009b => "capabilities_req",
        0x009d => "register_reject",
        0x009e => "server_res",
        0x009f => "reset",
        0x0100 => "keep_alive_ack",
        0x0105 => "open_receive_channel",
        0x0106 => "close_receive_channel",
        0x0107 => "connection_statistics_req",
        0x0108 => "soft_key_template_res",
        0x0109 => "soft_key_set_res",
        0x0110 => "select_soft_keys",
        0x0111 => "call_state",
        0x0112 => "display_prompt_status",
        0x0113 => "clear_prompt_status",
        0x0114 => "display_notify",
        0x0116 => "activate_call_plane",
        0x0118 => "unregister_ack",
        0x011d => "dialed_number",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    fn register() -> Vec<u8> {
        let mut message = vec![36, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        message.extend(b"SEP001122334455\0");
        message.resize(44, 0);
        message
    }

    #[test]
    fn phones_register() {
        let said = conversation(&DETECTOR, &[(true, &register())]);
        assert!(said.has("register: message_id=1 device=SEP001122334455"));
        assert!(said.0[0].contains("Device"));
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, &register()), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &register()[..8]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Guess::No
        );
    }
}
