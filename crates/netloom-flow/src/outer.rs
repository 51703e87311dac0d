//! What Zeek's rules count beside a packet's own datagram: the outer flows of tunnels that UDP
//! carries, the further datagrams of an 802.11 aggregate.

use netloom_decode::{DecodeOptions, Decoded, TunnelSet, decode_ip, further_datagrams};

/// The outer UDP datagram of a tunnelled packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OuterFlow {
    /// What it decodes to with no tunnel opened; hardware addresses and VLANs are the frame's.
    pub decoded: Decoded,
    /// Where its IP header starts in the bytes that were decoded: `decoded`'s offsets count
    /// from there.
    pub offset: u32,
}

/// What else than its own datagram a packet counts as under Zeek's rules: the further datagrams
/// of an 802.11 aggregate, each with the outer flows of tunnels of its own; `options` as the
/// packet was decoded with. What is behind `false` is a datagram of its own, whose offsets count
/// from the start of `data`; behind `true` is an outer flow of the datagram that comes next.
///
/// A datagram that is a fragment is given without a look at outer flows: what it is part of
/// counts once that is whole.
pub fn further_flows<'a>(
    data: &'a [u8],
    wire_len: u32,
    decoded: &Decoded,
    options: DecodeOptions,
) -> impl Iterator<Item = (bool, OuterFlow)> + 'a {
    let shared = decoded.subframes.depth().min(decoded.tunnels.len());
    further_datagrams(data, wire_len, decoded, options).flat_map(move |further| {
        // Those of the tunnels that all the frames share counted with the packet.
        let is_fragment = further.ip.is_some_and(|ip| ip.fragment.is_some());
        let outer: Vec<(bool, OuterFlow)> = outer_flows(data, wire_len, &further)
            .filter(|outer| !is_fragment && outer.decoded.tunnels.len() >= shared)
            .map(|outer| (true, outer))
            .collect();
        let own = OuterFlow {
            decoded: further,
            offset: 0,
        };
        outer.into_iter().chain(std::iter::once((false, own)))
    })
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
