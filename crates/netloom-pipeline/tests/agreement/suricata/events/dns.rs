//! `dns` events: requests and responses, in the two forms that Suricata has had.

use netloom_decode::app::dns::{qtype_name, rcode_name};
use netloom_decode::app::text::display;
use netloom_flow::app::{AppRecord, DnsRecord};

use super::{Check, Event, ends};
use crate::seen::Seen;

/// The events that the output of a check holds.
pub(super) fn events(check: &Check, all: &[Check], seen: &Seen) -> Vec<Event> {
    let checks = || all.iter().filter(|check| check.kind == "dns");
    // Version 2 has an event a question, and other words.
    let old = checks().any(|check| {
        check.values.contains_key("dns.rrname")
            || check.values.contains_key("dns.rrtype")
            || check
                .values
                .get("dns.type")
                .is_some_and(|kind| matches!(&**kind, "query" | "answer"))
    });
    let rows: Vec<(&AppRecord, &DnsRecord)> =
        seen.dns().filter(|(_, row)| row.service == "dns").collect();
    let mut events = Vec::new();
    // A message has a row for each of its questions.
    for rows in rows.chunk_by(|(app, row), (next_app, next)| {
        (app.flow_id(), app.number, row.trans_id, row.ts)
            == (next_app.flow_id(), next_app.number, next.trans_id, next.ts)
    }) {
        let (app, first) = rows[0];
        let (asked, answered) = (first.query_bytes.is_some(), first.response_bytes.is_some());
        if old {
            for (_, row) in rows {
                events.extend(asked.then(|| query(app, row)));
                events.extend(answered.then(|| answer(app, row)));
            }
        } else {
            events.extend(asked.then(|| request(app, rows)));
            events.extend(answered.then(|| response(app, rows)));
        }
    }
    let is = |event: &Event, key: &str, value: &str| event.get(key).is_some_and(|is| is == value);
    // What the outputs of `dns-eve-type-filtering` are set up for, as their names say.
    match check.output.as_deref() {
        Some("only-a.json") => events.retain(|event| is(event, "dns.rrtype", "A")),
        Some("a-and-aaaa-requests-only.json") => events.retain(|event| {
            is(event, "dns.type", "query")
                && (is(event, "dns.rrtype", "A") || is(event, "dns.rrtype", "AAAA"))
        }),
        Some("mx-responses-only.json") => {
            events.retain(|event| is(event, "dns.type", "answer") && is(event, "dns.rrtype", "MX"));
        }
        _ => {}
    }
    events
}

fn put(event: &mut Event, key: &str, value: impl std::fmt::Display) {
    event.insert(format!("dns.{key}"), format!("{value}"));
}

/// What all events of a message say.
fn base(app: &AppRecord, row: &DnsRecord, back: bool, kind: &str) -> Event {
    let mut event = ends(app, back);
    put(&mut event, "type", kind);
    put(&mut event, "id", row.trans_id);
    put(&mut event, "opcode", row.opcode);
    let answers = matches!(kind, "answer" | "response");
    if reserved(row, answers) & 4 != 0 {
        put(&mut event, "z", true);
    }
    event
}

/// The bits between RA and the code. A row has those of the query, where there was one.
fn reserved(row: &DnsRecord, answers: bool) -> u8 {
    match row.response_flags {
        Some(flags) if answers => (flags >> 4 & 7) as u8,
        _ => row.z,
    }
}

fn name(row: &DnsRecord) -> String {
    row.query.as_deref().unwrap_or_default().to_owned()
}

fn kind(row: &DnsRecord) -> String {
    row.qtype
        .map_or_else(String::new, |kind| qtype_name(kind, false).into_owned())
}

fn query(app: &AppRecord, row: &DnsRecord) -> Event {
    let mut event = base(app, row, false, "query");
    put(&mut event, "rrname", name(row));
    put(&mut event, "rrtype", kind(row));
    event
}

fn answer(app: &AppRecord, row: &DnsRecord) -> Event {
    // Version 2 has the addresses of the query.
    let mut event = base(app, row, false, "answer");
    put(&mut event, "rrname", name(row));
    put(&mut event, "rrtype", kind(row));
    answers(&mut event, row);
    event
}

fn questions(event: &mut Event, rows: &[(&AppRecord, &DnsRecord)]) {
    for (index, (_, row)) in rows.iter().enumerate() {
        put(event, &format!("queries[{index}].rrname"), name(row));
        put(event, &format!("queries[{index}].rrtype"), kind(row));
    }
}

fn request(app: &AppRecord, rows: &[(&AppRecord, &DnsRecord)]) -> Event {
    let mut event = base(app, rows[0].1, false, "request");
    questions(&mut event, rows);
    event
}

fn response(app: &AppRecord, rows: &[(&AppRecord, &DnsRecord)]) -> Event {
    let mut event = base(app, rows[0].1, true, "response");
    questions(&mut event, rows);
    answers(&mut event, rows[0].1);
    event
}

/// The flags and the records of a response.
fn answers(event: &mut Event, row: &DnsRecord) {
    let rcode = row.rcode.unwrap_or(0);
    put(event, "rcode", rcode_name(rcode));
    let bits = row.response_flags.unwrap_or(0);
    for (name, bit) in [
        ("qr", 0x8000),
        ("aa", 0x0400),
        ("tc", 0x0200),
        ("rd", 0x0100),
        ("ra", 0x0080),
    ] {
        if bits & bit != 0 {
            put(event, name, true);
        }
    }
    put(event, "flags", format!("{bits:x}"));
    let mut grouped = std::collections::HashMap::<String, usize>::new();
    for (kind, data) in section(event, "answers", &row.answer_records) {
        let place = grouped.entry(kind.clone()).or_default();
        put(event, &format!("grouped.{kind}[{place}]"), data);
        *place += 1;
    }
    section(event, "authorities", &row.authority_records);
    section(event, "additionals", &row.additional_records);
}

/// The records of a section, which are lines of a zone file; type and data of each.
fn section(event: &mut Event, name: &str, lines: &[Box<str>]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for line in lines {
        let mut words = line.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (owner, ttl, _class, kind, data) = (word(), word(), word(), word(), word());
        let several: Vec<String> = match kind {
            // A text of several strings is several records.
            "TXT" => strings(data),
            "MX" => vec![data.rsplit(' ').next().unwrap_or_default().to_owned()],
            _ => vec![bytes(data).unwrap_or_else(|| data.to_owned())],
        };
        for data in several {
            let key = format!("{name}[{}]", all.len());
            put(event, &format!("{key}.rrname"), owner);
            put(event, &format!("{key}.rrtype"), kind);
            put(event, &format!("{key}.ttl"), ttl);
            let members: &[&str] = match kind {
                "SRV" => &["srv.priority", "srv.weight", "srv.port", "srv.name"],
                "SSHFP" => &["sshfp.algo", "sshfp.type", "sshfp.fingerprint"],
                "SOA" => &[
                    "soa.mname",
                    "soa.rname",
                    "soa.serial",
                    "soa.refresh",
                    "soa.retry",
                    "soa.expire",
                    "soa.minimum",
                ],
                _ => &["rdata"],
            };
            if let ["rdata"] = members {
                put(event, &format!("{key}.rdata"), &data);
            } else {
                for (member, value) in members.iter().zip(data.split(' ')) {
                    put(event, &format!("{key}.{member}"), value);
                }
            }
            all.push((kind.to_owned(), data));
        }
    }
    all
}

/// Strings between quotation marks; `\x22` is one inside.
fn strings(text: &str) -> Vec<String> {
    let inside = text.split('"').skip(1).step_by(2);
    inside.map(|string| string.replace("\\x22", "\"")).collect()
}

/// Data of an unknown form (`\# 2 6162`) as text.
fn bytes(data: &str) -> Option<String> {
    let (_, digits) = data.strip_prefix("\\# ")?.split_once(' ')?;
    let pairs = digits.as_bytes().chunks(2);
    let bytes =
        pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Some(display(&bytes.collect::<Vec<u8>>()).into_owned())
}
