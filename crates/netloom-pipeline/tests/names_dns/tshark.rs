//! Names that tshark sees in each capture.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use netloom_flow::FlowRules;

use super::{Agreement, Capture, in_parallel, read};

/// The names in a form that both sides can have: what is no printable ASCII is one `?`.
fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let mut skip = first.len_utf8();
        let odd = if first == '\\' {
            // `\xNN` of ours; `\NNN` (decimal) and `\r` of tshark's.
            let escape = rest.as_bytes().get(1).copied().unwrap_or_default();
            skip = match escape {
                b'x' | b'0'..=b'9' => 4,
                b'\\' => 2,
                _ if escape.is_ascii_lowercase() => 2,
                _ => 1,
            };
            true
        } else {
            !matches!(first, ' '..='~')
        };
        if !odd {
            out.push(first);
        } else if !out.ends_with('?') {
            out.push('?');
        }
        rest = rest.get(skip.min(rest.len())..).unwrap_or_default();
    }
    out
}

/// DNS that travels by itself: not inside HTTP/2, TLS with its keys, or what an ICMP error quotes.
const FILTER: &str = "(dns or mdns or llmnr or nbns) and not (tls or http2 or icmp or icmpv6)";

/// The names of questions that tshark prints, and those of records; `None` where it cannot be run.
fn theirs(path: &Path) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(path)
        .args(["-Y", FILTER, "-T", "fields"])
        .args(["-E", "aggregator=\u{1}", "-e", "dns.qry.name"])
        .args(["-e", "nbns.name", "-e", "dns.resp.name"])
        .env("LC_ALL", "C.UTF-8")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (mut names, mut owners) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let fields = line.split('\t').enumerate();
        let all = fields.flat_map(|(at, field)| field.split('\u{1}').map(move |name| (at, name)));
        for (field, name) in all.filter(|(_, name)| !name.is_empty()) {
            // The record of a NetBIOS name is shown with what its suffix means.
            let name = match name.find("> (") {
                Some(end) => &name[..=end],
                None => name,
            };
            let name = if name == "<Root>" { "." } else { name };
            let set = if field == 2 { &mut owners } else { &mut names };
            set.insert(plain(name));
        }
    }
    Some((names, owners))
}

/// Recall and precision; `None` where there is no tshark.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
pub(crate) fn names(data: &Path, captures: &[Capture]) -> Option<(Agreement, Agreement)> {
    if Command::new("tshark").arg("-v").output().is_err() {
        println!("not compared with tshark: it is not installed");
        return None;
    }
    let sets = in_parallel(captures, |capture| {
        let path = data.join(&capture.path);
        let (theirs, owners) = theirs(&path).unwrap_or_default();
        let names = read::names(&path, FlowRules::Native);
        let ours: BTreeSet<String> = names
            .rows
            .iter()
            .filter_map(|row| {
                let name = plain(row.record.query.as_deref()?);
                // Without a question, the row has the owner of a record.
                let owner = row.record.qtype.is_none() && owners.contains(&name);
                (!owner || theirs.contains(&name)).then_some(name)
            })
            .collect();
        (theirs, ours)
    });
    let (mut recall, mut precision) = (Agreement::default(), Agreement::default());
    for (capture, (theirs, ours)) in captures.iter().zip(&sets) {
        let both = theirs.intersection(ours).count();
        recall.add(&capture.path, theirs.len(), both);
        precision.add(&capture.path, ours.len(), both);
        for name in theirs.difference(ours) {
            recall
                .differences
                .push(format!("`{}`: `{name}`", capture.path));
        }
        for name in ours.difference(theirs) {
            precision
                .differences
                .push(format!("`{}`: `{name}`", capture.path));
        }
    }
    Some((recall, precision))
}
