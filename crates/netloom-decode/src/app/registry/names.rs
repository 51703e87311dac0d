//! DNS and its relatives, DHCP, and what else names hosts.

use crate::app::Detector;

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[];
