//! Routing, redundancy, provisioning and mobile cores: what networks say among themselves.

use std::net::IpAddr;

use super::monitoring::whole_fields;
use super::{certain_if, contains, signatures, starts};
use crate::app::wire::{u16_at, u32_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Border gateway protocol (RFC 4271).
    bgp "bgp" "BGP" Network Tcp [179];
    /// RIP and RIPng.
    rip "rip" "RIP" Network Udp [520, 521];
    /// Bidirectional forwarding detection (RFC 5880).
    bfd "bfd" "BFD" Network Udp [3784, 3785, 4784, 7784];
    /// Hot standby router protocol of Cisco (RFC 2281).
    hsrp "hsrp" "HSRP" Network Udp [1985, 2029];
    /// Label distribution (RFC 5036).
    ldp "ldp" "LDP" Network Both [646];
    /// Babel (RFC 8966).
    babel "babel" "Babel" Network Udp [6696];
    /// OpenFlow: the hello of both sides.
    openflow "openflow" "OpenFlow" Network Tcp [6633, 6653];
    /// Wireless access points (RFC 5415).
    capwap "capwap" "CAPWAP" Network Udp [5246, 5247];
    /// Charging (GTP', 3GPP TS 32.295), and GTP's control where the tunnel's owner is not followed.
    gtp_prime "gtp_prime" "GTP'" Network Both [3386];
    /// GTP.
    gtp "gtp" "GTP" Network Udp [2123, 2152];
    /// Check Point's clusters.
    cpha "cpha" "Check Point HA" Network Udp [8116];
    /// MikroTik's neighbour discovery.
    mndp "mndp" "MNDP (MikroTik)" Network Udp [5678];
    /// Ubiquiti's discovery.
    ubiquiti_discovery "ubntac2" "Ubiquiti discovery" Management Udp [10_001];
    /// NAT port mapping and port control (RFC 6886, 6887).
    nat_pmp "nat_pmp" "NAT-PMP / PCP" Network Udp [5350, 5351];
    /// Remote management of boards (RMCP, IPMI).
    rmcp "rmcp" "RMCP / IPMI" Management Udp [623];
    /// Wake on LAN.
    wake_on_lan "wake_on_lan" "Wake on LAN" Management Udp [7, 9];
    /// Announcements of sessions (RFC 2974).
    sap "sap" "SAP" Network Udp [9875];
    /// Teredo's packets where the tunnel itself is the flow.
    teredo "teredo" "Teredo" Vpn Udp [3544];
    /// VXLAN.
    vxlan "vxlan" "VXLAN" Network Udp [4789, 8472];
    /// Geneve.
    geneve "geneve" "Geneve" Network Udp [6081];
}

fn bgp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts(data, &[0xff; 16]) {
        Guess::Certain if data.len() < 19 => Guess::More,
        Guess::Certain => certain_if(
            u16_at(data, 16).is_some_and(|length| (19..=4096).contains(&length))
                && matches!(data[18], 1..=5),
        ),
        other => other,
    }
}

/// Command, version, zero; then entries of 20 bytes.
fn rip(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    match data {
        [1 | 2, version @ (1 | 2), 0, 0, rest @ ..]
            if whole > 4 && (whole - 4).is_multiple_of(20) =>
        {
            // RIPng says version 1 too: its entries end with a metric of one byte.
            let family = u16_at(rest, 0).unwrap_or(1);
            let metric = u32_at(rest, 16).unwrap_or(0);
            if probe.has_port(521) {
                return certain_if(*version == 1);
            }
            certain_if(
                probe.has_port(520)
                    && (matches!(family, 0 | 2 | 0xffff))
                    && (family == 0xffff || (1..=16).contains(&metric)),
            )
        }
        _ => Guess::No,
    }
}

/// Version 1, state, multiplier, length.
fn bfd(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // What an echo says is its sender's own matter; it goes to its sender's own address, through
    // the neighbour (RFC 5881).
    let to_itself = probe.server.1 == 3785 && probe.server.0 == probe.client.0;
    let echo = to_itself && !data.is_empty();
    certain_if(
        echo || data.len() >= 24
            && data[0] >> 5 == 1
            && data[0] & 0x1f <= 9
            && data[2] > 0
            && usize::from(data[3]) == data.len().min(probe.wire_len)
            && u32_at(data, 4) != Some(0)
            && (probe.server.1 == 3784
                || probe.server.1 == 3785
                || probe.server.1 == 4784
                || probe.server.1 == 7784),
    )
}

fn hsrp(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0, 0..=3, 0 | 1 | 2 | 4 | 8 | 16, hello, hold, ..] => {
            certain_if(probe.wire_len == 20 && probe.has_port(1985) && hello <= hold)
        }
        [1, 40, 2, 0..=6, ..] => certain_if(probe.has_port(1985) || probe.has_port(2029)),
        // The state of an interface alone: how many groups are idle and how many active.
        [2, 4, _, _, _, _] => {
            let group = match probe.server.0 {
                IpAddr::V4(address) => address.octets() == [224, 0, 0, 102],
                IpAddr::V6(address) => address.segments() == [0xff02, 0, 0, 0, 0, 0, 0, 0x66],
            };
            certain_if(group && (probe.has_port(1985) || probe.has_port(2029)))
        }
        _ => Guess::No,
    }
}

/// Version 1, length of the rest, the router's identifier and label space, then messages.
fn ldp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 14 {
        return if probe.tcp && b"\0\x01".starts_with(data.get(..2).unwrap_or(data)) {
            Guess::More
        } else {
            Guess::No
        };
    }
    let length = usize::from(u16_at(data, 2).unwrap_or(0));
    let message = u16_at(data, 10).unwrap_or(0);
    let inner = usize::from(u16_at(data, 12).unwrap_or(0));
    certain_if(
        u16_at(data, 0) == Some(1)
            && length + 4 <= data.len().max(probe.wire_len)
            && (probe.tcp || length + 4 == probe.wire_len)
            && inner + 10 <= length
            && u16_at(data, 8) == Some(0)
            && matches!(
                message,
                0x0001 | 0x0100 | 0x0200 | 0x0201 | 0x0300 | 0x0301 | 0x0400..=0x0404
            ),
    )
}

fn babel(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [42, 2, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            certain_if(length > 0 && length <= rest.len() && probe.has_port(6696))
        }
        _ => Guess::No,
    }
}

fn openflow(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let hello = |data: &[u8]| matches!(data, [1..=6, 0, 0, length @ (8 | 16), ..] if data.len() >= usize::from(*length).min(8));
    if data.len() < 8 {
        return match data {
            [] | [1..=6] | [1..=6, 0, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    if !hello(data) {
        return Guess::No;
    }
    // A bitmap of versions, or the other side's hello.
    if data[3] == 16 && u16_at(data, 8) == Some(1) && u16_at(data, 10) == Some(8) {
        return Guess::Certain;
    }
    if hello(probe.other)
        && probe.other.first().is_some_and(|version| *version <= 6)
        && probe.other.len() >= 8
    {
        return Guess::Certain;
    }
    if probe.has_port(6633) || probe.has_port(6653) {
        Guess::Certain
    } else {
        Guess::More
    }
}

/// Preamble (version 0, plain), then header's length, radio, binding 1, flags; the message of the
/// control channel.
fn capwap(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 8 || !(probe.has_port(5246) || probe.has_port(5247)) {
        return Guess::No;
    }
    match data[0] {
        // Encrypted: DTLS behind three reserved bytes.
        1 => certain_if(
            data[1..4] == [0, 0, 0]
                && matches!(data[4], 20..=23)
                && matches!(data[5..7], [0xfe, 0xfd | 0xff]),
        ),
        0 => {
            let header = usize::from(data[1] >> 3) * 4;
            let message = u32_at(data, header).unwrap_or(u32::MAX);
            let length = u16_at(data, header + 5).map(usize::from);
            if (8..=64).contains(&header) && (1..=0x1a).contains(&message) {
                // The length counts from behind the sequence number; some count from behind the flags.
                return certain_if(length.is_some_and(|length| {
                    header + 5 + length == probe.wire_len || header + 8 + length == probe.wire_len
                }));
            }
            if header >= 8 {
                Guess::Unsure
            } else {
                Guess::No
            }
        }
        _ => Guess::No,
    }
}

/// Version, protocol bit 0, spare bits set, kind, length of what follows the header.
fn gtp_prime(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [
            0x0e | 0x0f | 0x2e | 0x2f | 0x4e | 0x4f,
            1..=7 | 0xf0 | 0xf1,
            high,
            low,
            ..,
        ] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let header = if probe.data[0] & 1 == 0 && probe.data[0] < 0x20 {
                20
            } else {
                6
            };
            certain_if(
                length + header == probe.wire_len.max(probe.data.len())
                    && (probe.has_port(3386) || length > 0 && probe.data[1] >= 0xf0),
            )
        }
        _ => Guess::No,
    }
}

fn gtp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    let Some(length) = u16_at(data, 2).map(usize::from) else {
        return Guess::No;
    };
    match data {
        // Version 1: length without the first eight bytes; kinds of user and control plane.
        [
            0x30..=0x37,
            1..=7 | 16..=21 | 26 | 31 | 32..=37 | 48..=70 | 96..=105 | 128 | 240 | 241 | 254 | 255,
            ..,
        ] => certain_if(length + 8 == whole && (probe.has_port(2123) || probe.has_port(2152))),
        // Version 2: length without the first four.
        [0x40 | 0x48 | 0x50 | 0x58, kind, ..] => certain_if(
            length + 4 == whole
                && probe.has_port(2123)
                && (matches!(kind, 1..=3 | 32..=41 | 64..=73 | 95..=103 | 162..=180 | 25..=31)),
        ),
        _ => Guess::No,
    }
}

/// Mark, version, cluster, opcode.
fn cpha(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.starts_with(b"\x1a\x90")
            && u16_at(probe.data, 6).is_some_and(|opcode| opcode <= 0x20)
            && probe.wire_len >= 20
            && probe.has_port(8116),
    )
}

fn mndp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // Header and sequence, then fields: the address (1) first.
    certain_if(
        probe.has_port(5678)
            && data.len() > 20
            && u16_at(data, 0) == Some(0)
            && u16_at(data, 4) == Some(1)
            && u16_at(data, 6) == Some(6)
            && data
                .get(4..)
                .is_some_and(|rest| whole_fields(rest, 3, |kind| kind <= 32)),
    )
}

fn ubiquiti_discovery(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        // Asked.
        [1 | 2, 0 | 8, 0, 0] => {
            if probe.has_port(10_001) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        [1, 0, _, _, rest @ ..] | [2, 6 | 9 | 11, _, _, rest @ ..] if rest.len() > 10 => {
            let length = usize::from(u16_at(data, 2).unwrap_or(0));
            let mut at = 0;
            while let (Some(_), Some(size)) = (rest.get(at), u16_at(rest, at + 1)) {
                at += 3 + usize::from(size);
            }
            certain_if(length == rest.len() && at == rest.len())
        }
        _ => Guess::No,
    }
}

fn nat_pmp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !(probe.has_port(5351) || probe.has_port(5350)) {
        return Guess::No;
    }
    certain_if(match data {
        [0, 0] => true,
        [0, 1 | 2, 0, 0, ..] | [0, 128, 0, ..] => data.len() == 12,
        [0, 129 | 130, 0, ..] => data.len() == 16,
        [2, 0..=2 | 128..=130, 0, ..] => data.len() >= 24 && data.len().is_multiple_of(4),
        _ => false,
    })
}

/// Version 6, reserved, sequence, class: ASF or IPMI.
fn rmcp(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [6, 0, _, 6, 0, 0, 0x11, 0xbe, ..] => Guess::Certain,
        [6, 0, 0xff, 7, 0 | 1 | 2 | 6, ..] if probe.wire_len >= 14 => {
            if probe.has_port(623) {
                Guess::Certain
            } else {
                Guess::Unsure
            }
        }
        [6, 0, _, 0x86] => Guess::Unsure,
        _ => Guess::No,
    }
}

/// Six times ff, then an address sixteen times.
fn wake_on_lan(probe: &Probe<'_>) -> Guess {
    let Some(rest) = probe.data.strip_prefix(&[0xff; 6]) else {
        return Guess::No;
    };
    let mut times = rest.chunks_exact(6);
    let first = times.next();
    certain_if(
        rest.len() >= 96 && first.is_some() && times.take(15).all(|time| Some(time) == first),
    )
}

fn sap(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.first().is_some_and(|first| first >> 5 == 1)
            && (contains(probe.data, b"application/sdp\0", 64)
                || contains(probe.data.get(8..).unwrap_or_default(), b"v=0\r\no=", 24)
                || contains(probe.data, b"v=0\no=", 40))
            && u32_at(probe.data, 4) != Some(0),
    )
}

fn is_teredo_packet(data: &[u8], whole: usize) -> bool {
    let teredo = |at: usize| data.get(at..at + 4) == Some(&[0x20, 1, 0, 0]);
    let link_local = |at: usize| data.get(at..at + 2) == Some(&[0xfe, 0x80]);
    data.first().is_some_and(|first| first >> 4 == 6)
        && u16_at(data, 4).is_some_and(|length| usize::from(length) + 40 == whole)
        && (teredo(8)
            || teredo(24)
            || link_local(8) && matches!(data.get(24..26), Some([0xff, 2] | [0xfe, 0x80])))
}

/// Authentication (0001) and origin (0000) in front of an IPv6 packet, or the packet alone.
fn teredo(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    let mut cut = 0;
    if let [0, 1, client, token, ..] = data {
        let skip = 4 + usize::from(*client) + usize::from(*token) + 9;
        match data.get(skip..) {
            Some(rest) => data = rest,
            None => return Guess::No,
        }
        cut += skip;
    }
    if let [0, 0, _, _, _, _, _, _, rest @ ..] = data {
        data = rest;
        cut += 8;
    }
    certain_if(is_teredo_packet(data, probe.wire_len.saturating_sub(cut)))
}

fn vxlan(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [8, 0, 0, 0, _, _, _, 0, rest @ ..] if rest.len() >= 14 => {
            let known = matches!(
                u16_at(rest, 12),
                Some(0x800 | 0x806 | 0x86dd | 0x8100 | 0x88a8)
            );
            certain_if(known && (probe.has_port(4789) || probe.has_port(8472)))
        }
        _ => Guess::No,
    }
}

fn geneve(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0..=0x3f, 0 | 0x40 | 0x80, _, _, _, _, _, 0, ..] => certain_if(
            probe.has_port(6081)
                && matches!(u16_at(probe.data, 2), Some(0x6558 | 0x800 | 0x806 | 0x86dd)),
        ),
        _ => Guess::No,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr;

    use crate::app::signatures::tests::{Sample, tcp, udp};
    use crate::app::trial::probe;
    use crate::app::{Detector, Guess};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let wake = format!("ffffffffffff {}", "0200c0ffee01".repeat(16));
        vec![
            tcp(
                "bgp",
                "ffffffffffffffffffffffffffffffff 001d 01 04 fde8 00b4 c0000201 00",
            ),
            udp(
                "rip",
                "02 02 0000 0002 0000 0a000000 ff000000 00000000 00000001",
            )
            .port(520),
            udp(
                "bfd",
                "20 c0 03 18 00000001 00000000 000f4240 000f4240 00000000",
            )
            .port(3784),
            udp("hsrp", "00 00 10 03 0a 78 01 00 'cisco' 000000 0a000001").port(1985),
            udp(
                "ldp",
                "0001 001e 0a000001 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 0a000001",
            )
            .port(646),
            udp("babel", "2a 02 0008 04 06 0000 0001 0190").port(6696),
            tcp("openflow", "06 00 0010 00000001 0001 0008 00000040"),
            udp(
                "capwap",
                "00 10 02 00 00 00 00 00 00000001 00 0009 00 0014 0001 01 00",
            )
            .port(5246),
            udp("gtp_prime", "2e f0 0002 0001 7e 01").port(3386),
            udp("gtp", "32 01 0004 00000000 0000 0000").port(2152),
            udp(
                "cpha",
                "1a90 0c31 2785 0001 00167 93e0 001f ffee 04a0 1000 0020",
            )
            .port(8116),
            udp(
                "mndp",
                "0000 0001 0001 0006 020000000001 0005 0004 'MikT' 0007 0003 '6.4'",
            )
            .port(5678),
            udp("ubntac2", "01 00 0010 01 0006 020000000001 0b 0004 'name'"),
            udp("nat_pmp", "00 00").port(5351),
            udp("rmcp", "06 00 ff 06 000011be 80 00 00 00"),
            udp("wake_on_lan", &wake),
            udp("sap", "20 00 1234 0a000001 'application/sdp' 00 'v=0' 0d0a"),
            udp(
                "teredo",
                "60000000 0008 3a15 20010000c2881c4c20f3359b46f93f46 20010db8000000000000000000000001 8000 0000 0001 0001",
            ),
            udp(
                "vxlan",
                "08000000 00000a 00 020000000001 020000000002 0800 45",
            )
            .port(4789),
            udp("geneve", "00 00 6558 00000a 00 020000000001").port(6081),
        ]
    }

    #[test]
    fn echoes_and_idle_interfaces() {
        let idle = [2, 4, 0, 0, 0, 1];
        let group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x66]);
        let of = |detector: &Detector, data: &[u8], to: IpAddr, port| {
            let mut probe = probe(data, false, true, (port, port));
            probe.server.0 = to;
            (detector.probe)(&probe)
        };
        let hsrp = &super::hsrp::DETECTOR;
        let other = IpAddr::from([192, 0, 2, 9]);
        assert_eq!(of(hsrp, &idle, group, 2029), Guess::Certain);
        assert_eq!(of(hsrp, &idle, other, 2029), Guess::No);
        assert_eq!(of(hsrp, &idle, group, 2030), Guess::No);
        let own = probe(&[], false, true, (1, 1)).client.0;
        let bfd = &super::bfd::DETECTOR;
        assert_eq!(of(bfd, &[0; 12], own, 3785), Guess::Certain);
        assert_eq!(of(bfd, &[0; 12], other, 3785), Guess::No);
        assert_eq!(of(bfd, &[], own, 3785), Guess::No);
    }
}
