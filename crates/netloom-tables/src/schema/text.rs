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
pub(super) fn ip(address: IpAddr, out: &mut String) {
    match address {
        IpAddr::V4(v4) => {
            let mut number = itoa::Buffer::new();
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push('.');
                }
                out.push_str(number.format(octet));
            }
        }
        // The standard library's form is RFC 5952's. Writing to a String cannot fail.
        IpAddr::V6(v6) => _ = write!(out, "{v6}"),
    }
}

/// Appends a hardware address in lower case with colons.
#[inline]
pub(super) fn mac(address: MacAddr, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in address.0.into_iter().enumerate() {
        if index > 0 {
            out.push(':');
        }
        out.push(DIGITS[usize::from(byte >> 4)].into());
        out.push(DIGITS[usize::from(byte & 15)].into());
    }
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
