//! Every signature knows its own samples, and none knows another's.

use proptest::prelude::*;

use super::{DETECTORS, contains, starts};
use crate::app::trial::probe;
use crate::app::{Guess, Probe, detectors};

/// First bytes of a flow, made by hand after the protocols' descriptions.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) tcp: bool,
    pub(super) server_port: u16,
    pub(super) data: Vec<u8>,
    pub(super) other: Vec<u8>,
    pub(super) previous: Vec<u8>,
}

/// Bytes from text: `"text"` in single quotes as it is, else hexadecimal digits.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part
            .bytes()
            .filter_map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8))
            .collect();
        out.extend(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    out
}

/// A sample over TCP on no port of note.
pub(super) fn tcp(name: &'static str, data: &str) -> Sample {
    Sample {
        name,
        tcp: true,
        server_port: 40_001,
        data: bytes(data),
        other: Vec::new(),
        previous: Vec::new(),
    }
}

/// A sample over UDP on no port of note.
pub(super) fn udp(name: &'static str, data: &str) -> Sample {
    Sample {
        tcp: false,
        ..tcp(name, data)
    }
}

impl Sample {
    /// On this port of the server.
    pub(super) fn port(self, server_port: u16) -> Self {
        Self {
            server_port,
            ..self
        }
    }

    /// With what came the other way.
    pub(super) fn other(self, other: &str) -> Self {
        Self {
            other: bytes(other),
            ..self
        }
    }

    /// With what came before it the same way.
    pub(super) fn previous(self, previous: &str) -> Self {
        Self {
            previous: bytes(previous),
            ..self
        }
    }

    fn probe(&self) -> Probe<'_> {
        Probe {
            other: &self.other,
            previous: &self.previous,
            ..probe(&self.data, self.tcp, true, (40_000, self.server_port))
        }
    }
}

fn samples() -> Vec<Sample> {
    let mut all = Vec::new();
    all.extend(super::chat::tests::samples());
    all.extend(super::databases::tests::samples());
    all.extend(super::devices::tests::samples());
    all.extend(super::fieldbus::tests::samples());
    all.extend(super::games::tests::samples());
    all.extend(super::industry::tests::samples());
    all.extend(super::media::tests::samples());
    all.extend(super::monitoring::tests::samples());
    all.extend(super::peers::tests::samples());
    all.extend(super::private::tests::samples());
    all.extend(super::remote::tests::samples());
    all.extend(super::routing::tests::samples());
    all.extend(super::rpc::tests::samples());
    all.extend(super::storage::tests::samples());
    all.extend(super::titles::tests::samples());
    all
}

/// Protocols that are written in another one: the one asked first (on its own ports) is told.
const DIALECTS: &[(&str, &str)] = &[
    ("couchbase", "memcached"),
    ("yeelight", "ssdp"),
    ("shoutcast", "http"),
];

#[test]
fn each_signature_knows_its_own_and_no_other() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let probe = sample.probe();
        let certain: Vec<&str> = detectors()
            .iter()
            .filter(|detector| detector.over.contains(sample.tcp))
            .filter(|detector| (detector.probe)(&probe) == Guess::Certain)
            .map(|detector| detector.protocol.name)
            .filter(|name| !DIALECTS.contains(&(sample.name, name)))
            .collect();
        if certain != [sample.name] {
            wrong.push(format!("{} {certain:?} {:02x?}", sample.name, sample.data));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_signature_has_a_sample() {
    let samples = samples();
    let without: Vec<&str> = DETECTORS
        .iter()
        .map(|detector| detector.protocol.name)
        .filter(|name| !samples.iter().any(|sample| sample.name == *name))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = DETECTORS
        .iter()
        .map(|detector| detector.protocol.name)
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

fn ask_all(data: &[u8], other: &[u8], previous: &[u8], port: u16) -> Vec<&'static str> {
    let mut certain = Vec::new();
    for tcp in [false, true] {
        for from_client in [false, true] {
            let probe = Probe {
                other,
                previous,
                ..probe(data, tcp, from_client, (50_001, port))
            };
            for detector in DETECTORS {
                if detector.over.contains(tcp) && (detector.probe)(&probe) == Guess::Certain {
                    certain.push(detector.protocol.name);
                }
            }
        }
    }
    certain
}

proptest! {
    #[test]
    fn compared_as_byte_by_byte(data in "[ab]{0,12}", what in "[ab]{1,4}", within in 0_usize..14) {
        let (data, what) = (data.as_bytes(), what.as_bytes());
        let searched = data.get(..within).unwrap_or(data);
        let slow = searched.windows(what.len()).any(|window| window == what);
        prop_assert_eq!(contains(data, what, within), slow);
        let guess = match data.iter().zip(what).all(|(byte, wanted)| byte == wanted) {
            true if data.len() >= what.len() => Guess::Certain,
            true => Guess::More,
            false => Guess::No,
        };
        prop_assert_eq!(starts(data, what), guess);
    }

    #[test]
    fn nothing_panics(data: Vec<u8>, other: Vec<u8>, previous: Vec<u8>, port: u16) {
        ask_all(&data, &other, &previous, port);
    }

    #[test]
    fn cut_samples_do_not_panic(index: usize, at: usize, change: u8, keep: usize) {
        let samples = samples();
        let sample = &samples[index % samples.len()];
        let mut data = sample.data.clone();
        let at = at % data.len();
        data[at] ^= change;
        data.truncate(keep % (data.len() + 1));
        ask_all(&data, &sample.other, &data, sample.server_port);
    }
}

/// Random payloads, most of them of the lengths that signatures ask for: none is taken for
/// anything.
#[test]
fn random_payloads_are_nothing() {
    // A linear congruential generator (Knuth, MMIX): the same payloads each time.
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut wrong = Vec::new();
    for round in 0..20_000_usize {
        let data: Vec<u8> = (0..round % 160).map(|_| next()).collect();
        let other: Vec<u8> = (0..round % 97).map(|_| next()).collect();
        wrong.extend(ask_all(&data, &other, &data, 40_001));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
