//! The network layer: IPv4, IPv6 with its extension headers, ARP, fragments.

pub mod arp;
pub(crate) mod extension;
pub mod fragment;
pub(crate) mod ipv4;
pub(crate) mod ipv6;

use crate::decoded::{Layer, StopKind};
use crate::walk::{Next, Walk};

/// An IP header whose version nibble says which it is.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    let Some([first]) = walk.peek::<1>() else {
        return walk.short(Layer::Ipv4, 20);
    };
    match first >> 4 {
        4 => Next::Ipv4,
        6 => Next::Ipv6,
        version => walk.stop(Layer::Ipv4, StopKind::BadVersion, usize::from(version), 4),
    }
}

#[cfg(test)]
pub(crate) mod tests;
