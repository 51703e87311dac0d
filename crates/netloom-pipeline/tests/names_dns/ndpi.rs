//! Names on nDPI's lines of DNS, mDNS, LLMNR and NetBIOS.

use std::collections::BTreeSet;
use std::path::Path;

use netloom_decode::app::dns::netbios_base;
use netloom_flow::FlowRules;

use super::{Agreement, Capture, in_parallel, read};

/// The names that a result file has for these protocols.
fn theirs(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let between = |start: &str| {
            let at = line.find(start)? + start.len();
            line.get(at..)?.split(']').next()
        };
        let master = between("[proto: ")
            .and_then(|protocol| protocol.split('/').nth(1))
            .map(|protocol| protocol.split('.').next().unwrap_or_default());
        if matches!(master, Some("DNS" | "MDNS" | "LLMNR" | "NetBIOS"))
            && let Some(name) = between("[Hostname/SNI: ")
        {
            names.insert(name.to_lowercase());
        }
    }
    names
}

/// Whether nDPI's name is ours, with `_` and `?` for any character. Ours has `\xNN` for those
/// that are not to be shown.
fn same(theirs: &str, ours: &str) -> bool {
    let mut ours = ours.chars();
    for expected in theirs.chars() {
        let Some(mut character) = ours.next() else {
            return false;
        };
        if character == '\\' && ours.as_str().starts_with('x') {
            character = '\u{fffd}';
            ours.nth(2);
        }
        if expected != character && !matches!(expected, '_' | '?') {
            return false;
        }
    }
    ours.next().is_none()
}

/// Whether each name stands among the queries and hosts of its capture.
pub(crate) fn names(data: &Path, captures: &[Capture]) -> Agreement {
    let results = in_parallel(captures, |capture| {
        let result = capture
            .expected
            .iter()
            .find(|name| name.starts_with("ndpi/result/"))?;
        let theirs = theirs(&std::fs::read_to_string(data.join(result)).ok()?);
        if theirs.is_empty() {
            return None;
        }
        let names = read::names(&data.join(&capture.path), FlowRules::Ndpi);
        let mut ours = BTreeSet::new();
        for row in &names.rows {
            if let Some(query) = row.record.query.as_deref() {
                let base = String::from_utf8_lossy(netbios_base(query.as_bytes())).into_owned();
                ours.insert(base.to_lowercase());
                ours.insert(query.to_lowercase());
            }
        }
        ours.extend(names.hosts.iter().map(|host| host.to_lowercase()));
        Some((theirs, ours))
    });
    let mut agreement = Agreement::default();
    for (capture, result) in captures.iter().zip(&results) {
        let Some((theirs, ours)) = result else {
            continue;
        };
        let missed: Vec<_> = theirs
            .iter()
            .filter(|name| !ours.contains(*name) && !ours.iter().any(|ours| same(name, ours)))
            .collect();
        agreement.add(&capture.path, theirs.len(), theirs.len() - missed.len());
        for name in missed {
            agreement
                .differences
                .push(format!("`{}`: `{name}`", capture.path));
        }
    }
    agreement
}
