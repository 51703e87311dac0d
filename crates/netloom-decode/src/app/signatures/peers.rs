//! Peer to peer: files, coins, mining.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// eDonkey, eMule and Kademlia.
    edonkey "edonkey" "eDonkey / eMule" P2p Both [4662, 4672];
    /// Gnutella.
    gnutella "gnutella" "Gnutella" P2p Both [6346];
    /// Direct Connect and ADC.
    direct_connect "directconnect" "Direct Connect" P2p Tcp [411, 412];
    /// Soulseek: login or the start of a connection between peers.
    soulseek "soulseek" "Soulseek" P2p Tcp [2234, 2242];
    /// libp2p (IPFS): multistream select.
    libp2p "ipfs" "libp2p (IPFS)" P2p Tcp [4001];
    /// PPStream.
    ppstream "ppstream" "PPStream" P2p Udp [];
    /// Bitcoin and its descendants: the networks' magic numbers and commands.
    bitcoin "bitcoin" "Bitcoin" Finance Tcp [8333, 18_333];
    /// Ethereum's devp2p: RLPx handshakes.
    ethereum "ethereum" "Ethereum" Finance Tcp [30_303];
    /// Ethereum's node discovery, version 4.
    ethereum_discovery "ethereum_discovery" "Ethereum discovery" Finance Udp [30_303, 30_301];
    /// Monero's peers (Levin).
    monero "monero" "Monero" Finance Tcp [18_080];
    /// Nano.
    nano "nano" "Nano" Finance Tcp [7075];
    /// Ripple's, Stellar's and others' peers are TLS; Cardano's handshake is not.
    cardano "cardano" "Cardano" Finance Tcp [3001];
    /// ZUG: the consensus of the Casper association's nodes.
    zug "zug" "ZUG" Finance Udp [19_000];
}

fn edonkey(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if probe.tcp {
        // Mark, length, then hello (1) with its hash's length, or its answer.
        let Some(length) = data.get(1..).and_then(|rest| u32_le_at(rest, 0)) else {
            return match data.first() {
                None | Some(0xe3 | 0xc5 | 0xd4) => Guess::More,
                _ => Guess::No,
            };
        };
        return match (data[0], data.get(5), data.get(6)) {
            (0xe3, Some(1), Some(0x10)) | (0xc5, Some(1), Some(1..=0x7f)) => {
                certain_if((18..512).contains(&length))
            }
            (0xe3, Some(0x4c), _) => certain_if((34..512).contains(&length)),
            (0xe3, Some(1), Some(_)) if (30..256).contains(&length) => Guess::Unsure,
            (0xe3 | 0xc5, None, _) => Guess::More,
            _ => Guess::No,
        };
    }
    let whole = probe.wire_len.max(data.len());
    match data {
        // Kademlia: bootstrap, hello, ping, each of its size.
        [0xe4, 0x01 | 0x60 | 0x61] if whole == 2 => Guess::Unsure,
        [0xe4, 0x11 | 0x19, ..] if whole >= 24 => certain_if(
            probe.other.first() == Some(&0xe4)
                || probe.previous.first() == Some(&0xe4)
                || probe.has_port(4672),
        ),
        [0xe4, 0x21, kind @ (2 | 4 | 11), ..] if whole == 35 => certain_if(*kind > 0),
        [0xe4, 0x29, ..] if whole >= 19 && (whole - 19).is_multiple_of(25) => {
            certain_if(usize::from(data.get(18).copied().unwrap_or(0)) * 25 + 19 == whole)
        }
        // Status of a server: the challenge.
        [0xe3, 0x96, ..] if whole == 6 => Guess::Unsure,
        [0xe3, 0x97, ..] if whole >= 34 && probe.other.get(2..6) == data.get(2..6) => {
            Guess::Certain
        }
        [0xc5, 0x90 | 0x91, ..] if whole >= 18 => Guess::Unsure,
        _ => Guess::No,
    }
}

fn gnutella(probe: &Probe<'_>) -> Guess {
    if probe.tcp {
        return starts_any(
            probe.data,
            &[b"GNUTELLA CONNECT/0.", b"GNUTELLA/0.", b"GIV "],
        )
        .min(if probe.data.starts_with(b"GIV ") {
            Guess::Unsure
        } else {
            Guess::Certain
        });
    }
    let data = probe.data;
    let reliable = match data {
        // Flags of which these two would have to be understood, sequence, part and how many parts
        // there are; none where it acknowledges.
        [b'G', b'N', b'D', flags, _, _, part, parts, ..] => {
            flags & 0x0c == 0 && (*parts == 0 || (1..=*parts).contains(part))
        }
        _ => false,
    };
    // GUID (16), kind, then time to live, hops and length, or for a message of the distributed
    // hash table its version and length. A ping has nothing more; its GUID is that of a servent of
    // today (the ninth byte ff, the last one 0).
    let (Some(guid), Some(&kind)) = (data.get(..16), data.get(16)) else {
        return certain_if(reliable);
    };
    let length = u32_le_at(data, 19).unwrap_or(u32::MAX);
    let whole = length as usize + 23 == probe.wire_len.max(data.len());
    let lives = data.len() >= 23 && (1..=8).contains(&data[17]) && data[18] <= 8;
    let fits = match kind {
        0 if length == 0 => guid[8] == 0xff && guid[15] == 0,
        0 | 1 | 2 | 0x31 | 0x32 | 0x40 | 0x80 | 0x81 => length > 2 && guid != [0; 16],
        _ => false,
    };
    // Kind of request or answer, and the four letters of who made the program.
    let table = kind == 0x44
        && matches!(data.get(17), Some(0 | 1))
        && matches!(data.get(23), Some(1..=8))
        && data.get(24..28).is_some_and(|maker| {
            maker
                .iter()
                .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        });
    certain_if(reliable || whole && (lives && fits || table))
}

fn direct_connect(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts_any(
        data,
        &[
            b"$Lock ",
            b"$MyNick ",
            b"HSUP ADBAS",
            b"CSUP ADBAS",
            b"ISUP ADBAS",
            b"HSUP ADBASE",
        ],
    ) {
        Guess::Certain if data.starts_with(b"$") => {
            if data.contains(&b'|') {
                Guess::Certain
            } else if data.len() < 512 {
                Guess::More
            } else {
                Guess::No
            }
        }
        other => other,
    }
}

/// Length, code: login (1) with the user's name; between peers a byte, then a name.
fn soulseek(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(length) = u32_le_at(data, 0) else {
        return Guess::More;
    };
    if !(13..=512).contains(&length) {
        return Guess::No;
    }
    let name = |at: usize| {
        let size = u32_le_at(data, at)? as usize;
        let text = data.get(at + 4..at + 4 + size)?;
        (1..=64).contains(&size).then_some(())?;
        text.iter()
            .all(|byte| (b' '..=b'~').contains(byte))
            .then_some(at + 4 + size)
    };
    if length as usize + 4 > data.len() {
        return if data.len() < 16 {
            Guess::More
        } else {
            Guess::No
        };
    }
    // Login: name, password, version, a hash of 32 digits.
    if u32_le_at(data, 4) == Some(1)
        && let Some(behind) = name(8).and_then(name)
    {
        return certain_if(
            u32_le_at(data, behind).is_some_and(|version| (100..2000).contains(&version))
                && u32_le_at(data, behind + 4) == Some(32),
        );
    }
    // Peer init: name, then the kind of connection in one letter, then a token.
    if data.get(4) == Some(&1)
        && let Some(behind) = name(5)
    {
        return certain_if(
            u32_le_at(data, behind) == Some(1)
                && matches!(data.get(behind + 4), Some(b'P' | b'F' | b'D'))
                && length as usize + 4 <= data.len()
                && behind + 9 == length as usize + 4,
        );
    }
    Guess::No
}

fn libp2p(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x13/multistream/1.0.0\n")
}

/// Length less four, mark 0x43, kind, then the length once more or zero.
fn ppstream(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    // Newer, as iQIYI: two bytes of kind before the length, the program's name in words.
    if u16_le_at(data, 2).map(usize::from) == Some(whole) && contains(data, b"PPStream\0", 256) {
        return Guess::Certain;
    }
    let Some(length) = u16_le_at(data, 0).map(usize::from) else {
        return Guess::No;
    };
    if data.get(2) != Some(&0x43)
        || whole < 12
        || !(length == whole || length + 4 == whole || length + 6 == whole)
    {
        return Guess::No;
    }
    let again = |other: &[u8]| other.get(2) == Some(&0x43);
    certain_if((again(probe.previous) || again(probe.other)) && data.get(5..9) != Some(&[0; 4]))
}

fn zug(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\0zUG\x10")
}

/// Magic, command of twelve bytes filled up with NUL, length, check sum.
fn bitcoin(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(magic) = u32_at(data, 0) else {
        return Guess::More;
    };
    // Main, test networks, regtest, signet, Namecoin, Litecoin, Dogecoin, Dash, Bitcoin Cash.
    let known = matches!(
        magic,
        0xf9be_b4d9
            | 0x0b11_0907
            | 0xfabf_b5da
            | 0x0a03_cf40
            | 0x1c16_3f28
            | 0xf9be_b4fe
            | 0xfbc0_b6db
            | 0xfdd2_c8f1
            | 0xc0c0_c0c0
            | 0xbf0c_6bbd
            | 0xe3e1_f3e8
            | 0xf4e5_f3f4
            | 0x24e9_2764
    );
    if !known {
        return Guess::No;
    }
    let Some(command) = data.get(4..16) else {
        return Guess::More;
    };
    let end = command.iter().position(|&byte| byte == 0).unwrap_or(12);
    certain_if(
        end >= 2
            && command[..end]
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && command[end..].iter().all(|&byte| byte == 0),
    )
}

/// The first message's length (EIP-8), then an encrypted one that starts as a point on the curve
/// does; the older form has fixed sizes. Both directions are compared, where both are there.
fn ethereum(probe: &Probe<'_>) -> Guess {
    let point = |data: &[u8]| {
        let Some(length) = u16_at(data, 0).map(usize::from) else {
            return false;
        };
        // A signature, a key, a nonce and a version, encrypted; filled up with 100 to 300 bytes.
        (320..=1024).contains(&length) && data.get(2) == Some(&4)
    };
    let data = probe.data;
    if data.len() < 3 {
        return Guess::More;
    }
    let fits =
        |data: &[u8]| u16_at(data, 0).is_some_and(|length| data.len() >= usize::from(length) + 2);
    if point(data) {
        if point(probe.other) {
            return Guess::Certain;
        }
        // Its first message alone: whole, and on its own port.
        let whole = u16_at(data, 0).map(|length| usize::from(length) + 2) == Some(data.len());
        if whole && probe.has_port(30_303) {
            return Guess::Certain;
        }
        return if whole || !fits(data) {
            Guess::Unsure
        } else {
            Guess::No
        };
    }
    // Before EIP-8: 307 bytes there, 210 back.
    if data[0] == 4 && data.len() == 307 {
        return if probe.other.len() >= 210 && probe.other[0] == 4 || probe.has_port(30_303) {
            Guess::Certain
        } else {
            Guess::Unsure
        };
    }
    Guess::No
}

/// Hash (32), signature (65, the last byte 0 or 1), kind, then a list.
fn ethereum_discovery(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(&recovery), Some(&kind), Some(&list)) = (data.get(96), data.get(97), data.get(98))
    else {
        return Guess::No;
    };
    let whole = probe.wire_len.max(data.len());
    let size = match list {
        0xc0..=0xf7 => usize::from(list - 0xc0) + 1,
        0xf8 => usize::from(data.get(99).copied().unwrap_or(0)) + 2,
        0xf9 => usize::from(u16_at(data, 99).unwrap_or(0)) + 3,
        _ => return Guess::No,
    };
    certain_if(recovery <= 1 && (1..=6).contains(&kind) && 98 + size == whole && size > 8)
}

fn monero(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x01\x21\x01\x01\x01\x01\x01\x01")
}

/// R and the network, then most, current and least version, kind.
fn nano(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [
            b'R',
            b'A' | b'B' | b'C' | b'X',
            most @ 16..=40,
            using @ 14..=40,
            least @ 10..=40,
            kind,
            ..,
        ] => certain_if(most >= using && using >= least && (2..=15).contains(kind)),
        [b'R', ..] if probe.data.len() < 6 => Guess::More,
        [] => Guess::More,
        _ => Guess::No,
    }
}

/// Time (4), mini protocol 0, length; then the proposal: a CBOR array of 0 and a map of versions.
fn cardano(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 12 {
        return match data.get(4..6) {
            None | Some([0, 0]) => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(
        data[4..6] == [0, 0]
            && u16_at(data, 6).map(usize::from) == Some(data.len() - 8)
            && data[8..10] == [0x82, 0]
            && (0xa1..=0xb7).contains(&data[10]),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let discovery = format!("{} 01 01 cb 04 c9 84 7f000001 82 765f 80", "5a".repeat(96));
        let mut rlpx = tcp("ethereum", "0192 04").other("0180 04");
        rlpx.data.resize(404, 0x5a);
        vec![
            tcp(
                "edonkey",
                "e3 48000000 01 10 0102030405060708090a0b0c0d0e0f10",
            ),
            udp(
                "edonkey",
                "e4 21 0b 0102030405060708090a0b0c0d0e0f10 0102030405060708090a0b0c0d0e0f10",
            ),
            tcp("gnutella", "'GNUTELLA CONNECT/0.6' 0d0a"),
            udp("gnutella", "'GND' 01 0102 0101 00"),
            udp(
                "gnutella",
                "'GND' 10 3e8f 0101 540b 514b 5250 0652 4e41 5d2f e235 0970",
            ),
            udp(
                "gnutella",
                "0102030405060708 ff 09090909090900 00 01 00 08000000 c3 'SCP' 4101 0000",
            ),
            udp(
                "gnutella",
                "0102030405060708 ff 09090909090900 44 0000 06000000 05 'GTKG' 00",
            ),
            tcp("directconnect", "'$Lock EXTENDEDPROTOCOL Pk=x|'"),
            tcp(
                "soulseek",
                "3c000000 01000000 04000000 'user' 04000000 'pass' a0000000 20000000 '0123456789abcdef0123456789abcdef' 01000000",
            ),
            tcp("ipfs", "13 '/multistream/1.0.0' 0a"),
            udp(
                "ppstream",
                "1c40 1a00 4474717a 0102030405060708 'PPStream' 00 00",
            )
            .other("00"),
            udp("zug", "00 'zUG' 10 01020304"),
            udp("ppstream", "1000 43 00 01 01020304 05060708 090a0b").other("1000 43 00"),
            tcp("bitcoin", "f9beb4d9 'version' 0000000000 66000000 01020304"),
            rlpx,
            udp("ethereum_discovery", &discovery),
            tcp("monero", "0121010101010101 2600000000000000 01 e9030000"),
            tcp("nano", "'RC' 14 14 12 0a 0500"),
            tcp("cardano", "01020304 0000 0005 82 00 a1 07 01"),
        ]
    }
}
