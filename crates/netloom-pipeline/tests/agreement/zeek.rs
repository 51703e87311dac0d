//! The logs of protocols that Zeek's own tests expect.

mod dns;
mod http;
mod tls;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use netloom_flow::FlowRules;

use crate::seen::read;
use crate::support::{Part, Tally, captures, conclude, in_parallel};

/// A row: values by Zeek's names, as they stand in the log.
pub(crate) type Row = HashMap<String, String>;

/// The rows of a log. A log that is cut to some columns begins with their names.
pub(crate) fn log(path: &Path) -> Vec<Row> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut header: Option<Vec<&str>> = None;
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            header = Some(fields.split('\t').collect());
        } else if line.starts_with('#') || line.trim().is_empty() {
            // About the file.
        } else if let Some(header) = &header {
            let values = line.split('\t').map(str::to_owned);
            let names = header.iter().map(|name| (*name).to_owned());
            rows.push(names.zip(values).collect());
        } else {
            header = Some(line.split('\t').collect());
        }
    }
    rows
}

/// What is known about differences.
const INTRODUCTION: &str = "\
Written by the test `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`), under
`--flow-rules zeek`: every value that a row of the baselines of Zeek's own tests has in a field
that both have. A row that netloom lacks is a miss of all its values, a row of `dns` that Zeek
lacks is a miss too. Every difference counts, explained or not. What is compared in another form:

- Zeek takes percent codes out of `uri`; netloom's is what was sent. Compared unpacked.
- Zeek's `host` holds a port where one was sent; netloom's never does. Compared without.
- Zeek's baselines cut `host_key_fingerprint`: the start is compared.
- A QUIC connection is one row here, with a Retry and what it gave (`retry_scid`); in quic.log the
  attempt that was refused is a row of its own. Compared cut at the Retry.
- Names in DNS queries are compared in lower case. What Zeek leaves out and netloom has is not
  compared: `rtt` of answers without records, type and class of answers whose query was not seen.

Differences that are known:

- Zeek says `AA` and `RA` only of responses with answers; netloom says the bits as they are.
- Zeek has the owner of its first record in the `query` of an mDNS announcement; netloom has it in
  `answer_names`, for nobody asked.
- Zeek writes the names in answers in lower case; netloom as they were sent.
- Zeek says `RD` and `Z` of the query alone; without one netloom has those of the response.
- Zeek takes a NetBIOS name's type for `NIMLOC` in broadcasts; it is `NB`.
- Zeek reads TLS where its test brings the keys (`tls12-decryption.pcap`); netloom has none.
- Zeek takes what comes to port 443 for QUIC, and a query of DNS for one of an unknown version
  (`vector-max-size-crash.pcap`).
- Zeek counts two bytes for the end of a last line that has none (`http-single-conn-22.pcap`).
";

#[test]
fn zeek() {
    let Some(captures) = captures("zeek") else {
        return;
    };
    let kinds = ["dns", "http", "ssh", "ssl", "x509", "quic"];
    let with_logs: Vec<_> = captures
        .iter()
        .filter(|capture| {
            capture.expected.iter().any(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                kinds.iter().any(|kind| name.starts_with(kind)) && name.ends_with(".log")
            })
        })
        .collect();
    let seen = in_parallel(
        &with_logs,
        || (),
        |(), capture| read(&capture.path, FlowRules::Zeek),
    );
    let both: Vec<_> = with_logs.iter().copied().zip(&seen).collect();
    let [ssl, x509, quic] = tls::values(&both);
    let mut all = Tally::default();
    for tally in [&ssl, &x509, &quic] {
        all.merge(tally);
    }
    all.differences.clear();
    let mut introduction = INTRODUCTION.to_owned();
    introduction += "\nBaselines that are not compared, for no capture holds what they say:\n\n";
    for (test, reason) in http::MADE_UP {
        let _ = writeln!(introduction, "- `{test}`: {reason}");
    }
    conclude(
        "agreement-zeek-names.md",
        "Agreement with Zeek: logs of protocols",
        &introduction,
        &[
            Part::new("dns.log", 98.0, dns::values(&both)),
            Part::new("http.log", 98.0, http::http(&both)),
            Part::new("ssh.log", 98.0, http::ssh(&both)),
            Part::new("ssl.log", 98.0, ssl),
            Part::new("x509.log", 98.0, x509),
            Part::new("quic.log", 98.0, quic),
            Part::new("ssl.log, x509.log and quic.log together", 98.0, all),
        ],
        "",
    );
}
