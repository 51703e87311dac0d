//! Filters in the kernel against the same ones on what was recorded meanwhile; in network
//! namespaces of its own.

use crate::common::{example, stdout};
use crate::network::Network;

/// Expressions of every sort: what they match differs from one to the next. Each is asked of
/// packets without a VLAN tag: the kernel takes tags off before it filters, so that there, as with
/// tcpdump, what is behind one is matched too.
const EXPRESSIONS: [&str; 32] = [
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp or icmp6",
    "port 53",
    "src port 53",
    "dst port 443",
    "tcp port 80 or tcp port 443",
    "portrange 1-1023",
    "udp portrange 5000-6000",
    "net 10.77.0.0/24",
    "src net 10.77.0.0/24 and dst net 10.77.0.0/24",
    "host 10.77.0.20",
    "not host 10.77.0.20",
    "ether broadcast",
    "ether multicast",
    "ip multicast or ip6 multicast",
    "ether proto 0x0806",
    "ip proto 17",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[13] = 18",
    "tcp-syn + tcp-ack = 18 and tcp",
    "ip[6:2] & 0x1fff = 0 and ip[8] > 63",
    "ip[0] & 0xf != 5",
    "udp[4:2] > 100",
    "ether[0] & 1 = 1 and len > 60",
    "greater 200",
    "less 80 and not arp",
    "(ip[2:2] - ((ip[0] & 0xf) << 2)) % 3 = 1",
    "tcp and not (port 80 or port 443)",
];

#[test]
fn the_kernel_and_the_interpreter_accept_the_same_packets() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name).to_str().unwrap().to_owned();
    let start = |file: &str, filter: &[&str]| {
        let mut arguments = vec!["-B", "1024", "-w", file];
        arguments.extend(filter);
        network.capture(&arguments)
    };
    let all = path("all.pcapng".to_owned());
    let recorded = start(&all, &[]);
    let filtered: Vec<_> = EXPRESSIONS
        .iter()
        .enumerate()
        .map(|(number, expression)| {
            let file = path(format!("{number}.pcapng"));
            let expression = format!("({expression}) and not vlan");
            let capture = start(&file, &[&expression]);
            (expression, file, capture)
        })
        .collect();
    let Some(sent) = network.replay(&example(), "--pps=2000") else {
        return;
    };
    assert_eq!(recorded.stop("INT").number("captured"), sent);
    let mut counts = Vec::new();
    for (expression, file, capture) in filtered {
        let ended = capture.stop("INT");
        assert_eq!(ended.code, Some(0), "{expression}: {}", ended.stderr);
        assert_eq!(ended.number("dropped by kernel"), 0, "{expression}");
        let matched = numbers(&all, &expression);
        assert_eq!(ended.number("captured"), matched, "{expression}");
        // And all of what the kernel let through passes here.
        assert_eq!(numbers(&file, &expression), matched, "{expression}");
        counts.push(matched);
    }
    counts.sort_unstable();
    counts.dedup();
    assert!(
        counts.len() > 8,
        "too much alike to say anything: {counts:?}"
    );
}

/// How many packets of a capture match.
fn numbers(file: &str, expression: &str) -> u64 {
    let rows = stdout(&[
        "export",
        "packets",
        "-r",
        file,
        "--columns",
        "number",
        "--filter",
        expression,
    ]);
    rows.lines().count() as u64 - 1
}
