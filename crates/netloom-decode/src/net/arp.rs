//! ARP and RARP (RFC 826, RFC 903) for IPv4 over 48-bit hardware addresses.

use std::net::Ipv4Addr;

use netloom_packet::MacAddr;

use crate::decoded::{Decoded, Layer, Network};
use crate::walk::{Next, Walk};

/// An ARP message about IPv4 and 48-bit hardware addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// What is asked or told: 1 request, 2 reply, 3 and 4 the same for RARP, 8 and 9 for
    /// InARP (IANA, "ARP parameters").
    pub operation: u16,
    /// Hardware address of the sender.
    pub sender_mac: MacAddr,
    /// Protocol address of the sender; 0.0.0.0 in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// Hardware address of the target: unknown, mostly zeros, in a request.
    pub target_mac: MacAddr,
    /// Protocol address of the target.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Length of such a message in bytes.
    pub const LEN: usize = 28;
    /// `operation` of a request.
    pub const REQUEST: u16 = 1;
    /// `operation` of a reply.
    pub const REPLY: u16 = 2;

    /// Reads a message from bytes that begin with its hardware type; `None` where it is cut
    /// or about other addresses than IPv4 and 48-bit hardware ones (RFC 826's `ar$hln`,
    /// `ar$pro` and `ar$pln` decide; the hardware type may be 802.3, 802 or any other).
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<{ Self::LEN }>()?;
        if bytes[2..6] != [0x08, 0x00, 6, 4] {
            return None;
        }
        let mac = |at: usize| {
            let mut octets = [0; 6];
            octets.copy_from_slice(&bytes[at..at + 6]);
            MacAddr(octets)
        };
        let ip = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        Some(Self {
            operation: u16::from_be_bytes([bytes[6], bytes[7]]),
            sender_mac: mac(8),
            sender_ip: ip(14),
            target_mac: mac(18),
            target_ip: ip(24),
        })
    }

    /// Whether the sender tells its own address to all (an announcement, "gratuitous ARP").
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }

    /// Whether the sender asks if an address is free before it takes it (RFC 5227).
    pub fn is_probe(&self) -> bool {
        self.operation == Self::REQUEST && self.sender_ip.is_unspecified()
    }
}

impl Decoded {
    /// The ARP message that the packet is, by the packet's bytes; `None` for anything else, RARP too.
    #[inline]
    pub fn arp(&self, data: &[u8]) -> Option<Arp> {
        if self.network != Network::Arp {
            return None;
        }
        Arp::parse(data.get(self.payload_offset as usize..)?)
    }
}

/// Reads the fixed part of an ARP or RARP message; the payload is the whole message, so that
/// [`Arp::parse`] can read it again from there.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    if walk.out.ip.is_some() {
        // Inside a tunnel: the packet belongs to its carrier.
        return Next::Done;
    }
    let Some(header) = walk.peek::<8>() else {
        return walk.short(Layer::Arp, Arp::LEN);
    };
    let operation = u16::from_be_bytes([header[6], header[7]]);
    let len = 8 + 2 * (usize::from(header[4]) + usize::from(header[5]));
    walk.out.network = if matches!(operation, 3 | 4) {
        Network::Rarp
    } else {
        Network::Arp
    };
    walk.out.last_layer = Layer::Arp;
    // What follows is padding of the frame.
    if !walk.limit(len) || walk.end - walk.at < len {
        let next = walk.short(Layer::Arp, len);
        walk.payload_after(0);
        return next;
    }
    walk.payload_after(0);
    Next::Done
}
