//! DNS and its relatives, DHCP, and what else names hosts.

use crate::app::{Detector, dns};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[
    &dns::NBNS_DETECTOR,
    &dns::MDNS_DETECTOR,
    &dns::LLMNR_DETECTOR,
    &dns::DETECTOR,
];
