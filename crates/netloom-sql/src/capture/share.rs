//! Leaves of one plan that read the same captures get one pass.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use netloom_pipeline::scan::TableRequest;

use super::Captures;
use super::pass::Pass;
use super::source::CaptureSource;

/// The rule: the last one, when it is settled what each leaf reads.
#[derive(Debug)]
pub(crate) struct ShareCaptures;

impl PhysicalOptimizerRule for ShareCaptures {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut groups: Vec<Group> = Vec::new();
        plan.apply(|node| {
            if let Some((config, source)) = leaf(node) {
                let request = source.request(config.limit)?;
                match groups
                    .iter_mut()
                    .find(|group| group.is_of(&source.captures))
                {
                    Some(group) => group.requests.push(request),
                    None => groups.push(Group {
                        first: source.clone(),
                        requests: vec![request],
                        pass: None,
                        given: 0,
                    }),
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if groups.is_empty() {
            return Ok(plan);
        }
        plan.transform_down(|node| {
            let Some((config, source)) = leaf(&node) else {
                return Ok(Transformed::no(node));
            };
            let Some(group) = groups
                .iter_mut()
                .find(|group| group.is_of(&source.captures))
            else {
                return Ok(Transformed::no(node));
            };
            let (pass, place) = group.next();
            let source = Arc::new(source.sharing(pass, place));
            let config = FileScanConfigBuilder::from(config.clone())
                .with_source(source)
                .build();
            let node: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
            Ok(Transformed::yes(node))
        })
        .map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "share_captures"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Leaves that read the same captures.
struct Group {
    first: CaptureSource,
    requests: Vec<TableRequest>,
    pass: Option<Arc<Pass>>,
    given: usize,
}

impl Group {
    fn is_of(&self, captures: &Arc<Captures>) -> bool {
        Arc::ptr_eq(&self.first.captures, captures)
    }

    /// A place in the pass: both walks over the plan come to the leaves in the same order.
    fn next(&mut self) -> (Arc<Pass>, usize) {
        let place = self.given;
        self.given += 1;
        let (first, requests) = (&self.first, &mut self.requests);
        let pass = self
            .pass
            .get_or_insert_with(|| first.pass(std::mem::take(requests)));
        (Arc::clone(pass), place)
    }
}

fn leaf(
    node: &Arc<dyn ExecutionPlan>,
) -> Option<(
    &datafusion::datasource::physical_plan::FileScanConfig,
    &CaptureSource,
)> {
    node.downcast_ref::<DataSourceExec>()?
        .downcast_to_file_source::<CaptureSource>()
}
