//! The leaf contract of netloom: what a packet is, before anybody has looked inside.
//!
//! A [`Packet`] is bytes with a [`Timestamp`], a [`LinkType`] and the length it had on the
//! wire. Packets travel in [`PacketBatch`]es, which own one block of memory and describe the
//! packets in it by offset, so that a batch crosses threads without a copy. Batches come out
//! of a [`PacketSource`] and go into a [`PacketSink`].
//!
//! This crate does no I/O, reads no clock and decodes nothing.
//!
//! ```
//! use netloom_packet::{LinkType, PacketBatch, Timestamp};
//!
//! let mut batch = PacketBatch::default();
//! batch.push(Timestamp::from_nanos(1_500), LinkType::ETHERNET, 0, 60, &[0; 60]);
//! let packet = batch.get(0).unwrap();
//! assert_eq!(packet.wire_len, 60);
//! assert_eq!(packet.data.len(), 60);
//! ```

mod batch;
mod link_type;
mod mac;
mod source;
mod timestamp;

pub use batch::{Packet, PacketBatch, PacketRef};
pub use link_type::LinkType;
pub use mac::{MacAddr, ParseMacError};
pub use source::{
    CaptureInfo, Interface, NameRecord, PacketSink, PacketSource, Part, Progress, ReadPart,
    SourceError, Warning, WarningKind,
};
pub use timestamp::Timestamp;
