//! Any segments: what comes out is consistent, and memory stays within the limit.
//!
//! The first four bytes are the initial sequence number, the next two the limit; then, for
//! each step, four bytes of sequence number and one of length (255: an acknowledgment).

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_flow::{Delivered, StreamAssembler};

fuzz_target!(|bytes: &[u8]| {
    let Some((&[a, b, c, d, low, high], mut rest)) = bytes.split_first_chunk() else { return };
    let initial = u32::from_le_bytes([a, b, c, d]);
    let limit = usize::from(u16::from_le_bytes([low, high]));
    let mut stream = StreamAssembler::new(initial, limit);
    let mut total = 0_u64;
    let mut take = |delivered: Delivered<'_>| {
        total += match delivered {
            Delivered::Data(data) => {
                assert!(!data.is_empty());
                data.len() as u64
            }
            Delivered::Gap(missing) => {
                assert!(missing > 0);
                missing
            }
        };
    };
    while let Some((&[a, b, c, d, length], after)) = rest.split_first_chunk() {
        let sequence = u32::from_le_bytes([a, b, c, d]);
        if length == u8::MAX {
            stream.skip_to(sequence, &mut take);
            rest = after;
        } else {
            let (payload, after) = after.split_at(after.len().min(length.into()));
            stream.ingest(sequence, payload, &mut take);
            rest = after;
        }
        assert!(stream.buffered() <= limit);
    }
    stream.finish(&mut take);
    assert_eq!(stream.buffered(), 0);
    assert_eq!(total, stream.position());
});
