//! Which columns of a table are wanted.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use crate::column::{Column, ColumnDef, Requires};

/// A table: its name and its columns, and what a row is made from.
pub trait Table: Debug + Sized + 'static {
    /// What a row is made from.
    type Row<'a>;

    /// Name, as on the command line and in SQL.
    const NAME: &'static str;
    /// What a row is.
    const DOC: &'static str;

    /// The columns, in their order.
    fn columns() -> &'static [Column<Self>];
}

/// A choice of columns of table `T`, in the order they were asked for.
#[derive(Debug)]
pub struct Columns<T: Table> {
    chosen: Vec<&'static Column<T>>,
    schema: SchemaRef,
}

impl<T: Table> Clone for Columns<T> {
    fn clone(&self) -> Self {
        Self {
            chosen: self.chosen.clone(),
            schema: Arc::clone(&self.schema),
        }
    }
}

impl<T: Table> Default for Columns<T> {
    fn default() -> Self {
        Self::all()
    }
}

impl<T: Table> Columns<T> {
    fn of(chosen: Vec<&'static Column<T>>) -> Self {
        let fields: Vec<_> = chosen.iter().map(|column| column.def.field()).collect();
        Self {
            chosen,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// Every column but those that are made only when asked for by name.
    pub fn all() -> Self {
        Self::of(T::columns().iter().filter(|c| c.def.default).collect())
    }

    /// No column: rows are only counted.
    pub fn none() -> Self {
        Self::of(Vec::new())
    }

    /// The columns of a comma-separated list; spaces around names do not matter.
    ///
    /// # Errors
    ///
    /// When a name is none of the table's (the error names the nearest one and lists all), is
    /// there twice, or the list is empty.
    pub fn parse(list: &str) -> Result<Self, ColumnsError> {
        Self::named(
            list.split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty()),
        )
    }

    /// The columns with these names.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ColumnsError> {
        let mut chosen: Vec<&'static Column<T>> = Vec::new();
        for name in names {
            let Some(column) = T::columns().iter().find(|c| c.def.name == name) else {
                return Err(ColumnsError::Unknown {
                    table: T::NAME,
                    name: name.to_owned(),
                    nearest: nearest::<T>(name),
                    all: all_names::<T>(),
                });
            };
            if chosen.iter().any(|c| c.def.name == name) {
                return Err(ColumnsError::Twice {
                    name: column.def.name,
                });
            }
            chosen.push(column);
        }
        if chosen.is_empty() {
            return Err(ColumnsError::Empty {
                table: T::NAME,
                all: all_names::<T>(),
            });
        }
        Ok(Self::of(chosen))
    }

    /// Whether the column is among them: what needs a second pass (`flow_id`) or costs time
    /// (`checksum_ok`) is done only then.
    pub fn contains(&self, name: &str) -> bool {
        self.chosen.iter().any(|c| c.def.name == name)
    }

    /// Their definitions, in order.
    pub fn defs(&self) -> impl ExactSizeIterator<Item = &'static ColumnDef> {
        self.chosen.iter().map(|c| &c.def)
    }

    /// What has to be done for these columns.
    pub fn requires(&self) -> Requires {
        self.defs()
            .fold(Requires::NOTHING, |all, def| all.with(def.requires))
    }

    /// The Arrow schema of a table with these columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn chosen(&self) -> &[&'static Column<T>] {
        &self.chosen
    }
}

/// A list of columns that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// No such column.
    #[error("table '{table}' has no column '{name}'{}; it has: {all}", did_you_mean(nearest.as_ref()))]
    Unknown {
        /// The table.
        table: &'static str,
        /// What was asked for.
        name: String,
        /// The column with the most similar name, if one is similar at all.
        nearest: Option<&'static str>,
        /// All columns.
        all: String,
    },
    /// A column was named twice.
    #[error("column '{name}' is named twice")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// No column was named.
    #[error("no column is named; table '{table}' has: {all}")]
    Empty {
        /// The table.
        table: &'static str,
        /// All columns.
        all: String,
    },
}

fn did_you_mean(nearest: Option<&&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean '{name}'?"))
}

fn all_names<T: Table>() -> String {
    let names: Vec<_> = T::columns().iter().map(|c| c.def.name).collect();
    names.join(", ")
}

/// The column whose name, or whose name in another tool, is nearest to `name`.
fn nearest<T: Table>(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let by_alias = T::columns().iter().map(|c| &c.def).find(|def| {
        let a = &def.aliases;
        [a.zeek, a.nfstream, a.cic, a.ecs, a.ipfix]
            .into_iter()
            .any(|alias| alias.split(" / ").any(|part| part.to_lowercase() == wanted))
    });
    if let Some(def) = by_alias {
        return Some(def.name);
    }
    nearest_name(name, T::columns().iter().map(|c| c.def.name))
}

/// The name that a person may have meant: the most similar one, if one is similar at all. Case
/// does not matter.
///
/// ```
/// use netloom_tables::nearest_name;
///
/// assert_eq!(nearest_name("lable", ["bytes", "Label"]), Some("Label"));
/// assert_eq!(nearest_name("colour", ["bytes", "Label"]), None);
/// ```
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    // More than a third of the letters wrong is another word, not a slip.
    let limit = wanted.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|known| (edit_distance(&wanted, &known.to_lowercase(), limit), known))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| known)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
/// (optimal string alignment); anything beyond `limit` may be told as `limit + 1`.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // What a person typed may be a whole file by mistake.
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut cost = (previous[j] + usize::from(x != y))
                .min(previous[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flows, Packets};

    #[test]
    fn keeps_the_order_asked_for() {
        let columns = Columns::<Packets>::parse(" len, number ,ts,").unwrap();
        let names: Vec<_> = columns.defs().map(|def| def.name).collect();
        assert_eq!(names, ["len", "number", "ts"]);
        assert!(columns.contains("ts") && !columns.contains("flow_id"));
    }

    #[test]
    fn names_the_nearest_and_lists_all() {
        for (typed, meant) in [
            ("scr_ip", "src_ip"),
            ("SRC_IP", "src_ip"),
            ("source.ip", "src_ip"),
            ("id.orig_h", "src_ip"),
            ("dest_port", "dst_port"),
            ("Flow Duration", "duration"),
            ("durration", "duration"),
        ] {
            let error = Columns::<Flows>::parse(typed).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("did you mean '{meant}'?")), "{text}");
            assert!(text.contains("flow_id, community_id, start"), "{text}");
        }
        let error = Columns::<Packets>::parse("number,xyzzy").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("table 'packets' has no column 'xyzzy'; it has: number"),
            "{error}"
        );
    }

    #[test]
    fn refuses_nothing_and_twice() {
        assert!(matches!(
            Columns::<Packets>::parse(" , "),
            Err(ColumnsError::Empty { .. })
        ));
        assert_eq!(
            Columns::<Packets>::parse("ts,ts").unwrap_err(),
            ColumnsError::Twice { name: "ts" }
        );
    }

    #[test]
    fn distances() {
        for (a, b, distance) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("a", "", 1),
        ] {
            assert_eq!(edit_distance(a, b, 9), distance, "{a} {b}");
        }
        assert_eq!(edit_distance(&"x".repeat(100), "ts", 2), 3);
    }
}
