//! IPv4 headers (RFC 791).

use std::net::{IpAddr, Ipv4Addr};

use crate::decoded::{Fragment, Ip, Layer, Network, StopKind, Transport};
use crate::walk::{Next, Walk};

/// Length of a header without options.
pub(crate) const MIN_HEADER_LEN: usize = 20;

/// More fragments, and the fragment offset.
const MORE_OR_OFFSET: u16 = 0x3fff;

/// Reads an IPv4 header.
///
/// A header that says more than the packet had on the wire is read all the same, as far as
/// the packet goes, with [`StopKind::BadLength`] noted; one that contradicts itself is not.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<MIN_HEADER_LEN>() else {
        return walk.short(Layer::Ipv4, MIN_HEADER_LEN);
    };
    if header[0] >> 4 != 4 {
        return walk.stop(
            Layer::Ipv4,
            StopKind::BadVersion,
            usize::from(header[0] >> 4),
            4,
        );
    }
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < MIN_HEADER_LEN {
        return walk.stop(Layer::Ipv4, StopKind::BadLength, header_len, MIN_HEADER_LEN);
    }
    let on_wire = walk.wire_end - walk.at;
    let total_len = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
        // Segmentation offload: a host that captures its own large sends before the card has
        // cut them sees lengths that 16 bits cannot hold, written as 0.
        0 if on_wire >= header_len => on_wire,
        said => said,
    };
    if total_len < header_len {
        return walk.stop(Layer::Ipv4, StopKind::BadLength, total_len, header_len);
    }
    if !walk.limit(total_len) {
        walk.stop(Layer::Ipv4, StopKind::BadLength, total_len, on_wire);
    }

    let flags_and_offset = u16::from_be_bytes([header[6], header[7]]);
    let fragment = if flags_and_offset & MORE_OR_OFFSET == 0 {
        None
    } else {
        Some(Fragment {
            id: u32::from(u16::from_be_bytes([header[4], header[5]])),
            offset: u32::from(flags_and_offset & 0x1fff) * 8,
            more: flags_and_offset & 0x2000 != 0,
            len: (total_len - header_len) as u32,
            data_offset: (walk.at + header_len).min(walk.end) as u32,
        })
    };
    let protocol = header[9];
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    walk.reached_ip(
        Network::Ipv4,
        Layer::Ipv4,
        Ip {
            src: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
            dst: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
            offset: walk.at as u32,
            header_len: header_len as u32,
            total_len: total_len as u32,
            ttl: header[8],
            tos: header[1],
            protocol,
            fragment,
        },
    );
    if walk.end - walk.at < header_len {
        let next = walk.short(Layer::Ipv4, header_len);
        walk.payload_after(header_len);
        return next;
    }
    walk.payload_after(header_len);
    match fragment {
        Some(Fragment { offset: 1.., .. }) => {
            walk.out.transport = Transport::None;
            Next::Done
        }
        _ => Next::Protocol(protocol),
    }
}
