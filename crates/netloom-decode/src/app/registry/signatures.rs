//! Protocols that are recognised by their first bytes and not read further.

use crate::app::{Detector, signatures};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &signatures::DETECTORS;
