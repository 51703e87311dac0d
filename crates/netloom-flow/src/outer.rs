//! What Zeek's rules count beside a packet's own datagram: the outer flows of tunnels that UDP
//! carries, the further datagrams of an 802.11 aggregate.

use netloom_decode::{DecodeOptions, Decoded, TunnelSet, decode_ip, further_datagrams};

use crate::config::FlowRules;

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
        let is_fragment = further.fragment().is_some();
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

/// What tells apart the tunnels that Zeek sees around a packet's own datagram, as a number: the
/// pair of addresses of each IP tunnel (GRE in UDP is one), the connection of each one that is
/// UDP's own, outermost first; 0 where there is none. `None` where their headers are not in `data` (a datagram put together of
/// fragments, an outer flow).
pub(crate) fn tunnels_around(data: &[u8], decoded: &Decoded) -> Option<u64> {
    let inner = decoded.ip?.offset;
    let mut sum = 0;
    let mut before = None;
    for tunnel in decoded.tunnels.as_slice() {
        // Without an IP header of its own it is no tunnel for Zeek, or lies in the one before.
        if tunnel.ip_offset == u16::MAX || before == Some(tunnel.ip_offset) {
            continue;
        }
        if before.is_some_and(|before| before > tunnel.ip_offset)
            || u32::from(tunnel.ip_offset) >= inner
        {
            return None;
        }
        before = Some(tunnel.ip_offset);
        let ends = ends(data.get(usize::from(tunnel.ip_offset)..)?)?;
        let with_ports = FlowRules::is_udp_tunnel(tunnel.kind);
        // The same in both directions.
        let [one, other] = ends.map(|(address, port)| {
            let port = if with_ports { port } else { 0 };
            mix(address, port.into())
        });
        sum = mix(one.wrapping_add(other).into(), sum);
    }
    Some(sum)
}

/// Addresses and, of UDP, ports of the IP header at the start of `data`.
fn ends(data: &[u8]) -> Option<[(u128, u16); 2]> {
    let (src, dst, protocol, payload) = if data.first()? >> 4 == 4 {
        let address = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?).into());
        let len = usize::from(data.first()? & 15) * 4;
        (address(12)?, address(16)?, data.get(9)?, data.get(len..)?)
    } else {
        let address = |at: usize| Some(u128::from_be_bytes(*data.get(at..)?.first_chunk()?));
        (address(8)?, address(24)?, data.get(6)?, data.get(40..)?)
    };
    let port = |at: usize| match payload.get(at..).and_then(<[u8]>::first_chunk) {
        Some(port) if *protocol == 17 => u16::from_be_bytes(*port),
        _ => 0,
    };
    Some([(src, port(0)), (dst, port(2))])
}

/// Two numbers in one.
fn mix(value: u128, with: u64) -> u64 {
    let half = |sum: u64, half: u64| {
        let sum = (sum ^ half).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^ sum >> 29
    };
    half(half(half(1, with), (value >> 64) as u64), value as u64)
}

#[cfg(test)]
mod tests {
    use netloom_decode::decode;
    use netloom_packet::{LinkType, Packet, Timestamp};

    use super::*;
    use crate::{FlowConfig, FlowPacket, FlowTable};

    /// An IPv4 datagram that carries UDP from port 9 to a port; `fragment` as in its header.
    fn udp(dst_port: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let len = 28 + payload.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9]);
        bytes.extend(dst_port.to_be_bytes());
        bytes.extend((len - 20).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(payload);
        bytes
    }

    /// A QoS data frame with an A-MSDU of datagrams (802.11-2020 section 9.3.2.2.2).
    fn aggregate(datagrams: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0x88, 0x02];
        bytes.resize(24, 0);
        bytes.extend([0x80, 0]);
        for datagram in datagrams {
            // The header before is two bytes longer than a multiple of 4.
            bytes.resize((bytes.len() - 26).next_multiple_of(4) + 26, 0);
            bytes.extend([0; 12]);
            bytes.extend((datagram.len() as u16 + 8).to_be_bytes());
            bytes.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
            bytes.extend(datagram);
        }
        bytes
    }

    #[test]
    fn all_of_an_aggregate() {
        let mut vxlan = vec![8, 0, 0, 0, 0, 0, 5, 0];
        vxlan.extend([0; 12]);
        vxlan.extend([8, 0]);
        vxlan.extend(udp(7, 0, b"inner"));
        let data = aggregate(&[
            udp(1, 0, b"own"),
            udp(2, 0, b"further"),
            udp(4789, 0, &vxlan),
            udp(3, 0x2000, b"fragment"),
        ]);
        let packet = Packet {
            number: 1,
            timestamp: Timestamp::from_nanos(0),
            wire_len: data.len() as u32,
            link_type: LinkType::IEEE802_11,
            interface: 0,
            data: &data,
        };
        let options = DecodeOptions::default();
        let decoded = decode(&packet, options);
        assert_eq!(decoded.dst_port, 1);
        let found: Vec<_> = further_flows(&data, packet.wire_len, &decoded, options)
            .map(|(outer, flow)| (outer, flow.decoded.dst_port, flow.decoded.tunnels.len()))
            .collect();
        assert_eq!(
            found,
            [(false, 2, 0), (true, 4789, 0), (false, 7, 1), (false, 3, 0)]
        );
        for (_, flow) in further_flows(&data, packet.wire_len, &decoded, options) {
            let ip = flow.decoded.ip.unwrap();
            assert_eq!(data[(flow.offset + ip.offset) as usize], 0x45);
        }
    }

    /// A datagram in IP, from one address to another.
    fn in_ip(src: u8, dst: u8, datagram: &[u8]) -> Vec<u8> {
        let len = 20 + datagram.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 64, 4, 0, 0, 192, 0, 2, src, 192, 0, 2, dst]);
        bytes.extend(datagram);
        bytes
    }

    /// The history of a flow whose datagrams come in so many different ways.
    fn history(datagrams: &[Vec<u8>], rules: FlowRules) -> String {
        let mut table = FlowTable::new(&FlowConfig::new(rules));
        let mut closed = Vec::new();
        for (number, data) in (1..).zip(datagrams) {
            let packet = Packet {
                number,
                timestamp: Timestamp::from_nanos(number as i64),
                wire_len: data.len() as u32,
                link_type: LinkType::RAW,
                interface: 0,
                data,
            };
            let decoded = decode(&packet, DecodeOptions::default());
            table.ingest(&FlowPacket::new(&packet, &decoded), &mut closed);
        }
        table.finish(datagrams.len() as u64, &mut closed);
        closed.swap_remove(0).history
    }

    #[test]
    fn tunnels_that_change_too_often() {
        let plain = udp(7, 0, b"plain");
        let there = in_ip(1, 2, &plain);
        let back = in_ip(2, 1, &plain);
        let other = in_ip(1, 3, &plain);
        let by_turns = |one: &Vec<u8>, two: &Vec<u8>, changes: usize| {
            let turns = [one.clone(), two.clone()];
            turns
                .into_iter()
                .cycle()
                .take(changes + 1)
                .collect::<Vec<_>>()
        };
        assert_eq!(history(&by_turns(&plain, &there, 5), FlowRules::Zeek), "D");
        for (one, two) in [(&plain, &there), (&there, &plain), (&there, &other)] {
            let changing = by_turns(one, two, 30);
            assert_eq!(history(&changing, FlowRules::Zeek), "DX");
        }
        // The way back is the same tunnel.
        assert_eq!(history(&by_turns(&there, &back, 30), FlowRules::Zeek), "D");
        // A datagram over two tunnels is not one over the first of them.
        let nested = in_ip(1, 2, &in_ip(1, 3, &plain));
        assert_eq!(
            history(&by_turns(&nested, &there, 6), FlowRules::Zeek),
            "DX"
        );
    }
}
