//! Any bytes as a capture: no panic, packets inside their blocks, and the same packets whatever
//! the size of the block.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use netloom_capture::file::{self, OpenOptions};
use netloom_packet::PacketBatch;

/// Packets compared; a few bytes of a compressed file can hold millions.
const ENOUGH: usize = 1 << 16;

fn read(bytes: &[u8], block_size: usize) -> Option<Vec<(i64, u32, u32, u16, Vec<u8>)>> {
    let reader = Cursor::new(bytes.to_vec());
    let mut source = file::open_reader("fuzz", reader, &OpenOptions { block_size }).ok()?;
    let mut batch = PacketBatch::default();
    let mut packets = Vec::new();
    let mut number = 1;
    while packets.len() < ENOUGH && source.next_batch(&mut batch).expect("memory can be read") {
        assert!(!batch.is_empty());
        assert_eq!(batch.first_number, number);
        assert_eq!(
            batch.iter().count(),
            batch.len(),
            "a packet outside its block"
        );
        number += batch.len() as u64;
        packets.extend(batch.iter().map(|packet| {
            (
                packet.timestamp.as_nanos(),
                packet.interface,
                packet.wire_len,
                packet.link_type.0,
                packet.data.to_vec(),
            )
        }));
    }
    packets.truncate(ENOUGH);
    let interfaces = source.info()[0].interfaces.len();
    assert!(
        packets
            .iter()
            .all(|packet| (packet.1 as usize) < interfaces)
    );
    Some(packets)
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(read(bytes, 1 << 16), read(bytes, 64));
});
