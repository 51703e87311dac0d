//! File systems, versions and copies of files.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u16_le_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Ceph's messenger: the banner of version 1 or 2.
    ceph "ceph" "Ceph" Cloud Tcp [6789, 3300];
    /// Lustre's LNET over sockets: hello, acceptor, or a message with Lustre's process number.
    lustre "lustre" "Lustre" FileTransfer Tcp [988];
    /// Rx, what AFS is spoken over: its header of 28 bytes.
    rx "rx" "Rx (AFS)" Rpc Udp [7000, 7001, 7002, 7003, 7004, 7005];
    /// Apple Filing Protocol over DSI.
    afp "afp" "AFP" FileTransfer Tcp [548];
    /// iSCSI: a login request or its answer.
    iscsi "iscsi" "iSCSI" FileTransfer Tcp [3260];
    /// Network Block Device: the server's greeting.
    nbd "nbd" "NBD" FileTransfer Tcp [10_809];
    /// Syncthing: the discovery in the local network and the relay's messages.
    syncthing "syncthing" "Syncthing" FileTransfer Both [21_027, 22_000, 22_067];
    /// Resilio (BitTorrent) Sync: the discovery in the local network.
    resilio_sync "resilio_sync" "Resilio Sync" FileTransfer Udp [3838];
    /// Bacula, and its descendants: the director's greeting.
    bacula "bacula" "Bacula" FileTransfer Tcp [9101, 9102, 9103];
    /// Network Data Management Protocol: a message in a record, with its time.
    ndmp "ndmp" "NDMP" FileTransfer Tcp [10_000];
    /// Direct connections of Windows' peer caches: BITS peers and BranchCache are HTTP; this is
    /// Delivery Optimization.
    delivery_optimization "delivery_optimization" "Windows Delivery Optimization" SoftwareUpdate Tcp [7680];
    /// UFTP, multicast file transfer.
    uftp "uftp" "UFTP" FileTransfer Udp [1044];
    /// Files handed out over multicast with FLUTE (RFC 6726) over LCT.
    flute "flute" "FLUTE" FileTransfer Udp [4001];
}

fn ceph(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"ceph v0", b"ceph v2\n"])
}

fn lustre(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(magic) = u32_le_at(data, 0) else {
        return Guess::More;
    };
    match magic {
        // The acceptor's request: magic, version 1, the network identifier of TCP (type 2).
        0xacce_7100 => certain_if(u32_le_at(data, 4) == Some(1)),
        // ksocklnd's hello.
        0x4572_6963 => certain_if(u32_le_at(data, 4).is_some_and(|version| version <= 4)),
        // A message: check sum, two cookies, then who (address, process) to whom; the process is
        // always 12345.
        0xc0 | 0xc1 if data.len() < 48 => Guess::More,
        0xc0 | 0xc1 => {
            certain_if(u32_le_at(data, 40) == Some(12_345) && u32_le_at(data, 44) == Some(12_345))
        }
        _ => Guess::No,
    }
}

/// Epoch, connection, call, sequence, serial (4 each), type, flags, user status, security, a spare
/// or check sum (2), service (2).
fn rx(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 28 {
        return Guess::No;
    }
    let sequence = u32_at(data, 12).unwrap_or(u32::MAX);
    let serial = u32_at(data, 16).unwrap_or(u32::MAX);
    let plain = matches!(data[20], 1..=9 | 13)
        && data[21] & 0xc0 == 0
        && data[22] == 0
        && data[23] <= 5
        && sequence < 1 << 24
        && (1..1 << 24).contains(&serial)
        && u32_at(data, 8).is_some_and(|call| call < 1 << 24);
    if !plain {
        return Guess::No;
    }
    // A client's data packet names an AFS service: 1, 4 (callback 1), 52, 731, 900, 2001.
    let service = u16_at(data, 26).unwrap_or(0);
    let known = matches!(
        service,
        1 | 4 | 7 | 13 | 51 | 52 | 73 | 731 | 877 | 900 | 2001
    );
    let own_port = probe.has_port(7000) || (7001..=7032).contains(&probe.server.1);
    if known && data[20] == 1 && (serial < 64 || own_port) {
        return Guess::Certain;
    }
    // Both sides of a connection share its epoch and identifier.
    certain_if(known && probe.other.get(..8) == data.get(..8))
}

/// Flags, command, request, offset or error (4), length (4), reserved (4).
fn afp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 16 {
        return match data {
            [] | [0 | 1] | [0 | 1, 1..=8, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    let (request, command) = (data[0], data[1]);
    let length = u32_at(data, 8).unwrap_or(u32::MAX) as usize;
    let quiet = u32_at(data, 4) == Some(0) && u32_at(data, 12) == Some(0);
    // A session that began before the capture: a command, and the answer to it.
    let header = |data: &[u8], answer: u8| {
        data.starts_with(&[answer, 2])
            && u32_at(data, 12) == Some(0)
            && u32_at(data, 8).is_some_and(|length| (2..1 << 20).contains(&length))
    };
    if header(data, request)
        && header(probe.other, 1 - request.min(1))
        && data.get(2..4) == probe.other.get(2..4)
        && (quiet || request == 1)
    {
        let [asked, answered] = if request == 0 {
            [data, probe.other]
        } else {
            [probe.other, data]
        };
        let whole = u32_at(asked, 8).map(|length| length as usize + 16) == Some(asked.len());
        return certain_if(whole && answered.len() >= 16);
    }
    // GetStatus and OpenSession come first.
    if probe.other.is_empty() && request <= 1 && command == 2 {
        return Guess::More;
    }
    certain_if(
        request <= 1
            && matches!(command, 3 | 4)
            && quiet
            && length < 2048
            && (data.len() == 16 + length || request == 1 && data.len() <= 16 + length)
            && u16_at(data, 2).is_some_and(|id| id < 256)
            && (length > 0 || probe.has_port(548)),
    )
}

fn iscsi(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data.first() {
        Some(0x43 | 0x03 | 0x23) if data.len() < 80 => Guess::More,
        // Login request or answer: its text names the initiator, the target or their keys.
        Some(0x43 | 0x03 | 0x23) => certain_if(
            data[2] == 0
                && data[4] == 0
                && (contains(data, b"InitiatorName=iqn.", 256)
                    || contains(data, b"TargetPortalGroupTag=", 256)
                    || contains(data, b"InitiatorName=", 256)
                    || contains(data, b"HeaderDigest=", 512)),
        ),
        None => Guess::More,
        _ => Guess::No,
    }
}

fn nbd(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"NBDMAGIC")
}

fn syncthing(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match u32_at(data, 0) {
        // Discovery, then the device's identifier of 32 bytes (field 1, length-delimited).
        Some(0x2ea7_d90b) if !probe.tcp => certain_if(data.get(4..6) == Some(b"\x0a\x20")),
        // The relay protocol: magic, type, length.
        Some(0x9e79_bc40) if probe.tcp => certain_if(u32_at(data, 4).is_some_and(|kind| kind < 8)),
        // Hello of the block exchange protocol.
        Some(0x2ea7_d90b) => Guess::Certain,
        None if probe.tcp => Guess::More,
        _ => Guess::No,
    }
}

fn resilio_sync(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"BSYNC\0")
}

fn bacula(probe: &Probe<'_>) -> Guess {
    // Length (4), then words.
    let Some(text) = probe.data.get(4..) else {
        return Guess::More;
    };
    if u32_at(probe.data, 0).is_some_and(|length| length > 512) {
        return Guess::No;
    }
    if text.starts_with(b"Hello ") {
        return certain_if(contains(text, b" calling", 200));
    }
    starts(text, b"Hello ").min(Guess::More)
}

/// A record's mark, then number, time stamp, message type (request, answer), message.
fn ndmp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(mark) = u32_at(data, 0) else {
        return Guess::More;
    };
    if mark & 0x8000_0000 == 0 || !(24..=4096).contains(&(mark & 0x7fff_ffff)) {
        return Guess::No;
    }
    if data.len() < 20 {
        return Guess::More;
    }
    // Connection messages (0x9..) come first, the server's notice before all.
    certain_if(
        u32_at(data, 4).is_some_and(|number| number < 16)
            && u32_at(data, 8).is_some_and(|time| time > 800_000_000)
            && u32_at(data, 12).is_some_and(|kind| kind <= 1)
            && u32_at(data, 16)
                .is_some_and(|message| (0x900..=0x903).contains(&message) || message == 0x502),
    )
}

fn delivery_optimization(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x0eSwarm protocol")
}

fn uftp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // Version 4 or 5, function, sequence, source, group, group's instance, ...; then the function
    // again, with its header's length in words.
    match data {
        [0x40 | 0x50, function @ 1..=16, _, _, ..] if data.len() >= 24 => certain_if(
            probe.has_port(1044)
                && data.get(16) == Some(function)
                && data[17] > 0
                && usize::from(data[17]) * 4 + 16 <= data.len(),
        ),
        _ => Guess::No,
    }
}

/// LCT (RFC 5651): version 1, no congestion control extensions, header's length, FEC instance;
/// FLUTE is told by the extension EXT_FDT (192) or EXT_CENC (193).
fn flute(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 16 || data[0] >> 4 != 1 {
        return Guess::No;
    }
    let header = usize::from(data[2]) * 4;
    let mut reader = Reader::new(data);
    let flags = reader.u16().unwrap_or(0);
    let (tsi, toi, half) = (flags >> 7 & 1, flags >> 5 & 3, flags >> 4 & 1);
    let fixed = 4
        + 4 * (1 + usize::from(flags >> 10 & 3))
        + 4 * usize::from(tsi)
        + 4 * usize::from(toi)
        + 4 * usize::from(half);
    if header < fixed + 4 || header > data.len() || flags & 0x300 != 0 {
        return Guess::No;
    }
    // Sent to a group, the file table in front: instance 0 of the object.
    let to_group = match probe.server.0 {
        std::net::IpAddr::V4(address) => address.is_multicast(),
        std::net::IpAddr::V6(address) => address.is_multicast(),
    };
    certain_if(
        (to_group || probe.has_port(4001))
            && matches!(data.get(fixed), Some(192))
            && matches!(data.get(fixed + 1), Some(0x10 | 0x20))
            && u16_le_at(data, 2).is_some(),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, bytes, tcp, udp};
    use crate::app::trial::probe;
    use crate::app::{Guess, Probe};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        vec![
            tcp("afp", "00 02 22c6 00000000 00000006 00000000 1100 00020e1c")
                .other("01 02 22c6 00000000 00000002 00000000 0e1c"),
            tcp("ceph", "'ceph v027'"),
            tcp("ceph", "'ceph v2' 0a 1000"),
            tcp("lustre", "0071ceac 01000000 8358a8c0 00000200"),
            tcp(
                "lustre",
                "63697245 03000000 8458a8c0 00000200 8358a8c0 00000200",
            ),
            udp(
                "rx",
                "d70fb330 5c224fb0 00000001 00000001 00000001 01 05 00 00 0000 0001 00010004",
            ),
            tcp(
                "afp",
                "00 04 0001 00000000 00000006 00000000 01 04 00000400",
            ),
            tcp("iscsi", iscsi().as_str()),
            tcp("nbd", "'NBDMAGICIHAVEOPT' 0003"),
            udp("syncthing", "2ea7d90b 0a20 0102"),
            tcp("syncthing", "9e79bc40 00000002 00000000"),
            udp("resilio_sync", "'BSYNC' 00 'd1:'"),
            tcp("bacula", "00000015 'Hello *UserAgent* calling' 0a"),
            tcp(
                "ndmp",
                "80000024 00000001 60000000 00000000 00000502 00000000 00000000",
            ),
            tcp(
                "delivery_optimization",
                "0e 'Swarm protocol' 0000000000100000",
            ),
            udp(
                "uftp",
                "40 01 0000 01020304 05060708 09 00 00 00 01 04 00 00 00000000 00000000 00000000",
            )
            .port(1044),
            flute(),
        ]
    }

    fn iscsi() -> String {
        format!(
            "4387 0000 000000 18 {} 'InitiatorName=iqn.1991-05.com.x' 00",
            "00".repeat(40)
        )
    }

    fn flute() -> Sample {
        udp(
            "flute",
            "10 a0 0500 00000000 00000001 00000000 c0100001 00000000",
        )
        .port(4001)
    }

    #[test]
    fn sessions_from_the_middle() {
        let asked = bytes("00 02 22c6 00000000 00000006 00000000 1100 00020e1c");
        let of = |other: &[u8]| {
            (super::afp::DETECTOR.probe)(&Probe {
                other,
                ..probe(&asked, true, true, (40_000, 40_001))
            })
        };
        let answer = bytes("01 02 22c6 00000000 00000002 00000000 0e1c");
        assert_eq!(of(&answer), Guess::Certain);
        assert_eq!(of(&[]), Guess::More);
        // The number of the request, and what is reserved.
        for at in [3, 12] {
            let mut wrong = answer.clone();
            wrong[at] ^= 1;
            assert_eq!(of(&wrong), Guess::No, "{at}");
        }
    }
}
