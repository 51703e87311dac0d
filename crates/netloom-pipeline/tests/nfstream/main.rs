//! The profile `nfstream` against NFStream itself: on every eighth capture, and with
//! `NETLOOM_NFSTREAM=all` on every one that it reads.
//!
//! What differs is counted, cell by cell, and listed in `docs/agreement-nfstream.md`, which
//! `NETLOOM_BLESS=1` with all captures writes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod read;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a capture came to.
#[derive(Debug, Default)]
struct Comparison {
    /// Flows that both have.
    both: usize,
    /// Flows that only NFStream has, in words.
    missing: Vec<String>,
    /// Flows that only netloom has.
    extra: Vec<String>,
    /// Cells of all flows of either side.
    cells: usize,
    /// Of them, those that both have with the same value.
    same: usize,
    /// Column, NFStream's value, netloom's value, flow.
    differing: Vec<(String, String, String, String)>,
}

/// What makes two rows the same flow: addresses, ports, protocol, VLAN, tunnel.
const KEY: [&str; 7] = [
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "protocol",
    "vlan_id",
    "tunnel_id",
];

impl Comparison {
    fn new(theirs: &[Vec<String>], ours: &[Vec<String>]) -> Self {
        let mut comparison = Self::default();
        let header = ours.first().unwrap();
        if let Some(names) = theirs.first() {
            assert_eq!(names, header, "names and their order");
        }
        let place = |name: &str| header.iter().position(|other| other == name).unwrap();
        let key = KEY.map(place);
        let start = place("bidirectional_first_seen_ms");
        let words = |row: &Vec<String>| {
            key.iter()
                .chain([&start])
                .map(|&at| row[at].as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        // With the start first; what is left by addresses and ports in order of the start.
        let mut theirs: Vec<_> = theirs.iter().skip(1).collect();
        let mut ours: Vec<_> = ours.iter().skip(1).collect();
        for with_start in [true, false] {
            let of = |row: &Vec<String>| {
                let mut of: Vec<String> = key.iter().map(|&at| row[at].clone()).collect();
                of.extend(with_start.then(|| row[start].clone()));
                of
            };
            let mut places: HashMap<_, Vec<_>> = HashMap::new();
            for row in ours.iter().rev() {
                places.entry(of(row)).or_default().push(*row);
            }
            theirs.retain(|row| {
                let Some(other) = places.get_mut(&of(row)).and_then(Vec::pop) else {
                    return true;
                };
                comparison.both += 1;
                comparison.cells += header.len();
                for (name, (a, b)) in header.iter().zip(row.iter().zip(other)) {
                    if is_same(a, b) {
                        comparison.same += 1;
                    } else {
                        comparison
                            .differing
                            .push((name.clone(), a.clone(), b.clone(), words(row)));
                    }
                }
                false
            });
            let left: Vec<_> = places.into_values().flatten().collect();
            ours.retain(|row| left.iter().any(|other| std::ptr::eq(*other, *row)));
        }
        comparison.cells += header.len() * (theirs.len() + ours.len());
        comparison.missing = theirs.into_iter().map(words).collect();
        comparison.extra = ours.into_iter().map(words).collect();
        comparison
    }

    fn rate(&self) -> f64 {
        self.same as f64 / self.cells.max(1) as f64
    }
}

/// Whether two cells have the same value: letter by letter, or as numbers.
fn is_same(a: &str, b: &str) -> bool {
    a == b || a.parse::<f64>().is_ok_and(|a| b.parse() == Ok(a))
}

/// NFStream in an environment of its own, where `.ci/run tools` made one.
fn python() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let python = target.join("tools/nfstream/bin/python");
    python.exists().then_some(python)
}

/// Has NFStream write a CSV for each capture that has none.
fn run_nfstream(captures: &[(PathBuf, PathBuf)]) -> bool {
    let wanted: Vec<_> = captures.iter().filter(|(_, csv)| !csv.exists()).collect();
    if wanted.is_empty() {
        return true;
    }
    let Some(python) = python() else {
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nfstream/run.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for (capture, csv) in wanted {
        writeln!(input, "{}\t{}", capture.display(), csv.display()).unwrap();
    }
    drop(input);
    child.wait().unwrap().success()
}

#[test]
fn flows_are_those_of_nfstream() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(data) = data.canonicalize() else {
        println!("not compared: the captures of ../shared/data are not here");
        return;
    };
    let list = std::fs::read_to_string(data.join("CAPTURES.tsv")).unwrap();
    let all = std::env::var_os("NETLOOM_NFSTREAM").is_some_and(|which| which == "all");
    let names: Vec<&str> = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .step_by(if all { 1 } else { 8 })
        .collect();
    // Kept from run to run only where somebody says so.
    let kept = std::env::var_os("NETLOOM_NFSTREAM_OUTPUT").map(PathBuf::from);
    let folder = kept.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("netloom-nfstream-{}", std::process::id()))
    });
    std::fs::create_dir_all(&folder).unwrap();
    let captures: Vec<_> = names
        .iter()
        .map(|name| {
            (
                data.join(name),
                folder.join(name.replace('/', "__") + ".csv"),
            )
        })
        .collect();
    if !run_nfstream(&captures) {
        println!("not compared: NFStream is not here; `.ci/run tools` installs it");
        return;
    }
    let compared = compare(&names, &captures);
    if kept.is_none() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    if all {
        report(&compared);
    }
    assert!(!compared.is_empty(), "NFStream read none of the captures");
    let (cells, same) = totals(&compared);
    let pooled = 100.0 * same as f64 / cells as f64;
    let mean = mean(&compared);
    println!(
        "{} captures, {cells} cells: {pooled:.3} % pooled, {mean:.3} % mean",
        compared.len()
    );
    assert!(
        pooled >= 99.5 && mean >= 99.5,
        "{pooled:.3} % pooled, {mean:.3} % mean"
    );
}

/// Every capture that NFStream read, in order.
fn compare<'a>(
    names: &[&'a str],
    captures: &[(PathBuf, PathBuf)],
) -> BTreeMap<&'a str, Comparison> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work: Vec<_> = names.iter().zip(captures).collect();
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || {
                    let mine = work.iter().skip(thread).step_by(threads);
                    mine.filter_map(|(name, (capture, csv))| {
                        let theirs = std::fs::read_to_string(csv).ok()?;
                        let ours = read::flows(capture).unwrap_or_default();
                        let ours = read::rows(&String::from_utf8(ours).unwrap());
                        let theirs = read::rows(&theirs);
                        (theirs.len() > 1 || ours.len() > 1)
                            .then(|| (**name, Comparison::new(&theirs, &ours)))
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    parts.into_iter().flatten().collect()
}

fn totals(compared: &BTreeMap<&str, Comparison>) -> (usize, usize) {
    compared.values().fold((0, 0), |(cells, same), comparison| {
        (cells + comparison.cells, same + comparison.same)
    })
}

/// Mean over captures, percent.
fn mean(compared: &BTreeMap<&str, Comparison>) -> f64 {
    100.0 * compared.values().map(Comparison::rate).sum::<f64>() / compared.len().max(1) as f64
}

/// The page that says what agrees and what does not.
fn report(compared: &BTreeMap<&str, Comparison>) {
    let (cells, same) = totals(compared);
    let mut flows = [0; 3];
    let mut columns: BTreeMap<&str, usize> = BTreeMap::new();
    for comparison in compared.values() {
        flows[0] += comparison.both;
        flows[1] += comparison.missing.len();
        flows[2] += comparison.extra.len();
        for (column, ..) in &comparison.differing {
            *columns.entry(column).or_default() += 1;
        }
    }
    let mut page = format!(
        "{HEAD}\n{} captures, {cells} cells: **{:.3} %** agree pooled, **{:.3} %** as the mean over \
        captures. {} flows are in both, {} only in NFStream's, {} only in netloom's.\n\n\
        | column | cells that differ |\n|---|---:|\n",
        compared.len(),
        100.0 * same as f64 / cells as f64,
        mean(compared),
        flows[0],
        flows[1],
        flows[2],
    );
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|&(column, count)| (std::cmp::Reverse(count), column));
    for (column, count) in columns {
        writeln!(page, "| `{column}` | {count} |").unwrap();
    }
    page.push_str("\n## Captures in which something differs\n\n");
    page.push_str("| capture | flows | only NFStream | only netloom | cells that differ | % |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|\n");
    for (name, comparison) in compared {
        if comparison.same < comparison.cells {
            let (missing, extra) = (comparison.missing.len(), comparison.extra.len());
            writeln!(
                page,
                "| `{name}` | {} | {missing} | {extra} | {} | {:.2} |",
                comparison.both,
                comparison.differing.len(),
                100.0 * comparison.rate()
            )
            .unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agreement-nfstream.md");
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        current(&path, &page);
    }
    if let Some(path) = std::env::var_os("NETLOOM_DIFFERENCES") {
        std::fs::write(path, differences(compared)).unwrap();
    }
}

#[expect(clippy::print_stdout, reason = "says how to write the page again")]
fn current(path: &Path, page: &str) {
    if std::fs::read_to_string(path).is_ok_and(|old| old != page) {
        println!("docs/agreement-nfstream.md is not current: run with NETLOOM_BLESS=1");
    }
}

/// Every difference, for who looks into them: with `NETLOOM_DIFFERENCES` set to a file.
fn differences(compared: &BTreeMap<&str, Comparison>) -> String {
    let mut text = String::new();
    for (name, comparison) in compared {
        for (what, flows) in [
            ("missing", &comparison.missing),
            ("extra", &comparison.extra),
        ] {
            for flow in flows {
                writeln!(text, "{name}\t{what}\t{flow}").unwrap();
            }
        }
        for (column, theirs, ours, flow) in &comparison.differing {
            writeln!(text, "{name}\t{column}\t{theirs}\t{ours}\t{flow}").unwrap();
        }
    }
    text
}

const HEAD: &str = "\
# Agreement with NFStream

Written by the test `nfstream` of `netloom-pipeline` (`NETLOOM_NFSTREAM=all NETLOOM_BLESS=1`; each
run of CI compares an eighth of the captures). The profile `nfstream` is compared with NFStream 6.6.0
(PyPI) on every capture of the test data that NFStream reads: `statistical_analysis=True, splt_analysis=20, n_dissections=0, n_meters=1`, idle
timeout 120 s, active timeout 1800 s, everything else as it comes. A flow is the same where
addresses, ports, protocol, VLAN, tunnel and start are; what is left is paired without the start. A
cell is the same where its text is, or its number. All cells count: those of the 80 columns of every
flow of either side, so a flow that one side lacks is 80 misses. Captures of which both have no flow
are left out.

What NFStream's rules mean, beside keys and timeouts ([What a flow is](flows.md)), as its source and
this comparison tell: time never goes back (a packet with an older timestamp counts at the newest
time so far) and has whole milliseconds; sizes have 16 bits; link layers, tags and headers that it
does not know make it ignore the packet (802.1ad, Cisco metadata, NSH, PPP with address and control
fields, 802.11 without radiotap, Linux cooked v2, …); an authentication header is not walked, a
mobility header is; whatever follows an EtherType that it does not know is IP where the first nibble
is 4 or 6; an IPv4 length of 0 is no packet; a datagram at UDP port 37008 counts as in a
TZSP tunnel whatever it is; tunnels over UDP in IPv6 are looked for at the wrong place; its reader,
libpcap, leaves out packets of interfaces that differ from the first one in link type or snap
length.

Differences that are known, all counted as misses:

- `id` numbers rows (compared here as the place among all rows; `netloom export`, which writes rows as
  flows end, has the number of the first packet) in the order in which NFStream lets go of flows. That is the order of their
  first packets, which netloom follows, but for flows whose addresses and ports come again after a
  timeout while an older flow still goes on: those come earlier.
- `arkime/tests/pcap/y2038-bgp.pcap`, `mercury/unit_tests/pcaps/imap2.pcap`: NFStream takes seconds
  beyond 2^31 for a negative number.
- `ndpi/pcap/fuzz-2021-06-07-c6c72a0a56.pcap`: more than 10^6 microseconds in a second, which it
  cuts at 2^32.
- `tcpdump/tests/tcp_header_heapoverflow.pcap`: ports and flags read beyond the packet's end.
- `tcpdump/tests/ospf6_print_lshdr-oobr.pcap`: the file's snap length is shorter than its packets,
  and libpcap cuts them.
";
