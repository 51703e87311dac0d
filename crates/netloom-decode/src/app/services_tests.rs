//! All services together: any bytes do no harm, and none takes another's beginning for its own.

use proptest::prelude::*;

use super::trial::{Said, datagrams, probe, streams};
use super::{Guess, STREAM_MAX, detectors};

/// Beginnings of each protocol, so that random bytes get past the probes: name, whether TCP,
/// whether of the client, bytes.
const SEEDS: &[(&str, bool, bool, &[u8])] = &[
    ("smb", true, true, b"\0\0\0\x45\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("smb", true, true, b"\0\0\0\x45\xffSMB\x73\0\0\0\0\x18\x07\xc8\0\0\0\0\0\0\0\0"),
    ("mqtt", true, true, b"\x10\x12\x00\x04MQTT\x05\xc6\x00\x3c\x03\x21\x00\x14\x00\x02id"),
    ("dce_rpc", true, true, b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0\xd0\x16\xd0\x16\0\0\0\0\x01"),
    ("mysql", true, false, b"\x1b\0\0\0\x0a5.7.1\0\x07\0\0\0saltsalt\0\xff\xf7"),
    ("postgresql", true, true, b"\0\0\0\x20\0\x03\0\0user\0ann\0database\0shop\0\0"),
    ("redis", true, true, b"*2\r\n$4\r\nAUTH\r\n$4\r\nhush\r\n"),
    ("mongodb", true, true, b"\x30\0\0\0\x07\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1b\0\0\0\x02find\0\x06\0\0\0users\0"),
    ("cassandra", true, true, b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0"),
    ("mssql", true, true, b"\x12\x01\0\x1a\0\0\0\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x0f\0\x07\xd0\0\0\x02"),
    ("oracle", true, true, b"\0\x46\0\0\x01\0\0\0\x01\x3b\x01\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\x0c\0\x3a\0\0\0\0\0\0"),
    ("memcached", true, true, b"set key 0 60 5\r\nhello\r\n"),
    ("ldap", true, true, b"\x30\x16\x02\x01\x01\x60\x11\x02\x01\x03\x04\x06cn=ann\x80\x04hush"),
    ("kerberos", false, true, b"\x6a\x81\x20\x30\x81\x1d\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4\x11\x30\x0f"),
    ("radius", false, true, b"\x01\x07\0\x1f\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x01\x05ann\x04\x06\xc0\0\x02\x09"),
    ("diameter", true, true, b"\x01\0\0\x34\x80\0\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\x01\x08\x40\0\0\x0eexampl\0\0"),
    ("tacacs", true, true, b"\xc0\x01\x01\x01\x12\x34\x56\x78\0\0\0\x0e\x01\0\x01\x01\x03\x03\0\0anntty"),
    ("amqp", true, true, b"AMQP\0\0\x09\x01\x01\0\0\0\0\0\x0c\0\x0a\0\x0b"),
    ("kafka", true, true, b"\0\0\0\x11\0\x12\0\0\0\0\0\x01\0\x07console"),
    ("nats", true, true, b"CONNECT {\"user\":\"ann\",\"pass\":\"hush\"}\r\nPUB a 5\r\n"),
    ("stun", false, true, b"\0\x01\0\x08\x21\x12\xa4\x42123456789012\x80\x22\0\x04test"),
    ("sip", false, true, b"INVITE sip:bob@example.org SIP/2.0\r\nc: application/sdp\r\n\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP\r\n"),
    ("rtcp", false, true, b"\x80\xc9\0\x01\xde\xad\xbe\xef\x81\xca\0\x03\xde\xad\xbe\xef\x01\x04a@bc\0\0"),
    ("mgcp", false, true, b"CRCX 7 aaln/1@gw.example MGCP 1.0\r\n"),
    ("h323", true, true, b"\x03\0\0\x0b\x08\x02\0\x07\x05\x04\x03"),
    ("iax2", false, true, b"\x80\x01\0\0\0\0\0\x05\0\0\x06\x01\x0b\x02\0\x02\x01\x03100\x06\x03ann"),
    ("sccp", true, true, b"\x24\0\0\0\0\0\0\0\x01\0\0\0SEP001122334455\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("coap", false, true, b"\x41\x01\x12\x34\x99\xb4room\x04temp"),
    ("modbus", true, true, b"\0\x07\0\0\0\x06\x01\x03\0\x64\0\x02"),
    ("dnp3", true, true, b"\x05\x64\x05\xc0\x01\0\0\x04\xe9\x21"),
    ("s7comm", true, true, b"\x03\0\0\x19\x02\xf0\x80\x32\x01\0\0\0\x05\0\x08\0\0\xf0\0\0\x01\0\x01\x01\xe0"),
    ("enip", true, true, b"\x65\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0"),
    ("iec104", true, true, b"\x68\x04\x07\0\0\0"),
    ("bacnet", false, true, b"\x81\x0b\0\x0e\x01\0\x10\0\xc4\x02\0\0\x05\x22"),
    ("opcua", true, true, b"HELF\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("knx", false, true, b"\x06\x10\x02\x01\0\x0e\x08\x01\xc0\0\x02\x09\x0e\x57"),
    ("hislip", true, true, b"HS\0\0\x01\0ZZ\0\0\0\0\0\0\0\x07hislip0"),
    ("rpc", false, true, b"\0\0\0\x07\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\0\0\x14"),
    ("giop", true, true, b"GIOP\x01\x00\x01\0\x20\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x04\0\0\0key!\x05\0\0\0echo"),
    ("someip", false, true, b"\x12\x34\0\x01\0\0\0\x09\0\x07\0\x01\x01\x01\0\0\x05"),
    ("dlep", false, true, b"DLEP\0\x01\0\x09\0\x04\0\x05\0unit"),
    ("rtps", false, true, b"RTPS\x02\x03\x01\x0fguidprefix12"),
    ("pfcp", false, true, b"\x20\x05\0\x0d\0\0\x07\0\0\x3c\0\x05\0\xc0\0\x02\x09"),
];

#[test]
fn each_beginning_is_taken_by_its_own_protocol() {
    for (name, tcp, from_client, data) in SEEDS {
        let taken: Vec<_> = detectors()
            .iter()
            .filter(|detector| detector.over.contains(*tcp))
            .filter(|detector| {
                let probe = probe(data, *tcp, *from_client, (40_000, 40_001));
                (detector.probe)(&probe) == Guess::Certain
            })
            .map(|detector| detector.protocol.name)
            .collect();
        assert_eq!(taken, [*name], "{}", data.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_do_no_harm(
        seed in 0..SEEDS.len(),
        changes in prop::collection::vec((0_usize..96, any::<u8>()), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..300),
        answer in prop::collection::vec(any::<u8>(), 0..120),
        cut in 1_usize..40,
    ) {
        let (name, tcp, from_client, seed) = SEEDS[seed];
        let mut data = seed.to_vec();
        data.extend(&tail);
        data.extend(seed);
        for (at, byte) in changes {
            if let Some(place) = data.get_mut(at) {
                *place = byte;
            }
        }
        for detector in detectors() {
            for tcp in [true, false] {
                let _ = (detector.probe)(&probe(&data, tcp, from_client, (40_000, 40_001)));
                let mut cut_off = probe(&data, tcp, from_client, (40_000, 40_001));
                cut_off.wire_len += 9;
                cut_off.other = &answer;
                cut_off.previous = &tail;
                let _ = (detector.probe)(&cut_off);
            }
            if detector.protocol.name != name {
                continue;
            }
            let Some(new) = detector.parser else { continue };
            let mut parser = new();
            let mut said = Said::default();
            if tcp {
                let pieces = data.chunks(cut).map(|piece| (from_client, piece));
                let answers = [(!from_client, &answer[..])];
                streams(parser.as_mut(), pieces.chain(answers), &mut said);
            } else {
                let answers = [(from_client, &data[..]), (!from_client, &answer), (from_client, &tail)];
                datagrams(parser.as_mut(), answers, &mut said);
            }
            prop_assert!(parser.heap_bytes() <= 4 * STREAM_MAX);
        }
    }

    /// A message, or a piece of one, again and again: what is said of it is in proportion to it.
    #[test]
    fn much_is_not_made_of_little(
        seed in 0..SEEDS.len(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..6),
        times in 1_usize..400,
        changes in prop::collection::vec((0_usize..96, any::<u8>()), 0..4),
        answered: bool,
    ) {
        let (name, tcp, from_client, seed) = SEEDS[seed];
        let mut unit = seed.get(from.index(seed.len())..=to.index(seed.len())).unwrap_or(seed).to_vec();
        unit.extend(noise);
        let mut data = [seed, &unit.repeat(times)].concat();
        for (at, byte) in changes {
            if let Some(place) = data.get_mut(at) {
                *place = byte;
            }
        }
        let detector = detectors().iter().find(|known| known.protocol.name == name);
        let Some(new) = detector.and_then(|detector| detector.parser) else {
            return Ok(());
        };
        let mut parser = new();
        let mut said = Said::default();
        let pieces: Vec<(bool, &[u8])> = if tcp {
            data.chunks(1400).map(|piece| (from_client, piece)).collect()
        } else {
            vec![(from_client, &data), (!from_client && answered, &data), (from_client, &unit)]
        };
        if tcp {
            streams(parser.as_mut(), pieces.iter().copied(), &mut said);
        } else {
            datagrams(parser.as_mut(), pieces.iter().copied(), &mut said);
        }
        let fed: usize = pieces.iter().map(|(_, piece)| piece.len()).sum();
        let told: usize = said.0.iter().map(String::len).sum();
        prop_assert!(told <= 64 * fed + 4096, "{}: {} bytes of {}", name, told, fed);
    }

    #[test]
    fn noise_is_nothing(data in prop::collection::vec(any::<u8>(), 1..200)) {
        for detector in detectors() {
            for tcp in [true, false] {
                if detector.over.contains(tcp) {
                    let guess = (detector.probe)(&probe(&data, tcp, true, (40_000, 40_001)));
                    prop_assert_ne!(guess, Guess::Certain, "{}", detector.protocol.name);
                }
            }
        }
    }
}
