//! Link layers, tags and labels as NFStream reads them.

use netloom_packet::{LinkType, MacAddr};

use super::be16;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const MPLS: [u16; 2] = [0x8847, 0x8848];
pub(super) const PPPOE: u16 = 0x8864;

/// What the link layer leads to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    /// EtherType, or what it takes for one.
    pub(super) kind: u16,
    pub(super) at: usize,
    pub(super) macs: Option<(MacAddr, MacAddr)>,
}

pub(super) fn link_layer(link_type: LinkType, data: &[u8], begin: usize) -> Option<Link> {
    let frame = data.get(begin..)?;
    if frame.len() < 28 {
        return None;
    }
    let be16 = |at: usize| be16(frame, at);
    let link = |kind: u16, at: usize| Link {
        kind,
        at: begin + at,
        macs: None,
    };
    Some(match link_type {
        LinkType::NULL => {
            let family: [u8; 4] = *frame.first_chunk()?;
            let kind = if u32::from_be_bytes(family) == 2 {
                IPV4
            } else {
                IPV6
            };
            link(kind, 4)
        }
        LinkType::PPP_HDLC => link(be16(2)?, 4),
        LinkType::PPP | LinkType::C_HDLC => {
            if matches!(data.first(), Some(0x0f | 0x8f)) {
                link(be16(2)?, 4)
            } else {
                link(be16(0)?, 2)
            }
        }
        LinkType::IPV4 => link(IPV4, 0),
        LinkType::IPV6 => link(IPV6, 0),
        LinkType::RAW => match frame.first()? >> 4 {
            4 => link(IPV4, 0),
            6 => link(IPV6, 0),
            _ => link(0, 0),
        },
        LinkType::LINUX_SLL => link(be16(14)?, 16),
        LinkType::ETHERNET => ethernet(frame, begin)?,
        LinkType::IEEE802_11_RADIOTAP => radiotap(frame, begin)?,
        _ => return None,
    })
}

fn ethernet(frame: &[u8], begin: usize) -> Option<Link> {
    let macs = Some((mac(frame, 6)?, mac(frame, 0)?));
    let kind = be16(frame, 12)?;
    let mut link = Link {
        kind: if kind >= 1536 { kind } else { 0 },
        at: begin + 14,
        macs,
    };
    if (1..=1500).contains(&kind) {
        let (dsap, ssap) = (*frame.get(14)?, *frame.get(15)?);
        if dsap == 0xaa || ssap == 0xaa {
            // It forgets to swap the bytes.
            link.kind = be16(frame, 20)?.swap_bytes();
            link.at += 8;
        } else if dsap == 0x42 || ssap == 0x42 {
            return None;
        }
    }
    Some(link)
}

fn radiotap(frame: &[u8], begin: usize) -> Option<Link> {
    let header = usize::from(be16(frame, 2)?.swap_bytes());
    if frame.get(16)? & 0x50 == 0x50 {
        return None;
    }
    let wireless = frame.get(header..).filter(|rest| rest.len() >= 24)?;
    let control = be16(wireless, 0)?.swap_bytes();
    if control >> 2 & 3 != 2 {
        return None;
    }
    // The header of QoS data, whether it is one or not.
    let to_or_from = (control & 0x0100 != 0) != (control & 0x0200 != 0);
    let len = if to_or_from { 26 } else { 0 };
    let llc = wireless.get(len..).filter(|llc| llc.len() >= 8)?;
    Some(Link {
        kind: if *llc.first()? == 0xaa {
            be16(llc, 6)?
        } else {
            0
        },
        at: begin + header + len + 8,
        macs: Some((mac(wireless, 10)?, mac(wireless, 16)?)),
    })
}

/// Goes through VLAN tags, MPLS labels and PPPoE.
pub(super) fn tag(data: &[u8], link: &mut Link, vlan: &mut u16) -> Option<()> {
    let fits = |at: usize| at + 4 < data.len();
    loop {
        match link.kind {
            VLAN => {
                if !fits(link.at) {
                    return None;
                }
                while link.kind == VLAN && fits(link.at) {
                    *vlan = be16(data, link.at)? & 0x0fff;
                    link.kind = be16(data, link.at + 2)?;
                    link.at += 4;
                }
                if link.kind == VLAN {
                    return None;
                }
            }
            kind if MPLS.contains(&kind) => {
                if !fits(link.at) {
                    return None;
                }
                let is_bottom = |at: usize| data.get(at + 2).is_some_and(|byte| byte & 1 == 1);
                let mut bottom = is_bottom(link.at);
                link.at += 4;
                while !bottom && fits(link.at) {
                    bottom = is_bottom(link.at);
                    link.at += 4;
                }
                link.kind = IPV4;
            }
            PPPOE => {
                link.kind = IPV4;
                link.at += 8;
            }
            _ => return Some(()),
        }
    }
}

pub(super) fn mac(data: &[u8], at: usize) -> Option<MacAddr> {
    data.get(at..)?.first_chunk().copied().map(MacAddr)
}
