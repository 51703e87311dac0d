//! DNP3 (IEEE 1815) over TCP and UDP: addresses, functions, internal indications. The link
//! layer's checksum must hold.

use super::support::{Frame, frames, say};
use super::wire::{u16_at, u16_le_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// DNP3.
pub static PROTOCOL: Protocol = Protocol {
    name: "dnp3",
    title: "DNP3",
    category: Category::Industrial,
};

/// Recognised by the start bytes and the header's checksum.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[20000],
    probe,
    parser: Some(|| Box::<Dnp3>::default()),
};

/// Longest link frame: 5 + 250 bytes of user data, and their checksums.
const FRAME_MAX: usize = 292;
const FRAMES_MAX: u32 = 2048;

/// CRC-16/DNP: polynomial 0x3d65, reflected, inverted at the end (IEEE 1815, 9.2.4.1.3).
fn crc(data: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for &byte in data {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 != 0 {
                crc >> 1 ^ 0xa6bc
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

/// Whether a link header stands here and its checksum holds.
fn header(data: &[u8]) -> bool {
    data.len() >= 10
        && data.starts_with(&[5, 0x64])
        && data[2] >= 5
        && u16_le_at(data, 8) == data.get(..8).map(crc)
}

/// Bytes of a frame whose user data, header's five included, are `length`.
fn frame_length(length: u8) -> usize {
    let user = usize::from(length).saturating_sub(5);
    10 + user + 2 * user.div_ceil(16)
}

fn probe(probe: &Probe<'_>) -> Guess {
    match probe.data {
        data if header(data) => Guess::Certain,
        [] | [5] => Guess::More,
        [5, 0x64, ..] if probe.data.len() < 10 && probe.tcp => Guess::More,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Dnp3 {
    frames: u32,
}

impl Parser for Dnp3 {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            FRAME_MAX,
            |data| match data {
                [5, 0x64, length, ..] if *length >= 5 => Frame::Of(frame_length(*length) as u64),
                [] | [5] | [5, 0x64] => Frame::More,
                _ => Frame::Wrong,
            },
            |frame| self.frame(frame, events),
        )
    }

    fn datagram(&mut self, _: &Context, mut data: &[u8], events: &mut dyn Events) -> Next {
        while header(data) {
            let length = frame_length(data[2]);
            let (frame, rest) = data.split_at(length.min(data.len()));
            if matches!(self.frame(frame, events), Next::Done) {
                return Next::Done;
            }
            data = rest;
        }
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Dnp3 {
    fn frame(&mut self, frame: &[u8], events: &mut dyn Events) -> Next {
        self.frames += 1;
        if self.frames > FRAMES_MAX {
            return Next::Done;
        }
        if !header(frame) {
            return Next::Continue;
        }
        let control = frame[3];
        let (Some(to), Some(from)) = (u16_le_at(frame, 4), u16_le_at(frame, 6)) else {
            return Next::Continue;
        };
        let mut fields = vec![
            ("src", Value::Number(from.into())),
            ("dst", Value::Number(to.into())),
            ("from_master", Value::Flag(control & 0x80 != 0)),
        ];
        // Transport: first and final, then the application's control, function, indications.
        let Some([transport, application, function, ..]) = frame.get(10..) else {
            say(events, link_function(control), &fields);
            return Next::Continue;
        };
        if transport & 0x40 == 0 {
            return Next::Continue;
        }
        fields.push(("sequence", Value::Number((application & 15).into())));
        fields.push(("function_code", Value::Number((*function).into())));
        if *function >= 129
            && let Some(indications) = u16_at(frame, 13)
        {
            fields.push(("iin", Value::Number(indications.into())));
        }
        say(events, function_name(*function), &fields);
        Next::Continue
    }
}

fn link_function(control: u8) -> &'static str {
    match (control & 0x40 != 0, control & 15) {
        (true, 0) => "reset_link_states",
        (true, 2) => "test_link_states",
        (true, 3) => "confirmed_user_data",
        (true, 4) => "unconfirmed_user_data",
        (true, 9) => "request_link_status",
        (false, 0) => "ack",
        (false, 1) => "nack",
        (false, 11) => "link_status",
        _ => "link",
    }
}

/// Functions of the application layer, named as Zeek's dnp3.log has them, in lower case.
fn function_name(function: u8) -> &'static str {
    match function {
        0 => "confirm",
        1 => "read",
        2 => "write",
        3 => "select",
        4 => "operate",
        5 => "direct_operate",
        6 => "direct_operate_nr",
        7 => "immed_freeze",
        8 => "immed_freeze_nr",
        9 => "freeze_clear",
        10 => "freeze_clear_nr",
        11 => "freeze_at_time",
        12 => "freeze_at_time_nr",
        13 => "cold_restart",
        14 => "warm_restart",
        15 => "initialize_data",
        16 => "initialize_appl",
        17 => "start_appl",
        18 => "stop_appl",
        19 => "save_config",
        20 => "enable_unsolicited",
        21 => "disable_unsolicited",
        22 => "assign_class",
        23 => "delay_measure",
        24 => "record_current_time",
        25 => "open_file",
        26 => "close_file",
        27 => "delete_file",
        28 => "get_file_info",
        29 => "authenticate_file",
        30 => "abort_file",
        31 => "activate_config",
        32 => "authenticate_req",
        33 => "authenticate_req_nr",
        129 => "response",
        130 => "unsolicited_response",
        131 => "authenticate_resp",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, guess};

    fn frame(control: u8, user: &[u8]) -> Vec<u8> {
        let mut frame = vec![5, 0x64, 5 + user.len() as u8, control, 4, 0, 3, 0];
        frame.extend(crc(&frame).to_le_bytes());
        for block in user.chunks(16) {
            frame.extend(block);
            frame.extend(crc(block).to_le_bytes());
        }
        frame
    }

    #[test]
    fn the_checksum() {
        // The check value of CRC-16/DNP.
        assert_eq!(crc(b"123456789"), 0xea82);
    }

    #[test]
    fn functions() {
        let read = frame(0xc4, &[0xc0, 0xc3, 1, 60, 1, 6]);
        let said = conversation(
            &DETECTOR,
            &[
                (true, &read),
                (false, &frame(0x44, &[0xc1, 0xc3, 129, 0, 0])),
            ],
        );
        assert_eq!(
            said.0,
            [
                "read: src=3 dst=4 from_master=true sequence=3 function_code=1",
                "response: src=3 dst=4 from_master=false sequence=3 function_code=129 iin=0",
            ]
        );
        assert_eq!(exchange(&DETECTOR, &[(true, &read)]).0.len(), 1);
    }

    #[test]
    fn recognised() {
        let mut read = frame(0xc4, &[0xc0, 0xc3, 1]);
        assert_eq!(guess(&DETECTOR, &read), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &read[..5]), Guess::More);
        read[8] ^= 1;
        assert_eq!(guess(&DETECTOR, &read), Guess::No);
    }
}
