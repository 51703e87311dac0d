//! What shards held back, in order and cut into parts.

use netloom_flow::FlowRecord;
use netloom_flow::app::AppRecord;

/// Rows of a table of records that wait until they are made.
const WAITING_ROWS: usize = 4096;
/// Rows of those that a thread makes at once: there is something to do for each.
const CHUNK_ROWS: usize = 512;

/// A flow that has ended, and the packet that ended it: what it is sorted by is beside where it
/// lies, which another core may have in its cache. In a box, as it is sorted and cut, and hundreds of
/// bytes.
pub(super) struct Closed {
    pub(super) by: u64,
    pub(super) flow: Box<FlowRecord>,
}

/// In the order of the packets that ended them, then by `flow_id`, which is worked out only for those
/// that one packet ended.
pub(super) fn sort_flows(closed: &mut [Closed]) {
    closed.sort_unstable_by(|one, other| {
        let by_packet = one.by.cmp(&other.by);
        by_packet.then_with(|| one.flow.flow_id().cmp(&other.flow.flow_id()))
    });
}

/// In the order of their packets, then by `flow_id`; those of one packet of one flow keep theirs.
pub(super) fn sort_records(records: &mut [AppRecord]) {
    records.sort_by(|one, other| {
        let by_packet = one.number.cmp(&other.number);
        by_packet.then_with(|| one.flow_id().cmp(&other.flow_id()))
    });
}

/// Takes chunks off the front.
pub(super) fn cut<R>(records: &mut Vec<R>, all: bool, mut take: impl FnMut(Vec<R>)) {
    let len = records.len();
    let taken = if all { len } else { len - len % WAITING_ROWS };
    let mut taken = records.drain(..taken);
    while taken.len() > 0 {
        take(taken.by_ref().take(CHUNK_ROWS).collect());
    }
}
