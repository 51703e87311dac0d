//! Teredo (RFC 4380): IPv6 over UDP through NAT.

use super::enter;
use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};

/// 2001::/32, the prefix of Teredo addresses (section 2.6).
const PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];

/// Goes over the authentication and origin indications (section 5.1.1), in front of an IPv6
/// packet that ends with the datagram.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let rest = walk.rest();
    let mut len = 0;
    if let Some(&[0, 1, client_len, auth_len]) = rest.first_chunk::<4>() {
        // Client identifier, authentication value, nonce of 8, confirmation of 1.
        len = 4 + usize::from(client_len) + usize::from(auth_len) + 9;
    }
    if let Some([0, 0, ..]) = rest.get(len..) {
        len += 8;
    }
    if !Rest::after(walk, len).is_whole_ipv6() {
        return Next::Done;
    }
    enter(walk, TunnelKind::Teredo, 0, len, Next::Ipv6)
}

/// Whether a datagram's payload is, by all appearance, an IPv6 packet from or to a Teredo
/// address.
#[inline]
pub(super) fn is_between_teredo_addresses(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first >> 4 == 6)
        && payload
            .first_chunk::<40>()
            .is_some_and(|header| header[8..12] == PREFIX || header[24..28] == PREFIX)
}
