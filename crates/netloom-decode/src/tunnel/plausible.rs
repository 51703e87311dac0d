//! Whether bytes could be what a UDP port promises.

use crate::net::extension::number;
use crate::walk::Walk;

/// What is left of a walk behind a header: the captured bytes, and how many were on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'a> {
    bytes: &'a [u8],
    on_wire: usize,
}

impl<'a> Rest<'a> {
    /// What follows the next `header_len` bytes; nothing where those were not captured.
    pub(super) fn after(walk: &Walk<'a>, header_len: usize) -> Self {
        Self {
            bytes: walk.rest().get(header_len..).unwrap_or_default(),
            on_wire: (walk.wire_end - walk.at).saturating_sub(header_len),
        }
    }

    /// Whether an IP header of either version stands here whose lengths fit.
    pub(super) fn is_ip(self) -> bool {
        match *self.bytes {
            [first, _, l0, l1, ..] if first >> 4 == 4 => {
                let header_len = usize::from(first & 0x0f) * 4;
                let total_len = usize::from(u16::from_be_bytes([l0, l1]));
                header_len >= 20 && total_len >= header_len && total_len <= self.on_wire
            }
            [first, _, _, _, l0, l1, ..] if first >> 4 == 6 => {
                usize::from(u16::from_be_bytes([l0, l1])) + 40 <= self.on_wire
            }
            _ => false,
        }
    }

    /// Whether an IPv6 header stands here that fills what is left to the last byte; one without
    /// upper layer (next header 59) may have anything behind it.
    pub(super) fn is_whole_ipv6(self) -> bool {
        let &[first, _, _, _, l0, l1, next_header, ..] = self.bytes else {
            return false;
        };
        let len = usize::from(u16::from_be_bytes([l0, l1])) + 40;
        first >> 4 == 6
            && (len == self.on_wire
                || (next_header == number::NO_NEXT_HEADER && len < self.on_wire))
    }

    /// Whether an Ethernet frame stands here that carries IP (VLAN tags gone over), ARP, or an
    /// 802.3 frame whose length fits.
    pub(super) fn is_ethernet(self) -> bool {
        let mut at = 12;
        for _ in 0..4 {
            let Some(&[t0, t1]) = self
                .bytes
                .get(at..at + 2)
                .and_then(|b| b.first_chunk::<2>())
            else {
                return false;
            };
            let behind = Self {
                bytes: self.bytes.get(at + 2..).unwrap_or_default(),
                on_wire: self.on_wire.saturating_sub(at + 2),
            };
            match u16::from_be_bytes([t0, t1]) {
                0x8100 | 0x88a8 | 0x9100 => at += 4,
                0x0800 => return behind.has_version(4),
                0x86dd => return behind.has_version(6),
                // ARP, MPLS, PPPoE, 802.1X, LLDP.
                0x0806 | 0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x888e | 0x88cc => return true,
                // Spanning tree and CDP.
                len @ 3..=1500 => {
                    return usize::from(len) <= behind.on_wire
                        && matches!(behind.bytes, [0x42, 0x42, 3, ..] | [0xaa, 0xaa, 3, ..]);
                }
                _ => return false,
            }
        }
        false
    }

    /// Length of PPP's address and control fields (RFC 1662 section 3.1), where they are there:
    /// peers may agree to leave them out.
    pub(super) fn ppp_framing_len(self) -> usize {
        if self.bytes.starts_with(&[0xff, 0x03]) {
            2
        } else {
            0
        }
    }

    /// Whether a PPP frame stands here, with or without address and control (RFC 1661
    /// section 2: protocol numbers are odd, their first byte even; RFC 1662 section 3.2: the
    /// first byte may be left out when 0).
    pub(super) fn is_ppp(self) -> bool {
        match self.bytes.get(self.ppp_framing_len()..).unwrap_or_default() {
            [first, ..] if first & 1 == 1 => true,
            [_, second, ..] => second & 1 == 1,
            _ => false,
        }
    }

    /// Whether an MPLS label stack stands here, of at most eight labels, with IP or a
    /// pseudowire's control word (RFC 4385) behind its bottom.
    pub(super) fn is_mpls(self) -> bool {
        let bottom = self
            .bytes
            .chunks_exact(4)
            .take(8)
            .position(|entry| entry[2] & 1 == 1);
        let Some(bottom) = bottom else { return false };
        let behind = Self {
            bytes: self.bytes.get((bottom + 1) * 4..).unwrap_or_default(),
            on_wire: self.on_wire.saturating_sub((bottom + 1) * 4),
        };
        behind.is_ip() || behind.bytes.first().is_some_and(|first| first >> 4 == 0)
    }

    fn has_version(self, version: u8) -> bool {
        self.bytes
            .first()
            .is_some_and(|first| first >> 4 == version)
    }
}
