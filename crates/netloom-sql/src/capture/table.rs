//! A table of captures as the planner sees it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use netloom_tables::{ColumnDef, Schema, TableName};

use super::source::CaptureSource;
use super::{Captures, filter};

/// A table of captures.
#[derive(Debug)]
pub(crate) struct CaptureTable {
    captures: Arc<Captures>,
    table: TableName,
    schema: SchemaRef,
}

impl CaptureTable {
    pub(crate) fn new(captures: Arc<Captures>, table: TableName) -> Self {
        let fields: Vec<_> = table
            .definition()
            .columns
            .iter()
            .map(ColumnDef::field)
            .collect();
        Self {
            captures,
            table,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// Which table it is.
    pub(crate) fn name(&self) -> TableName {
        self.table
    }
}

#[async_trait]
impl TableProvider for CaptureTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // A filter of the scan is exact: what it takes over need not be looked at again.
        let how = |filter: &&Expr| match filter::term(self.table, filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(how).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = CaptureSource::new(
            Arc::clone(&self.captures),
            Arc::clone(state.runtime_env()),
            self.table,
            &self.schema,
            filter::of(self.table, filters),
        );
        let files: Vec<_> = self.captures.files().iter().map(file).collect();
        let bytes = files.iter().map(|file| file.object_meta.size).sum();
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
                .with_file_group(FileGroup::new(files))
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .with_statistics(guess(self.table, &self.schema, bytes))
                // The files are a stream in the order of time, and stay where they are.
                .with_preserve_order(true)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// A file of the plan. Its place in a store is for showing and sending; what is opened is the
/// path.
fn file(path: &std::path::PathBuf) -> PartitionedFile {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    PartitionedFile::new(path.to_string_lossy(), bytes).with_extension(path.clone())
}

/// About how many rows there are, for the planner to choose which side of a join is kept in
/// memory: only which table is larger matters.
fn guess(table: TableName, schema: &Schema, bytes: u64) -> Statistics {
    let (bytes_a_row, size_of_row) = match table {
        TableName::Packets => (500, 100),
        TableName::Anomalies | TableName::Messages => (10_000, 100),
        TableName::Flows => (20_000, 500),
        TableName::Dns | TableName::Tls | TableName::Http => (50_000, 300),
        _ => (1_000_000, 300),
    };
    let rows = usize::try_from(bytes / bytes_a_row)
        .unwrap_or(usize::MAX)
        .max(1);
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = Precision::Inexact(rows);
    statistics.total_byte_size = Precision::Inexact(rows.saturating_mul(size_of_row));
    statistics
}
