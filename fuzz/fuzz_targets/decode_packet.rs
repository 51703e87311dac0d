//! Any bytes as a packet of any link type: no panic, and every offset inside the packet.
//!
//! The first two bytes are the link type, the next two are added to the length on the wire.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_decode::{DecodeOptions, decode, decode_ip};
use netloom_packet::{LinkType, Packet, Timestamp};

fn check(decoded: &netloom_decode::Decoded, length: usize) {
    let start = decoded.payload_offset as usize;
    let end = start + decoded.payload_len as usize;
    assert!(end <= length, "payload {start}..{end} of {length} bytes");
    assert!(decoded.payload_len <= decoded.payload_wire_len);
    if let Some(ip) = decoded.ip {
        assert!(ip.offset as usize <= length);
        // In a header that was cut it says where the payload would have begun.
        if let (Some(fragment), None) = (ip.fragment, decoded.stopped) {
            assert!(fragment.data_offset as usize <= length);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[low, high, beyond_low, beyond_high], data)) = bytes.split_first_chunk() else {
        return;
    };
    let wire_len = data.len() as u32 + u32::from(u16::from_le_bytes([beyond_low, beyond_high]));
    let packet = Packet {
        number: 1,
        timestamp: Timestamp::from_nanos(0),
        // Link types end at about 300: the rest of the range would only dilute the search.
        link_type: LinkType(u16::from_le_bytes([low, high]) % 320),
        interface: 0,
        wire_len,
        data,
    };
    check(&decode(&packet, DecodeOptions::default()), data.len());
    check(
        &decode_ip(data, wire_len, DecodeOptions::default()),
        data.len(),
    );
});
