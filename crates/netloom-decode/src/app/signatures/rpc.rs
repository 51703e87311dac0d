//! Calls between programs.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// ZeroC's Ice.
    ice "ice" "Ice (ZeroC)" Rpc Both [10_000];
    /// Java's remote method invocation.
    java_rmi "jrmi" "Java RMI" Rpc Tcp [1099];
    /// Apache Thrift: the strict binary protocol, framed or not; in datagrams the compact one, as
    /// Jaeger's agents are sent it.
    thrift "apache_thrift" "Apache Thrift" Rpc Both [9090, 6831];
    /// OpenWire of ActiveMQ.
    openwire "openwire" "OpenWire (ActiveMQ)" Rpc Tcp [61_616];
    /// HAProxy's PROXY protocol, which tells a server whom it really talks to.
    haproxy "haproxy" "PROXY protocol" Network Tcp [];
    /// FastCGI: the start of a request.
    fast_cgi "fastcgi" "FastCGI" Web Tcp [9000];
    /// Apache's AJP 1.3.
    ajp "ajp" "AJP" Web Tcp [8009];
    /// FIX, and what its sessions are compressed with.
    fix "fix" "FIX" Finance Tcp [];
    /// JSON-RPC over a plain stream.
    json_rpc "json_rpc" "JSON-RPC" Rpc Tcp [];
    /// Erlang's port mapper.
    epmd "epmd" "EPMD (Erlang)" Rpc Tcp [4369];
    /// Android Debug Bridge.
    adb "adb" "ADB" Rpc Tcp [5555, 5037];
    /// Java Debug Wire Protocol.
    jdwp "jdwp" "JDWP" Rpc Tcp [5005, 8000];
    /// D-Bus over TCP.
    dbus "dbus" "D-Bus" Rpc Tcp [];
    /// Short messages of the telephone network (SMPP).
    smpp "smpp" "SMPP" Chat Tcp [2775];
    /// Distcc.
    distcc "distcc" "distcc" Rpc Tcp [3632];
    /// Microsoft Message Queuing.
    msmq "msmq" "MSMQ" Rpc Tcp [1801];
    /// .NET Message Framing (net.tcp).
    net_tcp "net_tcp" ".NET net.tcp" Rpc Tcp [808];
    /// Service Location Protocol, versions 1 and 2.
    service_location "service_location_protocol" "SLP" Network Both [427];
}

fn ice(probe: &Probe<'_>) -> Guess {
    match starts(probe.data, b"IceP") {
        Guess::Certain if probe.data.len() < 10 => Guess::More,
        Guess::Certain => certain_if(probe.data[4] <= 1 && probe.data[8] <= 4),
        other => other,
    }
}

fn java_rmi(probe: &Probe<'_>) -> Guess {
    starts_any(probe.data, &[b"JRMI\0\x01", b"JRMI\0\x02"])
}

fn thrift(probe: &Probe<'_>) -> Guess {
    if !probe.tcp {
        return thrift_compact(probe);
    }
    let strict = |data: &[u8]| {
        let (Some([0x80, 1, 0, kind]), Some(length)) = (data.first_chunk::<4>(), u32_at(data, 4))
        else {
            return false;
        };
        let name = data
            .get(8..8 + (length as usize).min(256))
            .unwrap_or_default();
        (1..=4).contains(kind)
            && (1..=128).contains(&length)
            && name.len() == length as usize
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte))
    };
    if strict(probe.data) {
        return Guess::Certain;
    }
    match u32_at(probe.data, 0) {
        Some(length) if (12..1 << 24).contains(&length) => {
            certain_if(probe.data.get(4..).is_some_and(strict))
        }
        _ if probe.data.len() < 16 && matches!(probe.data.first(), None | Some(0 | 0x80)) => {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// Protocol 82, version 1 with the kind of message, sequence and the name's length as numbers of
/// seven bits each, the name, then a field of the arguments.
fn thrift_compact(probe: &Probe<'_>) -> Guess {
    let number = |data: &[u8]| {
        let mut number = 0_u64;
        for (index, &byte) in data.iter().take(5).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some((number, index + 1));
            }
        }
        None
    };
    let [0x82, kind, rest @ ..] = probe.data else {
        return Guess::No;
    };
    let Some(rest) = number(rest).and_then(|(_, width)| rest.get(width..)) else {
        return Guess::No;
    };
    let Some((length @ 4..=64, width)) = number(rest) else {
        return Guess::No;
    };
    let name = rest.get(width..width + length as usize);
    certain_if(
        kind & 0x1f == 1
            && matches!(kind >> 5, 1..=4)
            && name.is_some_and(|name| {
                name.iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte))
            })
            && matches!(rest.get(width + length as usize), Some(field) if field & 0x0f <= 12),
    )
}

/// Length, the kind of what tells the format, then the name.
fn openwire(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data.get(4..) {
        None | Some([]) if matches!(data, [] | [0, ..]) => Guess::More,
        Some([1, name @ ..]) if u32_at(data, 0).is_some_and(|length| length < 1 << 16) => {
            starts(name, b"ActiveMQ")
        }
        _ => Guess::No,
    }
}

fn haproxy(probe: &Probe<'_>) -> Guess {
    starts_any(
        probe.data,
        &[
            b"PROXY TCP4 ",
            b"PROXY TCP6 ",
            b"PROXY UNKNOWN",
            b"\r\n\r\n\0\r\nQUIT\n",
        ],
    )
}

/// Version 1, kind 1 (begin), request, length 8, role 1 to 3.
fn fast_cgi(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [1, 1, 0, 1, 0, 8, _, 0, 0, 1..=3, 0 | 1, 0, 0, 0, 0, 0, ..] => Guess::Certain,
        _ if probe.data.len() < 16
            && b"\x01\x01\0\x01\0\x08".starts_with(probe.data.get(..6).unwrap_or(probe.data)) =>
        {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// A mark by direction, the length, then a request's or an answer's kind.
fn ajp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        // Forward request: method, then the protocol's name with its length.
        [0x12, 0x34, _, _, 2, 1..=27, 0, 8, rest @ ..] => certain_if(rest.starts_with(b"HTTP/1.")),
        [0x12, 0x34, 0, 1, 10] | [b'A', b'B', 0, 1, 9] => Guess::Certain,
        [b'A', b'B', _, _, 4, 1..=5, _, rest @ ..] => certain_if(
            u16_at(data, 2).is_some_and(|length| usize::from(length) >= rest.len().min(3))
                && u16_at(rest, 0).is_some_and(|length| length < 64),
        ),
        _ if data.len() < 15
            && (b"\x12\x34".starts_with(data.get(..2).unwrap_or(data))
                || b"AB".starts_with(data.get(..2).unwrap_or(data))) =>
        {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// Tag 8 (version), then tag 9 (length in digits), then tag 35.
fn fix(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(rest) = data.strip_prefix(b"8=") else {
        return starts(data, b"8=").min(Guess::More);
    };
    let Some(end) = rest.iter().take(12).position(|&byte| byte == 1) else {
        return if rest.len() < 12 {
            Guess::More
        } else {
            Guess::No
        };
    };
    let (version, rest) = rest.split_at(end);
    let versioned = version.starts_with(b"FIX.")
        || version.starts_with(b"FIXT.")
        || version == b"FIXCOMP"
        || version == b"O";
    let Some(length) = rest.get(1..).and_then(|rest| rest.strip_prefix(b"9=")) else {
        return if rest.len() < 3 && versioned {
            Guess::More
        } else {
            Guess::No
        };
    };
    certain_if(versioned && length.first().is_some_and(u8::is_ascii_digit))
}

fn json_rpc(probe: &Probe<'_>) -> Guess {
    let data = probe.data.trim_ascii_start();
    if !matches!(data.first(), None | Some(b'{')) {
        return Guess::No;
    }
    if contains(data, b"\"jsonrpc\":\"2.0\"", 512) || contains(data, b"\"jsonrpc\": \"2.0\"", 512) {
        // Miners speak of jobs and shares in it: another signature's.
        return if contains(data, b"\"login\"", 512) && contains(data, b"\"pass\"", 1024) {
            Guess::No
        } else {
            Guess::Certain
        };
    }
    if data.len() < 512 && !data.contains(&b'\n') {
        Guess::More
    } else {
        Guess::No
    }
}

fn epmd(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let length = usize::from(u16_at(data, 0).unwrap_or(0));
    match data.get(2) {
        // Ask for the port of a name; register one.
        Some(b'z') => {
            let name = data.get(3..).unwrap_or_default();
            certain_if(
                length + 2 == data.len()
                    && !name.is_empty()
                    && name
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
                    && (probe.has_port(4369) || name.len() > 4),
            )
        }
        Some(b'x') => certain_if(
            length + 2 == data.len()
                && matches!(data.get(5), Some(72 | 77 | 110))
                && data.get(6) == Some(&0)
                && matches!(u16_at(data, 7), Some(5 | 6)),
        ),
        None => Guess::More,
        _ => Guess::No,
    }
}

/// Command, two arguments, length, check sum, and the command's bits turned over.
fn adb(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(command), Some(check)) = (u32_le_at(data, 0), u32_le_at(data, 20)) else {
        return match data.first() {
            None | Some(b'C' | b'A' | b'O' | b'S' | b'W') => Guess::More,
            _ => Guess::No,
        };
    };
    let word = command.to_le_bytes();
    certain_if(check == !command && word.iter().all(u8::is_ascii_uppercase))
}

fn jdwp(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"JDWP-Handshake")
}

fn dbus(probe: &Probe<'_>) -> Guess {
    starts_any(
        probe.data,
        &[
            b"\0AUTH EXTERNAL",
            b"\0AUTH ANONYMOUS",
            b"\0AUTH DBUS_COOKIE_SHA1",
            b"\0AUTH\r\n",
        ],
    )
}

/// Length, command, status, sequence.
fn smpp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 16 {
        return if matches!(data, [] | [0, ..]) {
            Guess::More
        } else {
            Guess::No
        };
    }
    let length = u32_at(data, 0).unwrap_or(0) as usize;
    let command = u32_at(data, 4).unwrap_or(0);
    // Binds and their answers, unbind, enquire link; answers have the top bit.
    let known = matches!(command & 0x7fff_ffff, 1 | 2 | 4 | 5 | 6 | 9 | 0x15);
    certain_if(
        known
            && (16..=4096).contains(&length)
            && length <= data.len()
            && u32_at(data, 8).is_some_and(|status| status < 0x500)
            && u32_at(data, 12).is_some_and(|sequence| (1..0x8000_0000).contains(&sequence))
            && (command & 0x8000_0000 != 0 || u32_at(data, 8) == Some(0))
            && (length > 16 || probe.has_port(2775) || matches!(command, 0x15 | 0x8000_0015)),
    )
}

fn distcc(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts_any(data, &[b"DIST0000000", b"DONE0000000"]) {
        Guess::Certain if data.len() < 12 => Guess::More,
        Guess::Certain => certain_if(matches!(data[11], b'1'..=b'3')),
        other => other,
    }
}

/// Version 16, flags, then the mark `LIOR` at offset 4.
fn msmq(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0x10, _, _, _, b'L', b'I', b'O', b'R', ..] => Guess::Certain,
        [0x10, ..] if probe.data.len() < 8 => Guess::More,
        [] => Guess::More,
        _ => Guess::No,
    }
}

/// Version record (0, major, minor), mode record (1, mode), then the address (2, length).
fn net_tcp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match data {
        [0, 1, 0, 1, 1..=4, 2, length, rest @ ..] if rest.len() >= 10 => {
            certain_if(rest.starts_with(b"net.tcp://") && usize::from(length & 0x7f) >= 10)
        }
        _ if data.len() < 17 && b"\0\x01\0\x01".starts_with(data.get(..4).unwrap_or(data)) => {
            Guess::More
        }
        _ => Guess::No,
    }
}

/// Version, function, length (2 bytes in version 1, 3 in version 2), then the language.
fn service_location(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut reader = Reader::new(data);
    let whole = probe.wire_len.max(data.len());
    let is = match (reader.u8(), reader.u8()) {
        (Some(1), Some(1..=10)) => {
            reader.u16().map(usize::from) == Some(whole)
                && data.get(5) == Some(&0)
                && data
                    .get(6..8)
                    .is_some_and(|language| language.iter().all(u8::is_ascii_lowercase))
        }
        (Some(2), Some(1..=11)) => {
            reader.u24().map(|length| length as usize) == Some(whole)
                && u16_at(data, 12).is_some_and(|length| {
                    data.get(14..14 + usize::from(length)).is_some_and(|tag| {
                        tag.len() >= 2
                            && tag
                                .iter()
                                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
                    })
                })
        }
        _ => false,
    };
    certain_if(is)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp, udp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        vec![
            tcp("ice", "'IceP' 01000100 03 00 0e000000"),
            tcp("jrmi", "'JRMI' 0002 4b"),
            udp("apache_thrift", "82 81 b281 01 04 'ping' 1c 00"),
            tcp("openwire", "0000000e 01 'ActiveMQ' 0000000c 00"),
            tcp("apache_thrift", "80010001 00000004 'ping' 00000001 00"),
            tcp(
                "apache_thrift",
                "00000011 80010001 00000004 'ping' 00000001 00",
            ),
            tcp("haproxy", "'PROXY TCP4 192.0.2.1 192.0.2.2 5000 443' 0d0a"),
            tcp("haproxy", "0d0a0d0a000d0a515549540a 21 11 000c"),
            tcp(
                "fastcgi",
                "01 01 0001 0008 00 00 0001 00 0000000000 01 04 0001",
            ),
            tcp("ajp", "1234 0100 02 02 0008 'HTTP/1.1' 00"),
            tcp("fix", "'8=FIX.4.2' 01 '9=65' 01 '35=A' 01"),
            tcp("fix", "'8=O' 01 '9=0019' 01 '35=P' 01"),
            tcp(
                "json_rpc",
                "'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}'",
            ),
            tcp("epmd", "0007 7a 'rabbit'"),
            tcp(
                "adb",
                "'CNXN' 00000001 00001000 07000000 32020000 bcb1a7b1 'host::' 00",
            ),
            tcp("jdwp", "'JDWP-Handshake'"),
            tcp("dbus", "00 'AUTH EXTERNAL 31303030' 0d0a"),
            tcp(
                "smpp",
                "00000025 00000009 00000000 00000001 'user' 00 'password' 00 'VMA' 00 34 00 00 00",
            ),
            tcp("distcc", "'DIST00000001ARGC00000005'"),
            tcp("msmq", "10 c0 0b00 'LIOR' 3c020000 ffffffff"),
            tcp("net_tcp", "00 01 00 01 02 02 18 'net.tcp://example.org/x'"),
            udp(
                "service_location_protocol",
                "01 06 0012 00 00 'en' 0003 0001 0000 0000 0000",
            ),
            udp(
                "service_location_protocol",
                "02 01 000013 0000 000000 0001 0002 'en' 0000 00",
            ),
        ]
    }
}
