//! CAPWAP data (RFC 5415 section 4.3): frames between access point and controller.

use super::enter;
use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

const MIN_HEADER_LEN: usize = 8;
/// Wireless binding of IEEE 802.11.
const IEEE802_11: u8 = 1;
const FRAGMENT: u8 = 0x80;
const KEEP_ALIVE: u8 = 0x08;

/// Reads a CAPWAP header; DTLS, keep-alives and fragments are not opened.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[preamble, length, binding, flags, ..]) = walk.peek::<MIN_HEADER_LEN>() else {
        return Next::Done;
    };
    let len = usize::from(length >> 3) * 4;
    if preamble != 0 || len < MIN_HEADER_LEN || flags & (FRAGMENT | KEEP_ALIVE) != 0 {
        return Next::Done;
    }
    let native = binding & 1 != 0;
    if !native {
        if !Rest::after(walk, len).is_ethernet() {
            return Next::Done;
        }
        return enter(
            walk,
            TunnelKind::Capwap,
            0,
            len,
            Next::Link(LinkType::ETHERNET),
        );
    }
    let frame = walk.rest().get(len..).unwrap_or_default();
    let &[first, second, ..] = frame else {
        return Next::Done;
    };
    if binding >> 1 & 0x1f != IEEE802_11 {
        return Next::Done;
    }
    // Version 0 and a data frame, in the order of the standard, or with the two bytes of the
    // frame control field swapped, as Cisco's access points send it.
    if first & 0x0f == 0x08 {
        return enter(
            walk,
            TunnelKind::Capwap,
            0,
            len,
            Next::Link(LinkType::IEEE802_11),
        );
    }
    match swapped_header_len(second, first) {
        Some(header_len) => enter(walk, TunnelKind::Capwap, 0, len + header_len, Next::Llc),
        None => Next::Done,
    }
}

/// Length of the 802.11 header (802.11-2020 section 9.3.2.1) of a data frame that carries
/// something in clear; `None` for any other frame.
fn swapped_header_len(frame_type: u8, flags: u8) -> Option<usize> {
    let no_data = frame_type & 0x40 != 0;
    let is_protected = flags & 0x40 != 0;
    if frame_type & 0x0f != 0x08 || no_data || is_protected {
        return None;
    }
    let fourth_address = if flags & 0x03 == 0x03 { 6 } else { 0 };
    let quality_of_service = if frame_type & 0x80 != 0 { 2 } else { 0 };
    Some(24 + fourth_address + quality_of_service)
}
