//! Addresses, protocol and ports of every packet of every shared capture, against those of the
//! innermost IP header that tshark shows.
//!
//! tshark runs once a capture and its answers are kept under the target directory.
//! `NETLOOM_BLESS=1` writes the table into `docs/agreement-tshark.md`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use netloom_capture::file::{self, OpenOptions};
use netloom_decode::{DecodeOptions, Decoded, decode};
use netloom_packet::{LinkType, PacketBatch};

/// Share of equal packets that each link type must reach, pooled and as mean over captures.
const TARGET: f64 = 0.995;

/// The fields that are asked of tshark, in order; the first three are not lists.
const FIELDS: [&str; 22] = [
    "frame.number",
    "frame.protocols",
    "frame.encap_type",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.nxt",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.dstopts.nxt",
    "ipv6.fraghdr.nxt",
    "ah.next_header",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
];

/// Link types that do not reach the target, each with the reason.
const BELOW_TARGET: [(LinkType, &str); 1] = [(
    LinkType::SLIP,
    "tshark has no dissector for it and shows no address in any packet",
)];

/// Why packets of a capture differ, for the document; the first entry that fits counts.
const REASONS: [(&str, &str); 7] = [
    (
        "tcpdump/tests/bigtcp-",
        "BIG TCP: lengths of 0 in outer and inner headers; tshark 4.0 stops at the outer UDP",
    ),
    (
        "zeek/Traces/cisco-fabric-path",
        "SCTP headers cut behind the ports by the capture: tshark shows no ports, here they count",
    ),
    (
        "teredo_bubble_with_payload",
        "Teredo bubbles with bytes behind them between peers on other ports than 3544: tshark's \
         heuristic leaves them as data, here they are opened",
    ),
    (
        "sflow",
        "sFlow: tshark goes into the sampled headers, which are reports of other packets and no \
         tunnel",
    ),
    (
        "ndpi/pcap/fuzz-2006-06-26-2594",
        "fuzzed: an IPv6 version nibble behind EtherType 0x0800, which tshark takes for IPv6",
    ),
    (
        "ndpi/pcap/fuzz-2020-02-16-11740",
        "fuzzed: an IPv6 version nibble behind EtherType 0x0800; IPv6 extension headers behind IPv4",
    ),
    (
        "tcpdump/tests/icmp6_nodeinfo_oobr",
        "SLIP: tshark has no dissector for it, tcpdump agrees with what is shown here",
    ),
];

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Endpoints {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    protocol: Option<u8>,
    src_port: u16,
    dst_port: u16,
}

impl std::fmt::Display for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Some(src), Some(dst)) = (self.src, self.dst) else {
            return f.write_str("no IP");
        };
        let protocol = self.protocol.unwrap_or_default();
        write!(
            f,
            "{src} {} > {dst} {}, protocol {protocol}",
            self.src_port, self.dst_port
        )
    }
}

impl From<&Decoded> for Endpoints {
    fn from(decoded: &Decoded) -> Self {
        decoded.ip.map_or_else(Self::default, |ip| Self {
            src: Some(ip.src),
            dst: Some(ip.dst),
            protocol: Some(ip.protocol),
            src_port: decoded.src_port,
            dst_port: decoded.dst_port,
        })
    }
}

/// The values of one field in a line, taken one after the other.
struct Values<'a>(VecDeque<&'a str>);

impl Values<'_> {
    fn take<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.0.pop_front()?.parse().ok()
    }
}

/// The innermost IP header of a line of tshark's: its protocols are walked from the outside,
/// each takes the next value of its fields. What an ICMP error quotes is not inside.
///
/// `None` for records that are no packets: tshark numbers custom blocks of pcapng among them.
fn innermost(line: &str) -> Option<(String, Endpoints)> {
    let mut columns = line.split('\t');
    let _number = columns.next();
    let protocols = columns.next().unwrap_or_default();
    if columns.next().unwrap_or_default().is_empty() {
        return None;
    }
    let mut values: BTreeMap<&str, Values<'_>> = FIELDS[3..]
        .iter()
        .zip(columns)
        .map(|(&field, text)| {
            (
                field,
                Values(text.split(',').filter(|v| !v.is_empty()).collect()),
            )
        })
        .collect();
    let mut found = Endpoints::default();
    macro_rules! take {
        ($field:expr) => {
            values.get_mut($field).and_then(|values| values.take())
        };
    }
    for protocol in protocols.split(':') {
        match protocol {
            "ip" => {
                if let (Some(src), Some(dst)) = (take!("ip.src"), take!("ip.dst")) {
                    found = Endpoints {
                        src: Some(src),
                        dst: Some(dst),
                        protocol: take!("ip.proto"),
                        ..Endpoints::default()
                    };
                }
            }
            "ipv6" => {
                if let (Some(src), Some(dst)) = (take!("ipv6.src"), take!("ipv6.dst")) {
                    found = Endpoints {
                        src: Some(src),
                        dst: Some(dst),
                        protocol: take!("ipv6.nxt"),
                        ..Endpoints::default()
                    };
                }
            }
            "ipv6.hopopts" => found.protocol = take!("ipv6.hopopts.nxt").or(found.protocol),
            "ipv6.routing" => found.protocol = take!("ipv6.routing.nxt").or(found.protocol),
            "ipv6.dstopts" => found.protocol = take!("ipv6.dstopts.nxt").or(found.protocol),
            "ipv6.fraghdr" => found.protocol = take!("ipv6.fraghdr.nxt").or(found.protocol),
            "ah" => found.protocol = take!("ah.next_header").or(found.protocol),
            "tcp" | "udp" | "udplite" | "sctp" | "dccp" => {
                let family = if protocol == "udplite" {
                    "udp"
                } else {
                    protocol
                };
                let (src, dst) = (format!("{family}.srcport"), format!("{family}.dstport"));
                found.src_port = take!(src.as_str()).unwrap_or(0);
                found.dst_port = take!(dst.as_str()).unwrap_or(0);
            }
            "icmp" | "icmpv6" => break,
            _ => {}
        }
    }
    Some((protocols.to_owned(), found))
}

/// Equal packets among all, of one link type in one capture.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    packets: u64,
    equal: u64,
}

/// What the comparison of a capture found.
#[derive(Debug, Default)]
struct Outcome {
    counts: BTreeMap<LinkType, Count>,
    /// Packets that only one side has.
    unmatched: u64,
    differences: Vec<String>,
}

fn compare(data: &Path, capture: &str, cache: &Path) -> Result<Outcome, String> {
    let path = data.join(capture);
    let lines = tshark(
        &path,
        &cache.join(format!("{}.tsv", capture.replace('/', "__"))),
    )?;
    let mut lines = lines.lines().filter_map(innermost);
    let mut outcome = Outcome::default();
    let mut source = file::open(&[&path], &OpenOptions::default()).map_err(|e| e.to_string())?;
    let mut batch = PacketBatch::default();
    let mut last = LinkType::ETHERNET;
    while source.next_batch(&mut batch).map_err(|e| e.to_string())? {
        for packet in batch.iter() {
            let Some((protocols, theirs)) = lines.next() else {
                outcome.unmatched += 1;
                continue;
            };
            last = packet.link_type;
            let decoded = decode(&packet, DecodeOptions::default());
            let ours = Endpoints::from(&decoded);
            let count = outcome.counts.entry(packet.link_type).or_default();
            count.packets += 1;
            if ours == theirs {
                count.equal += 1;
            } else {
                let stop = decoded
                    .stopped
                    .map(|stop| format!(" ({stop})"))
                    .unwrap_or_default();
                outcome.differences.push(format!(
                    "{capture}\t{}\t{}\t{protocols}\t{ours}{stop}\t{theirs}",
                    packet.number, packet.link_type
                ));
            }
        }
    }
    // Packets that only tshark has are misses.
    let missing = lines.count() as u64;
    if missing > 0 {
        outcome.unmatched += missing;
        outcome.counts.entry(last).or_default().packets += missing;
    }
    Ok(outcome)
}

/// tshark's answer for a capture, from the cache where it is there.
fn tshark(capture: &Path, cached: &Path) -> Result<String, String> {
    if let Ok(text) = fs::read_to_string(cached) {
        return Ok(text);
    }
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(capture);
    // Off by default, as any datagram may look like it; peers of Teredo use any ports.
    command.args(["--enable-heuristic", "teredo_udp"]);
    // Fragments are compared as they stand: ports are in the first one only.
    command.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]);
    command.args(["-E", "aggregator=,"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // A damaged capture makes tshark fail at its end; what it printed until then counts.
    if text.is_empty() && !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(reason.lines().last().unwrap_or_default().to_owned());
    }
    fs::write(cached, &text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The comparison of all captures, in their order.
fn compare_all(
    data: &Path,
    captures: &[&str],
    cache: &Path,
) -> BTreeMap<usize, Result<Outcome, String>> {
    let next = AtomicUsize::new(0);
    // Two at a time: tshark runs in one thread.
    std::thread::scope(|scope| {
        let worker = || {
            let mut outcomes = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(capture) = captures.get(index) else {
                    return outcomes;
                };
                outcomes.push((index, compare(data, capture, cache)));
            }
        };
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        let of_worker = |worker: ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(outcomes) => outcomes,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(of_worker).collect()
    })
}

/// One row of the table.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    total: Count,
    captures: u32,
    sum_of_shares: f64,
}

impl Row {
    fn pooled(&self) -> f64 {
        self.total.equal as f64 / self.total.packets.max(1) as f64
    }

    fn mean(&self) -> f64 {
        self.sum_of_shares / f64::from(self.captures.max(1))
    }
}

fn percent(share: f64) -> String {
    // Rounded down: 99.499 % must not read as the target.
    format!("{:.3}", (share * 100_000.0).floor() / 1000.0)
}

#[test]
fn agrees_with_tshark() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data: PathBuf = root.join("../shared/data");
    let Ok(list) = fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("skipped: ../shared/data is not there");
        return;
    };
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    let captures: Vec<&str> = list
        .lines()
        .skip(1)
        .filter_map(|l| l.split('\t').next())
        .collect();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tshark-3");
    fs::create_dir_all(&cache).unwrap();
    let outcomes = compare_all(&data, &captures, &cache);

    let mut rows: BTreeMap<LinkType, Row> = BTreeMap::new();
    let mut unread = Vec::new();
    let mut unmatched = Vec::new();
    let mut differences = Vec::new();
    for (index, outcome) in outcomes {
        let capture = captures[index];
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                unread.push(format!("{capture}: {error}"));
                continue;
            }
        };
        for (&link_type, count) in &outcome.counts {
            let row = rows.entry(link_type).or_default();
            row.total.packets += count.packets;
            row.total.equal += count.equal;
            row.captures += 1;
            row.sum_of_shares += count.equal as f64 / count.packets.max(1) as f64;
        }
        if outcome.unmatched > 0 {
            unmatched.push(format!("{capture}: {}", outcome.unmatched));
        }
        differences.extend(outcome.differences);
    }

    let report = report(&rows, &differences, &unmatched, &unread);
    println!("{report}");
    let details = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tshark-differences.tsv");
    fs::write(&details, differences.join("\n")).unwrap();
    println!("each difference: {}", details.display());
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        fs::write(root.join("docs/agreement-tshark.md"), &report).unwrap();
    }
    assert!(!rows.is_empty(), "nothing was compared");
    for (link_type, row) in &rows {
        if BELOW_TARGET.iter().any(|(known, _)| known == link_type) {
            continue;
        }
        assert!(
            row.pooled() >= TARGET,
            "{link_type}: {} % pooled",
            percent(row.pooled())
        );
        assert!(
            row.mean() >= TARGET,
            "{link_type}: {} % mean",
            percent(row.mean())
        );
    }
}

/// The document.
fn report(
    rows: &BTreeMap<LinkType, Row>,
    differences: &[String],
    unmatched: &[String],
    unread: &[String],
) -> String {
    let mut text = String::from(
        "# Agreement with tshark\n\n\
         Source and destination address, IP protocol and ports of every packet of the shared\n\
         captures against those of the innermost IP header that tshark 4.0 shows (what an ICMP\n\
         error quotes is not inside; fragments as they stand, not reassembled; tshark's Teredo\n\
         heuristic is on). A packet counts as equal when all five agree, and where there is no IP\n\
         header, when tshark shows none.\n\
         Pooled is the share of all packets, mean the mean of the captures' shares, both\n\
         rounded down.\n\n\
         Written by `NETLOOM_BLESS=1 cargo test -p netloom-decode --test tshark`.\n\n\
         | link type | captures | packets | equal | pooled % | mean % |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
    for (link_type, row) in rows {
        let _ = writeln!(
            text,
            "| {link_type} | {} | {} | {} | {} | {} |",
            row.captures,
            row.total.packets,
            row.total.equal,
            percent(row.pooled()),
            percent(row.mean())
        );
    }
    if !BELOW_TARGET.is_empty() {
        text.push_str("\nBelow 99.5 %:\n\n");
        for (link_type, reason) in BELOW_TARGET {
            let _ = writeln!(text, "- {link_type}: {reason}");
        }
    }
    let mut by_capture: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for difference in differences {
        let capture = difference.split('\t').next().unwrap_or_default();
        by_capture.entry(capture).or_insert((0, difference)).0 += 1;
    }
    text.push_str(
        "\n## Every capture with a difference\n\nAll of these count as misses above.\n\n",
    );
    text.push_str("| capture | packets | why |\n|---|---:|---|\n");
    for (capture, (packets, first)) in &by_capture {
        let reason = REASONS
            .iter()
            .find(|(part, _)| capture.contains(part))
            .map_or_else(|| example(first), |(_, reason)| (*reason).to_owned());
        let _ = writeln!(text, "| {capture} | {packets} | {reason} |");
    }
    for (title, lines) in [
        ("Captures in which one side reads more packets", unmatched),
        ("Captures that one side does not read at all", unread),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n## {title}\n\n- {}", lines.join("\n- "));
        }
    }
    text
}

/// The first difference of a capture, in words.
fn example(difference: &str) -> String {
    let mut columns = difference.split('\t').skip(1);
    let mut next = || columns.next().unwrap_or_default();
    let (number, _link, protocols, ours, theirs) = (next(), next(), next(), next(), next());
    format!("packet {number}: here {ours}; tshark {theirs} ({protocols})")
}
