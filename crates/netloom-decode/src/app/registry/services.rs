//! Databases, directories, file servers, calls, industry.

use crate::app::Detector;

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[];
