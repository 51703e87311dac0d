//! GRE (RFC 2784, RFC 2890, with RFC 1701's routing) and PPTP's version 1 (RFC 2637), and what
//! is told apart by GRE's protocol type: ERSPAN, WCCP, Ethernet, PPP.

use super::plausible::Rest;
use super::{enter, erspan};
use crate::decoded::{Layer, StopKind, TunnelKind};
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Version 1 only.
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const PPP: u16 = 0x880b;
const WCCP: u16 = 0x883e;
/// Cisco MetaData: in GRE, what it is in front of stands first.
const CISCO_METADATA: u16 = 0x8909;
const TRANSPARENT_ETHERNET: u16 = 0x6558;

/// A GRE header that has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) protocol: u16,
    /// Version 1: its low 16 bits are the call id.
    pub(super) key: u32,
    pub(super) has_sequence: bool,
    pub(super) len: usize,
    version: u8,
}

/// Why a header could not be read.
enum Wrong {
    Short(usize),
    Version(u16),
}

/// GRE over IP.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    match read(walk.rest()) {
        Ok(header) => open(walk, header),
        Err(Wrong::Short(needed)) => walk.short(Layer::Tunnel, needed),
        Err(Wrong::Version(version)) => {
            walk.stop(Layer::Tunnel, StopKind::BadVersion, usize::from(version), 1)
        }
    }
}

/// GRE in UDP (RFC 8086), where IP or Ethernet follows.
pub(super) fn in_udp(walk: &mut Walk<'_>) -> Next {
    let Ok(header) = read(walk.rest()) else {
        return Next::Done;
    };
    let rest = Rest::after(walk, header.len);
    let plausible = match header.protocol {
        0x0800 | 0x86dd => rest.is_ip(),
        TRANSPARENT_ETHERNET => rest.is_ethernet(),
        _ => false,
    };
    if plausible {
        open(walk, header)
    } else {
        Next::Done
    }
}

fn read(bytes: &[u8]) -> Result<Header, Wrong> {
    let Some(&[f0, f1, p0, p1]) = bytes.first_chunk::<4>() else {
        return Err(Wrong::Short(4));
    };
    let flags = u16::from_be_bytes([f0, f1]);
    let version = flags & VERSION;
    if version > 1 {
        return Err(Wrong::Version(version));
    }
    let mut len = 4;
    let word = |at: usize| {
        bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .map(|word| u32::from_be_bytes(*word))
            .ok_or(Wrong::Short(at + 4))
    };
    let mut key = 0;
    if flags & (CHECKSUM | ROUTING) != 0 && version == 0 {
        len += 4;
    }
    if flags & KEY != 0 {
        key = word(len)?;
        if version == 1 {
            key &= 0xffff;
        }
        len += 4;
    }
    if flags & SEQUENCE != 0 {
        len += 4;
    }
    if flags & ACKNOWLEDGMENT != 0 && version == 1 {
        len += 4;
    }
    if flags & ROUTING != 0 && version == 0 {
        // Source route entries: address family, offset, length, bytes; family 0 with length 0
        // ends them (RFC 1701).
        loop {
            let entry = word(len)?;
            len += 4 + (entry & 0xff) as usize;
            if entry & 0xffff_00ff == 0 {
                break;
            }
        }
    }
    if bytes.len() < len {
        return Err(Wrong::Short(len));
    }
    Ok(Header {
        protocol: u16::from_be_bytes([p0, p1]),
        key,
        has_sequence: flags & SEQUENCE != 0,
        len,
        version: version as u8,
    })
}

fn open(walk: &mut Walk<'_>, header: Header) -> Next {
    let Header {
        protocol, key, len, ..
    } = header;
    if header.version == 1 {
        // PPTP's acknowledgments carry nothing.
        if protocol != PPP || walk.wire_end - walk.at <= len {
            return Next::Done;
        }
        let framing = Rest::after(walk, len).ppp_framing_len();
        return enter(walk, TunnelKind::Gre, key, len + framing, Next::Ppp);
    }
    let next = match protocol {
        // IP, VLAN tags, MPLS, PPPoE.
        0x0800 | 0x86dd | 0x8100 | 0x88a8 | 0x8847 | 0x8848 | 0x8864 => Next::EtherType(protocol),
        TRANSPARENT_ETHERNET => Next::Link(LinkType::ETHERNET),
        CISCO_METADATA => {
            let Some(&[t0, t1, _version, options]) =
                walk.rest().get(len..).and_then(<[u8]>::first_chunk)
            else {
                return walk.short(Layer::Tunnel, len + 4);
            };
            let behind = len + 4 + 4 * usize::from(options.max(1));
            let next = match u16::from_be_bytes([t0, t1]) {
                protocol @ (0x0800 | 0x86dd) => Next::EtherType(protocol),
                TRANSPARENT_ETHERNET => Next::Link(LinkType::ETHERNET),
                _ => return Next::Done,
            };
            return enter(walk, TunnelKind::Gre, key, behind, next);
        }
        PPP => {
            let framing = Rest::after(walk, len).ppp_framing_len();
            return enter(walk, TunnelKind::Gre, key, len + framing, Next::Ppp);
        }
        erspan::PROTOCOL | erspan::PROTOCOL_III => return erspan::open(walk, header),
        WCCP => {
            // WCCPv2's redirect header of four bytes may stand in front of the packet; no IP
            // version nibble there.
            let redirect = if Rest::after(walk, len).is_ip() { 0 } else { 4 };
            return enter(walk, TunnelKind::Gre, key, len + redirect, Next::Ip);
        }
        // What Aruba's access points send to their controllers: 802.11 frames.
        0x8200..=0x82ff | 0x9000 => Next::Link(LinkType::IEEE802_11),
        _ => return Next::Done,
    };
    enter(walk, TunnelKind::Gre, key, len, next)
}
