//! Documents about queries.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_decode::app::dns::{opcode_name, qclass_name, qtype_name, rcode_name};
use netloom_flow::app::DnsRecord;
use netloom_flow::name::registrable_domain;

use super::super::objects::{JSON, answers};
use super::super::said;
use super::{VERSION, constants, ends};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;
use crate::schema::{DnsRow, text};

/// Queries with their answers as documents.
#[derive(Debug)]
pub enum EcsDns {}

impl Table for EcsDns {
    type Row<'a> = DnsRow<'a>;

    const NAME: &'static str = "dns";
    const DOC: &'static str = "A document about a row of dns.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EcsDns>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EcsDns>, doc: &'static str) -> Column<EcsDns> {
    column::column(name, make)
        .ecs(name)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EcsDns>> {
    let mut columns: Vec<Column<EcsDns>> = vec![
        app(
            "@timestamp",
            Make::Time(|row| Some(row.record.ts)),
            "When the query was captured.",
        )
        .required(),
    ];
    columns.extend(constants!("netloom.dns", "connection" "protocol"));
    columns.extend(ends!());
    columns.extend([
        app(
            "event.duration",
            Make::U64(|row| row.record.rtt.map(i64::unsigned_abs)),
            "From the query to its answer.",
        )
        .unit("ns"),
        app(
            "network.protocol",
            Make::Text(|row, out| text::some(row.record.service, out)),
            "dns, mdns, llmnr or nbns.",
        )
        .required(),
        app(
            "dns.type",
            Make::Text(|row, out| {
                text::some(
                    if row.record.rcode.is_some() {
                        "answer"
                    } else {
                        "query"
                    },
                    out,
                )
            }),
            "answer for a query with its answer; query where none was seen.",
        )
        .required(),
        app(
            "dns.id",
            Make::Text(|row, out| write!(out, "{}", row.record.trans_id).ok()),
            "Identifier of the query.",
        )
        .required(),
        app(
            "dns.op_code",
            Make::Text(|row, out| {
                let nbns = row.record.service == "nbns";
                out.push_str(&opcode_name(row.record.opcode, nbns).to_uppercase());
                Some(())
            }),
            "Kind of query.",
        )
        .required(),
        app(
            "dns.header_flags",
            Make::TextList(|row, item| {
                header_flags(row.record, item);
                Some(())
            }),
            "The bits that are set.",
        )
        .required(),
        app(
            "dns.response_code",
            Make::Text(|row, out| text::some(&*rcode_name(row.record.rcode?), out)),
            "Response code.",
        ),
        app(
            "dns.question.name",
            Make::Text(|row, out| text::some(row.record.query.as_deref(), out)),
            "Name asked for.",
        ),
        app(
            "dns.question.type",
            Make::Text(|row, out| {
                let nbns = row.record.service == "nbns";
                text::some(&*qtype_name(row.record.qtype?, nbns), out)
            }),
            "Type of the question.",
        ),
        app(
            "dns.question.class",
            Make::Text(|row, out| {
                let class = row.record.qclass?;
                match class {
                    1 => out.push_str("IN"),
                    other => out.push_str(&qclass_name(other)),
                }
                Some(())
            }),
            "Class of the question.",
        ),
        app(
            "dns.question.registered_domain",
            Make::Text(|row, out| {
                text::some(&*registrable_domain(row.record.query.as_deref()?)?, out)
            }),
            "Registrable domain of the name.",
        ),
        app(
            "dns.answers",
            Make::Text(|row, out| answers(row.record, ["name", "type", "data"], out)),
            "Records: names, times to live, data.",
        )
        .unit(JSON),
        app(
            "dns.resolved_ip",
            Make::TextList(|row, item| resolved(row.record, item)),
            "Addresses among them.",
        ),
    ]);
    columns
}

fn header_flags(record: &DnsRecord, item: &mut dyn FnMut(std::fmt::Arguments<'_>)) {
    for (set, name) in [
        (record.aa, "AA"),
        (record.tc, "TC"),
        (record.rd, "RD"),
        (record.ra, "RA"),
        (record.z & 2 != 0, "AD"),
        (record.z & 1 != 0, "CD"),
    ] {
        if set {
            item(format_args!("{name}"));
        }
    }
}

fn resolved(record: &DnsRecord, item: &mut dyn FnMut(std::fmt::Arguments<'_>)) -> Option<()> {
    let mut any = None;
    for answer in &record.answers {
        if answer.parse::<std::net::IpAddr>().is_ok() {
            item(format_args!("{answer}"));
            any = Some(());
        }
    }
    any
}
