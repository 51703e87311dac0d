//! DNS, mDNS, LLMNR and NBNS against Zeek, tshark and nDPI.
//!
//! Rates are pooled over all values and means over captures. What differs is listed by name in
//! `docs/agreement-dns.md`, and is a miss.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ndpi;
mod read;
mod tshark;
mod zeek;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What was compared, and what differed.
#[derive(Debug, Default)]
struct Agreement {
    /// A capture's name, values compared, values that agree.
    captures: Vec<(String, usize, usize)>,
    /// Each difference in words.
    differences: Vec<String>,
}

impl Agreement {
    fn add(&mut self, capture: &str, compared: usize, agreeing: usize) {
        if compared > 0 {
            self.captures.push((capture.to_owned(), compared, agreeing));
        }
    }

    fn compared(&self) -> usize {
        self.captures.iter().map(|(_, compared, _)| compared).sum()
    }

    fn agreeing(&self) -> usize {
        self.captures.iter().map(|(_, _, agreeing)| agreeing).sum()
    }

    /// Of all values, percent.
    fn pooled(&self) -> f64 {
        100.0 * self.agreeing() as f64 / self.compared().max(1) as f64
    }

    /// Mean over captures, percent.
    fn mean(&self) -> f64 {
        let rates = self
            .captures
            .iter()
            .map(|(_, compared, agreeing)| *agreeing as f64 / *compared as f64);
        100.0 * rates.sum::<f64>() / self.captures.len().max(1) as f64
    }

    fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {:.2} | {:.2} |\n",
            self.captures.len(),
            self.compared(),
            self.agreeing(),
            self.pooled(),
            self.mean()
        )
    }
}

/// The shared test data, if this checkout has it.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!("not compared: the captures of ../shared/data are not here");
    None
}

/// A capture and what was published about it.
struct Capture {
    path: String,
    expected: Vec<String>,
}

fn captures(data: &Path) -> Vec<Capture> {
    let text = std::fs::read_to_string(data.join("CAPTURES.tsv")).unwrap();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let expected = fields.get(5)?.split(';').filter(|name| !name.is_empty());
            Some(Capture {
                path: (*fields.first()?).to_owned(),
                expected: expected.map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// Calls `each` for every capture, on a few threads; results come in the captures' order.
fn in_parallel<R: Send>(captures: &[Capture], each: impl Fn(&Capture) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().min(8));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(capture) = captures.get(at) else {
                            return mine;
                        };
                        mine.push((at, each(capture)));
                    }
                })
            })
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap())
            .collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What is known about differences.
const KNOWN: &str = "\
How it is compared:

- Zeek: every value that a row of `dns.log` has; a row that netloom lacks is a miss of all its
  values. What Zeek leaves out and netloom has is not compared: `rtt` of answers without records,
  type and class of answers whose query was not seen.
- tshark: the names of each capture, of questions (`dns.qry.name`) and of NBNS (`nbns.name`), and
  the `query` column of `dns` (where there was no question, it has the owner of the first record,
  which is looked for in `dns.resp.name`). DNS that travels by itself is compared: not what is
  inside HTTP/2 or TLS, and not the packets that ICMP errors quote. Bytes that are no printable
  ASCII count as one unknown character.
- nDPI: the name on a line is looked for, in lower case, among the queries and the host names of
  its capture; `_` and `?`, which nDPI writes for what it does not expect, stand for any character.

Differences that are known:

- Zeek says `AA` and `RA` only of responses with answers; netloom says the bits as they are.
- Zeek has the owner of its first record in the `query` of an mDNS announcement; netloom has it in
  `answer_names`, for nobody asked.
- Zeek writes the names in answers in lower case; netloom as they were sent.
- `badpackets.pcap` holds first fragments whose others are missing: tshark reads the names in them,
  netloom waits for whole datagrams.
- `version_scan.pcap`: DNS over TCP on ports of other protocols, where tshark does not look for it.
- nDPI ends a NetBIOS name at the first byte that is no letter.
";

#[test]
fn dns_agrees_with_others() {
    let Some(data) = data() else {
        return;
    };
    let captures = captures(&data);
    let zeek = zeek::values(&data, &captures);
    let names = tshark::names(&data, &captures);
    let ndpi = ndpi::names(&data, &captures);

    let mut table = String::from(
        "| what | captures | compared | agree | % pooled | % mean |\n|---|---:|---:|---:|---:|---:|\n",
    );
    table += &zeek.row("Zeek `dns.log`, values");
    if let Some((recall, precision)) = &names {
        table += &recall.row("tshark query names, recall");
        table += &precision.row("tshark query names, precision");
    }
    table += &ndpi.row("nDPI, names on DNS, mDNS, LLMNR and NetBIOS lines");
    println!("{table}");

    let mut page = format!(
        "# Agreement on DNS\n\n\
        Written by the test `names_dns` of `netloom-pipeline` (`NETLOOM_BLESS=1`). Every \
        difference is a miss, explained or not.\n\n{KNOWN}\n{table}\n## All differences\n\n"
    );
    let empty = (Agreement::default(), Agreement::default());
    let (recall, precision) = names.as_ref().unwrap_or(&empty);
    for (title, agreement) in [
        ("Zeek, dns.log", &zeek),
        ("tshark has, netloom has not", recall),
        ("netloom has, tshark has not", precision),
        ("nDPI", &ndpi),
    ] {
        let _ = writeln!(page, "### {title}\n");
        for difference in &agreement.differences {
            let _ = writeln!(page, "- {difference}");
        }
        if agreement.differences.is_empty() {
            page += "None.\n";
        }
        page.push('\n');
    }
    let page = page.trim_end().to_owned() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agreement-dns.md");
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    } else if std::fs::read_to_string(&path).is_ok_and(|old| old != page) {
        println!("docs/agreement-dns.md is not current: run with NETLOOM_BLESS=1");
    }

    for (name, agreement, least) in [
        ("Zeek dns.log", &zeek, 98.0),
        ("tshark recall", recall, 99.0),
        ("tshark precision", precision, 99.0),
        ("nDPI", &ndpi, 99.0),
    ] {
        if agreement.compared() > 0 {
            assert!(
                agreement.pooled() >= least && agreement.mean() >= least,
                "{name}: {:.2} % pooled, {:.2} % mean\n{}",
                agreement.pooled(),
                agreement.mean(),
                agreement.differences.join("\n")
            );
        }
    }
}
