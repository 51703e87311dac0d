//! Sound, pictures, light.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{u16_at, u16_le_at, u32_at};
use crate::app::{Guess, Probe};

signatures! {
    /// MPEG transport streams in datagrams.
    mpeg_ts "mpeg_ts" "MPEG-TS" Media Udp [1234];
    /// RTMP.
    rtmp "rtmp" "RTMP" Media Tcp [1935];
    /// Secure reliable transport (SRT).
    srt "srt" "SRT" Media Udp [];
    /// Art-Net: stage lighting.
    art_net "art_net" "Art-Net" Media Udp [6454];
    /// Streaming ACN (E1.31).
    sacn "sacn" "sACN" Media Udp [5568];
    /// VBAN: sound over IP.
    vban "vban" "VBAN" Media Udp [6980];
    /// Open Sound Control, bundles.
    osc "osc" "OSC" Media Udp [8000, 9000];
    /// MIDI over RTP: sessions of Apple's.
    apple_midi "apple_midi" "AppleMIDI" Media Udp [5004];
    /// Shoutcast and Icecast: the greeting of the old protocol.
    shoutcast "shoutcast" "Shoutcast" Media Tcp [8000];
    /// Microsoft's media server, old protocol.
    mms "mms" "MMS (streaming)" Media Tcp [1755];
    /// Audinate Dante: control of sound networks.
    dante "dante" "Dante" Media Udp [8700, 8800];
    /// Sonos: how its players find each other.
    sonos "sonos" "Sonos" Music Udp [6969];
    /// Who may speak in a conference (BFCP, RFC 8855).
    bfcp "bfcp" "BFCP" Voip Both [];
    /// Control of media gateways (Megaco, H.248), in text.
    megaco "megaco" "Megaco (H.248)" Voip Both [2944];
    /// PulseAudio's native protocol.
    pulse_audio "pulseaudio" "PulseAudio" Media Tcp [4713];
    /// Music Player Daemon.
    mpd "mpd" "MPD" Music Tcp [6600];
    /// Agora's network for calls (SD-RTN): the hello.
    sd_rtn "sd_rtn" "Agora SD-RTN" Voip Udp [8130];
}

/// Connection (4), two bytes, kind 21h, five zero bytes, how many fields, then fields (tag of four
/// letters, length, value): the server's name first.
fn sd_rtn(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let length = u16_le_at(data, 17).map_or(0, usize::from);
    let name = data.get(19..19 + length).unwrap_or_default();
    certain_if(
        data.get(6..12) == Some(&[0x21, 0, 0, 0, 0, 0])
            && data.get(13..17) == Some(b"SNI\0")
            && !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte)),
    )
}

/// Version 1 or 2, kind, length, conference, transaction, user: an answer repeats the last three.
fn bfcp(probe: &Probe<'_>) -> Guess {
    let head = |data: &[u8]| {
        matches!(data.first(), Some(0x20 | 0x40 | 0x50)).then_some(())?;
        let (kind, words) = (*data.get(1)?, u16_at(data, 2)?);
        ((1..=18).contains(&kind) && words <= 256 && data.len() >= 12).then_some(kind)
    };
    let Some(kind) = head(probe.data) else {
        return match probe.data {
            [] | [0x20] => Guess::More,
            [0x20, 1..=18, ..] if probe.tcp && probe.data.len() < 12 => Guess::More,
            _ => Guess::No,
        };
    };
    let Some(other) = head(probe.other) else {
        return if probe.other.is_empty() {
            Guess::More
        } else {
            Guess::No
        };
    };
    // Who asks, and the status that answers; anything may be answered by an error (13).
    let answers = |asked, answer| {
        matches!(
            (asked, answer),
            (1..=3, 4) | (5, 6) | (7, 8) | (9, 10) | (11, 12) | (1..=11, 13) | (14, 15) | (17, 18)
        )
    };
    certain_if(
        (answers(kind, other) || answers(other, kind))
            && probe.data.get(4..12) == probe.other.get(4..12)
            && u32_at(probe.data, 4) != Some(0),
    )
}

/// `MEGACO/1` or `!/1`, who sends it, then the kind of message.
fn megaco(probe: &Probe<'_>) -> Guess {
    let data = probe.data.get(..256).unwrap_or(probe.data);
    let lower = data.to_ascii_lowercase();
    let Some(rest) = lower
        .strip_prefix(b"megaco/")
        .or_else(|| lower.strip_prefix(b"!/"))
    else {
        return if probe.tcp && (b"MEGACO/".starts_with(data) || b"!/".starts_with(data)) {
            Guess::More
        } else {
            Guess::No
        };
    };
    let words = |text: &u8| !text.is_ascii_whitespace();
    let mut words = rest
        .split(|byte| !words(byte))
        .filter(|word| !word.is_empty());
    let (Some([b'1'..=b'9'] | [b'1'..=b'9', _]), Some([b'[' | b'<' | b'a'..=b'z', ..]), Some(kind)) =
        (words.next(), words.next(), words.next())
    else {
        return Guess::No;
    };
    let kinds: [&[u8]; 9] = [
        b"t=",
        b"p=",
        b"transaction=",
        b"reply=",
        b"pn=",
        b"pending=",
        b"k{",
        b"er=",
        b"error=",
    ];
    // Spaces may stand before the sign.
    certain_if(
        kinds.iter().any(|name| kind.starts_with(name))
            || matches!(
                kind,
                b"t" | b"p"
                    | b"pn"
                    | b"k"
                    | b"er"
                    | b"transaction"
                    | b"reply"
                    | b"pending"
                    | b"error"
            ) && words
                .next()
                .is_some_and(|sign| matches!(sign[0], b'=' | b'{')),
    )
}

/// Whole packets of 188 bytes, each with its mark.
fn mpeg_ts(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut packets = data.chunks_exact(188);
    let count = packets.len();
    let aligned = probe.wire_len.is_multiple_of(188);
    let marked =
        packets.all(|packet| packet[0] == 0x47 && packet[1] & 0x80 == 0 && packet[3] & 0x30 != 0);
    match (marked && aligned, count) {
        (true, 3..) => Guess::Certain,
        (true, 1..) => Guess::Unsure,
        _ => Guess::No,
    }
}

/// C0 (version 3), C1: time, zero or the player's version, and 1528 bytes.
fn rtmp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [3, _, _, _, _, 0, 0, 0, 0, ..]
        | [3, _, _, _, _, 128 | 9..=13 | 20..=40, 0, _, 1..=60, ..]
            if data.len() >= 1537 =>
        {
            if probe.other.first() == Some(&3) || probe.has_port(1935) {
                Guess::Certain
            } else {
                Guess::More
            }
        }
        [3, _, _, _, _, 0, 0, 0, 0, ..] | [3, _, _, _, _, 1..=6, 0, 0..=9, 0..=9, ..]
            if data.len() >= 1537 && probe.other.first() == Some(&3) =>
        {
            Guess::Certain
        }
        [3, ..] if data.len() < 1537 => Guess::More,
        [] => Guess::More,
        _ => Guess::No,
    }
}

/// A handshake: control packet 0, version 4 or 5, and the caller's sizes.
fn srt(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 64 || data[..4] != [0x80, 0, 0, 0] {
        return Guess::No;
    }
    let version = u32_at(data, 16);
    let size = u32_at(data, 28).unwrap_or(0);
    certain_if(
        matches!(version, Some(4 | 5))
            && (64..=9000).contains(&size)
            && u32_at(data, 32).is_some_and(|window| (16..=1 << 20).contains(&window))
            && matches!(u32_at(data, 36), Some(0 | 1 | 0xffff_ffff | 0xffff_fffe)),
    )
}

fn art_net(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"Art-Net\0")
}

fn sacn(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\0\x10\0\0ASC-E1.17\0\0\0")
}

fn vban(probe: &Probe<'_>) -> Guess {
    certain_if(probe.data.starts_with(b"VBAN") && probe.wire_len >= 28)
}

fn osc(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.starts_with(b"#bundle\0") {
        return Guess::Certain;
    }
    // An address from '/', filled up to four bytes, then types from ','.
    let Some(end) = data.iter().take(128).position(|&byte| byte == 0) else {
        return Guess::No;
    };
    let types = end / 4 * 4 + 4;
    certain_if(
        data.first() == Some(&b'/')
            && end > 2
            && data.len().is_multiple_of(4)
            && data.get(types) == Some(&b',')
            && data
                .get(types + 1)
                .is_some_and(|byte| b"ifsbTFNIhtd\0".contains(byte))
            && data[..end].iter().all(u8::is_ascii_graphic),
    )
}

fn apple_midi(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0xff, 0xff, b'I', b'N', 0, 0, 0, 2, ..]
        | [0xff, 0xff, b'O', b'K', 0, 0, 0, 2, ..]
        | [0xff, 0xff, b'N', b'O', 0, 0, 0, 2, ..]
        | [0xff, 0xff, b'B', b'Y', 0, 0, 0, 2, ..] => Guess::Certain,
        [0xff, 0xff, b'C', b'K', _, _, _, _, 0..=2, 0, 0, 0, ..] if probe.wire_len == 36 => {
            Guess::Certain
        }
        _ => Guess::No,
    }
}

fn shoutcast(probe: &Probe<'_>) -> Guess {
    starts_any(
        probe.data,
        &[
            b"ICY 200 OK\r\n",
            b"ICY 200 OK\n",
            b"ICY 401 ",
            b"OK2\r\nicy-caps:",
        ],
    )
}

/// Kind 1, the mark, then `MMS ` at its place.
fn mms(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [1, 0, 0, _, 0xce, 0xfa, 0x0b, 0xb0, ..] => Guess::Certain,
        [1, 0, 0, ..] | [1, 0] | [1] | [] if probe.data.len() < 8 => Guess::More,
        _ => Guess::No,
    }
}

/// A mark, length, then the maker's name.
fn dante(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        u16_at(data, 0) == Some(0xffff)
            && u16_at(data, 2).map(usize::from) == Some(probe.wire_len.max(data.len()))
            && contains(data, b"Audinate", 40),
    )
}

/// Discovery of old players.
fn sonos(probe: &Probe<'_>) -> Guess {
    certain_if(
        contains(probe.data, b"Sonos\0\0", 32)
            && u16_le_at(probe.data, 0).is_some()
            && probe.has_port(6969),
    )
}

/// Length, channel of all ones (a command), then offset and flags of zero; authentication.
fn pulse_audio(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 30 {
        return match data {
            [] | [0, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(
        u32_at(data, 0).is_some_and(|length| (20..4096).contains(&length))
            && data[4..8] == [0xff; 4]
            && data[8..20] == [0; 12]
            && data[20] == b'L'
            && u32_at(data, 21) == Some(8),
    )
}

fn mpd(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"OK MPD ")
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let packet = format!("47 0100 10 {}", "5a".repeat(184));
        let mut rtmp = tcp("rtmp", "03 00000001 00000000").other("03");
        rtmp.data.resize(1537, 0x5a);
        vec![
            udp(
                "sd_rtn",
                "01020304 0000 21 0000000000 04 'SNI' 00 0b00 'example.com' 'PDMD' 0000",
            ),
            udp("mpeg_ts", &format!("{packet}{packet}{packet}")),
            udp("bfcp", "2001 0001 00000007 0001 0002 05040003")
                .other("2004 0000 00000007 0001 0002"),
            udp(
                "megaco",
                "'!/1 [192.0.2.1]:2944' 0a 'T=5{C=-{AV=a{AT{M}}}}'",
            ),
            rtmp,
            udp(
                "srt",
                "80000000 00000000 00000001 00000000 00000004 00000002 12345678 000005dc 00002000 00000001 0badcafe 00000000 0100007f000000000000000000000000",
            ),
            udp("art_net", "'Art-Net' 00 0020 000e"),
            udp("sacn", "0010 0000 'ASC-E1.17' 000000 726e"),
            udp(
                "vban",
                "'VBAN' 01 00 00 00 'Stream1' 000000000000000000 00000001",
            ),
            udp("osc", "'#bundle' 00 0000000000000001"),
            udp("osc", "'/a/b' 00000000 ',f' 0000 3f800000"),
            udp("apple_midi", "ffff 'IN' 00000002 01020304 05060708 'x' 00"),
            tcp("shoutcast", "'ICY 200 OK' 0d0a"),
            tcp("mms", "01000000 cefa0bb0 60000000 'MMS '"),
            udp(
                "dante",
                "ffff 0020 0001 0000 020000000001 0000 'Audinate' 0000000000000000",
            ),
            udp("sonos", "0100 0000 'Sonos' 0000").port(6969),
            tcp(
                "pulseaudio",
                "00000124 ffffffff 00000000 00000000 00000000 4c 00000008 4c 00000000",
            ),
            tcp("mpd", "'OK MPD 0.23.5' 0a"),
        ]
    }
}
