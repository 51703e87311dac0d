//! The logs of the profile `zeek` against those of Zeek's own tests, cell by cell.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

use netloom_capture::file::OpenOptions;
use netloom_flow::{FlowConfig, FlowRules};
use netloom_pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
use netloom_pipeline::{Control, PipelineOptions};
use netloom_tables::profile::Profile;
use netloom_tables::{RecordBatch, TableFormat, TableName};

use super::zeek_tests::{ignores_checksums, limits, server_ports};

/// The logs and the tables they are made of.
const LOGS: [(&str, TableName); 4] = [
    ("conn", TableName::Flows),
    ("dns", TableName::Dns),
    ("http", TableName::Http),
    ("ssl", TableName::Tls),
];

/// What says which flow a row is of.
const ENDS: [&str; 4] = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"];

/// Columns that are not compared: times, which the baselines mask, and identifiers, which each
/// makes its own.
const APART: [&str; 5] = ["ts", "uid", "tunnel_parents", "orig_fuids", "resp_fuids"];

/// Columns of other packages and scripts, that netloom makes when they are named.
const NAMED: [(&str, &[&str]); 2] = [
    (
        "conn",
        &[
            "orig_l2_addr",
            "resp_l2_addr",
            "vlan",
            "inner_vlan",
            "community_id",
        ],
    ),
    (
        "ssl",
        &["subject", "issuer", "client_subject", "client_issuer"],
    ),
];

type Row = HashMap<String, String>;

/// The rows of a log, and its columns; a log cut to columns begins with their names.
fn parse(text: &str) -> (Vec<String>, Vec<Row>) {
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            columns = fields.split('\t').map(str::to_owned).collect();
        } else if line.starts_with('#') || line.trim().is_empty() {
            // About the file.
        } else if columns.is_empty() {
            columns = line.split('\t').map(str::to_owned).collect();
        } else {
            let values = line.split('\t').map(str::to_owned);
            rows.push(columns.iter().cloned().zip(values).collect());
        }
    }
    (columns, rows)
}

/// Our logs of a capture.
fn ours(capture: &Path, test: &str, checksums: bool) -> HashMap<&'static str, Vec<Row>> {
    let mut flow = FlowConfig::new(FlowRules::Zeek);
    flow.checksums = checksums;
    flow.server_ports = server_ports(test);
    flow.limits = limits(test);
    let requests = LOGS.map(|(log, table)| {
        let all = Profile::Zeek.parse_columns(table, None).unwrap().unwrap();
        let schema = all.schema();
        let mut names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        for (of, named) in NAMED {
            if of == log {
                names.extend(named);
            }
        }
        let list = names.join(",");
        let columns = Profile::Zeek.parse_columns(table, Some(&list)).unwrap();
        TableRequest::of(columns.unwrap())
    });
    let mut texts = requests.each_ref().map(|_| Vec::new());
    for ((request, (_, table)), text) in requests.iter().zip(LOGS).zip(&mut texts) {
        Profile::Zeek
            .style(table)
            .head(TableFormat::Csv, &request.schema(), text);
    }
    let mut options = PipelineOptions::new(flow);
    options.threads = 1;
    let scan = Scan::new(requests.to_vec(), ScanOptions::new(options));
    let mut open = || netloom_capture::file::open(&[capture], &OpenOptions::default());
    let mut take = |request: usize, batch: RecordBatch| {
        let style = Profile::Zeek.style(LOGS[request].1);
        style.rows(TableFormat::Csv, &batch, &mut texts[request]);
        Ok(ControlFlow::Continue(()))
    };
    // What can be read of a file that cannot be read to its end counts.
    _ = scan.run(&mut open, &Control::default(), &Plain, &mut take);
    LOGS.iter()
        .zip(&texts)
        .map(|((log, _), text)| (*log, parse(std::str::from_utf8(text).unwrap()).1))
        .collect()
}

/// Whether Zeek writes a connection: not for ESP, mobility headers and IGMP, which it looks into
/// in other ways, nor for IPv6 with nothing in it, nor for datagrams of which fragments are
/// missing.
fn is_logged(row: &Row) -> bool {
    let has = |column: &str, values: &[&str]| {
        row.get(column)
            .is_some_and(|value| values.contains(&value.as_str()))
    };
    let nothing = has("orig_pkts", &["0"]) && has("resp_pkts", &["0"]) && has("history", &["-"]);
    !has("ip_proto", &["2", "50", "59", "135"]) && !nothing
}

/// Whether a row can be of a capture: its addresses are among the capture's bytes, and its ports
/// beside each other. (A test that reads several captures has its logs listed with each.)
fn belongs(row: &Row, bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let has_address = |text: Option<&String>| match text.map(|text| text.parse()) {
        Some(Ok(IpAddr::V4(address))) => has(&address.octets()),
        Some(Ok(IpAddr::V6(address))) => has(&address.octets()),
        Some(Err(_)) => false,
        None => true,
    };
    let port = |name| row.get(name).and_then(|text| text.parse::<u16>().ok());
    let is_icmp = row.get("proto").is_some_and(|proto| proto == "icmp");
    let has_ports = match (port("id.orig_p"), port("id.resp_p")) {
        (Some(src), Some(dst)) if !is_icmp && src > 0 => {
            let (src, dst) = (src.to_be_bytes(), dst.to_be_bytes());
            has(&[src, dst].concat()) || has(&[dst, src].concat())
        }
        _ => true,
    };
    has_address(row.get("id.orig_h")) && has_address(row.get("id.resp_h")) && has_ports
}

/// Cells of a log.
#[derive(Debug, Default)]
struct Comparison {
    /// By capture: cells that have a value in Zeek's log, and those of them that agree.
    captures: BTreeMap<String, (usize, usize)>,
    differing: Vec<String>,
}

impl Comparison {
    fn add(&mut self, capture: &str, agrees: bool, difference: impl FnOnce() -> String) {
        let (cells, same) = self.captures.entry(capture.to_owned()).or_default();
        *cells += 1;
        *same += usize::from(agrees);
        if !agrees {
            self.differing
                .push(format!("`{capture}`: {}", difference()));
        }
    }

    fn compare(
        &mut self,
        (capture, bytes): (&str, &[u8]),
        columns: &[String],
        theirs: &[Row],
        mut ours: Vec<Row>,
    ) {
        let columns: Vec<&String> = columns
            .iter()
            .filter(|column| !APART.contains(&column.as_str()))
            .filter(|column| ours.first().is_none_or(|row| row.contains_key(*column)))
            .collect();
        let is_set = |value: &str| !matches!(value, "-" | "<empty>");
        let get = |row: &Row, column: &str| row.get(column).map_or("-", String::as_str).to_owned();
        let alike = |theirs: &Row, ours: &Row| {
            let points = columns.iter().map(|column| {
                let (expected, found) = (get(theirs, column), get(ours, column));
                match expected == found {
                    true if is_set(&expected) => 100,
                    same => usize::from(same),
                }
            });
            let ends = ENDS
                .iter()
                .filter(|end| theirs.get(**end) == ours.get(**end));
            10_000 * ends.count() + points.sum::<usize>()
        };
        // The most alike pairs first.
        let mut left: Vec<&Row> = theirs.iter().collect();
        let mut pairs = Vec::new();
        for all_ends in [true, false] {
            let mut alone = Vec::new();
            for row in left {
                let best = (0..ours.len())
                    .filter(|&at| {
                        let same = |end: &str| {
                            let theirs = row.get(end);
                            theirs.is_none() || theirs == ours[at].get(end)
                        };
                        ENDS.iter().filter(|end| same(end)).count() >= if all_ends { 4 } else { 3 }
                    })
                    .max_by_key(|&at| (alike(row, &ours[at]), ours.len() - at));
                match best {
                    Some(at) => pairs.push((row, ours.remove(at))),
                    None => alone.push(row),
                }
            }
            left = alone;
        }
        let words = |row: &Row| ENDS.map(|end| get(row, end)).join(" ");
        for (theirs, ours) in &pairs {
            for column in &columns {
                let (expected, found) = (get(theirs, column), get(ours, column));
                if is_set(&expected) {
                    self.add(capture, expected == found, || {
                        format!(
                            "{column} of {}: Zeek `{expected}`, netloom `{found}`",
                            words(theirs)
                        )
                    });
                }
            }
        }
        left.retain(|row| belongs(row, bytes));
        for (rows, who) in [(left, "Zeek"), (ours.iter().collect(), "netloom")] {
            for row in rows {
                let set = columns
                    .iter()
                    .filter(|column| is_set(&get(row, column)))
                    .count();
                // Cells of Zeek are compared: a row that it lacks has none of them.
                let missed = if who == "netloom" { 1 } else { set.max(1) };
                for _ in 0..missed {
                    self.captures.entry(capture.to_owned()).or_default().0 += 1;
                }
                self.differing
                    .push(format!("`{capture}`: only {who} has {}", words(row)));
            }
        }
    }

    /// The mean over the captures of which more is compared than a cell or two.
    fn mean_of_large(&self) -> f64 {
        let large: Vec<f64> = self
            .captures
            .values()
            .filter(|(cells, _)| *cells >= 10)
            .map(|(cells, same)| *same as f64 / *cells as f64)
            .collect();
        100.0 * large.iter().sum::<f64>() / large.len().max(1) as f64
    }

    fn rates(&self) -> (usize, usize, f64) {
        let (cells, same) = self
            .captures
            .values()
            .fold((0, 0), |(cells, same), one| (cells + one.0, same + one.1));
        let rates = self
            .captures
            .values()
            .map(|one| one.1 as f64 / one.0.max(1) as f64);
        (
            cells,
            same,
            100.0 * rates.sum::<f64>() / self.captures.len().max(1) as f64,
        )
    }
}

#[test]
fn logs_are_those_of_zeek() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(list) = std::fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("not compared: the captures of ../shared/data are not here");
        return;
    };
    let mut lines = list
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let expected = header
        .iter()
        .position(|name| name.starts_with("expected"))
        .unwrap();
    let mut logs = LOGS.map(|(log, _)| (log, Comparison::default()));
    for line in lines.filter(|line| line[0].starts_with("zeek/")) {
        let path = data.join(line[0]);
        let short = line[0].trim_start_matches("zeek/Traces/");
        let mut made: HashMap<(String, bool), HashMap<&str, Vec<Row>>> = HashMap::new();
        for baseline in line[expected].split([',', ' ', ';']) {
            let mut parts = baseline.trim_start_matches("zeek/Baseline/").split('/');
            let (Some(test), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let Some(name) = name.strip_suffix(".log") else {
                continue;
            };
            let Some((log, comparison)) = logs.iter_mut().find(|(log, _)| name.starts_with(log))
            else {
                continue;
            };
            let text = std::fs::read(data.join(baseline)).unwrap_or_default();
            let (columns, theirs) = parse(&String::from_utf8_lossy(&text));
            let bytes = std::fs::read(&path).unwrap_or_default();
            let bytes = bytes.as_slice();
            if !theirs.iter().any(|row| belongs(row, bytes)) {
                continue;
            }
            // What the other tests did with checksums is known of those with a conn.log alone.
            let checksums = *log == "conn" && !ignores_checksums(test);
            let ours = made
                .entry((test.to_owned(), checksums))
                .or_insert_with(|| ours(&path, test, checksums));
            let mut ours = ours.get(log).cloned().unwrap_or_default();
            ours.retain(is_logged);
            comparison.compare((short, bytes), &columns, &theirs, ours);
        }
    }
    let page = page(&logs);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agreement-zeek-logs.md");
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(place, &page).unwrap();
    }
    println!("{page}");
    let all = logs.iter().fold((0, 0), |(cells, same), (_, one)| {
        let (more, agreeing, _) = one.rates();
        (cells + more, same + agreeing)
    });
    let mut captures: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (capture, one) in logs.iter().flat_map(|(_, one)| &one.captures) {
        let sum = captures.entry(capture).or_default();
        *sum = (sum.0 + one.0, sum.1 + one.1);
    }
    let rates = captures
        .values()
        .map(|one| 100.0 * one.1 as f64 / one.0.max(1) as f64);
    for (capture, (cells, same)) in captures.iter().filter(|(_, one)| one.1 < one.0) {
        println!(
            "{:6.2} % of {cells} cells: {capture}",
            100.0 * *same as f64 / *cells as f64
        );
    }
    let pooled = 100.0 * all.1 as f64 / all.0 as f64;
    let mean = rates.sum::<f64>() / captures.len() as f64;
    println!(
        "{pooled:.2} % pooled, {mean:.2} % mean of {} captures",
        captures.len()
    );
    assert!(all.0 > 10_000, "{} cells", all.0);
    assert!(
        pooled >= 99.5 && mean >= 98.0,
        "{pooled:.2} % pooled, {mean:.2} % mean"
    );
}

/// The page that says what agrees and what does not.
fn page(logs: &[(&str, Comparison); 4]) -> String {
    let mut page = format!(
        "{HEAD}\n| log | captures | cells | agreeing | pooled % | mean % | mean % of captures with 10 cells and more |\n\
         |---|---:|---:|---:|---:|---:|---:|\n"
    );
    for (log, comparison) in logs {
        let (cells, same, mean) = comparison.rates();
        let captures = comparison.captures.len();
        let pooled = 100.0 * same as f64 / cells.max(1) as f64;
        writeln!(
            page,
            "| `{log}.log` | {captures} | {cells} | {same} | {pooled:.2} | {mean:.2} | {:.2} |",
            comparison.mean_of_large()
        )
        .unwrap();
    }
    for (log, comparison) in logs {
        writeln!(page, "\n## Cells of `{log}.log` that differ\n").unwrap();
        for difference in &comparison.differing {
            writeln!(page, "- {difference}").unwrap();
        }
    }
    page
}

const HEAD: &str = "\
# Agreement with Zeek's logs

Written by the test `profiles` of `netloom-pipeline` (`NETLOOM_BLESS=1`). The logs that
`netloom export --profile zeek` writes are compared with the `conn.log`, `dns.log`, `http.log` and
`ssl.log` of Zeek's own tests, cell by cell, as text. A cell counts where Zeek's log has a value.
Times, which the baselines mask, and identifiers, which each makes its own (`uid`, `tunnel_parents`,
`orig_fuids`, `resp_fuids`), are left out. Rows are paired by addresses and ports, then by how alike
they are; a row that Zeek alone has is a miss of all its cells, one that netloom alone has is one
miss. A log that is listed with several
captures is compared with those whose bytes hold the addresses and ports of its rows. Connections
that Zeek keeps in no log (ESP, IGMP, mobility headers, IPv6 without a next header) are left out.

The last column leaves out captures of fewer than ten cells: of some logs, which their tests cut to
one or two columns, nothing more is compared.

netloom is told the limits of analyzers that a test sets, and the ports on which it has Gnutella, NCP
and logins read, which Zeek does not do by itself.

Differences that are known, all counted as misses:

- `password`: netloom never shows one.
- `globus-url-copy.pcap`: Zeek is told to take a channel for one of GridFTP and stop looking at it after
  2 bytes; by itself it would after a gigabyte.
- `service` of `wstunnel-ssh.pcap`, of which five tests are compared: in three of them a script tells Zeek
  not to read WebSocket at all, or to take what it carries for HTTP.
";
