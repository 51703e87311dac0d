//! TZSP: frames that an access point or router has sniffed.

use super::enter;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

const HEADER_LEN: usize = 4;
const TAG_PADDING: u8 = 0;
const TAG_END: u8 = 1;

/// Reads a TZSP header and goes over its tags.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    // Version 1; received packet, or packet to transmit.
    let Some(&[1, 0 | 1, e0, e1]) = walk.peek::<HEADER_LEN>() else {
        return Next::Done;
    };
    let link_type = match u16::from_be_bytes([e0, e1]) {
        1 => LinkType::ETHERNET,
        18 => LinkType::IEEE802_11,
        119 => LinkType::IEEE802_11_PRISM,
        127 => LinkType::IEEE802_11_AVS,
        _ => return Next::Done,
    };
    let rest = walk.rest();
    let mut len = HEADER_LEN;
    loop {
        match rest.get(len..) {
            Some([TAG_END, ..]) => break,
            Some([TAG_PADDING, ..]) => len += 1,
            Some(&[_, tag_len, ..]) => len += 2 + usize::from(tag_len),
            _ => return Next::Done,
        }
    }
    enter(walk, TunnelKind::Tzsp, 0, len + 1, Next::Link(link_type))
}
