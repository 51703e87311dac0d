//! Captures through decoder and flow table, in one thread.

// Each test program uses a part of it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::print_stderr,
    clippy::print_stdout
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netloom_capture::file::{self, OpenOptions};
use netloom_decode::net::fragment::Reassembler;
use netloom_decode::{DecodeOptions, Decoded, Transport, decode, decode_ip};
use netloom_flow::{
    FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable, further_flows, outer_flows,
};
use netloom_packet::{Packet, PacketBatch};

/// The shared test data, if this checkout has it.
pub(crate) fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: the captures of ../shared/data are not here");
    None
}

/// Writes a page of the docs when `NETLOOM_BLESS` is set; otherwise says whether it differs.
pub(crate) fn bless(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(&path, text).expect("docs/ can be written");
    } else if std::fs::read_to_string(&path).is_ok_and(|old| old != text) {
        eprintln!("docs/{page} is not current: run with NETLOOM_BLESS=1");
    }
}

/// A row of CAPTURES.tsv.
pub(crate) struct Capture {
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) expected: Vec<String>,
}

/// All captures of a source.
pub(crate) fn captures(data: &Path, source: &str) -> Vec<Capture> {
    let mut captures = all_captures(data);
    captures.retain(|capture| capture.source == source);
    captures
}

/// All captures.
pub(crate) fn all_captures(data: &Path) -> Vec<Capture> {
    let text = std::fs::read_to_string(data.join("CAPTURES.tsv")).expect("the list of captures");
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let expected = fields.get(5)?.split(';').filter(|name| !name.is_empty());
            Some(Capture {
                path: fields.first()?.to_string(),
                source: fields.get(3)?.to_string(),
                expected: expected.map(str::to_string).collect(),
            })
        })
        .collect()
}

/// The flows of a capture.
pub(crate) fn flows(path: &Path, config: &FlowConfig) -> Vec<FlowRecord> {
    flows_and_packets(path, config).0
}

/// The flows of a capture, and how many of its packets have an IP header.
pub(crate) fn flows_and_packets(path: &Path, config: &FlowConfig) -> (Vec<FlowRecord>, u64) {
    let mut source = match file::open(&[path], &OpenOptions::default()) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return (Vec::new(), 0);
        }
    };
    let mut driver = Driver::new(config);
    let mut batch = PacketBatch::default();
    while source.next_batch(&mut batch).unwrap_or(false) {
        for packet in batch.iter() {
            driver.packet(&packet);
        }
    }
    let with_ip = driver.with_ip;
    (driver.finish(), with_ip)
}

/// What the pipeline does, in one thread: fragments, tunnels, flows.
struct Driver {
    rules: FlowRules,
    options: DecodeOptions,
    reassembler: Reassembler,
    table: FlowTable,
    records: Vec<FlowRecord>,
    last: u64,
    with_ip: u64,
}

impl Driver {
    fn new(config: &FlowConfig) -> Self {
        let rules = config.rules;
        Self {
            rules,
            options: DecodeOptions {
                tunnels: rules.tunnels(),
            },
            reassembler: Reassembler::default(),
            table: FlowTable::new(config),
            records: Vec::new(),
            last: 0,
            with_ip: 0,
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        self.last = packet.number;
        self.table
            .advance(packet.timestamp, packet.number, &mut self.records);
        let decoded = decode(packet, self.options);
        self.with_ip += u64::from(decoded.ip.is_some());
        self.datagram(packet, decoded);
        if self.rules == FlowRules::Zeek {
            self.further(packet, &decoded);
        }
    }

    /// The further datagrams of an 802.11 aggregate.
    fn further(&mut self, packet: &Packet<'_>, decoded: &Decoded) {
        let (data, wire_len) = (packet.data, packet.wire_len);
        for (outer, flow) in further_flows(data, wire_len, decoded, self.options) {
            let Some(ip) = flow.decoded.ip else { continue };
            if ip.fragment.is_some() {
                self.datagram(packet, flow.decoded);
                continue;
            }
            let flow_packet = FlowPacket {
                outer,
                data: data.get(flow.offset as usize..).unwrap_or_default(),
                wire_len: if outer { wire_len } else { ip.total_len },
                ..FlowPacket::new(packet, &flow.decoded)
            };
            self.table.ingest(&flow_packet, &mut self.records);
        }
    }

    fn datagram(&mut self, packet: &Packet<'_>, mut decoded: Decoded) {
        let Some(ip) = decoded.ip else { return };
        if ip.fragment.is_none() {
            self.ingest(packet, packet.data, packet.wire_len, &decoded);
            return;
        }
        let outcome = self
            .reassembler
            .ingest(packet.timestamp, packet.number, &ip, packet.data);
        if self.rules == FlowRules::Zeek {
            let Some(datagram) = outcome.datagram else {
                return;
            };
            let mut whole = decode_ip(&datagram, datagram.len() as u32, self.options);
            whole.src_mac = decoded.src_mac;
            whole.dst_mac = decoded.dst_mac;
            whole.vlans = decoded.vlans;
            self.ingest(packet, &datagram, datagram.len() as u32, &whole);
            return;
        }
        let later = ip.fragment.is_some_and(|fragment| fragment.offset > 0);
        if later && matches!(self.rules, FlowRules::Nfstream | FlowRules::Ndpi) {
            return;
        }
        if let (true, Some(first)) = (later, outcome.first) {
            first.apply(&mut decoded);
            if matches!(first.transport, Transport::Icmpv4(_) | Transport::Icmpv6(_)) {
                decoded.transport = first.transport;
            }
        }
        let flow_packet = FlowPacket {
            later_fragment: later,
            ..FlowPacket::new(packet, &decoded)
        };
        self.table.ingest(&flow_packet, &mut self.records);
    }

    fn ingest(&mut self, packet: &Packet<'_>, data: &[u8], wire_len: u32, decoded: &Decoded) {
        if self.rules == FlowRules::Zeek {
            for outer in outer_flows(data, wire_len, decoded) {
                let data = data.get(outer.offset as usize..).unwrap_or_default();
                let flow_packet = FlowPacket::new(packet, &outer.decoded);
                let outer_packet = FlowPacket {
                    outer: true,
                    data,
                    ..flow_packet
                };
                self.table.ingest(&outer_packet, &mut self.records);
            }
        }
        let flow_packet = FlowPacket {
            data,
            wire_len,
            ..FlowPacket::new(packet, decoded)
        };
        self.table.ingest(&flow_packet, &mut self.records);
    }

    fn finish(mut self) -> Vec<FlowRecord> {
        self.table.finish(self.last + 1, &mut self.records);
        self.records
    }
}

/// How far two multisets of rows agree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agreement {
    pub(crate) matched: usize,
    /// The larger number of rows.
    pub(crate) total: usize,
    pub(crate) theirs_only: Vec<String>,
    pub(crate) ours_only: Vec<String>,
}

impl Agreement {
    pub(crate) fn of(theirs: Vec<String>, ours: Vec<String>) -> Self {
        let total = theirs.len().max(ours.len());
        let mut left: HashMap<String, usize> = HashMap::new();
        for row in ours {
            *left.entry(row).or_default() += 1;
        }
        let mut theirs_only = Vec::new();
        let mut matched = 0;
        for row in theirs {
            match left.get_mut(&row) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    matched += 1;
                }
                _ => theirs_only.push(row),
            }
        }
        let mut ours_only: Vec<String> = left
            .into_iter()
            .flat_map(|(row, count)| std::iter::repeat_n(row, count))
            .collect();
        ours_only.sort();
        theirs_only.sort();
        Self {
            matched,
            total,
            theirs_only,
            ours_only,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.total += other.total;
        self.theirs_only.extend(other.theirs_only);
        self.ours_only.extend(other.ours_only);
    }

    pub(crate) fn share(&self) -> f64 {
        if self.total == 0 {
            1.0
        } else {
            self.matched as f64 / self.total as f64
        }
    }
}

/// Percentages of rows that agree: of all rows together, and the mean over captures.
pub(crate) fn percentages(rows: &[(String, Agreement)]) -> (f64, f64) {
    let matched: usize = rows.iter().map(|(_, agreement)| agreement.matched).sum();
    let total: usize = rows.iter().map(|(_, agreement)| agreement.total).sum();
    let shares: f64 = rows.iter().map(|(_, agreement)| agreement.share()).sum();
    (
        100.0 * matched as f64 / total.max(1) as f64,
        100.0 * shares / rows.len().max(1) as f64,
    )
}

/// The percentages in a sentence, and a table of all captures.
pub(crate) fn table(rows: &[(String, Agreement)]) -> String {
    let matched: usize = rows.iter().map(|(_, agreement)| agreement.matched).sum();
    let total: usize = rows.iter().map(|(_, agreement)| agreement.total).sum();
    let (pooled, mean) = percentages(rows);
    let mut text = format!(
        "{matched} of {total} rows agree: **{pooled:.2} %** pooled, **{mean:.2} %** as the mean \
         over {} captures.\n\n| capture | rows | agree | % |\n|---|---:|---:|---:|\n",
        rows.len()
    );
    for (name, agreement) in rows {
        let (matched, total) = (agreement.matched, agreement.total);
        let share = 100.0 * agreement.share();
        let _ = writeln!(text, "| `{name}` | {total} | {matched} | {share:.1} |");
    }
    text
}

/// Every row that differs, for the docs.
pub(crate) fn differing_rows(peer: &str, rows: &[(String, Agreement)]) -> String {
    let mut text = String::new();
    for (name, agreement) in rows.iter().filter(|(_, agreement)| agreement.share() < 1.0) {
        let _ = writeln!(text, "- `{name}`");
        for row in &agreement.theirs_only {
            let _ = writeln!(text, "  - {peer}: `{row}`");
        }
        for row in &agreement.ours_only {
            let _ = writeln!(text, "  - netloom: `{row}`");
        }
    }
    text
}
