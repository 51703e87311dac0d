//! AYIYA: IP over UDP to a tunnel broker (draft-massar-v6ops-ayiya-02).

use super::enter;
use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::net::extension::number;
use crate::walk::{Next, Walk};

const HEADER_LEN: usize = 8;
/// Operation: forward the packet that follows.
const FORWARD: u8 = 1;

/// Reads an AYIYA header.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[identity, signature, operation, next_header, ..]) = walk.peek::<HEADER_LEN>() else {
        return Next::Done;
    };
    // Length of the identity as a power of two; of the signature in four bytes.
    let len = HEADER_LEN + (1 << (identity >> 4)) + usize::from(signature >> 4) * 4;
    let is_ip = matches!(next_header, number::IPV4 | number::IPV6);
    if operation & 0x0f != FORWARD || !is_ip || !Rest::after(walk, len).is_ip() {
        return Next::Done;
    }
    enter(walk, TunnelKind::Ayiya, 0, len, Next::Ip)
}
