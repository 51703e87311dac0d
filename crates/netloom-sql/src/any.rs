//! `= ANY (SELECT …)` and `>= ALL (SELECT …)` of the table that is asked itself.
//!
//! The engine turns them into joins on the names of the columns of both sides. Where both sides
//! are columns of one table, called the same, it takes them for one column and the comparison for
//! one of it with itself: `number = ANY (SELECT number FROM packets WHERE number < 10)` was true of
//! all packets. So the rows of such a query get a name that no table has.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(crate) struct NameComparedRows;

impl AnalyzerRule for NameComparedRows {
    fn name(&self) -> &'static str {
        "name_compared_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut named = 0;
        plan.transform_up_with_subqueries(|plan| {
            plan.map_expressions(|expr| expr.transform_up(|expr| rename(expr, &mut named)))
        })
        .map(|plan| plan.data)
    }
}

fn rename(expr: Expr, named: &mut usize) -> Result<Transformed<Expr>> {
    let Expr::SetComparison(mut comparison) = expr else {
        return Ok(Transformed::no(expr));
    };
    *named += 1;
    let plan = LogicalPlanBuilder::from(Arc::clone(&comparison.subquery.subquery))
        .alias(format!("__compared_{named}"))?
        .build()?;
    comparison.subquery = comparison.subquery.with_plan(Arc::new(plan));
    Ok(Transformed::yes(Expr::SetComparison(comparison)))
}
