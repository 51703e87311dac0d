//! Tables that overflow: what is forgotten is the same for any number of threads, and for a file
//! and standard input; it is said, and no sum and no exit code lacks it.

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Output, Stdio};

use netloom::FlowRules;
use netloom::decode::{DecodeOptions, decode_ip};
use netloom::pipeline::flow::FlowKey;
use serde_json::Value;

use crate::common::{netloom, pcap, pcap_packet, run};

/// The logical shard that has to take what overflows a shard's tables.
const SHARD: u8 = 5;
const UDP: u8 = 17;
const TCP: u8 = 6;
const SYN: u8 = 2;
const RST_ACK: u8 = 20;
const SYN_ACK: u8 = 18;
const PSH_ACK: u8 = 24;
/// Who is asked.
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// A capture in memory, a packet a microsecond where nothing else is said.
struct Capture {
    bytes: Vec<u8>,
    micros: u64,
    packets: u64,
}

impl Capture {
    fn new() -> Self {
        Self {
            bytes: pcap(1),
            micros: 1_600_000_000_000_000,
            packets: 0,
        }
    }

    /// A frame from a station, which has an address of four bytes here.
    fn frame(&mut self, station: u32, ethertype: u16, payload: &[u8]) {
        self.micros += 1;
        self.packets += 1;
        let mut frame = vec![2, 0, 0, 0, 0, 9, 2, 0];
        frame.extend(station.to_be_bytes());
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        pcap_packet(&mut self.bytes, self.micros, &frame);
    }

    fn ip(&mut self, datagram: &[u8]) {
        let station = datagram[12..16].try_into().map(u32::from_be_bytes).unwrap();
        self.frame(station, 0x0800, datagram);
    }

    /// A connection: what the server says and what the client says, in turns, the client first.
    fn connection(&mut self, client: Ipv4Addr, port: u16, messages: &[&[u8]]) {
        let (mut seq, mut ack) = (1_000, 5_000);
        let to = |seq, ack, flags, data: &[u8]| {
            ipv4(
                client,
                SERVER,
                TCP,
                &tcp(40_000, port, seq, ack, flags, data),
            )
        };
        let from = |seq, ack, flags, data: &[u8]| {
            ipv4(
                SERVER,
                client,
                TCP,
                &tcp(port, 40_000, seq, ack, flags, data),
            )
        };
        self.ip(&to(seq - 1, 0, SYN, &[]));
        self.ip(&from(ack - 1, seq, SYN_ACK, &[]));
        for (turn, message) in messages.iter().enumerate() {
            if turn % 2 == 0 {
                self.ip(&to(seq, ack, PSH_ACK, message));
                seq += message.len() as u32;
            } else {
                self.ip(&from(ack, seq, PSH_ACK, message));
                ack += message.len() as u32;
            }
        }
        self.ip(&to(seq, ack, RST_ACK, &[]));
    }
}

fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x45, 0];
    datagram.extend((20 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    datagram.extend(src.octets());
    datagram.extend(dst.octets());
    datagram.extend(payload);
    datagram
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [src, dst, 8 + payload.len() as u16, 0] {
        out.extend(field.to_be_bytes());
    }
    out.extend(payload);
    out
}

fn tcp(src: u16, dst: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(src.to_be_bytes());
    out.extend(dst.to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend(payload);
    out
}

/// A query for the address of `a.example`.
fn query() -> Vec<u8> {
    let mut out = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(b"\x01a\x07example\0\0\x01\0\x01");
    out
}

/// An mDNS announcement of many services with long names, other ones each time.
fn announcement(number: u32) -> Vec<u8> {
    let mut out = vec![0, 0, 0x84, 0, 0, 0, 0, 32, 0, 0, 0, 0];
    let suffix = out.len() as u16 + 64;
    for service in 0..32_u32 {
        out.push(63);
        out.push(b'_');
        out.extend(format!("{service:02}{number:08}").as_bytes());
        out.extend([0xff; 52]);
        if service == 0 {
            out.extend(b"\x04_tcp\x05local\0");
        } else {
            out.extend((0xc000 | suffix).to_be_bytes());
        }
        // SRV, IN, for two minutes: port 80 of `_tcp.local`.
        out.extend([0, 33, 0, 1, 0, 0, 0, 120, 0, 8, 0, 0, 0, 0, 0, 80]);
        out.extend((0xc000 | suffix).to_be_bytes());
    }
    out
}

fn is_in_shard(datagram: &[u8]) -> bool {
    let decoded = decode_ip(datagram, datagram.len() as u32, DecodeOptions::default());
    FlowKey::new(&decoded, FlowRules::Native).is_some_and(|(key, _)| key.shard() == SHARD)
}

/// Clients whose flows from port 40,000 to a port of the server are in the shard.
fn clients(port: u16) -> impl Iterator<Item = Ipv4Addr> {
    (1..=u32::from(u16::MAX) * 8)
        .map(|number| Ipv4Addr::from(0x0a00_0000 + number))
        .filter(move |client| {
            is_in_shard(&ipv4(
                *client,
                SERVER,
                TCP,
                &tcp(40_000, port, 0, 0, SYN, &[]),
            ))
        })
}

/// One of everything that matters, and too much of everything else.
fn overflowing() -> Capture {
    let mut capture = Capture::new();
    // One login that is readable, early and small.
    let telnet = clients(23).next().unwrap();
    capture.connection(
        telnet,
        23,
        &[
            b"\xff\xfd\x03\xff\xfb\x18",
            b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27",
            b"\xff\xfb\x20\xff\xfc\x23",
            b"login: ",
            b"root\r\n",
        ],
    );
    // Two stations claim an address.
    for station in [77, 78] {
        capture.frame(station, 0x0806, &arp(station, 0x0a63_0001, 0x0a63_0002));
    }
    // More intervals of a shard's flows than are kept, of a service that no port tells.
    let ports = (10_000..).filter(|port| {
        is_in_shard(&ipv4(
            [10, 0, 0, 1].into(),
            SERVER,
            UDP,
            &udp(*port, 9_999, &[]),
        ))
    });
    let ports: Vec<u16> = ports.take(3).collect();
    let begin = capture.micros;
    for ms in 0..22_000 {
        capture.micros = begin + 1_000 * ms;
        for port in &ports {
            let payload = udp(*port, 9_999, &query());
            capture.ip(&ipv4([10, 0, 0, 1].into(), SERVER, UDP, &payload));
        }
    }
    // More ports of a service than are told apart.
    for port in 20_000..21_200 {
        let payload = udp(40_000, port, &query());
        capture.ip(&ipv4([10, 0, 0, 2].into(), SERVER, UDP, &payload));
    }
    // More pairs, sites and hosts than a shard keeps, with more bytes each than what is above.
    for (number, client) in clients(80).take(1_200).enumerate() {
        let request = format!(
            "GET /{} HTTP/1.1\r\nHost: www.a{number}.example\r\n\r\n",
            "a".repeat(99)
        );
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n".to_vec();
        answer.resize(answer.len() + 600, b'x');
        capture.connection(client, 80, &[request.as_bytes(), &answer]);
    }
    // More paths of protocols than are told apart.
    let inner = |protocol| ipv4([10, 0, 0, 3].into(), SERVER, protocol, &[0; 20]);
    for protocol in 0..=255 {
        let plain = inner(protocol);
        let ipip = ipv4([10, 0, 0, 4].into(), SERVER, 4, &plain);
        let gre = [&[0, 0, 8, 0][..], &plain].concat();
        let gre = ipv4([10, 0, 0, 4].into(), SERVER, 47, &gre);
        let twice = ipv4([10, 0, 0, 5].into(), SERVER, 4, &gre);
        let thrice = ipv4([10, 0, 0, 6].into(), SERVER, 4, &twice);
        let other = ipv4([10, 0, 0, 6].into(), SERVER, 4, &ipip);
        for datagram in [plain, ipip, gre, twice, thrice, other] {
            capture.ip(&datagram);
        }
    }
    // More that devices say than there is room for.
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let devices = (1..u32::from(u16::MAX)).map(|number| Ipv4Addr::from(0x0a10_0000 + number));
    let of = |device: Ipv4Addr| {
        let said = announcement(u32::from(device) & 0xffff);
        ipv4(device, group, UDP, &udp(5_353, 5_353, &said))
    };
    for datagram in devices.map(of).filter(|said| is_in_shard(said)).take(100) {
        capture.ip(&datagram);
    }
    // More stations and claims than are kept.
    for station in 1_000..10_000 {
        capture.frame(
            station,
            0x0806,
            &arp(station, 0x0a64_0000 + station, 0x0a63_0001),
        );
    }
    capture
}

/// A question by ARP.
fn arp(station: u32, sender: u32, target: u32) -> Vec<u8> {
    let mut out = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0];
    out.extend(station.to_be_bytes());
    out.extend(sender.to_be_bytes());
    out.extend([0; 6]);
    out.extend(target.to_be_bytes());
    out
}

/// Runs the command on a capture through a pipe.
fn piped(arguments: &[&str], capture: &[u8]) -> Output {
    let mut child = netloom()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(capture).unwrap();
    child.wait_with_output().unwrap()
}

/// What the command writes, from the file on some threads and from standard input, which is the same;
/// and what it says.
fn written(arguments: &[&str], to: &str, file: &Path, capture: &[u8]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let of = |from: &str, threads: &str| {
        let arguments = [
            arguments,
            &[from, "--threads", threads, to, out.to_str().unwrap()],
        ];
        let arguments = arguments.concat();
        let output = if from == "-" {
            piped(&arguments, capture)
        } else {
            run(&arguments, 0)
        };
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        (fs::read_to_string(&out).unwrap(), said)
    };
    let path = file.to_str().unwrap();
    let (one, said) = of(path, "1");
    for (from, threads) in [(path, "2"), (path, "8"), ("-", "1"), ("-", "3")] {
        let (other, _) = of(from, threads);
        let differ = one.lines().zip(other.lines()).find(|(a, b)| {
            // Where it comes from is named.
            a != b && !(a.contains(path) && arguments.contains(&"report"))
        });
        assert_eq!(differ, None, "{arguments:?} {from} on {threads} threads");
        assert_eq!(one.lines().count(), other.lines().count(), "{arguments:?}");
    }
    (one, said)
}

#[test]
fn what_overflows_is_the_same_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("overflowing.pcap");
    let capture = overflowing();
    fs::write(&file, &capture.bytes).unwrap();
    let path = file.to_str().unwrap();

    // What is bad is found, and makes the command fail where it is to.
    run(&["report", path, "-q", "--fail-on", "high"], 1);
    let (report, _) = written(&["report"], "--json", &file, &capture.bytes);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["packets"], capture.packets);
    let risky = report["risky"].as_array().unwrap();
    let told = risky.iter().map(|risk| {
        let field = |name: &str| risk[name].clone();
        (field("protocol"), field("flows"), field("approximate"))
    });
    let expected = [
        ("telnet".into(), 1.into(), false.into()),
        ("http".into(), 1_200.into(), true.into()),
    ];
    assert_eq!(told.collect::<Vec<(Value, Value, Value)>>(), expected);
    let sum = |list: &str, of: &dyn Fn(&Value) -> bool, field: &str| -> u64 {
        let rows = report[list].as_array().unwrap().iter();
        let fields = rows.filter(|row| of(row)).map(|row| row[field].as_u64());
        fields.map(Option::unwrap).sum()
    };
    let packets = sum("protocols", &|row| row["depth"] == 0, "packets");
    assert_eq!(packets, capture.packets);
    assert!(sum("protocols", &|row| row["path"] == "other", "packets") > 0);
    let dns = sum("services", &|row| row["name"] == "dns", "flows");
    assert_eq!(dns, 3 + 1_200);
    let conflicts = &report["local"]["arp_conflicts"];
    assert_eq!(conflicts[0]["address"], "10.99.0.1");
    assert_eq!(report["local"]["arp_approximate"], true);
    assert_eq!(report["approximate"], true);

    let (timeline, said) = written(
        &[
            "export",
            "timeline",
            "--interval",
            "1ms",
            "--format",
            "jsonl",
        ],
        "-o",
        &file,
        &capture.bytes,
    );
    let mut of_dns = 0;
    let mut of_other = 0;
    let mut all = 0;
    for row in timeline.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        all += row["packets"].as_u64().unwrap();
        let services = row["services"].as_array().into_iter().flatten();
        for (at, service) in services.enumerate() {
            let packets = row["service_packets"][at].as_u64().unwrap();
            match service.as_str() {
                Some("dns") => of_dns += packets,
                Some("other") => of_other += packets,
                _ => {}
            }
        }
    }
    assert_eq!(all, capture.packets);
    assert!(of_other > 0);
    // Besides, `other` has some packets that are of no service.
    let queries = 3 * 22_000 + 1_200;
    let of_both = of_dns + of_other;
    assert!((queries..queries + 100).contains(&of_both), "{of_both}");
    assert!(said.contains("other"), "{said}");

    written(&["export", "hosts"], "-o", &file, &capture.bytes);
}
