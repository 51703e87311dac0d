//! HTTP, mail, files, terminals: what people use.

use crate::app::Detector;

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[];
