//! Packets to bidirectional flows: no threads, no clock, no I/O.
//!
//! A [`FlowTable`] takes decoded packets in order and gives [`FlowRecord`]s when flows end: by
//! timeouts on packet time, by TCP's own end, by eviction under the memory cap, or at the end
//! of the capture. What a flow is depends on the [`FlowRules`]; the columns of a record are
//! documented on [`FlowRecord`]. Fragments and tunnels are the caller's: it says what a
//! fragment belongs to ([`FlowPacket::decoded`]), and under Zeek's rules passes the
//! [`outer_flows`] of a packet beside the packet.
//!
//! ```
//! use netloom_decode::{DecodeOptions, decode};
//! use netloom_flow::{FlowConfig, FlowPacket, FlowRules, FlowTable};
//! use netloom_packet::{LinkType, Packet, Timestamp};
//!
//! // A UDP datagram of two bytes from 192.0.2.1:4000 to 192.0.2.2:53.
//! let data = [
//!     0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
//!     0x0f, 0xa0, 0, 53, 0, 10, 0, 0, 1, 2,
//! ];
//! let packet = Packet {
//!     number: 1,
//!     timestamp: Timestamp::from_nanos(0),
//!     link_type: LinkType::RAW,
//!     interface: 0,
//!     wire_len: 30,
//!     data: &data,
//! };
//! let rules = FlowRules::Native;
//! let decoded = decode(&packet, DecodeOptions { tunnels: rules.tunnels() });
//!
//! let mut table = FlowTable::new(&FlowConfig::new(rules));
//! let mut closed = Vec::new();
//! let ingested = table.ingest(&FlowPacket::new(&packet, &decoded), &mut closed);
//! assert!(ingested.is_some_and(|flow| flow.is_new && flow.from_src));
//!
//! table.finish(1, &mut closed);
//! assert_eq!(closed[0].dst_port, Some(53));
//! assert_eq!(closed[0].fwd.payload_bytes, 2);
//! ```

pub mod app;
mod community_id;
mod config;
pub mod features;
mod flow;
mod icmp;
mod key;
mod limits;
mod lists;
pub mod name;
mod nfstream;
mod outer;
mod ports;
mod record;
mod server;
mod slab;
mod table;
mod tcp;
mod timeouts;

pub use community_id::community_id;
pub use config::{FlowConfig, FlowRules};
pub use key::{FlowId, FlowIdentity, FlowKey, SHARDS, flow_id, shard_of};
pub use limits::{AnalyzerLimits, PortAnalyzer};
pub use nfstream::{NfstreamView, nfstream_view};
pub use outer::{OuterFlow, further_flows, outer_flows};
pub use record::{ConnState, EndReason, FlowOwner, FlowRecord, Side};
pub use table::{FlowPacket, FlowTable, Ingested, KnownFlow, TableStats};
pub use tcp::{Delivered, StreamAssembler};
