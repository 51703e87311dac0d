//! All detectors, in the order in which they are asked.

mod infrastructure;
mod names;
mod secure;
mod services;
mod signatures;
mod web;

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::{Detector, Protocol};

/// The groups; those with the surest probes and the most traffic come first.
const GROUPS: [&[&Detector]; 6] = [
    secure::DETECTORS,
    names::DETECTORS,
    web::DETECTORS,
    services::DETECTORS,
    infrastructure::DETECTORS,
    signatures::DETECTORS,
];

/// All detectors.
static DETECTORS: LazyLock<Vec<&'static Detector>> = LazyLock::new(|| GROUPS.concat());

/// All detectors, in the order in which they are asked: the first certain one stands.
pub fn detectors() -> &'static [&'static Detector] {
    &DETECTORS
}

/// Protocols by name.
static NAMES: LazyLock<HashMap<&'static str, &'static Protocol>> = LazyLock::new(|| {
    let protocols = DETECTORS.iter().map(|detector| detector.protocol);
    protocols
        .map(|protocol| (protocol.name, protocol))
        .collect()
});

/// The protocol of this name, where a detector knows it.
pub fn by_name(name: &str) -> Option<&'static Protocol> {
    NAMES.get(name).copied()
}

/// Ports by protocol name: over UDP, over TCP.
/// Hashed the fast way: the names are our own, and every flow that ends is looked up.
type Ports = HashMap<&'static str, [Vec<u16>; 2], FixedState>;

static PORTS: LazyLock<Ports> = LazyLock::new(|| {
    let mut map = Ports::default();
    for detector in detectors() {
        let ports = map.entry(detector.protocol.name).or_default();
        for tcp in [false, true] {
            if detector.over.contains(tcp) {
                ports[usize::from(tcp)].extend(detector.ports);
            }
        }
    }
    map
});

/// The ports of a protocol's own over TCP (else UDP): those of all its detectors.
pub fn ports(protocol: &Protocol, tcp: bool) -> &'static [u16] {
    PORTS
        .get(protocol.name)
        .map_or(&[], |ports| &ports[usize::from(tcp)])
}
