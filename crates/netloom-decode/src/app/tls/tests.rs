//! Handshakes made by hand, fed whole and in pieces.

use std::net::{IpAddr, Ipv4Addr};

use netloom_packet::Timestamp;
use proptest::prelude::*;

use crate::app::{Context, Event, Events, Guess, Interest, Next, Probe};

use super::*;

/// Events as short lines.
#[derive(Debug, Default)]
pub(crate) struct Heard(pub(crate) Vec<String>);

impl Heard {
    pub(crate) fn has(&self, line: &str) -> bool {
        self.0.iter().any(|heard| heard == line)
    }

    /// The letters of the messages, the client's in upper case.
    pub(crate) fn history(&self) -> String {
        let letters = self.0.iter().filter_map(|line| line.strip_prefix("step "));
        letters.collect()
    }
}

impl Events for Heard {
    fn wants(&self, interest: Interest) -> bool {
        Interest::ALL.contains(interest)
    }

    fn event(&mut self, event: Event<'_>) {
        let text = |bytes: &[u8]| crate::app::text::display(bytes).into_owned();
        self.0.push(match event {
            Event::ServerName { name, source } => format!("{source} {}", text(name)),
            Event::Fingerprint { kind, value } => format!("{kind} {value}"),
            Event::Risk { risk, detail } => format!("risk {}: {detail}", risk.name()),
            Event::App(app) => format!("app {app}"),
            Event::Software { text: words, .. } => format!("software {}", text(words)),
            Event::Tls(Handshake::ClientHello { hello, .. }) => {
                let alpn: Vec<_> = hello.alpn.iter().map(|alpn| text(alpn)).collect();
                format!("client hello {}", alpn.join(","))
            }
            Event::Tls(Handshake::ServerHello { hello, .. }) => format!(
                "server hello {} {} {}",
                names::version(hello.version),
                names::cipher_suite(hello.cipher_suite),
                hello.group.map(names::group).unwrap_or_default()
            ),
            Event::Tls(Handshake::Certificates {
                of_client, chain, ..
            }) => {
                format!("certificates {of_client} {}", chain.len())
            }
            Event::Tls(Handshake::Step { of_client, letter }) => {
                let letter = char::from(letter);
                let letter = if of_client {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                };
                format!("step {letter}")
            }
            Event::Tls(Handshake::Alert {
                level, description, ..
            }) => format!("alert {level} {}", names::alert(description)),
            Event::Tls(Handshake::KeyExchange { group }) => {
                format!("key exchange {}", names::group(group))
            }
            Event::Tls(Handshake::Quic {
                version,
                client_initial_dcid,
                server_scid,
                retry_scid,
                history,
                ..
            }) => {
                let hex = crate::app::text::hex;
                let retry = match retry_scid {
                    [] => String::new(),
                    scid => format!(" retry {}", hex(scid)),
                };
                format!(
                    "quic {version:08x} {} {} {history}{retry}",
                    hex(client_initial_dcid),
                    hex(server_scid)
                )
            }
            Event::Tls(Handshake::Google { cyu, text }) => format!("cyu {text} {cyu}"),
            Event::Tls(other) => format!("{other:?}").to_lowercase(),
            other => format!("{other:?}"),
        });
    }
}

pub(crate) fn context(from_client: bool, tcp: bool) -> Context {
    Context {
        // 2024-01-01
        timestamp: Timestamp::from_secs_nanos(1_704_067_200, 0),
        number: 1,
        from_client,
        tcp,
        client: (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000),
        server: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443),
        wire_len: 0,
    }
}

pub(crate) fn probe_of(data: &[u8], tcp: bool, from_client: bool) -> Probe<'_> {
    let context = context(from_client, tcp);
    Probe {
        data,
        other: &[],
        previous: &[],
        wire_len: data.len(),
        tcp,
        from_client,
        from_start: true,
        packets: 1,
        client: context.client,
        server: context.server,
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    crate::app::text::hex(bytes)
}

/// An extension.
pub(crate) fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((content.len() as u16).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// Content of a server_name extension.
pub(crate) fn sni(name: &str) -> Vec<u8> {
    let len = name.len() as u16;
    let mut bytes = (len + 3).to_be_bytes().to_vec();
    bytes.push(0);
    bytes.extend(len.to_be_bytes());
    bytes.extend(name.as_bytes());
    bytes
}

/// A ClientHello's body: TLS 1.2, two cipher suites and a GREASE one.
pub(crate) fn client_hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 6, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f]);
    body.extend([1, 0]);
    let extensions = extensions.concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    body
}

/// A ServerHello's body.
pub(crate) fn server_hello(version: u16, suite: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([9; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    let extensions = extensions.concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    body
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes[0] = kind;
    bytes.extend(body);
    bytes
}

pub(crate) fn record(content: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![content, 3, 3];
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Plays a script of pieces, a driver as netloom-flow's, cut at most `cut` bytes long.
fn play(script: &[(bool, Vec<u8>)], cut: usize) -> Heard {
    let mut heard = Heard::default();
    let mut parser = (DETECTOR.parser.unwrap())();
    let mut held = [Vec::new(), Vec::new()];
    let mut skip = [0_u64; 2];
    'script: for (from_client, bytes) in script {
        let side = usize::from(!from_client);
        for piece in bytes.chunks(cut) {
            let skipped = skip[side].min(piece.len() as u64) as usize;
            skip[side] -= skipped as u64;
            held[side].extend(&piece[skipped..]);
            if held[side].is_empty() {
                continue;
            }
            let step = parser.stream(&context(*from_client, true), &held[side], &mut heard);
            assert!(step.consumed <= held[side].len());
            held[side].drain(..step.consumed);
            match step.next {
                Next::Skip(count) => skip[side] = count,
                Next::Continue => (),
                other => {
                    heard.0.push(format!("{other:?}"));
                    break 'script;
                }
            }
        }
    }
    parser.finish(&context(true, true), &mut heard);
    assert!(parser.heap_bytes() < 300_000);
    heard
}

#[test]
fn a_handshake_of_tls_1_2_at_every_cut() {
    let hello = client_hello(&[
        extension(0, &sni("www.example.org")),
        extension(10, &[0, 2, 0, 29]),
        extension(11, &[1, 0]),
        extension(
            16,
            &[
                0, 12, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1',
            ],
        ),
        extension(13, &[0, 4, 4, 3, 8, 4]),
    ]);
    let hello = message(1, &hello);
    // The hello is split over two records in the middle of its name.
    let (first, second) = hello.split_at(60);
    let server: Vec<u8> = [
        message(
            2,
            &server_hello(0x0303, 0xc02f, &[extension(16, &[0, 3, 2, b'h', b'2'])]),
        ),
        message(11, &[0, 0, 0]),
        message(12, &[3, 0, 23, 1, 4, 0, 0]),
        message(14, &[]),
    ]
    .concat();
    let script = [
        (true, [record(22, first), record(22, second)].concat()),
        (false, record(22, &server)),
        (
            true,
            [
                record(22, &message(16, &[1; 33])),
                record(20, &[1]),
                record(22, &[0x55; 40]),
            ]
            .concat(),
        ),
        (
            false,
            [
                record(20, &[1]),
                record(22, &[0x66; 40]),
                record(23, &[0; 3000]),
            ]
            .concat(),
        ),
    ];
    let whole = play(&script, usize::MAX);
    assert_eq!(whole.history(), "CsxknGIi");
    assert!(whole.has("tls_sni www.example.org"));
    assert!(whole.has("client hello h2,http/1.1"));
    assert!(whole.has("server hello TLSv12 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "));
    assert!(whole.has("key exchange secp256r1"));
    assert!(whole.has("established"));
    assert_eq!(whole.0.last().unwrap(), "Done");
    for cut in 1..200 {
        assert_eq!(play(&script, cut).0, whole.0, "cut {cut}");
    }
}

#[test]
fn a_handshake_of_tls_1_3_with_a_retry() {
    let offer = message(1, &client_hello(&[extension(43, &[4, 3, 4, 3, 3])]));
    let mut retry = server_hello(
        0x0303,
        0x1301,
        &[extension(43, &[3, 4]), extension(51, &[0, 24])],
    );
    retry[2..34].copy_from_slice(&[
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ]);
    let mut share = vec![0, 24, 0, 4];
    share.extend([5; 4]);
    let hello = server_hello(
        0x0303,
        0x1301,
        &[extension(43, &[3, 4]), extension(51, &share)],
    );
    let script = [
        (true, record(22, &offer)),
        (
            false,
            [record(22, &message(2, &retry)), record(20, &[1])].concat(),
        ),
        (true, [record(20, &[1]), record(22, &offer)].concat()),
        (
            false,
            [record(22, &message(2, &hello)), record(23, &[1; 500])].concat(),
        ),
        (true, record(23, &[2; 69])),
    ];
    let heard = play(&script, usize::MAX);
    assert_eq!(heard.history(), "CjiICs");
    assert!(heard.has("server hello TLSv13 TLS_AES_128_GCM_SHA256 secp384r1"));
    assert!(heard.has("established"));
    assert_eq!(play(&script, 7).0, heard.0);
}

#[test]
fn a_session_that_is_resumed() {
    let mut hello = client_hello(&[]);
    hello[34] = 4;
    hello.splice(35..35, [1, 2, 3, 4]);
    let mut answer = server_hello(0x0301, 0x002f, &[]);
    answer[34] = 4;
    answer.splice(35..35, [1, 2, 3, 4]);
    let heard = play(
        &[
            (true, record(22, &message(1, &hello))),
            (
                false,
                [
                    record(22, &message(2, &answer)),
                    record(20, &[1]),
                    record(22, &[7; 40]),
                ]
                .concat(),
            ),
            (true, [record(20, &[1]), record(22, &[8; 40])].concat()),
        ],
        usize::MAX,
    );
    assert!(heard.has("resumed") && heard.has("established"));
    assert!(heard.has("risk obsolete_tls: TLSv10"));
    assert_eq!(heard.history(), "CsiI");
}

#[test]
fn a_server_that_refuses() {
    let script = [
        (true, record(22, &message(1, &client_hello(&[])))),
        (false, record(21, &[2, 70])),
    ];
    let heard = play(&script, 1);
    assert!(heard.has("alert 2 protocol_version"));
    assert!(heard.has("risk tls_fatal_alert: protocol_version"));
    assert!(heard.has("risk tls_without_sni: no server_name extension"));
    assert_eq!(heard.history(), "Cl");
}

#[test]
fn the_name_in_a_hello_that_was_cut() {
    let hello = message(
        1,
        &client_hello(&[extension(0, &sni("cut.example")), extension(35, &[0; 400])]),
    );
    let bytes = record(22, &hello);
    let mut heard = Heard::default();
    let mut parser = (DETECTOR.parser.unwrap())();
    parser.stream(&context(true, true), &bytes[..150], &mut heard);
    assert!(!heard.has("tls_sni cut.example"));
    let _ = parser.gap(&context(true, true), 300, &mut heard);
    assert!(heard.has("tls_sni cut.example"));
    assert!(!heard.0.iter().any(|line| line.starts_with("ja")));
}

#[test]
fn a_hello_of_ssl_2_that_offers_tls() {
    let mut body = vec![1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 0x2f, 7, 0, 0xc0];
    body.extend([3; 16]);
    let mut bytes = vec![0x80, body.len() as u8];
    bytes.extend(&body);
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&bytes, true, true)),
        Guess::Certain
    );
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&bytes[..9], true, true)),
        Guess::More
    );
    let script = [
        (true, bytes),
        (
            false,
            record(22, &message(2, &server_hello(0x0301, 0x002f, &[]))),
        ),
    ];
    for cut in [1, 3, usize::MAX] {
        let heard = play(&script, cut);
        assert_eq!(heard.history(), "Cs");
        assert!(heard.has("server hello TLSv10 TLS_RSA_WITH_AES_128_CBC_SHA "));
    }
}

#[test]
fn other_protocols_are_no_tls() {
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        // TPKT, as RDP has it.
        &[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0],
        &[22, 3, 1, 0xff, 0xff, 1, 0, 0, 40],
        &[0x80, 3, 7, 8, 9],
    ] {
        assert_eq!((DETECTOR.probe)(&probe_of(other, true, true)), Guess::No);
    }
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&[22, 3], true, true)),
        Guess::More
    );
}

#[test]
fn fingerprints() {
    let body = client_hello(&[
        extension(0x2a2a, &[]),
        extension(0, &sni("example.org")),
        extension(10, &[0, 4, 0x3a, 0x3a, 0, 29]),
        extension(11, &[1, 0]),
        extension(13, &[0, 4, 8, 4, 4, 3]),
        extension(16, &[0, 3, 2, b'h', b'2']),
    ]);
    let hello = ClientHello::parse(&body, Carrier::Tcp, 0x0301).unwrap();
    // md5("771,4865-49199,0-10-11-13-16,29,0")
    assert_eq!(ja3(&hello), "9d7605bf52b38c7c0ffa7e3c712901c8");
    // sha256("1301,c02f"), sha256("000a,000b,000d_0804,0403")
    assert_eq!(ja4(&hello), "t12d0205h2_c1929292aa6b_9961062ea0e4");
    // One end is no letter: those of 68332d.
    let hello = ClientHello {
        carrier: Carrier::Quic,
        alpn: vec![b"h3-"],
        ..ClientHello::default()
    };
    assert_eq!(ja4(&hello), "q00i00006d_000000000000_000000000000");
    let dtls = ClientHello {
        carrier: Carrier::Dtls,
        version: 0xfefd,
        supported_versions: vec![0xfefc, 0xfefd],
        ..ClientHello::default()
    };
    assert!(ja4(&dtls).starts_with("dd3i000000_"));
}

#[test]
fn ja4_in_the_way_of_ndpi() {
    let start = |hello: &ClientHello<'_>| {
        let text = ja4_of_ndpi(hello);
        text.split_once('_').unwrap().0.to_owned()
    };
    let of_nothing = "e3b0c44298fc";
    let bare = ClientHello {
        version: 0x0303,
        ..ClientHello::default()
    };
    let expected = format!("t12d000000_{of_nothing}_{of_nothing}");
    assert_eq!(ja4_of_ndpi(&bare), expected);
    for (alpn, expected) in [
        (&[&b"h2"[..]][..], "h0"),
        (&[b"h2", b"http/1.1"], "h2"),
        (&[b"http/1.1"], "ht"),
        (&[b"x"], "00"),
        (&[b"x", b"y"], "x-"),
        (&[b"\x1b[31m"], "?["),
    ] {
        let hello = ClientHello {
            alpn: alpn.to_vec(),
            ..bare.clone()
        };
        assert_eq!(start(&hello), format!("t12d0000{expected}"), "{alpn:?}");
    }
    let to_an_address = ClientHello {
        server_name: Some(b"192.0.2.1"),
        extensions: vec![0x0a0a, 0, 43],
        supported_versions: vec![0x0a0a, 0x0304, 0x0303],
        ..bare.clone()
    };
    assert_eq!(start(&to_an_address), "t13i000200");
    let dtls = ClientHello {
        carrier: Carrier::Dtls,
        version: 0xfefd,
        supported_versions: vec![0xfefc, 0xfefd],
        ..bare
    };
    assert_eq!(start(&dtls), "dd2d000000");
}

proptest! {
    #[test]
    fn any_bytes_any_cuts(
        pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..20),
        cut in 1_usize..50,
    ) {
        for (from_client, bytes) in &pieces {
            let _ = (DETECTOR.probe)(&probe_of(bytes, true, *from_client));
        }
        play(&pieces, cut);
    }

    #[test]
    fn any_handshake_any_cuts(
        pieces in proptest::collection::vec(
            (any::<bool>(), 20_u8..25, 0_u8..25, proptest::collection::vec(any::<u8>(), 0..120)), 0..20),
        cut in 1_usize..50,
    ) {
        let script: Vec<_> = pieces
            .into_iter()
            .map(|(from_client, content, kind, body)| (from_client, record(content, &message(kind, &body))))
            .collect();
        play(&script, cut);
    }

    #[test]
    fn any_hello(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut body = body;
        if let Some(first) = body.first_mut() { *first = 3; }
        for carrier in [Carrier::Tcp, Carrier::Dtls, Carrier::Quic] {
            if let Some(hello) = ClientHello::parse(&body, carrier, 0x0301) {
                prop_assert_eq!(ja3(&hello).len(), 32);
                prop_assert!(ja4(&hello).len() >= 36);
                prop_assert!(ja4_of_ndpi(&hello).len() >= 36);
            }
            let _ = ServerHello::parse(&body, carrier);
        }
    }
}

#[test]
fn a_chain_over_many_records() {
    // Longer than what most programs take: the chain is there, what is no certificate in it too.
    let certificate = vec![0; 200_000];
    let mut body = ((certificate.len() + 3) as u32).to_be_bytes()[1..].to_vec();
    body.extend(&(certificate.len() as u32).to_be_bytes()[1..]);
    body.extend(&certificate);
    let hello = message(2, &server_hello(0x0303, 0xc02f, &[extension(11, &[1, 0])]));
    let mut script = vec![(false, record(22, &hello))];
    let chain = message(11, &body);
    script.extend(chain.chunks(16_384).map(|part| (false, record(22, part))));
    let heard = play(&script, 1460);
    assert!(heard.has("certificates false 1"), "{heard:?}");
    // md5("771,49199,11")
    assert!(
        heard.has("ja3s 70745099b394fe3f42264227c098cc98"),
        "{heard:?}"
    );
}

#[test]
fn an_answer_of_http() {
    let end = |answer: &[u8]| {
        let hello = record(22, &message(1, &client_hello(&[])));
        let mut parser = (DETECTOR.parser.unwrap())();
        let mut said = crate::app::trial::Said::default();
        let pieces = [(true, hello), (false, answer.to_vec())];
        crate::app::trial::streams(parser.as_mut(), pieces, &mut said)
    };
    assert!(matches!(
        end(b"HTTP/1.1 400 Bad Request\r\n"),
        Next::Become(Some(next)) if next.protocol.name == "http"
    ));
    assert!(matches!(end(b"HTTP/"), Next::Continue));
    assert!(matches!(end(b"HTTX/1.1 400"), Next::Continue));
}

#[test]
fn a_draft_without_a_number() {
    // Version of TLS 1.3, random, cipher suite, extensions: none of them.
    let mut body = vec![3, 4];
    body.extend([9; 32]);
    body.extend([0xc0, 0x2b, 0, 0]);
    let hello = ServerHello::parse(&body, Carrier::Tcp).unwrap();
    assert_eq!((hello.version, hello.cipher_suite), (0x7f00, 0xc02b));
    let plain = server_hello(0x0304, 0x1301, &[]);
    let hello = ServerHello::parse(&plain, Carrier::Tcp).unwrap();
    assert_eq!((hello.version, hello.cipher_suite), (0x0304, 0x1301));
}

#[test]
fn tor() {
    let chain = |der: &[u8]| {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        let chain = [three(der.len()), der.to_vec()].concat();
        [three(chain.len()), chain].concat()
    };
    let hello = |extensions: &[Vec<u8>]| {
        let name = extension(0, &sni("www.gfu7hbxpfp.com"));
        record(
            content::HANDSHAKE,
            &message(1, &client_hello(&[&[name], extensions].concat())),
        )
    };
    let old = |subject, issuer| {
        let certificate = chain(&x509::tests::certificate(subject, issuer, &[]));
        let answer = [
            message(2, &server_hello(0x0303, 0xc02f, &[])),
            message(11, &certificate),
        ];
        play(
            &[
                (true, hello(&[])),
                (false, record(content::HANDSHAKE, &answer.concat())),
            ],
            usize::MAX,
        )
    };
    let (relay, signer) = ("www.g6ghvisevf3ibuu5.net", "www.xkgk7fdx362yyyxib.com");
    let heard = old(relay, signer);
    assert!(
        heard.has("app Tor") && heard.has("risk anonymizer: Tor"),
        "{heard:?}"
    );
    assert!(
        !heard.0.iter().any(|line| line.contains("mismatch")),
        "{heard:?}"
    );
    let heard = old("www.gfu7hbxpfp.com", "Some CA");
    assert!(!heard.has("app Tor"), "{heard:?}");
    // TLS 1.3 hides certificates; browsers would offer an application protocol.
    let new = |extensions: &[Vec<u8>]| {
        let version = extension(43, &[3, 4]);
        let answer = message(2, &server_hello(0x0303, 0x1301, &[version]));
        play(
            &[
                (true, hello(extensions)),
                (false, record(content::HANDSHAKE, &answer)),
            ],
            usize::MAX,
        )
    };
    let heard = new(&[]);
    assert!(
        heard.has("app Tor") && !heard.has("risk anonymizer: Tor"),
        "{heard:?}"
    );
    assert!(!new(&[extension(16, b"\0\x03\x02h2")]).has("app Tor"));
}
