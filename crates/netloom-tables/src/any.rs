//! Columns of tables that are known only when the program runs.
//!
//! A table is made from rows of one kind ([`Table::Row`]); several tables can be made from the
//! same kind, as profiles are that give the same facts other names. [`ColumnsOf`] forgets which
//! table it is and keeps the kind of row; [`AnyColumns`] forgets that, too.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::builder::TableBuilder;
use crate::column::{ColumnDef, Requires};
use crate::columns::{Columns, ColumnsError, Table};
use crate::name::TableName;
use crate::schema::{
    Anomalies, Captures, Dns, Flows, Hosts, Http, Messages, Packets, Timeline, Tls,
};

/// Takes rows of the kind that table `K` is made from, gives record batches.
pub trait BuildRows<K: Table>: Send {
    /// Appends a row.
    fn append(&mut self, row: &K::Row<'_>);
    /// Appends rows, column by column.
    fn extend(&mut self, rows: &[K::Row<'_>]);
    /// Makes room for so many further rows.
    fn reserve(&mut self, rows: usize);
    /// Texts may come as dictionaries from here on; see [`TableBuilder::repeat_texts`].
    fn repeat_texts(&mut self) {}
    /// Whether it is time to call [`finish`](Self::finish).
    fn is_full(&self) -> bool;
    /// Rows since the last batch.
    fn len(&self) -> usize;
    /// Whether there is no row since the last batch.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The rows since the last batch, as a batch.
    fn finish(&mut self) -> RecordBatch;
}

impl<K, T> BuildRows<K> for TableBuilder<T>
where
    K: Table,
    T: for<'a> Table<Row<'a> = <K as Table>::Row<'a>>,
{
    #[inline]
    fn append(&mut self, row: &K::Row<'_>) {
        Self::append(self, row);
    }

    fn extend(&mut self, rows: &[K::Row<'_>]) {
        Self::extend(self, rows);
    }

    fn reserve(&mut self, rows: usize) {
        Self::reserve(self, rows);
    }

    fn repeat_texts(&mut self) {
        Self::repeat_texts(self);
    }

    fn is_full(&self) -> bool {
        Self::is_full(self)
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn finish(&mut self) -> RecordBatch {
        Self::finish(self)
    }
}

/// A choice of columns of some table that is made from the same rows as table `K`.
#[derive(Debug)]
pub struct ColumnsOf<K: Table>(Arc<dyn Choice<K>>);

impl<K: Table> Clone for ColumnsOf<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Table> ColumnsOf<K> {
    /// A builder of batches of these columns.
    pub fn builder(&self) -> Box<dyn BuildRows<K>> {
        self.0.builder()
    }

    /// A batch of so many rows, where no column was chosen: rows are counted.
    pub fn rows_alone(&self, rows: usize) -> Option<RecordBatch> {
        let schema = self.schema();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        schema
            .fields()
            .is_empty()
            .then(|| RecordBatch::try_new_with_options(schema, Vec::new(), &options).ok())
            .flatten()
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    /// What has to be done for these columns.
    pub fn requires(&self) -> Requires {
        self.0.requires()
    }

    /// Their definitions, in order.
    pub fn defs(&self) -> Vec<&'static ColumnDef> {
        self.0.defs()
    }

    /// These columns, and behind them others of the same rows: of another table, maybe, and maybe
    /// the same ones again.
    #[must_use]
    pub fn beside(self, others: Self) -> Self {
        Self(Arc::new(Beside(self, others)))
    }
}

trait Choice<K: Table>: std::fmt::Debug + Send + Sync {
    fn builder(&self) -> Box<dyn BuildRows<K>>;
    fn schema(&self) -> SchemaRef;
    fn requires(&self) -> Requires;
    fn defs(&self) -> Vec<&'static ColumnDef>;
}

impl<K, T> Choice<K> for Columns<T>
where
    K: Table,
    T: for<'a> Table<Row<'a> = <K as Table>::Row<'a>>,
{
    fn builder(&self) -> Box<dyn BuildRows<K>> {
        Box::new(TableBuilder::new(self))
    }

    fn schema(&self) -> SchemaRef {
        self.schema()
    }

    fn requires(&self) -> Requires {
        self.requires()
    }

    fn defs(&self) -> Vec<&'static ColumnDef> {
        self.defs().collect()
    }
}

/// Columns of two choices, made from the same rows.
#[derive(Debug)]
struct Beside<K: Table>(ColumnsOf<K>, ColumnsOf<K>);

impl<K: Table> Choice<K> for Beside<K> {
    fn builder(&self) -> Box<dyn BuildRows<K>> {
        Box::new(BothRows {
            builders: [self.0.builder(), self.1.builder()],
            schema: self.schema(),
        })
    }

    fn schema(&self) -> SchemaRef {
        let (one, other) = (self.0.schema(), self.1.schema());
        let fields = one.fields().iter().chain(other.fields()).cloned();
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn requires(&self) -> Requires {
        self.0.requires().with(self.1.requires())
    }

    fn defs(&self) -> Vec<&'static ColumnDef> {
        [self.0.defs(), self.1.defs()].concat()
    }
}

struct BothRows<K: Table> {
    builders: [Box<dyn BuildRows<K>>; 2],
    schema: SchemaRef,
}

impl<K: Table> BuildRows<K> for BothRows<K> {
    fn append(&mut self, row: &K::Row<'_>) {
        for builder in &mut self.builders {
            builder.append(row);
        }
    }

    fn extend(&mut self, rows: &[K::Row<'_>]) {
        for builder in &mut self.builders {
            builder.extend(rows);
        }
    }

    fn reserve(&mut self, rows: usize) {
        for builder in &mut self.builders {
            builder.reserve(rows);
        }
    }

    fn is_full(&self) -> bool {
        self.builders.iter().any(|builder| builder.is_full())
    }

    fn len(&self) -> usize {
        self.builders[0].len()
    }

    fn finish(&mut self) -> RecordBatch {
        let [one, other] = self.builders.each_mut().map(|builder| builder.finish());
        let columns = [one.columns(), other.columns()].concat();
        let options = RecordBatchOptions::new().with_row_count(Some(one.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("both were given the same rows")
    }
}

impl<K, T> From<Columns<T>> for ColumnsOf<K>
where
    K: Table,
    T: for<'a> Table<Row<'a> = <K as Table>::Row<'a>>,
{
    fn from(columns: Columns<T>) -> Self {
        Self(Arc::new(columns))
    }
}

/// Columns of a table, by the kind of its rows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AnyColumns {
    /// Rows are packets.
    Packets(ColumnsOf<Packets>),
    /// Rows are flows.
    Flows(ColumnsOf<Flows>),
    /// Rows are queries with their answers.
    Dns(ColumnsOf<Dns>),
    /// Rows are handshakes.
    Tls(ColumnsOf<Tls>),
    /// Rows are requests with their responses.
    Http(ColumnsOf<Http>),
    /// Rows are messages.
    Messages(ColumnsOf<Messages>),
    /// Rows are addresses.
    Hosts(ColumnsOf<Hosts>),
    /// Rows are intervals.
    Timeline(ColumnsOf<Timeline>),
    /// Rows are what is malformed.
    Anomalies(ColumnsOf<Anomalies>),
    /// Rows are sources.
    Capture(ColumnsOf<Captures>),
}

macro_rules! of_each {
    ($self:expr, $columns:ident => $do:expr) => {
        match $self {
            AnyColumns::Packets($columns) => $do,
            AnyColumns::Flows($columns) => $do,
            AnyColumns::Dns($columns) => $do,
            AnyColumns::Tls($columns) => $do,
            AnyColumns::Http($columns) => $do,
            AnyColumns::Messages($columns) => $do,
            AnyColumns::Hosts($columns) => $do,
            AnyColumns::Timeline($columns) => $do,
            AnyColumns::Anomalies($columns) => $do,
            AnyColumns::Capture($columns) => $do,
        }
    };
}

impl AnyColumns {
    /// The schema of a table with these columns.
    pub fn schema(&self) -> SchemaRef {
        of_each!(self, columns => columns.schema())
    }

    /// What has to be done for these columns.
    pub fn requires(&self) -> Requires {
        of_each!(self, columns => columns.requires())
    }

    /// Their definitions, in order.
    pub fn defs(&self) -> Vec<&'static ColumnDef> {
        of_each!(self, columns => columns.defs())
    }

    /// These columns, and behind them columns of the table whose rows they are made from.
    ///
    /// # Errors
    ///
    /// As for [`Columns::named`], for an empty list none.
    pub fn beside(self, names: &[&str]) -> Result<Self, ColumnsError> {
        let others = self.rows_of().columns(Some(names))?;
        Ok(match (self, others) {
            (Self::Packets(columns), Self::Packets(others)) => {
                Self::Packets(columns.beside(others))
            }
            (Self::Flows(columns), Self::Flows(others)) => Self::Flows(columns.beside(others)),
            (Self::Dns(columns), Self::Dns(others)) => Self::Dns(columns.beside(others)),
            (Self::Tls(columns), Self::Tls(others)) => Self::Tls(columns.beside(others)),
            (Self::Http(columns), Self::Http(others)) => Self::Http(columns.beside(others)),
            (Self::Messages(columns), Self::Messages(others)) => {
                Self::Messages(columns.beside(others))
            }
            (Self::Hosts(columns), Self::Hosts(others)) => Self::Hosts(columns.beside(others)),
            (Self::Timeline(columns), Self::Timeline(others)) => {
                Self::Timeline(columns.beside(others))
            }
            (Self::Anomalies(columns), Self::Anomalies(others)) => {
                Self::Anomalies(columns.beside(others))
            }
            (Self::Capture(columns), Self::Capture(others)) => {
                Self::Capture(columns.beside(others))
            }
            // The others are of the same rows.
            (columns, _) => columns,
        })
    }

    /// The table whose rows these are made from.
    pub fn rows_of(&self) -> TableName {
        match self {
            Self::Packets(_) => TableName::Packets,
            Self::Flows(_) => TableName::Flows,
            Self::Dns(_) => TableName::Dns,
            Self::Tls(_) => TableName::Tls,
            Self::Http(_) => TableName::Http,
            Self::Messages(_) => TableName::Messages,
            Self::Hosts(_) => TableName::Hosts,
            Self::Timeline(_) => TableName::Timeline,
            Self::Anomalies(_) => TableName::Anomalies,
            Self::Capture(_) => TableName::Capture,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Simple, TableName};

    #[test]
    fn columns_of_two_tables_beside_each_other() {
        let simple = AnyColumns::Packets(Columns::<Simple>::all().into());
        let both = simple.beside(&["number", "ts"]).unwrap();
        let schema = both.schema();
        let names: Vec<&str> = both.defs().iter().map(|def| def.name).collect();
        assert_eq!(names[0], "Timestamp");
        assert_eq!(names[7..], ["number", "ts"]);
        assert!(
            (schema.fields().iter())
                .map(|field| field.name())
                .eq(&names)
        );
        let AnyColumns::Packets(columns) = &both else {
            panic!("another table");
        };
        let batch = columns.builder().finish();
        assert_eq!((batch.num_rows(), batch.schema()), (0, schema));
        let error = TableName::Flows.columns(None).unwrap().beside(&["number"]);
        assert!(matches!(error, Err(ColumnsError::Unknown { .. })));
    }
}
