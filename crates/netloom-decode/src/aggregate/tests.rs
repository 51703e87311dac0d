use netloom_packet::{LinkType, Packet, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{Network, Transport, decode};

/// An LLC/SNAP header of IPv4 and a UDP datagram between the ports, `payload` bytes long.
fn frame(src_port: u16, dst_port: u16, payload: u16) -> Vec<u8> {
    let mut bytes = vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    bytes.extend([0x45, 0]);
    bytes.extend((28 + payload).to_be_bytes());
    bytes.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(src_port.to_be_bytes());
    bytes.extend(dst_port.to_be_bytes());
    bytes.extend((8 + payload).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.resize(bytes.len() + usize::from(payload), 0x5a);
    bytes
}

/// An LLC/SNAP header of ARP and nothing.
fn arp() -> Vec<u8> {
    vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 6]
}

/// A QoS data frame from the distribution system with an A-MSDU of these frames.
fn aggregate(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0x88, 0x02, 0, 0];
    bytes.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3]);
    bytes.extend([0, 0, 0x80, 0]);
    let start = bytes.len();
    for frame in frames {
        let begun = bytes.len() - start;
        bytes.resize(start + padded(begun), 0);
        bytes.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3]);
        bytes.extend((frame.len() as u16).to_be_bytes());
        bytes.extend(frame);
    }
    bytes
}

fn packet(data: &[u8], wire_len: u32) -> Packet<'_> {
    Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        wire_len,
        link_type: LinkType::IEEE802_11,
        interface: 0,
        data,
    }
}

fn all(data: &[u8], wire_len: u32) -> (Decoded, Vec<Decoded>) {
    let options = DecodeOptions::default();
    let decoded = decode(&packet(data, wire_len), options);
    let further = further_datagrams(data, wire_len, &decoded, options).collect();
    (decoded, further)
}

#[test]
fn every_datagram_is_found() {
    // Lengths of which some need padding and some do not; the last one is not padded.
    let data = aggregate(&[frame(1, 2, 1), frame(3, 4, 2), arp(), frame(5, 6, 5)]);
    let (first, further) = all(&data, data.len() as u32);
    assert_eq!((first.src_port, first.payload_len), (1, 1));
    let found: Vec<_> = further
        .iter()
        .map(|datagram| (datagram.src_port, datagram.dst_port, datagram.payload_len))
        .collect();
    assert_eq!(found, [(3, 4, 2), (5, 6, 5)]);
    for datagram in &further {
        assert_eq!(datagram.network, Network::Ipv4);
        assert_eq!(datagram.transport, Transport::Udp);
        assert_eq!(datagram.stopped, None);
        assert_eq!(datagram.src_mac, first.src_mac);
        let ip = datagram.ip.unwrap();
        assert_eq!(data[ip.offset as usize], 0x45);
        assert!(datagram.subframes.is_empty());
    }
}

#[test]
fn the_first_need_not_be_ip() {
    let data = aggregate(&[arp(), frame(3, 4, 2)]);
    let (first, further) = all(&data, data.len() as u32);
    assert_eq!(first.ip, None);
    assert_eq!(further.len(), 1);
}

#[test]
fn one_frame_has_none_behind_it() {
    let data = aggregate(&[frame(1, 2, 1)]);
    let (first, further) = all(&data, data.len() as u32);
    assert!(first.subframes.is_empty() && further.is_empty());
}

#[test]
fn a_length_of_zero_does_not_stop_the_rest() {
    let data = aggregate(&[frame(1, 2, 1), Vec::new(), frame(3, 4, 2)]);
    assert_eq!(all(&data, data.len() as u32).1.len(), 1);
}

#[test]
fn what_the_snap_length_cut_is_told() {
    let data = aggregate(&[frame(1, 2, 1), frame(3, 4, 100)]);
    let whole = data.len() as u32;
    let (_, further) = all(&data[..data.len() - 40], whole);
    assert_eq!(further.len(), 1);
    assert_eq!(further[0].payload_len, 60);
    assert_eq!(further[0].payload_wire_len, 100);
    let (_, none) = all(&data[..data.len() - 130], whole);
    assert!(none.is_empty());
}

proptest! {
    #[test]
    fn any_bytes(mut data in prop::collection::vec(any::<u8>(), 0..400), more in 0_u32..100) {
        let head = aggregate(&[]);
        data.splice(0..0, head);
        let wire_len = data.len() as u32 + more;
        let (_, further) = all(&data, wire_len);
        prop_assert!(further.len() <= data.len() / 16);
        for datagram in further {
            let end = datagram.payload_offset as usize + datagram.payload_len as usize;
            prop_assert!(end <= data.len());
        }
    }

    #[test]
    fn changed_lengths(lens in prop::collection::vec(0_u16..80, 1..6), at in 0_usize..300, byte: u8) {
        let frames: Vec<_> = lens.iter().map(|&len| frame(1, 2, len)).collect();
        let mut data = aggregate(&frames);
        prop_assert_eq!(all(&data, data.len() as u32).1.len(), lens.len() - 1);
        let at = at % data.len();
        data[at] = byte;
        all(&data, data.len() as u32);
    }
}
