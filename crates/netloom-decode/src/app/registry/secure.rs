//! TLS, DTLS, QUIC.

use crate::app::{Detector, dtls, quic, tls};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[&tls::DETECTOR, &quic::DETECTOR, &dtls::DETECTOR];
