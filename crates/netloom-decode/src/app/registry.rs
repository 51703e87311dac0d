//! All detectors, in the order in which they are asked.

mod infrastructure;
mod names;
mod secure;
mod services;
mod signatures;
mod web;

use std::sync::LazyLock;

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

/// The protocol of this name, where a detector knows it.
pub fn by_name(name: &str) -> Option<&'static Protocol> {
    DETECTORS
        .iter()
        .map(|detector| detector.protocol)
        .find(|protocol| protocol.name == name)
}
