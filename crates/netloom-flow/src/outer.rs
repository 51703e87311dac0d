//! The outer flows of tunnels that UDP carries, which Zeek's rules count too.

use netloom_decode::{DecodeOptions, Decoded, TunnelSet, decode_ip};

/// The outer UDP datagram of a tunnelled packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OuterFlow {
    /// What it decodes to with no tunnel opened; hardware addresses and VLANs are the frame's.
    pub decoded: Decoded,
    /// Where its IP header starts in the bytes that were decoded: `decoded`'s offsets count
    /// from there.
    pub offset: u32,
}

/// The outer flows that a packet counts in beside its own, outermost first: one for each UDP
/// datagram that a tunnel of `decoded` lies in. `data` is what `decoded` points into, of
/// `wire_len` bytes on the wire.
pub fn outer_flows<'a>(
    data: &'a [u8],
    wire_len: u32,
    decoded: &'a Decoded,
) -> impl Iterator<Item = OuterFlow> + 'a {
    let tunnels = decoded.tunnels.as_slice();
    let mut before = u16::MAX;
    tunnels
        .iter()
        .enumerate()
        .filter_map(move |(depth, tunnel)| {
            let offset = tunnel.ip_offset;
            // Several encapsulations may lie in one datagram: L2TP, then PPP.
            if offset == u16::MAX || std::mem::replace(&mut before, offset) == offset {
                return None;
            }
            let options = DecodeOptions {
                tunnels: TunnelSet::NONE,
            };
            let from = data.get(usize::from(offset)..)?;
            let mut outer = decode_ip(from, wire_len.saturating_sub(u32::from(offset)), options);
            outer.ip.filter(|ip| ip.protocol == 17)?;
            outer.src_mac = decoded.src_mac;
            outer.dst_mac = decoded.dst_mac;
            outer.vlans = decoded.vlans;
            for &around in tunnels.get(..depth)? {
                // They fitted before.
                let _ = outer.tunnels.push(around);
            }
            Some(OuterFlow {
                decoded: outer,
                offset: u32::from(offset),
            })
        })
}
