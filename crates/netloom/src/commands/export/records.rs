//! Tables whose rows come out of payloads (`dns`, `tls`, `http`, `messages`), in the order of the
//! packets that completed them.

use std::io;
use std::sync::{Mutex, PoisonError};

use netloom::decode::app::Interest;
use netloom::pipeline::flow::app::AppRecord;
use netloom::pipeline::{Needs, ShardFacts, Stage};
use netloom::tables::{
    Columns, Dns, DnsRow, Http, HttpRow, MessageRow, Messages, Table, TableBuilder, Tls, TlsRow,
};

use super::text::{Text, format_rows};

/// A table whose rows come out of payloads.
pub(crate) trait RecordTable: Table + Sync + Send {
    /// What the parsers are asked for.
    const INTEREST: Interest;

    /// Appends a record's row, if it is of this table.
    fn append(builder: &mut TableBuilder<Self>, record: &AppRecord);
}

macro_rules! record_table {
    ($($table:ident $row:ident $interest:ident;)*) => {
        $(impl RecordTable for $table {
            const INTEREST: Interest = Interest::$interest;

            fn append(builder: &mut TableBuilder<Self>, record: &AppRecord) {
                if let Some(row) = $row::new(record) {
                    builder.append(&row);
                }
            }
        })*
    };
}

record_table! {
    Dns DnsRow DNS;
    Tls TlsRow TLS;
    Http HttpRow HTTP;
    Messages MessageRow MESSAGES;
}

/// Writes records as they are completed.
pub(crate) struct RecordsStage<T: RecordTable> {
    columns: Columns<T>,
    text: Mutex<Option<Text>>,
}

/// What is done in order.
pub(crate) struct Writer<T: Table> {
    text: Option<Text>,
    builder: TableBuilder<T>,
    records: Vec<AppRecord>,
    rows: Vec<u8>,
}

impl<T: RecordTable> RecordsStage<T> {
    pub(crate) fn new(columns: Columns<T>, text: Text) -> Self {
        Self {
            columns,
            text: Mutex::new(Some(text)),
        }
    }
}

impl<T: RecordTable> Stage for RecordsStage<T> {
    type Worker = ();
    type Shard = Vec<AppRecord>;
    type Serial = Writer<T>;
    type Rows = ();
    type Output = Text;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(T::INTEREST),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<AppRecord> {
        Vec::new()
    }

    fn new_serial(&self) -> Writer<T> {
        Writer {
            text: self
                .text
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
            builder: TableBuilder::new(&self.columns),
            records: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn app(&self, (): &mut (), shard: &mut Vec<AppRecord>, record: AppRecord) {
        shard.push(record);
    }

    fn round_end(
        &self,
        writer: &mut Writer<T>,
        shards: &mut [&mut Vec<AppRecord>],
        _rows: Vec<()>,
    ) -> io::Result<()> {
        let Some(text) = &mut writer.text else {
            return Ok(());
        };
        for shard in shards {
            writer.records.append(shard);
        }
        // Records of one packet of one flow keep their order.
        writer
            .records
            .sort_by_key(|record| (record.number, record.flow_id));
        for record in writer.records.drain(..) {
            T::append(&mut writer.builder, &record);
            if writer.builder.is_full() {
                format_rows(text.format, &writer.builder.finish(), &mut writer.rows);
            }
        }
        if !writer.builder.is_empty() {
            format_rows(text.format, &writer.builder.finish(), &mut writer.rows);
        }
        text.append(&writer.rows)?;
        writer.rows.clear();
        Ok(())
    }

    fn merge(&self, writer: Writer<T>, _: Vec<Vec<AppRecord>>, _: Vec<()>, _: &ShardFacts) -> Text {
        writer
            .text
            .expect("the engine makes its ordered state once, and it has the output")
    }
}
