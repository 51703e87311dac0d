//! Columns of tables that are known only when the program runs.
//!
//! A table is made from rows of one kind ([`Table::Row`]); several tables can be made from the
//! same kind, as profiles are that give the same facts other names. [`ColumnsOf`] forgets which
//! table it is and keeps the kind of row; [`AnyColumns`] forgets that, too.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::builder::TableBuilder;
use crate::column::Requires;
use crate::columns::{Columns, Table};
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

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    /// What has to be done for these columns.
    pub fn requires(&self) -> Requires {
        self.0.requires()
    }
}

trait Choice<K: Table>: std::fmt::Debug + Send + Sync {
    fn builder(&self) -> Box<dyn BuildRows<K>>;
    fn schema(&self) -> SchemaRef;
    fn requires(&self) -> Requires;
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
