//! The parts of a `UNION ALL` come one after the other.
//!
//! Rows come in the same order each time, for any number of threads: plans have one partition
//! (`target_partitions` is 1), and what would merge several of them as they come is told to take
//! them in turn.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

/// The rule: the first one, so that all others know of it.
#[derive(Debug)]
pub(crate) struct UnionInOrder;

impl PhysicalOptimizerRule for UnionInOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if node.downcast_ref::<UnionExec>().is_none() {
                return Ok(Transformed::no(node));
            }
            let node: Arc<dyn ExecutionPlan> = Arc::new(InOrder::new(node));
            Ok(Transformed::yes(node))
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "union_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rule: what is said about tables, functions and settings comes sorted; the engine keeps it in
/// no order.
#[derive(Debug)]
pub(crate) struct InformationInOrder;

impl PhysicalOptimizerRule for InformationInOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(streaming) = node.downcast_ref::<StreamingTableExec>() else {
                return Ok(Transformed::no(node));
            };
            // All rows and columns: the first few of them are those after sorting, by columns that
            // may not be asked for.
            let all = StreamingTableExec::try_new(
                Arc::clone(streaming.partition_schema()),
                streaming.partitions().clone(),
                None,
                [],
                streaming.is_infinite(),
                None,
            )?;
            // The columns of a table in the order that they have there.
            let is_place = |field: &&Arc<Field>| field.name() == "ordinal_position";
            let schema = all.schema();
            let fields = || schema.fields().iter();
            let names = fields().take_while(|field| field.name() != "column_name");
            let others = fields().skip_while(|field| field.name() != "column_name");
            let keys = (names.chain(fields().filter(is_place)).chain(others))
                .map(|field| Ok(PhysicalSortExpr::new_default(col(field.name(), &schema)?)))
                .collect::<Result<Vec<_>>>()?;
            let Some(keys) = LexOrdering::new(keys) else {
                return Ok(Transformed::no(node));
            };
            let wanted = (streaming.projected_schema().fields().iter())
                .map(|field| {
                    Ok(ProjectionExpr {
                        expr: col(field.name(), &schema)?,
                        alias: field.name().clone(),
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let sorted = SortExec::new(keys, Arc::new(all)).with_fetch(streaming.limit());
            let sorted: Arc<dyn ExecutionPlan> =
                Arc::new(ProjectionExec::try_new(wanted, Arc::new(sorted))?);
            Ok(Transformed::yes(sorted))
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "information_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// One partition out of several, one after the other.
#[derive(Debug)]
struct InOrder {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl InOrder {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self {
            input,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for InOrder {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("InOrderExec"),
        }
    }
}

impl ExecutionPlan for InOrder {
    fn name(&self) -> &'static str {
        "InOrderExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input))),
            Err(children) => internal_err!("InOrderExec has one child, not {}", children.len()),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition > 0 {
            return internal_err!("InOrderExec has one partition, not {}", partition + 1);
        }
        let input = Arc::clone(&self.input);
        let partitions = input.output_partitioning().partition_count();
        // Each part is opened when it is its turn.
        let parts = stream::iter(0..partitions)
            .map(move |part| input.execute(part, Arc::clone(&context)))
            .try_flatten();
        let schema = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            parts.boxed(),
        )))
    }
}
