//! Zeek's log files: tab-separated, with a header that names and types the columns.
//!
//! `#open` and `#close`, which say when a log was written, are left out: the same capture gives
//! the same bytes.

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::write::cell::{Cells, Column, integer};

/// What stands for an empty set.
const EMPTY: &[u8] = b"(empty)";
/// What stands for no value.
const UNSET: &[u8] = b"-";

/// Appends the header of a log: `path` is `conn`, `dns`, `http` or `ssl`.
pub fn zeek_log_header(path: &str, schema: &Schema, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t",
    );
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b"\n#fields");
    for field in schema.fields() {
        out.push(b'\t');
        out.extend_from_slice(field.name().as_bytes());
    }
    out.extend_from_slice(b"\n#types");
    for field in schema.fields() {
        out.push(b'\t');
        out.extend_from_slice(type_of(field.name()).as_bytes());
    }
    out.push(b'\n');
}

/// Zeek's type of a column.
fn type_of(name: &str) -> &'static str {
    match name {
        "ts" => "time",
        "id.orig_h" | "id.resp_h" => "addr",
        "id.orig_p" | "id.resp_p" => "port",
        "proto" => "enum",
        "duration" | "rtt" => "interval",
        "local_orig" | "local_resp" | "AA" | "TC" | "RD" | "RA" | "rejected" | "resumed"
        | "established" | "sni_matches_cert" => "bool",
        "orig_bytes" | "resp_bytes" | "missed_bytes" | "orig_pkts" | "orig_ip_bytes"
        | "resp_pkts" | "resp_ip_bytes" | "ip_proto" | "trans_id" | "qclass" | "qtype"
        | "rcode" | "Z" | "opcode" | "trans_depth" | "request_body_len" | "response_body_len"
        | "status_code" | "info_code" => "count",
        "vlan" | "inner_vlan" => "int",
        "tunnel_parents" | "proxied" => "set[string]",
        "tags" => "set[enum]",
        "TTLs" => "vector[interval]",
        "answers"
        | "cert_chain_fps"
        | "client_cert_chain_fps"
        | "orig_fuids"
        | "orig_filenames"
        | "orig_mime_types"
        | "resp_fuids"
        | "resp_filenames"
        | "resp_mime_types" => "vector[string]",
        _ => "string",
    }
}

/// Appends the rows of a batch as lines of a log.
pub fn format_zeek_log(batch: &RecordBatch, out: &mut Vec<u8>) {
    let columns: Vec<_> = batch.columns().iter().map(Column::new).collect();
    for row in 0..batch.num_rows() {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.push(b'\t');
            }
            if column.is_null(row) {
                out.extend_from_slice(UNSET);
            } else {
                cell(column, row, false, out);
            }
        }
        out.push(b'\n');
    }
}

fn cell(column: &Column<'_>, row: usize, item: bool, out: &mut Vec<u8>) {
    match &column.cells {
        Cells::Bool(array) => out.push(if array.value(row) { b'T' } else { b'F' }),
        Cells::U8(array) => integer(array.value(row), out),
        Cells::U16(array) => integer(array.value(row), out),
        Cells::U32(array) => integer(array.value(row), out),
        Cells::U64(array) => integer(array.value(row), out),
        Cells::F64(array) => out.extend_from_slice(format!("{:.6}", array.value(row)).as_bytes()),
        Cells::Time(values, unit) => {
            let nanos = values
                .get(row)
                .map_or(0, |value| value.saturating_mul(*unit));
            out.extend_from_slice(epoch(nanos).as_bytes());
        }
        Cells::List(lists, items) => {
            let offsets = lists.value_offsets();
            let at = |index: usize| offsets.get(index).map_or(0, |&offset| offset as usize);
            if at(row) == at(row + 1) {
                out.extend_from_slice(EMPTY);
            }
            for place in at(row)..at(row + 1) {
                if place > at(row) {
                    out.push(b',');
                }
                cell(items, place, true, out);
            }
        }
        _ => text(column.text(row).unwrap_or_default(), item, out),
    }
}

/// Seconds since 1970 with six digits behind the point, the nearest ones.
pub(crate) fn epoch(nanos: i64) -> String {
    let micros = nanos.saturating_add(500).div_euclid(1000);
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Appends a text; what would read as something else is escaped: separators, line ends, and a
/// text that is itself `-` or `(empty)`.
fn text(text: &str, item: bool, out: &mut Vec<u8>) {
    if text.is_empty() {
        out.extend_from_slice(EMPTY);
        return;
    }
    let bytes = text.as_bytes();
    let looks_special = bytes == UNSET || bytes == EMPTY;
    for (index, &byte) in bytes.iter().enumerate() {
        let escaped =
            byte < 0x20 || byte == 0x7f || item && byte == b',' || looks_special && index == 0;
        if escaped {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_as_something_else_is_escaped() {
        for (given, item, expected) in [
            ("a\tb\n", false, "a\\x09b\\x0a"),
            ("-", false, "\\x2d"),
            ("(empty)", false, "\\x28empty)"),
            ("", false, "(empty)"),
            ("a,b", false, "a,b"),
            ("a,b", true, "a\\x2cb"),
            ("-a", false, "-a"),
        ] {
            let mut out = Vec::new();
            text(given, item, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn times_have_six_digits() {
        assert_eq!(epoch(1_300_475_167_096_535_000), "1300475167.096535");
        assert_eq!(epoch(1_999_999_500), "2.000000");
        assert_eq!(epoch(-1_500_000_000), "-1.500000");
        assert_eq!(epoch(0), "0.000000");
    }
}
