//! The transport layer: what an IP protocol number announces.

pub(crate) mod dccp;
pub(crate) mod icmp;
pub mod sctp;
pub(crate) mod tcp;
pub(crate) mod udp;

pub use tcp::{TcpOption, TcpOptions};

use crate::decoded::{Layer, Transport};
use crate::net::extension::{self, number};
use crate::tunnel::{self, Opening};
use crate::walk::{Next, Walk};

/// Reads what an IP protocol number announces; `walk.out.ip` is the header that carries it.
#[inline]
pub(crate) fn step(walk: &mut Walk<'_>, protocol: u8) -> Next {
    match protocol {
        number::TCP => tcp::step(walk),
        number::UDP => udp::step(walk),
        number::ICMP => icmp::step_v4(walk),
        number::ICMPV6 => icmp::step_v6(walk),
        _ => step_rare(walk, protocol),
    }
}

fn step_rare(walk: &mut Walk<'_>, protocol: u8) -> Next {
    let is_v6 = walk.out.ip.is_some_and(|ip| ip.src.is_ipv6());
    if protocol == number::AH || (is_v6 && extension::is_extension(protocol)) {
        return extension::step(walk, protocol);
    }
    let opening = match protocol {
        number::IGMP => return icmp::step_igmp(walk),
        number::UDP_LITE => return udp::step_lite(walk),
        number::SCTP => return sctp::step(walk),
        number::DCCP => return dccp::step(walk),
        number::ESP => return esp(walk),
        number::NO_NEXT_HEADER => return Next::Done,
        number::IPV4 | number::IPV6 | number::IPIP => Opening::IpIp,
        number::GRE => Opening::Gre,
        number::ETHERIP | number::ETHERNET => Opening::EtherIp,
        number::PIM => Opening::PimRegister,
        number::L2TP => Opening::L2tpv3,
        number::MPLS_IN_IP => Opening::MplsInIp,
        _ => {
            walk.out.transport = Transport::Other;
            return Next::Done;
        }
    };
    walk.out.transport = Transport::Other;
    tunnel::offer(walk, opening)
}

/// ESP (RFC 4303): only the SPI is in clear.
fn esp(walk: &mut Walk<'_>) -> Next {
    let Some(&[a, b, c, d, ..]) = walk.peek::<8>() else {
        return walk.short(Layer::Esp, 8);
    };
    walk.out.transport = Transport::Esp(u32::from_be_bytes([a, b, c, d]));
    walk.out.last_layer = Layer::Esp;
    walk.payload_after(8);
    Next::Done
}

#[cfg(test)]
mod tests;
