//! Rows as JSON objects without what is null, an object a line.

use std::fmt::Write as _;

use arrow_array::RecordBatch;
use netloom_decode::app::dns::qtype_name;
use netloom_flow::app::DnsRecord;

use super::zeek::epoch;
use crate::write::cell::{Cells, Column, Times};
use crate::write::json;

/// The unit of a text column whose cells are JSON.
pub(super) const JSON: &str = "JSON";

/// Columns of texts that a row's record holds or not. The table says what `app` is.
macro_rules! texts {
    ($($name:literal $field:ident $doc:literal)+) => {
        [$(app($name, Make::Text(|row, out| text::some(row.record.$field.as_deref(), out)), $doc)),+]
    };
}
pub(super) use texts;

/// Answers of a DNS message as JSON: an array of objects, whose keys for name, type and data are
/// given.
pub(super) fn answers(record: &DnsRecord, keys: [&str; 3], out: &mut String) -> Option<()> {
    let [name_key, type_key, data_key] = keys;
    let nbns = record.service == "nbns";
    let records = record
        .answers
        .iter()
        .zip(&record.ttls)
        .zip(&record.answer_names)
        .zip(&record.answer_types);
    for (index, (((data, ttl), name), &rtype)) in records.enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        write!(out, "{{\"{name_key}\":").ok()?;
        quoted(name, out);
        write!(out, ",\"{type_key}\":").ok()?;
        quoted(&qtype_name(rtype, nbns), out);
        write!(out, ",\"ttl\":{ttl},\"{data_key}\":").ok()?;
        quoted(data, out);
        out.push('}');
    }
    out.push(']');
    (!record.answers.is_empty()).then_some(())
}

/// A column and where its cells go.
struct Member<'a> {
    column: Column<'a>,
    /// The objects that it stands in, from the outermost; with the colon.
    inside: Vec<Vec<u8>>,
    /// Its own key, with the colon.
    key: Vec<u8>,
    /// Whether its cells are JSON.
    json: bool,
}

impl<'a> Member<'a> {
    fn of(batch: &'a RecordBatch, nested: bool) -> Vec<Self> {
        let schema = batch.schema_ref();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        // Columns of one object stand together, in the place of its first one.
        let mut order: Vec<usize> = (0..names.len()).collect();
        if nested {
            let rank = |prefix: &str| {
                names.iter().position(|name| {
                    name.strip_prefix(prefix)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
            };
            order.sort_by_cached_key(|&index| {
                let name = names[index];
                let ends = name
                    .match_indices('.')
                    .map(|(end, _)| end)
                    .chain([name.len()]);
                ends.map(|end| rank(&name[..end])).collect::<Vec<_>>()
            });
        }
        order
            .into_iter()
            .map(|index| {
                let mut parts: Vec<&str> = if nested {
                    names[index].split('.').collect()
                } else {
                    vec![names[index]]
                };
                let key = parts.pop().unwrap_or_default();
                let unit = schema.field(index).metadata().get("netloom.unit");
                Self {
                    column: Column::new(batch.column(index)),
                    inside: parts.into_iter().map(with_colon).collect(),
                    key: with_colon(key),
                    json: unit.is_some_and(|unit| unit == JSON),
                }
            })
            .collect()
    }
}

fn with_colon(key: &str) -> Vec<u8> {
    let mut out = Vec::new();
    json::string(key, &mut out);
    out.push(b':');
    out
}

/// Appends a JSON string.
pub(super) fn quoted(value: &str, out: &mut String) {
    let mut bytes = Vec::new();
    json::string(value, &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// Appends the rows of a batch, each as an object on a line of its own, without members for what
/// is null. `nested`: the parts of a column's name between points are objects in one another, and
/// times are text in RFC 3339; else names are keys as they are, and times are seconds since 1970.
///
/// # Example
///
/// ```
/// use netloom_tables::profile::{ZeekConn, format_objects};
/// use netloom_tables::{Columns, TableBuilder};
///
/// let columns = Columns::<ZeekConn>::parse("id.orig_p")?;
/// let mut out = Vec::new();
/// format_objects(&TableBuilder::new(&columns).finish(), false, &mut out);
/// assert!(out.is_empty());
/// # Ok::<(), netloom_tables::ColumnsError>(())
/// ```
pub fn format_objects(batch: &RecordBatch, nested: bool, out: &mut Vec<u8>) {
    let members = Member::of(batch, nested);
    let mut times = Times::new();
    for row in 0..batch.num_rows() {
        let mut open: &[Vec<u8>] = &[];
        // Whether the innermost object has a member.
        let mut begun = false;
        out.push(b'{');
        for member in &members {
            if member.column.is_null(row) || is_no_number(&member.column, row) {
                continue;
            }
            let common = open
                .iter()
                .zip(&member.inside)
                .take_while(|(one, other)| one == other)
                .count();
            for _ in common..open.len() {
                out.push(b'}');
                begun = true;
            }
            for key in &member.inside[common..] {
                if begun {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                out.push(b'{');
                begun = false;
            }
            open = &member.inside;
            if begun {
                out.push(b',');
            }
            begun = true;
            out.extend_from_slice(&member.key);
            match &member.column.cells {
                Cells::Time(values, unit) if !nested => {
                    let nanos = values
                        .get(row)
                        .map_or(0, |value| value.saturating_mul(*unit));
                    out.extend_from_slice(epoch(nanos).as_bytes());
                }
                _ if member.json => {
                    let text = member.column.text(row).unwrap_or("null");
                    out.extend_from_slice(text.as_bytes());
                }
                _ => json::value(&member.column, row, &mut times, out),
            }
        }
        out.extend(std::iter::repeat_n(b'}', open.len() + 1));
        out.push(b'\n');
    }
}

/// JSON has no NaN and no infinity.
fn is_no_number(column: &Column<'_>, row: usize) -> bool {
    matches!(&column.cells, Cells::F64(array) if !array.value(row).is_finite())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray, UInt64Array};

    use super::*;

    fn lines(columns: Vec<(&str, ArrayRef)>, nested: bool) -> Vec<String> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut out = Vec::new();
        format_objects(&batch, nested, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn numbers(values: [Option<u64>; 2]) -> ArrayRef {
        Arc::new(UInt64Array::from(values.to_vec()))
    }

    #[test]
    fn names_become_objects_wherever_they_stand() {
        let columns = vec![
            ("a.x", numbers([Some(1), None])),
            ("b", numbers([Some(2), Some(20)])),
            ("a.y.z", numbers([Some(3), Some(30)])),
            ("a.w", numbers([Some(4), None])),
            ("c.y.z", numbers([None, Some(5)])),
        ];
        assert_eq!(
            lines(columns.clone(), true),
            [
                r#"{"a":{"x":1,"y":{"z":3},"w":4},"b":2}"#,
                r#"{"a":{"y":{"z":30}},"b":20,"c":{"y":{"z":5}}}"#
            ]
        );
        assert_eq!(lines(columns, false)[1], r#"{"b":20,"a.y.z":30,"c.y.z":5}"#);
    }

    #[test]
    fn texts_are_escaped_and_nothing_is_an_empty_object() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a\"\n"), None]));
        assert_eq!(
            lines(vec![("t.u", texts)], true),
            [r#"{"t":{"u":"a\"\n"}}"#, "{}"]
        );
    }
}
