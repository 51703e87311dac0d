//! GTP-U (3GPP TS 29.281): packets of mobile subscribers.

use super::enter;
use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};

const HEADER_LEN: usize = 8;
/// Message type of a packet of a subscriber.
const G_PDU: u8 = 255;
/// An extension header, a sequence number, an N-PDU number: one of them brings four bytes.
const HAS_OPTIONAL: u8 = 0x07;
const HAS_EXTENSION: u8 = 0x04;

/// Reads a GTP-U header; only a G-PDU with an IP packet inside is opened (not echo, error
/// indication and the like; nor Ethernet sessions, which nothing in the header tells apart).
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[flags, G_PDU, _, _, t0, t1, t2, t3]) = walk.peek::<HEADER_LEN>() else {
        return Next::Done;
    };
    // Version 1, protocol type GTP (not GTP').
    if flags >> 4 != 3 {
        return Next::Done;
    }
    let rest = walk.rest();
    let mut len = HEADER_LEN;
    if flags & HAS_OPTIONAL != 0 {
        len += 4;
        let mut next_type = match rest.get(len - 1) {
            Some(&next_type) if flags & HAS_EXTENSION != 0 => next_type,
            _ => 0,
        };
        // Each extension header: length in four bytes, content, type of the next one.
        while next_type != 0 {
            let Some(extension_len @ 1..) = rest.get(len).map(|&words| usize::from(words) * 4)
            else {
                return Next::Done;
            };
            len += extension_len;
            let Some(&following) = rest.get(len - 1) else {
                return Next::Done;
            };
            next_type = following;
        }
    }
    if !Rest::after(walk, len).is_ip() {
        return Next::Done;
    }
    enter(
        walk,
        TunnelKind::GtpU,
        u32::from_be_bytes([t0, t1, t2, t3]),
        len,
        Next::Ip,
    )
}
