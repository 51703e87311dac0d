//! The tables, one file each: every column once.

mod flows;
mod packets;
mod text;

pub use flows::{FlowRow, Flows};
pub use packets::{PacketRow, Packets};
pub(crate) use text::some;
