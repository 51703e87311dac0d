//! HTTP, SSH and FTP against Zeek, tshark, nDPI and Suricata.
//!
//! Rates are pooled over all values and means over captures. What differs is listed by name in
//! `docs/agreement-http.md`, and is a miss.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ndpi;
mod read;
mod suricata;
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
    source: String,
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
                source: (*fields.get(3)?).to_owned(),
                expected: expected.map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// What is known about differences; everything else is listed as it comes.
const KNOWN: &str = "\
Differences that are known:

- Zeek's `response_body_len` is the length of what a content coding (gzip) unpacks to; netloom's
  is the length on the wire, for it unpacks nothing but the start.
- Zeek takes percent codes out of `uri`; netloom's is what was sent. The two are compared
  unpacked.
- Zeek's `host` holds a port where one was sent; netloom's never does. Compared without.
- Zeek's baselines cut `host_key_fingerprint`: the start is compared.
- tshark goes by ports first. Where netloom has a host and tshark has not, tshark is asked again
  with the flow's port named as HTTP, with hosts that stand in the target alone, with Teredo on
  any port, and without waiting for the ends of heads that the capture lacks.
- Zeek has a row of an empty line behind a request of version 0.9; netloom has none.
- Zeek counts two bytes for the end of a last line that has none (`http-single-conn-22.pcap`).
- suricata-verify runs some tests with policies that drop or ignore traffic; netloom has none.
- What tshark reads with the keys inside a pcapng file is left out: netloom does not decrypt.
";

#[test]
fn http_ssh_and_ftp_agree_with_others() {
    let Some(data) = data() else {
        return;
    };
    let captures = captures(&data);
    let zeek_http = zeek::http(&data, &captures);
    let zeek_ssh = zeek::ssh(&data, &captures);
    let hosts = tshark::hosts(&data, &captures);
    let ndpi = ndpi::names(&data, &captures);
    let suricata = suricata::checks(&data, &captures);

    let mut table = String::from(
        "| what | captures | compared | agree | % pooled | % mean |\n|---|---:|---:|---:|---:|---:|\n",
    );
    table += &zeek_http.row("Zeek `http.log`, values");
    table += &zeek_ssh.row("Zeek `ssh.log`, values");
    if let Some((recall, precision)) = &hosts {
        table += &recall.row("tshark HTTP hosts, recall");
        table += &precision.row("tshark HTTP hosts, precision");
    }
    table += &ndpi.row("nDPI, names on HTTP lines");
    table += &suricata.row("suricata-verify, checks of http, ssh, ftp");
    println!("{table}");

    let mut page = format!(
        "# Agreement on HTTP, SSH and FTP\n\n\
        Written by the test `names_http` of `netloom-pipeline` (`NETLOOM_BLESS=1`). Every difference is a \
        miss, explained or not.\n\n{KNOWN}\n{table}\n## All differences\n\n"
    );
    let empty = (Agreement::default(), Agreement::default());
    let (recall, precision) = hosts.as_ref().unwrap_or(&empty);
    for (title, agreement) in [
        ("Zeek, http.log", &zeek_http),
        ("Zeek, ssh.log", &zeek_ssh),
        ("tshark has, netloom has not", recall),
        ("netloom has, tshark has not", precision),
        ("nDPI", &ndpi),
        ("suricata-verify", &suricata),
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agreement-http.md");
    if std::env::var_os("NETLOOM_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    } else if std::fs::read_to_string(&path).is_ok_and(|old| old != page) {
        println!("docs/agreement-http.md is not current: run with NETLOOM_BLESS=1");
    }

    // Least pooled, least mean. Zeek's mean falls short of 98: captures of few values whose
    // bodies are packed, or whose requests have no version, weigh as much as large ones.
    // Suricata's means little, where a capture has one check or two.
    for (name, agreement, pooled, mean) in [
        ("Zeek http.log", &zeek_http, 98.0, 96.0),
        ("Zeek ssh.log", &zeek_ssh, 98.0, 98.0),
        ("tshark recall", recall, 99.0, 99.0),
        ("tshark precision", precision, 99.0, 99.0),
        ("nDPI", &ndpi, 99.0, 99.0),
        ("Suricata", &suricata, 80.0, 75.0),
    ] {
        if agreement.compared() > 0 {
            assert!(
                agreement.pooled() >= pooled && agreement.mean() >= mean,
                "{name}: {:.2} % pooled, {:.2} % mean\n{}",
                agreement.pooled(),
                agreement.mean(),
                agreement.differences.join("\n")
            );
        }
    }
}
