//! IPv6 headers (RFC 8200).

use std::net::{IpAddr, Ipv6Addr};

use super::extension::number;
use crate::decoded::{Ip, Layer, Network, StopKind};
use crate::walk::{Next, Walk};

/// Length of the header without extension headers.
pub(crate) const HEADER_LEN: usize = 40;

/// Reads an IPv6 header; extension headers are the next steps.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(header) = walk.peek::<HEADER_LEN>() else {
        return walk.short(Layer::Ipv6, HEADER_LEN);
    };
    if header[0] >> 4 != 6 {
        return walk.stop(
            Layer::Ipv6,
            StopKind::BadVersion,
            usize::from(header[0] >> 4),
            6,
        );
    }
    let on_wire = walk.wire_end - walk.at;
    let next = header[6];
    let total_len = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
        // Segmentation offload, or a jumbogram, of which the hop-by-hop header knows more.
        0 if next != number::NO_NEXT_HEADER => on_wire,
        said => said + HEADER_LEN,
    };
    if !walk.limit(total_len) {
        walk.stop(Layer::Ipv6, StopKind::BadLength, total_len, on_wire);
    }
    let mut src = [0; 16];
    src.copy_from_slice(&header[8..24]);
    let mut dst = [0; 16];
    dst.copy_from_slice(&header[24..40]);
    walk.reached_ip(
        Network::Ipv6,
        Layer::Ipv6,
        Ip {
            src: IpAddr::V6(Ipv6Addr::from(src)),
            dst: IpAddr::V6(Ipv6Addr::from(dst)),
            offset: walk.at as u32,
            header_len: HEADER_LEN as u32,
            total_len: total_len as u32,
            ttl: header[7],
            tos: header[0] << 4 | header[1] >> 4,
            protocol: next,
            fragment: None,
        },
    );
    walk.payload_after(HEADER_LEN);
    Next::Protocol(next)
}
