//! TLS, DTLS, QUIC.

use crate::app::{Detector, tls};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[&tls::DETECTOR];
