//! Parts of heads, and rows of them.

use super::*;

#[test]
fn names_of_files() {
    assert_eq!(
        file_name(b"attachment; filename=\"a b.txt\"").as_deref(),
        Some("a b.txt")
    );
    assert_eq!(
        file_name(b"inline; filename*=UTF-8''x.pdf").as_deref(),
        Some("x.pdf")
    );
    assert_eq!(file_name(b"inline"), None);
}

#[test]
fn parts_of_forms() {
    let form = b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\n\x89PNG";
    let (head, content) = first_part(form).unwrap();
    assert_eq!(head.and_then(file_name).as_deref(), Some("b.txt"));
    assert_eq!(content, b"\x89PNG");
    assert_eq!(first_part(b"--x\r\n\r\nhello"), Some((None, &b"hello"[..])));
    let preamble = b"\r\nfor old readers\r\n--x\r\n\r\nhello";
    assert_eq!(first_part(preamble), Some((None, &b"hello"[..])));
    assert_eq!(first_part(b"--x\r\nContent-Disposition: form-data"), None);
    assert_eq!(first_part(b"a=1"), None);
}

#[test]
fn ports_behind_hosts() {
    for (sent, port) in [
        (Some("example.org:8080"), Some(8080)),
        (Some("[2001:db8::1]:443"), Some(443)),
        (Some("[2001:db8::1]"), None),
        (Some("example.org:"), None),
        (Some("example.org:99999"), None),
        (None, None),
    ] {
        let record = HttpRecord {
            host_sent: sent.map(Into::into),
            ..HttpRecord::default()
        };
        assert_eq!(record.host_port(), port, "{sent:?}");
    }
}

/// Heads of a few bytes with fields of kilobytes, as HTTP/2 may send them.
#[test]
fn rows_hold_what_their_heads_have_room_for() {
    let context = Context {
        timestamp: Timestamp::from_nanos(0),
        number: 1,
        from_client: true,
        tcp: true,
        client: ([192, 0, 2, 1].into(), 1),
        server: ([192, 0, 2, 2].into(), 80),
        wire_len: 0,
    };
    let long = [0xff; 1024];
    let feed = |packed: Option<usize>| {
        let mut pairing = Pairing::default();
        let mut rows = Vec::new();
        for number in 0..1000 {
            let mut request = Request::default();
            request.method = b"GET";
            request.uri = &long;
            request.host = Some(b"a.example");
            request.user_agent = Some(&long);
            request.packed = packed;
            let mut response = Response::default();
            response.status = 200;
            response.server = Some(&long);
            response.packed = packed;
            let ends = [true, false].map(|of_request| Exchange::End {
                number,
                of_request,
                body_len: 0,
                complete: true,
            });
            let head = [
                Exchange::Request(number, request),
                Exchange::Response(number, response),
            ];
            for part in head.iter().chain(&ends) {
                pairing.exchange(&context, part, Interest::ALL, &mut |row| rows.push(row));
            }
        }
        assert_eq!(rows.len(), 1000);
        let last = rows.last().unwrap();
        assert_eq!(
            (last.method.as_deref(), last.status_code),
            (Some("GET"), Some(200))
        );
        let first = rows.first().unwrap();
        assert_eq!(first.uri.as_ref().unwrap().len(), 4096);
        rows.iter().map(|row| row.text_bytes()).sum::<usize>()
    };
    let held = feed(Some(20));
    assert!(held <= UNPACKED_FREE + UNPACKED_RATIO * 20 * 2000, "{held}");
    assert!(
        held > UNPACKED_RATIO * 20 * 1000,
        "the room is used: {held}"
    );
    assert_eq!(feed(None), 1000 * (3 * 4096 + 9));
}

#[test]
fn users() {
    assert_eq!(basic_user(b"Basic  bWU6c2VjcmV0").as_deref(), Some("me"));
    assert_eq!(basic_user(b"Bearer x"), None);
}
