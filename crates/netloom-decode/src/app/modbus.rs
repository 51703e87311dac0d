//! Modbus over TCP (Modbus Messaging on TCP/IP V1.0b): functions, units, addresses, exceptions.

use super::support::{Frame, frames, say};
use super::wire::u16_at;
use super::{
    Category, Context, Detector, Events, Guess, Interest, Next, Over, Parser, Probe, Protocol,
    Step, Value,
};

/// Modbus.
pub static PROTOCOL: Protocol = Protocol {
    name: "modbus",
    title: "Modbus",
    category: Category::Industrial,
};

/// Recognised by the header and a function whose length fits.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[502],
    probe,
    parser: Some(|| Box::<Modbus>::default()),
};

const MESSAGES_MAX: u32 = 4096;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let [_, _, protocol @ ..] = data else {
        return Guess::More;
    };
    match protocol {
        [] | [0] | [0, 0] | [0, 0, 0] | [0, 0, 0, _] | [0, 0, 0, _, _] => Guess::More,
        [0, 0, 0, length, _, function, body @ ..] => {
            let length = usize::from(*length);
            if !(3..=254).contains(&length) {
                return Guess::No;
            }
            let rest = length - 2;
            let request = fits_request(*function, rest, body);
            let response = fits_response(*function, rest, body);
            let whole = data.len() == length + 6;
            let own = probe.has_port(502);
            match (request || response, own) {
                (true, true) => Guess::Certain,
                // Two in a row, or one that is alone and exact.
                (true, false) if whole => Guess::Certain,
                (true, false) if next_is_modbus(data, length + 6) => Guess::Certain,
                (true, false) => Guess::Unsure,
                (false, true) if function_name(*function & 0x7f).is_some() && whole => {
                    Guess::Unsure
                }
                _ => Guess::No,
            }
        }
        _ => Guess::No,
    }
}

fn next_is_modbus(data: &[u8], at: usize) -> bool {
    matches!(data.get(at..), Some([_, _, 0, 0, 0, _, _, function, ..]) if function_name(function & 0x7f).is_some())
}

/// Whether a request of this function may have so many bytes, and makes sense.
fn fits_request(function: u8, length: usize, body: &[u8]) -> bool {
    let count = u16_at(body, 2).unwrap_or_default();
    match function {
        1 | 2 => length == 4 && (1..=2000).contains(&count),
        3 | 4 => length == 4 && (1..=125).contains(&count),
        5 => length == 4 && matches!(count, 0 | 0xff00),
        6 => length == 4,
        7 | 11 | 12 | 17 => length == 0,
        8 => length >= 4 && u16_at(body, 0).is_some_and(|sub| sub <= 20),
        15 | 16 => body
            .get(4)
            .is_some_and(|&bytes| length == 5 + usize::from(bytes)),
        20 | 21 => body
            .first()
            .is_some_and(|&bytes| length == 1 + usize::from(bytes)),
        22 => length == 6,
        23 => body
            .get(8)
            .is_some_and(|&bytes| length == 9 + usize::from(bytes)),
        24 => length == 2,
        43 => matches!(body.first(), Some(13 | 14)) && length >= 3,
        _ => false,
    }
}

fn fits_response(function: u8, length: usize, body: &[u8]) -> bool {
    match function {
        1..=4 | 20 | 21 | 23 | 12 | 17 => body
            .first()
            .is_some_and(|&bytes| length == 1 + usize::from(bytes) && bytes > 0),
        5 | 6 | 11 | 15 | 16 => length == 4,
        7 => length == 1,
        8 => length >= 4 && u16_at(body, 0).is_some_and(|sub| sub <= 20),
        22 => length == 6,
        43 => matches!(body.first(), Some(13 | 14)) && length >= 3,
        0x81..=0xab => {
            length == 1
                && function_name(function & 0x7f).is_some()
                && matches!(body.first(), Some(1..=6 | 8 | 10 | 11))
        }
        _ => false,
    }
}

#[derive(Debug, Default)]
struct Modbus {
    messages: u32,
}

impl Parser for Modbus {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            262,
            |data| match (u16_at(data, 2), u16_at(data, 4)) {
                (Some(0), Some(length @ 2..=254)) => Frame::Of(6 + u64::from(length)),
                (_, None) => Frame::More,
                _ => Frame::Wrong,
            },
            |message| {
                self.messages += 1;
                said(context.from_client, message, events);
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

/// Says a message.
fn said(request: bool, message: &[u8], events: &mut dyn Events) {
    if !events.wants(Interest::MESSAGES) {
        return;
    }
    let (Some(id), Some(&unit), Some(&function)) =
        (u16_at(message, 0), message.get(6), message.get(7))
    else {
        return;
    };
    let body = message.get(8..).unwrap_or_default();
    let mut fields = vec![
        ("transaction_id", Value::Number(id.into())),
        ("unit_id", Value::Number(unit.into())),
        ("function_code", Value::Number((function & 0x7f).into())),
        ("request", Value::Flag(request)),
    ];
    let name = function_name(function & 0x7f).unwrap_or("unknown");
    if function & 0x80 != 0 {
        if let Some(&code) = body.first() {
            fields.push(("exception_code", Value::Number(code.into())));
            fields.push(("exception", Value::Word(exception_name(code))));
        }
    } else if (request || matches!(function, 5 | 6 | 15 | 16))
        && matches!(function, 1..=6 | 15 | 16 | 22 | 23)
        && let Some(address) = u16_at(body, 0)
    {
        fields.push(("address", Value::Number(address.into())));
        if let Some(number) = u16_at(body, 2) {
            let name = if matches!(function, 5 | 6) {
                "value"
            } else {
                "quantity"
            };
            fields.push((name, Value::Number(number.into())));
        }
    }
    say(events, name, &fields);
}

/// Functions, named as Zeek's modbus.log has them, in lower case.
fn function_name(function: u8) -> Option<&'static str> {
    Some(match function {
        1 => "read_coils",
        2 => "read_discrete_inputs",
        3 => "read_holding_registers",
        4 => "read_input_registers",
        5 => "write_single_coil",
        6 => "write_single_register",
        7 => "read_exception_status",
        8 => "diagnostics",
        11 => "get_comm_event_counter",
        12 => "get_comm_event_log",
        15 => "write_multiple_coils",
        16 => "write_multiple_registers",
        17 => "report_server_id",
        20 => "read_file_record",
        21 => "write_file_record",
        22 => "mask_write_register",
        23 => "read_write_multiple_registers",
        24 => "read_fifo_queue",
        43 => "encap_interface_transport",
        90 => "program_unity",
        _ => return None,
    })
}

fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal_function",
        2 => "illegal_data_address",
        3 => "illegal_data_value",
        4 => "server_device_failure",
        5 => "acknowledge",
        6 => "server_device_busy",
        8 => "memory_parity_error",
        10 => "gateway_path_unavailable",
        11 => "gateway_target_device_failed_to_respond",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const READ: &[u8] = &[0, 7, 0, 0, 0, 6, 1, 3, 0, 100, 0, 2];

    #[test]
    fn functions_and_exceptions() {
        let said = conversation(
            &DETECTOR,
            &[(true, READ), (false, &[0, 7, 0, 0, 0, 3, 1, 0x83, 2])],
        );
        assert_eq!(
            said.0,
            [
                "read_holding_registers: transaction_id=7 unit_id=1 function_code=3 request=true \
                 address=100 quantity=2",
                "read_holding_registers: transaction_id=7 unit_id=1 function_code=3 request=false \
                 exception_code=2 exception=illegal_data_address",
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, READ), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &READ[..5]), Guess::More);
        assert_eq!(
            guess(&DETECTOR, &[0, 7, 0, 0, 0, 6, 1, 3, 0, 100, 0, 200]),
            Guess::No
        );
        assert_eq!(
            guess(&DETECTOR, &[0, 7, 0, 1, 0, 6, 1, 3, 0, 100, 0, 2]),
            Guess::No
        );
    }
}
