//! Tunnels, private networks, peer to peer, time, management.

use crate::app::{Detector, bittorrent, ike, mining, openvpn};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[
    &bittorrent::DETECTOR,
    &mining::DETECTOR,
    &openvpn::DETECTOR,
    &ike::DETECTOR,
];
