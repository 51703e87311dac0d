//! HTTP, mail, files, terminals: what people use.

use crate::app::{Detector, h2, http};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[&http::DETECTOR, &h2::DETECTOR];
