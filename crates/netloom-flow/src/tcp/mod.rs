//! TCP connections as Zeek sees them: the states of both endpoints, `conn_state`, `history`,
//! and what goes wrong on the way (loss, reordering, retransmission, closed windows).
//!
//! The states follow Zeek's TCP analysis (version 8), so that `conn_state` means the same.

mod endpoint;
mod expected;
mod history;
mod ranges;
mod reassembly;
mod states;
mod tracker;

pub(crate) use history::scaled;
pub use reassembly::{Delivered, StreamAssembler};
pub(crate) use tracker::{Segment, TcpTracker};
