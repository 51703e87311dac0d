//! Bytes to layers: pure, zero-copy, no allocation, no panic on any bytes.
//!
//! [`decode`] walks a packet from its link layer to the payload of its transport layer and
//! says what it found in a [`Decoded`]: fixed-size and `Copy`, with offsets into the packet
//! instead of copies. Decoding never fails as a whole: where a packet stops making sense,
//! [`Decoded::stopped`] says at which layer, at which byte and why, and everything in front
//! of it stands.

mod aggregate;
pub mod app;
pub mod checksum;
mod decoded;
mod link;
pub mod net;
pub mod service;
pub mod transport;
mod tunnel;
mod walk;

pub use aggregate::{FurtherDatagrams, further_datagrams};
pub use decoded::{
    DecodeOptions, Decoded, Fragment, Icmp, Ip, Layer, Network, Stop, StopKind, Subframes, Tcp,
    TcpFlags, Transport, Tunnel, TunnelKind, TunnelSet, Tunnels, Vlans,
};
pub use walk::{decode, decode_into, decode_ip};
