//! Private networks, tunnels, and what hides traffic.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u32_at, u32_le_at, zeros};
use crate::app::{Guess, Probe};

signatures! {
    /// WireGuard: the handshake's messages, or its data in both directions.
    wireguard "wireguard" "WireGuard" Vpn Udp [51_820, 51_821];
    /// WireGuard as Cloudflare's clients speak it, with a mark of three bytes.
    cloudflare_warp "cloudflarewarp" "Cloudflare WARP" Vpn Udp [2408, 500, 1701, 4500];
    /// L2TP.
    l2tp "l2tp" "L2TP" Vpn Udp [1701];
    /// PPTP's control connection.
    pptp "pptp" "PPTP" Vpn Tcp [1723];
    /// tinc's meta connection.
    tinc "tinc" "tinc" Vpn Tcp [655];
    /// Tailscale's discovery between nodes.
    tailscale "tailscale" "Tailscale" Vpn Udp [41_641];
    /// ZeroTier.
    zerotier "zerotier" "ZeroTier" Vpn Udp [9993];
    /// Nebula.
    nebula "nebula" "Nebula" Vpn Udp [4242];
    /// SoftEther's own protocol over UDP, and its name search.
    softether "softether" "SoftEther VPN" Vpn Udp [5004];
    /// Cisco's IPsec over TCP or UDP, as its clients did it.
    cisco_vpn "ciscovpn" "Cisco VPN" Vpn Both [10_000];
    /// Any in anything (SixXS).
    ayiya "ayiya" "AYIYA" Vpn Udp [5072];
    /// Alibaba's cloud agent.
    alicloud "alicloud" "Alibaba Cloud agent" Cloud Tcp [];
    /// Avast's cloud protocol.
    avast "avast" "Avast" SoftwareUpdate Tcp [];
    /// Hamachi's connection to its server.
    hamachi "hamachi" "Hamachi" Vpn Tcp [12_975];
    /// Fortinet's client: its greeting over UDP.
    forticlient "forticlient" "FortiClient" Vpn Udp [];
}

/// Kind, three reserved bytes; each kind of handshake has its size.
fn wireguard(probe: &Probe<'_>) -> Guess {
    let whole = probe.wire_len.max(probe.data.len());
    let data = probe.data;
    let kind = u32_le_at(data, 0);
    match (kind, whole) {
        (Some(1), 148) | (Some(2), 92) | (Some(3), 64) => {
            // The second keyed hash is of zeros unless the other side is under load.
            let quiet = data.get(whole - 16..).is_some_and(zeros);
            let answered = match kind {
                Some(1) => u32_le_at(probe.other, 0) == Some(2),
                _ => {
                    u32_le_at(probe.other, 0) == Some(1)
                        && probe.other.get(4..8)
                            == data
                                .get(8..12)
                                .filter(|_| kind == Some(2))
                                .or_else(|| data.get(4..8))
                }
            };
            if quiet && kind != Some(3) || answered {
                Guess::Certain
            } else {
                Guess::Unsure
            }
        }
        // Data: receiver's index, counter; multiples of 16 and a tag.
        (Some(4), 32..) if whole.is_multiple_of(16) => {
            let counter = u32_le_at(data, 12) == Some(0);
            let other =
                u32_le_at(probe.other, 0) == Some(4) && u32_le_at(probe.other, 12) == Some(0);
            let previous = u32_le_at(probe.previous, 0) == Some(4)
                && probe.previous.get(4..8) == data.get(4..8);
            match (counter, other || previous) {
                (true, true) => Guess::Certain,
                (true, false) => Guess::Unsure,
                _ => Guess::No,
            }
        }
        _ => Guess::No,
    }
}

/// The same kinds with three bytes that are not zero but alike in every packet.
fn cloudflare_warp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    let alike = |other: &[u8]| matches!(other, [1..=4, ..]) && other.get(1..4) == data.get(1..4);
    match data {
        [1, a, b, c, ..] if whole == 148 && (*a, *b, *c) != (0, 0, 0) => {
            if data.get(132..148).is_some_and(zeros) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        [2, ..] if whole == 92 => certain_if(alike(probe.other) && probe.other.first() == Some(&1)),
        [4, a, b, c, ..] if whole.is_multiple_of(16) && (*a, *b, *c) != (0, 0, 0) => certain_if(
            (alike(probe.other) || alike(probe.previous)) && u32_le_at(data, 12) == Some(0),
        ),
        _ => Guess::No,
    }
}

/// Control: flags T and L and S, version 2, its length; the first field is the message's kind.
fn l2tp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    match u16_at(data, 0) {
        Some(0xc802 | 0xc803) => {
            let length = u16_at(data, 2).map(usize::from);
            let field =
                matches!(data.get(12..18), Some([0x80, 8, 0, 0, 0, 0])) || length == Some(12);
            certain_if(length == Some(whole) && field)
        }
        Some(0x0002 | 0x4002 | 0x0202 | 0x4202) if probe.has_port(1701) => Guess::Unsure,
        _ => Guess::No,
    }
}

/// Length, kind 1, the magic cookie.
fn pptp(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [_, _, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, ..] => Guess::Certain,
        data if data.len() < 8 && matches!(data.get(2..), None | Some([] | [0] | [0, 1, ..])) => {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// Request 0, a name, protocol version 17.
fn tinc(probe: &Probe<'_>) -> Guess {
    let Some((line, _)) = crate::app::text::line(probe.data) else {
        return match probe.data {
            [] | [b'0'] | [b'0', b' ', ..] if probe.data.len() < 64 => Guess::More,
            _ => Guess::No,
        };
    };
    let Some(rest) = line.strip_prefix(b"0 ") else {
        return Guess::No;
    };
    let mut words = rest.split(|&byte| byte == b' ');
    let (Some(name), Some(version), None) = (words.next(), words.next(), words.next()) else {
        return Guess::No;
    };
    certain_if(
        !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            && (version == b"17" || version.starts_with(b"17.")),
    )
}

fn tailscale(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"TS\xf0\x9f\x92\xac")
}

/// Packet (8), destination (5), source (5), flags, check sum (8), verb: hello in clear.
fn zerotier(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 28 {
        return Guess::No;
    }
    // HELLO: cipher 0, verb 1, protocol version, then the program's version and a time.
    let hello = data[18] & 0x38 == 0
        && data[27] & 0x1f == 1
        && matches!(data.get(28), Some(4..=20))
        && matches!(data.get(29), Some(1 | 2))
        && !zeros(&data[8..13])
        && !zeros(&data[13..18])
        && data[8] != 0xff
        && data[13] != 0xff;
    if hello && (probe.has_port(9993) || probe.wire_len >= 130) {
        return Guess::Certain;
    }
    // Both ways name both ends.
    let (ours, theirs) = (data.get(8..18), probe.other.get(8..18));
    match (ours, theirs) {
        (Some(ours), Some(theirs))
            if ours[..5] == theirs[5..]
                && ours[5..] == theirs[..5]
                && !zeros(&ours[..5])
                && ours[..5] != ours[5..] =>
        {
            Guess::Certain
        }
        _ => Guess::No,
    }
}

/// Version 1 and kind, sub-kind, reserved, remote index, counter; the handshake's first message
/// has index 0 and counter 1.
fn nebula(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let header = |data: &[u8]| matches!(data, [0x10, 0, 0, 0, ..]) && data.len() >= 16;
    let first = header(data)
        && data.get(4..8) == Some(&[0; 4])
        && data.get(8..16) == Some(&[0, 0, 0, 0, 0, 0, 0, 1]);
    let second =
        header(data) && data.get(8..16) == Some(&[0, 0, 0, 0, 0, 0, 0, 2]) && header(probe.other);
    certain_if((first || second) && probe.wire_len > 64)
}

/// How many values there are, then each: its name, its kind, how many, and they themselves. Two of
/// them are looked at.
fn softether_pack(data: &[u8]) -> bool {
    let mut reader = Reader::new(data);
    let Some(2..=256) = reader.u32() else {
        return false;
    };
    for _ in 0..2 {
        // The length counts a NUL that is not there.
        let Some(length @ 2..=64) = reader.u32() else {
            return false;
        };
        let named = reader.take(length as usize - 1).is_some_and(|name| {
            name.iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.@".contains(byte))
        });
        let (Some(kind @ 0..=4), Some(count @ 1..=16), true) = (reader.u32(), reader.u32(), named)
        else {
            return false;
        };
        for _ in 0..count {
            let value = match kind {
                0 => reader.skip(4),
                4 => reader.skip(8),
                _ => match reader.u32() {
                    Some(length @ 0..=4096) => reader.skip(length as usize),
                    _ => None,
                },
            };
            if value.is_none() {
                return false;
            }
        }
    }
    true
}

fn softether(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.starts_with(b"B\0\0\0\0\0\0\0IP=") && contains(probe.data, b",PORT=", 48)
            || probe.data.starts_with(b"IP=")
                && contains(probe.data, b",PORT=", 40)
                && (contains(probe.other, b"B", 1) || probe.other == b"A")
            || softether_pack(probe.data),
    )
}

fn cisco_vpn(probe: &Probe<'_>) -> Guess {
    if probe.tcp {
        return match probe.data {
            [0x17, 1, 0, 0, ..] if probe.has_port(10_000) => Guess::Certain,
            _ => Guess::No,
        };
    }
    certain_if(probe.data.starts_with(b"\xfe\x57\x7e\x2b"))
}

/// Identity's length and kind, signature, operation, next header, a time.
fn ayiya(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [
            0x41..=0x44,
            0x50..=0x52,
            0x10..=0x16,
            41 | 59 | 4,
            _,
            _,
            _,
            _,
            ..,
        ] => certain_if(
            probe.has_port(5072) && u32_at(probe.data, 4).is_some_and(|time| time > 1_000_000_000),
        ),
        _ => Guess::No,
    }
}

/// A mark, then the length of what follows, both little endian.
fn alicloud(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"\xce\xfa\xbe\xba") {
        Guess::Certain if probe.data.len() < 8 => Guess::More,
        Guess::Certain => {
            certain_if(u32_le_at(probe.data, 4).is_some_and(|length| (8..65_536).contains(&length)))
        }
        other => other,
    }
}

fn avast(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"NOSA") {
        Guess::Certain if probe.data.len() < 8 => Guess::More,
        Guess::Certain => {
            let length = usize::from(u16::from_be_bytes([probe.data[4], probe.data[5]]));
            certain_if((8..4096).contains(&length) && matches!(probe.data[6..8], [1, 1 | 2]))
        }
        other => other,
    }
}

/// Length, kind 0, then the protocol's name.
fn hamachi(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 16 {
        return match data {
            [] | [0, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(data.starts_with(b"\0\0\0") && contains(data, b"MSP,", 32))
}

fn forticlient(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"GFtype\0", b"\0GFtype\0"]).max(certain_if(
        contains(probe.data, b"GFtype\0clthello\0", 48)
            || contains(probe.data, b"GFtype\0svrhello\0", 48),
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let body = "5a".repeat(128);
        let initiation = format!("01000000 {} 00000000000000000000000000000000", &body);
        let warp = format!("01020304 {} 00000000000000000000000000000000", &body);
        let nebula = format!("10000000 00000000 0000000000000001 {body}");
        vec![
            udp("wireguard", &initiation),
            udp("wireguard", &format!("04000000 01020304 0500000000000000 {}", "5a".repeat(16))).other(&format!("04000000 05060708 0600000000000000 {}", "5a".repeat(16))),
            udp("cloudflarewarp", &warp),
            udp("l2tp", "c802 0014 0000 0000 0000 0000 8008 0000 0000 0001"),
            tcp("pptp", "009c 0001 1a2b3c4d 0001 0000 0100"),
            tcp("tinc", "'0 alpha 17.7' 0a"),
            udp("tailscale", "5453f09f92ac 0102"),
            udp("zerotier", "0102030405060708 1111111111 2222222222 00 0102030405060708 01 0b 01 06 0000 0000018000000000").port(9993),
            udp("nebula", &nebula),
            udp(
                "softether",
                "00000002 00000003 'ip' 00000002 00000001 00000001 '4' 00000005 'port' 00000000 00000001 00001388",
            ),
            udp("softether", "'IP=192.0.2.1,PORT=5004'").other("'A'"),
            udp("softether", "'B' 00000000000000 'IP=192.0.2.1,PORT=5004'"),
            udp("ciscovpn", "fe577e2b 0102030405060708"),
            udp("ayiya", "44 52 11 29 60000000").port(5072),
            tcp("alicloud", "cefabeba 80000000"),
            tcp("avast", "'NOSA' 0060 01 01 00000301"),
            tcp("hamachi", "0000001c 00 02 0000 'MSP,V1' 00000000"),
            udp("forticlient", "00 2a 'GFtype' 00 'clthello' 00"),
        ]
    }
}
