//! Other machines' screens and keyboards.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Radmin 3.
    radmin "radmin" "Radmin" RemoteAccess Tcp [4899];
    /// NoMachine: greetings over TCP, pairs over UDP.
    nomachine "nomachine" "NoMachine" RemoteAccess Both [4000];
    /// TeamViewer.
    teamviewer "teamviewer" "TeamViewer" RemoteAccess Both [5938];
    /// AnyDesk: how it finds its like in the local network.
    anydesk "anydesk" "AnyDesk" RemoteAccess Udp [50_001];
    /// X display manager's control.
    xdmcp "xdmcp" "XDMCP" RemoteAccess Udp [177];
    /// Citrix ICA and its common gateway protocol.
    citrix "citrix" "Citrix ICA" RemoteAccess Tcp [1494, 2598];
    /// SPICE.
    spice "spice" "SPICE" RemoteAccess Tcp [5900];
    /// Apache Guacamole's protocol.
    guacamole "guacamole" "Guacamole" RemoteAccess Tcp [4822];
    /// Synergy and Barrier: one keyboard for several machines.
    synergy "synergy" "Synergy / Barrier" RemoteAccess Tcp [24_800];
    /// PC Anywhere.
    pc_anywhere "pcanywhere" "pcAnywhere" RemoteAccess Udp [5632];
    /// DameWare: its greeting.
    dameware "dameware" "DameWare" RemoteAccess Tcp [6129];
    /// Remote desktop's transport over UDP: how it begins.
    rdpeudp "rdpeudp" "RDP over UDP" RemoteAccess Udp [3389];
}

/// Acknowledgement and data (MS-RDPEUDP, sections 2.2.2.1, 2.2.2.6 and 2.2.2.4): what was received,
/// filled up to a multiple of four, then the number of this datagram twice, and a record of TLS or
/// DTLS.
fn rdpeudp_data(data: &[u8]) -> bool {
    if u16_at(data, 6) != Some(0x000c) {
        return false;
    }
    let received = u16_at(data, 8).map_or(usize::MAX, usize::from);
    if received > 2048 {
        return false;
    }
    let at = 8 + (2 + received).next_multiple_of(4);
    let (Some(coded), Some(start)) = (u32_at(data, at), u32_at(data, at + 4)) else {
        return false;
    };
    let record = data.get(at + 8..).unwrap_or_default();
    coded == start
        && match record {
            [0x14..=0x17, 3, 1..=3, high, low, rest @ ..] => {
                usize::from(u16::from_be_bytes([*high, *low])) <= rest.len()
            }
            [0x14..=0x17, 0xfe, 0xfd | 0xff, ..] => {
                u16_at(record, 11).is_some_and(|length| usize::from(length) + 13 <= record.len())
            }
            _ => false,
        }
}

/// A SYN (MS-RDPEUDP, sections 2.2.2.1 and 2.2.2.5): nothing acknowledged yet, the flag, and how
/// much a datagram may hold each way; filled up to that size. Or a datagram from the middle.
fn rdpeudp(probe: &Probe<'_>) -> Guess {
    const SYN: u16 = 1;
    /// Acknowledgement, FIN, data.
    const OTHERS: u16 = 0x000e;
    let data = probe.data;
    if rdpeudp_data(data) {
        return Guess::Certain;
    }
    let (Some(u32::MAX), Some(flags), Some(up), Some(down)) = (
        u32_at(data, 0),
        u16_at(data, 6),
        u16_at(data, 12),
        u16_at(data, 14),
    ) else {
        return Guess::No;
    };
    let fits = |size: u16| (1132..=1232).contains(&size);
    certain_if(
        flags & SYN != 0
            && flags & OTHERS == 0
            && fits(up)
            && fits(down)
            && (1132..=1232).contains(&probe.wire_len),
    )
}

/// Kind 1, length, sum of the payload's words, payload.
fn radmin(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(length), Some(sum)) = (
        data.get(1..).and_then(|rest| u32_at(rest, 0)),
        u32_at(data, 5),
    ) else {
        return match data {
            [] | [1] | [1, 0, ..] => Guess::More,
            _ => Guess::No,
        };
    };
    if data[0] != 1 || !(1..=4096).contains(&length) {
        return Guess::No;
    }
    let Some(payload) = data.get(9..9 + length as usize) else {
        return if length < 1024 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let total = payload.chunks(4).fold(0_u32, |total, chunk| {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        total.wrapping_add(u32::from_le_bytes(word))
    });
    certain_if(total == sum && sum != 0)
}

fn nomachine(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        return starts_any(data, &[b"NXSH-", b"NXD-"]);
    }
    // Kind, 1, length, number; what is sent as 1 is answered as 2 with the same number's form.
    let fits = |data: &[u8]| {
        matches!(data, [1 | 2, 0, 1, 0, ..])
            && u16_le_at(data, 4).map(usize::from) == Some(data.len())
    };
    if probe.wire_len != 10 || !fits(data) {
        return Guess::No;
    }
    let answered = fits(probe.other) && probe.other.first() != data.first();
    if answered && data.get(7..) == Some(&[0; 3]) {
        Guess::Certain
    } else {
        Guess::Unsure
    }
}

fn teamviewer(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        // Mark, command, length.
        return match data {
            [0x17, 0x24, 0x0a..=0x2f, ..] if data.len() >= 5 => certain_if(
                probe.has_port(5938)
                    || u16_le_at(data, 3).map(|length| usize::from(length) + 5) == Some(data.len()),
            ),
            [0x11, 0x30, kind, ..] if data.len() >= 8 => certain_if(
                *kind <= 0x60
                    && u16_le_at(data, 4).is_some_and(|length| {
                        usize::from(length) + 8 == data.len() || probe.has_port(5938)
                    }),
            ),
            [0x17 | 0x11] | [] => Guess::More,
            [0x17, 0x24, ..] | [0x11, 0x30, ..] if data.len() < 8 => Guess::More,
            _ => Guess::No,
        };
    }
    // Eleven bytes: zero, then the mark behind numbers.
    match data {
        [0, _, _, _, _, _, _, _, _, _, _, 0x17, 0x24, ..] if probe.wire_len > 13 => {
            if probe.has_port(5938) {
                Guess::Certain
            } else {
                Guess::Unsure
            }
        }
        _ => Guess::No,
    }
}

fn anydesk(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0x3e, 0xd1, 1, ..] => certain_if((50_001..=50_003).contains(&probe.server.1)),
        _ => Guess::No,
    }
}

/// Version 1, opcode, length of the rest.
fn xdmcp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let fits = u16_at(data, 0) == Some(1)
        && u16_at(data, 2).is_some_and(|opcode| (1..=14).contains(&opcode))
        && u16_at(data, 4).map(|length| usize::from(length) + 6)
            == Some(probe.wire_len.max(data.len()));
    match (fits, probe.has_port(177)) {
        (true, true) => Guess::Certain,
        (true, false) => Guess::Unsure,
        _ => Guess::No,
    }
}

fn citrix(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"\x7f\x7fICA\0", b"\x1aCGP/01"])
}

fn spice(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"REDQ") {
        Guess::Certain if probe.data.len() < 8 => Guess::More,
        Guess::Certain => certain_if(u32_le_at(probe.data, 4).is_some_and(|major| major <= 2)),
        other => other,
    }
}

fn guacamole(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"6.select,", b"4.args,"])
}

/// Length, then the name of the program and its version.
fn synergy(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(text) = data.get(4..) else {
        return match data {
            [] | [0, ..] => Guess::More,
            _ => Guess::No,
        };
    };
    if !u32_at(data, 0).is_some_and(|length| (8..=64).contains(&length)) {
        return Guess::No;
    }
    starts_any(text, &[b"Synergy\0\x01", b"Barrier\0\x01"])
}

fn pc_anywhere(probe: &Probe<'_>) -> Guess {
    certain_if(probe.wire_len == 2 && matches!(probe.data, b"NQ" | b"ST") && probe.has_port(5632))
}

fn dameware(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts(data, b"\x30\x11\0\0") {
        Guess::Certain if data.len() < 40 => Guess::More,
        Guess::Certain => {
            certain_if(data.len() == 40 && probe.has_port(6129) && !contains(data, b"HTTP", 40))
        }
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let rdpeudp = format!(
            "ffffffff 0040 1801 01020304 04d0 04d0 {}",
            "00".repeat(1216)
        );
        let dameware = format!("30110000 {}", "00".repeat(36));
        vec![
            tcp("radmin", "01 00000001 00000008 08"),
            tcp("radmin", "01 00000005 00000227 2702000000"),
            tcp("nomachine", "'NXSH-8.10.1' 0a"),
            udp("nomachine", "0200 0100 0a00 00 000000").other("0100 0100 0a00 03 000000"),
            tcp("teamviewer", "1724 10 0400 01020304"),
            udp("anydesk", "3ed101 0102").port(50_001),
            udp("xdmcp", "0001 0002 0001 00").port(177),
            tcp("citrix", "7f7f494341 00"),
            tcp("spice", "'REDQ' 02000000 02000000"),
            tcp("guacamole", "'6.select,3.rdp;'"),
            tcp("synergy", "0000000b 'Barrier' 00010008"),
            udp("pcanywhere", "'NQ'").port(5632),
            tcp("dameware", &dameware).port(6129),
            udp("rdpeudp", &rdpeudp),
            udp(
                "rdpeudp",
                "01020304 0400 000c 0001 0100 05060708 05060708 16 0303 0004 0e000000",
            ),
        ]
    }
}
