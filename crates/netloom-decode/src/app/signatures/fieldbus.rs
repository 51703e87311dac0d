//! Meters and buses over IP: what meters, controllers and vehicles say to each other.

use super::{certain_if, contains, signatures, starts};
use crate::app::wire::{u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe, ber};

signatures! {
    /// ANSI C12.22: messages of meters (RFC 6142).
    ansi_c1222 "ansi_c1222" "ANSI C12.22" Industrial Both [1153];
    /// CIP's implicit messages: the data of a connection that EtherNet/IP agreed on.
    cip "cip" "CIP I/O" Industrial Udp [2222];
    /// GE's Ethernet Global Data.
    egd "ethernetglobaldata" "Ethernet Global Data" Industrial Udp [18_246];
    /// Frames of a vehicle's bus in datagrams.
    can "controller_area_network" "CAN over UDP" Industrial Udp [11_898];
    /// Manufacturing messages (ISO 9506) over ISO's session and presentation.
    manufacturing "iso9506_1_mms" "MMS (ISO 9506)" Industrial Tcp [102];
}

/// A tag and the value of BER, and the rest of `data` behind both; lengths of up to two bytes.
fn element(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    if matches!(data.get(1), Some(0x83..)) {
        return None;
    }
    let (element, rest) = ber::element(data)?;
    Some((element.tag, element.data, rest))
}

/// One message of ACSE whose elements stand in order: whom it is for, who sent it with the number
/// of the message, then what is said in an EXTERNAL of octets.
fn ansi_c1222(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some((0x60, mut rest, [])) = element(data) else {
        return match data {
            [] => Guess::More,
            [0x60, ..] if probe.tcp && data.len() < 512 => Guess::More,
            _ => Guess::No,
        };
    };
    let (mut last, mut number, mut said) = (0, false, false);
    while let Some((tag, value, behind)) = element(rest) {
        if tag <= last || !matches!(tag, 0xa1 | 0xa2 | 0xa4 | 0xa6..=0xa8 | 0xab | 0xac | 0xbe) {
            return Guess::No;
        }
        number |= tag == 0xa8 && matches!(value, [2, 1..=4, ..]);
        said |= tag == 0xbe
            && matches!(element(value), Some((0x28, octets, []))
                if octets.contains(&0x81) || octets.contains(&0xa0));
        last = tag;
        rest = behind;
    }
    certain_if(rest.is_empty() && number && said)
}

/// Two items: the connection's number and sequence (8002, eight bytes), and its data (00b1).
fn cip(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.starts_with(&[2, 0, 2, 0x80, 8, 0])
            && u16_le_at(data, 14) == Some(0xb1)
            && u16_le_at(data, 16).map(|length| usize::from(length) + 18)
                == Some(probe.wire_len.max(data.len())),
    )
}

/// Kind 13 and version 1, request, producer and exchange, time, status, signature; the last four
/// bytes of the header are none.
fn egd(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.starts_with(&[13, 1])
            && u32_at(data, 28) == Some(0)
            && u32_at(data, 4) != Some(0)
            && u32_le_at(data, 8).is_some_and(|exchange| (1..0x4000).contains(&exchange))
            && probe.has_port(18_246),
    )
}

/// The standard's name, version 1, how many frames there are.
fn can(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"ISO11898\x01") {
        Guess::Certain => {
            certain_if(matches!(probe.data.get(9), Some(1..=64)) && probe.data.len() >= 15)
        }
        _ => Guess::No,
    }
}

/// TPKT and COTP, as controllers of Siemens use them too; then a session whose presentation names
/// the abstract syntax 1.0.9506.2.1.
fn manufacturing(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    // The request for a connection, then the session's.
    for _ in 0..2 {
        let [3, 0, _, _, rest @ ..] = data else {
            return match data {
                [] | [3] | [3, 0] | [3, 0, _] => Guess::More,
                _ => Guess::No,
            };
        };
        let length = u16_at(data, 2).map_or(0, usize::from);
        match rest {
            [2, 0xf0, 0x80, 13 | 14, ..] => {
                let Some(frame) = data.get(..length) else {
                    return Guess::More;
                };
                return certain_if(contains(frame, &[6, 5, 0x28, 0xca, 0x22, 2, 1], 512));
            }
            [size, 0xe0 | 0xd0, ..] if usize::from(*size) + 5 == length => {
                let Some(next) = data.get(length..) else {
                    return Guess::More;
                };
                data = next;
            }
            _ if rest.len() < 4 => return Guess::More,
            _ => return Guess::No,
        }
    }
    Guess::No
}

/// A frame of HDLC as meters use it (IEC 62056-46): a flag, format 3 with its length, both
/// addresses, the check sum (X.25's) of the whole, a flag.
pub(super) fn hdlc_frame(data: &[u8], tcp: bool) -> Guess {
    let Some(format) = u16_at(data, 1) else {
        return if tcp { Guess::More } else { Guess::No };
    };
    let length = usize::from(format & 0x7ff);
    if format >> 12 != 0xa || length < 7 {
        return Guess::No;
    }
    let Some(frame) = data.get(1..length + 2) else {
        return if tcp { Guess::More } else { Guess::No };
    };
    let Some((body, [low, high, 0x7e])) = frame.split_last_chunk::<3>() else {
        return Guess::No;
    };
    let sum = body.iter().fold(0xffff_u16, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte), |sum, _| {
            if sum & 1 == 0 {
                sum >> 1
            } else {
                sum >> 1 ^ 0x8408
            }
        })
    });
    certain_if(!sum == u16::from_le_bytes([*low, *high]))
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::Guess;
    use crate::app::signatures::tests::{Sample, bytes, tcp, udp};
    use crate::app::trial::guess;

    const METER: &str = "60 1e a2 05 06 03 2b 06 01 a8 03 02 01 07 be 10 28 0e 81 0c \
                         800a 000102030405060708 09";
    const SESSION: &str = "0300 0016 11 e0 0000 0001 00 c1 02 0001 c2 02 0001 c0 01 0a \
                           0300 0018 02 f080 0d 0f 0506 130100 31 06 06 05 28ca220201 00";

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        vec![
            udp("ansi_c1222", METER),
            udp("cip", "0200 0280 0800 01020304 05000000 b100 0400 00010203"),
            udp(
                "ethernetglobaldata",
                "0d01 0700 c0a80109 7b000000 00000001 00000002 01000000 00000000 00000000 2a",
            )
            .port(18_246),
            udp(
                "controller_area_network",
                "'ISO11898' 01 01 6a12f109 08 0102030405060708",
            ),
            tcp("iso9506_1_mms", SESSION).port(102),
        ]
    }

    #[test]
    fn meters_say_who_and_what() {
        let detector = &super::ansi_c1222::DETECTOR;
        let whole = bytes(METER);
        assert_eq!(guess(detector, &whole), Guess::Certain);
        assert_ne!(guess(detector, &whole[..whole.len() - 1]), Guess::Certain);
        // Elements out of order, and another number's kind.
        for (at, byte) in [(2, 0xbf), (12, 9), (16, 0x29)] {
            let mut wrong = whole.clone();
            wrong[at] = byte;
            assert_eq!(guess(detector, &wrong), Guess::No, "{at}");
        }
    }

    #[test]
    fn frames_of_meters_have_a_check_sum() {
        let whole = bytes("7ea0070321930f017e");
        assert_eq!(super::hdlc_frame(&whole, true), Guess::Certain);
        assert_eq!(super::hdlc_frame(&whole[..6], true), Guess::More);
        assert_eq!(super::hdlc_frame(&whole[..6], false), Guess::No);
        for at in 1..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x10;
            assert_ne!(super::hdlc_frame(&wrong, false), Guess::Certain, "{at}");
        }
    }

    #[test]
    fn sessions_name_their_syntax() {
        let detector = &super::manufacturing::DETECTOR;
        let whole = bytes(SESSION);
        assert_eq!(guess(detector, &whole[..30]), Guess::More);
        let mut other = whole.clone();
        let end = other.len();
        other[end - 3] = 9;
        assert_eq!(guess(detector, &other), Guess::No);
    }
}
