//! Each limit, by hand-made packets: not reached, reached, exceeded.

mod frames;

use netloom_decode::{DecodeOptions, decode};
use netloom_packet::{LinkType, Packet, Timestamp};
use proptest::prelude::*;

use super::{AnalyzerLimits, PortAnalyzer};
use crate::{FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable};

const SYN: u8 = 2;
const PSH_ACK: u8 = 24;

/// A conversation of a client and a server.
struct Talk {
    table: FlowTable,
    closed: Vec<FlowRecord>,
    number: u64,
    port: u16,
    next: [u32; 2],
}

impl Talk {
    fn with(config: &FlowConfig, port: u16) -> Self {
        Self {
            table: FlowTable::new(config),
            closed: Vec::new(),
            number: 0,
            port,
            next: [1000, 5000],
        }
    }

    /// A connection of TCP that has begun.
    fn tcp(config: &FlowConfig, port: u16) -> Self {
        let mut talk = Self::with(config, port);
        talk.segment(0, SYN, b"");
        talk.segment(1, SYN | 16, b"");
        talk.segment(0, 16, b"");
        talk
    }

    fn packet(&mut self, side: usize, protocol: u8, transport: &[u8]) {
        let (src, dst) = ([10, 0, 0, 1 + side as u8], [10, 0, 0, 2 - side as u8]);
        let len = (20 + transport.len()) as u16;
        let mut data = vec![0x45, 0];
        data.extend(len.to_be_bytes());
        data.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
        data.extend(src);
        data.extend(dst);
        data.extend(transport);
        self.number += 1;
        let packet = Packet {
            number: self.number,
            timestamp: Timestamp::from_nanos(self.number as i64),
            wire_len: data.len() as u32,
            link_type: LinkType::RAW,
            interface: 0,
            data: &data,
        };
        let decoded = decode(&packet, DecodeOptions::default());
        let packet = FlowPacket::new(&packet, &decoded);
        self.table.ingest(&packet, &mut self.closed);
        // The account of memory is checked with it.
        assert!(self.table.stats().memory < 1 << 20);
    }

    fn ports(&self, side: usize) -> Vec<u8> {
        let ports = [40_000, self.port];
        [ports[side].to_be_bytes(), ports[1 - side].to_be_bytes()].concat()
    }

    fn segment(&mut self, side: usize, flags: u8, payload: &[u8]) {
        let mut header = self.ports(side);
        header.extend(self.next[side].to_be_bytes());
        header.extend(self.next[1 - side].to_be_bytes());
        header.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        header.extend(payload);
        self.next[side] = self.next[side]
            .wrapping_add(payload.len() as u32)
            .wrapping_add(u32::from(flags & SYN != 0));
        self.packet(side, 6, &header);
    }

    /// Text of a side, in segments of so many bytes.
    fn say(&mut self, side: usize, text: &[u8], size: usize) -> &mut Self {
        for piece in text.chunks(size) {
            self.segment(side, PSH_ACK, piece);
        }
        self
    }

    fn datagram(&mut self, side: usize, payload: &[u8]) {
        let mut header = self.ports(side);
        header.extend((8 + payload.len() as u16).to_be_bytes());
        header.extend([0, 0]);
        header.extend(payload);
        self.packet(side, 17, &header);
    }

    fn history(&mut self) -> String {
        self.table.finish(self.number, &mut self.closed);
        self.closed.swap_remove(0).history
    }

    fn exceeds(&mut self) -> bool {
        self.history().contains('X')
    }
}

fn zeek(change: impl FnOnce(&mut AnalyzerLimits)) -> FlowConfig {
    let mut config = FlowConfig::new(FlowRules::Zeek);
    change(&mut config.limits);
    config
}

/// Whether a client exceeds a limit that says so to a server's port, all at once and byte by byte.
fn client(config: &FlowConfig, port: u16, text: &[u8]) -> bool {
    let [whole, bytes] = [1400, 1].map(|size| Talk::tcp(config, port).say(0, text, size).exceeds());
    assert_eq!(whole, bytes);
    whole
}

/// As [`client`], on a port that tells nothing: a side's first segment does.
fn elsewhere(config: &FlowConfig, port: u16, text: &[u8]) -> bool {
    Talk::tcp(config, port).say(0, text, 1400).exceeds()
}

fn dns(opcode: u8, questions: u16, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 1, opcode << 3, 0];
    message.extend(questions.to_be_bytes());
    message.extend([0; 6]);
    message.extend(body);
    message
}

fn over_udp(config: &FlowConfig, port: u16, message: &[u8]) -> String {
    let mut talk = Talk::with(config, port);
    talk.datagram(0, message);
    talk.datagram(0, message);
    talk.history()
}

#[test]
fn questions_of_dns() {
    let config = zeek(|_| {});
    let body = b"\x01a\0\0\x01\0\x01".repeat(30);
    assert_eq!(over_udp(&config, 53, &dns(0, 24, &body)), "D");
    assert_eq!(over_udp(&config, 53, &dns(0, 25, &body)), "D");
    assert_eq!(over_udp(&config, 53, &dns(0, 26, &body)), "DX");
    assert_eq!(over_udp(&config, 5353, &dns(0, 26, &body)), "DX");
    assert_eq!(over_udp(&config, 54, &dns(0, 26, &body)), "D");
    let any = zeek(|limits| limits.dns_queries = 0);
    assert_eq!(over_udp(&any, 53, &dns(0, 30, &body)), "D");
    // Over TCP, each with its length.
    for (questions, exceeds) in [(25, false), (26, true)] {
        let message = dns(0, questions, &body);
        let short = dns(0, 1, &body[..7]);
        let mut text = Vec::new();
        for message in [&short, &message] {
            text.extend((message.len() as u16).to_be_bytes());
            text.extend(message);
        }
        assert_eq!(client(&config, 53, &text), exceeds);
    }
    // Other rules, and ports of servers without 53, have none.
    let native = FlowConfig::new(FlowRules::Native);
    assert_eq!(over_udp(&native, 53, &dns(0, 26, &body)), "D");
    let mut bare = zeek(|_| {});
    bare.server_ports = Some(vec![(17, 53)]);
    assert_eq!(over_udp(&bare, 53, &dns(0, 26, &body)), "D");
}

#[test]
fn operations_of_dns() {
    let config = zeek(|_| {});
    for (opcode, history) in [
        (0, "D"),
        (1, "DX"),
        (2, "DX"),
        (4, "D"),
        (5, "D"),
        (6, "DX"),
    ] {
        let message = dns(opcode, 1, b"\x01a\0\0\x01\0\x01");
        assert_eq!(over_udp(&config, 53, &message), history, "{opcode}");
        assert_eq!(over_udp(&config, 137, &message), "D", "{opcode}");
    }
}

#[test]
fn pointers_of_dns() {
    let config = zeek(|limits| limits.dns_pointers = 3);
    for (pointers, history) in [(2, "D"), (3, "D"), (4, "DX")] {
        // Questions, each of which points to the name of the one before.
        let mut body = b"\x01a\0\0\x01\0\x01".to_vec();
        let mut target = 12_u8;
        for _ in 0..pointers {
            let at = 12 + body.len() as u8;
            body.extend([0xc0, target, 0, 1, 0, 1]);
            target = at;
        }
        let message = dns(0, pointers + 1, &body);
        assert_eq!(over_udp(&config, 53, &message), history, "{pointers}");
        // In the data of an answer.
        let mut message = dns(0, pointers, &body[..body.len() - 6]);
        message[7] = 1;
        message.extend(b"\x01b\0\0\x05\0\x01\0\0\0\0\0\x02");
        message.extend(&body[body.len() - 6..][..2]);
        assert_eq!(over_udp(&config, 53, &message), history, "{pointers}");
    }
    // A pointer to itself, forward, or to nowhere leads nowhere.
    for pointer in [b"\xc0\x0c", b"\xc0\x40", b"\xff\xff"] {
        assert_eq!(over_udp(&config, 53, &dns(0, 1, pointer)), "D");
    }
}

#[test]
fn commands_of_ftp() {
    let config = zeek(|_| {});
    for (len, exceeds) in [(99, false), (100, false), (101, true)] {
        let word = "A".repeat(len);
        assert_eq!(
            client(&config, 21, format!("USER a\r\n{word} b\r\n").as_bytes()),
            exceeds
        );
        assert_eq!(
            client(&config, 21, format!("USER a\n  {word}\n").as_bytes()),
            exceeds
        );
        // It is not said of what may be something else.
        assert!(!client(
            &config,
            21,
            format!("{word} b\r\nUSER a\r\n").as_bytes()
        ));
        assert!(!client(
            &config,
            21,
            format!("USER a\r\nB {word}\r\n").as_bytes()
        ));
        assert!(!client(
            &config,
            21,
            format!("USER a\r\n\u{1}{word}\r\n").as_bytes()
        ));
        // Elsewhere once a server has greeted.
        let text = format!("USER a\r\n{word} b\r\n");
        assert!(!client(&config, 2100, text.as_bytes()));
        let mut talk = Talk::tcp(&config, 2100);
        talk.say(1, b"220 ready\r\n", 99)
            .say(0, text.as_bytes(), 1400);
        assert_eq!(talk.exceeds(), exceeds);
        // Behind the letters of the packet.
        let mut talk = Talk::tcp(&config, 21);
        talk.say(1, b"220 ready\r\n", 99)
            .say(0, text.as_bytes(), 1400);
        assert_eq!(talk.history(), if exceeds { "ShAdDX" } else { "ShAdD" });
        // TLS follows.
        let mut talk = Talk::tcp(&config, 21);
        talk.say(0, b"AUTH TLS\r\n", 99).say(1, b"234 go\r\n", 3);
        assert!(!talk.say(0, text.as_bytes(), 1400).exceeds());
    }
}

#[test]
fn lines_of_logins() {
    for analyzer in [
        PortAnalyzer::Telnet,
        PortAnalyzer::Rsh,
        PortAnalyzer::Rlogin,
    ] {
        let off = zeek(|limits| limits.login_line = 50);
        let on = zeek(|limits| {
            limits.login_line = 50;
            limits.on_ports = vec![(analyzer, 513)];
        });
        for (len, exceeds) in [(49, false), (50, false), (51, true)] {
            let line = vec![b'x'; len];
            let name = [b"\0".as_slice(), &line].concat();
            let text = match analyzer {
                PortAnalyzer::Telnet => [b"short\r\n".as_slice(), &line].concat(),
                _ => name,
            };
            assert_eq!(client(&on, 513, &text), exceeds, "{analyzer:?} {len}");
            assert!(!client(&off, 513, &text));
            // Names that end, then lines.
            let text = [b"\0me\0you\0vt100\0one\ntwo\r".as_slice(), &line].concat();
            assert_eq!(client(&on, 513, &text), exceeds, "{analyzer:?} {len}");
        }
    }
}

#[test]
fn options_of_telnet() {
    let config = zeek(|limits| {
        limits.login_line = 50;
        limits.on_ports = vec![(PortAnalyzer::Telnet, 23)];
    });
    for (len, exceeds) in [(47, false), (48, false), (49, true)] {
        let mut text = b"\xff\xfb\x01\xff\xfa".to_vec();
        text.extend(vec![7; len]);
        assert_eq!(client(&config, 23, &text), exceeds, "{len}");
    }
    // Options that end count no more.
    let option = b"\xff\xfa\x18\0xterm\xff\xf0\xff\xfd\x03\xff\xf1".repeat(40);
    assert!(!client(&config, 23, &option));
    // Nor does a broken one, but for the next one's first byte.
    assert!(!client(
        &config,
        23,
        &b"\xff\xfa\x18\xff\xfd\x03".repeat(40)
    ));
}

#[test]
fn sizes_of_windows_are_no_text() {
    let config = zeek(|limits| {
        limits.login_line = 50;
        limits.on_ports = vec![(PortAnalyzer::Rlogin, 513)];
    });
    let mut text = b"\0me\0you\0vt100\0".to_vec();
    text.extend(b"\xff\xffss12345678".repeat(40));
    assert!(!client(&config, 513, &text));
    text.extend([b'x'; 51]);
    assert!(client(&config, 513, &text));
}

#[test]
fn handshakes_of_gnutella() {
    let config = zeek(|limits| {
        limits.gnutella_line = 100;
        limits.gnutella_head = 200;
        limits.on_ports = vec![(PortAnalyzer::Gnutella, 6346)];
    });
    let hello = "GNUTELLA CONNECT/0.6\r\n";
    for (len, exceeds) in [(98, false), (99, false), (100, true)] {
        let text = format!("{hello}{}\r\n", "a".repeat(len));
        assert_eq!(client(&config, 6346, text.as_bytes()), exceeds, "{len}");
        assert!(!client(&zeek(|_| {}), 6346, text.as_bytes()));
    }
    for (len, exceeds) in [(82, false), (83, false), (84, true)] {
        // 22 and 92 bytes came before, each with its end.
        let text = format!("{hello}{}\r\n{}\r\n", "a".repeat(90), "a".repeat(len));
        assert_eq!(client(&config, 6346, text.as_bytes()), exceeds, "{len}");
    }
    // HTTP is none of it, and messages have no lines.
    let long = "a".repeat(100);
    assert!(!client(
        &config,
        6346,
        format!("GET / HTTP/1.1\r\n{long}").as_bytes()
    ));
    let mut talk = Talk::tcp(&config, 6346);
    talk.say(0, hello.as_bytes(), 99).say(0, b"\r\n", 9);
    talk.say(1, b"GNUTELLA/0.6 200 OK\r\n\r\n", 3);
    talk.say(0, b"GNUTELLA/0.6 200 OK\r\n\r\n", 3);
    assert!(!talk.say(0, long.as_bytes(), 9).exceeds());
}

#[test]
fn frames_of_ncp() {
    let config = zeek(|limits| {
        limits.ncp_frame = 150;
        limits.on_ports = vec![(PortAnalyzer::Ncp, 524)];
    });
    let frame = |len: u32| {
        let mut frame = b"DmdT".to_vec();
        frame.extend(len.to_be_bytes());
        frame.extend([0; 8]);
        frame.extend([0x22, 0x22]);
        frame.resize((len as usize).max(22), 0);
        frame
    };
    let small = frame(40);
    for (len, exceeds) in [
        (149, false),
        (150, false),
        (151, true),
        (8, false),
        (7, true),
    ] {
        let text = [small.as_slice(), &frame(len)[..]].concat();
        let text = &text[..40 + (len as usize).max(8)];
        assert_eq!(client(&config, 524, text), exceeds, "{len}");
    }
    // Of a connection under way frames are looked for where a segment begins.
    for (text, exceeds) in [(frame(151), true), (vec![b'?'; 60], false)] {
        let mut talk = Talk::with(&config, 524);
        assert_eq!(talk.say(0, &text, 1400).exceeds(), exceeds);
    }
}

/// A request that has parts in parts.
fn nested(depth: usize) -> Vec<u8> {
    let part = |level: usize| {
        let next = level + 1;
        format!(
            "--b{level:03}\r\nContent-Type: multipart/mixed;\r\n boundary=\"b{next:03}\"\r\n\r\n"
        )
    };
    let body: Vec<String> = (0..depth).map(part).collect();
    let body = body.concat();
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nContent-Type: multipart/mixed; boundary=b000\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn parts_in_parts() {
    let config = zeek(|limits| limits.mime_depth = 10);
    for (depth, exceeds) in [(9, false), (10, false), (11, true)] {
        assert_eq!(client(&config, 80, &nested(depth)), exceeds, "{depth}");
        assert_eq!(elsewhere(&config, 8765, &nested(depth)), exceeds, "{depth}");
        // Requests before it, with bodies of all kinds.
        let before = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n--b00GET / HTTP/1.1\r\n\r\n\
            POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
        let text = [before.as_slice(), &nested(depth)].concat();
        assert_eq!(client(&config, 80, &text), exceeds, "{depth}");
        // Messages in messages, in mail.
        let mut text = b"EHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n".to_vec();
        text.extend(b"Content-Type: message/rfc822\r\n\r\n".repeat(depth));
        assert_eq!(client(&config, 25, &text), exceeds, "{depth}");
    }
    assert!(client(&zeek(|_| {}), 80, &nested(101)));
    assert!(!client(&zeek(|_| {}), 80, &nested(100)));
    assert!(!client(
        &zeek(|limits| limits.mime_depth = 0),
        80,
        &nested(1100)
    ));
    // Parts beside one another are not in one another.
    let parts = "--b\r\n\r\nx\r\n".repeat(40);
    let text = format!("POST / HTTP/1.1\r\nContent-Type: multipart/x; boundary=b\r\n\r\n{parts}");
    assert!(!client(&config, 80, text.as_bytes()));
}

#[test]
fn parts_of_answers() {
    let config = zeek(|limits| limits.mime_depth = 2);
    let body = "Content-Type: message/http\r\n\r\n".repeat(3);
    for (request, answer, exceeds) in [
        ("GET", "200 OK", true),
        ("HEAD", "200 OK", false),
        ("GET", "304 Not Modified", false),
        ("CONNECT", "200 OK", false),
    ] {
        let mut talk = Talk::tcp(&config, 80);
        talk.say(0, format!("{request} / HTTP/1.1\r\n\r\n").as_bytes(), 99);
        talk.say(1, format!("HTTP/1.1 {answer}\r\n{body}").as_bytes(), 1400);
        assert_eq!(talk.exceeds(), exceeds, "{request} {answer}");
    }
}

#[test]
fn fields_of_headers() {
    let config = zeek(|limits| limits.mime_header = 100);
    for (len, exceeds) in [(99, false), (100, true), (101, true)] {
        // A field that is not continued may be of any length; one is continued up to the limit.
        let field = format!("A: {}\r\n", "a".repeat(len - 3));
        let folded = format!("{field} b\r\n");
        let twice = format!("A:b\r\n {}\r\n c\r\n", "a".repeat(len - 4));
        for (text, exceeds) in [(&field, false), (&folded, exceeds), (&twice, exceeds)] {
            let request = format!("GET / HTTP/1.1\r\n{text}\r\n");
            assert_eq!(client(&config, 80, request.as_bytes()), exceeds, "{len}");
            let mail = format!("EHLO me\r\nDATA\r\n{text}\r\n");
            assert_eq!(client(&config, 25, mail.as_bytes()), exceeds, "{len}");
            let chunk = format!("EHLO me\r\nBDAT {} LAST\r\n{text}", text.len());
            assert_eq!(client(&config, 25, chunk.as_bytes()), exceeds, "{len}");
            // The server takes no mail.
            let mut talk = Talk::tcp(&config, 25);
            talk.say(1, b"220-a\r\n220 b\r\n", 5)
                .say(0, b"DATA\r\n", 99);
            talk.say(1, b"503 no\r\n", 99).say(0, text.as_bytes(), 1400);
            assert!(!talk.exceeds());
        }
        assert!(!client(
            &config,
            80,
            format!("GET / HTTP/1.1\r\n\r\n{folded}").as_bytes()
        ));
    }
}

#[test]
fn once_and_where_it_is_exceeded() {
    let config = zeek(|limits| limits.ftp_command = 5);
    let mut talk = Talk::tcp(&config, 21);
    talk.say(1, b"220 a\r\n", 99)
        .say(0, b"USER a\r\nLONGER b\r\nLONGER b\r\n", 9);
    talk.segment(1, 17, b"");
    assert_eq!(talk.history(), "ShAdDXf");
    // A segment that came too early counts when the one before it has come.
    let mut talk = Talk::tcp(&config, 21);
    let next = talk.next[0];
    talk.next[0] += 8;
    talk.say(0, b"LONGER b\r\n", 99);
    assert_eq!(talk.history(), "ShAD");
    talk = Talk::tcp(&config, 21);
    talk.next[0] += 8;
    talk.say(0, b"LONGER b\r\n", 99);
    talk.next[0] = next;
    talk.say(0, b"USER a\r\n", 99);
    talk.segment(1, 16, b"");
    assert_eq!(talk.history(), "ShADTXa");
    // What the server acknowledges will not come any more.
    let mut talk = Talk::tcp(&config, 21);
    talk.say(0, b"USER a\r\n", 99);
    talk.next[0] += 20;
    talk.say(0, b"\r\nLONGER b\r\n", 99);
    talk.segment(1, 16, b"");
    assert!(talk.exceeds());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    /// Any bytes, in any pieces, of any analyzer: no panic, and the account of memory is right
    /// (which the table checks by itself).
    #[test]
    fn hostile(
        port in prop::sample::select(vec![21_u16, 22, 23, 25, 53, 80, 445, 513, 514, 524, 6346, 9999]),
        start in 0_usize..9,
        pieces in prop::collection::vec((0_usize..2, prop::collection::vec(any::<u8>(), 0..60), 0_u32..4), 0..40),
        small in any::<bool>(),
    ) {
        let config = zeek(|limits| {
            use PortAnalyzer::{Gnutella, Ncp, Rlogin, Rsh, Telnet};
            limits.on_ports = vec![(Telnet, 23), (Rlogin, 513), (Rsh, 514), (Ncp, 524), (Gnutella, 6346)];
            if small {
                limits.login_line = 0;
                limits.mime_depth = 1;
                limits.ncp_frame = 0;
            } else {
                limits.login_line = u32::MAX;
                limits.ncp_frame = u32::MAX;
            }
        });
        let starts: [&[u8]; 9] = [
            b"", b"SSH-2.0-x\n", b"GET / HTTP/1.1\r\n", b"EHLO\r\nDATA\r\n", b"\0\0\0\xff\xffSMB\x73",
            b"GNUTELLA/0.6 200\r\n", b"\xff\xfa", b"\0", b"POST / HTTP/1.1\r\nContent-Type: multipart/x; boundary=\"\r\"\r\n\r\n",
        ];
        let mut talk = Talk::tcp(&config, port);
        talk.say(1, starts[start], 1400).say(0, starts[start], 1400);
        for (side, bytes, hole) in pieces {
            talk.next[side] = talk.next[side].wrapping_add(hole / 3);
            talk.segment(side, PSH_ACK, &bytes);
        }
        prop_assert!(talk.history().matches('X').count() <= 1);
    }

    #[test]
    fn hostile_datagrams(bytes in prop::collection::vec(any::<u8>(), 0..200), port in prop::sample::select(vec![53_u16, 137, 5353])) {
        let config = zeek(|_| {});
        let mut talk = Talk::with(&config, port);
        talk.datagram(0, &bytes);
        talk.datagram(1, &bytes);
        prop_assert!(talk.history().matches('X').count() <= 1);
    }

    /// Text of small letters, which parsers of lines take further than any bytes.
    #[test]
    fn hostile_text(
        text in prop::collection::vec(prop::sample::select(b"\r\n ab:;-=\"".to_vec()), 0..300),
        cut in 1_usize..50,
    ) {
        let config = zeek(|limits| limits.mime_depth = 2);
        let head = b"POST / HTTP/1.1\r\nContent-Type: multipart/x; boundary=a\r\n\r\n";
        let whole = Talk::tcp(&config, 80).say(0, &[head.as_slice(), &text].concat(), 4000).exceeds();
        let pieces = Talk::tcp(&config, 80).say(0, &[head.as_slice(), &text].concat(), cut).exceeds();
        prop_assert_eq!(whole, pieces);
    }
}
