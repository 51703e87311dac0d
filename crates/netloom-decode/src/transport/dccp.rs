//! DCCP (RFC 4340).

use crate::decoded::{Layer, StopKind, Transport};
use crate::walk::{Next, Walk};

/// The generic header with short sequence numbers (RFC 4340 section 5.1).
const MIN_HEADER_LEN: usize = 12;

/// Reads the generic header; the data offset says where the payload begins.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    super::udp::ports_if_there(walk);
    let Some(&header) = walk.peek::<MIN_HEADER_LEN>() else {
        return walk.short(Layer::Dccp, MIN_HEADER_LEN);
    };
    walk.out.transport = Transport::Dccp(header[8] >> 1 & 0x0f);
    walk.out.last_layer = Layer::Dccp;
    let extended = header[8] & 1 != 0;
    let least = if extended { 16 } else { MIN_HEADER_LEN };
    let header_len = usize::from(header[4]) * 4;
    let on_wire = walk.wire_end - walk.at;
    if header_len < least {
        walk.stop(Layer::Dccp, StopKind::BadLength, header_len, least);
        walk.payload_after(least);
        return Next::Done;
    }
    if header_len > on_wire {
        walk.stop(Layer::Dccp, StopKind::BadLength, header_len, on_wire);
    } else if header_len > walk.end - walk.at {
        walk.short(Layer::Dccp, header_len);
    }
    walk.payload_after(header_len);
    Next::Done
}
