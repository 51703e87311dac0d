//! Values of Zeek's `dns.log`.

use std::net::IpAddr;
use std::path::Path;

use netloom_decode::app::dns::{netbios_base, opcode_name, qclass_name, qtype_name, rcode_name};
use netloom_flow::FlowRules;

use super::read::{self, Row};
use super::{Agreement, Capture};

/// What a row says in the terms of a field of Zeek's; `None` for a field that netloom lacks.
fn value(row: &Row, field: &str) -> Option<String> {
    let record = &row.record;
    let flag = |flag: bool| if flag { "T" } else { "F" }.to_owned();
    let nbns = record.service == "nbns";
    let unset = || "-".to_owned();
    let list = |items: Vec<String>| {
        if items.is_empty() {
            unset()
        } else {
            items.join(",")
        }
    };
    Some(match field {
        "id.orig_h" => row.src.0.to_string(),
        "id.orig_p" => row.src.1.to_string(),
        "id.resp_h" => row.dst.0.to_string(),
        "id.resp_p" => row.dst.1.to_string(),
        "proto" => if row.tcp { "tcp" } else { "udp" }.to_owned(),
        "trans_id" => record.trans_id.to_string(),
        "rtt" => record
            .rtt
            .map_or_else(unset, |nanos| format!("{:.6}", nanos as f64 / 1e9)),
        "query" => record.query.as_deref().map_or_else(unset, |query| {
            let base = if nbns {
                netbios_base(query.as_bytes())
            } else {
                query.as_bytes()
            };
            String::from_utf8_lossy(base).to_lowercase()
        }),
        "qclass" => record
            .qclass
            .map_or_else(unset, |number| number.to_string()),
        "qclass_name" => record
            .qclass
            .map_or_else(unset, |number| qclass_name(number).into_owned()),
        "qtype" => record.qtype.map_or_else(unset, |number| number.to_string()),
        "qtype_name" => record
            .qtype
            .map_or_else(unset, |number| qtype_name(number, nbns).into_owned()),
        "rcode" => record.rcode.map_or_else(unset, |number| number.to_string()),
        "rcode_name" => record
            .rcode
            .map_or_else(unset, |number| rcode_name(number).into_owned()),
        "opcode" => record.opcode.to_string(),
        "opcode_name" => opcode_name(record.opcode, nbns).into_owned(),
        "AA" => flag(record.aa),
        "TC" => flag(record.tc),
        "RD" => flag(record.rd),
        "RA" => flag(record.ra),
        "Z" => record.z.to_string(),
        "rejected" => flag(record.rejected),
        "answers" => list(record.answers.iter().map(ToString::to_string).collect()),
        "TTLs" => list(
            record
                .ttls
                .iter()
                .map(|ttl| format!("{ttl}.000000"))
                .collect(),
        ),
        _ => return None,
    })
}

/// How well a row fits: which flow it is of, its identifier, its name, whether it was answered.
fn fit(row: &Row, fields: &[&str], values: &[&str]) -> u32 {
    let get = |name: &str| {
        let at = fields.iter().position(|field| *field == name)?;
        values.get(at).copied()
    };
    let address = |name| get(name).and_then(|text| text.parse::<IpAddr>().ok());
    if address("id.orig_h") != Some(row.src.0)
        || address("id.resp_h") != Some(row.dst.0)
        || get("trans_id") != Some(&*row.record.trans_id.to_string())
    {
        return 0;
    }
    let same = |field| u32::from(value(row, field).as_deref() == get(field));
    1 + same("query") * 4
        + same("answers") * 2
        + same("rcode") * 2
        + same("id.orig_p")
        + same("qtype")
}

/// Compares every value that Zeek's baselines have.
pub(crate) fn values(data: &Path, captures: &[Capture]) -> Agreement {
    let mut agreement = Agreement::default();
    for capture in captures {
        for log in &capture.expected {
            if !log.starts_with("zeek/") || !log.ends_with("/dns.log") {
                continue;
            }
            let text = std::fs::read_to_string(data.join(log)).unwrap();
            compare(data, capture, &text, &mut agreement);
        }
    }
    agreement
}

fn compare(data: &Path, capture: &Capture, log: &str, agreement: &mut Agreement) {
    let mut rows = read::names(&data.join(&capture.path), FlowRules::Zeek).rows;
    let mut fields: Vec<&str> = Vec::new();
    let (mut compared, mut agreeing) = (0, 0);
    for line in log.lines() {
        if let Some(names) = line.strip_prefix("#fields\t") {
            fields = names.split('\t').collect();
        }
        if line.starts_with('#') {
            continue;
        }
        let values: Vec<&str> = line.split('\t').collect();
        let best = (0..rows.len()).max_by_key(|&at| fit(&rows[at], &fields, &values));
        let row = best
            .filter(|&at| fit(&rows[at], &fields, &values) > 0)
            .map(|at| rows.remove(at));
        for (field, expected) in fields.iter().zip(&values) {
            let known = !matches!(*field, "ts" | "uid" | "auth" | "addl") && *expected != "-";
            if !known {
                continue;
            }
            compared += 1;
            let ours = row.as_ref().and_then(|row| value(row, field));
            if ours.as_deref() == Some(*expected) {
                agreeing += 1;
            } else {
                let shown = ours.unwrap_or_else(|| "no row".to_owned());
                agreement.differences.push(format!(
                    "`{}`: {field} is `{expected}`, netloom has `{shown}`",
                    capture.path
                ));
            }
        }
    }
    for row in rows {
        // A row that Zeek does not have is a miss, too.
        compared += 1;
        agreement.differences.push(format!(
            "`{}`: Zeek has no row for `{}`",
            capture.path,
            value(&row, "query").unwrap_or_default()
        ));
    }
    agreement.add(&capture.path, compared, agreeing);
}
