//! Packets to bidirectional flows: no threads, no clock.
//!
//! A [`FlowTable`] takes decoded packets in order and gives [`FlowRecord`]s when flows end: by
//! timeouts on packet time, by TCP's own end, by eviction under the memory cap, or at the end
//! of the capture. What a flow is depends on the [`FlowRules`]; the columns of a record are
//! documented on [`FlowRecord`].

mod community_id;
mod config;
mod flow;
mod icmp;
mod key;
mod lists;
mod outer;
mod ports;
mod record;
mod slab;
mod table;
mod tcp;
mod timeouts;

pub use community_id::community_id;
pub use config::{FlowConfig, FlowRules};
pub use key::{FlowId, FlowKey, SHARDS, flow_id, shard_of};
pub use outer::{OuterFlow, outer_flows};
pub use record::{ConnState, EndReason, FlowRecord, Side};
pub use table::{FlowPacket, FlowTable, Ingested, TableStats};
pub use tcp::{Delivered, StreamAssembler};
