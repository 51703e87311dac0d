//! The leaf of a physical plan that reads captures.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr};
use futures::StreamExt;
use futures::stream;
use netloom_pipeline::scan::{RowFilter, TableRequest};
use netloom_tables::TableName;

use super::Captures;
use super::pass::Pass;

/// Rows of a table of captures.
#[derive(Clone)]
pub(super) struct CaptureSource {
    pub(super) captures: Arc<Captures>,
    runtime: Arc<RuntimeEnv>,
    table: TableName,
    schema: TableSchema,
    projection: SplitProjection,
    filter: RowFilter,
    /// The filter as it stood in the query.
    shown_filter: String,
    metrics: ExecutionPlanMetricsSet,
    /// The pass that it shares with others, and its place there.
    shared: Option<(Arc<Pass>, usize)>,
}

impl CaptureSource {
    pub(super) fn new(
        captures: Arc<Captures>,
        runtime: Arc<RuntimeEnv>,
        table: TableName,
        schema: &SchemaRef,
        (filter, shown_filter): (RowFilter, String),
    ) -> Self {
        let schema = TableSchema::from(Arc::clone(schema));
        Self {
            captures,
            runtime,
            table,
            projection: SplitProjection::unprojected(&schema),
            schema,
            filter,
            shown_filter,
            metrics: ExecutionPlanMetricsSet::new(),
            shared: None,
        }
    }

    /// The columns it decodes, by name.
    fn columns(&self) -> Vec<&str> {
        let fields = self.schema.file_schema().fields();
        let chosen = self.projection.file_indices.iter();
        chosen
            .filter_map(|&index| Some(fields.get(index)?.name().as_str()))
            .collect()
    }

    /// What is asked of the scan.
    pub(super) fn request(&self, limit: Option<usize>) -> Result<TableRequest> {
        let request = TableRequest::named(self.table, &self.columns())
            .map_err(|error| DataFusionError::External(Box::new(error)))?
            .filter(self.filter.clone());
        Ok(match limit {
            Some(limit) => request.limit(limit as u64),
            None => request,
        })
    }

    /// A pass for these requests.
    pub(super) fn pass(&self, requests: Vec<TableRequest>) -> Arc<Pass> {
        Arc::new(Pass::new(
            Arc::clone(&self.captures),
            Arc::clone(&self.runtime),
            requests,
        ))
    }

    /// The same, as one of those who share a pass.
    pub(super) fn sharing(&self, pass: Arc<Pass>, place: usize) -> Self {
        Self {
            shared: Some((pass, place)),
            ..self.clone()
        }
    }
}

impl FileSource for CaptureSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        if partition > 0 {
            return exec_err!("captures are one partition, not {}", partition + 1);
        }
        let opener = CaptureOpener {
            source: self.clone(),
            limit: config.limit,
            opened: AtomicBool::new(false),
        };
        ProjectionOpener::try_new(
            self.projection.clone(),
            Arc::new(opener),
            self.schema.file_schema(),
        )
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    /// Batches are as large as the scan makes them.
    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }

    /// What the decoder can do was told it by the logical plan.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let none = vec![PushedDown::No; filters.len()];
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(none))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "capture"
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns().join(", ");
        let shared = self.shared.as_ref().map(|(pass, _)| pass.len());
        let shared = shared.filter(|&tables| tables > 1);
        if matches!(kind, DisplayFormatType::TreeRender) {
            writeln!(f, "table={}", self.table)?;
            writeln!(f, "decodes={columns}")?;
            if !self.shown_filter.is_empty() {
                writeln!(f, "only={}", self.shown_filter)?;
            }
            return Ok(());
        }
        write!(f, ", table={}, decodes=[{columns}]", self.table)?;
        if !self.shown_filter.is_empty() {
            write!(f, ", only=[{}]", self.shown_filter)?;
        }
        if let Some(tables) = shared {
            write!(f, ", one pass for {tables} scans")?;
        }
        Ok(())
    }

    /// Captures together are one stream: they are not split up.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn repartitioned(
        &self,
        _: usize,
        _: usize,
        _: Option<LexOrdering>,
        _: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Opens a group of files: the first one that is opened stands for all of them, the others have
/// no rows of their own.
struct CaptureOpener {
    source: CaptureSource,
    limit: Option<usize>,
    opened: AtomicBool,
}

impl FileOpener for CaptureOpener {
    fn open(&self, _: PartitionedFile) -> Result<FileOpenFuture> {
        if self.opened.swap(true, Ordering::Relaxed) {
            return Ok(Box::pin(async { Ok(stream::empty().boxed()) }));
        }
        let shared = self.source.shared.as_ref();
        let seat = shared.and_then(|(pass, place)| pass.take_seat(*place));
        let seat = if let Some(seat) = seat {
            seat
        } else {
            // Alone, or run a second time.
            let request = self.source.request(self.limit)?;
            let pass = self.source.pass(vec![request]);
            let Some(seat) = pass.take_seat(0) else {
                return exec_err!("a pass has no seat");
            };
            seat
        };
        Ok(Box::pin(async { Ok(seat.boxed()) }))
    }
}
