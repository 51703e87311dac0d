//! `dns.log`.

use std::borrow::Cow;
use std::sync::LazyLock;

use netloom_decode::app::dns::rtype::{
    A, AAAA, CAA, CNAME, DNAME, HINFO, HTTPS, MX, NB, NS, NSEC, PTR, RRSIG, SOA, SRV, SVCB,
};
use netloom_decode::app::dns::{netbios_base, opcode_name, qclass_name, qtype_name, rcode_name};
use netloom_flow::app::DnsRecord;

use super::super::said;
use super::app_ends;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{DnsRow, text};

/// Queries with their answers, with the columns of Zeek's `dns.log`.
#[derive(Debug)]
pub enum ZeekDns {}

impl Table for ZeekDns {
    type Row<'a> = DnsRow<'a>;

    const NAME: &'static str = "dns";
    const DOC: &'static str = "A query with its answer as Zeek's dns.log has it.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<ZeekDns>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this log; see [`column::column`].
const fn column(name: &'static str, make: Make<ZeekDns>) -> Column<ZeekDns> {
    column::column(name, make)
        .zeek(name)
        .requires(Requires::APPLICATIONS)
}

fn nbns(row: &DnsRow<'_>) -> bool {
    row.record.service == "nbns"
}

fn columns() -> Vec<Column<ZeekDns>> {
    let mut columns: Vec<Column<ZeekDns>> = app_ends!();
    columns.extend([
        column(
            "proto",
            Make::Text(|row, out| {
                out.push_str(if row.app.origin.protocol == 6 {
                    "tcp"
                } else {
                    "udp"
                });
                Some(())
            }),
        )
        .required()
        .doc("tcp or udp."),
        column("trans_id", Make::U16(|row| Some(row.record.trans_id)))
            .required()
            .doc("Identifier of the query."),
        column(
            "rtt",
            Make::F64(|row| row.record.rtt.map(|nanos| nanos as f64 / 1e9)),
        )
        .doc("From the query to its answer.")
        .unit("s"),
        column("query", Make::Text(|row, out| query(row.record, out)))
            .doc("Name asked for, in lower case; a NetBIOS name as it is."),
        column("qclass", Make::U64(|row| qclass(row).map(u64::from))).doc("Class of the question."),
        column(
            "qclass_name",
            Make::Text(|row, out| text::some(&*qclass_name(qclass(row)?), out)),
        )
        .doc("Its name."),
        column("qtype", Make::U64(|row| qtype(row).map(u64::from))).doc("Type of the question."),
        column(
            "qtype_name",
            Make::Text(|row, out| {
                // Zeek has no name of its own for NBNS' questions of names.
                let qtype = qtype(row)?;
                text::some(&*qtype_name(qtype, nbns(row) && qtype != NB), out)
            }),
        )
        .doc("Its name."),
        column("rcode", Make::U64(|row| row.record.rcode.map(u64::from))).doc("Response code."),
        column(
            "rcode_name",
            Make::Text(|row, out| text::some(&*rcode_name(row.record.rcode?), out)),
        )
        .doc("Its name."),
    ]);
    columns.extend([
        column(
            "AA",
            Make::Bool(|row| Some(row.record.aa && was_answered(row))),
        )
        .required()
        .doc("The answer is the authority's own; Zeek says so only of responses with records."),
        column(
            "TC",
            Make::Bool(|row| Some(row.record.query_tc && was_asked(row))),
        )
        .required()
        .doc("The query was cut to fit."),
        column(
            "RD",
            Make::Bool(|row| Some(row.record.rd && was_asked(row))),
        )
        .required()
        .doc("Recursion was desired; Zeek says so only where the query was seen."),
        column(
            "RA",
            Make::Bool(|row| Some(row.record.ra && was_answered(row))),
        )
        .required()
        .doc("Recursion is available; Zeek says so only of responses with records."),
        column(
            "Z",
            Make::U8(|row| Some(if was_asked(row) { row.record.z } else { 0 })),
        )
        .required()
        .doc("The three bits behind RA in the query."),
        column(
            "answers",
            Make::TextList(|row, item| {
                for (answer, _) in answers(row.record) {
                    item(format_args!("{answer}"));
                }
                has_answers(row).then_some(())
            }),
        )
        .doc("Records of the answer section."),
        column(
            "TTLs",
            Make::F64List(|row, out| {
                out.extend(answers(row.record).map(|(_, ttl)| f64::from(ttl)));
                has_answers(row).then_some(())
            }),
        )
        .doc("Their times to live.")
        .unit("s"),
        column(
            "rejected",
            Make::Bool(|row| Some(row.record.rejected && !is_update(row.record))),
        )
        .required()
        .doc("Whether the server refused."),
        column("opcode", Make::U8(|row| Some(row.record.opcode)))
            .required()
            .doc("Kind of query."),
        column(
            "opcode_name",
            Make::Text(|row, out| text::some(&*opcode_name(row.record.opcode, nbns(row)), out)),
        )
        .required()
        .doc("Its name."),
    ]);
    columns
}

fn has_answers(row: &DnsRow<'_>) -> bool {
    answers(row.record).next().is_some()
}

/// Whether Zeek took the bits of an answer: a dynamic update has none.
fn was_answered(row: &DnsRow<'_>) -> bool {
    has_answers(row) && !is_update(row.record)
}

/// Whether Zeek saw a question: what a dynamic update has in the place of one is its zone.
fn was_asked(row: &DnsRow<'_>) -> bool {
    row.record.query_bytes.is_some() && !is_update(row.record)
}

/// Whether it is a dynamic update (RFC 2136).
fn is_update(record: &DnsRecord) -> bool {
    record.opcode == 5 && record.service != "nbns"
}

fn qclass(row: &DnsRow<'_>) -> Option<u16> {
    row.record.qclass.filter(|_| !is_update(row.record))
}

fn qtype(row: &DnsRow<'_>) -> Option<u16> {
    row.record.qtype.filter(|_| !is_update(row.record))
}

/// The records of the answer section that Zeek logs, with their times to live: names in lower
/// case; HINFO, SVCB, HTTPS and CAA left out; of DNAME that it is unknown.
fn answers(record: &DnsRecord) -> impl Iterator<Item = (Cow<'_, str>, u32)> {
    let records = record.answers.iter().zip(&record.answer_types);
    let records = records.zip(&record.ttls);
    let is_nbns = record.service == "nbns";
    let is_update = is_update(record);
    records.filter_map(move |((answer, &rtype), &ttl)| {
        let text = match rtype {
            HINFO | SVCB | HTTPS | CAA => return None,
            _ if is_nbns => Cow::Borrowed(&**answer),
            _ if is_update => update_text(answer, rtype),
            DNAME => Cow::Borrowed("<unknown type=39>"),
            NS | CNAME | SOA | PTR | MX | SRV => answer.to_lowercase().into(),
            RRSIG | NSEC => {
                let (word, names) = answer.split_once(' ').unwrap_or((answer, ""));
                // The root is no name.
                if names.ends_with('>') {
                    Cow::Borrowed(&**answer)
                } else {
                    format!("{word} {}", names.to_lowercase()).into()
                }
            }
            _ => Cow::Borrowed(&**answer),
        };
        Some((text, ttl))
    })
}

/// What a dynamic update asks for, with names in lower case: the last word, but where it is a type;
/// of a record that is added what stands behind its type, or all where its data is a name.
fn update_text(answer: &str, rtype: u16) -> Cow<'_, str> {
    let words = match answer.split_once(' ') {
        Some(("add:", _)) => match rtype {
            A | AAAA => 2,
            NS | CNAME | SOA | PTR | MX | SRV => 1,
            _ => return answer.into(),
        },
        Some(("del:", what)) if !what.contains(" * ") && what.starts_with("RRSet ") => {
            return answer.into();
        }
        _ => answer.split(' ').count().saturating_sub(1),
    };
    let end = answer.match_indices(' ').nth(words.saturating_sub(1));
    let (head, names) = answer.split_at(end.map_or(0, |(at, _)| at));
    format!("{head}{}", names.to_lowercase()).into()
}

/// The name asked for, in lower case; a NetBIOS name without what it stands for; of a dynamic update, and
/// of an announcement that nobody asked for, the owner of its first record.
fn query(record: &DnsRecord, out: &mut String) -> Option<()> {
    let owner = || record.answer_names.first().map(|name| &**name);
    let asked = record.query.as_deref().filter(|_| !is_update(record));
    let query = asked.or_else(owner)?;
    if record.service == "nbns" {
        let name = String::from_utf8_lossy(netbios_base(query.as_bytes()));
        out.push_str(&name);
    } else {
        out.push_str(&query.to_lowercase());
    }
    Some(())
}
