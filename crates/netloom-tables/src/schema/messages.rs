//! The `messages` table.

use netloom_flow::app::{AppRecord, AppRow, FieldValue, MessageRecord};

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `messages` table: a row is a message of a protocol that has no table of its own.
#[derive(Debug)]
pub enum Messages {}

/// What a row of `messages` is made from.
#[derive(Debug, Clone, Copy)]
pub struct MessageRow<'a> {
    /// The flow and the packet.
    pub app: &'a AppRecord,
    /// The message.
    pub record: &'a MessageRecord,
}

impl<'a> MessageRow<'a> {
    /// The row of a record, where it is one of this table.
    pub fn new(app: &'a AppRecord) -> Option<Self> {
        match &app.row {
            AppRow::Message(record) => Some(Self { app, record }),
            _ => None,
        }
    }
}

impl Table for Messages {
    type Row<'a> = MessageRow<'a>;

    const NAME: &'static str = "messages";
    const DOC: &'static str = "A message of a protocol without a table of its own (SSH's key \
        exchange, a command of FTP, a mail of SMTP and so on), in the order of packets.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Messages>) -> Column<Messages> {
    column::column(name, make).requires(Requires::APPLICATIONS)
}

static COLUMNS: &[Column<Messages>] = &[
    column("ts", Make::Time(|row| Some(row.app.origin.ts)))
        .required()
        .doc("When the packet that completed the message was captured.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .ecs("@timestamp"),
    column("number", Make::U64(|row| Some(row.app.number)))
        .required()
        .doc("Number of that packet: `number` of `packets`.")
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
    column(
        "service",
        Make::Text(|row, out| text::some(row.record.service.name, out)),
    )
    .required()
    .of_nobody()
    .doc("Protocol of the message.")
    .zeek("service")
    .ecs("network.protocol"),
    column(
        "kind",
        Make::Text(|row, out| text::some(&*row.record.kind, out)),
    )
    .required()
    .of_nobody()
    .doc("What it is, in the protocol's words.")
    .ecs("event.action"),
    column("from_client", Make::Bool(|row| Some(row.record.from_src)))
        .required()
        .doc("Whether the packet that completed it came from the originator."),
    column(
        "fields",
        Make::Text(|row, out| {
            object(&row.record.fields, out);
            Some(())
        }),
    )
    .required()
    .identity(Identity::Json)
    .doc("What it says, as a JSON object: names as in Zeek's or Suricata's logs where they have them. Passwords are never part of it."),
];

/// Appends fields as a JSON object.
fn object(fields: &[(&'static str, FieldValue)], out: &mut String) {
    out.push('{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        string(name, out);
        out.push(':');
        match value {
            FieldValue::Text(text) => string(text, out),
            FieldValue::Number(number) => out.push_str(itoa::Buffer::new().format(*number)),
            FieldValue::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            FieldValue::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    string(item, out);
                }
                out.push(']');
            }
            _ => out.push_str("null"),
        }
    }
    out.push('}');
}

/// Appends a JSON string (RFC 8259, section 7).
fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            // The texts of packets hold none of these; names of ours neither.
            control if control < ' ' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_json() {
        let fields = [
            ("text", FieldValue::Text("a\"b\\x01".into())),
            ("number", FieldValue::Number(7)),
            ("flag", FieldValue::Flag(true)),
            ("list", FieldValue::List(vec!["x".into(), "y".into()])),
        ];
        let mut out = String::new();
        object(&fields, &mut out);
        assert_eq!(
            out,
            r#"{"text":"a\"b\\x01","number":7,"flag":true,"list":["x","y"]}"#
        );
        out.clear();
        object(&[], &mut out);
        assert_eq!(out, "{}");
    }
}
