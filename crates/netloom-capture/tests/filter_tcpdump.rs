//! Filters against tcpdump's: which expressions are accepted, and how many packets of captures
//! of every link type match.
//!
//! The captures are made here, of packets of all shared captures: one a link type, of those
//! packets that show something the ones before them did not, and of packets with bytes changed.
//! For link types that no shared capture has, headers are made up in front of other
//! packets. The expressions are in `filter_expressions.txt`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use netloom_capture::file::{self, OpenOptions};
use netloom_capture::filter::Filter;
use netloom_packet::{LinkType, PacketBatch};

/// Packets of a capture that is made here.
const MAX_PACKETS: usize = 1500;
/// Bytes of a packet that are looked at to see whether it is new.
const LOOKED_AT: usize = 96;
/// Packets that a capture has at least, with those that were changed.
const MIN_PACKETS: usize = 300;
/// Of link types that no shared capture has, one expression of so many is compared: they are
/// many, and mean much the same.
const STRIDE: usize = 8;
/// Captures larger than this are left out.
const MAX_FILE: u64 = 4 << 20;

/// A packet, and its length on the wire.
type Taken = (Vec<u8>, u32);

#[derive(Default)]
struct Pool {
    packets: Vec<Taken>,
    /// Values of bytes that were seen, with their places.
    seen: HashSet<(u16, u8)>,
    lengths: HashSet<usize>,
}

impl Pool {
    /// Takes a packet that has a length or a byte in a place that none before it had.
    fn offer(&mut self, data: &[u8], wire_len: u32) {
        if self.packets.len() >= MAX_PACKETS || data.len() > 65_535 {
            return;
        }
        let mut new = self.lengths.insert(data.len().min(256));
        for (place, byte) in data.iter().take(LOOKED_AT).enumerate() {
            new |= self.seen.insert((place as u16, *byte));
        }
        if new {
            self.packets.push((data.to_vec(), wire_len));
        }
    }

    /// Adds packets with bytes changed, until there are enough. None is cut: which of two tests
    /// comes first shows where the bytes of one of them are missing, and libpcap changes their
    /// order in ways of its own.
    fn change_some(&mut self, random: &mut Random) {
        let count = self.packets.len();
        let mut next = 0;
        while count > 0 && self.packets.len() < MIN_PACKETS {
            let (mut data, wire_len) = self.packets[next % count].clone();
            next += 1;
            if data.is_empty() {
                data.push(0);
            }
            for _ in 0..=random.below(3) {
                let place = random.below(data.len().min(LOOKED_AT));
                data[place] = LIKELY[random.below(LIKELY.len())];
            }
            self.packets.push((data, wire_len));
        }
    }

    /// The packets as a pcap file.
    fn pcap(&self, link_type: LinkType) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(0xa1b2_c3d4_u32.to_ne_bytes());
        file.extend(2_u16.to_ne_bytes());
        file.extend(4_u16.to_ne_bytes());
        file.extend([0; 8]);
        file.extend(262_144_u32.to_ne_bytes());
        file.extend(u32::from(link_type.0).to_ne_bytes());
        for (data, wire_len) in &self.packets {
            file.extend([0; 8]);
            file.extend((data.len() as u32).to_ne_bytes());
            file.extend(wire_len.to_ne_bytes());
            file.extend(data);
        }
        file
    }
}

/// Values that bytes of headers often have.
const LIKELY: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 8, 10, 17, 24, 28, 30, 0x21, 0x40, 0x45, 0x46, 0x57, 0x58, 0x60, 0x80,
    0x81, 0x84, 0x86, 0x88, 0xaa, 0xcc, 0xdd, 0xe0, 0xf0, 0xfe, 0xff,
];

/// A fixed sequence (Marsaglia's xorshift64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Link types that tcpdump filters, the lengths of their headers, and packets of which link
/// type to put behind them.
const MADE_UP: [(LinkType, usize, LinkType); 34] = [
    (LinkType::TOKEN_RING, 22, LinkType::RAW),
    (LinkType(7), 6, LinkType::RAW),
    (LinkType::PPP_ETHER, 8, LinkType::RAW),
    (LinkType(99), 44, LinkType::RAW),
    (LinkType(102), 24, LinkType::RAW),
    (LinkType(103), 24, LinkType::RAW),
    (LinkType(106), 8, LinkType::RAW),
    (LinkType::LOOP, 4, LinkType::RAW),
    (LinkType(109), 12, LinkType::RAW),
    (LinkType::LTALK, 0, LinkType::RAW),
    (LinkType::PFLOG, 64, LinkType::RAW),
    (LinkType::IEEE802_11_PRISM, 144, LinkType::IEEE802_11),
    (LinkType::IP_OVER_FC, 24, LinkType::RAW),
    (LinkType::SUNATM, 4, LinkType::ETHERNET),
    (LinkType::JUNIPER_MLPPP, 4, LinkType::RAW),
    (LinkType::JUNIPER_MLFR, 4, LinkType::RAW),
    (LinkType::JUNIPER_ES, 6, LinkType::RAW),
    (LinkType::JUNIPER_GGSN, 12, LinkType::RAW),
    (LinkType::JUNIPER_MFR, 4, LinkType::RAW),
    (LinkType::JUNIPER_ATM2, 8, LinkType::RAW),
    (LinkType::JUNIPER_SERVICES, 12, LinkType::RAW),
    (LinkType::JUNIPER_ATM1, 4, LinkType::RAW),
    (LinkType::APPLE_IP_OVER_IEEE1394, 18, LinkType::RAW),
    (LinkType(139), 4, LinkType::RAW),
    (LinkType(140), 0, LinkType::RAW),
    (LinkType::IEEE802_11_AVS, 64, LinkType::IEEE802_11),
    (LinkType::JUNIPER_MONITOR, 12, LinkType::RAW),
    (LinkType::PPP_PPPD, 4, LinkType::RAW),
    (LinkType::JUNIPER_PPPOE, 32, LinkType::RAW),
    (LinkType::JUNIPER_PPPOE_ATM, 6, LinkType::RAW),
    (LinkType::JUNIPER_VP, 18, LinkType::RAW),
    (LinkType(226), 24, LinkType::RAW),
    (LinkType::NETANALYZER, 4, LinkType::ETHERNET),
    (LinkType::NETANALYZER_TRANSPARENT, 12, LinkType::ETHERNET),
];

/// Packets with headers that are made up.
fn made_up(header: usize, behind: &Pool, random: &mut Random) -> Pool {
    let mut pool = Pool::default();
    for (data, _) in behind.packets.iter().take(MIN_PACKETS) {
        let mut packet: Vec<u8> = (0..header)
            .map(|_| LIKELY[random.below(LIKELY.len())])
            .collect();
        // Most lengths in headers of radios are the true one.
        if header >= 64 && random.below(3) > 0 {
            packet[4..8].copy_from_slice(&(header as u32).to_be_bytes());
        }
        packet.extend_from_slice(data);
        let wire_len = packet.len() as u32;
        pool.packets.push((packet, wire_len));
    }
    pool
}

fn shared() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

/// The packets of all shared captures that are worth it, by link type.
fn pools(folder: &Path, list: &str) -> BTreeMap<LinkType, Pool> {
    let mut pools: BTreeMap<LinkType, Pool> = BTreeMap::new();
    for path in list
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
    {
        let path = folder.join(path);
        if std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) > MAX_FILE {
            continue;
        }
        let Ok(mut source) = file::open(&[path], &OpenOptions::default()) else {
            continue;
        };
        let mut batch = PacketBatch::default();
        // The begin of a capture shows most of what it has.
        if let Ok(true) = source.next_batch(&mut batch) {
            for packet in batch.iter() {
                // tcpdump takes the byte order of such packets from that of their file.
                let other_order = packet.link_type == LinkType::NULL
                    && packet.data.first_chunk().is_none_or(|family: &[u8; 4]| {
                        u32::from_ne_bytes(*family) > u32::from(u16::MAX)
                    });
                if !other_order {
                    let pool = pools.entry(packet.link_type).or_default();
                    pool.offer(packet.data, packet.wire_len.min(262_144));
                }
            }
        }
    }
    pools
}

/// What became of an expression: how many packets match, or that it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Matches(usize),
    /// No packet can match: tcpdump refuses this in most cases, and counts none in the others.
    Nothing,
    Refused(String),
}

impl Verdict {
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused(_), Self::Refused(_))
            | (Self::Nothing, Self::Nothing | Self::Matches(0))
            | (Self::Matches(0), Self::Nothing) => true,
            _ => self == other,
        }
    }
}

fn ours(expression: &str, link_type: LinkType, pool: &Pool) -> Verdict {
    let program = match Filter::compile(expression, link_type, 262_144) {
        Ok(program) => program,
        Err(error) if error.matches_nothing => return Verdict::Nothing,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    let matches = pool
        .packets
        .iter()
        .filter(|(data, wire_len)| program.accepts(data, *wire_len));
    Verdict::Matches(matches.count())
}

fn tcpdump(expression: &str, capture: &Path) -> Verdict {
    let output = Command::new("tcpdump")
        .args(["-n", "--count", "-r"])
        .arg(capture)
        .args(["--", expression])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let count = text
            .split_whitespace()
            .next()
            .and_then(|count| count.parse().ok());
        return Verdict::Matches(count.unwrap_or_else(|| panic!("{expression}: {text}{said}")));
    }
    if said.contains("expression rejects all packets") {
        return Verdict::Nothing;
    }
    Verdict::Refused(said)
}

fn expressions() -> Vec<&'static str> {
    include_str!("filter_expressions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .collect()
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(reason: &str) {
    println!("skipped: {reason}");
}

fn has_tcpdump() -> bool {
    let found = Command::new("tcpdump").arg("--version").output();
    let counts = found.is_ok_and(|output| {
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat())
            .contains("libpcap version 1.10")
    });
    if !counts {
        skip("there is no tcpdump with libpcap 1.10");
    }
    counts
}

#[test]
fn every_expression_matches_what_it_matches_in_tcpdump() {
    let folder = shared();
    let Ok(list) = std::fs::read_to_string(folder.join("CAPTURES.tsv")) else {
        return skip(&format!("there is no {}", folder.display()));
    };
    if !has_tcpdump() {
        return;
    }
    let expressions = expressions();
    assert!(expressions.len() >= 300, "{}", expressions.len());
    let made = tempfile::tempdir().unwrap();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut pools = pools(&folder, &list);
    for pool in pools.values_mut() {
        pool.change_some(&mut random);
    }
    let found: HashSet<LinkType> = pools.keys().copied().collect();
    for (link_type, header, behind) in MADE_UP {
        if let (false, Some(behind)) = (found.contains(&link_type), pools.get(&behind)) {
            let mut pool = made_up(header, behind, &mut random);
            if link_type == LinkType::PFLOG {
                // On Linux, libpcap takes Linux's number for IPv6 alone; those of the systems that
                // have PF count here, too.
                for (packet, _) in &mut pool.packets {
                    if matches!(packet[1], 24 | 28 | 30) {
                        packet[1] = 10;
                    }
                }
            }
            pools.insert(link_type, pool);
        }
    }
    let mut captures = Vec::new();
    for (link_type, pool) in pools {
        let path = made.path().join(format!("{}.pcap", link_type.0));
        std::fs::write(&path, pool.pcap(link_type)).unwrap();
        // Link types that tcpdump does not read are no measure.
        if !matches!(tcpdump("", &path), Verdict::Refused(_)) {
            captures.push((link_type, pool, path));
        }
    }
    let mut work: Vec<(usize, &str)> = Vec::new();
    for (capture, (link_type, ..)) in captures.iter().enumerate() {
        for (place, expression) in expressions.iter().enumerate() {
            let wanted = found.contains(link_type) || place % STRIDE == capture % STRIDE;
            // What is wrong in itself is so for every link type.
            let sound = Filter::new(expression).is_ok() || *link_type == LinkType::ETHERNET;
            if wanted && sound {
                work.push((capture, expression));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut wrong = Vec::new();
                    while let Some((capture, expression)) =
                        work.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let (link_type, pool, path) = &captures[*capture];
                        let ours = ours(expression, *link_type, pool);
                        let theirs = tcpdump(expression, path);
                        if !ours.agrees(&theirs) {
                            wrong.push(format!(
                                "{link_type}: {expression}\n  here    {ours:?}\n  tcpdump {theirs:?}"
                            ));
                        }
                    }
                    wrong
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    let mut report = String::new();
    for (link_type, pool, _) in &captures {
        let _ = write!(report, "{link_type} {} packets, ", pool.packets.len());
    }
    println!(
        "{} comparisons of {} expressions on {report}",
        work.len(),
        expressions.len()
    );
    assert!(captures.len() >= 20, "{}", captures.len());
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
