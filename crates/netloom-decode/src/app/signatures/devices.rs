//! Things at home, and what they are found with.

use super::{certain_if, contains, signatures, starts};
use crate::app::wire::{u16_at, u16_le_at, u32_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Xiaomi's devices (miio).
    xiaomi "xiaomi" "Xiaomi miio" Iot Udp [54_321];
    /// LIFX lamps.
    lifx "lifx" "LIFX" Iot Udp [56_700];
    /// Yeelight's search.
    yeelight "yeelight" "Yeelight" Iot Udp [1982];
    /// Hikvision's search for its devices.
    hikvision_sadp "hikvision_sadp" "Hikvision SADP" Iot Udp [37_020];
    /// Dahua's search for its devices.
    dahua_dhip "dahua_dhip" "Dahua DHIP" Iot Both [37_810, 5000];
    /// Spotify: devices that look for each other, and its old connection.
    spotify "spotify" "Spotify" Music Both [57_621, 4070];
    /// Crestron's discovery.
    crestron "crestron" "Crestron" Iot Udp [41_794];
    /// Broadlink's discovery and messages.
    broadlink "broadlink" "Broadlink" Iot Udp [80];
    /// Printing: PJL, raw.
    pjl "pjl" "PJL (printing)" Iot Tcp [9100];
    /// Line printer daemon.
    lpd "lpd" "LPD (printing)" Iot Tcp [515];
    /// Captured Zigbee packets over UDP.
    zep "zep" "ZEP (Zigbee capture)" Iot Udp [17_754];
    /// LoRaWAN gateways (Semtech's forwarder).
    lorawan_gateway "lorawan_gateway" "LoRaWAN gateway" Iot Udp [1700];
    /// Gree's air conditioners, and those built like them.
    gree "gree" "Gree air conditioner" Iot Udp [7000];
    /// HDHomeRun's discovery.
    hdhomerun "hdhomerun" "HDHomeRun" Iot Udp [65_001];
    /// XBMC/Kodi's event server.
    kodi "kodi" "Kodi" Iot Udp [9777];
    /// Logitech's media server (Slim devices).
    slim_proto "slimproto" "Slim devices" Music Both [3483];
    /// Weave over TCP: Nest's devices and their service.
    weave "weave" "Weave" Iot Tcp [11_095];
}

/// Length (2), then a message: flags, encryption and version 1 (2), number (4), who sends it (8)
/// and who is to have it (8), all little endian. One of them is the service, whose numbers are of
/// Nest's (18:b4:30) with 02 behind.
fn weave(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 24 {
        return match data.get(2..4) {
            None | Some([0 | 0x10, 0x13]) => Guess::More,
            _ => Guess::No,
        };
    }
    let service = |at: usize| data.get(at..at + 8).is_some_and(|id| id[1..] == SERVICE);
    certain_if(
        u16_le_at(data, 0).is_some_and(|length| (26..8192).contains(&length))
            && matches!(data[2..4], [0 | 0x10, 0x13])
            && (service(8) || service(16)),
    )
}

/// Weave's numbers of services, their lowest byte left out.
const SERVICE: [u8; 7] = [0, 0, 0, 2, 0x30, 0xb4, 0x18];

/// Mark, length; then zeros or an identifier. The hello is all ones.
fn xiaomi(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.starts_with(b"\x21\x31")
            && u16_at(data, 2).map(usize::from) == Some(probe.wire_len.max(data.len()))
            && data.len() >= 32,
    )
}

/// Length, then protocol 1024 with its flags; the target's last two bytes and six more are zero.
fn lifx(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.len() >= 36
            && u16_le_at(data, 0).map(usize::from) == Some(probe.wire_len.max(data.len()))
            && u16_le_at(data, 2).is_some_and(|flags| flags & 0x1fff == 0x1400)
            && data.get(14..16) == Some(&[0, 0])
            && u16_le_at(data, 34) == Some(0)
            && u16_le_at(data, 32).is_some_and(|kind| (2..1000).contains(&kind)),
    )
}

fn yeelight(probe: &Probe<'_>) -> Guess {
    certain_if(
        contains(probe.data, b"\r\nST: wifi_bulb", 160)
            || contains(probe.data, b"\r\nLocation: yeelight://", 256),
    )
}

fn hikvision_sadp(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.starts_with(b"<?xml")
            && (contains(probe.data, b"<Probe><Uuid>", 160)
                || contains(probe.data, b"<ProbeMatch>", 160)
                || contains(probe.data, b"<Probe>\n<Uuid>", 160)),
    )
}

fn dahua_dhip(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x20\0\0\0DHIP")
}

fn spotify(probe: &Probe<'_>) -> Guess {
    if !probe.tcp {
        return certain_if(probe.data.starts_with(b"SpotUdp0"));
    }
    match probe.data {
        // Old version 0 hello: length, then a Diffie-Hellman exchange in a message of fields.
        [0, 4, 0, 0, _, _, 0x52, 0x0e | 0x0f, 0x50, ..] => Guess::Certain,
        [0, 4, 0, 0, ..] | [0, 4, 0] | [0, 4] | [0] | [] if probe.data.len() < 9 => Guess::More,
        _ => Guess::No,
    }
}

fn crestron(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0x14 | 0x15, 0, 0, 0, 1 | 4, 4 | 1 | 2, 0, 3, 0, 0, ..] => {
            certain_if(probe.wire_len >= 200)
        }
        _ => Guess::No,
    }
}

/// Discovery: 48 bytes, command 6 at its place.
fn broadlink(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.starts_with(b"\x5a\xa5\xaa\x55\x5a\xa5\xaa\x55")
            || data.len() == 48
                && data[..8] == [0; 8]
                && data.get(38) == Some(&6)
                && data[39..48] == [0; 9]
                && data[28..32] == [0; 4]
                && data[24..28] != [0; 4],
    )
}

fn pjl(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x1b%-12345X")
}

/// A command (1 to 5), a queue's name, a line's end.
fn lpd(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [2..=5, name @ ..] if probe.has_port(515) => {
            let Some(end) = name.iter().take(64).position(|&byte| byte == b'\n') else {
                return if name.len() < 64 {
                    Guess::More
                } else {
                    Guess::No
                };
            };
            certain_if(end > 0 && name[..end].iter().all(|byte| (b' '..=b'~').contains(byte)))
        }
        [] => Guess::More,
        _ => Guess::No,
    }
}

/// Mark, version 1 or 2, kind.
fn zep(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [b'E', b'X', 2, 1 | 2, ..] => {
            certain_if(probe.wire_len >= 32 || probe.data[3] == 2 && probe.wire_len == 8)
        }
        _ => Guess::No,
    }
}

/// Version, a token, kind, the gateway's identifier, then JSON.
fn lorawan_gateway(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [1 | 2, _, _, 0, rest @ ..] => {
            certain_if(rest.get(8..).is_some_and(|text| {
                text.starts_with(b"{\"rxpk\"") || text.starts_with(b"{\"stat\"")
            }))
        }
        [1 | 2, _, _, 3, rest @ ..] => certain_if(rest.starts_with(b"{\"txpk\"")),
        [2, a, b, 1 | 4] => {
            if probe.other.get(1..3) == Some(&[*a, *b]) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        _ => Guess::No,
    }
}

fn gree(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.starts_with(b"{")
            && (probe.data == b"{\"t\":\"scan\"}"
                || contains(probe.data, b"\"t\":\"pack\"", 64)
                    && contains(probe.data, b"\"cid\":", 128)),
    )
}

/// Kind 2 or 3, length, then fields of a kind and a length, and a check sum.
fn hdhomerun(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        matches!(u16_at(data, 0), Some(2 | 3))
            && u16_at(data, 2).map(|length| usize::from(length) + 8)
                == Some(probe.wire_len.max(data.len()))
            && u16_at(data, 4) == Some(0x0104)
            && u32_at(data, 4).is_some(),
    )
}

fn kodi(probe: &Probe<'_>) -> Guess {
    certain_if(probe.data.starts_with(b"XBMC\x02\0") && probe.wire_len >= 32)
}

fn slim_proto(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        return certain_if(
            data.starts_with(b"eIPAD\0")
                || data.starts_with(b"eNAME\0")
                || data.starts_with(b"eIPAD"),
        );
    }
    match starts(data, b"HELO") {
        Guess::Certain if data.len() < 9 => Guess::More,
        Guess::Certain => certain_if(
            u32_at(data, 4).is_some_and(|length| (10..=256).contains(&length)) && data[8] <= 16,
        ),
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let crestron = format!("14 00 00 00 01 04 00 03 00 00 {}", "00".repeat(256));
        let broadlink = format!(
            "{} 01000000 00000000 e5070506 00000000 {} 06 {}",
            "00".repeat(16),
            "00".repeat(6),
            "00".repeat(9)
        );
        vec![
            tcp(
                "weave",
                "3200 0013 09030000 0102030405060708 04000000 0230b418 5a5a5a5a",
            ),
            udp(
                "xiaomi",
                "2131 0020 ffffffff ffffffff ffffffff ffffffffffffffffffffffffffffffff",
            ),
            udp(
                "lifx",
                "2400 0034 01020304 0000000000000000 000000000000 00 01 0000000000000000 0200 0000",
            ),
            udp(
                "yeelight",
                "'M-SEARCH * HTTP/1.1' 0d0a 'MAN: \"ssdp:discover\"' 0d0a 'ST: wifi_bulb' 0d0a",
            ),
            udp(
                "hikvision_sadp",
                "'<?xml version=\"1.0\" encoding=\"utf-8\"?><Probe><Uuid>1</Uuid></Probe>'",
            ),
            udp("dahua_dhip", "20000000 'DHIP' 00000000"),
            udp("spotify", "'SpotUdp0' 0102"),
            tcp("spotify", "0004 0000 0117 52 0e 50 02"),
            udp("crestron", &crestron),
            udp("broadlink", &broadlink),
            tcp("pjl", "1b '%-12345X@PJL' 0d0a"),
            tcp("lpd", "02 'queue' 0a").port(515),
            udp("zep", "'EX' 02 02 00000001"),
            udp(
                "lorawan_gateway",
                "02 0102 00 0102030405060708 '{\"stat\":{}}'",
            ),
            udp("gree", "'{\"t\":\"scan\"}'"),
            udp(
                "hdhomerun",
                "0002 000c 01 04 ffffffff 02 04 ffffffff 01020304",
            ),
            udp(
                "kodi",
                "'XBMC' 0200 0001 00000001 00000001 0000 00000000 00000000000000000000",
            ),
            tcp("slimproto", "'HELO' 00000024 0c 01 020000000001"),
        ]
    }
}
