//! Databases and queues.

use super::{certain_if, contains, signatures, starts, starts_any};
use crate::app::wire::{Reader, u16_at, u32_at, u32_le_at};
use crate::app::{Guess, Probe};

signatures! {
    /// STOMP: the first frame.
    stomp "stomp" "STOMP" Rpc Tcp [61_613];
    /// ZeroMQ's transport (ZMTP 2 and 3).
    zeromq "zeromq" "ZeroMQ" Rpc Tcp [5555, 5556];
    /// Gearman's binary protocol.
    gearman "gearman" "Gearman" Rpc Tcp [4730];
    /// beanstalkd.
    beanstalk "beanstalk" "beanstalkd" Rpc Tcp [11_300];
    /// Tarantool: the server's greeting.
    tarantool "tarantool" "Tarantool" Database Tcp [3301];
    /// RethinkDB: the magic number of its versions.
    rethinkdb "rethinkdb" "RethinkDB" Database Tcp [28_015];
    /// ClickHouse: the client's hello.
    clickhouse "clickhouse" "ClickHouse" Database Tcp [9000];
    /// Raft as dqlite speaks it: messages in words of eight bytes.
    raft "raft" "Raft" Database Tcp [9001];
    /// DRDA (DB2, Derby): DDM behind its magic number.
    drda "drda" "DRDA" Database Tcp [446, 50_000];
    /// Couchbase, and Memcached in binary with its more operations.
    couchbase "couchbase" "Couchbase" Database Tcp [11_210];
    /// Apache ZooKeeper: four letters, or the connect request.
    zookeeper "zookeeper" "ZooKeeper" Database Tcp [2181];
    /// Aerospike.
    aerospike "aerospike" "Aerospike" Database Tcp [3000];
    /// Firebird: op_connect.
    firebird "firebird" "Firebird" Database Tcp [3050];
    /// Apache Pulsar: the connect command.
    pulsar "pulsar" "Apache Pulsar" Rpc Tcp [6650];
    /// Neo4j's Bolt.
    bolt "bolt" "Bolt (Neo4j)" Database Tcp [7687];
    /// Z39.50 of libraries: how a session begins.
    z3950 "z3950" "Z39.50" Database Tcp [210];
    /// Elasticsearch's transport between nodes.
    elasticsearch "elasticsearch" "Elasticsearch" Database Tcp [9300];
}

fn stomp(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.starts_with(b"CONNECT\n")
        || data.starts_with(b"STOMP\n")
        || data.starts_with(b"CONNECTED\n")
    {
        return certain_if(
            [
                &b"accept-version:"[..],
                b"login:",
                b"version:",
                b"session:",
                b"heart-beat:",
                b"host:",
            ]
            .iter()
            .any(|header| contains(data, header, 512)),
        );
    }
    starts_any(data, &[b"CONNECT\n", b"STOMP\n", b"CONNECTED\n"]).min(Guess::More)
}

fn zeromq(probe: &Probe<'_>) -> Guess {
    match probe.data {
        // Signature, then version 1 (2.0) or 3 with a mechanism's name.
        [0xff, 0, 0, 0, 0, 0, 0, 0, _, 0x7f, rest @ ..] => match rest.first() {
            Some(1 | 3) | None => Guess::Certain,
            Some(_) => Guess::No,
        },
        [0xff, rest @ ..] if rest.len() < 9 && rest.iter().take(7).all(|&b| b == 0) => Guess::More,
        [] => Guess::More,
        _ => Guess::No,
    }
}

fn gearman(probe: &Probe<'_>) -> Guess {
    match starts_any(probe.data, &[b"\0REQ", b"\0RES"]) {
        Guess::Certain if probe.data.len() < 8 => Guess::More,
        Guess::Certain => {
            certain_if(u32_at(probe.data, 4).is_some_and(|kind| (1..=42).contains(&kind)))
        }
        other => other,
    }
}

fn beanstalk(probe: &Probe<'_>) -> Guess {
    let Some((line, _)) = crate::app::text::line(probe.data) else {
        return match probe.data.first() {
            Some(b'p' | b'r' | b'u' | b'w' | b'l' | b's') if probe.data.len() < 200 => Guess::More,
            _ => Guess::No,
        };
    };
    certain_if(
        matches!(
            line,
            b"list-tubes" | b"list-tubes-watched" | b"list-tube-used" | b"reserve"
        ) || line.starts_with(b"reserve-with-timeout ")
            || line.starts_with(b"stats-tube ")
            || line.starts_with(b"stats-job "),
    )
}

fn tarantool(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"Tarantool ")
}

fn rethinkdb(probe: &Probe<'_>) -> Guess {
    match u32_le_at(probe.data, 0) {
        Some(0x3f61_ba36 | 0x723a_ffdf | 0x5f75_e83e | 0x400c_2d20 | 0x34c2_bdc3) => Guess::Certain,
        None => Guess::More,
        _ => Guess::No,
    }
}

/// Packet 0, the client's name with its length, version.
fn clickhouse(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [0, length, name @ ..] if (10..=40).contains(length) => {
            if name.len() < 10 {
                return if b"ClickHouse".starts_with(name) {
                    Guess::More
                } else {
                    Guess::No
                };
            }
            certain_if(name.starts_with(b"ClickHouse"))
        }
        [] | [0] => Guess::More,
        _ => Guess::No,
    }
}

/// Version 1, the sender's number, the length of its address and the address, filled up with NUL.
fn raft(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut reader = Reader::new(data);
    let Some(version) = reader.u64_le() else {
        return if data.is_empty() || b"\x01\0\0\0\0\0\0\0".starts_with(data) {
            Guess::More
        } else {
            Guess::No
        };
    };
    if version != 1 {
        return Guess::No;
    }
    let is = (|| {
        let number = reader.u64_le()?;
        let length = reader.u64_le()?;
        if number == 0 || length % 8 != 0 || !(8..=64).contains(&length) {
            return Some(false);
        }
        let address = reader.take(length as usize)?;
        let text = crate::app::support::until_nul(address);
        Some(
            text.contains(&b':')
                && text
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(byte))
                && address[text.len()..].iter().all(|&byte| byte == 0),
        )
    })();
    is.map_or(Guess::More, certain_if)
}

/// Length, 0xd0, kind, correlation, length of what is inside (six less), code point.
fn drda(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let (Some(length), Some(inner)) = (u16_at(data, 0), u16_at(data, 6)) else {
        return match data.get(2) {
            None | Some(0xd0) => Guess::More,
            _ => Guess::No,
        };
    };
    certain_if(
        data[2] == 0xd0
            && data[3] & 0x0f <= 5
            && length == inner.wrapping_add(6)
            && length >= 10
            // Exchange of attributes, security check, access.
            && matches!(u16_at(data, 8), Some(0x1041 | 0x1443 | 0x106d | 0x106e | 0x2001 | 0x14ac | 0x1219)),
    )
}

/// Memcached's binary header with an operation that only Couchbase has, or its hello.
fn couchbase(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 24 {
        return match data.first() {
            None | Some(0x80 | 0x81) => Guess::More,
            _ => Guess::No,
        };
    }
    let key = u32::from(u16_at(data, 2).unwrap_or(0));
    let extras = u32::from(data[4]);
    let body = u32_at(data, 8).unwrap_or(u32::MAX);
    certain_if(
        matches!(data[0], 0x80 | 0x81)
            // Hello, SASL, errors, bucket, cluster's configuration.
            && matches!(data[1], 0x1f..=0x22 | 0x89 | 0xb5 | 0xfe)
            && key + extras <= body
            && body < 1 << 16
            && data.len() == 24 + body as usize,
    )
}

fn zookeeper(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    // Connect: length 44 or 45, version 0, last transaction, time-out, session, password of 16.
    if data.len() < 44 {
        return match data {
            [] | [0, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(
        matches!(u32_at(data, 0), Some(44 | 45))
            && u32_at(data, 4) == Some(0)
            && u32_at(data, 16).is_some_and(|time| (100..=600_000).contains(&time))
            && u32_at(data, 28) == Some(16),
    )
}

/// Version 2, type 1 (information) or 3 (message), length (6).
fn aerospike(probe: &Probe<'_>) -> Guess {
    match probe.data {
        [2, 1, 0, 0, _, _, _, _, rest @ ..] => certain_if(
            [
                &b"node\n"[..],
                b"build\n",
                b"features\n",
                b"services\n",
                b"partition",
                b"cluster-",
            ]
            .iter()
            .any(|word| contains(rest, word, 256)),
        ),
        [2, 1, ..] | [2] | [] => Guess::More,
        _ => Guess::No,
    }
}

fn firebird(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match u32_at(data, 0) {
        // Connect, then attach (19), connect version 2 or 3, architecture.
        Some(1) if data.len() < 16 => Guess::More,
        Some(1) => certain_if(
            u32_at(data, 4) == Some(19)
                && matches!(u32_at(data, 8), Some(2 | 3))
                && u32_at(data, 12).is_some_and(|kind| kind <= 64),
        ),
        None => Guess::More,
        _ => Guess::No,
    }
}

/// Length, length of the command, then field 1 with the type CONNECT (2).
fn pulsar(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    if data.len() < 12 {
        return match data {
            [] | [0, ..] => Guess::More,
            _ => Guess::No,
        };
    }
    certain_if(
        u32_at(data, 0).is_some_and(|all| {
            Some(all) == u32_at(data, 4).and_then(|inner| inner.checked_add(4)) && all < 8192
        }) && data.get(8..11) == Some(b"\x08\x02\x12"),
    )
}

fn bolt(probe: &Probe<'_>) -> Guess {
    starts(probe.data, b"\x60\x60\xb0\x17")
}

fn elasticsearch(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    match starts(data, b"ES\0\0") {
        Guess::Certain if data.len() < 19 => Guess::More,
        // Length, request, status, version (4).
        Guess::Certain => certain_if(data[14] & 0xe0 == 0 && data[15] == 0),
        other => other,
    }
}

/// An InitializeRequest (20) or its answer (21) of BER: version (3), options (4), sizes (5, 6), in
/// this order, behind a number of its own (2).
fn z3950(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let mut reader = Reader::new(data);
    match reader.u8() {
        None => return Guess::More,
        Some(0xb4 | 0xb5) => {}
        Some(_) => return Guess::No,
    }
    let length = match reader.u8() {
        None => return Guess::More,
        Some(0x81) => reader.u8().map(usize::from),
        Some(0x82) => reader.u16().map(usize::from),
        Some(short @ 0x10..=0x7f) => Some(short.into()),
        Some(_) => return Guess::No,
    };
    let Some(length) = length.filter(|&length| length < 4096) else {
        return Guess::No;
    };
    let Some(body) = reader.rest().get(..length) else {
        return Guess::More;
    };
    let mut reader = Reader::new(body);
    let mut tags = [0_u8; 4];
    let mut at = 0;
    while at < tags.len() {
        let (Some(tag), Some(value)) = (reader.u8(), reader.bytes8()) else {
            return Guess::No;
        };
        // The number of its own is up to the client.
        if at == 0 && tag == 0x82 {
            continue;
        }
        if value.len() > 4 {
            return Guess::No;
        }
        tags[at] = tag;
        at += 1;
    }
    certain_if(tags == [0x83, 0x84, 0x85, 0x86])
}

#[cfg(test)]
pub(super) mod tests {
    use crate::app::signatures::tests::{Sample, tcp};

    pub(in crate::app::signatures) fn samples() -> Vec<Sample> {
        vec![
            tcp(
                "stomp",
                "'CONNECT' 0a 'accept-version:1.2' 0a 'host:x' 0a 0a 00",
            ),
            tcp("z3950", "b4 10 8302 00e0 8402 e9a2 8502 0400 8602 0400"),
            tcp("zeromq", "ff 00000000 00000001 7f 03 00 'NULL' 00"),
            tcp("gearman", "00 'REQ' 00000001 00000002 'wc'"),
            tcp("beanstalk", "'reserve-with-timeout 5' 0d0a"),
            tcp("tarantool", "'Tarantool 2.10.0 (Binary) 01-23' 0a"),
            tcp("rethinkdb", "c3bdc234 00000000"),
            tcp("clickhouse", "00 11 'ClickHouse client' 14 08 b2a703"),
            tcp(
                "raft",
                "0100000000000000 0100000000000000 1000000000000000 '127.0.0.1:9001' 0000",
            ),
            tcp("drda", "0010 d0 41 0001 000a 1041 0006 115e 0001"),
            tcp(
                "couchbase",
                "80 20 0000 00 00 0000 00000000 00000000 0000000000000000",
            ),
            tcp(
                "zookeeper",
                "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 00",
            ),
            tcp("aerospike", "02 01 000000000006 'build' 0a"),
            tcp("firebird", "00000001 00000013 00000002 0000001d"),
            tcp(
                "pulsar",
                "00000014 00000010 08 02 12 0c 0a 05 '2.8.0' 20 0d 2a 00",
            ),
            tcp("bolt", "6060b017 00000104 00000004 00000003 00000000"),
            tcp(
                "elasticsearch",
                "'ES' 00000022 0000000000000001 08 0061d70c 00000000",
            ),
        ]
    }
}
