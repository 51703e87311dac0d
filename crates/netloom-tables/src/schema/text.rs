//! Values as they stand in text cells.

use std::fmt::{Arguments, Write as _};
use std::net::IpAddr;

use netloom_decode::{Tunnels, Vlans};
use netloom_packet::MacAddr;

/// Appends a text, where there is one.
#[inline]
pub(crate) fn some<'a>(text: impl Into<Option<&'a str>>, out: &mut String) -> Option<()> {
    out.push_str(text.into()?);
    Some(())
}

/// Appends an address in canonical form: dotted decimal, or RFC 5952.
#[inline]
pub(crate) fn ip(address: IpAddr, out: &mut String) {
    match address {
        IpAddr::V4(v4) => {
            // Two of these a packet: one append of a text on the stack, not seven.
            let mut text = [b'.'; 15];
            let mut len = 0;
            let mut number = itoa::Buffer::new();
            for octet in v4.octets() {
                let digits = number.format(octet).as_bytes();
                text[len..len + digits.len()].copy_from_slice(digits);
                len += digits.len() + 1;
            }
            push_ascii(&text[..len - 1], out);
        }
        // The standard library's form is RFC 5952's. Writing to a String cannot fail.
        IpAddr::V6(v6) => _ = write!(out, "{v6}"),
    }
}

/// Appends a hardware address in lower case with colons.
#[inline]
pub(crate) fn mac(address: MacAddr, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"00:00:00:00:00:00";
    for (place, byte) in text.chunks_mut(3).zip(address.0) {
        place[0] = DIGITS[usize::from(byte >> 4)];
        place[1] = DIGITS[usize::from(byte & 15)];
    }
    push_ascii(&text, out);
}

/// Appends bytes that are ASCII.
#[inline]
fn push_ascii(text: &[u8], out: &mut String) {
    out.push_str(std::str::from_utf8(text).unwrap_or_default());
}

/// Appends VLAN identifiers; null where there is none.
#[inline]
pub(super) fn vlans(vlans: &Vlans, out: &mut Vec<u16>) -> Option<()> {
    let ids = vlans.as_slice();
    out.extend_from_slice(ids);
    (!ids.is_empty()).then_some(())
}

/// Hands out encapsulations as `kind` or `kind:id`; null where there is none.
#[inline]
pub(super) fn tunnels(tunnels: &Tunnels, item: &mut dyn FnMut(Arguments<'_>)) -> Option<()> {
    for tunnel in tunnels.as_slice() {
        let name = tunnel.kind.name();
        match tunnel.id {
            0 => item(format_args!("{name}")),
            id => item(format_args!("{name}:{id}")),
        }
    }
    (!tunnels.is_empty()).then_some(())
}
