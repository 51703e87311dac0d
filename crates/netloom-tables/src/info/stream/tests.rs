use netloom_decode::TcpFlags;
use proptest::prelude::*;

use super::*;

const ACK: TcpFlags = TcpFlags::ACK;

fn segment(from_first: bool, seq: u32, payload: &[u8]) -> Segment<'_> {
    Segment {
        from_first,
        seq,
        flags: ACK,
        payload,
        wire_len: payload.len() as u32,
    }
}

/// What the segments of one side say that carry this, cut at these places.
fn cut(stream: &[u8], places: &[usize]) -> Vec<Option<SegmentNote>> {
    let mut conversation = Conversation::default();
    let ends = places.iter().copied().chain([stream.len()]);
    let mut at = 0;
    let mut notes = Vec::new();
    for end in ends {
        let payload = &stream[at..end];
        notes.push(conversation.segment(&segment(true, at as u32, payload)));
        at = end;
    }
    notes
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what may be none"
)]
fn says(text: &str) -> Option<SegmentNote> {
    Some(SegmentNote::Says(Cow::Owned(text.to_owned())))
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 3, 3];
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn message(kind: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![kind, 0, (len >> 8) as u8, len as u8];
    bytes.resize(4 + len, 0x55);
    bytes
}

#[test]
fn a_record_is_told_by_the_segment_that_ends_it() {
    let certificate = record(22, &message(11, 300));
    assert_eq!(
        cut(&certificate, &[2 + 1, 7, 100]),
        [
            Some(SegmentNote::Part),
            Some(SegmentNote::Part),
            Some(SegmentNote::Part),
            says("TLSv12 Certificate"),
        ]
    );
    let mut two = record(22, &message(2, 60));
    let first = two.len();
    two.extend(record(22, &message(11, 900)));
    two.extend(record(22, &message(14, 0)));
    assert_eq!(
        cut(&two, &[first + 100]),
        [
            says("TLSv12 Server Hello"),
            says("TLSv12 Certificate, Server Hello Done"),
        ]
    );
}

#[test]
fn a_handshake_message_in_two_records() {
    let bytes = message(11, 300);
    let mut stream = record(22, &bytes[..150]);
    let first = stream.len();
    stream.extend(record(22, &bytes[150..]));
    assert_eq!(cut(&stream, &[first]), [None, says("TLSv12 Certificate")]);
}

#[test]
fn behind_a_change_of_keys_all_is_encrypted() {
    let mut stream = record(20, &[1]);
    stream.extend(record(22, &message(16, 36)));
    stream.extend(record(21, &[1, 0]));
    assert_eq!(
        cut(&stream, &[]),
        [says(
            "TLSv12 Change Cipher Spec, Encrypted Handshake Message, Encrypted Alert"
        )]
    );
    // The second hello of TLS 1.3 is not.
    let mut stream = record(20, &[1]);
    stream.extend(record(22, &message(1, 200)));
    assert_eq!(
        cut(&stream, &[50]),
        [
            says("TLSv12 Change Cipher Spec"),
            says("TLSv12 Client Hello")
        ]
    );
    assert_eq!(
        cut(&record(21, &[2, 40]), &[6]),
        [
            Some(SegmentNote::Part),
            says("TLSv12 Alert (handshake_failure)")
        ]
    );
}

#[test]
fn an_answer_ends_with_its_body() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: Text/HTML; a=b\r\n\r\n";
    let line = "HTTP/1.1 200 OK  (text/html)";
    let mut stream = head.to_vec();
    stream.extend(b"0123456789");
    assert_eq!(
        cut(&stream, &[head.len(), head.len() + 5]),
        [
            Some(SegmentNote::Begins(line.into())),
            Some(SegmentNote::Part),
            says(line),
        ]
    );
    // Wherever the head is cut.
    for place in 8..head.len() {
        let notes = cut(&stream, &[place]);
        assert_eq!(notes[1], says(line), "{place}");
    }
}

#[test]
fn chunks() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = head.to_vec();
    stream.extend(b"5;a=b\r\n01234\r\n1\r\nx\r\n0\r\nTrailer: 1\r\n\r\n");
    for place in head.len()..stream.len() {
        let notes = cut(&stream, &[place]);
        assert_eq!(
            notes,
            [
                Some(SegmentNote::Begins("HTTP/1.1 200 OK".into())),
                says("HTTP/1.1 200 OK")
            ],
            "{place}"
        );
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let mut conversation = Conversation::default();
    let requests = b"HEAD / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    assert_eq!(
        conversation.segment(&segment(true, 0, requests)),
        says("HEAD / HTTP/1.1 | GET /b HTTP/1.1")
    );
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    assert_eq!(
        conversation.segment(&segment(false, 0, answer)),
        says("HTTP/1.1 200 OK")
    );
    assert_eq!(
        conversation.segment(&segment(false, answer.len() as u32, answer)),
        Some(SegmentNote::Begins("HTTP/1.1 200 OK".into()))
    );
}

#[test]
fn an_answer_until_the_end() {
    let mut conversation = Conversation::default();
    let answer = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc";
    let line = "HTTP/1.0 200 OK  (text/plain)";
    assert_eq!(
        conversation.segment(&segment(false, 0, answer)),
        Some(SegmentNote::Begins(line.into()))
    );
    let fin = Segment {
        flags: TcpFlags(TcpFlags::ACK.0 | TcpFlags::FIN.0),
        ..segment(false, answer.len() as u32, b"")
    };
    assert_eq!(conversation.segment(&fin), says(line));
}

#[test]
fn losses_and_repetitions() {
    let data = record(23, &[0; 1000]);
    let mut conversation = Conversation::default();
    let half = &data[..500];
    assert_eq!(
        conversation.segment(&segment(true, 10, half)),
        Some(SegmentNote::Part)
    );
    assert_eq!(
        conversation.segment(&segment(true, 10, half)),
        Some(SegmentNote::Again)
    );
    // The rest is lost: reading begins with the next record.
    assert_eq!(
        conversation.segment(&segment(true, 10 + 1005, &data)),
        says("TLSv12 Application Data")
    );
    // A part of it was there before.
    let more = [&data[900..], &record(23, &[1])].concat();
    assert_eq!(
        conversation.segment(&segment(true, 10 + 1005 + 900, &more)),
        says("TLSv12 Application Data")
    );
    // What was not captured cannot be told.
    let cut = Segment {
        wire_len: 1005,
        ..segment(true, 10 + 2010 + 6, half)
    };
    assert_eq!(conversation.segment(&cut), None);
}

#[test]
fn other_bytes_are_none() {
    assert!(!segment(true, 0, b"OPTIONS rtsp://a RTSP/1.0").begins());
    assert!(!segment(true, 0, b"SSH-2.0-a\r\n").begins());
    assert!(!segment(true, 0, b"\x16\x01\x00\x00").begins());
    assert!(segment(true, 0, b"\x16\x03\x01").begins());
    assert!(segment(true, 0, b"GET /long").begins());
    assert!(segment(true, 0, b"POST ").begins());
    let mut conversation = Conversation::default();
    assert_eq!(conversation.segment(&segment(true, 0, b"hello")), None);
}

proptest! {
    /// What is kept is bounded, whatever comes.
    #[test]
    fn memory_is_bounded(
        starts in prop::collection::vec((0_usize..5, any::<bool>(), prop::collection::vec(any::<u8>(), 0..600)), 1..60)
    ) {
        let begins: [&[u8]; 5] = [b"\x16\x03\x03\x20\x00\x01\x00\x1f\xf0", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"", b"\r\n"];
        let mut conversation = Conversation::default();
        let mut next = [0_u32; 2];
        for (start, from_first, bytes) in starts {
            let payload = [begins[start], &bytes].concat();
            let seq = &mut next[usize::from(from_first)];
            conversation.segment(&segment(from_first, *seq, &payload));
            *seq = seq.wrapping_add(payload.len() as u32);
            prop_assert!(conversation.held() <= 128 << 10);
        }
    }
}
