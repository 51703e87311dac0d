//! IP, its extension headers, and the tunnels that NFStream opens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netloom_decode::TunnelKind;
use netloom_packet::{LinkType, MacAddr};

use super::link::{IPV4, Link, link_layer, mac};
use super::{Seen, UDP, be16};

const IP_IN_IP: [u8; 2] = [4, 41];
pub(super) const GTP_U: u16 = 2152;
pub(super) const CAPWAP: u16 = 5247;
pub(super) const TZSP: u16 = 37_008;

/// An IP header that was reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct IpLayer {
    pub(super) at: usize,
    /// Protocol above it, as far as it was read.
    pub(super) protocol: u8,
    /// What it takes for the length of the header: that of the payload for IPv6.
    pub(super) len: usize,
}

/// What is in a datagram.
pub(super) enum Opened {
    /// What was reached.
    Nothing,
    /// The same, counted as in a tunnel.
    Marked(TunnelKind),
    /// An IP header.
    Ip(TunnelKind, usize),
    /// A frame of the capture's own link type.
    Frame(TunnelKind, Link),
    /// What an LLC header announces.
    Wireless(TunnelKind, Link),
}

/// Goes through IP in IP.
pub(super) fn ip_layer(data: &[u8], link: &Link) -> Option<IpLayer> {
    let mut at = link.at;
    let (mut protocol, mut fragment) = (0, 0);
    for _ in 0..64 {
        let header = data.get(at..).filter(|rest| rest.len() >= 20)?;
        if link.kind == IPV4 {
            fragment = be16(header, 6)?;
            protocol = *header.get(9)?;
        }
        match header.first()? >> 4 {
            4 => {
                let len = usize::from(header.first()? & 15) * 4;
                if IP_IN_IP.contains(header.get(9)?) && len > 0 {
                    at += len;
                    continue;
                }
                if fragment & 0x1fff != 0 {
                    return None;
                }
                return Some(IpLayer { at, protocol, len });
            }
            6 => {
                let extension = extension_headers(header)?;
                if IP_IN_IP.contains(&extension.protocol) {
                    at += extension.at;
                    continue;
                }
                return Some(IpLayer {
                    at,
                    protocol: extension.protocol,
                    len: extension.len.into(),
                });
            }
            _ => return None,
        }
    }
    None
}

/// What follows the extension headers of IPv6.
#[derive(Debug)]
struct Extension {
    protocol: u8,
    /// From the start of the IP header.
    at: usize,
    len: u16,
}

fn extension_headers(header: &[u8]) -> Option<Extension> {
    let len = be16(header, 4)?;
    if header.len() < 40 || size(header) < 40 + usize::from(len) {
        return None;
    }
    let mut found = Extension {
        protocol: *header.get(6)?,
        at: 40,
        len,
    };
    let mut left = size(header) - 40;
    while left > 1 && matches!(found.protocol, 0 | 43 | 44 | 59 | 60 | 135) {
        let next = header.get(found.at..)?;
        match found.protocol {
            59 => return None,
            44 => {
                if found.len < 8 || left < 5 || be16(next, 2)? >> 3 != 0 {
                    return None;
                }
                left -= 5;
                found.protocol = *next.first()?;
                found.len -= 8;
                found.at += 8;
            }
            _ => {
                let len = usize::from(*next.get(1)?) * 8 + 8;
                if len > left || len > usize::from(found.len) {
                    return None;
                }
                left -= len;
                found.protocol = *next.first()?;
                found.len -= len as u16;
                found.at += len;
            }
        }
    }
    Some(found)
}

impl IpLayer {
    /// Looks for a tunnel over UDP; `None` where the packet is ignored.
    pub(super) fn open(&self, data: &[u8], link_type: LinkType) -> Option<Opened> {
        if self.protocol != UDP {
            return Some(Opened::Nothing);
        }
        let at = self.at + self.len;
        let udp = data.get(at..).filter(|rest| rest.len() >= 8)?;
        let ports = [be16(udp, 0)?, be16(udp, 2)?];
        let payload = at + 8;
        if ports.contains(&GTP_U) && payload + 8 < data.len() {
            return gtp(data, payload);
        }
        if ports.contains(&TZSP) {
            return tzsp(data, payload, link_type);
        }
        if ports.contains(&CAPWAP) {
            return Some(capwap(data, payload).unwrap_or(Opened::Nothing));
        }
        Some(Opened::Nothing)
    }

    /// Reads addresses, and how much of the datagram is there.
    pub(super) fn seen(
        &self,
        data: &[u8],
        macs: Option<(MacAddr, MacAddr)>,
        vlan: u16,
        tunnel: Option<TunnelKind>,
    ) -> Option<Seen> {
        let header = data.get(self.at..)?;
        let (src, dst, protocol, transport, transport_len);
        if header.first()? >> 4 == 4 {
            let len = u16::from(header.first()? & 15) * 4;
            let total = be16(header, 2)?;
            if size(header) < 20 || usize::from(len) > size(header) || total < len {
                return None;
            }
            let address = |at: usize| {
                let bytes: [u8; 4] = *header.get(at..)?.first_chunk()?;
                Some(IpAddr::V4(Ipv4Addr::from(bytes)))
            };
            (src, dst) = (address(12)?, address(16)?);
            (protocol, transport, transport_len) = (*header.get(9)?, len.into(), total - len);
        } else {
            let extension = extension_headers(header)?;
            let address = |at: usize| {
                let bytes: [u8; 16] = *header.get(at..)?.first_chunk()?;
                Some(IpAddr::V6(Ipv6Addr::from(bytes)))
            };
            (src, dst) = (address(8)?, address(24)?);
            protocol = extension.protocol;
            (transport, transport_len) = (extension.at, extension.len);
        }
        Some(Seen {
            macs,
            vlan,
            tunnel,
            src,
            dst,
            ip_at: self.at,
            protocol,
            transport_at: self.at + transport,
            transport_len,
        })
    }
}

fn gtp(data: &[u8], at: usize) -> Option<Opened> {
    let flags = *data.get(at)?;
    if flags >> 5 != 1 || *data.get(at + 1)? != 0xff {
        return Some(Opened::Nothing);
    }
    let mut inner = at + 8;
    if flags & 7 != 0 {
        inner += 4;
    }
    if flags & 4 != 0 {
        while let Some(&len) = data.get(inner) {
            inner += usize::from(len) * 4;
            if len == 0 || inner >= data.len() {
                return Some(Opened::Nothing);
            }
            if data.get(inner - 1) == Some(&0) {
                break;
            }
        }
    }
    let Some(header) = data.get(inner..).filter(|rest| !rest.is_empty()) else {
        return Some(Opened::Nothing);
    };
    let least = match header.first()? >> 4 {
        4 => 20,
        6 => 40,
        _ => return None,
    };
    (header.len() >= least).then_some(Opened::Ip(TunnelKind::GtpU, inner))
}

fn tzsp(data: &[u8], at: usize, link_type: LinkType) -> Option<Opened> {
    let header: [u8; 4] = *data.get(at..)?.first_chunk()?;
    if header != [1, 0, 0, 1] {
        return Some(Opened::Marked(TunnelKind::Tzsp));
    }
    // The frame is looked for behind the first tag, whatever that is.
    let tag = at + 4;
    let Some(&kind) = data.get(tag) else {
        return Some(Opened::Marked(TunnelKind::Tzsp));
    };
    let len = if kind <= 1 {
        1
    } else {
        usize::from(*data.get(tag + 1)?)
    };
    if tag + len >= data.len() {
        return None;
    }
    let inner = link_layer(link_type, data, tag + len)?;
    Some(Opened::Frame(TunnelKind::Tzsp, inner))
}

fn capwap(data: &[u8], at: usize) -> Option<Opened> {
    if data.get(at)? & 15 != 0 {
        return None;
    }
    let frame = at + usize::from((data.get(at + 1)? & 0xf8) >> 1);
    if frame + 32 >= data.len() {
        return None;
    }
    let wireless = data.get(frame..)?;
    let inner = Link {
        kind: be16(wireless, 30)?,
        at: frame + 32,
        macs: Some((mac(wireless, 10)?, mac(wireless, 16)?)),
    };
    Some(Opened::Wireless(TunnelKind::Capwap, inner))
}

/// How many bytes are there, as it counts them: in 16 bits.
fn size(data: &[u8]) -> usize {
    usize::from(data.len() as u16)
}
