//! Files of tables as tables.

mod restore;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::execution::SessionState;
use netloom_tables::read::{Format, ReadOptions, detect, read_table};

use crate::address::METADATA;
use crate::error::QueryError;
use crate::functions::is_text;

/// The table of files, and what their owner should know.
///
/// Parquet is read as a query needs it; the others are read whole.
pub(crate) async fn table(
    state: &SessionState,
    paths: &[PathBuf],
    options: &ReadOptions,
) -> Result<(Arc<dyn TableProvider>, Vec<String>), QueryError> {
    if paths
        .iter()
        .all(|path| is_parquet(path) && !looks_like_a_glob(path))
    {
        return Ok((listing(state, paths).await?, Vec::new()));
    }
    let mut notes = Vec::new();
    let mut schema: Option<SchemaRef> = None;
    let mut batches = Vec::new();
    for path in paths {
        let data = read_table(path, options)?;
        let name = path.display();
        notes.extend(data.notes.iter().map(|note| format!("{name}: {note}")));
        let failed = |error: ArrowError| QueryError::Failed(format!("{name}: {error}"));
        let (own, rows) = restore::columns(&data).map_err(failed)?;
        let own = with_addresses(&own);
        match &schema {
            None => schema = Some(Arc::clone(&own)),
            Some(first) => check_same(first, &own, path, true)?,
        }
        for batch in rows {
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(Arc::clone(&own), columns, &rows);
            batches.push(batch.map_err(failed)?);
        }
    }
    let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
    let table = MemTable::try_new(schema, vec![batches]);
    let table = table.map_err(|error| QueryError::of(error, ""))?;
    Ok((Arc::new(table), notes))
}

fn is_parquet(path: &Path) -> bool {
    File::open(path)
        .and_then(|mut file| detect(&mut file))
        .is_ok_and(|format| format == Some(Format::Parquet))
}

/// Whether a listing would take a path for a pattern.
fn looks_like_a_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

async fn listing(
    state: &SessionState,
    paths: &[PathBuf],
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let failed = |error| QueryError::of(error, "");
    let mut urls = Vec::new();
    for path in paths {
        let path = path
            .canonicalize()
            .map_err(|error| QueryError::Failed(format!("{}: {error}", path.display())))?;
        urls.push(ListingTableUrl::parse(path.to_string_lossy()).map_err(failed)?);
    }
    let format = ParquetFormat::default().with_options(state.table_options().parquet.clone());
    let format = format.with_skip_metadata(false);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension("");
    // What the engine would do is to take what it can of the others, and say nothing.
    let mut first: Option<SchemaRef> = None;
    let several = if urls.len() > 1 { &urls[..] } else { &[] };
    for (url, path) in several.iter().zip(paths) {
        let own = options.infer_schema(state, url).await.map_err(failed)?;
        match &first {
            None => first = Some(own),
            Some(first) => check_same(first, &own, path, false)?,
        }
    }
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .infer_schema(state)
        .await
        .map_err(failed)?;
    let config = match &config.file_schema {
        Some(schema) => {
            let schema = with_addresses(schema);
            config.with_schema(schema)
        }
        None => config,
    };
    let table = ListingTable::try_new(config).map_err(failed)?;
    Ok(Arc::new(table))
}

/// Says what is different about the columns of a further file, and about their order where that
/// counts: columns of Parquet are found by their names.
fn check_same(
    first: &Schema,
    other: &Schema,
    path: &Path,
    in_order: bool,
) -> Result<(), QueryError> {
    let named = |schema: &Schema| -> Vec<(String, String)> {
        let fields = schema.fields().iter();
        fields
            .map(|f| (f.name().clone(), f.data_type().to_string()))
            .collect()
    };
    let (first, other) = (named(first), named(other));
    let different = first.iter().find(|column| !other.contains(column));
    let different = different.or_else(|| other.iter().find(|column| !first.contains(column)));
    if first == other || different.is_none() && !in_order {
        return Ok(());
    }
    let what = match different {
        Some((name, data_type)) => format!("'{name}' of type {data_type} is in one of them only"),
        None => "they stand in another order".to_owned(),
    };
    Err(QueryError::query(format!(
        "{}: its columns are not those of the file before: {what}",
        path.display()
    ))
    .hint("give it another name to make it a table of its own: other=FILE"))
}

/// Columns that are called as netloom calls addresses are addresses.
pub(crate) fn with_addresses(schema: &SchemaRef) -> SchemaRef {
    static NAMES: LazyLock<HashSet<(&str, &str)>> = LazyLock::new(|| {
        netloom_tables::tables()
            .iter()
            .flat_map(|table| &table.columns)
            .filter(|column| !column.address.is_empty())
            .map(|column| (column.name, column.address))
            .collect()
    });
    let field = |field: &Arc<Field>| {
        let kind = NAMES.iter().find(|(name, _)| name == field.name());
        match kind {
            Some((_, kind)) if is_text(field.data_type()) => {
                let mut metadata = field.metadata().clone();
                metadata.insert(METADATA.to_owned(), (*kind).to_owned());
                Arc::new(Field::clone(field).with_metadata(metadata))
            }
            _ => Arc::clone(field),
        }
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
