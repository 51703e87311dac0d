//! What a file says of itself: who wrote it, how, and what its columns mean.

use arrow_schema::Schema;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::LEVEL;
use crate::name::TableName;
use crate::write::json;

/// What a file says of itself beside its schema.
#[derive(Debug, Clone, Default)]
pub struct FileMetadata {
    /// The table that it has (`netloom.table`); its columns' meanings are those of the
    /// dictionary.
    pub table: Option<TableName>,
    /// Further keys and values.
    pub pairs: Vec<(String, String)>,
}

pub(super) fn compression() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(LEVEL).unwrap_or_default())
}

pub(super) fn properties(schema: &Schema, metadata: &FileMetadata) -> WriterProperties {
    let mut pairs: Vec<KeyValue> = metadata
        .pairs
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .collect();
    if let Some(table) = metadata.table {
        pairs.push(KeyValue::new("netloom.table".to_owned(), table.to_string()));
    }
    let columns = columns(schema, metadata.table);
    pairs.push(KeyValue::new("netloom.columns".to_owned(), columns));
    WriterProperties::builder()
        .set_created_by(concat!("netloom version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression())
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(pairs))
        .build()
}

/// Unit, kind of address and meaning of the columns, as JSON.
fn columns(schema: &Schema, table: Option<TableName>) -> String {
    let defined = |name: &str| {
        let mut columns = table?.definition().columns.iter();
        columns.find(|column| column.name == name)
    };
    let mut out = Vec::from(b"{");
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(field.name(), &mut out);
        out.extend_from_slice(b":{");
        let mut first = true;
        let said = |key: &str| field.metadata().get(key).map(String::as_str);
        for (key, value) in [
            ("unit", said("netloom.unit")),
            ("address", said("netloom.address")),
            ("doc", defined(field.name()).map(|column| column.doc)),
        ] {
            if let Some(value) = value {
                if !std::mem::replace(&mut first, false) {
                    out.push(b',');
                }
                json::string(key, &mut out);
                out.push(b':');
                json::string(value, &mut out);
            }
        }
        out.push(b'}');
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}
