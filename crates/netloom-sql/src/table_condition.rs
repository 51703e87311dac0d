//! Conditions on the rows of one table: what `WHERE` takes, without the rest of a query.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_expr::PhysicalExpr;
use netloom_pipeline::PipelineOptions;
use netloom_pipeline::flow::FlowConfig;
use netloom_pipeline::scan::{RowFilter, ScanOptions};
use netloom_tables::{ColumnDef, Schema, TableName};

use crate::capture::{CaptureTable, Captures, OpenError, filter};
use crate::error::QueryError;
use crate::session::{Session, SessionOptions};

/// Which rows of a table are wanted, in SQL: `fwd_bytes > 1000 AND in_subnet(src_ip, '10.0.0.0/8')`.
///
/// What of it the scan can do before rows are made is [its filter](Self::filter); the rest looks
/// at rows. All functions of [`Session`] are there; addresses compare as addresses.
///
/// ```
/// use netloom_sql::TableCondition;
/// use netloom_tables::TableName;
///
/// let condition = TableCondition::parse(TableName::Packets, "dst_port = 53 AND ttl < 64")?;
/// // The port is the scan's; what is left is about one column.
/// assert_eq!(condition.columns(), ["ttl"]);
/// # Ok::<(), netloom_sql::QueryError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TableCondition {
    filter: RowFilter,
    columns: Vec<String>,
    rest: Option<Arc<dyn PhysicalExpr>>,
    text: String,
}

impl TableCondition {
    /// The condition that a text is.
    ///
    /// # Errors
    ///
    /// When it is no condition, names what is not there, or asks for more than a row at a time.
    pub fn parse(table: TableName, text: &str) -> Result<Self, QueryError> {
        let session = Session::new(&SessionOptions::default())?;
        Self::of(&session, table, text).map_err(|error| QueryError::of(error, text))
    }

    fn of(session: &Session, table: TableName, text: &str) -> Result<Self> {
        let state = session.state();
        let nothing = |_: &[std::path::PathBuf]| Err(OpenError::from("nothing is read here"));
        let options = ScanOptions::new(PipelineOptions::new(FlowConfig::default()));
        let captures = Arc::new(Captures::new(Vec::new(), nothing, options));
        let source = provider_as_source(Arc::new(CaptureTable::new(captures, table)));
        let all = LogicalPlanBuilder::scan(table.name(), source, None)?;
        let condition = state.create_logical_expr(text, all.schema())?;
        if condition.exists(|expr| Ok(looks_beyond(expr)))? {
            return plan_err!(
                "a condition looks at one row at a time: no SELECT, sums or windows in it"
            );
        }
        let plan = state.optimize(&all.filter(condition)?.build()?)?;
        let (mut taken, mut rest, mut never) = (Vec::new(), Vec::new(), false);
        plan.apply(|node| {
            match node {
                LogicalPlan::Filter(filter) => rest.push(filter.predicate.clone()),
                LogicalPlan::TableScan(scan) => taken.extend(scan.filters.iter().cloned()),
                LogicalPlan::EmptyRelation(_) => never = true,
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if never {
            rest = vec![lit(false)];
        }
        let (filter, _) = filter::of(table, &taken);
        let rest = conjunction(rest);
        let named = rest.as_ref().map(Expr::column_refs).unwrap_or_default();
        let columns: Vec<&ColumnDef> = (table.definition().columns.iter())
            .filter(|def| named.iter().any(|column| column.name == def.name))
            .collect();
        let fields: Vec<_> = columns.iter().map(|def| def.field()).collect();
        let schema = DFSchema::try_from_qualified_schema(table.name(), &Schema::new(fields))?;
        let rest = rest
            .map(|rest| state.create_physical_expr(rest, &schema))
            .transpose()?;
        Ok(Self {
            filter,
            columns: columns.iter().map(|def| def.name.to_owned()).collect(),
            rest,
            text: text.to_owned(),
        })
    }

    /// What of it the scan can do.
    pub fn filter(&self) -> &RowFilter {
        &self.filter
    }

    /// The columns that it looks at where the scan has done its part, in the order in which
    /// [`holds`](Self::holds) wants them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// For which rows it holds, of those that the scan's part let through; null where it is not
    /// known, which is no.
    ///
    /// # Errors
    ///
    /// When it cannot be told, as where a number is divided by zero.
    pub fn holds(&self, rows: &RecordBatch) -> Result<BooleanArray, QueryError> {
        let Some(rest) = &self.rest else {
            return Ok(BooleanArray::from(vec![true; rows.num_rows()]));
        };
        let holds = rest
            .evaluate(rows)
            .and_then(|value| value.into_array(rows.num_rows()))
            .map_err(|error| QueryError::of(error, &self.text))?;
        let holds = holds.as_any().downcast_ref::<BooleanArray>().cloned();
        holds.ok_or_else(|| QueryError::Failed("a condition is neither true nor false".to_owned()))
    }
}

/// Whether a part of a condition needs more than the row at hand.
fn looks_beyond(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::ScalarSubquery(_)
            | Expr::SetComparison(_)
    )
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringArray, UInt8Array};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn parse(text: &str) -> TableCondition {
        TableCondition::parse(TableName::Packets, text).unwrap()
    }

    fn rows(condition: &TableCondition, arrays: Vec<ArrayRef>) -> Vec<Option<bool>> {
        let defs = &TableName::Packets.definition().columns;
        let fields: Vec<Field> = (condition.columns().iter())
            .map(|name| defs.iter().find(|def| def.name == name).unwrap().field())
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        condition.holds(&batch).unwrap().iter().collect()
    }

    #[test]
    fn the_scan_does_what_it_can() {
        let condition = parse("src_port = 53 OR src_port = 5353");
        assert!(condition.columns().is_empty());
        assert_ne!(*condition.filter(), RowFilter::all());
        let condition = parse("src_port = 53 AND ttl > 10");
        assert_eq!(condition.columns(), ["ttl"]);
        let ttl: ArrayRef = Arc::new(UInt8Array::from(vec![Some(9), Some(11), None]));
        assert_eq!(rows(&condition, vec![ttl]), [Some(false), Some(true), None]);
        let condition = parse("1 = 2");
        assert_eq!(condition.holds(&batch_of(2)).unwrap().true_count(), 0);
        let condition = parse("1 = 1");
        assert_eq!(condition.holds(&batch_of(2)).unwrap().true_count(), 2);
    }

    /// Rows without a column.
    fn batch_of(rows: usize) -> RecordBatch {
        let options =
            datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).unwrap()
    }

    #[test]
    fn texts_functions_and_addresses() {
        let condition = parse("server_name LIKE '%.example' AND src_ip > '9.0.0.0'");
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a.example"), Some("b"), None]));
        assert_eq!(condition.columns(), ["server_name"]);
        assert_eq!(
            rows(&condition, vec![names]),
            [Some(true), Some(false), None]
        );
        let condition = parse("is_private(src_ip) OR in_subnet(dst_ip, '10.0.0.0/8')");
        assert_eq!(condition.columns(), ["src_ip", "dst_ip"]);
        let src: ArrayRef = Arc::new(StringArray::from(vec!["8.8.8.8", "192.168.0.1", "8.8.8.8"]));
        let dst: ArrayRef = Arc::new(StringArray::from(vec!["10.1.2.3", "9.9.9.9", "9.9.9.9"]));
        assert_eq!(
            rows(&condition, vec![src, dst]),
            [Some(true), Some(true), Some(false)]
        );
    }

    #[test]
    fn what_is_no_condition() {
        for (text, said) in [
            ("", "expected"),
            ("ttl", "boolean"),
            ("ttl > 1; DROP TABLE packets", "end of expression"),
            ("ttl > 1) OR (1 = 1", "end of expression"),
            ("ttk > 1", "there is no column 'ttk'"),
            ("count(*) > 1", "one row at a time"),
            ("src_ip > 'nonsense'", "nonsense"),
            ("ttl IN (SELECT 1)", "one row at a time"),
            ("(SELECT 1) = ttl", "one row at a time"),
        ] {
            let error = TableCondition::parse(TableName::Packets, text).unwrap_err();
            let shown = error.to_string().to_lowercase();
            assert!(shown.contains(said), "{text}: {shown}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        let condition = parse("1 / (ttl - 64) > 0");
        let defs = &TableName::Packets.definition().columns;
        let field = defs.iter().find(|def| def.name == "ttl").unwrap().field();
        let ttl: ArrayRef = Arc::new(UInt8Array::from(vec![64]));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![ttl]).unwrap();
        assert!(condition.holds(&batch).is_err());
    }
}
