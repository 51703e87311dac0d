//! The dictionary of tables: `netloom tables` and the reference page are made from it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::column::{ColumnDef, TableDef};
use crate::columns::Table;
use crate::schema::{
    Anomalies, Captures, Dns, Flows, Hosts, Http, Messages, Packets, Timeline, Tls,
};

/// All tables, in the order of the documentation.
pub fn tables() -> &'static [TableDef] {
    static TABLES: LazyLock<Vec<TableDef>> = LazyLock::new(|| {
        vec![
            definition::<Packets>(),
            definition::<Flows>(),
            definition::<Dns>(),
            definition::<Tls>(),
            definition::<Http>(),
            definition::<Messages>(),
            definition::<Hosts>(),
            definition::<Timeline>(),
            definition::<Anomalies>(),
            definition::<Captures>(),
        ]
    });
    &TABLES
}

/// The table of that name.
pub fn table(name: &str) -> Option<&'static TableDef> {
    tables().iter().find(|table| table.name == name)
}

fn definition<T: Table>() -> TableDef {
    TableDef {
        name: T::NAME,
        doc: T::DOC,
        columns: T::columns().iter().map(|column| column.def).collect(),
    }
}

/// The dictionary as a Markdown page.
pub fn markdown() -> String {
    let mut page = String::from(
        "# The tables\n\n\
        <!-- Generated from the schema files by `cargo xtask docs`; do not edit. -->\n\n\
        The same tables everywhere: live, in files, in SQL, in models. `src` and `dst` are \
        source and destination in `packets`; in `flows`, `src` is the originator and `dst` the \
        responder.\n\n\
        Names of other tools are the nearest thing they have; their unit or direction may \
        differ.\n\n\
        ## Values in text formats\n\n\
        | value | CSV | JSON, JSON Lines |\n|---|---|---|\n\
        | null | empty | `null`; every row has every key |\n\
        | empty text | `\"\"` | `\"\"` |\n\
        | whole number | digits | number with all its digits (JavaScript rounds beyond 2^53) |\n\
        | NaN, infinity | empty | `null` |\n\
        | time | RFC 3339, UTC, nanoseconds | the same, as a string |\n\
        | list | as JSON | array |\n\
        | text that begins with `=` `+` `-` `@` `'`, tab, CR or LF | an apostrophe in front: a \
        spreadsheet would take it for a formula. Take one leading apostrophe away to have the \
        original back | as it is |\n\n\
        CSV has a header row, commas, quotes as in RFC 4180, and ends lines with LF.\n",
    );
    for table in tables() {
        let doc = escape(table.doc);
        // Writing to a String cannot fail.
        _ = write!(
            page,
            "\n## `{}`\n\nA row is: {doc}\n\n\
            | column | type | unit | meaning | Zeek | NFStream | CICFlowMeter | ECS | IPFIX |\n\
            |---|---|---|---|---|---|---|---|---|\n",
            table.name
        );
        for column in &table.columns {
            row(column, &mut page);
        }
    }
    page
}

fn row(column: &ColumnDef, page: &mut String) {
    let aliases = &column.aliases;
    let asked = if column.default {
        ""
    } else {
        " Not among the columns unless it is named."
    };
    let null = if column.nullable { ", null" } else { "" };
    _ = writeln!(
        page,
        "| `{}` | {}{null} | {} | {}{asked} | {} | {} | {} | {} | {} |",
        column.name,
        escape(column.kind.name()),
        escape(column.unit),
        escape(column.doc),
        code(aliases.zeek),
        code(aliases.nfstream),
        code(aliases.cic),
        code(aliases.ecs),
        code(aliases.ipfix),
    );
}

/// Names in code style, several with a slash between them.
fn code(names: &str) -> String {
    let names: Vec<_> = names
        .split(" / ")
        .filter(|name| !name.is_empty())
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(" / ")
}

/// Text that stays in its cell of a Markdown table.
fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_column_is_said_once_and_has_a_meaning() {
        for table in tables() {
            let mut seen = HashSet::new();
            for column in &table.columns {
                assert!(seen.insert(column.name), "{}.{}", table.name, column.name);
                assert!(column.doc.ends_with('.'), "{}.{}", table.name, column.name);
                assert!(
                    column
                        .name
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
    }

    #[test]
    fn columns_that_others_rely_on_keep_name_and_order() {
        let packets = "number ts interface link_type caplen len src_mac dst_mac ethertype vlan \
            src_ip dst_ip ip_version ttl protocol src_port dst_port tcp_flags tcp_seq tcp_ack \
            tcp_window payload_len service flow_id info fragment truncated decode_error";
        let flows = "flow_id community_id start end duration src_ip src_port dst_ip dst_port \
            protocol transport icmp_type icmp_code vlan tunnel src_mac dst_mac service \
            conn_state history end_reason fwd_packets bwd_packets fwd_bytes bwd_bytes \
            fwd_ip_bytes bwd_ip_bytes fwd_payload_bytes bwd_payload_bytes missed_bytes \
            fwd_fragments bwd_fragments tcp_rtt_ms server_delay_ms fwd_retransmissions \
            bwd_retransmissions out_of_order zero_windows";
        for (name, relied_on) in [("packets", packets), ("flows", flows)] {
            let mut columns = table(name).unwrap().columns.iter();
            for wanted in relied_on.split_whitespace() {
                assert!(
                    columns.any(|column| column.name == wanted),
                    "{name}.{wanted}"
                );
            }
        }
        assert!(table("nothing").is_none());
    }

    #[test]
    fn the_page_has_every_column() {
        let page = markdown();
        for column in tables().iter().flat_map(|table| &table.columns) {
            assert!(
                page.contains(&format!("\n| `{}` |", column.name)),
                "{}",
                column.name
            );
        }
        assert!(page.contains("list&lt;uint16>"));
    }
}
