//! Any bytes through the probes and parsers of databases, directories, file servers, calls and
//! industry: no panic, never more consumed than given, memory bounded.
//!
//! The first bytes choose a detector, the transport, how the rest is cut, and bytes that the
//! capture lacks.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::{
    Context, Detector, Event, Events, Interest, Next, Parser, Probe, STREAM_MAX, detectors,
};
use netloom_packet::Timestamp;

/// The group's protocols.
const NAMES: &[&str] = &[
    "smb",
    "mqtt",
    "dce_rpc",
    "mysql",
    "postgresql",
    "redis",
    "mongodb",
    "cassandra",
    "mssql",
    "oracle",
    "memcached",
    "ldap",
    "kerberos",
    "radius",
    "diameter",
    "tacacs",
    "amqp",
    "kafka",
    "nats",
    "stun",
    "sip",
    "rtcp",
    "rtp",
    "mgcp",
    "h323",
    "iax2",
    "sccp",
    "rpc",
    "giop",
    "rtps",
    "coap",
    "modbus",
    "dnp3",
    "s7comm",
    "enip",
    "iec104",
    "bacnet",
    "opcua",
    "knx",
    "hislip",
    "ptp",
    "someip",
    "dlep",
    "pfcp",
    "lisp",
    "ipsec",
    "openvpn",
];

/// Most that any parser of the group may hold.
const HEAP_MAX: usize = 512 * 1024;

static GROUP: LazyLock<Vec<&'static Detector>> = LazyLock::new(|| {
    detectors()
        .iter()
        .copied()
        .filter(|detector| NAMES.contains(&detector.protocol.name))
        .collect()
});

struct Nobody;

impl Events for Nobody {
    fn wants(&self, _: Interest) -> bool {
        true
    }

    fn event(&mut self, event: Event<'_>) {
        if let Event::Risk { detail, .. } = event {
            assert!(detail.len() <= 200, "evidence is short");
        }
    }
}

const CLIENT: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn context(tcp: bool, from_client: bool, wire_len: usize) -> Context {
    Context {
        timestamp: Timestamp::from_nanos(0),
        number: 1,
        from_client,
        tcp,
        client: CLIENT,
        server: (SERVER, 40_001),
        wire_len,
    }
}

/// Gives a piece to a parser as a flow table would; whether it wants more.
fn stream(
    parser: &mut dyn Parser,
    from_client: bool,
    held: &mut Vec<u8>,
    skip: &mut u64,
    piece: &[u8],
) -> bool {
    let context = context(true, from_client, 0);
    held.extend_from_slice(piece);
    loop {
        let passed = (held.len() as u64).min(*skip);
        held.drain(..passed as usize);
        *skip -= passed;
        if held.is_empty() {
            return true;
        }
        let step = parser.stream(&context, held, &mut Nobody);
        assert!(step.consumed <= held.len(), "consumed more than there is");
        held.drain(..step.consumed);
        match step.next {
            Next::Continue => {
                if step.consumed == 0 {
                    assert!(held.len() <= STREAM_MAX, "waits for what may not be held");
                    return true;
                }
            }
            Next::Skip(count) => *skip = count,
            Next::Quiet | Next::Done | Next::NotThis | Next::Become(_) => return false,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[choice, how, cut], data)) = bytes.split_first_chunk() else {
        return;
    };
    let tcp = how & 1 != 0;
    let more = usize::from(how >> 4);
    for detector in GROUP.iter() {
        for from_client in [true, false] {
            let _ = (detector.probe)(&Probe {
                data,
                other: data.get(usize::from(cut)..).unwrap_or_default(),
                previous: data.get(..usize::from(cut)).unwrap_or_default(),
                wire_len: if tcp { data.len() } else { data.len() + more },
                tcp,
                from_client,
                from_start: how & 2 != 0,
                packets: 1,
                client: CLIENT,
                server: (SERVER, detector.ports.first().copied().unwrap_or(1)),
            });
        }
    }
    let Some(detector) = GROUP.get(usize::from(choice) % GROUP.len()) else {
        return;
    };
    let Some(new) = detector.parser else { return };
    let mut parser = new();
    let (mut held, mut skip) = ([Vec::new(), Vec::new()], [0, 0]);
    let mut from_client = how & 4 != 0;
    for piece in data.chunks(usize::from(cut).max(1)) {
        let side = usize::from(from_client);
        let go_on = if tcp {
            stream(
                parser.as_mut(),
                from_client,
                &mut held[side],
                &mut skip[side],
                piece,
            )
        } else {
            let context = context(false, from_client, piece.len() + more);
            matches!(
                parser.datagram(&context, piece, &mut Nobody),
                Next::Continue | Next::Skip(_) | Next::Quiet
            )
        };
        assert!(parser.heap_bytes() <= HEAP_MAX, "memory is bounded");
        if !go_on {
            break;
        }
        // Pieces of both directions in turn, where the input says so.
        from_client ^= how & 8 != 0;
    }
    parser.finish(&context(tcp, true, 0), &mut Nobody);
});
