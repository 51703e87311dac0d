//! What controllers of plants, and meters, say to each other.

use std::net::IpAddr;

use super::{certain_if, signatures};
use crate::app::wire::{u16_at, u16_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// GE's Ethernet Global Data: values that a producer sends.
    ethernet_global_data "ethernetglobaldata" "Ethernet Global Data" Industrial Udp [18_246];
}

/// Kind 13, version 1, number (2), the producer's identifier: its own address.
fn ethernet_global_data(probe: &Probe<'_>) -> Guess {
    let (sender, _) = if probe.from_client {
        probe.client
    } else {
        probe.server
    };
    certain_if(
        probe.data.starts_with(&[0x0d, 1])
            && probe.wire_len >= 32
            && matches!(sender, IpAddr::V4(sender) if probe.data.get(4..8) == Some(&sender.octets()[..])),
    )
}

/// The check sequence of HDLC (X.25): reflected, begun and ended with ones.
fn check_sequence(data: &[u8]) -> u16 {
    !data.iter().fold(0xffff, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte), |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0x8408 } else { 0 }
        })
    })
}

/// DLMS in frames of HDLC: flag, format of kind 3 with the length (11 bits) of what stands between the flags, and at its
/// end the check sequence.
pub(super) fn hdlc(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(format) = data.get(1..).and_then(|rest| u16_at(rest, 0)) else {
        return match data {
            [] | [0x7e] | [0x7e, 0xa0..=0xa7] if probe.tcp => Guess::More,
            _ => Guess::No,
        };
    };
    let length = usize::from(format & 0x7ff);
    if data[0] != 0x7e || format >> 12 != 0xa || length < 7 {
        return Guess::No;
    }
    let Some(frame) = data.get(1..=length) else {
        return if probe.tcp { Guess::More } else { Guess::No };
    };
    let (inside, sum) = frame.split_at(length - 2);
    certain_if(
        data.get(1 + length).is_none_or(|&end| end == 0x7e)
            && u16_le_at(sum, 0) == Some(check_sequence(inside)),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app::signatures::tests::{Sample, tcp, udp};
    use crate::app::trial::probe;

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let IpAddr::V4(client) = probe(b"", false, true, (40_000, 40_001)).client.0 else {
            return Vec::new();
        };
        let mut data = udp("ethernetglobaldata", "0d01 0100");
        data.data.extend(client.octets());
        data.data.resize(48, 0);
        let mut frame = tcp("iec62056", "7e a00a 03 21 93 5a5a 5a");
        let sum = check_sequence(&frame.data[1..]).to_le_bytes();
        frame.data.extend(sum);
        frame.data.push(0x7e);
        vec![data, frame]
    }

    #[test]
    fn check_sequences_are_those_of_x_25() {
        // The check value of the catalogue of CRCs: CRC-16/IBM-SDLC.
        assert_eq!(check_sequence(b"123456789"), 0x906e);
        let [_, mut frame] = <[Sample; 2]>::try_from(samples()).ok().unwrap();
        let ask = |data: &[u8]| hdlc(&probe(data, true, true, (40_000, 40_001)));
        assert_eq!(ask(&frame.data), Guess::Certain);
        assert_eq!(ask(&frame.data[..9]), Guess::More);
        frame.data[6] ^= 1;
        assert_eq!(ask(&frame.data), Guess::No);
        assert_eq!(ask(b"\x7e\x45\0"), Guess::No);
    }
}
