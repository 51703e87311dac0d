//! The `dns` table.

use netloom_decode::app::dns::{opcode_name, qclass_name, qtype_name, rcode_name};
use netloom_flow::app::{AppRecord, AppRow, DnsRecord};

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `dns` table: a row is a query with its answer.
#[derive(Debug)]
pub enum Dns {}

/// What a row of `dns` is made from.
#[derive(Debug, Clone, Copy)]
pub struct DnsRow<'a> {
    /// The flow and the packet.
    pub app: &'a AppRecord,
    /// The query.
    pub record: &'a DnsRecord,
}

impl<'a> DnsRow<'a> {
    /// The row of a record, where it is one of this table.
    pub fn new(app: &'a AppRecord) -> Option<Self> {
        match &app.row {
            AppRow::Dns(record) => Some(Self { app, record }),
            _ => None,
        }
    }

    /// Whether it is one of NBNS, where some numbers have names of their own.
    fn nbns(&self) -> bool {
        self.record.service == "nbns"
    }
}

impl Table for Dns {
    type Row<'a> = DnsRow<'a>;

    const NAME: &'static str = "dns";
    const DOC: &'static str = "A query with its answer, in DNS, mDNS, LLMNR and the NetBIOS name \
        service; in the order in which answers came. A query that was not answered stands where its \
        flow ended, each question of a query in a row of its own, of which the first has the answers. mDNS answers nobody in \
        particular: its queries and answers are rows of their own.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Dns>) -> Column<Dns> {
    column::column(name, make).requires(Requires::APPLICATIONS)
}

/// A list of records.
fn lines(records: &[Box<str>], item: &mut dyn FnMut(std::fmt::Arguments<'_>)) -> Option<()> {
    for record in records {
        item(format_args!("{record}"));
    }
    (!records.is_empty()).then_some(())
}

static COLUMNS: &[Column<Dns>] = &[
    column("ts", Make::Time(|row| Some(row.record.ts)))
        .required()
        .doc("When the query was captured; the answer where no query was.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .ecs("@timestamp"),
    column("number", Make::U64(|row| Some(row.app.number)))
        .required()
        .doc("Number of the packet that completed the row: `number` of `packets`.")
        .ecs("event.sequence"),
    column(
        "flow_id",
        Make::Text(|row, out| text::some(row.app.flow_id().as_str(), out)),
    )
    .required()
    .identity(Identity::FlowId)
    .doc("The flow.")
    .zeek("uid"),
    column(
        "transport",
        Make::Text(|row, out| {
            let transport = match (row.record.service, row.app.origin.protocol) {
                ("dns", 6) => "tcp",
                ("dns", _) => "udp",
                (other, _) => other,
            };
            text::some(transport, out)
        }),
    )
    .required()
    .of_nobody()
    .doc("What carried it: udp or tcp for DNS; else mdns, llmnr or nbns.")
    .zeek("proto"),
    column("protocol", Make::U8(|row| Some(row.app.origin.protocol)))
        .required()
        .doc("IANA number of the protocol above IP.")
        .ecs("network.iana_number"),
    column(
        "src_ip",
        Make::Ip(|row| Some(row.app.origin.src.0)),
    )
    .required()
    .address("ip")
    .doc("Originator of the flow.")
    .zeek("id.orig_h")
    .ecs("source.ip"),
    column("src_port", Make::U16(|row| Some(row.app.origin.src.1)))
        .required()
        .doc("Its port.")
        .zeek("id.orig_p")
        .ecs("source.port"),
    column(
        "dst_ip",
        Make::Ip(|row| Some(row.app.origin.dst.0)),
    )
    .required()
    .address("ip")
    .doc("Responder of the flow.")
    .zeek("id.resp_h")
    .ecs("destination.ip"),
    column("dst_port", Make::U16(|row| Some(row.app.origin.dst.1)))
        .required()
        .doc("Its port.")
        .zeek("id.resp_p")
        .ecs("destination.port"),
    column("trans_id", Make::U16(|row| Some(row.record.trans_id)))
        .required()
        .doc("Identifier that the query chose and its answer repeats.")
        .zeek("trans_id")
        .ecs("dns.id"),
    column(
        "rtt",
        Make::F64(|row| row.record.rtt.map(|nanos| nanos as f64 / 1e9)),
    )
    .doc("From the query to its answer; null unless both were seen.")
    .unit("s")
    .zeek("rtt"),
    column(
        "query",
        Make::Text(|row, out| text::some(row.record.query.as_deref(), out)),
    )
    .identity(Identity::Name)
    .doc("Name asked for, as sent, without the final dot (the root is a dot). NetBIOS names are decoded, with what they stand for in angle brackets (`WORKGROUP<1d>`). For an answer that repeats no question, the owner of its first record; null for announcements of mDNS, which nobody asked for.")
    .zeek("query")
    .ecs("dns.question.name"),
    column("qclass", Make::U16(|row| row.record.qclass))
        .doc("Class of the question; null where none was seen.")
        .zeek("qclass")
        .when_asked(),
    column(
        "qclass_name",
        Make::Text(|row, out| text::some(&*qclass_name(row.record.qclass?), out)),
    )
    .of_nobody()
    .doc("Its name, as Zeek has it.")
    .zeek("qclass_name")
    .ecs("dns.question.class"),
    column("qtype", Make::U16(|row| row.record.qtype))
        .doc("Type of the question; null where none was seen.")
        .zeek("qtype")
        .when_asked(),
    column(
        "qtype_name",
        Make::Text(|row, out| text::some(&*qtype_name(row.record.qtype?, row.nbns()), out)),
    )
    .of_nobody()
    .doc("Its name, as Zeek has it.")
    .zeek("qtype_name")
    .ecs("dns.question.type"),
    column("rcode", Make::U16(|row| row.record.rcode))
        .doc("Response code; null where no answer was seen.")
        .zeek("rcode")
        .when_asked(),
    column(
        "rcode_name",
        Make::Text(|row, out| text::some(&*rcode_name(row.record.rcode?), out)),
    )
    .of_nobody()
    .doc("Its name, as Zeek has it.")
    .zeek("rcode_name")
    .ecs("dns.response_code"),
    column(
        "opcode_name",
        Make::Text(|row, out| text::some(&*opcode_name(row.record.opcode, row.nbns()), out)),
    )
    .required()
    .of_nobody()
    .doc("Kind of query.")
    .zeek("opcode_name")
    .ecs("dns.op_code"),
    column("aa", Make::Bool(|row| Some(row.record.aa)))
        .required()
        .doc("Whether the answer is the authority's own.")
        .zeek("AA"),
    column("tc", Make::Bool(|row| Some(row.record.tc)))
        .required()
        .doc("Whether a message was cut to fit.")
        .zeek("TC"),
    column("rd", Make::Bool(|row| Some(row.record.rd)))
        .required()
        .doc("Whether recursion was desired.")
        .zeek("RD"),
    column("ra", Make::Bool(|row| Some(row.record.ra)))
        .required()
        .doc("Whether recursion is available.")
        .zeek("RA"),
    column("z", Make::U8(|row| Some(row.record.z)))
        .required()
        .doc("The three bits behind RA: 4 reserved, 2 AD (verified), 1 CD (checking disabled).")
        .zeek("Z"),
    column("response_flags", Make::U16(|row| row.record.response_flags))
        .when_asked()
        .doc("The flags of the response as on the wire, with opcode and code (RFC 1035, 4.1.1); null where no response was seen. `rd` and `z` are the query's."),
    column(
        "answers",
        Make::TextList(|row, item| {
            for answer in &row.record.answers {
                item(format_args!("{answer}"));
            }
            (!row.record.answers.is_empty()).then_some(())
        }),
    )
    .identity(Identity::Answer)
    .doc("Records of the answer section, as Zeek writes them; where a dynamic update is answered, what it repeats of it: what must hold (pre:), what goes (del:) and what comes (add:); null where there is none.")
    .zeek("answers")
    .ecs("dns.answers.data"),
    column(
        "ttls",
        Make::U32List(|row, out| {
            out.extend_from_slice(&row.record.ttls);
            (!row.record.ttls.is_empty()).then_some(())
        }),
    )
    .doc("Their times to live.")
    .unit("s")
    .zeek("TTLs")
    .ecs("dns.answers.ttl"),
    column(
        "answer_names",
        Make::TextList(|row, item| {
            for name in &row.record.answer_names {
                item(format_args!("{name}"));
            }
            (!row.record.answer_names.is_empty()).then_some(())
        }),
    )
    .identity(Identity::Name)
    .doc("The names they are of: not the one asked for where an alias led elsewhere, and what mDNS announces.")
    .ecs("dns.answers.name"),
    column(
        "answer_types",
        Make::TextList(|row, item| {
            for &rtype in &row.record.answer_types {
                item(format_args!("{}", qtype_name(rtype, row.nbns())));
            }
            (!row.record.answer_types.is_empty()).then_some(())
        }),
    )
    .of_nobody()
    .doc("Their types, named as in `qtype_name`: `CNAME` for an alias on the way to what was asked for.")
    .ecs("dns.answers.type"),
    column(
        "answer_records",
        Make::TextList(|row, item| lines(&row.record.answer_records, item)),
    )
    .requires(Requires::RECORDS)
    .identity(Identity::Text)
    .doc("The records of the answer section in full, as lines of a zone file: owner, time to live, class, type, data (`_sip._tcp.example.org 60 IN SRV 10 5 5060 sip.example.org`); null where there is none.")
    .when_asked(),
    column(
        "authority_records",
        Make::TextList(|row, item| lines(&row.record.authority_records, item)),
    )
    .requires(Requires::RECORDS)
    .identity(Identity::Text)
    .doc("Those of the authority section, in the same form: who answers for a name, and how long it may be held to be none; of a dynamic update, what is to change.")
    .when_asked(),
    column(
        "additional_records",
        Make::TextList(|row, item| lines(&row.record.additional_records, item)),
    )
    .requires(Requires::RECORDS)
    .identity(Identity::Text)
    .doc("Those of the additional section, in the same form, OPT not included.")
    .when_asked(),
    column("rejected", Make::Bool(|row| Some(row.record.rejected)))
        .required()
        .doc("Whether the server refused: no record of any kind, or an error that repeats no question.")
        .zeek("rejected"),
    column("query_bytes", Make::U32(|row| row.record.query_bytes))
        .doc("Length of the query message; null where none was seen.")
        .unit("bytes"),
    column("response_bytes", Make::U32(|row| row.record.response_bytes))
        .doc("Length of the answer message; null where none was seen.")
        .unit("bytes"),
];
