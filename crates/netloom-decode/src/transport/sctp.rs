//! SCTP (RFC 9260): common header; the payload begins with the first chunk.

use crate::decoded::{Layer, Transport};
use crate::walk::{Next, Walk};

const HEADER_LEN: usize = 12;

/// Type of the first chunk (RFC 9260 section 3.2: 0 DATA, 1 INIT, 2 INIT ACK, …) of an SCTP
/// packet's payload; `None` where there is none.
pub fn first_chunk_type(payload: &[u8]) -> Option<u8> {
    payload.first_chunk::<4>().map(|chunk| chunk[0])
}

/// Reads the common header.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    super::udp::ports_if_there(walk);
    let Some(&[_, _, _, _, a, b, c, d, ..]) = walk.peek::<HEADER_LEN>() else {
        return walk.short(Layer::Sctp, HEADER_LEN);
    };
    walk.out.transport = Transport::Sctp(u32::from_be_bytes([a, b, c, d]));
    walk.out.last_layer = Layer::Sctp;
    walk.payload_after(HEADER_LEN);
    Next::Done
}
