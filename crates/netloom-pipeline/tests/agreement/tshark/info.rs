//! The facts in Wireshark's Info column, looked for in netloom's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use netloom_capture::file::{OpenOptions, open};
use netloom_flow::FlowConfig;
use netloom_pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
use netloom_pipeline::{Control, PipelineOptions};
use netloom_tables::{RecordBatch, TableName, format_json_lines};
use serde_json::Value;

use super::Frame;
use crate::support::{Capture, Part, Tally};

/// Protocols whose facts are compared, and that of all others.
const KINDS: [&str; 9] = [
    "ARP", "ICMP", "ICMPv6", "TCP", "UDP", "DNS", "TLS", "HTTP", "others",
];

/// Packets of a protocol.
#[derive(Debug, Default, Clone)]
struct Kind {
    packets: u64,
    same: u64,
    /// Packets that differ by why, with an example.
    why: BTreeMap<&'static str, (u64, String)>,
}

/// What the comparison of a capture found, by protocol.
#[derive(Debug, Default)]
pub(super) struct Info([Kind; KINDS.len()]);

/// The `info` column of a capture by the packets' numbers.
fn ours(path: &Path) -> HashMap<u64, String> {
    let request = TableRequest::named(TableName::Packets, &["number", "info"]).unwrap();
    let mut options = PipelineOptions::new(FlowConfig::default());
    options.threads = 1;
    let scan = Scan::new(vec![request], ScanOptions::new(options));
    let mut lines = HashMap::new();
    let mut text = Vec::new();
    let mut take = |_: usize, batch: RecordBatch| {
        text.clear();
        format_json_lines(&batch, &mut text);
        for line in String::from_utf8_lossy(&text).lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            if let (Some(number), Some(info)) = (row["number"].as_u64(), row["info"].as_str()) {
                lines.insert(number, info.to_owned());
            }
        }
        Ok(std::ops::ControlFlow::Continue(()))
    };
    let mut source = || open(&[path], &OpenOptions::default());
    // A damaged capture ends early.
    let _ = scan.run(&mut source, &Control::default(), &Plain, &mut take);
    lines
}

/// Which of [`KINDS`] a packet is.
fn kind(protocol: &str) -> usize {
    let kind = match protocol {
        "MDNS" | "LLMNR" => "DNS",
        "HTTP" | "HTTP/XML" | "HTTP/JSON" => "HTTP",
        name if name.starts_with("TLSv1") || name.starts_with("SSLv") => "TLS",
        name => name,
    };
    let known = KINDS.iter().position(|name| *name == kind);
    known.unwrap_or(KINDS.len() - 1)
}

/// Compares all packets.
pub(super) fn compare(path: &Path, frames: &[Frame]) -> Info {
    let ours = ours(path);
    let mut info = Info::default();
    for frame in frames {
        // Nested layers of one packet share the column.
        let at = kind(frame.get("%p"));
        let theirs = without_notes(frame.get("%i"));
        let theirs = theirs.as_str();
        let line = ours.get(&frame.number).map_or("", String::as_str);
        let missing = missing(KINDS[at], theirs, line, frame.get("tcp.window_size_value"));
        let kind = &mut info.0[at];
        kind.packets += 1;
        let Some(fact) = missing else {
            kind.same += 1;
            continue;
        };
        let why = why(KINDS[at], theirs, line);
        let entry = kind.why.entry(why).or_insert_with(|| {
            let example = format!(
                "packet {}: `{fact}` of `{theirs}`, netloom `{line}`",
                frame.number
            );
            (0, example)
        });
        entry.0 += 1;
    }
    info
}

/// What Wireshark says of a packet, without its notes about the stream (`[TCP Retransmission]`),
/// which are no facts of the packet.
fn without_notes(info: &str) -> String {
    let mut rest = info.trim_start();
    while let Some(behind) = rest
        .strip_prefix("[TCP ")
        .and_then(|text| text.split_once(']'))
        .filter(|(note, _)| !note.starts_with("segment of"))
        .map(|(_, behind)| behind)
    {
        rest = behind.trim_start_matches([' ', ',']);
    }
    rest.to_owned()
}

/// Why a packet differs, as far as that can be told.
fn why(kind: &str, theirs: &str, ours: &str) -> &'static str {
    if ours.is_empty() {
        "netloom has no info"
    } else if theirs.contains("Malformed") || theirs.contains("Packet size limited") {
        "malformed or cut"
    } else if theirs.contains("reassembled")
        || kind == "TCP" && !ours.contains("Seq=")
        || matches!(kind, "TLS" | "HTTP" | "DNS") && ours.contains("Seq=")
    {
        "a message in several segments"
    } else {
        "other"
    }
}

/// The parts, a protocol each, and a table of why.
pub(super) fn parts<'a>(
    captures: impl Iterator<Item = (&'a Capture, &'a Info)>,
) -> (Vec<Part>, String) {
    let mut tallies: [Tally; KINDS.len()] = Default::default();
    let mut whys: BTreeMap<(usize, &str), u64> = BTreeMap::new();
    for (capture, info) in captures {
        for (at, kind) in info
            .0
            .iter()
            .enumerate()
            .filter(|(_, kind)| kind.packets > 0)
        {
            let counts = tallies[at]
                .captures
                .entry(capture.name.clone())
                .or_default();
            *counts = (kind.same, kind.packets);
            for (why, (packets, example)) in &kind.why {
                *whys.entry((at, why)).or_default() += packets;
                tallies[at].differences.push(format!(
                    "`{}`: {packets} packets, {why}; {example}",
                    capture.name
                ));
            }
        }
    }
    let mut page =
        String::from("## Why Info differs\n\n| protocol | why | packets |\n|---|---|---:|\n");
    for ((at, why), packets) in &whys {
        let _ = writeln!(page, "| {} | {why} | {packets} |", KINDS[*at]);
    }
    page.push('\n');
    let parts = KINDS.iter().zip(tallies).map(|(kind, tally)| {
        let title = if *kind == "others" {
            "Info of all other packets: protocol or length".to_owned()
        } else {
            format!("Info, facts of {kind}")
        };
        Part::new(title, None, tally)
    });
    (parts.collect(), page)
}

/// The first fact that is only theirs.
fn missing(kind: &str, theirs: &str, ours: &str, window: &str) -> Option<String> {
    let facts: fn(&str) -> BTreeSet<String> = match kind {
        "ARP" => addresses,
        "ICMP" | "ICMPv6" => icmp,
        "TCP" | "UDP" => ports,
        "DNS" => dns,
        "TLS" => tls,
        "HTTP" => http,
        _ => {
            let said = ours.contains("Len=") || ours.contains("bytes") || ours.contains("len=");
            return (!said).then(|| "length".to_owned());
        }
    };
    let mut wanted = facts(theirs);
    if kind == "TCP" && !window.is_empty() && !window.contains(',') {
        // What Info has is scaled.
        wanted.retain(|fact| !fact.starts_with("Win="));
        wanted.insert(format!("Win={window}"));
    }
    let have = facts(ours);
    if wanted.is_empty() && ours.is_empty() {
        return Some("anything".to_owned());
    }
    wanted.into_iter().find(|fact| !have.contains(fact))
}

/// IP and hardware addresses.
fn addresses(line: &str) -> BTreeSet<String> {
    line.split(|character: char| character.is_whitespace() || "?(),".contains(character))
        .map(|word| word.trim_end_matches(':').to_lowercase())
        .filter(|word| {
            word.parse::<std::net::IpAddr>().is_ok()
                || word.len() == 17 && word.bytes().filter(|byte| *byte == b':').count() == 5
        })
        .collect()
}

fn ports(line: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    if let Some((before, after)) = line.split_once('→') {
        let src = before.trim_end().rsplit(' ').next().unwrap_or_default();
        let dst = after.trim_start().split(' ').next().unwrap_or_default();
        facts.insert(format!("from {src}"));
        facts.insert(format!("to {dst}"));
        if let Some((_, flags)) = after.split_once('[')
            && let Some((flags, _)) = flags.split_once(']')
        {
            facts.insert(flags.replace("<None>", "none").to_uppercase());
        }
    }
    for word in line.split(' ') {
        if ["Seq=", "Ack=", "Win=", "Len="]
            .iter()
            .any(|name| word.starts_with(name))
        {
            facts.insert(
                word.trim_end_matches(|character: char| !character.is_ascii_digit())
                    .to_owned(),
            );
        }
    }
    facts
}

/// Words of Wireshark's that say nothing of their own.
const IDLE: [&str; 25] = [
    "ping",
    "message",
    "in",
    "reply",
    "no",
    "response",
    "found",
    "for",
    "from",
    "is",
    "at",
    "of",
    "to",
    "the",
    "multicast",
    "records",
    "time",
    "live",
    "exceeded",
    "ttl",
    "on",
    "unreachable",
    "hop",
    "limit",
    "broadcast",
];

/// What it is, identifier and sequence number in decimal, addresses.
fn icmp(line: &str) -> BTreeSet<String> {
    let mut facts = addresses(line);
    // `(reply in 5)`, `(no response found!)`
    let line = [
        "(reply in",
        "(request in",
        "(no response",
        "(multicast)",
        "[ETHERNET",
    ]
    .iter()
    .fold(line, |line, note| {
        line.split(note).next().unwrap_or_default()
    });
    for word in
        line.split(|character: char| character.is_whitespace() || "(),;".contains(character))
    {
        let word = word.trim_end_matches([':', '!', '.']).to_lowercase();
        if let Some(id) = word.strip_prefix("id=") {
            let id = id.strip_prefix("0x").map_or_else(
                || id.to_owned(),
                |hex| u16::from_str_radix(hex, 16).unwrap_or(0).to_string(),
            );
            facts.insert(format!("id={id}"));
        } else if let Some(seq) = word.strip_prefix("seq=") {
            facts.insert(format!("seq={}", seq.split('/').next().unwrap_or_default()));
        } else if !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        {
            let words = word
                .split('-')
                .filter(|word| !IDLE.contains(word) && !word.is_empty());
            facts.extend(words.map(str::to_owned));
        }
    }
    if line.to_lowercase().contains("reply") {
        facts.insert("reply".to_owned());
    }
    facts
}

/// Errors as Wireshark writes them, and their names.
const ERRORS: [(&str, &str); 11] = [
    ("No such name", "NXDOMAIN"),
    ("Server failure", "SERVFAIL"),
    ("Refused", "REFUSED"),
    ("Format error", "FORMERR"),
    ("Not implemented", "NOTIMP"),
    ("Name exists", "YXDOMAIN"),
    ("RRset exists", "YXRRSET"),
    ("RRset does not exist", "NXRRSet"),
    ("Not authoritative", "NOTAUTH"),
    ("Name out of zone", "NOTZONE"),
    ("No error", ""),
];

fn dns(line: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut line = line
        .replace(", \"QM\" question", "")
        .replace(", \"QU\" question", "");
    line = line.replace(", cache flush", "");
    for (theirs, name) in ERRORS {
        line = line.replace(theirs, name);
    }
    let words = line.split_whitespace();
    // `Standard query response 0x1234 …`; several messages in one segment say so again.
    for word in words {
        let word = word.trim_matches(',');
        match word {
            "" | "Standard" | "Dynamic" | "Unknown" | "operation" => {}
            "<Root>" => {
                facts.insert(".".to_owned());
            }
            word => {
                facts.insert(super::names::plain(word).to_lowercase());
            }
        }
    }
    facts
}

fn tls(line: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let line = line.split(" [TCP segment").next().unwrap_or_default();
    let line = line.split("[TCP segment").next().unwrap_or_default();
    // `Alert (Level: Warning, Description: Close Notify)`
    let mut plain = String::new();
    let mut depth = 0;
    for character in line.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth > 0 => {}
            _ => plain.push(character),
        }
    }
    for message in plain.split(", ") {
        let message = message.trim();
        // The version stands in front in netloom's line.
        let message = match message.split_once(' ') {
            Some((first, rest)) if first.starts_with("TLSv") || first.starts_with("SSLv") => rest,
            _ => message,
        };
        if !message.is_empty() && message != "Ignored Unknown Record" {
            facts.insert(message.trim().to_owned());
        }
    }
    facts
}

fn http(line: &str) -> BTreeSet<String> {
    let line = line.split("[TCP segment").next().unwrap_or_default();
    // Words about `application/json`.
    let line = line.replace(", JavaScript Object Notation", "");
    // Types by what the body begins with.
    let line = [
        ("(GIF89a)", "(image/gif)"),
        ("(GIF87a)", "(image/gif)"),
        ("(JPEG JFIF image)", "(image/jpeg)"),
        ("(PNG)", "(image/png)"),
    ]
    .iter()
    .fold(line, |line, (theirs, name)| line.replace(theirs, name));
    line.split_whitespace()
        .filter(|word| *word != "Continuation")
        .map(|word| word.trim_matches(['(', ')']).to_owned())
        .collect()
}
