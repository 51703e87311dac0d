//! L2TP: version 2 over UDP (RFC 2661), version 3 over IP and UDP (RFC 3931).

use super::enter;
use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

/// A control message.
const CONTROL: u16 = 0x8000;
const HAS_LENGTH: u16 = 0x4000;
const HAS_SEQUENCE: u16 = 0x0800;
const HAS_OFFSET: u16 = 0x0200;
const RESERVED: u16 = 0x34f0;
const VERSION: u16 = 0x000f;

/// L2TP over UDP.
pub(super) fn over_udp(walk: &mut Walk<'_>) -> Next {
    let Some(&[f0, f1]) = walk.peek::<2>() else {
        return Next::Done;
    };
    let flags = u16::from_be_bytes([f0, f1]);
    if flags & CONTROL != 0 {
        return Next::Done;
    }
    match flags & VERSION {
        2 if flags & RESERVED == 0 => version_2(walk, flags),
        // Sixteen reserved bits, then as over IP (section 4.1.2.1).
        3 => version_3(walk, 4),
        _ => Next::Done,
    }
}

/// L2TPv3 over IP; session 0 are control messages (section 4.1.1).
pub(super) fn over_ip(walk: &mut Walk<'_>) -> Next {
    version_3(walk, 0)
}

fn version_2(walk: &mut Walk<'_>, flags: u16) -> Next {
    let rest = walk.rest();
    let ids_at = if flags & HAS_LENGTH != 0 { 4 } else { 2 };
    let Some(&[id0, id1, id2, id3]) = rest.get(ids_at..).and_then(|r| r.first_chunk::<4>()) else {
        return Next::Done;
    };
    let mut len = ids_at + 4;
    if flags & HAS_SEQUENCE != 0 {
        len += 4;
    }
    if flags & HAS_OFFSET != 0 {
        let Some(&[o0, o1]) = rest.get(len..).and_then(|r| r.first_chunk::<2>()) else {
            return Next::Done;
        };
        len += 2 + usize::from(u16::from_be_bytes([o0, o1]));
    }
    let rest = Rest::after(walk, len);
    if !rest.is_ppp() {
        return Next::Done;
    }
    let id = u32::from_be_bytes([id0, id1, id2, id3]);
    enter(
        walk,
        TunnelKind::L2tp,
        id,
        len + rest.ppp_framing_len(),
        Next::Ppp,
    )
}

/// The cookie (0, 4 or 8 bytes) and the sublayer (0 or 4 bytes) are agreed on when the session
/// is set up and nothing in the header tells them, nor what is carried: the first place where
/// an Ethernet frame, IP or PPP makes sense is taken.
fn version_3(walk: &mut Walk<'_>, session_at: usize) -> Next {
    let session = walk
        .rest()
        .get(session_at..)
        .and_then(|rest| rest.first_chunk::<4>());
    let id = match session {
        Some(session) if *session != [0; 4] => u32::from_be_bytes(*session),
        _ => return Next::Done,
    };
    for len in (session_at + 4..=session_at + 16).step_by(4) {
        let rest = Rest::after(walk, len);
        let next = if rest.is_ethernet() {
            Next::Link(LinkType::ETHERNET)
        } else if rest.is_ip() {
            Next::Ip
        } else if walk
            .rest()
            .get(len..)
            .is_some_and(|rest| rest.starts_with(&[0xff, 0x03, 0]))
        {
            Next::Ppp
        } else {
            continue;
        };
        return enter(walk, TunnelKind::L2tp, id, len, next);
    }
    Next::Done
}
