//! Zeek's ssl.log, x509.log and quic.log.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use super::{Row, log};
use crate::seen::{Seen, cell};
use crate::support::{Capture, Tally};

/// The rows of a log; nothing for what is not set.
fn rows_of(path: &Path) -> Vec<Row> {
    let mut rows = log(path);
    for value in rows.iter_mut().flat_map(Row::values_mut) {
        if matches!(&**value, "-" | "(empty)") {
            value.clear();
        }
    }
    rows
}

/// Ports of a row, which are enough to find it within a capture; the originator's address where
/// both have it.
fn is_of(row: &Value, theirs: &Row) -> bool {
    let same = |ours: &str, name: &str| {
        theirs
            .get(name)
            .is_none_or(|value| *value == cell(row, ours))
    };
    same("src_ip", "id.orig_h")
        && same("src_port", "id.orig_p")
        && same("dst_ip", "id.resp_h")
        && same("dst_port", "id.resp_p")
}

/// Zeek's columns and ours.
const SSL: &[(&str, &str)] = &[
    ("version", "version"),
    ("cipher", "cipher"),
    ("curve", "curve"),
    ("server_name", "server_name"),
    ("resumed", "resumed"),
    ("last_alert", "last_alert"),
    ("next_protocol", "next_protocol"),
    ("established", "established"),
    ("ssl_history", "ssl_history"),
    ("cert_chain_fps", "cert_chain_fps"),
    ("client_cert_chain_fps", "client_cert_chain_fps"),
    ("sni_matches_cert", "sni_matches_cert"),
    ("subject", "subject"),
    ("issuer", "issuer"),
    ("client_subject", "client_subject"),
    ("client_issuer", "client_issuer"),
];

const QUIC: &[(&str, &str)] = &[
    ("version", "quic_version"),
    ("client_initial_dcid", "client_initial_dcid"),
    ("client_scid", "client_scid"),
    ("server_scid", "server_scid"),
    ("server_name", "server_name"),
    ("client_protocol", "client_alpns"),
    ("history", "quic_history"),
];

const X509: &[(&str, &str)] = &[
    ("certificate.serial", "serial"),
    ("certificate.subject", "subject"),
    ("certificate.issuer", "issuer"),
    ("certificate.not_valid_before", "not_before"),
    ("certificate.not_valid_after", "not_after"),
    ("certificate.key_alg", "key_alg"),
    ("certificate.sig_alg", "sig_alg"),
    ("certificate.key_length", "key_length"),
    ("certificate.curve", "key_curve"),
    ("san.dns", "san_dns"),
    ("san.ip", "san_ip"),
    ("basic_constraints.ca", "ca"),
];

/// Seconds since 1970 of one of our times.
fn seconds(time: &str) -> String {
    let part = |from: usize, to: usize| -> i64 {
        time.get(from..to)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    };
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19);
    format!("{seconds}.000000")
}

fn compare(
    tally: &mut Tally,
    capture: &str,
    row: Option<&Value>,
    theirs: &Row,
    columns: &[(&str, &str)],
) {
    for (zeek, ours) in columns {
        let Some(expected) = theirs.get(*zeek) else {
            continue;
        };
        let mut value = row.map(|row| cell(row, ours)).unwrap_or_default();
        if ours.starts_with("not_") && !value.is_empty() {
            value = seconds(&value);
        }
        if *ours == "client_alpns" {
            // Zeek keeps the first.
            value = value.split(',').next().unwrap_or_default().to_owned();
        }
        if expected.is_empty() && value.is_empty() {
            continue;
        }
        let port = theirs.get("id.orig_p").map_or("", String::as_str);
        tally.add(capture, value == *expected, || {
            let place = if row.is_some() { "" } else { " (no such row)" };
            format!("{zeek} of {port}: Zeek `{expected}`, netloom `{value}`{place}")
        });
    }
}

/// Takes the attempt that a Retry refused out of a connection: in quic.log it is a row of its own,
/// and the connection ID that it gave is the next row's.
fn refused(row: &mut Value) -> Option<Value> {
    let history = cell(row, "quic_history");
    let (before, after) = history.split_at(history.find('r')? + 1);
    let mut attempt = row.clone();
    attempt["quic_history"] = Value::from(before);
    attempt["server_scid"] = Value::Null;
    row["quic_history"] = Value::from(after);
    row["client_initial_dcid"] = row["retry_scid"].take();
    Some(attempt)
}

/// ssl.log, x509.log and quic.log.
pub(super) fn values(captures: &[(&Capture, &Seen)]) -> [Tally; 3] {
    // A log may stand beside several captures: it is of those with its connections.
    let mut logs: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
    for (capture, _) in captures {
        for log in &capture.expected {
            let name = log.file_name().unwrap_or_default().to_string_lossy();
            if ["ssl", "quic", "x509"]
                .iter()
                .any(|start| name.starts_with(start))
                && name.ends_with(".log")
            {
                logs.entry(log).or_default().push(capture.short());
            }
        }
    }
    let seen: HashMap<&str, (Vec<Value>, &Seen)> = captures
        .iter()
        .map(|(capture, seen)| (capture.short(), (seen.tls(), *seen)))
        .collect();
    let mut tallies: [Tally; 3] = Default::default();
    let kinds = [("ssl", SSL), ("x509", X509), ("quic", QUIC)];
    for (path, places) in &logs {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let kind = kinds
            .iter()
            .position(|(kind, _)| name.starts_with(kind))
            .unwrap();
        let (tally, columns) = (&mut tallies[kind], kinds[kind].1);
        let mut unused: Vec<Value> = Vec::new();
        let mut connections: Vec<(String, String)> = Vec::new();
        for place in places {
            let (rows, seen) = &seen[place];
            connections.extend(seen.flows.iter().map(|flow| {
                let port = |port: Option<u16>| port.unwrap_or(0).to_string();
                (port(flow.src_port), port(flow.dst_port))
            }));
            for row in rows {
                let mut row = row.clone();
                row["capture"] = Value::from(*place);
                if kinds[kind].0 == "quic" {
                    unused.extend(refused(&mut row));
                }
                unused.push(row);
            }
        }
        let all = rows_of(path);
        let chains = ["cert_chain_fps", "client_cert_chain_fps"];
        let is_here = |theirs: &Row| match theirs.get("fingerprint") {
            Some(print) => unused.iter().any(|row| {
                chains
                    .iter()
                    .any(|chain| cell(row, chain).contains(print.as_str()))
            }),
            None => connections.iter().any(|(src, dst)| {
                theirs.get("id.orig_p") == Some(src) && theirs.get("id.resp_p") == Some(dst)
            }),
        };
        // Some logs stand beside captures that are not theirs, or hold what several captures gave,
        // not all of which are here: a connection counts where the captures have it, a log of
        // certificates where they have one of them.
        let has_certificates = all.iter().any(is_here);
        let all: Vec<_> = all
            .iter()
            .filter(|theirs| match theirs.get("fingerprint") {
                Some(_) => has_certificates,
                None => is_here(theirs),
            })
            .cloned()
            .collect();
        for theirs in all {
            let is_it = |row: &Value| match theirs.get("fingerprint") {
                Some(print) => {
                    cell(row, "cert_chain_fps").split(',').next() == Some(print.as_str())
                }
                None => {
                    is_of(row, &theirs)
                        && !(kinds[kind].0 == "quic" && row["quic_version"].is_null())
                }
            };
            let found = unused.iter().position(is_it);
            // Certificates behind the leaf, and of clients, have no row of their own.
            if found.is_none()
                && let Some(print) = theirs.get("fingerprint")
            {
                let known = unused.iter().any(|row| {
                    chains
                        .iter()
                        .any(|chain| cell(row, chain).contains(print.as_str()))
                });
                tally.add(&places.join(","), known, || format!("certificate {print}"));
                continue;
            }
            let row = found.map(|place| unused.remove(place));
            let place = row
                .as_ref()
                .map_or_else(|| places.join(","), |row| cell(row, "capture"));
            if theirs.contains_key("fingerprint")
                && let Some(row) = &row
            {
                // The next certificate may be the same one.
                unused.push(row.clone());
            }
            compare(tally, &place, row.as_ref(), &theirs, columns);
        }
    }
    tallies
}
