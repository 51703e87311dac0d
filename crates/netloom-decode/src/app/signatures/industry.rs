//! Plants, buildings, hospitals.

use super::{certain_if, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u16_le_at, u32_at, u32_le_at, zeros};
use crate::app::{Guess, Probe};

signatures! {
    /// Beckhoff's ADS over AMS.
    beckhoff_ads "beckhoffads" "Beckhoff ADS" Industrial Tcp [48_898];
    /// Omron's FINS.
    fins "fins" "Omron FINS" Industrial Both [9600];
    /// HART over IP.
    hart_ip "hart_ip" "HART-IP" Industrial Both [5094];
    /// GE's SRTP.
    ge_srtp "ge_srtp" "GE SRTP" Industrial Tcp [18_245];
    /// EIA-852: LonTalk and others over IP.
    cnp_ip "cnp_ip" "CNP/IP (EIA-852)" Industrial Udp [1628, 1629];
    /// Ether-S-Bus of SAIA.
    ether_s_bus "ether_s_bus" "Ether-S-Bus" Industrial Udp [5050];
    /// Ether-S-I/O.
    ether_sio "ether_s_io" "Ether-S-I/O" Industrial Udp [6060];
    /// DICOM: the request for an association.
    dicom "dicom" "DICOM" Industrial Tcp [104, 11_112];
    /// HL7 in its minimal lower layer.
    hl7 "hl7" "HL7 (MLLP)" Industrial Tcp [2575];
    /// Synchrophasors (IEEE C37.118).
    synchrophasor "ieee_c37118" "IEEE C37.118" Industrial Both [4712, 4713];
    /// Mitsubishi's MELSEC (SLMP).
    melsec "melsec" "MELSEC / SLMP" Industrial Both [5006, 5007];
    /// Niagara's Fox.
    fox "fox" "Niagara Fox" Industrial Tcp [1911];
    /// Tristation, Triconex' safety controllers.
    tristation "tristation" "TriStation" Industrial Udp [1502];
    /// Trains: TRDP process and message data.
    trdp "trdp" "TRDP" Industrial Both [17_224, 17_225];
    /// Codesys, version 2 and 3.
    codesys "codesys" "CODESYS" Industrial Both [1200, 2455, 11_740, 1740];
    /// PCWorx of Phoenix Contact.
    pc_worx "pcworx" "PCWorx" Industrial Tcp [1962];
    /// Meters: IEC 62056-46 wrapped (DLMS/COSEM).
    dlms "iec62056" "DLMS/COSEM" Industrial Both [4059];
    /// Red Lion's Crimson 3.
    red_lion "red_lion" "Red Lion Crimson" Industrial Tcp [789];
    /// Schneider's ProConOS.
    proconos "proconos" "ProConOS" Industrial Tcp [20_547];
    /// GVCP: machine vision cameras.
    gvcp "gvcp" "GigE Vision" Industrial Udp [3956];
    /// Universal robots: the real-time data exchange.
    rtde "rtde" "UR RTDE" Industrial Tcp [30_004];
    /// Diagnostics of vehicles (DoIP, ISO 13400).
    doip "doip" "DoIP" Industrial Both [13_400];
}

/// Zero, length; target and source of six bytes with port each, command, flags, data's length.
fn beckhoff_ads(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(length) = u32_le_at(data, 2) else {
        return if data.iter().take(2).all(|&byte| byte == 0) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if u16_at(data, 0) != Some(0) || !(32..1 << 16).contains(&length) {
        return Guess::No;
    }
    if data.len() < 38 {
        return Guess::More;
    }
    certain_if(
        u16_le_at(data, 22).is_some_and(|command| command <= 9)
            && u16_le_at(data, 24).is_some_and(|flags| matches!(flags & 0xff3e, 4))
            && u32_le_at(data, 26) == length.checked_sub(32),
    )
}

/// TCP: the name, a length, a command. UDP: 80 or c0, 0, 2, then places, 0 or a number.
fn fins(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        return match starts(data, b"FINS") {
            Guess::Certain if data.len() < 12 => Guess::More,
            Guess::Certain => certain_if(u32_at(data, 8).is_some_and(|command| command <= 6)),
            other => other,
        };
    }
    match data {
        [
            0x80 | 0x81,
            0,
            2 | 7,
            0..=127,
            _,
            0,
            0..=127,
            _,
            0,
            _,
            1..=0x26,
            1..=0x82,
            ..,
        ] => {
            let answered = probe
                .other
                .first()
                .is_some_and(|first| first & 0xfe == 0xc0)
                && probe.other.get(9) == data.get(9);
            if probe.has_port(9600) || answered {
                Guess::Certain
            } else {
                Guess::Unsure
            }
        }
        [0xc0 | 0xc1, 0, 2 | 7, ..] => certain_if(
            probe
                .other
                .first()
                .is_some_and(|first| first & 0xfe == 0x80)
                && probe.other.get(9..12) == data.get(9..12)
                && data.len() >= 14,
        ),
        _ => Guess::No,
    }
}

/// Version 1, kind, message, status, sequence, length.
fn hart_ip(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let fits = |data: &[u8]| {
        matches!(data, [1, 0 | 1 | 2 | 15, 0..=5, _, ..])
            && u16_at(data, 6)
                .is_some_and(|length| length >= 8 && usize::from(length) == data.len())
    };
    if data.len() < 8 {
        return if probe.tcp && matches!(data, [] | [1, ..]) {
            Guess::More
        } else {
            Guess::No
        };
    }
    // A session's start carries a master's kind and a time; the answer repeats the number.
    let start = fits(data)
        && data[1] == 0
        && data[2] == 0
        && data[3] == 0
        && data.len() == 13
        && data[8] <= 1;
    let answered = fits(probe.other)
        && probe.other.get(4..6) == data.get(4..6)
        && probe.other.get(2) == data.get(2)
        && probe.other.get(1) != data.get(1);
    match (fits(data), start && probe.has_port(5094) || answered) {
        (true, true) => Guess::Certain,
        (true, false) if probe.has_port(5094) => Guess::Certain,
        (true, false) => Guess::More,
        _ => Guess::No,
    }
}

/// 56 bytes of a header; the first ones are empty, the answer has 1 in front, then 15 and zeros.
fn ge_srtp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 56 {
        return match data {
            [] | [0..=9, 0, ..] | [0..=9] => Guess::More,
            _ => Guess::No,
        };
    }
    let start = data.len() == 56
        && zeros(data)
        && probe.other.len() == 56
        && probe.other.first() == Some(&1)
        && zeros(&probe.other[1..8]);
    let request = matches!(data[0], 2 | 3)
        && data[1] == 0
        && matches!(data[31], 0xc0 | 0xd4 | 0x94 | 0xd1)
        && data[10..26] == [0; 16];
    if start || request && probe.has_port(18_245) {
        Guess::Certain
    } else if data.len() == 56 && zeros(data) && probe.other.is_empty() {
        Guess::More
    } else {
        Guess::No
    }
}

/// Length, version 1, kind, extension's size, flags, vendor.
fn cnp_ip(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let fits = u16_at(data, 0).map(usize::from) == Some(probe.wire_len.max(data.len()))
        && matches!(data.get(2..6), Some([1, 1 | 3..=8 | 0x60..=0x71, 0..=4, _]))
        && u16_at(data, 6) == Some(0)
        && data.len() >= 20;
    match (fits, probe.has_port(1628) || probe.has_port(1629)) {
        (true, true) => Guess::Certain,
        (true, false) => Guess::Unsure,
        _ => Guess::No,
    }
}

/// Length, version 0 or 1, kind, sequence, then a telegram; a check sum (CCITT) at the end.
fn ether_s_bus(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 11
        || u32_at(data, 0).map(|length| length as usize) != Some(data.len())
        || data[4] > 1
        || data[5] != 0
        || data[8] > 2
    {
        return Guess::No;
    }
    let Some((body, sum)) = data.split_last_chunk::<2>() else {
        return Guess::No;
    };
    let total = body.iter().fold(0_u16, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 {
                sum << 1
            } else {
                sum << 1 ^ 0x1021
            }
        })
    });
    certain_if(total == u16::from_be_bytes(*sum))
}

fn ether_sio(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"ESIO")
}

/// PDU 1, 0, length, version 1, 0, then the names of both ends, filled up with spaces.
fn dicom(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 42 {
        return match data {
            [] | [1 | 2] | [1 | 2, 0, 0, ..] | [1 | 2, 0] => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(
        matches!(data[..2], [1 | 2, 0])
            && u32_at(data, 2).is_some_and(|length| (68..1 << 20).contains(&length))
            && data[6..10] == [0, 1, 0, 0]
            && data[10..42].iter().all(|byte| (b' '..=b'~').contains(byte)),
    )
}

fn hl7(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"\x0bMSH|", b"\x0bFHS|", b"\x0bBHS|"])
}

/// Mark, kind and version, length, identifier, time; a check sum (CCITT, from ones) at the end.
fn synchrophasor(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some([0xaa, kind]), Some(length)) =
        (data.first_chunk::<2>(), u16_at(data, 2).map(usize::from))
    else {
        return if probe.tcp && matches!(data, [] | [0xaa] | [0xaa, 1..=0x52, ..]) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if !matches!(kind >> 4, 0..=5) || !matches!(kind & 0x8f, 1 | 2) || length < 16 {
        return Guess::No;
    }
    let Some(frame) = data.get(..length) else {
        return if probe.tcp { Guess::More } else { Guess::No };
    };
    let Some((body, sum)) = frame.split_last_chunk::<2>() else {
        return Guess::No;
    };
    let total = body.iter().fold(0xffff_u16, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 {
                sum << 1
            } else {
                sum << 1 ^ 0x1021
            }
        })
    });
    certain_if(total == u16::from_be_bytes(*sum))
}

/// Sub-header of request or answer, network, station, module, length.
fn melsec(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let at = match data {
        [0x50 | 0xd0, 0, 0, 0xff, 0xff, 3, 0, ..] => 7,
        [0x54 | 0xd4, 0, _, _, 0, 0, 0, 0xff, 0xff, 3, 0, ..] => 11,
        [] => return Guess::More,
        [0x50 | 0xd0 | 0x54 | 0xd4, ..] if probe.tcp && data.len() < 13 => return Guess::More,
        _ => return Guess::No,
    };
    certain_if(u16_le_at(data, at).map(|length| usize::from(length) + at + 2) == Some(data.len()))
}

fn fox(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"fox a ")
}

/// Kind, channel, length of the rest with a check sum behind it.
fn tristation(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let fits = |data: &[u8]| {
        matches!(data, [1..=10, 0..=2, ..])
            && u16_le_at(data, 2).map(|length| usize::from(length) + 6) == Some(data.len())
    };
    if !fits(data) || !probe.has_port(1502) {
        return Guess::No;
    }
    let sum = |data: &[u8]| {
        let (body, sum) = data.split_last_chunk::<2>()?;
        let total = body.iter().fold(0_u16, |sum, &byte| {
            (0..8).fold(sum ^ u16::from(byte), |sum, _| {
                if sum & 1 == 0 {
                    sum >> 1
                } else {
                    sum >> 1 ^ 0xa001
                }
            })
        });
        Some(total == u16::from_le_bytes(*sum))
    };
    if sum(data) == Some(true) || fits(probe.other) {
        Guess::Certain
    } else {
        Guess::Unsure
    }
}

/// Sequence, version 1, kind in two letters, …, the payload's length.
fn trdp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 40 {
        return Guess::No;
    }
    let known = matches!(
        &data[6..8],
        b"Pr" | b"Pp" | b"Pd" | b"Pe" | b"Mn" | b"Mr" | b"Mp" | b"Mq" | b"Mc" | b"Me"
    );
    certain_if(
        data[4] == 1
            && data[5] <= 4
            && known
            && u32_at(data, 20).is_some_and(|length| {
                length as usize + 40 <= probe.wire_len.max(data.len()) + 1400
            }),
    )
}

/// Version 2: bb bb and a length; version 3's block driver: a mark, the length.
fn codesys(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        return match data {
            // Mark, hops and header's length, priority.
            [0xc5, hops, ..]
                if probe.server.1 >= 1740 && probe.server.1 <= 1743 && hops & 7 >= 3 =>
            {
                Guess::Certain
            }
            _ => Guess::No,
        };
    }
    match data {
        [0xbb, 0xbb, ..] if data.len() >= 6 => certain_if(
            u32_at(data, 2).map(|length| length as usize + 6) == Some(data.len())
                || u32_le_at(data, 2).map(|length| length as usize + 6) == Some(data.len()),
        ),
        [0, 1, 0x17, 0xe8, ..] => {
            certain_if(u32_le_at(data, 4).is_some_and(|length| length < 1 << 16) || data.len() < 8)
        }
        [0xbb, ..] | [0] | [0, 1] | [0, 1, 0x17] | [] if data.len() < 6 => Guess::More,
        _ => Guess::No,
    }
}

fn pc_worx(probe: &Probe<'_>) -> Guess {
    match starts(
        probe.data,
        b"\x01\x01\0\x1a\0\0\0\0\x78\x80\0\x03\0\x0cIBETH01N0_M\0",
    ) {
        Guess::No => match probe.data {
            [0x81, 1, 0, 0x14, 0, 0, 0, 0, ..] if probe.data.len() == 20 => {
                certain_if(probe.has_port(1962))
            }
            _ => Guess::No,
        },
        other => other,
    }
}

/// Version 1, from, to, length; then what asks for an association. Or a frame of HDLC.
fn dlms(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.first() == Some(&0x7e) {
        return super::fieldbus::hdlc_frame(data, probe.tcp);
    }
    let whole = u16_at(data, 6).map(|length| usize::from(length) + 8) == Some(data.len());
    if data.len() < 10 {
        return if probe.tcp && matches!(data, [] | [0] | [0, 1, ..]) {
            Guess::More
        } else {
            Guess::No
        };
    }
    certain_if(
        u16_at(data, 0) == Some(1)
            && whole
            && matches!(data[8], 0x60 | 0x61 | 0x62 | 0x63 | 0xc0..=0xc7)
            && (probe.has_port(4059)
                || matches!(data[8], 0x60 | 0x61) && usize::from(data[9]) + 10 == data.len()),
    )
}

/// Length, then register, kind; a request for the maker.
fn red_lion(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0, 4, 1, 0x2b, 0x1b, 0] | [0, 4, 1, 0x2a, 0x1a, 0] => Guess::Certain,
        [] | [0] | [0, 4, ..] if probe.data.len() < 6 => Guess::More,
        _ => Guess::No,
    }
}

fn proconos(probe: &Probe<'_>) -> Guess {
    match starts_any(probe.data, &[b"\xcc\x01\0\x0b", b"\xcc\x00\0\x01"]) {
        Guess::Certain => certain_if(probe.has_port(20_547)),
        other => other,
    }
}

/// 42, flags, an even command below 0x100, length; the answer has a status and the next command.
fn gvcp(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [
            0x42,
            _,
            0,
            2 | 4 | 0x40 | 0x80 | 0x82 | 0x84 | 0x86 | 0xc0,
            ..,
        ] => certain_if(
            u16_at(probe.data, 4).map(|length| usize::from(length) + 8)
                == Some(probe.wire_len.max(probe.data.len()))
                && u16_at(probe.data, 6) != Some(0)
                && probe.has_port(3956),
        ),
        _ => Guess::No,
    }
}

/// Length, kind: the request for protocol version 1 or 2.
fn rtde(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0, 5, b'V', 0, 1 | 2] => certain_if(probe.has_port(30_004)),
        [] | [0] | [0, 5, ..] if probe.data.len() < 5 => Guess::More,
        _ => Guess::No,
    }
}

/// Version and its complement, kind, length.
fn doip(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut reader = Reader::new(data);
    let (Some(version), Some(inverse)) = (reader.u8(), reader.u8()) else {
        return if probe.tcp { Guess::More } else { Guess::No };
    };
    // All ones is for those that ask which version is spoken, over UDP.
    if version != !inverse || !(matches!(version, 1..=4) || version == 0xff && !probe.tcp) {
        return Guess::No;
    }
    let (Some(kind), Some(length)) = (reader.u16(), reader.u32()) else {
        return if probe.tcp { Guess::More } else { Guess::No };
    };
    certain_if(
        matches!(kind, 0..=8 | 0x4001..=0x4004 | 0x8001..=0x8003)
            && (length as usize + 8 == probe.wire_len.max(data.len())
                || probe.tcp && length < 8192)
            && (probe.tcp || probe.has_port(13_400) || length > 0),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let dicom = format!(
            "0100 000000cc 0001 0000 {} {} 00",
            "20".repeat(16),
            "20".repeat(16)
        );
        let trdp = format!(
            "00000001 0100 'Pd' 00000001 00000000 00000000 00000004 00000000 00000000 00000000 00000000 {}",
            "00".repeat(4)
        );
        let ge = "00".repeat(56);
        let ge_answer = format!("01 {}", "00".repeat(55));
        vec![
            tcp(
                "beckhoffads",
                "0000 20000000 050d75600101 1027 c0a801630101 0380 0400 0400 00000000 00000000 05000000",
            ),
            tcp("fins", "'FINS' 0000000c 00000000 00000000 00000000"),
            udp(
                "fins",
                "80 00 02 00 01 00 00 02 00 01 01 01 82 0000 00 0001",
            )
            .port(9600),
            tcp("hart_ip", "01 00 00 00 0001 000d 01 00002710").port(5094),
            tcp("ge_srtp", &ge).other(&ge_answer),
            udp("cnp_ip", "0014 01 01 00 00 0000 6b8b4567 00000001 00000000").port(1628),
            udp("ether_s_bus", "0000000b 01 00 0001 00 5ac2"),
            udp("ether_s_io", "'ESIO' 0000"),
            tcp("dicom", &dicom),
            tcp("hl7", "0b 'MSH|^~\\&|A|B' 0d"),
            tcp("ieee_c37118", "aa41 0012 0001 60000000 00000000 0002 de18"),
            tcp(
                "melsec",
                "5000 00 ff ff03 00 0c00 1000 0104 0000 00000000 a8 00",
            ),
            tcp("fox", "'fox a 1 -1 fox hello' 0a"),
            udp("tristation", "01 00 0000 01 fc").port(1502),
            udp("trdp", &trdp),
            tcp("codesys", "bbbb 00000001 02"),
            tcp(
                "pcworx",
                "0101 001a 00000000 7880 0003 000c 'IBETH01N0_M' 00",
            ),
            tcp("iec62056", "7e a007 03 21 93 0f01 7e"),
            tcp("iec62056", "0001 0001 0010 0004 60 02 a109"),
            tcp("red_lion", "0004 01 2b 1b 00"),
            tcp("proconos", "cc01 000b 4002 0000").port(20_547),
            udp("gvcp", "42 11 0002 0000 0001").port(3956),
            tcp("rtde", "0005 56 0002").port(30_004),
            udp("doip", "02fd 0001 00000000").port(13_400),
        ]
    }
}
