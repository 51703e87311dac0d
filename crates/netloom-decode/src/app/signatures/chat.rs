//! Messages and calls.

use super::{certain_if, contains, signatures, starts};
use crate::app::wire::{u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Viber's servers over TCP, its calls over UDP.
    viber "viber" "Viber" Chat Both [4244, 5242, 5243, 7985, 7987, 9785];
    /// WhatsApp's own protocol, of its early versions and with Noise.
    whatsapp "whatsapp" "WhatsApp" Chat Tcp [5222, 5223, 5228];
    /// Telegram's MTProto before a key is agreed on; over UDP what its calls ask the relays.
    telegram "telegram" "Telegram" Chat Both [];
    /// TeamSpeak 3, and the list of its servers.
    teamspeak "teamspeak" "TeamSpeak" Voip Udp [9987, 2010];
    /// Discord's voice: discovery of the own address, and signs of life.
    discord "discord" "Discord" Voip Udp [];
    /// Zoom between two clients and to its servers.
    zoom "zoom" "Zoom" Voip Udp [8801];
    /// OSCAR (AIM, ICQ).
    oscar "oscar" "OSCAR" Chat Tcp [5190];
    /// Tencent's QQ over UDP.
    qq "qq" "QQ" Chat Udp [8000];
    /// Push messages of Huawei on the port of HP's virtual machine group.
    hp_virtgrp "hp_virtgrp" "Huawei Push" Chat Tcp [5223];
    /// DingTalk's connection to its servers.
    dingtalk "dingtalk" "DingTalk" Chat Tcp [];
    /// imo's calls: pings between frames.
    imo "imo" "imo" Voip Udp [];
    /// LINE's calls.
    linecall "linecall" "LINE call" Voip Udp [];
    /// Threema's chat protocol: hellos and login of fixed sizes, then frames.
    threema "threema" "Threema" Chat Tcp [5222];
    /// Push messages of Xiaomi.
    xiaomi_push "xiaomi_push" "Xiaomi Push" Chat Tcp [5222];
    /// IBM's Notes.
    notes "lotusnotes" "HCL Notes" Mail Tcp [1352];
    /// Yahoo's messenger.
    ymsg "ymsg" "Yahoo Messenger" Chat Tcp [5050];
}

fn viber(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    if probe.tcp {
        // Length of the message, itself included; a token, sequence, then a kind with its top bit.
        let Some(length) = u16_le_at(data, 0).map(usize::from) else {
            return Guess::More;
        };
        if !(20..=4096).contains(&length) || length > data.len() && data.len() >= 24 {
            return Guess::No;
        }
        if data.len() < 20 {
            return Guess::More;
        }
        return certain_if(
            data.get(6..8) == Some(&[0xfc, 0xff])
                && matches!(data.get(8..12), Some([3 | 5, 0x80, _, 0]))
                && data.get(14..20) == Some(&[0; 6]),
        );
    }
    // A number of the session, the same both ways, kind, zero; kinds have their sizes.
    let fits = |data: &[u8], whole: usize| match data {
        [_, _, 1, 0, _, 0, 5, 0, ..] | [_, _, 1, 0, 5, 0, ..] => whole >= 100,
        [_, _, 0x0c, 0, ..] => whole == 76,
        [_, _, 0x0b | 0x19, 0, ..] => whole == 34,
        [_, _, 9 | 0x1a, 0, ..] => whole == 20,
        [_, _, 0x11, 0, 1, 0, ..] => whole == 18,
        _ => false,
    };
    if !fits(data, whole) {
        return Guess::No;
    }
    // The other side repeats eight bytes of the asker's.
    let token = match data.get(2) {
        Some(0x0c) => data.get(6..14),
        Some(0x1a | 0x19) => data.get(4..12),
        Some(9) => data.get(12..20),
        _ => None,
    };
    let same = |other: &[u8]| {
        other.get(..2) == data.get(..2)
            && other.get(3) == Some(&0)
            && token.is_some_and(|token| contains(other, token, 40))
    };
    if same(probe.other) || same(probe.previous) {
        Guess::Certain
    } else {
        Guess::Unsure
    }
}

/// `WA`, two bytes of version, then messages with a length of three bytes; perhaps a routing
/// header before.
fn whatsapp(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    let routed = data.starts_with(b"ED\0\x01");
    if let [b'E', b'D', 0, 1, high, middle, low, rest @ ..] = data {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        if length > 256 {
            return Guess::No;
        }
        match rest.get(length..) {
            Some(rest) => data = rest,
            None => return Guess::More,
        }
    }
    match data {
        // Both marks and a length between them.
        [b'W', b'A', 1..=6, 0..=9, ..] if routed => Guess::Certain,
        [b'W', b'A', 1..=6, 0..=9, 0, _, _] | [b'W', b'A', 1..=6, 0..=9, 0, _, _, _] => Guess::More,
        [b'W', b'A', 1..=6, 0..=9, 0, _, _, rest @ ..] => {
            let length = u16_at(data, 5).map_or(0, usize::from);
            certain_if((8..=8192).contains(&length) && rest.len() >= 2)
        }
        [b'W', b'A', 1..=6, 0..=9, ..] | [b'W', b'A'] | [b'W', b'A', 1..=6] if data.len() < 7 => {
            Guess::More
        }
        [b'W' | b'E'] | [b'E', b'D', ..] | [] if data.len() < 7 => Guess::More,
        _ => Guess::No,
    }
}

/// The plain transport, abridged (ef) or intermediate (eeeeeeee): length, key 0, a message's
/// number, its length, then the request for a key.
fn telegram(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !probe.tcp {
        // The peer's tag (16), twelve bytes ff, then who am I, a ping, or what the relay knows.
        let tag = data.get(..16).unwrap_or_default();
        return certain_if(
            data.get(16..28) == Some(&[0xff; 12])
                && !contains(tag, &[0xff; 4], 16)
                && !contains(tag, &[0; 4], 16)
                && matches!(
                    u32_le_at(data, 28),
                    Some(0xffff_ffff | 0xffff_fffe | 0xc015_72c7 | 0x27d9_371c)
                ),
        );
    }
    let body = match data {
        [0xef, length @ 8..=0x7e, rest @ ..] => Some((usize::from(*length) * 4, rest)),
        [0xee, 0xee, 0xee, 0xee, rest @ ..] if rest.len() >= 4 => Some((
            u32_le_at(rest, 0).unwrap_or(0) as usize,
            rest.get(4..).unwrap_or_default(),
        )),
        _ => None,
    };
    let Some((length, body)) = body else {
        return match data {
            [] | [0xef] => Guess::More,
            _ if data.len() < 8 && data.iter().take(4).all(|&byte| byte == 0xee) => Guess::More,
            _ => Guess::No,
        };
    };
    if body.len() < 24 {
        return if body.iter().take(8).all(|&byte| byte == 0) {
            Guess::More
        } else {
            Guess::No
        };
    }
    certain_if(
        body.starts_with(&[0; 8])
            && u32_le_at(body, 16).map(|inner| inner as usize + 20) == Some(length)
            && matches!(u32_le_at(body, 20), Some(0xbe7e_8ef1 | 0x6046_9778)),
    )
}

fn teamspeak(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    if data.starts_with(b"TS3INIT1") {
        return Guess::Certain;
    }
    // The list of servers: version 1, a number, kind; the answer repeats it.
    certain_if(
        data.len() == 8
            && other.len() == 4
            && data.get(..4) == Some(other)
            && data[0] == 1
            && data[3] == 1,
    )
}

/// Kind, length 70, the source's number, then the address in words in 64 bytes, and a port.
fn discord(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0, 1 | 2, 0, 70, _, _, _, _, rest @ ..] if probe.wire_len == 74 => {
            let address = rest.get(..64).unwrap_or_default();
            let end = address.iter().position(|&byte| byte == 0).unwrap_or(64);
            certain_if(
                address
                    .get(end..)
                    .unwrap_or_default()
                    .iter()
                    .all(|&byte| byte == 0)
                    && address[..end]
                        .iter()
                        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
                    && (probe.data[1] == 1 && end == 0 || end >= 7),
            )
        }
        [0x13, 0x37, 0xca, 0xfe, _, _, 0, 0] => Guess::Certain,
        _ => Guess::No,
    }
}

/// Between clients: `1f 02`, then after numbers the other's address and an identifier, with their
/// lengths. To servers: media behind headers of fixed places.
fn zoom(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if let [0x1f, 0x02, 1, 0, ..] = data {
        let Some(length) = u32_at(data, 24).map(|length| length as usize) else {
            return Guess::No;
        };
        let address = data.get(28..28 + length.min(64)).unwrap_or_default();
        return certain_if(
            (7..=45).contains(&length)
                && address.len() == length
                && std::str::from_utf8(address)
                    .is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok())
                && u32_at(data, 28 + length) == Some(36),
        );
    }
    // The servers' answer repeats the identifier of what the client said, and a time of it.
    let other = probe.other;
    let named = |data: &[u8], from: usize| data.iter().skip(from).take(12).any(|&byte| byte != 0);
    if data.first() == Some(&2) && other.first() == Some(&1) {
        return certain_if(
            data.len() >= 35
                && other.len() >= 35
                && data[3..19] == other[3..19]
                && u32_at(other, 27)
                    .zip(u32_at(data, 23))
                    .and_then(|(now, answered)| now.checked_sub(answered))
                    .is_some_and(|late| late < 60_000)
                && named(data, 3),
        );
    }
    // Signs of life come back with the next kind.
    if data.first() == Some(&4) && other.first() == Some(&3) {
        return certain_if(
            data.len() >= 13
                && data.get(..13).map(|data| &data[1..]) == other.get(1..13)
                && named(data, 1)
                && (8801..=8810).any(|port| probe.has_port(port)),
        );
    }
    // Frame of the servers (5), then what it carries (13 screen, 15 sound, 16 picture, 33 to 35
    // reports) and RTP at its place.
    let rtp = |at: usize| data.get(at).is_some_and(|first| first >> 6 == 2);
    let is = match (data.first(), data.get(8)) {
        (Some(5), Some(15)) => rtp(27),
        (Some(5), Some(16)) => rtp(32),
        (Some(5), Some(13)) => rtp(28),
        (Some(5), Some(33..=35)) => rtp(24) && matches!(data.get(25), Some(200..=202)),
        _ => return Guess::No,
    };
    match (is, probe.has_port(8801) || probe.has_port(8802)) {
        (true, true) => Guess::Certain,
        (true, false) => Guess::Unsure,
        _ => Guess::No,
    }
}

/// Mark, channel, sequence, length; first the version.
fn oscar(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0x2a, 1, _, _, _, _, 0, 0, 0, 1, ..] => {
            certain_if(u16_at(data, 4).is_some_and(|length| (4..2048).contains(&length)))
        }
        // A service (known families), then its sub-kind.
        [
            0x2a,
            2,
            _,
            _,
            _,
            _,
            0,
            1..=0x17,
            0,
            1..=0x22,
            0,
            0 | 1 | 0x80,
            ..,
        ] => certain_if(u16_at(data, 4).is_some_and(|length| {
            usize::from(length) >= 10 && usize::from(length) + 6 <= data.len()
        })),
        [0x2a, 1 | 2, ..] | [0x2a] | [] if data.len() < 12 => Guess::More,
        _ => Guess::No,
    }
}

/// 02, version, command, sequence, number of the user; the last byte is 03.
fn qq(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len == data.len();
    let plain = |data: &[u8]| data.len() > 11 && data[0] == 2 && data.last() == Some(&3);
    if !whole || !plain(data) || !matches!(data.get(1), Some(0x0a..=0x1f | 0x2f..=0x3f)) {
        return Guess::No;
    }
    // The answer has the same command, sequence and user; alone, a known command of a user on
    // the servers' port.
    let command = matches!(u16_at(data, 3), Some(1..=0xb5 | 0x3f7));
    let user = u32_at(data, 7).is_some_and(|user| user >= 10_000);
    certain_if(
        probe.other.first() == Some(&2) && probe.other.get(3..11) == data.get(3..11)
            || command && user && probe.has_port(8000),
    )
}

/// A kind, length, mark, then fields (kind, length of two bytes, value): 1 is a flag, 2 the
/// product.
fn dingtalk(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0x10, _, _, _, rest @ ..] => starts(rest, b"\x01\0\x01\0\x02\0\x02dk\x03\0"),
        [0x10, ..] | [] => Guess::More,
        _ => Guess::No,
    }
}

/// A frame of imo: 0 where a relay sends it, length of the rest (7 bits a byte), kind, the rest:
/// length of all of it, kind, and what it carries.
fn imo_frame(data: &[u8]) -> Option<(usize, u8, &[u8])> {
    let rest = data.strip_prefix(&[0]).unwrap_or(data);
    let (length, rest) = match rest {
        [high @ 0x80..=0xff, low @ 0..=0x7f, rest @ ..] => {
            (usize::from(high & 0x7f) << 7 | usize::from(*low), rest)
        }
        [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    let (&kind, body) = rest.split_first()?;
    matches!(kind, 2 | 3 | 0x0d | 0x0e | 0x1a)
        .then(|| (data.len() - rest.len() + length, kind, body))
}

/// A ping or its answer with a time of eight bytes, between frames whose lengths fit. A relay's
/// may be its first.
fn imo(probe: &Probe<'_>) -> Guess {
    let fits = |kept: &[u8]| {
        imo_frame(kept).is_some_and(|(length, ..)| {
            length == kept.len() || kept.len() == Probe::KEPT && length > kept.len()
        })
    };
    certain_if(
        matches!(
            imo_frame(probe.data),
            Some((length, 2 | 3, [time @ .., 0, 0, 0, 0]))
                if length == probe.data.len() && time.len() == 4 && time != [0; 4]
        ) && (fits(probe.previous) || probe.previous.is_empty() && probe.data.len() == 11)
            && fits(probe.other),
    )
}

/// Five bits of kind, the first four set to 1101; length of what follows (11 bits), number of
/// the packet in its direction (2), then that many bytes.
fn linecall(probe: &Probe<'_>) -> Guess {
    let head = |data: &[u8]| {
        let (first, number) = (u16_at(data, 0)?, u16_at(data, 2)?);
        (first >> 12 == 0xd).then_some((usize::from(first & 0x7ff) + 4, number))
    };
    let fits = |kept: &[u8]| {
        head(kept).filter(|&(length, _)| {
            length == kept.len() || kept.len() == Probe::KEPT && length > kept.len()
        })
    };
    let (Some((length, number)), Some((_, before)), Some(_)) =
        (head(probe.data), fits(probe.previous), fits(probe.other))
    else {
        return Guess::No;
    };
    certain_if(length == probe.wire_len && number == before.wrapping_add(1))
}

/// Hellos of 48 bytes (key, cookie) and of 80, login of 191 and its answer of 32; then frames
/// behind their lengths, which end where the packets do.
fn threema(probe: &Probe<'_>) -> Guess {
    const CLIENT: usize = 48 + 191;
    const SERVER: usize = 80 + 32;
    let [ours, theirs] = if probe.from_client {
        [CLIENT, SERVER]
    } else {
        [SERVER, CLIENT]
    };
    // Keys and cookies are not text, and have no runs of zeros.
    let start = probe.data.get(..48).unwrap_or(probe.data);
    if !probe.from_start
        || !probe.has_port(5222)
        || probe.data.len() >= Probe::MAX
        || contains(start, &[0; 4], 48)
        || start.len() >= 8 && start.is_ascii()
    {
        return Guess::No;
    }
    let framed = |stream: &[u8], from: usize| {
        let mut rest = stream.get(from..).unwrap_or_default();
        let mut count = 0;
        while let Some(length) = u16_le_at(rest, 0)
            .map(usize::from)
            .filter(|length| *length >= 20)
            && let Some(next) = rest.get(2 + length..)
        {
            rest = next;
            count += 1;
        }
        rest.is_empty() && count > 0
    };
    if framed(probe.data, ours) && framed(probe.other, theirs) {
        Guess::Certain
    } else {
        Guess::More
    }
}

/// A mark, version 5, length, then 2 and 16h before the first message.
fn xiaomi_push(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"\xc2\xfe\0\x05") {
        Guess::Certain if probe.data.len() < 12 => Guess::More,
        Guess::Certain => certain_if(
            u32_at(probe.data, 4).is_some_and(|length| (8..8192).contains(&length))
                && u32_at(probe.data, 8) == Some(0x0002_0016),
        ),
        other => other,
    }
}

/// Kind, then the length of the whole in two bytes; the other side's alike.
fn hp_virtgrp(probe: &Probe<'_>) -> Guess {
    let kind = |first: u8| matches!(first, 0x16 | 0x17 | 0x25 | 0x26 | 0x30);
    let fits = |data: &[u8]| {
        data.first().is_some_and(|&first| kind(first))
            && u16_at(data, 1).is_some_and(|length| {
                (5..=2048).contains(&length) && usize::from(length) <= data.len()
            })
    };
    let data = probe.data;
    match data.first() {
        None => return Guess::More,
        Some(&first) if !kind(first) => return Guess::No,
        _ => {}
    }
    if !fits(data) {
        return if data.len() < 256 {
            Guess::More
        } else {
            Guess::No
        };
    }
    if probe.other.is_empty() {
        return Guess::More;
    }
    // What is asked with 16 is answered with 17, 25 with 26.
    let pair = matches!(
        (data.first(), probe.other.first()),
        (Some(0x16), Some(0x17))
            | (Some(0x17), Some(0x16))
            | (Some(0x25), Some(0x26))
            | (Some(0x26), Some(0x25))
    );
    certain_if(pair && fits(probe.other))
}

/// Length, then kinds and sizes that a connection request has.
fn notes(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 16 {
        return if data.is_empty() || data.len() < 8 {
            Guess::More
        } else {
            Guess::No
        };
    }
    certain_if(
        u32_le_at(data, 0).is_some_and(|length| {
            length as usize + 4 == data.len() || length as usize + 6 == data.len()
        }) && data.get(6..16) == Some(&[0, 0, 2, 0, 0, 0x40, 2, 0x0f, 0, 7]),
    )
}

fn ymsg(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"YMSG\0") {
        Guess::Certain if probe.data.len() < 20 => Guess::More,
        Guess::Certain => certain_if(probe.data[5] <= 20),
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app::signatures::tests::{Sample, tcp, udp};
    use crate::app::trial::probe;

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let discovery = format!("0001 0046 0003cfa8 {} 0000", "00".repeat(64));
        let viber = format!("edf6 0c00 0100 ac19358c8f64e447 {}", "00".repeat(62));
        vec![
            tcp(
                "viber",
                "18000000 0000 fcff 0580 0900 0000 000000000000 33000000",
            ),
            udp("viber", &viber).other("edf6 0100 0500 ac19358c8f64e447 07ae2754"),
            tcp("whatsapp", "'WA' 0603 000024 1220 0102030405060708"),
            tcp(
                "telegram",
                "ef 0a 0000000000000000 0102030405060708 14000000 78974660",
            ),
            udp("teamspeak", "'TS3INIT1' 0065 0000 88 0dd05766"),
            udp("teamspeak", "01 8084 01 7c65d9a7").other("01 8084 01"),
            udp("discord", &discovery),
            udp("discord", "1337cafe a9010000"),
            udp(
                "zoom",
                "1f02 01 00 0800 0100 04 00 4e150ef8 00000007 00000063b6a5 0000000b '192.168.1.2' 00000024 'AF'",
            ),
            tcp("oscar", "2a 01 1234 0004 00000001"),
            udp("qq", "02 1b23 0017 0001 01020304 0506 03").other("02 1b23 0017 0001 01020304"),
            udp("qq", "02 3b0b 0001 0017 01020304 0000000000000000 5a5a 03").port(8000),
            tcp("whatsapp", "'ED' 0001 000004 080b0809 'WA' 0502 000114"),
            udp(
                "telegram",
                "0102030405060708090a0b0c0d0e0f10 ffffffff ffffffff ffffffff feffffff 0102030405060708",
            ),
            udp(
                "zoom",
                "02 0001 0102030405060708090a0b0c0d0e0f10 005a0e3e 007a002a 0000000000000000",
            )
            .other("01 0002 0102030405060708090a0b0c0d0e0f10 0000000000000002 007a002a 007a002a 00000040"),
            udp("zoom", "04 00000001 762a8d74 005a0e3e")
                .other("03 00000001 762a8d74 005a0e3e")
                .port(8801),
            tcp(
                "dingtalk",
                "10 64 8780 01 0001 00 02 0002 'dk' 03 0020 5a5a5a5a",
            ),
            udp("imo", "09 03 dc9a0200 00000000")
                .previous("05 0d 00000102")
                .other("09 02 dc9a0200 00000000"),
            udp("linecall", "d804 0012 01020304")
                .previous("d806 0011 010203040506")
                .other("d004 0105 01020304"),
            threema(),
            tcp(
                "xiaomi_push",
                "c2fe0005 00000036 00020016 00000018 0800",
            ),
            tcp("hp_virtgrp", "16 0005 0001").other("17 0006 0001 02"),
            tcp("lotusnotes", "0c000000 0000 0000 02 00 00 40 02 0f 00 07"),
            tcp(
                "ymsg",
                "'YMSG' 0010 0000 0000 0000 0057 0000 0000 0000 0000",
            ),
        ]
    }

    /// Both hellos, login and its answer, a frame of 20 bytes each way.
    fn threema() -> Sample {
        let stream = |start: usize| {
            let mut stream: Vec<u8> = (0..start).map(|at| at as u8 | 0x81).collect();
            stream.extend([20, 0]);
            stream.extend([0x5a; 20]);
            stream
        };
        let mut sample = tcp("threema", "00").port(5222);
        (sample.data, sample.other) = (stream(48 + 191), stream(80 + 32));
        sample
    }

    #[test]
    fn calls_are_told_by_several_packets() {
        let ask = |sample: &Sample, is: fn(&Probe<'_>) -> Guess| {
            is(&Probe {
                other: &sample.other,
                previous: &sample.previous,
                ..probe(&sample.data, sample.tcp, true, (40_000, sample.server_port))
            })
        };
        let line = |previous: &str, data: &str| {
            ask(
                &udp("linecall", data)
                    .previous(previous)
                    .other("d004 0105 01020304"),
                linecall,
            )
        };
        assert_eq!(
            line("d804 0011 01020304", "d804 0012 01020304"),
            Guess::Certain
        );
        // Another number, another length, nothing before.
        assert_eq!(line("d804 0012 01020304", "d804 0012 01020304"), Guess::No);
        assert_eq!(line("d804 0011 01020304", "d803 0012 01020304"), Guess::No);
        assert_eq!(line("", "d804 0012 01020304"), Guess::No);
        // A ping is nothing between frames that do not fit.
        let ping = udp("imo", "09 02 dc9a0200 00000000");
        assert_eq!(ask(&ping, imo), Guess::No);
        let wrong = ping.previous("06 0d 00000102").other("05 0d 00000102");
        assert_eq!(ask(&wrong, imo), Guess::No);
        // Threema's frames end with the packet.
        let mut stream = threema();
        stream.data.push(0x5a);
        assert_eq!(ask(&stream, super::threema), Guess::More);
        stream.server_port = 443;
        assert_eq!(ask(&stream, super::threema), Guess::No);
    }
}
