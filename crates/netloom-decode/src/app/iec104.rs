//! IEC 60870-5-104, telecontrol over TCP: frames, types, causes, stations.

use super::support::{Frame, frames, say};
use super::wire::u16_le_at;
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// IEC 60870-5-104.
pub static PROTOCOL: Protocol = Protocol {
    name: "iec104",
    title: "IEC 60870-5-104",
    category: Category::Industrial,
};

/// Recognised by frames that follow each other, each with its start byte.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[2404],
    probe,
    parser: Some(|| Box::<Iec104>::default()),
};

const MESSAGES_MAX: u32 = 2048;

/// Bits that are fixed in a frame, where it is one: 0 for none.
fn strength(frame: &[u8]) -> u32 {
    let [0x68, length, first, second, third, fourth, rest @ ..] = frame else {
        return 0;
    };
    if !(4..=253).contains(length) {
        return 0;
    }
    match first & 3 {
        // Unnumbered: one function, nothing behind it.
        3 => {
            let function = matches!(first, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83);
            if *length == 4 && function && (*second, *third, *fourth) == (0, 0, 0) {
                45
            } else {
                0
            }
        }
        // Supervisory.
        1 => {
            if *length == 4 && *first == 1 && *second == 0 && third & 1 == 0 {
                32
            } else {
                0
            }
        }
        // Information: a known type, a number of objects, a cause that exists.
        _ => match rest {
            [kind, qualifier, cause, ..]
                if third & 1 == 0
                    && type_name(*kind).is_some()
                    && qualifier & 0x7f != 0
                    && matches!(cause & 0x3f, 1..=13 | 20..=41 | 44..=47) =>
            {
                16
            }
            _ => 0,
        },
    }
}

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    if data.first().is_some_and(|&start| start != 0x68) {
        return Guess::No;
    }
    let mut bits = 0;
    loop {
        if data.len() < 6 {
            return if bits >= 24 {
                Guess::Certain
            } else {
                Guess::More
            };
        }
        let frame = strength(data);
        if frame == 0 {
            return Guess::No;
        }
        bits += frame;
        let length = usize::from(data[1]) + 2;
        match data.get(length..) {
            Some([]) | None if bits >= 32 || probe.has_port(2404) => return Guess::Certain,
            Some(rest) => data = rest,
            None => return Guess::More,
        }
        if bits >= 48 {
            return Guess::Certain;
        }
    }
}

#[derive(Debug, Default)]
struct Iec104 {
    messages: u32,
}

impl Parser for Iec104 {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            255,
            |data| match data {
                [0x68, length, ..] if *length >= 4 => Frame::Of(u64::from(*length) + 2),
                [0x68] => Frame::More,
                _ => Frame::Wrong,
            },
            |frame| {
                self.messages += 1;
                frame_of(frame, events);
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

fn frame_of(frame: &[u8], events: &mut dyn Events) {
    let Some(&first) = frame.get(2) else { return };
    match first & 3 {
        3 => {
            let name = match first {
                0x07 => "startdt_act",
                0x0b => "startdt_con",
                0x13 => "stopdt_act",
                0x23 => "stopdt_con",
                0x43 => "testfr_act",
                0x83 => "testfr_con",
                _ => return,
            };
            say(events, name, &[]);
        }
        1 => {}
        _ => {
            let Some([kind, qualifier, cause, originator]) = frame.get(6..10) else {
                return;
            };
            let (Some(name), Some(station)) = (type_name(*kind), u16_le_at(frame, 10)) else {
                return;
            };
            let mut fields = vec![
                ("type_id", Value::Number((*kind).into())),
                ("objects", Value::Number((qualifier & 0x7f).into())),
                ("cause", Value::Number((cause & 0x3f).into())),
                ("negative", Value::Flag(cause & 0x40 != 0)),
                ("originator", Value::Number((*originator).into())),
                ("common_address", Value::Number(station.into())),
            ];
            if let Some([low, middle, high]) = frame.get(12..15) {
                let address = u32::from_le_bytes([*low, *middle, *high, 0]);
                fields.push(("object_address", Value::Number(address.into())));
            }
            say(events, name, &fields);
        }
    }
}

/// Types of information (IEC 60870-5-101, 7.2.1).
fn type_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "M_SP_NA_1",
        3 => "M_DP_NA_1",
        5 => "M_ST_NA_1",
        7 => "M_BO_NA_1",
        9 => "M_ME_NA_1",
        11 => "M_ME_NB_1",
        13 => "M_ME_NC_1",
        15 => "M_IT_NA_1",
        20 => "M_PS_NA_1",
        21 => "M_ME_ND_1",
        30 => "M_SP_TB_1",
        31 => "M_DP_TB_1",
        32 => "M_ST_TB_1",
        33 => "M_BO_TB_1",
        34 => "M_ME_TD_1",
        35 => "M_ME_TE_1",
        36 => "M_ME_TF_1",
        37 => "M_IT_TB_1",
        38 => "M_EP_TD_1",
        39 => "M_EP_TE_1",
        40 => "M_EP_TF_1",
        45 => "C_SC_NA_1",
        46 => "C_DC_NA_1",
        47 => "C_RC_NA_1",
        48 => "C_SE_NA_1",
        49 => "C_SE_NB_1",
        50 => "C_SE_NC_1",
        51 => "C_BO_NA_1",
        58 => "C_SC_TA_1",
        59 => "C_DC_TA_1",
        60 => "C_RC_TA_1",
        61 => "C_SE_TA_1",
        62 => "C_SE_TB_1",
        63 => "C_SE_TC_1",
        64 => "C_BO_TA_1",
        70 => "M_EI_NA_1",
        100 => "C_IC_NA_1",
        101 => "C_CI_NA_1",
        102 => "C_RD_NA_1",
        103 => "C_CS_NA_1",
        105 => "C_RP_NA_1",
        107 => "C_TS_TA_1",
        110 => "P_ME_NA_1",
        111 => "P_ME_NB_1",
        112 => "P_ME_NC_1",
        113 => "P_AC_NA_1",
        120 => "F_FR_NA_1",
        121 => "F_SR_NA_1",
        122 => "F_SC_NA_1",
        123 => "F_LS_NA_1",
        124 => "F_AF_NA_1",
        125 => "F_SG_NA_1",
        126 => "F_DR_TA_1",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, guess};

    const START: &[u8] = &[0x68, 4, 7, 0, 0, 0];
    const INTERROGATION: &[u8] = &[0x68, 14, 0, 0, 0, 0, 100, 1, 6, 0, 3, 0, 0, 0, 0, 20];

    #[test]
    fn types_and_causes() {
        let said = conversation(&DETECTOR, &[(true, START), (true, INTERROGATION)]);
        assert_eq!(
            said.0,
            [
                "startdt_act:",
                "C_IC_NA_1: type_id=100 objects=1 cause=6 negative=false originator=0 \
                 common_address=3 object_address=0",
            ]
        );
    }

    #[test]
    fn recognised() {
        assert_eq!(guess(&DETECTOR, START), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &[0x68, 4, 7, 0, 0, 1]), Guess::No);
        assert_eq!(guess(&DETECTOR, b"hello you"), Guess::No);
    }
}
