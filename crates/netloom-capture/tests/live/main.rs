//! Live capture, in network namespaces that the tests make and remove.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests of real interfaces wait in real time and say why they are skipped"
)]

mod namespace;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netloom_capture::file::PcapngWriter;
use netloom_capture::live::sockets::SocketWatcher;
use netloom_capture::live::{self, Direction, LiveOptions, LiveSource};
use netloom_packet::{
    LinkType, Packet, PacketBatch, PacketSink as _, PacketSource as _, Timestamp,
};

use namespace::{Running, eventually, has, inside, ip};

/// A packet as it was seen: time, interface, link type, length on the wire, bytes.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    timestamp: Timestamp,
    interface: u32,
    link_type: LinkType,
    wire_len: u32,
    data: Vec<u8>,
}

/// Reads batches until `done` or for ten seconds.
fn read_until(source: &mut LiveSource, mut done: impl FnMut(&[Seen]) -> bool) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut batch = PacketBatch::default();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) && !done(&seen) {
        if !source.next_batch(&mut batch).unwrap() {
            break;
        }
        seen.extend(batch.iter().map(|packet| Seen {
            timestamp: packet.timestamp,
            interface: packet.interface,
            link_type: packet.link_type,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        }));
    }
    seen
}

/// Reads until so many packets have come, and then until nothing more comes.
fn read(source: &mut LiveSource, packets: usize) -> Vec<Seen> {
    let mut seen = read_until(source, |seen| seen.len() >= packets);
    let stop = source.stop_handle();
    stop.stop();
    seen.extend(read_until(source, |_| false));
    seen
}

/// An Ethernet frame with an IPv4 UDP datagram to `port`, `length` bytes in all.
fn frame(port: u16, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend((length as u16 - 14).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(5000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((length as u16 - 34).to_be_bytes());
    frame.extend([0, 0]);
    frame.resize(length, 0x5a);
    frame
}

/// Sends frames out of an interface with tcpreplay, as fast as it goes or so many a second.
fn replay(interface: &str, frames: &[Vec<u8>], rate: Option<u32>, times: u32) {
    let mut writer = PcapngWriter::new("frames", Vec::new());
    for (number, data) in frames.iter().enumerate() {
        let packet = Packet {
            number: number as u64 + 1,
            timestamp: Timestamp::from_nanos(number as i64),
            link_type: LinkType::ETHERNET,
            interface: 0,
            wire_len: data.len() as u32,
            data,
        };
        writer.write_packet(&packet).unwrap();
    }
    writer.finish().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&writer.into_inner()).unwrap();
    let speed = rate.map_or_else(|| "--topspeed".to_owned(), |rate| format!("--pps={rate}"));
    let status = Command::new("tcpreplay")
        .args([
            "-q",
            "-K",
            &speed,
            &format!("--loop={times}"),
            "-i",
            interface,
        ])
        .arg(file.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

fn open(interfaces: &[&str]) -> LiveSource {
    let mut source = live::open(&LiveOptions::new(interfaces.iter().copied())).unwrap();
    source.start().unwrap();
    source
}

#[test]
fn what_is_sent_is_seen() {
    let Some(_namespace) = inside("what_is_sent_is_seen") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let frames: Vec<Vec<u8>> = (0..500)
        .map(|port| frame(port, 60 + port as usize))
        .collect();
    let mut source = open(&["vb"]);
    let before = live::now();
    replay("va", &frames, None, 1);
    let seen = read(&mut source, frames.len());
    let after = live::now();
    let data: Vec<&Vec<u8>> = seen.iter().map(|packet| &packet.data).collect();
    assert_eq!(data, frames.iter().collect::<Vec<_>>());
    assert!(seen.is_sorted_by_key(|packet| packet.timestamp));
    assert!(
        seen.iter()
            .all(|packet| before < packet.timestamp && packet.timestamp < after)
    );
    // Nanoseconds: that all of them are whole microseconds is no chance.
    assert!(
        seen.iter()
            .any(|packet| packet.timestamp.as_nanos() % 1000 != 0)
    );
    let stats = source.stats();
    assert_eq!(
        (stats.packets, stats.received, stats.dropped_kernel),
        (500, 500, 0)
    );
    let info = source.info();
    assert_eq!(info.len(), 1);
    assert_eq!(info[0].name, "vb");
    assert_eq!(info[0].packets, 500);
    assert_eq!(info[0].interfaces[0].link_type, LinkType::ETHERNET);
    assert_eq!(info[0].dropped_kernel, Some(0));
}

#[test]
fn a_quiet_link_shows_a_packet_at_once() {
    let Some(_namespace) = inside("a_quiet_link_shows_a_packet_at_once") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut source = open(&["vb"]);
    // Silence comes back as empty batches, and the clock moves on.
    let mut batch = PacketBatch::default();
    let clock = source.clock().unwrap();
    assert!(source.next_batch(&mut batch).unwrap());
    assert!(batch.is_empty());
    assert!(source.clock().unwrap() > clock);
    replay("va", &[frame(1, 60)], None, 1);
    let seen = read_until(&mut source, |seen| !seen.is_empty());
    let waited = live::now().nanos_since(seen[0].timestamp);
    // tcpreplay itself takes a moment to end. A bound so wide says only that no block was
    // waited for to fill up.
    assert!(waited < 5_000_000_000, "{waited} ns");
}

#[test]
fn snap_length_and_direction() {
    let Some(_namespace) = inside("snap_length_and_direction") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut options = LiveOptions::new(["va"]);
    options.snaplen = 96;
    let mut both = live::open(&options).unwrap();
    options.direction = Direction::In;
    let mut incoming = live::open(&options).unwrap();
    options.direction = Direction::Out;
    let mut outgoing = live::open(&options).unwrap();
    for source in [&mut both, &mut incoming, &mut outgoing] {
        source.start().unwrap();
    }
    replay("va", &[frame(1, 500)], None, 1);
    replay("vb", &[frame(2, 60), frame(2, 97)], None, 1);
    let lengths = |source: &mut LiveSource, packets: usize| -> Vec<(u32, usize)> {
        read(source, packets)
            .iter()
            .map(|packet| (packet.wire_len, packet.data.len()))
            .collect()
    };
    assert_eq!(lengths(&mut both, 3), [(500, 96), (60, 60), (97, 96)]);
    assert_eq!(lengths(&mut incoming, 2), [(60, 60), (97, 96)]);
    assert_eq!(lengths(&mut outgoing, 1), [(500, 96)]);
    assert_eq!(both.info()[0].truncated, 2);
}

#[test]
fn vlan_tags_are_put_back() {
    let Some(_namespace) = inside("vlan_tags_are_put_back") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let tagged = |tags: &[[u8; 4]]| {
        let plain = frame(9, 80);
        let mut frame = plain[..12].to_vec();
        frame.extend(tags.as_flattened());
        frame.extend(&plain[12..]);
        frame
    };
    let frames = [
        tagged(&[[0x81, 0, 0x20, 0x64]]),
        tagged(&[[0x88, 0xa8, 0, 5], [0x81, 0, 0, 7]]),
        tagged(&[[0x81, 0, 0, 0]]),
        tagged(&[]),
    ];
    let mut source = open(&["vb"]);
    let mut any = open(&["any"]);
    replay("va", &frames, None, 1);
    let seen = read(&mut source, frames.len());
    assert_eq!(seen.len(), frames.len());
    for (seen, frame) in seen.iter().zip(&frames) {
        assert_eq!(&seen.data, frame);
        assert_eq!(seen.wire_len as usize, frame.len());
    }
    // In cooked mode the tag follows the header.
    let cooked: Vec<Vec<u8>> = read(&mut any, frames.len())
        .into_iter()
        .filter(|packet| packet.data[10] != 4)
        .map(|packet| packet.data)
        .collect();
    assert_eq!(cooked.len(), frames.len());
    for (cooked, frame) in cooked.iter().zip(&frames) {
        assert_eq!(cooked[..2], frame[12..14]);
        assert_eq!(cooked[20..], frame[14..]);
    }
}

#[test]
fn loopback_shows_each_packet_once() {
    let Some(_namespace) = inside("loopback_shows_each_packet_once") else {
        return;
    };
    let mut sources = [open(&["lo"]), open(&["any"])];
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    for number in 0..20_u8 {
        socket.send_to(&[number; 10], to).unwrap();
    }
    for source in &mut sources {
        let seen = read(source, 20);
        assert_eq!(seen.len(), 20);
        let last: Vec<u8> = seen
            .iter()
            .map(|packet| *packet.data.last().unwrap())
            .collect();
        assert_eq!(last, (0..20).collect::<Vec<u8>>());
    }
    assert_eq!(sources[0].link_types(), [LinkType::ETHERNET]);
    assert_eq!(sources[1].link_types(), [LinkType::LINUX_SLL2]);
}

#[test]
fn interfaces_are_merged_by_time() {
    let Some(_namespace) = inside("interfaces_are_merged_by_time") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let frames: Vec<Vec<u8>> = (0..300).map(|port| frame(port, 200)).collect();
    let mut source = open(&["va", "vb"]);
    replay("va", &frames, Some(2000), 1);
    let seen = read(&mut source, 600);
    assert_eq!(seen.len(), 600);
    // Each frame leaves one end before it comes in at the other.
    assert!(seen.is_sorted_by_key(|packet| packet.timestamp));
    for interface in 0..2 {
        let of_this: Vec<&Vec<u8>> = seen
            .iter()
            .filter(|packet| packet.interface == interface)
            .map(|packet| &packet.data)
            .collect();
        assert_eq!(of_this, frames.iter().collect::<Vec<_>>());
    }
    let names: Vec<String> = source.info().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["va", "vb"]);
}

#[test]
fn drops_are_counted() {
    let Some(_namespace) = inside("drops_are_counted") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut options = LiveOptions::new(["vb"]);
    options.ring_bytes = 1;
    let mut source = live::open(&options).unwrap();
    source.start().unwrap();
    // Nobody reads: the ring of two blocks is full long before the end.
    let frames: Vec<Vec<u8>> = (0..1000).map(|port| frame(port, 1000)).collect();
    replay("va", &frames, None, 3);
    let handle = source.stats_handle();
    let seen = read(&mut source, 1).len() as u64;
    let stats = handle.stats();
    assert!(stats.dropped_kernel > 0, "{stats:?}");
    assert_eq!(stats.received, 3000);
    assert_eq!(seen + stats.dropped_kernel, 3000, "{stats:?}");
    assert_eq!(source.info()[0].dropped_kernel, Some(stats.dropped_kernel));
    // Reading them resets the kernel's counters, not ours.
    assert_eq!(source.stats().dropped_kernel, stats.dropped_kernel);
}

/// `udp dst port 7` on Ethernet without options: ldh [36]; jeq #7, accept, reject.
const TO_PORT_7: [live::Instruction; 4] = [
    (0x28, 0, 0, 36),
    (0x15, 0, 1, 7),
    (0x06, 0, 0, 262_144),
    (0x06, 0, 0, 0),
];

#[test]
fn the_kernel_filters() {
    let Some(_namespace) = inside("the_kernel_filters") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let frames = [frame(6, 60), frame(7, 61), frame(8, 62)];
    // Before it starts.
    let mut first = live::open(&LiveOptions::new(["vb"])).unwrap();
    assert!(first.set_filter(0, &TO_PORT_7).unwrap());
    first.start().unwrap();
    // While it runs: what was queued before is gone, whether it would pass or not.
    let mut second = open(&["vb"]);
    replay("va", &frames, None, 1);
    assert!(second.set_filter(0, &TO_PORT_7).unwrap());
    replay("va", &frames, None, 2);
    let lengths = |source: &mut LiveSource, packets: usize| -> Vec<u32> {
        read(source, packets)
            .iter()
            .map(|packet| packet.wire_len)
            .collect()
    };
    assert_eq!(lengths(&mut second, 2), [61, 61]);
    assert_eq!(lengths(&mut first, 3), [61, 61, 61]);
    assert_eq!(first.stats().received, 3);
    // On `any` the packet has no link header in the kernel; the filter is as for files.
    let mut any = live::open(&LiveOptions::new(["any"])).unwrap();
    let cooked: [live::Instruction; 6] = [
        (0x28, 0, 0, 0),
        (0x15, 0, 3, 0x0800),
        (0x28, 0, 0, 42),
        (0x15, 0, 1, 7),
        (0x06, 0, 0, 262_144),
        (0x06, 0, 0, 0),
    ];
    assert!(any.set_filter(0, &cooked).unwrap());
    any.start().unwrap();
    replay("va", &frames, None, 1);
    // Out of the one end and in at the other.
    assert_eq!(lengths(&mut any, 2), [67, 67]);
    // A program that makes no sense is refused.
    assert!(any.set_filter(0, &[(0x15, 9, 9, 0)]).is_err());
}

#[test]
fn an_interface_goes_and_comes_back() {
    let Some(_namespace) = inside("an_interface_goes_and_comes_back") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut source = open(&["vb", "lo"]);
    let handle = source.stats_handle();
    let attached = |source: &mut LiveSource, wanted: bool| {
        eventually("attached or not", || {
            read_until(source, |_| true);
            source.next_batch(&mut PacketBatch::default()).unwrap();
            handle.stats().interfaces[0].attached == wanted
        });
    };
    replay("va", &[frame(1, 60)], None, 1);
    assert_eq!(read_until(&mut source, |seen| !seen.is_empty()).len(), 1);
    // Down and up.
    ip("link set vb down");
    attached(&mut source, false);
    ip("link set vb up");
    attached(&mut source, true);
    replay("va", &[frame(2, 61)], None, 1);
    assert_eq!(
        read_until(&mut source, |seen| !seen.is_empty())[0].wire_len,
        61
    );
    // Gone, and another one by that name.
    ip("link del vb");
    attached(&mut source, false);
    ip("link add va type veth peer name vb");
    for end in ["va", "vb"] {
        ip(&format!("link set {end} addrgenmode none"));
        ip(&format!("link set {end} up"));
    }
    attached(&mut source, true);
    replay("va", &[frame(3, 62)], None, 1);
    assert_eq!(read(&mut source, 1)[0].wire_len, 62);
    let told = handle.take_messages().join("\n");
    for part in [
        "vb went down",
        "vb is up again",
        "vb went away",
        "vb is back",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let warnings = source.info()[0].warnings.len();
    assert!(warnings >= 4, "{warnings}");
}

#[test]
fn the_last_interface_may_end_it() {
    let Some(_namespace) = inside("the_last_interface_may_end_it") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut options = LiveOptions::new(["vb"]);
    options.wait_for_return = false;
    let mut source = live::open(&options).unwrap();
    source.start().unwrap();
    replay("va", &[frame(1, 60)], None, 1);
    ip("link del vb");
    let begin = Instant::now();
    let mut batch = PacketBatch::default();
    let mut seen = 0;
    while source.next_batch(&mut batch).unwrap() {
        seen += batch.len();
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not end");
    }
    // What had come before is not lost.
    assert_eq!(seen, 1);
    // And it stays at its end.
    assert!(!source.next_batch(&mut batch).unwrap());
}

#[test]
fn programs_talk() {
    let Some(namespace) = inside("programs_talk") else {
        return;
    };
    if !has("python3") || !has("ping") {
        return;
    }
    let peer = namespace.peer();
    let mut source = open(&["va"]);
    let server = peer
        .command("python3")
        .args(["-c", "import http.server as h; h.HTTPServer(('10.9.0.2', 8000), h.SimpleHTTPRequestHandler).serve_forever()"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Running(server);
    let ping = Command::new("ping")
        .args(["-c", "3", "-i", "0.2", "-W", "5", "10.9.0.2"])
        .output()
        .unwrap();
    assert!(ping.status.success());
    let mut answer = Vec::new();
    eventually("an answer", || {
        let Ok(mut stream) = std::net::TcpStream::connect("10.9.0.2:8000") else {
            return false;
        };
        stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").unwrap();
        std::io::Read::read_to_end(&mut stream, &mut answer).is_ok()
    });
    assert!(answer.starts_with(b"HTTP/1.0 200"));
    let http = |packet: &Seen| packet.data.windows(12).any(|part| part == b"HTTP/1.0 200");
    let mut seen = read_until(&mut source, |seen| seen.iter().any(http));
    seen.extend(read(&mut source, 0));
    let icmp = |kind: u8| {
        seen.iter()
            .filter(|packet| packet.data.get(23) == Some(&1) && packet.data.get(34) == Some(&kind))
            .count()
    };
    assert_eq!((icmp(8), icmp(0)), (3, 3));
    assert!(seen.iter().any(http));
}

#[test]
fn threads_share_by_flow() {
    let Some(_namespace) = inside("threads_share_by_flow") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut sources = live::open_fanout(&LiveOptions::new(["vb"]), 2).unwrap();
    let frames: Vec<Vec<u8>> = (0..64).map(|port| frame(port, 100)).collect();
    replay("va", &frames, None, 4);
    let mut ports: Vec<Vec<u16>> = Vec::new();
    let mut all = 0;
    for source in &mut sources {
        let seen = read(source, 1);
        all += seen.len();
        let mut of_this: Vec<u16> = seen
            .iter()
            .map(|packet| u16::from_be_bytes([packet.data[36], packet.data[37]]))
            .collect();
        of_this.sort_unstable();
        of_this.dedup();
        ports.push(of_this);
    }
    assert_eq!(all, 256);
    assert!(ports.iter().all(|ports| !ports.is_empty()));
    assert!(
        !ports[0].iter().any(|port| ports[1].contains(port)),
        "a flow in two sources"
    );
}

#[test]
fn what_cannot_be_opened_says_why() {
    let Some(_namespace) = inside("what_cannot_be_opened_says_why") else {
        return;
    };
    let error = |names: &[&str]| live::open(&LiveOptions::new(names.iter().copied())).unwrap_err();
    assert!(
        error(&["nothing0"])
            .to_string()
            .contains("no such interface")
    );
    assert!(
        error(&["a name that is far too long"])
            .to_string()
            .contains("no such interface")
    );
    assert!(
        error(&["any", "va"])
            .to_string()
            .contains("all interfaces already")
    );
    assert!(error(&[]).to_string().contains("no interface"));
    ip("link set va down");
    let down = error(&["va"]);
    assert!(down.to_string().contains("is down"));
    assert!(down.hint.unwrap().contains("ip link set va up"));
}

#[test]
fn flows_have_owners() {
    let Some(namespace) = inside("flows_have_owners") else {
        return;
    };
    if !has("bash") {
        return;
    }
    let peer = namespace.peer();
    let watcher = SocketWatcher::start().unwrap();
    let listener = std::net::TcpListener::bind("10.9.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    // A program of the other namespace is no process of this one; a program here is.
    let command = format!(
        "exec 3<>/dev/tcp/10.9.0.1/{}; read -r answer <&3",
        server.port()
    );
    let _stranger = Running(peer.command("bash").args(["-c", &command]).spawn().unwrap());
    let (_there, stranger) = listener.accept().unwrap();
    let child = Running(Command::new("bash").args(["-c", &command]).spawn().unwrap());
    let (_here, client) = listener.accept().unwrap();
    eventually("the child is found", || {
        watcher
            .lookup(6, client, server)
            .is_some_and(|owner| owner.pid == Some(child.0.id()))
    });
    let owner = watcher.lookup(6, client, server).unwrap();
    assert_eq!(owner.process.as_deref(), Some("bash"));
    assert_eq!((owner.uid, owner.user.as_deref()), (0, Some("root")));
    // What comes from elsewhere belongs to who serves it.
    eventually("the server is found", || {
        watcher
            .lookup(6, stranger, server)
            .is_some_and(|owner| owner.pid == Some(std::process::id()))
    });
    // What is between others belongs to nobody here.
    let other = |address: &str| address.parse().unwrap();
    assert_eq!(
        watcher.lookup(6, other("192.0.2.1:1"), other("192.0.2.2:2")),
        None
    );
}

#[test]
fn privileges_are_needed_and_given_up() {
    let Some(_namespace) = inside("privileges_are_needed_and_given_up") else {
        return;
    };
    if !has("tcpreplay") {
        return;
    }
    let mut source = open(&["vb"]);
    assert!(live::may_capture());
    let before = live::drop_privileges(Some("nobody")).unwrap();
    assert!(before.user.is_some());
    assert!(!live::may_capture());
    // Not any more: it says why, and what to do.
    let refused = live::open(&LiveOptions::new(["vb"])).unwrap_err();
    let kind = refused.cause.as_ref().map(std::io::Error::kind);
    assert_eq!(
        kind,
        Some(std::io::ErrorKind::PermissionDenied),
        "{refused}"
    );
    assert!(
        refused
            .hint
            .unwrap()
            .contains("setcap cap_net_raw,cap_net_admin=eip")
    );
    // No way back, and no other user's file.
    assert!(std::fs::File::open("/etc/shadow").is_err());
    assert!(live::drop_privileges(None).unwrap().user.is_none());
    // What was open before still captures; the filter can still be set.
    assert!(source.set_filter(0, &TO_PORT_7).unwrap());
    assert!(source.next_batch(&mut PacketBatch::default()).unwrap());
}
