//! What happens with rows between the scan and the file, on all threads.

use std::io;
use std::sync::Arc;

use arrow_select::filter::filter_record_batch;
use netloom::pipeline::scan::{Prepare, RowFilter, TableRequest};
use netloom::sql::Condition;
use netloom::tables::anonymize::{Anonymizer, Identity};
use netloom::tables::profile::Style;
use netloom::tables::{
    AnyColumns, ColumnsError, RecordBatch, SchemaRef, SortKey, TableFormat, TableName,
};

use super::output::Rows;

/// How a table's rows are made, and made ready.
pub(super) struct Shape {
    format: TableFormat,
    style: Style,
    columns: AnyColumns,
    /// The columns that are written; behind them may stand some that are only looked at.
    written: usize,
    condition: Option<Condition>,
    /// Places of the columns that the condition looks at.
    looked_at: Vec<usize>,
    anonymizer: Option<Arc<Anonymizer>>,
    identities: Vec<Identity>,
    pub(super) sort: Vec<SortKey>,
}

impl Shape {
    /// Columns of a table, written as they are.
    pub(super) fn new(columns: AnyColumns, format: TableFormat, style: Style) -> Self {
        Self {
            format,
            style,
            written: columns.schema().fields().len(),
            columns,
            condition: None,
            looked_at: Vec::new(),
            anonymizer: None,
            identities: Vec::new(),
            sort: Vec::new(),
        }
    }

    /// Only the rows for which a condition holds; its columns are the table's, whatever a profile
    /// calls them.
    pub(super) fn filtered(mut self, condition: Condition) -> Result<Self, ColumnsError> {
        let defs = self.columns.defs();
        let table = self.columns.rows_of().definition();
        let mut others: Vec<&str> = Vec::new();
        for name in condition.columns() {
            let of_table = table.columns.iter().find(|def| def.name == name);
            let place = defs.iter().position(|def| Some(*def) == of_table);
            self.looked_at.push(place.unwrap_or_else(|| {
                others.push(name);
                defs.len() + others.len() - 1
            }));
        }
        if !others.is_empty() {
            self.columns = self.columns.beside(&others)?;
        }
        self.condition = Some(condition);
        Ok(self)
    }

    /// Sorted by columns that are written, or by others of the table.
    pub(super) fn sorted(mut self, sort: &[Sort<'_>]) -> Result<Self, ColumnsError> {
        let schema = self.schema();
        let mut others: Vec<&str> = Vec::new();
        for by in sort {
            let known = schema.fields().iter().position(|f| f.name() == by.column);
            let column = known.unwrap_or_else(|| {
                others.push(by.column);
                schema.fields().len() + others.len() - 1
            });
            self.sort.push(SortKey {
                column,
                descending: by.descending,
            });
        }
        if !others.is_empty() {
            self.columns = self.columns.beside(&others)?;
        }
        Ok(self)
    }

    /// With other addresses and names.
    pub(super) fn anonymized(mut self, anonymizer: &Arc<Anonymizer>) -> Result<Self, ColumnsError> {
        if self.columns.rows_of() == TableName::Hosts && self.sort.is_empty() {
            // They come by address: by that which is written, or the order would tell the other.
            self = self.sorted(&[Sort {
                column: "ip",
                descending: false,
            }])?;
        }
        let defs = self.columns.defs();
        self.identities = defs.into_iter().map(Identity::of).collect();
        self.anonymizer = Some(Arc::clone(anonymizer));
        Ok(self)
    }

    /// Whether rows are written as they are made.
    pub(super) fn is_as_made(&self) -> bool {
        self.condition.is_none() && self.anonymizer.is_none() && self.sort.is_empty()
    }

    /// What the scan is asked for.
    pub(super) fn request(&self) -> TableRequest {
        let filter = self.condition.as_ref().map(Condition::filter);
        TableRequest::of(self.columns.clone())
            .filter(filter.cloned().unwrap_or_else(RowFilter::all))
    }

    /// The columns that are made, in their order.
    pub(super) fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// The places of the columns that are written.
    pub(super) fn written(&self) -> Vec<usize> {
        (0..self.written).collect()
    }

    fn rows(&self, batch: RecordBatch) -> Rows {
        match self.shaped(batch) {
            Ok(batch) if self.sort.is_empty() => Rows::new(self.format, self.style, batch),
            Ok(batch) => Rows::Batch(batch),
            Err(cause) => Rows::Failed(cause),
        }
    }

    /// The rows that are wanted, with what stands for addresses and names.
    fn shaped(&self, batch: RecordBatch) -> io::Result<RecordBatch> {
        let mut batch = batch;
        if let Some(condition) = &self.condition {
            let looked_at = batch.project(&self.looked_at).map_err(io::Error::other)?;
            let holds = condition.holds(&looked_at).map_err(io::Error::other)?;
            batch = filter_record_batch(&batch, &holds).map_err(io::Error::other)?;
        }
        if let Some(anonymizer) = &self.anonymizer {
            batch = anonymizer.batch(&self.identities, &batch);
        }
        if self.sort.is_empty() && self.written < batch.num_columns() {
            batch = batch.project(&self.written()).map_err(io::Error::other)?;
        }
        Ok(batch)
    }
}

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sort<'a> {
    pub(super) column: &'a str,
    pub(super) descending: bool,
}

impl<'a> Sort<'a> {
    /// `start`, `fwd_bytes:desc`, or several with commas between them; as SQL has it, too.
    pub(super) fn parse(list: &'a str) -> Result<Vec<Self>, String> {
        let mut sort: Vec<Self> = Vec::new();
        for item in list.split(',') {
            let mut words = item.split([':', ' ']).filter(|word| !word.is_empty());
            let column = words.next().ok_or("a column is missing")?;
            let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(format!("'{other}' is neither asc nor desc")),
            };
            if let Some(more) = words.next() {
                return Err(format!("'{more}' is too much"));
            }
            if sort.iter().any(|known| known.column == column) {
                return Err(format!("'{column}' is named twice"));
            }
            sort.push(Self { column, descending });
        }
        Ok(sort)
    }
}

/// All tables, in the order of the requests.
pub(super) struct Shapes(pub(super) Vec<Shape>);

impl Prepare for Shapes {
    type Prepared = Rows;

    fn prepare(&self, request: usize, batch: RecordBatch) -> Rows {
        self.0[request].rows(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_to_sort_by() {
        let by = |column, descending| Sort { column, descending };
        assert_eq!(Sort::parse("start"), Ok(vec![by("start", false)]));
        assert_eq!(
            Sort::parse("fwd_bytes:desc, start ASC"),
            Ok(vec![by("fwd_bytes", true), by("start", false)])
        );
        for bad in ["", "start,", "a:b", "a:desc:c", "a,a"] {
            assert!(Sort::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn columns_that_are_only_sorted_by_stand_behind() {
        let columns = TableName::Packets.columns(Some(&["ts", "len"])).unwrap();
        let shape = Shape::new(columns, TableFormat::Csv, Style::Plain);
        let sort = Sort::parse("number:desc,len,src_ip").unwrap();
        let shape = shape.sorted(&sort).unwrap();
        let names: Vec<String> = (shape.schema().fields().iter())
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(names, ["ts", "len", "number", "src_ip"]);
        let places: Vec<_> = (shape.sort.iter())
            .map(|key| (key.column, key.descending))
            .collect();
        assert_eq!(places, [(2, true), (1, false), (3, false)]);
        assert_eq!(shape.written(), [0, 1]);
    }
}
