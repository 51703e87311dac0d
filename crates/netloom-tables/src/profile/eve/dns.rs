//! `dns` events.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_decode::app::dns::{qtype_name, rcode_name};
use netloom_flow::app::DnsRecord;

use super::super::objects::{JSON, answers, quoted};
use super::super::said;
use super::{head, number, proto, time};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{DnsRow, text};

/// Queries with their answers as EVE events.
#[derive(Debug)]
pub enum EveDns {}

impl Table for EveDns {
    type Row<'a> = DnsRow<'a>;

    const NAME: &'static str = "dns";
    const DOC: &'static str = "An EVE event about a row of dns.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EveDns>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EveDns>, doc: &'static str) -> Column<EveDns> {
    column::column(name, make)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EveDns>> {
    let mut columns: Vec<Column<EveDns>> = head!("dns");
    macro_rules! bits {
        ($($name:literal $field:ident)+) => {
            columns.extend([$(
                app(
                    $name,
                    Make::Bool(|row| row.record.$field.then_some(true)),
                    concat!("The bit ", stringify!($field), "."),
                ),
            )+]);
        };
    }
    columns.extend([
        app(
            "dns.version",
            Make::U8(|_| Some(3)),
            "Always 3: the form of these objects.",
        )
        .required(),
        app(
            "dns.type",
            Make::Text(|row, out| {
                text::some(
                    if row.record.rcode.is_some() {
                        "response"
                    } else {
                        "request"
                    },
                    out,
                )
            }),
            "response for a query with its answer; request where none was seen.",
        )
        .required(),
        app(
            "dns.id",
            Make::U16(|row| Some(row.record.trans_id)),
            "Identifier of the query.",
        )
        .required(),
    ]);
    columns.push(app(
        "dns.flags",
        Make::Text(|row, out| write!(out, "{:x}", row.record.response_flags?).ok()),
        "All bits of the response's flags, hexadecimal.",
    ));
    bits!("dns.aa" aa "dns.tc" tc "dns.rd" rd "dns.ra" ra);
    columns.extend([
        app(
            "dns.opcode",
            Make::U8(|row| Some(row.record.opcode)),
            "Kind of query.",
        )
        .required(),
        app(
            "dns.rcode",
            Make::Text(|row, out| text::some(&*rcode_name(row.record.rcode?), out)),
            "Response code.",
        ),
        app(
            "dns.queries",
            Make::Text(|row, out| queries(row.record, out)),
            "What was asked: names and types.",
        )
        .unit(JSON),
        app(
            "dns.answers",
            Make::Text(|row, out| answers(row.record, ["rrname", "rrtype", "rdata"], out)),
            "Records: names, types, times to live, data.",
        )
        .unit(JSON),
    ]);
    columns
}

fn queries(record: &DnsRecord, out: &mut String) -> Option<()> {
    out.push_str("[{\"rrname\":");
    quoted(record.query.as_deref()?, out);
    if let Some(qtype) = record.qtype {
        out.push_str(",\"rrtype\":");
        quoted(&qtype_name(qtype, record.service == "nbns"), out);
    }
    out.push_str("}]");
    Some(())
}
