//! The tables by name.

use std::fmt;
use std::str::FromStr;

use crate::any::AnyColumns;
use crate::column::TableDef;
use crate::columns::{Columns, ColumnsError, Table};
use crate::dictionary::tables;
use crate::schema::{
    Anomalies, Captures, Dns, Flows, Hosts, Http, Messages, Packets, Timeline, Tls,
};

/// The columns of a table by its name: what `$choose` gives for its type.
macro_rules! of_each {
    ($table:expr, $choose:ident($names:expr)) => {
        Ok(match $table {
            TableName::Packets => AnyColumns::Packets($choose::<Packets>($names)?.into()),
            TableName::Flows => AnyColumns::Flows($choose::<Flows>($names)?.into()),
            TableName::Dns => AnyColumns::Dns($choose::<Dns>($names)?.into()),
            TableName::Tls => AnyColumns::Tls($choose::<Tls>($names)?.into()),
            TableName::Http => AnyColumns::Http($choose::<Http>($names)?.into()),
            TableName::Messages => AnyColumns::Messages($choose::<Messages>($names)?.into()),
            TableName::Hosts => AnyColumns::Hosts($choose::<Hosts>($names)?.into()),
            TableName::Timeline => AnyColumns::Timeline($choose::<Timeline>($names)?.into()),
            TableName::Anomalies => AnyColumns::Anomalies($choose::<Anomalies>($names)?.into()),
            TableName::Capture => AnyColumns::Capture($choose::<Captures>($names)?.into()),
        })
    };
}

/// A table that captures are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TableName {
    /// A row is a packet.
    Packets,
    /// A row is a bidirectional flow.
    Flows,
    /// A row is a name asked for, with the answer.
    Dns,
    /// A row is a TLS, DTLS or QUIC handshake.
    Tls,
    /// A row is an HTTP request with its response.
    Http,
    /// A row is a message of another protocol.
    Messages,
    /// A row is an address.
    Hosts,
    /// A row is an interval of time.
    Timeline,
    /// A row is something malformed.
    Anomalies,
    /// A row is a source of packets.
    Capture,
}

impl TableName {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Packets,
        Self::Flows,
        Self::Dns,
        Self::Tls,
        Self::Http,
        Self::Messages,
        Self::Hosts,
        Self::Timeline,
        Self::Anomalies,
        Self::Capture,
    ];

    /// Its name, as on the command line and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packets => Packets::NAME,
            Self::Flows => Flows::NAME,
            Self::Dns => Dns::NAME,
            Self::Tls => Tls::NAME,
            Self::Http => Http::NAME,
            Self::Messages => Messages::NAME,
            Self::Hosts => Hosts::NAME,
            Self::Timeline => Timeline::NAME,
            Self::Anomalies => Anomalies::NAME,
            Self::Capture => Captures::NAME,
        }
    }

    /// What its rows and columns are.
    ///
    /// # Panics
    ///
    /// Never: the dictionary has every table.
    pub fn definition(self) -> &'static TableDef {
        tables()
            .iter()
            .find(|table| table.name == self.name())
            .expect("the dictionary is made from this list")
    }

    /// Columns of the table: those named, in that order; without a list every column but those
    /// that are made only when named. An empty list is no column at all: rows are only counted.
    ///
    /// # Errors
    ///
    /// As for [`Columns::named`], for an empty list none.
    pub fn columns(self, names: Option<&[&str]>) -> Result<AnyColumns, ColumnsError> {
        of_each!(self, choose(names))
    }

    /// The columns of a comma-separated list, or without one every column but those that are
    /// made only when named.
    ///
    /// # Errors
    ///
    /// As for [`Columns::parse`].
    pub fn parse_columns(self, list: Option<&str>) -> Result<AnyColumns, ColumnsError> {
        of_each!(self, parse(list))
    }
}

fn parse<T: Table>(list: Option<&str>) -> Result<Columns<T>, ColumnsError> {
    list.map_or_else(|| Ok(Columns::all()), Columns::parse)
}

fn choose<T: Table>(names: Option<&[&str]>) -> Result<Columns<T>, ColumnsError> {
    match names {
        None => Ok(Columns::all()),
        Some([]) => Ok(Columns::none()),
        Some(names) => Columns::named(names.iter().copied()),
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no table '{name}'; there are: {}", TableName::ALL.map(TableName::name).join(", "))]
pub struct UnknownTable {
    /// What was asked for.
    pub name: String,
}

impl FromStr for TableName {
    type Err = UnknownTable;

    fn from_str(name: &str) -> Result<Self, UnknownTable> {
        Self::ALL
            .into_iter()
            .find(|table| table.name() == name)
            .ok_or_else(|| UnknownTable {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for table in TableName::ALL {
            assert_eq!(table.name().parse(), Ok(table));
            assert_eq!(table.definition().name, table.name());
            let columns = table.columns(None).unwrap();
            let defined = table.definition().columns.iter();
            assert_eq!(
                columns.schema().fields().len(),
                defined.filter(|column| column.default).count()
            );
            assert!(
                table
                    .columns(Some(&[]))
                    .unwrap()
                    .schema()
                    .fields()
                    .is_empty()
            );
        }
        let error = "flow".parse::<TableName>().unwrap_err();
        assert!(
            error.to_string().ends_with("timeline, anomalies, capture"),
            "{error}"
        );
    }
}
