//! Monitoring, measuring, flow export.

use super::{certain_if, contains, fields, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u32_at};
use crate::app::{Guess, Probe};

signatures! {
    /// Zabbix: agents, proxies, senders.
    zabbix "zabbix" "Zabbix" Management Tcp [10_050, 10_051];
    /// collectd's network plug-in: parts of a type and a length.
    collectd "collectd" "collectd" Management Udp [25_826];
    /// Munin's nodes.
    munin "munin" "Munin" Management Tcp [4949];
    /// Check_MK's agents.
    checkmk "checkmk" "Checkmk" Management Tcp [6556];
    /// NRPE of Nagios, versions 2 to 4.
    nrpe "nrpe" "NRPE (Nagios)" Management Tcp [5666];
    /// NetFlow versions 1 to 9.
    netflow "netflow" "NetFlow" Management Udp [2055, 9995, 9996];
    /// IPFIX.
    ipfix "ipfix" "IPFIX" Management Both [4739];
    /// sFlow, versions 2 to 5.
    sflow "sflow" "sFlow" Management Udp [6343];
    /// iperf 3: the cookie that opens a control connection.
    iperf "iperf" "iperf" Management Tcp [5201];
    /// Ookla's speed test.
    ookla "ookla" "Ookla Speedtest" ConnectivityCheck Tcp [8080, 5060];
    /// StatsD's lines.
    statsd "statsd" "StatsD" Management Udp [8125];
    /// Graylog's GELF, compressed or chunked or in JSON.
    gelf "gelf" "GELF (Graylog)" Management Both [12_201];
    /// Lumberjack, versions 1 and 2: what Elastic's Beats send.
    lumberjack "lumberjack" "Lumberjack (Beats)" Management Tcp [5044];
    /// Ganglia's monitoring daemon.
    ganglia "ganglia" "Ganglia" Management Udp [8649];
    /// TZSP: packets of wireless sniffers.
    tzsp "tzsp" "TZSP" Management Udp [37_008];
    /// Gauges of fuel tanks: Veeder-Root's commands.
    atg "atg" "Automatic tank gauge" Iot Tcp [10_001];
    /// Measurements of RIPE's Atlas probes.
    ripe_atlas "ripe_atlas" "RIPE Atlas" Management Both [];
    /// Kismet's server for its clients, versions before 2016.
    kismet "kismet" "Kismet" Management Tcp [2501];
    /// Roughtime.
    roughtime "roughtime" "Roughtime" Network Udp [2002];
    /// Measurements of the quality of access (EAQ, Brazil).
    eaq "eaq" "EAQ" Management Udp [6000];
}

/// Number, another that grows with it, a third, then 9000h; the answer has 6000h.
fn eaq(probe: &Probe<'_>) -> Guess {
    let (data, other, previous) = (probe.data, probe.other, probe.previous);
    let asked = |data: &[u8]| data.len() == 16 && data.ends_with(&[0, 0, 0x90, 0]);
    let answered = |data: &[u8]| data.len() == 16 && data.ends_with(&[0, 0, 0x60, 0]);
    let known = |data: &[u8]| data.starts_with(&[0, 0]) && data.get(4..8) != Some(&[0; 4]);
    let pair = |asking: &[u8], answer: &[u8]| {
        asked(asking) && answered(answer) && asking[..14] == answer[..14]
    };
    // Unanswered: the next number, and what counts with it.
    let grown = |at: usize| {
        let (before, now) = (u32_at(previous, at)?, u32_at(data, at)?);
        now.checked_sub(before)
    };
    let next =
        asked(data) && asked(previous) && grown(0) == Some(1) && matches!(grown(4), Some(1..=16));
    certain_if(known(data) && (pair(data, other) || pair(other, data) || next))
}

fn zabbix(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"ZBXD") {
        Guess::Certain if probe.data.len() < 5 => Guess::More,
        Guess::Certain => certain_if(matches!(probe.data[4], 1..=7)),
        other => other,
    }
}

fn collectd(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // Host first (0), or an encrypted (0x210) or signed (0x200) whole.
    if !matches!(u16_at(data, 0), Some(0 | 0x200 | 0x210)) || data.len() < 12 {
        return Guess::No;
    }
    // Encrypted: one part, then the user's name with its length.
    if u16_at(data, 0) == Some(0x210) {
        return certain_if(
            u16_at(data, 2).map(usize::from) == Some(probe.wire_len.max(data.len()))
                && u16_at(data, 4).is_some_and(|length| {
                    data.get(6..6 + usize::from(length))
                        .is_some_and(crate::app::support::printable)
                }),
        );
    }
    let known = |kind: u16| matches!(kind, 0..=9 | 0x100 | 0x101 | 0x200 | 0x210);
    let data = if probe.wire_len > data.len() {
        return Guess::Unsure;
    } else {
        data
    };
    certain_if(fields_many(data, known).is_some_and(|count| count >= 3))
}

/// As [`fields`], for more of them than it takes.
fn fields_many(mut data: &[u8], known: impl Fn(u16) -> bool) -> Option<usize> {
    let mut count = 0;
    while !data.is_empty() {
        let kind = u16_at(data, 0)?;
        let length = usize::from(u16_at(data, 2)?);
        if !known(kind) || length < 5 {
            return None;
        }
        data = data.get(length..)?;
        count += 1;
    }
    Some(count)
}

fn munin(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"# munin node at ", b"# lrrd client at "])
}

fn checkmk(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"<<<check_mk>>>", b"<<<cmk_"])
}

/// Version, kind, check sum, result: a packet of fixed size or of the size it says.
fn nrpe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(version), Some(kind)) = (u16_at(data, 0), u16_at(data, 2)) else {
        return if matches!(data, [] | [0, ..]) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if !matches!(kind, 1 | 2) {
        return Guess::No;
    }
    match version {
        2 if data.len() < 11 => Guess::More,
        2 => certain_if(data.get(10..).is_some_and(|text| {
            text.starts_with(b"_NRPE_CHECK")
                || text.starts_with(b"check_")
                || text.starts_with(b"NRPE v")
        })),
        3 | 4 if data.len() < 16 => Guess::More,
        3 | 4 => certain_if(
            u32_at(data, 12).is_some_and(|length| {
                u16_at(data, 10) == Some(0) && length < 65_536 && length as usize <= data.len()
            }) && (contains(data, b"check_", 64) || contains(data, b"_NRPE_CHECK", 64)),
        ),
        _ => Guess::No,
    }
}

fn netflow(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let whole = probe.wire_len.max(data.len());
    let count = usize::from(u16_at(data, 2).unwrap_or(0));
    // A time after 1995.
    let dated = u32_at(data, 8).is_some_and(|seconds| seconds > 800_000_000);
    match u16_at(data, 0) {
        Some(1) => certain_if((1..=24).contains(&count) && whole == 16 + 52 * count && dated),
        Some(5) => certain_if((1..=30).contains(&count) && whole == 24 + 48 * count && dated),
        Some(7) => certain_if((1..=28).contains(&count) && whole == 24 + 52 * count && dated),
        Some(9) => {
            // Sets: 0 and 1 are templates, from 256 on data.
            let sets = data.get(20..).unwrap_or_default();
            let first = u16_at(sets, 0).unwrap_or(2);
            let length = usize::from(u16_at(sets, 2).unwrap_or(0));
            let fits = length >= 4 && 20 + length <= whole;
            certain_if(
                (1..=1000).contains(&count)
                    && dated
                    && fits
                    && (first <= 1 || first >= 256)
                    && (20 + length == whole
                        || matches!(u16_at(sets, length), Some(0 | 1 | 256..))
                        || length > sets.len()),
            )
        }
        _ => Guess::No,
    }
}

fn ipfix(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 20 {
        return if probe.tcp && b"\0\x0a".starts_with(data.get(..2).unwrap_or(data)) {
            Guess::More
        } else {
            Guess::No
        };
    }
    let length = usize::from(u16_at(data, 2).unwrap_or(0));
    let set = u16_at(data, 16).unwrap_or(0);
    let set_length = usize::from(u16_at(data, 18).unwrap_or(0));
    let whole = if probe.tcp {
        length
    } else {
        probe.wire_len.max(data.len())
    };
    certain_if(
        u16_at(data, 0) == Some(10)
            && length == whole
            && length >= 20
            // A stream starts with templates.
            && (matches!(set, 2 | 3) || set >= 256 && (!probe.tcp || probe.has_port(4739)))
            && set_length >= 8
            && 16 + set_length <= length
            && u32_at(data, 4).is_some_and(|seconds| seconds > 1_000_000_000),
    )
}

fn sflow(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(version), Some(family)) = (u32_at(data, 0), u32_at(data, 4)) else {
        return Guess::No;
    };
    let at = match family {
        1 => 12,
        2 => 24,
        _ => return Guess::No,
    };
    match version {
        5 => {
            // Sub-agent, sequence, uptime, samples; then the first sample's format and length.
            let samples = u32_at(data, at + 12).unwrap_or(0);
            let kind = u32_at(data, at + 16).unwrap_or(0);
            let length = u32_at(data, at + 20).unwrap_or(0) as usize;
            certain_if(
                (1..=256).contains(&samples)
                    && (1..=5).contains(&(kind & 0xfff))
                    && length.is_multiple_of(4)
                    && at + 24 + length <= probe.wire_len.max(data.len()),
            )
        }
        2 | 4 => certain_if(
            u32_at(data, at + 8).is_some_and(|samples| (1..=256).contains(&samples))
                && probe.has_port(6343),
        ),
        _ => Guess::No,
    }
}

/// 36 letters and digits of base 32, then NUL; the server answers with one byte, 9.
fn iperf(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 37 {
        return if data
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        {
            Guess::More
        } else {
            Guess::No
        };
    }
    certain_if(
        data[36] == 0
            && data[..36]
                .iter()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
            && (data.len() == 37 || probe.has_port(5201)),
    )
}

fn ookla(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.starts_with(b"HI ") || data == b"HI\n" {
        return if probe.other.starts_with(b"HELLO ") {
            Guess::Certain
        } else {
            Guess::Unsure
        };
    }
    certain_if(
        data.starts_with(b"HELLO 2.") && contains(data, b")", 64) && probe.other.starts_with(b"HI"),
    )
}

fn statsd(probe: &Probe<'_>) -> Guess {
    let before = |data, byte| memchr::memchr(byte, data).map(|end| data.split_at(end));
    let line = before(probe.data, b'\n').map_or(probe.data, |(line, _)| line);
    let Some((head, rest)) = before(line, b'|') else {
        return Guess::No;
    };
    let rest = rest.get(1..).unwrap_or_default();
    let kind = before(rest, b'|').map_or(rest, |(kind, _)| kind);
    let Some(colon) = head.iter().position(|&byte| byte == b':') else {
        return Guess::No;
    };
    let (name, value) = head.split_at(colon);
    let is = matches!(kind, b"c" | b"g" | b"ms" | b"h" | b"s" | b"d")
        && name.len() >= 3
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        && (2..=24).contains(&value.len())
        && value[1..]
            .iter()
            .all(|byte| byte.is_ascii_digit() || b".+-".contains(byte));
    certain_if(is)
}

fn gelf(probe: &Probe<'_>) -> Guess {
    match probe.data {
        // A chunk: mark, identifier (8), number, count.
        [0x1e, 0x0f, _, _, _, _, _, _, _, _, number, count, ..] if !probe.tcp => {
            if number < count && (2..=128).contains(count) && probe.has_port(12_201) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        [b'{', ..] => certain_if(
            contains(probe.data, b"\"version\":\"1.1\"", 256)
                && contains(probe.data, b"\"short_message\":", 1024),
        ),
        _ => Guess::No,
    }
}

/// Version 1 or 2, then a window of so many events.
fn lumberjack(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [b'1' | b'2', b'W', 0, 0, _, _, next @ ..] => match next {
            [] => Guess::More,
            [version, b'C' | b'D' | b'J', ..] => certain_if(*version == data[0]),
            [version] => {
                if *version == data[0] {
                    Guess::More
                } else {
                    Guess::No
                }
            }
            _ => Guess::No,
        },
        [b'1' | b'2'] | [b'1' | b'2', b'W', ..] | [] if data.len() < 6 => Guess::More,
        _ => Guess::No,
    }
}

/// XDR: what it is (128 to 135), then the host's name with its length.
fn ganglia(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if !u32_at(data, 0).is_some_and(|kind| (128..=135).contains(&kind)) {
        return Guess::No;
    }
    let length = u32_at(data, 4).unwrap_or(0) as usize;
    certain_if(
        (3..=128).contains(&length)
            && data.get(8..8 + length).is_some_and(|name| {
                name.iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(byte))
            }),
    )
}

/// Version 1, kind, protocol of the packet; then tags to an end (1).
fn tzsp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some([1, 0..=5]), Some(protocol)) = (data.first_chunk::<2>(), u16_at(data, 2)) else {
        return Guess::No;
    };
    if !matches!(protocol, 1 | 0x12 | 0x77 | 0x7f) {
        return Guess::No;
    }
    let mut at = 4;
    for _ in 0..16 {
        match data.get(at) {
            Some(1) => {
                return if probe.has_port(37_008) {
                    Guess::Certain
                } else {
                    Guess::Unsure
                };
            }
            Some(0) => at += 1,
            Some(_) => match data.get(at + 1) {
                Some(&length) => at += 2 + usize::from(length),
                None => return Guess::No,
            },
            None => return Guess::No,
        }
    }
    Guess::No
}

/// Start of heading, then a function's letter and five digits.
fn atg(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [1, b'I' | b'S' | b'i' | b's', digits @ ..] => {
            let count = digits
                .iter()
                .take(5)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if count < 5 && count == digits.len() {
                return Guess::More;
            }
            certain_if(
                count == 5
                    && matches!(digits.get(5), None | Some(b'\r' | b'\n' | b'A'..=b'Z' | b'0'..=b'9')),
            )
        }
        [1] | [] => Guess::More,
        _ => Guess::No,
    }
}

fn kismet(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"*KISMET: ")
}

fn ripe_atlas(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"MGGB", b"MGLNDD_"])
}

/// The mark, then the length of the message; before the mark there was, how many tags there are,
/// where their values begin, and the tags in order: a request's nonce, or an answer's signed part
/// and certificate.
fn roughtime_answer(probe: &Probe<'_>) -> bool {
    let mut reader = Reader::new(probe.data);
    let Some(count @ 3..=16) = reader.u32_le() else {
        return false;
    };
    let mut last = 0;
    for _ in 1..count {
        match reader.u32_le() {
            Some(offset) if offset.is_multiple_of(4) && offset >= last => last = offset,
            _ => return false,
        }
    }
    let (mut tag, mut known) = (0, 0);
    for _ in 0..count {
        match reader.u32_le() {
            Some(next) if next > tag => tag = next,
            _ => return false,
        }
        known += u32::from([*b"SREP", *b"CERT"].contains(&tag.to_le_bytes()));
    }
    known == 2 && count as usize * 8 + last as usize <= probe.wire_len.max(probe.data.len())
}

fn roughtime(probe: &Probe<'_>) -> Guess {
    certain_if(
        probe.data.starts_with(b"ROUGHTIM")
            || roughtime_answer(probe)
            || probe.wire_len == 1024
                && matches!(probe.data.get(..4), Some([2..=6, 0, 0, 0]))
                && contains(probe.data, b"NONC", 64)
                && contains(probe.data, b"PAD\xff", 64),
    )
}

/// Whether fields of two bytes of type and of length fill the data.
pub(super) fn whole_fields(data: &[u8], least: usize, known: impl Fn(u16) -> bool) -> bool {
    fields(data, 2, false, known).is_some_and(|count| count >= least)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        let v5 = format!(
            "0005 0001 00000001 60000000 00000000 00000000 00 00 0000 {}",
            "00".repeat(48)
        );
        vec![
            udp("eaq", "00000001 00000ddb 00014c94 00006000")
                .other("00000001 00000ddb 00014c94 00009000"),
            udp("eaq", "00000001 00000ddb 00014c94 00009000")
                .previous("00000000 00000dda 00014b07 00009000"),
            tcp("zabbix", "'ZBXD' 01 0a00000000000000 'agent.ping'"),
            udp(
                "collectd",
                "0000 000a 'host1' 00 0008 000c 18aa86d9ffbbcaa3 0002 0008 'cpu' 00",
            ),
            tcp("munin", "'# munin node at host' 0a"),
            tcp("checkmk", "'<<<check_mk>>>' 0a 'Version: 2'"),
            tcp("nrpe", "0002 0001 12345678 0000 '_NRPE_CHECK' 00"),
            udp("netflow", &v5),
            udp(
                "netflow",
                "0009 0001 00000001 60000000 00000001 00000000 0000 000c 0100 0001 0008 0004",
            ),
            udp(
                "ipfix",
                "000a 0018 60000000 00000000 00000000 0100 0008 01020304",
            ),
            udp(
                "sflow",
                "00000005 00000001 c0000201 00000000 00000001 00000001 00000001 00000001 00000008 00000000 00000000",
            ),
            tcp("iperf", "'abcdefghijklmnopqrstuvwxyz2345672345' 00"),
            tcp("ookla", "'HI 1234' 0a").other("'HELLO 2.7 (2.7.1) 2020' 0a"),
            udp("statsd", "'app.requests.ok:1|c'"),
            udp(
                "gelf",
                "'{\"version\":\"1.1\",\"host\":\"x\",\"short_message\":\"y\"}'",
            ),
            tcp("lumberjack", "'2W' 00000001 '2C' 00000010"),
            udp("ganglia", "00000080 00000005 'node1' 000000"),
            udp("tzsp", "01 00 0001 0a 01 00 01 ffffffffffff").port(37_008),
            tcp("atg", "01 'I20100' 0d0a"),
            udp("ripe_atlas", "'MGGB' 00000001"),
            udp("roughtime", "'ROUGHTIM' 00040000"),
            udp(
                "roughtime",
                "03000000 04000000 08000000 'SIG' 00 'SREP' 'CERT' 01010101 02020202 03030303",
            ),
            udp("ripe_atlas", "'MGLNDD_192.0.2.1_4000' 0a"),
            tcp("kismet", "'*KISMET: 0.0.0 1144004381 '"),
        ]
    }
}
