//! Games and what they are built on.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Queries of Valve's Source engine (developer.valvesoftware.com, "Server queries").
    source_engine "source_engine" "Source Engine" Game Udp [27015];
    /// Steam: the client's connections (`VT01`), its datagrams (`VS01`), its search in the local network.
    steam "steam" "Steam" Game Both [27017, 27036];
    /// Quake III and its heirs: connectionless messages in words.
    quake "quake" "Quake" Game Udp [27960];
    /// World of Warcraft: the greeting of both sides, or the older challenge.
    world_of_warcraft "worldofwarcraft" "World of Warcraft" Game Tcp [3724];
    /// Blizzard's datagrams of Heroes of the Storm: an empty header with its mark.
    heroes_of_the_storm "heroes_of_the_storm" "Heroes of the Storm" Game Udp [1119, 3724];
    /// Warcraft III and Battle.net in the local network: `F7`, a message number, a length.
    warcraft3 "warcraft3" "Warcraft III" Game Udp [6112];
    /// Minecraft (Java edition): the handshake that names the server.
    minecraft "minecraft" "Minecraft" Game Tcp [25565];
    /// RakNet, which Roblox and Minecraft (Bedrock) are built on: its offline message identifier.
    raknet "raknet" "RakNet" Game Udp [19132];
    /// Photon (Exit Games): commands behind a header of twelve bytes.
    photon "photon" "Photon" Game Udp [5055, 5056, 5058];
    /// ENet: the connect command.
    enet "enet" "ENet" Game Udp [];
    /// Gaijin's games: measurements of the client.
    gaijin "gaijinentertainment" "Gaijin Entertainment" Game Udp [20011];
    /// League of Legends: Wild Rift: the first message and its answer.
    lol_wild_rift "lolwildrift" "LoL: Wild Rift" Game Udp [];
    /// Call of Duty: Mobile: the echo that measures the servers of all regions.
    cod_mobile "cod_mobile" "Call of Duty: Mobile" Game Udp [];
    /// Nintendo's Pia, games between consoles.
    nintendo "nintendo" "Nintendo" Game Udp [];
    /// KCP sessions of miHoYo's games: the handshake; their protocol over TCP.
    genshin_impact "genshin_impact" "Genshin Impact" Game Both [22101, 22102];
    /// Battle.net chat and patch protocols (BNCS).
    battle_net "battle_net" "Battle.net" Game Tcp [6112];
    /// Sony's remote play and the discovery of its consoles.
    playstation "playstation" "PlayStation" Game Udp [987, 9302];
    /// Half-Life's and Unreal's server browsers of GameSpy.
    gamespy "gamespy" "GameSpy" Game Udp [6500, 29900];
    /// Doom 3's engine: connectionless messages.
    doom3 "doom3" "Doom 3" Game Udp [27666];
    /// Tibia and kin are not told by bytes; OpenTTD's server list is.
    openttd "openttd" "OpenTTD" Game Udp [3979];
    /// Among Us (Hazel): hello with version and name.
    among_us "amongus" "Among Us" Game Udp [22023, 22123];
    /// Mumble and its server, Murmur: the ping of the server list.
    mumble "mumble" "Mumble" Voip Udp [64738];
}

fn source_engine(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if u32_at(data, 0) != Some(0xffff_ffff) {
        return Guess::No;
    }
    let rest = data.get(5..).unwrap_or_default();
    match data.get(4) {
        Some(b'T') => certain_if(rest.starts_with(b"Source Engine Query\0")),
        // Answer: protocol, then name, map, folder and game, NUL behind each.
        Some(b'I') => certain_if(rest.len() > 20 && rest.split(|&b| b == 0).count() > 4),
        // A challenge, or queries that want one.
        Some(b'A' | b'U' | b'V') if data.len() == 9 => Guess::Unsure,
        // Connecting: both sides fill up their messages with digits, NUL behind.
        _ if data.len() >= 20
            && data.ends_with(b"000\0")
            && probe.other.len() >= 20
            && probe.other.starts_with(&[0xff; 4])
            && probe.other.ends_with(b"000\0") =>
        {
            Guess::Certain
        }
        Some(b'D' | b'E') if probe.other.get(..4) == Some(&[0xff; 4]) => Guess::Unsure,
        _ => Guess::No,
    }
}

fn steam(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        return match (u32_le_at(data, 0), data.get(4..8)) {
            (Some(length), Some(b"VT01")) => certain_if(length < 1 << 20),
            (Some(_), None) if data.len() < 8 => Guess::More,
            (None, _) => Guess::More,
            _ => Guess::No,
        };
    }
    starts_any(data, &[b"VS01", b"\xff\xff\xff\xff\x21\x4c\x5f\xa0"])
}

fn quake(probe: &Probe<'_>) -> Guess {
    const WORDS: [&[u8]; 12] = [
        b"getstatus",
        b"getinfo",
        b"getchallenge",
        b"getservers",
        b"statusResponse\n",
        b"infoResponse\n",
        b"challengeResponse",
        b"getserversResponse",
        b"getKeyAuthorize",
        b"connectResponse",
        b"connect \"",
        b"heartbeat ",
    ];
    match probe.data.split_first_chunk::<4>() {
        Some(([0xff, 0xff, 0xff, 0xff], rest)) => {
            certain_if(WORDS.iter().any(|word| rest.starts_with(word)))
        }
        _ => Guess::No,
    }
}

fn world_of_warcraft(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts(data, b"\x30\0WORLD OF WARCRAFT CONNECTION") {
        Guess::No => {}
        other => return other,
    }
    // Logon challenge: command 0, error, size of the rest, "WoW\0".
    match data {
        [0, _, low, high, b'W', b'o', b'W', 0, ..] => {
            certain_if(usize::from(u16::from_le_bytes([*low, *high])) + 4 >= data.len())
        }
        [0, ..] if data.len() < 8 => Guess::More,
        _ => Guess::No,
    }
}

fn heroes_of_the_storm(probe: &Probe<'_>) -> Guess {
    match probe.data.split_first_chunk::<14>() {
        Some(([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0x40, 0 | 0x10, rest @ ..])) => {
            certain_if(rest.len() >= 4 && rest.get(..4) != Some(&[0; 4]))
        }
        _ => Guess::No,
    }
}

fn warcraft3(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0xf7, kind, ..] if usize::from(u16_le_at(data, 2).unwrap_or(0)) == data.len() => {
            // Search for a game, answer, creation, refresh, end: the product stands in the first.
            match kind {
                0x2f | 0x30 => {
                    certain_if(matches!(data.get(4..8), Some(b"PX3W" | b"3RAW" | b"PX2W")))
                }
                0x31..=0x33 => Guess::Unsure,
                _ => Guess::No,
            }
        }
        _ => Guess::No,
    }
}

fn variable_number(reader: &mut Reader<'_>) -> Option<u32> {
    let mut value = 0;
    for shift in 0..3 {
        let byte = reader.u8()?;
        value |= u32::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Length, packet 0, protocol version, the server's name, its port, and what is wanted.
fn minecraft(probe: &Probe<'_>) -> Guess {
    let mut reader = Reader::new(probe.data);
    let Some(length) = variable_number(&mut reader) else {
        return if probe.data.len() < 3 {
            Guess::More
        } else {
            Guess::No
        };
    };
    if !(8..=300).contains(&length) {
        return Guess::No;
    }
    let Some(packet) = reader.take(length as usize) else {
        return match reader.rest().first() {
            None | Some(0) if reader.len() < 300 => Guess::More,
            _ => Guess::No,
        };
    };
    let mut packet = Reader::new(packet);
    let is = (|| {
        if packet.u8()? != 0 {
            return None;
        }
        variable_number(&mut packet)?;
        let name = packet.bytes8()?;
        packet.u16()?;
        let wanted = packet.u8()?;
        let named = name.len() >= 3
            && name
                .iter()
                .take_while(|&&byte| byte != 0)
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(byte));
        Some(named && matches!(wanted, 1..=3) && packet.is_empty())
    })();
    certain_if(is == Some(true))
}

fn raknet(probe: &Probe<'_>) -> Guess {
    const MAGIC: &[u8] = b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
    certain_if(
        matches!(probe.data.first(), Some(1..=0x1d)) && contains(probe.data, MAGIC, 64)
            || raknet_frames(probe.data, probe.wire_len)
            || raknet_records(probe.data).is_some_and(|count| {
                count > 1
                    || raknet_records(probe.previous).is_some()
                    || raknet_records(probe.other).is_some()
            }),
    )
}

/// Kind 8x, number (3), then frames that fill the datagram: flags, bits of what they carry (2),
/// numbers as the reliability in the flags wants them. One of them is a ping (9 bytes), a pong
/// (17) or a request for a connection (18).
fn raknet_frames(data: &[u8], whole: usize) -> bool {
    if !matches!(data.first(), Some(0x80..=0x8f)) {
        return false;
    }
    let (mut at, mut known) = (4, false);
    while at < whole {
        let (Some(&flags), Some(bits)) = (data.get(at), u16_at(data, at + 1)) else {
            return false;
        };
        let reliability = flags >> 5;
        if flags & 0x0f != 0 || bits == 0 {
            return false;
        }
        at += 3;
        // Number of the message; of the sequence; order and its channel; part of a message.
        at += 3 * usize::from(matches!(reliability, 2..=4 | 6 | 7));
        at += 3 * usize::from(matches!(reliability, 1 | 4));
        at += 4 * usize::from(matches!(reliability, 1 | 3 | 4 | 7));
        at += 10 * usize::from(flags & 0x10 != 0);
        known |= matches!(
            (data.get(at), bits),
            (Some(0), 72) | (Some(3), 136) | (Some(9), 144)
        );
        at += usize::from(bits).div_ceil(8);
    }
    known && at == whole
}

/// Acknowledged or not, count (2), numbers or ranges of numbers that fill the datagram: how many.
fn raknet_records(data: &[u8]) -> Option<u16> {
    let mut reader = Reader::new(data);
    if !matches!(reader.u8()?, 0xa0 | 0xc0) {
        return None;
    }
    let count = reader.u16()?;
    for _ in 0..count {
        match reader.u8()? {
            0 => reader.skip(6)?,
            1 => reader.skip(3)?,
            _ => return None,
        }
    }
    (count > 0 && reader.is_empty()).then_some(count)
}

/// Peer (2), flags (1), number of commands (1), time (4), challenge (4); each command: kind (1),
/// channel (1), flags (1), reserved (1), its length with this header (4), number (4).
fn photon(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(&flags), Some(&count)) = (data.get(2), data.get(3)) else {
        return Guess::No;
    };
    if count == 0 || count > 32 || !matches!(flags, 0 | 1 | 0xcc) {
        return Guess::No;
    }
    let mut at = if flags == 0xcc { 16 } else { 12 };
    for _ in 0..count {
        let (Some(&kind), Some(length)) = (data.get(at), u32_at(data, at + 4)) else {
            return Guess::No;
        };
        let fixed = match kind {
            1 => length == 20,
            2 | 3 => length == 44,
            4 | 5 => length == 12,
            6..=8 | 11 | 14 | 15 => length >= 12,
            _ => false,
        };
        if !fixed || length > 4096 {
            return Guess::No;
        }
        at += length as usize;
    }
    certain_if(at == data.len().max(probe.wire_len) || at == data.len())
}

/// Peer (2) with flags, perhaps the time (2), then the command 0x82: connect, acknowledged, on
/// channel 255, of 44 bytes or 48.
fn enet(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let at = match data.first() {
        Some(first) if first & 0x80 != 0 => 4,
        Some(_) => 2,
        None => return Guess::No,
    };
    let mtu = u32_at(data, at + 8).or(Some(0));
    let connect = match data.get(at) {
        // Connect: outgoing peer, session numbers, MTU, window.
        Some(0x82) => data.len() == at + 44 || data.len() == at + 48,
        // Verify connect.
        Some(0x83) => data.len() == at + 44 || data.len() == at + 40,
        _ => return Guess::No,
    };
    certain_if(
        connect
            && data.get(at + 1) == Some(&0xff)
            && u16_at(data, at + 2) == Some(1)
            && mtu.is_some_and(|mtu| (576..=4096).contains(&mtu))
            && u32_at(data, at + 12).is_some_and(|window| (4096..=65_536).contains(&window)),
    )
}

fn gaijin(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.first().is_some_and(u8::is_ascii_lowercase)
            && contains(probe.data, b",env=production,circuit=", 96)
            && contains(probe.data, b",application=", 160),
    )
}

fn lol_wild_rift(probe: &Probe<'_>) -> Guess {
    let (Some(kind), Some(other)) = (u32_le_at(probe.data, 0), u32_le_at(probe.other, 0)) else {
        return Guess::No;
    };
    certain_if(kind == 0x10 && other == 4 && probe.wire_len > 200)
}

fn cod_mobile(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(data.len() == 12 && data.ends_with(b"ping") && data == probe.other)
}

fn nintendo(probe: &Probe<'_>) -> Guess {
    match probe.data {
        // The magic number; version and, from version 4 on, encryption.
        [0x32, 0xab, 0x98, 0x64, version, ..] => {
            certain_if(version & 0x7f <= 20 && probe.wire_len >= 32)
        }
        _ => Guess::No,
    }
}

fn genshin_impact(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        // Kind 1, length, what it is, number, the two halves of the product's number.
        let hello = starts_any(
            data,
            &[
                b"\x01\0\0\0\x2a\x07\0\0\0\0",
                b"\x01\0\0\0\x32\x08\0\0\0\x01",
            ],
        );
        return match data.get(14..18) {
            Some(product) => hello.min(certain_if(product == b"\0\0\x4d\xa6")),
            None => hello.min(Guess::More),
        };
    }
    if data.len() != 20 {
        return Guess::No;
    }
    certain_if(matches!(
        (u32_at(data, 0), u32_at(data, 12), u32_at(data, 16)),
        (Some(0xff), Some(0x499_602d2), Some(0xffff_ffff))
            | (Some(0x145), Some(0x499_602d2), Some(0x1451_4545))
            | (Some(0x194), Some(0x499_602d2), Some(0x1941_9494))
    ))
}

fn battle_net(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    if probe.from_client
        && let [1, rest @ ..] = data
    {
        data = rest;
    }
    match data {
        // SID_AUTH_INFO: platform and product in four letters each.
        [0xff, 0x50, ..] if data.len() >= 16 => certain_if(
            u16_le_at(data, 2).is_some_and(|length| length >= 16)
                && matches!(data.get(8..12), Some(b"68XI" | b"CAMP" | b"CAMX")),
        ),
        [0xff, 0x50, ..] | [0xff] | [] => Guess::More,
        _ => Guess::No,
    }
}

fn playstation(probe: &Probe<'_>) -> Guess {
    certain_if(
        (probe.data.starts_with(b"SRCH * HTTP/1.1\n") || probe.data.starts_with(b"HTTP/1.1 6"))
            && contains(probe.data, b"device-discovery-protocol-version:", 512),
    )
}

fn gamespy(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    certain_if(
        data.starts_with(b"\\status\\")
            || data.starts_with(b"\\secure\\")
            || data.starts_with(b"\\heartbeat\\")
            || data.starts_with(b"\\basic\\")
            || data.starts_with(b"\\info\\"),
    )
}

fn doom3(probe: &Probe<'_>) -> Guess {
    match probe.data.split_first_chunk::<2>() {
        Some(([0xff, 0xff], rest)) => certain_if(
            rest.starts_with(b"getInfo\0")
                || rest.starts_with(b"infoResponse\0")
                || rest.starts_with(b"challenge\0")
                || rest.starts_with(b"getServers\0"),
        ),
        _ => Guess::No,
    }
}

fn openttd(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if usize::from(u16_le_at(data, 0).unwrap_or(0)) != data.len() {
        return Guess::No;
    }
    // Registration carries a welcome in words.
    certain_if(
        data.get(2) == Some(&4)
            && data
                .get(3..)
                .is_some_and(|r| r.starts_with(b"OpenTTDRegister\0")),
    )
}

/// Hazel's hello (8), a number, version 0, then the length of the rest and the player's name.
fn among_us(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [
            8,
            _,
            _,
            0,
            0x46 | 0xd2 | 0xa0 | 0x80,
            _,
            _,
            2 | 3,
            length,
            name @ ..,
        ] => certain_if(
            (1..=20).contains(length)
                && name.get(..usize::from(*length)).is_some_and(|name| {
                    std::str::from_utf8(name).is_ok_and(|name| !name.chars().any(char::is_control))
                })
                && matches!(probe.server.1, 22_023..=22_923),
        ),
        _ => Guess::No,
    }
}

/// Asked: type 0 and an identifier; answered: version, the identifier, users, most users, bandwidth.
fn mumble(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    certain_if(
        data.len() == 24
            && other.len() == 12
            && u32_at(other, 0) == Some(0)
            && data.get(4..12) == other.get(4..12)
            && u16_at(data, 0).is_some_and(|major| (1..=2).contains(&major)),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        vec![
            udp("source_engine", "ffffffff 'TSource Engine Query' 00"),
            udp(
                "source_engine",
                "ffffffff 'I' 11 'Name' 00 'de_dust2' 00 'cstrike' 00 'CS' 00 0a00 0118",
            ),
            udp("steam", "'VS01' 2400 0100 0000"),
            udp("steam", "ffffffff214c5fa0 08000000 08 e8"),
            tcp("steam", "10000000 'VT01' 1705 0000"),
            udp("quake", "ffffffff 'getstatus' 0a"),
            udp("quake", "ffffffff 'infoResponse' 0a '\\hostname\\x'"),
            tcp(
                "worldofwarcraft",
                "3000 'WORLD OF WARCRAFT CONNECTION - CLIENT TO SERVER'",
            ),
            tcp(
                "worldofwarcraft",
                "00 08 2600 'WoW' 00 03030528 '68x' 00 'niW' 00 'SUne'",
            ),
            udp(
                "heroes_of_the_storm",
                "000000000000 000000000000 0000 4000 4b698399",
            ),
            udp("warcraft3", "f7 2f 1000 'PX3W' 1a000000 00000000"),
            tcp("minecraft", "0f 00 2f 09 'localhost' 63dd 02 01 00"),
            udp(
                "raknet",
                "01 0000000000000001 00ffff00fefefefefdfdfdfd12345678 0000000000000002",
            ),
            udp("raknet", "05 00ffff00fefefefefdfdfdfd12345678 08 00000000"),
            udp(
                "photon",
                "0001 00 01 00000001 00000002 05000000 0000000c 00000001",
            ),
            udp(
                "photon",
                "0001 00 02 00000001 00000002 01000000 00000014 00000000 00000001 00000001 05000000 0000000c 00000001",
            ),
            udp(
                "enet",
                "8fff 0001 82ff0001 0000ffff 000004b0 00010000 00000001 00000000 00000000 00001388 00000002 00000002 01020304 00000000",
            ),
            udp(
                "gaijinentertainment",
                "'app.start,env=production,circuit=production,application=x:1|c'",
            ),
            udp("cod_mobile", "0102030405060708 'ping'").other("0102030405060708 'ping'"),
            udp(
                "nintendo",
                "32ab986402000000ecc00000895c564c741760b90c98486fdd31610a8f43f745",
            ),
            udp(
                "genshin_impact",
                "000000ff 00000000 00000000 499602d2 ffffffff",
            ),
            tcp(
                "genshin_impact",
                "01 0000002a 07 00000000 01020304 00004da6 00000000",
            ),
            udp(
                "source_engine",
                "ffffffff 71 01020304 '0000000000' 00 00 '000' 00",
            )
            .other("ffffffff 41 01020304 01020304 '0000000000' 00 '000' 00"),
            udp(
                "raknet",
                "84 020000 00 0088 03 0000000000000001 0000000000000002 00 0048 00 0000000000000003",
            ),
            udp("raknet", "c0 0002 01 010000 00 030000 050000"),
            tcp("battle_net", "01 ff50 3a00 00000000 '68XIPX3W' 1b000000"),
            udp(
                "playstation",
                "'SRCH * HTTP/1.1' 0a 'device-discovery-protocol-version:00020020' 0a",
            ),
            udp("gamespy", "'\\status\\'"),
            udp("doom3", "ffff 'getInfo' 00 01000000"),
            udp("openttd", "1800 04 'OpenTTDRegister' 00 01 8b0f 0100"),
            udp("amongus", "08 0001 00 46 d2 02 03 04 'Name' 00000000").port(22_023),
            udp(
                "mumble",
                "00010204 0102030405060708 00000005 00000064 00011940",
            )
            .other("00000000 0102030405060708"),
            lol(),
        ]
    }

    fn lol() -> Sample {
        let mut sample = udp("lolwildrift", "10000000").other("04000000 2113e1d5");
        sample.data.resize(250, 0x5a);
        sample
    }
}
