//! Values of Zeek's `dns.log`.

use std::net::IpAddr;

use netloom_decode::app::dns::{netbios_base, opcode_name, qclass_name, qtype_name, rcode_name};
use netloom_flow::app::{AppRecord, DnsRecord};

use super::{Row, log};
use crate::seen::Seen;
use crate::support::{Capture, Tally};

/// What a row says in the terms of a field of Zeek's; `None` for a field that netloom lacks.
fn value((app, record): (&AppRecord, &DnsRecord), field: &str) -> Option<String> {
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
        "id.orig_h" => app.origin.src.0.to_string(),
        "id.orig_p" => app.origin.src.1.to_string(),
        "id.resp_h" => app.origin.dst.0.to_string(),
        "id.resp_p" => app.origin.dst.1.to_string(),
        "proto" => if app.origin.protocol == 6 {
            "tcp"
        } else {
            "udp"
        }
        .to_owned(),
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
        "original_query" => record.query.as_deref().map_or_else(unset, str::to_owned),
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
fn fit(row: (&AppRecord, &DnsRecord), theirs: &Row) -> u32 {
    let get = |name: &str| theirs.get(name).map(String::as_str);
    let address = |name| get(name).and_then(|text| text.parse::<IpAddr>().ok());
    if address("id.orig_h") != Some(row.0.origin.src.0)
        || address("id.resp_h") != Some(row.0.origin.dst.0)
        || get("trans_id") != Some(&*row.1.trans_id.to_string())
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

/// Compares every value.
pub(super) fn values(captures: &[(&Capture, &Seen)]) -> Tally {
    let mut tally = Tally::default();
    for (capture, seen) in captures {
        for path in &capture.expected {
            if path.ends_with("dns.log") {
                compare(capture.short(), seen, &log(path), &mut tally);
            }
        }
    }
    tally
}

fn compare(capture: &str, seen: &Seen, log: &[Row], tally: &mut Tally) {
    let mut rows: Vec<_> = seen.dns().collect();
    for theirs in log {
        let best = (0..rows.len()).max_by_key(|&at| fit(rows[at], theirs));
        let row = best
            .filter(|&at| fit(rows[at], theirs) > 0)
            .map(|at| rows.remove(at));
        let mut fields: Vec<_> = theirs.iter().collect();
        fields.sort();
        for (field, expected) in fields {
            if matches!(&**field, "ts" | "uid" | "auth" | "addl") || expected == "-" {
                continue;
            }
            let ours = row.and_then(|row| value(row, field));
            let same = ours.as_ref().is_some_and(|ours| match field.as_str() {
                "query" => *ours == expected.to_lowercase(),
                _ => ours == expected,
            });
            tally.add(capture, same, || {
                let shown = ours.as_deref().unwrap_or("no row");
                format!("{field}: Zeek `{expected}`, netloom `{shown}`")
            });
        }
    }
    for row in rows {
        // A row that Zeek does not have is a miss, too.
        tally.add(capture, false, || {
            let query = value(row, "query").unwrap_or_default();
            format!("Zeek has no row for `{query}`")
        });
    }
}
