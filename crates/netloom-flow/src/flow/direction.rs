//! Whose packet the first one was, where no handshake tells.

use std::net::IpAddr;

use netloom_decode::{Decoded, TcpFlags, Transport};

use crate::ports::ServerPorts;
use crate::table::FlowPacket;

/// Whether a packet says itself that it is a reply, though ports do not tell: DNS between two
/// of its ports (mDNS, NBNS) by the QR bit (RFC 1035 section 4.1.1), NTP by mode 4 (RFC 5905
/// section 7.3). `server` is the port it was sent to.
pub(super) fn is_reply(packet: &FlowPacket<'_>, server: u16) -> bool {
    let decoded = packet.decoded;
    if !matches!(decoded.transport, Transport::Udp) {
        return false;
    }
    let payload = decoded.payload(packet.data);
    match server {
        53 | 137 | 5353 | 5355 => {
            let to_one = decoded.ip.is_some_and(|ip| !ip.dst.is_multicast());
            to_one && payload.len() >= 12 && payload.get(2).is_some_and(|flags| flags & 0x80 != 0)
        }
        123 => payload.len() >= 48 && payload.first().is_some_and(|mode| mode & 7 == 4),
        _ => false,
    }
}

/// Whether the first packet seen of a flow was likely the responder's: Zeek's guess by the
/// ports of servers.
pub(super) fn came_from_responder(decoded: &Decoded, servers: &ServerPorts) -> bool {
    let (src, dst) = (decoded.src_port, decoded.dst_port);
    let guess = match &decoded.transport {
        Transport::Tcp(tcp) => {
            let syn = tcp.flags.contains(TcpFlags::SYN);
            let began = syn && !tcp.flags.contains(TcpFlags::ACK);
            // Between two servers' ports the lower one wins, but a SYN-ACK may be a scan.
            !began
                && servers.contains(true, src)
                && (!servers.contains(true, dst) || !syn && src < dst)
        }
        Transport::Udp => servers.contains(false, src) && !servers.contains(false, dst),
        _ => false,
    };
    guess
        && decoded.ip.is_some_and(|ip| match ip.dst {
            IpAddr::V4(dst) => !dst.is_broadcast(),
            IpAddr::V6(_) => true,
        })
}
