//! Games of single makers, and transports that games are built on.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{u16_at, u16_le_at, u32_at, u32_le_at, zeros};
use crate::app::{Guess, Probe};

signatures! {
    /// Activision's games (Call of Duty): the first question to a server, which sends it back.
    activision "activision" "Activision" Game Udp [3074];
    /// CryEngine's network: the request for a connection.
    crynetwork "crynetwork" "CryNetwork" Game Udp [];
    /// netcode, which yojimbo is built on: the request for a connection.
    netcode "netcode" "netcode" Game Udp [];
    /// NetEase's games: the starts of three of its transports.
    neteasegames "neteasegames" "NetEase Games" Game Udp [];
    /// Path of Exile: the first message names the character.
    pathofexile "pathofexile" "Path of Exile" Game Tcp [6112];
    /// Riot's games: what its servers ask all datagrams to end with.
    riotgames "riotgames" "Riot Games" Game Udp [];
    /// StarCraft II: the login.
    starcraft "starcraft" "StarCraft" Game Tcp [1119];
    /// Valve's relays: the pings that find the nearest one.
    steamdatagramrelay "steamdatagramrelay" "Steam Datagram Relay" Game Udp [];
    /// The Elder Scrolls Online: the login.
    tes_online "tes_online" "The Elder Scrolls Online" Game Tcp [];
    /// Tencent's games: three of its transports.
    tencentgames "tencentgames" "Tencent Games" Game Tcp [];
    /// Unreal Engine: the handshake without state and its challenge.
    unreal_engine "unreal_engine" "Unreal Engine" Game Udp [];
    /// KCP, a reliable transport over UDP.
    kcp "kcp" "KCP" Network Udp [];
}

/// Kind 0d, version 2, an identifier, addresses; the same comes back with kind 0c.
fn activision(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    certain_if(
        data.len() == 29
            && matches!(
                (data, other),
                ([0x0c, 2, ..], [0x0d, 2, ..]) | ([0x0d, 2, ..], [0x0c, 2, ..])
            )
            && data.get(2..) == other.get(2..)
            && !zeros(&data[2..17]),
    )
}

/// Kind 3c, build, eight zero bytes, three numbers of the version and a fourth, the connection's
/// number twice with a zero between, then a check sum of 32 bytes.
fn crynetwork(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() != 70 || data[0] != 0x3c {
        return Guess::No;
    }
    let small = |at: usize| u32_at(data, at).is_some_and(|number| number < 256);
    let build = u32_at(data, 1).is_some_and(|build| (1..1 << 20).contains(&build));
    let connection = u32_at(data, 26).filter(|&number| number != 0);
    certain_if(
        build
            && zeros(&data[5..13])
            && small(13)
            && small(17)
            && small(21)
            && connection.is_some()
            && u32_at(data, 30) == Some(0)
            && u32_at(data, 34) == connection
            && !contains(&data[38..], &[0; 4], 32),
    )
}

/// Kind 0, then the version in words.
fn netcode(probe: &Probe<'_>) -> Guess {
    certain_if(probe.data.starts_with(b"\0NETCODE 1.") && probe.wire_len >= 1024)
}

fn neteasegames(probe: &Probe<'_>) -> Guess {
    // Magic numbers that both sides begin with.
    const MAGIC: [&[u8]; 2] = [b"\xb3\xaf\x8d\xe8\xff\0", b"\x07\x08\x08\x0c"];
    let (data, other) = (probe.data, probe.other);
    // Question and answer of twelve bytes: kind 1, check, what, the connection's number.
    let asked =
        |data: &[u8]| matches!(data, [1, _, 0xd0, 1, ..]) && data.get(8..) == Some(&[0, 1, 1, 1]);
    let answered = |data: &[u8]| data.len() == 12 && matches!(data, [1, _, 0xd3, 1, .., 1]);
    let pair = |asking: &[u8], answer: &[u8]| {
        asked(asking)
            && answered(answer)
            && asking.get(4..8) == answer.get(4..8)
            && !zeros(&answer[4..8])
    };
    if pair(other, data) || pair(data, other) {
        return Guess::Certain;
    }
    certain_if(
        data.len() >= 28
            && other.len() >= 28
            && MAGIC
                .iter()
                .any(|magic| data.starts_with(magic) && other.starts_with(magic)),
    )
}

/// Message 3, a ticket, 2, the character's name behind its length, four bytes, 0, the protocol's
/// version.
fn pathofexile(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts(data, b"\0\x03\0") {
        Guess::Certain => {}
        other => return other,
    }
    let Some(length) = u16_at(data, 8).map(usize::from) else {
        return Guess::More;
    };
    if u16_at(data, 6) != Some(2) || !(2..=64).contains(&length) {
        return Guess::No;
    }
    let end = 10 + length + 12;
    if data.len() < end {
        return Guess::More;
    }
    certain_if(
        std::str::from_utf8(&data[10..10 + length])
            .is_ok_and(|name| !name.chars().any(char::is_control))
            && u32_at(data, end - 8) == Some(0)
            && u32_at(data, end - 4) == Some(0x4000_0001),
    )
}

fn riotgames(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // League of Legends' measurements, VALORANT's handshake.
    certain_if(
        data.len() >= 36 && data.ends_with(b"\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb")
            || data.len() == 53 && data.ends_with(b"\x95\x3c\xb1\x1f\x2d\xea\x23\x46\x0c"),
    )
}

fn starcraft(probe: &Probe<'_>) -> Guess {
    starts_any(
        probe.data,
        &[
            b"\x4a\0\0\x0a\x66\x02\x0a\xed\x2d\x66",
            b"\x49\0\0\x0a\x66\x02\x0a\xed\x2d\x66",
        ],
    )
}

fn steamdatagramrelay(probe: &Probe<'_>) -> Guess {
    certain_if(probe.data.get(2..8) == Some(b"sdping") && probe.wire_len >= 32)
}

/// Length, 1, 1, length of the rest; within the login the realm's name, or the key of 128 bytes,
/// stored uncompressed in zlib (139 bytes).
fn tes_online(probe: &Probe<'_>) -> Guess {
    const KEY: &[u8] = b"\0\0\0\x80\0\0\0\x8b\x78\x9c\x01\x80\0\x7f\xff";
    let data = probe.data;
    let Some(length) = u32_at(data, 0) else {
        return Guess::More;
    };
    if !(64..=8192).contains(&length) {
        return Guess::No;
    }
    let Some(inner) = u32_at(data, 8) else {
        return match data.get(4..8) {
            None | Some([0, 1, 0, 1]) => Guess::More,
            _ => Guess::No,
        };
    };
    if data.get(4..8) != Some(&[0, 1, 0, 1]) || inner.checked_add(8) != Some(length) {
        return Guess::No;
    }
    if contains(data, b"eso.live", 256) || contains(data, KEY, 256) {
        return Guess::Certain;
    }
    if data.len() < 256.min(length as usize + 4) {
        Guess::More
    } else {
        Guess::No
    }
}

fn tencentgames(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let more = |is: bool| if is { Guess::More } else { Guess::No };
    match data {
        // TGCP: versions of the head and of the body, SYN or ACK, a flag, number, lengths.
        [0x33, 0x66, 0, 1..=0x20, 0, 1..=0x20, 0x10, 1 | 2, ..] => {
            let (Some(head), Some(body)) = (u32_at(data, 13), u32_at(data, 17)) else {
                return Guess::More;
            };
            certain_if((21..=4096).contains(&head) && body <= 1 << 16)
        }
        [0x33, 0x66, ..] => more(data.len() < 8),
        // A mark, command, length of what follows.
        [0x42, 0x15, 0xf7, 0x87, rest @ ..] => match u32_at(rest, 2) {
            Some(length) => certain_if(
                u16_at(rest, 0).is_some_and(|command| (1000..2000).contains(&command))
                    && length <= 1 << 16,
            ),
            None => Guess::More,
        },
        // GCloud: perhaps a mark of the client, length, kind, length of the head, its first field.
        [0x43, 0x66, 0xaa, rest @ ..] | [0xaa, rest @ ..] => {
            if rest.len() < 13 {
                return more(rest.iter().take(2).all(|&byte| byte == 0));
            }
            certain_if(
                u32_at(rest, 0).is_some_and(|length| (16..1 << 16).contains(&length))
                    && rest[4] == 0x15
                    && u32_at(rest, 5).is_some_and(|head| (4..256).contains(&head))
                    && u32_at(rest, 9) == Some(0x10e6_8601),
            )
        }
        [] | [0x33 | 0x42 | 0x43] | [0x42, 0x15] | [0x42, 0x15, 0xf7] | [0x43, 0x66] => Guess::More,
        _ => Guess::No,
    }
}

/// So many bits from bit `at` on, the lowest of each byte first, as Unreal's archive writes them.
fn bits(data: &[u8], at: usize, count: usize) -> Option<u64> {
    let mut value = 0;
    for index in 0..count {
        let byte = data.get((at + index) / 8)?;
        value |= u64::from(byte >> ((at + index) % 8) & 1) << index;
    }
    Some(value)
}

/// A handshake's packet.
struct Handshake {
    /// Session and client, smallest and own version of the handshake.
    versions: u64,
    kind: u64,
    /// Version and features of the game's network.
    network: u64,
    /// Whether secret, time and cookie are all zero.
    blank: bool,
}

/// Behind the game's own mark of so many bits: session (2 bits), client (3), whether a handshake,
/// whether a restart, versions (8, 8), kind (8), count (8), version (32) and features (16) of the
/// game's network, which secret (1), time (64), cookie (160).
fn handshake(data: &[u8], mark: usize) -> Option<Handshake> {
    if bits(data, mark + 5, 2)? != 1 {
        return None;
    }
    let (least, own) = (bits(data, mark + 7, 8)?, bits(data, mark + 15, 8)?);
    // Identifiers of session and client came with version 3.
    if least > own || !(3..=15).contains(&own) {
        return None;
    }
    let blank = [(87, 1), (88, 64), (152, 64), (216, 64), (280, 32)]
        .iter()
        .try_fold(true, |blank, &(at, count)| {
            Some(blank && bits(data, mark + at, count)? == 0)
        })?;
    Some(Handshake {
        versions: bits(data, mark, 23)?,
        kind: bits(data, mark + 23, 8)?,
        network: bits(data, mark + 39, 48)?,
        blank,
    })
}

/// The first packet is blank from its time on; the challenge has the same versions.
fn unreal_engine(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    // Blank wherever the game's mark ends.
    if !other.get(15..39).is_some_and(zeros) || data.len() < 40 {
        return Guess::No;
    }
    certain_if((0..=32).any(|mark| {
        handshake(other, mark)
            .filter(|first| first.kind == 0 && first.blank && first.network != 0)
            .zip(handshake(data, mark))
            .is_some_and(|(first, challenge)| {
                challenge.kind == 1
                    && !challenge.blank
                    && challenge.versions == first.versions
                    && challenge.network == first.network
            })
    }))
}

/// Segments that fill the datagram: conversation (4), command, fragment, window (2), time (4),
/// number (4), first unacknowledged (4), length (4), all little endian.
fn kcp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let conversation = u32_le_at(data, 0);
    if conversation == Some(0) {
        return Guess::No;
    }
    let mut at = 0;
    while at < probe.wire_len {
        let (Some(head), Some(length)) = (data.get(at..at + 24), u32_le_at(data, at + 20)) else {
            return Guess::No;
        };
        let fits = match head[4] {
            81 => length <= 1 << 16,
            // Acknowledgements and windows carry nothing.
            82..=84 => length == 0 && head[5] == 0,
            _ => false,
        };
        if !fits || u32_le_at(head, 0) != conversation || u16_le_at(head, 6) == Some(0) {
            return Guess::No;
        }
        at += 24 + length as usize;
    }
    certain_if(at == probe.wire_len && at > 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app::signatures::tests::{Sample, bytes, tcp, udp};
    use crate::app::trial::probe;

    /// An Unreal handshake behind a mark of `mark` bits, by its fields and their sizes in bits.
    fn unreal(mark: usize, kind: u64, cookie: u64) -> Vec<u8> {
        let fields = [
            (0x2a, mark),
            (2, 2),
            (5, 3),
            (1, 1),
            (0, 1),
            (3, 8),
            (4, 8),
            (kind, 8),
            (1, 8),
            (0x1234_5678, 32),
            (9, 16),
            (0, 1),
            (cookie, 64),
            (cookie, 64),
            (cookie, 64),
            (cookie, 32),
            (0x5a5a_5a5a_5a5a, 48),
        ];
        let all: Vec<u64> = fields
            .iter()
            .flat_map(|&(value, count)| (0..count).map(move |bit| value >> bit.min(63) & 1))
            .collect();
        all.chunks(8)
            .map(|bits| {
                bits.iter()
                    .rev()
                    .fold(0, |byte, bit| byte << 1 | *bit as u8)
            })
            .collect()
    }

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let asked = format!("0d02 0102 {} 7f000001", "5a".repeat(21));
        let answer = format!("0c02 0102 {} 7f000001", "5a".repeat(21));
        let mut challenge = udp("unreal_engine", "00");
        challenge.data = unreal(4, 1, 0x1122_3344_5566_7788);
        challenge.other = unreal(4, 0, 0);
        vec![
            udp("activision", &answer).other(&asked),
            udp(
                "crynetwork",
                &format!(
                    "3c 00000a10 0000000000000000 00000001 00000007 00000003 05 00000009 00000000 00000009 {}",
                    "5a".repeat(32)
                ),
            ),
            udp(
                "netcode",
                &format!("00 'NETCODE 1.02' 00 {}", "5a".repeat(1064)),
            ),
            udp("neteasegames", "01 14 d301 01020304 05060701")
                .other("01 b5 d001 01020304 00010101"),
            udp("neteasegames", &format!("0708080c {}", "5a".repeat(40)))
                .other(&format!("0708080c {}", "a5".repeat(40))),
            tcp(
                "pathofexile",
                "0003 00112233 0002 0004 'Name' 01020304 00000000 40000001",
            ),
            udp(
                "riotgames",
                &format!("{} aaaaaaaa bbbbbbbb", "5a".repeat(28)),
            ),
            tcp("starcraft", "4a 00000a66020aed2d66 01"),
            udp(
                "steamdatagramrelay",
                &format!("0181 'sdping' {}", "5a".repeat(24)),
            ),
            tcp(
                "tes_online",
                &format!(
                    "000000c0 0001 0001 000000b8 0110 0004 'name' 0000 00000080 0000008b 789c0180007fff {}",
                    "5a".repeat(160)
                ),
            ),
            tcp(
                "tencentgames",
                "3366 000b 000b 1001 01 00000001 0000004c 00000000 00020300",
            ),
            tcp("tencentgames", "4366 aa 00000094 15 00000017 10e68601 20"),
            tcp("tencentgames", "4215f787 03e9 000001c0 01020304"),
            challenge,
            udp(
                "kcp",
                "01000000 52 00 8000 05000000 00000000 01000000 00000000 01000000 51 00 8000 05000000 00000000 01000000 02000000 abcd",
            ),
        ]
    }

    #[test]
    fn a_length_beyond_all_is_none() {
        let login = bytes("00000040 0001 0001 ffffffff");
        let ask = |data: &[u8]| tes_online(&probe(data, true, true, (40_000, 40_001)));
        assert_eq!(ask(&login), Guess::No);
        assert_eq!(ask(&login[..8]), Guess::More);
    }

    #[test]
    fn unreal_handshakes_are_told_by_their_bits() {
        let ask = |data: &[u8], other: &[u8]| {
            let probe = Probe {
                other,
                ..probe(data, false, false, (40_000, 40_001))
            };
            unreal_engine(&probe)
        };
        let cookie = 0x1122_3344_5566_7788;
        for mark in [0, 4, 17, 32] {
            let (first, second) = (unreal(mark, 0, 0), unreal(mark, 1, cookie));
            assert_eq!(ask(&second, &first), Guess::Certain, "{mark}");
            // No challenge, no first packet, another game's mark, cut.
            assert_eq!(ask(&first, &first), Guess::No);
            assert_eq!(ask(&second, &second), Guess::No);
            assert_eq!(ask(&second, &unreal(mark + 1, 0, 0)), Guess::No);
            assert_eq!(ask(&second[..38], &first), Guess::No);
        }
    }

    #[test]
    fn what_does_not_add_up_is_nothing() {
        let ask = |data: &str, other: &str, is: fn(&Probe<'_>) -> Guess| {
            let (data, other) = (bytes(data), bytes(other));
            is(&Probe {
                other: &other,
                ..probe(&data, false, true, (40_000, 40_001))
            })
        };
        // KCP: a byte too many, an acknowledgement that carries something.
        let push = "01000000 51 00 8000 05000000 00000000 01000000 02000000 abcd";
        assert_eq!(ask(push, "", kcp), Guess::Certain);
        assert_eq!(ask(&format!("{push} ef"), "", kcp), Guess::No);
        assert_eq!(ask(&push.replace("51", "52"), "", kcp), Guess::No);
        // Activision: not what was asked.
        let asked = format!("0d02 {}", "5a".repeat(27));
        let wrong = format!("0c02 {}", "5b".repeat(27));
        assert_eq!(ask(&wrong, &asked, activision), Guess::No);
        // NetEase: another connection.
        assert_eq!(
            ask(
                "01 14 d301 01020304 05060701",
                "01 b5 d001 01020305 00010101",
                neteasegames
            ),
            Guess::No
        );
        // Tencent: a length beyond all measure.
        assert_eq!(
            ask("4215f787 03e9 7f0001c0 01020304", "", tencentgames),
            Guess::No
        );
    }
}
