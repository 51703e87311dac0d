//! Ethernet II and IEEE 802.3, Cisco ISL, and the headers of Ethernet capture hardware.

use crate::decoded::{Layer, Network, StopKind};
use crate::link::{drop_trailer, ethertype, ethertypes, is_outermost, note_ethertype, note_macs};
use crate::link::{llc, recognised};
use crate::walk::{Next, Walk};

/// Destination, source and type or length.
const HEADER: usize = 14;
/// The largest value of the type field that is a length (802.3 clause 3.2.6).
const MAX_LENGTH: u16 = 1500;
/// The smallest value that is an EtherType.
const MIN_ETHERTYPE: u16 = 1536;

/// Decodes an Ethernet header.
#[inline]
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<HEADER>() else {
        return walk.short(Layer::Link, HEADER);
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, hi, lo] = header;
    let field = u16::from_be_bytes([hi, lo]);
    if field < MIN_ETHERTYPE && is_isl(&header) {
        return isl(walk);
    }
    note_macs(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0, s1, s2, s3, s4, s5]),
    );
    walk.skip(HEADER);
    if field == ethertypes::IPV4 {
        note_ethertype(walk, field);
        return Next::Ipv4;
    }
    type_or_length(walk, field)
}

/// Goes on behind a field that is an EtherType or a length.
pub(super) fn type_or_length(walk: &mut Walk<'_>, field: u16) -> Next {
    if field >= MIN_ETHERTYPE {
        return ethertype(walk, field);
    }
    if field > MAX_LENGTH {
        return walk.stop(
            Layer::Link,
            StopKind::BadLength,
            field.into(),
            MAX_LENGTH.into(),
        );
    }
    // A length beyond the frame is no reason to stop: what is inside has lengths of its own.
    walk.limit(field.into());
    // Novell's framing from before 802.2: the IPX header's checksum, always ffff, comes first.
    if walk.peek::<2>() == Some(&[0xff, 0xff]) {
        return recognised(walk, Network::Ipx);
    }
    llc::step(walk, llc::BridgePad::None)
}

/// Whether the first 40 bits are the multicast address that Cisco ISL frames go to.
#[inline]
fn is_isl(header: &[u8; HEADER]) -> bool {
    matches!(header, [0x01 | 0x0c, 0x00, 0x0c, 0x00, 0x00, ..])
}

/// Cisco Inter-Switch Link: 26 bytes around a whole frame.
fn isl(walk: &mut Walk<'_>) -> Next {
    const ISL: usize = 26;
    let Some(&header) = walk.peek::<ISL>() else {
        return walk.short(Layer::Vlan, ISL);
    };
    if is_outermost(walk) {
        // 15 bits of VLAN, then the BPDU bit.
        walk.out
            .vlans
            .push(u16::from_be_bytes([header[20], header[21]]) >> 1);
    }
    let kind = header[5] >> 4;
    walk.out.last_layer = Layer::Vlan;
    walk.skip(ISL);
    match kind {
        0 => Next::Link(netloom_packet::LinkType::ETHERNET),
        1 => Next::Link(netloom_packet::LinkType::TOKEN_RING),
        2 => Next::Link(netloom_packet::LinkType::FDDI),
        _ => recognised(walk, Network::Other),
    }
}

/// Hilscher netANALYZER: 4 bytes, then (transparent mode) preamble and delimiter, then a frame
/// with its check sequence.
pub(super) fn net_analyzer(walk: &mut Walk<'_>, preamble: usize) -> Next {
    let needed = 4 + preamble;
    if walk.rest().len() < needed {
        return walk.short(Layer::Link, needed);
    }
    walk.skip(needed);
    drop_trailer(walk, 4);
    step(walk)
}

/// IEEE 802.3br mPackets: preamble and delimiter, then a frame (or a fragment of one) with its
/// check sequence.
pub(super) fn mpacket(walk: &mut Walk<'_>) -> Next {
    /// Start of an express frame, and of the first fragment of a preemptable one.
    const WHOLE: [u8; 5] = [0xd5, 0xe6, 0x4c, 0x7f, 0xb3];
    let bytes = walk.rest();
    let preamble = bytes
        .iter()
        .take(7)
        .take_while(|&&byte| byte == 0x55)
        .count();
    let Some(&delimiter) = bytes.get(preamble) else {
        return walk.short(Layer::Link, preamble + 1);
    };
    walk.skip(preamble + 1);
    drop_trailer(walk, 4);
    if WHOLE.contains(&delimiter) {
        step(walk)
    } else {
        // Continuation fragments and verify/respond frames have no Ethernet header.
        recognised(walk, Network::Other)
    }
}
