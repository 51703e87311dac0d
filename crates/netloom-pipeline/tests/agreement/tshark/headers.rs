//! Addresses, protocol and ports of every packet of every shared capture, against those of the
//! innermost IP header that Wireshark shows.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::IpAddr;

use netloom_capture::file::{self, OpenOptions};
use netloom_decode::{DecodeOptions, Decoded, decode};
use netloom_packet::{LinkType, PacketBatch};

use super::sharkd::{Frame, Wireshark};
use crate::support::{Capture, Part, Tally, captures, conclude, in_parallel};

/// Percent of equal packets that each link type must reach.
const TARGET: f64 = 99.5;

/// The columns that are asked for, in order; the first two are not lists.
const FIELDS: [&str; 21] = [
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

/// Fragments are compared as they stand: ports are in the first one only.
const PREFERENCES: &str = "ip.defragment: FALSE\nipv6.defragment: FALSE\n";

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

/// The innermost IP header of a packet of Wireshark's: its protocols are walked from the outside,
/// each takes the next value of its fields. What an ICMP error quotes is not inside.
///
/// `None` for records that are no packets: Wireshark numbers custom blocks of pcapng among them.
fn innermost(frame: &Frame) -> Option<(&str, Endpoints)> {
    let protocols = frame.columns.first()?;
    if frame.columns.get(1)?.is_empty() {
        return None;
    }
    let mut values: BTreeMap<&str, Values<'_>> = FIELDS[2..]
        .iter()
        .zip(&frame.columns[2..])
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
    Some((protocols, found))
}

/// What the comparison of a capture found, by link type.
#[derive(Debug, Default)]
struct Outcome {
    /// Equal packets, and all.
    counts: BTreeMap<LinkType, (u64, u64)>,
    /// Packets that only one side has.
    unmatched: u64,
    /// How many packets differ, and the first of them in words.
    differences: Option<(u64, String)>,
}

fn compare(wireshark: &mut Wireshark, capture: &Capture) -> Result<Outcome, String> {
    let frames = wireshark.frames(&capture.path)?;
    let mut frames = frames.iter().filter_map(innermost);
    let mut outcome = Outcome::default();
    let mut source =
        file::open(&[&capture.path], &OpenOptions::default()).map_err(|e| e.to_string())?;
    let mut batch = PacketBatch::default();
    let mut last = LinkType::ETHERNET;
    while source.next_batch(&mut batch).map_err(|e| e.to_string())? {
        for packet in batch.iter() {
            let Some((protocols, theirs)) = frames.next() else {
                outcome.unmatched += 1;
                continue;
            };
            last = packet.link_type;
            let decoded = decode(&packet, DecodeOptions::default());
            let ours = Endpoints::from(&decoded);
            let counts = outcome.counts.entry(packet.link_type).or_default();
            counts.1 += 1;
            if ours == theirs {
                counts.0 += 1;
                continue;
            }
            let first = || {
                let number = packet.number;
                let said =
                    format!("packet {number}: netloom {ours}; Wireshark {theirs} ({protocols})");
                (0, said)
            };
            outcome.differences.get_or_insert_with(first).0 += 1;
        }
    }
    // Packets that only Wireshark has are misses.
    let missing = frames.count() as u64;
    if missing > 0 {
        outcome.unmatched += missing;
        outcome.counts.entry(last).or_default().1 += missing;
    }
    Ok(outcome)
}

#[test]
fn headers() {
    let Some(captures) = captures("") else {
        return;
    };
    if !Wireshark::is_installed() {
        println!("not compared: tshark cannot be run");
        return;
    }
    let outcomes = in_parallel(&captures, || Wireshark::new(PREFERENCES, &FIELDS), compare);
    let mut tallies: BTreeMap<LinkType, Tally> = BTreeMap::new();
    let (mut unread, mut unmatched) = (Vec::new(), Vec::new());
    for (capture, outcome) in captures.iter().zip(outcomes) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                unread.push(format!("`{}`: {error}", capture.name));
                continue;
            }
        };
        for (link_type, counts) in &outcome.counts {
            let tally = tallies.entry(*link_type).or_default();
            tally.captures.insert(capture.name.clone(), *counts);
        }
        if outcome.unmatched > 0 {
            unmatched.push(format!("`{}`: {}", capture.name, outcome.unmatched));
        }
        if let Some((packets, first)) = outcome.differences {
            let known = REASONS.iter().find(|(part, _)| capture.name.contains(part));
            let why = known.map_or(first, |(_, reason)| (*reason).to_owned());
            let link_type = outcome.counts.keys().next().copied().unwrap_or_default();
            let tally = tallies.entry(link_type).or_default();
            tally
                .differences
                .push(format!("`{}`: {packets} packets: {why}", capture.name));
        }
    }
    let parts: Vec<Part> = tallies
        .into_iter()
        .map(|(link_type, tally)| {
            let below = BELOW_TARGET.iter().any(|(known, _)| *known == link_type);
            Part::new(link_type.to_string(), (!below).then_some(TARGET), tally)
        })
        .collect();
    let mut more = String::new();
    for (link_type, reason) in BELOW_TARGET {
        let _ = writeln!(more, "Below {TARGET} %: {link_type}: {reason}.\n");
    }
    for (title, lines) in [
        ("Captures in which one side reads more packets", unmatched),
        ("Captures that one side does not read at all", unread),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(more, "## {title}\n\n- {}\n", lines.join("\n- "));
        }
    }
    conclude(
        "agreement-tshark.md",
        "Agreement with tshark: headers",
        INTRODUCTION,
        &parts,
        &more,
    );
}

/// How it is compared.
const INTRODUCTION: &str = "\
Written by the test `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`), by link type.

Source and destination address, IP protocol and ports of every packet of the shared captures
against those of the innermost IP header that Wireshark 4.0 shows (what an ICMP error quotes is not
inside; fragments as they stand, not reassembled; its Teredo heuristic is on). A packet counts as
equal when all five agree, and where there is no IP header, when Wireshark shows none.
";
