//! Conditions on rows: what `WHERE` takes, without the rest of a query.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::datasource::{MemTable, TableProvider, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, ExprSchemable as _, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::ExprWithAlias;
use netloom_pipeline::PipelineOptions;
use netloom_pipeline::flow::FlowConfig;
use netloom_pipeline::scan::{RowFilter, ScanOptions};
use netloom_tables::{Schema, SchemaRef, TableName};

use crate::capture::{CaptureTable, Captures, OpenError, filter};
use crate::deep;
use crate::error::QueryError;
use crate::files::with_addresses;
use crate::session::{Session, SessionOptions};

/// Which rows are wanted, in SQL: `fwd_bytes > 1000 AND in_subnet(src_ip, '10.0.0.0/8')`.
///
/// It is about one of netloom's tables ([`of_table`](Self::of_table)), or about rows of any
/// columns ([`new`](Self::new)). What of it a scan can do before rows are made is [its
/// filter](Self::filter); the rest looks at rows. All functions of [`Session`] are there;
/// addresses compare as addresses.
///
/// ```
/// use netloom_sql::Condition;
/// use netloom_tables::TableName;
///
/// let condition = Condition::of_table(TableName::Packets, "dst_port = 53 AND ttl < 64")?;
/// // The port is the scan's; what is left is about one column.
/// assert_eq!(condition.columns(), ["ttl"]);
/// # Ok::<(), netloom_sql::QueryError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Condition {
    filter: RowFilter,
    columns: Vec<String>,
    rest: Option<Arc<dyn PhysicalExpr>>,
    text: String,
}

impl Condition {
    /// A condition on the rows of a table.
    ///
    /// # Errors
    ///
    /// When it is no condition, names what is not there, or asks for more than a row at a time.
    pub fn of_table(table: TableName, text: &str) -> Result<Self, QueryError> {
        let nothing = |_: &[std::path::PathBuf]| Err(OpenError::from("nothing is read here"));
        let options = ScanOptions::new(PipelineOptions::new(FlowConfig::default()));
        let captures = Arc::new(Captures::new(Vec::new(), nothing, options));
        let source = Arc::new(CaptureTable::new(captures, table));
        let session = Session::new(&SessionOptions::default())?;
        let (state, text) = (session.state(), text.to_owned());
        session.plan(move || {
            let (condition, taken) = Self::of(&state, table.name(), source, &text)?;
            Ok(Self {
                filter: filter::of(table, &taken).0,
                ..condition
            })
        })
    }

    /// A condition on rows of these columns. A name is a column as it stands, small and capital
    /// letters alike; columns that are called as netloom calls addresses are addresses.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    /// use netloom_sql::Condition;
    /// use netloom_tables::RecordBatch;
    ///
    /// let rows = RecordBatch::try_from_iter([
    ///     ("port", Arc::new(Int64Array::from(vec![Some(22), Some(80), None])) as ArrayRef),
    ///     ("host", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    /// ])?;
    /// let condition = Condition::new(&rows.schema(), "port < 50 OR host = 'c'")?;
    /// assert_eq!(condition.among(&rows)?, [true, false, true]);
    /// assert_eq!(condition.columns(), ["port", "host"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`of_table`](Self::of_table).
    pub fn new(columns: &SchemaRef, text: &str) -> Result<Self, QueryError> {
        let session = Session::new(&SessionOptions::default())?;
        let mut state = session.state();
        let options = state.config_mut().options_mut();
        options.sql_parser.enable_ident_normalization = false;
        let (columns, text) = (with_addresses(columns), text.to_owned());
        session.plan(move || {
            let source = MemTable::try_new(columns, vec![Vec::new()])
                .map_err(|error| QueryError::of(error, &text))?;
            let (condition, _) = Self::of(&state, "rows", Arc::new(source), &text)?;
            Ok(condition)
        })
    }

    /// What is left to do for rows, and what their source does before.
    fn of(
        state: &SessionState,
        name: &str,
        source: Arc<dyn TableProvider>,
        text: &str,
    ) -> Result<(Self, Vec<Expr>), QueryError> {
        let failed = |error| QueryError::of(error, text);
        deep::check(text)?;
        let dialect = state.config().options().sql_parser.dialect;
        let parsed = state.sql_to_expr_with_alias(text, &dialect);
        let mut parsed = parsed.map_err(failed)?;
        deep::flattened(&mut parsed.expr)?;
        Self::of_parsed(state, name, source, parsed, text).map_err(failed)
    }

    fn of_parsed(
        state: &SessionState,
        name: &str,
        source: Arc<dyn TableProvider>,
        parsed: ExprWithAlias,
        text: &str,
    ) -> Result<(Self, Vec<Expr>)> {
        let columns = source.schema();
        let all = LogicalPlanBuilder::scan(name, provider_as_source(source), None)?;
        let condition = state.create_logical_expr_from_sql_expr(parsed, all.schema())?;
        if condition.exists(|expr| Ok(looks_beyond(expr)))? {
            return plan_err!(
                "a condition looks at one row at a time: no SELECT, sums or windows in it"
            );
        }
        match condition.get_type(all.schema()) {
            Ok(DataType::Boolean | DataType::Null) | Err(_) => {}
            Ok(other) => {
                let found = crate::rows::type_name(&other);
                return plan_err!("it gives {found}, but must be true or false");
            }
        }
        // Without columns of the optimizer's own, which stand for what a condition says twice.
        let rules = state.optimizers().iter();
        let rules = rules.filter(|rule| rule.name() != "common_sub_expression_eliminate");
        let state = SessionStateBuilder::new_from_existing(state.clone())
            .with_optimizer_rules(rules.cloned().collect())
            .build();
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
        // Rows are looked at where there is little stack.
        let parts = rest.into_iter().flat_map(split_conjunction_owned);
        let rest = deep::balanced(parts.collect(), Expr::and);
        let named = rest.as_ref().map(Expr::column_refs).unwrap_or_default();
        let fields: Vec<_> = (columns.fields().iter())
            .filter(|field| named.iter().any(|column| column.name == *field.name()))
            .cloned()
            .collect();
        let columns = fields.iter().map(|field| field.name().clone()).collect();
        let schema = DFSchema::try_from_qualified_schema(name, &Schema::new(fields))?;
        let rest = rest
            .map(|rest| state.create_physical_expr(rest, &schema))
            .transpose()?;
        let condition = Self {
            filter: RowFilter::all(),
            columns,
            rest,
            text: text.to_owned(),
        };
        Ok((condition, taken))
    }

    /// What of it a scan can do.
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

    /// For which rows it holds, of rows that may have other columns, too. Where it is not known,
    /// it does not.
    ///
    /// # Errors
    ///
    /// As for [`holds`](Self::holds), and when a column is not there.
    pub fn among(&self, rows: &RecordBatch) -> Result<Vec<bool>, QueryError> {
        let failed = |error: ArrowError| QueryError::Failed(error.to_string());
        let places = self.columns.iter().map(|name| rows.schema().index_of(name));
        let places = places.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let rows = rows.project(&places).map_err(failed)?;
        let holds = self.holds(&rows)?;
        Ok(holds.iter().map(|holds| holds == Some(true)).collect())
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
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, UInt8Array};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn parse(text: &str) -> Condition {
        Condition::of_table(TableName::Packets, text).unwrap()
    }

    fn rows(condition: &Condition, arrays: Vec<ArrayRef>) -> Vec<Option<bool>> {
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
    fn what_is_said_twice() {
        let condition = parse("src_ip BETWEEN '10.0.0.0' AND '10.0.0.9' OR ttl = 1");
        assert_eq!(condition.columns(), ["src_ip", "ttl"]);
        let src: ArrayRef = Arc::new(StringArray::from(vec!["10.0.0.10", "10.0.0.9", "9.9.9.9"]));
        let ttl: ArrayRef = Arc::new(UInt8Array::from(vec![2, 2, 1]));
        assert_eq!(
            rows(&condition, vec![src, ttl]),
            [Some(false), Some(true), Some(true)]
        );
    }

    #[test]
    fn conditions_of_thousands_of_parts() {
        let parts = |operator: &str, comparison: &str| {
            let parts: Vec<String> = (0..5000)
                .map(|n| format!("ttl + {n} {comparison} tcp_window"))
                .collect();
            parts.join(operator)
        };
        let of = |text: &str, ttl: u8, window: u16| {
            let ttl: ArrayRef = Arc::new(UInt8Array::from(vec![ttl]));
            let window: ArrayRef =
                Arc::new(datafusion::arrow::array::UInt16Array::from(vec![window]));
            let condition = parse(text);
            assert_eq!(condition.columns(), ["ttl", "tcp_window"]);
            rows(&condition, vec![ttl, window])
        };
        let any = parts(" OR ", "=");
        assert_eq!(of(&any, 10, 5009), [Some(true)]);
        assert_eq!(of(&any, 10, 5010), [Some(false)]);
    }

    #[test]
    fn what_is_no_condition() {
        for (text, said) in [
            ("", "expected"),
            ("ttl", "uint8, but must be true or false"),
            ("ttl > 1; DROP TABLE packets", "end of expression"),
            ("ttl > 1) OR (1 = 1", "end of expression"),
            ("ttk > 1", "there is no column 'ttk'"),
            ("count(*) > 1", "one row at a time"),
            ("src_ip > 'nonsense'", "nonsense"),
            ("ttl IN (SELECT 1)", "one row at a time"),
            ("(SELECT 1) = ttl", "one row at a time"),
        ] {
            let error = Condition::of_table(TableName::Packets, text).unwrap_err();
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

    fn any_rows() -> RecordBatch {
        RecordBatch::try_from_iter([
            (
                "bytes",
                Arc::new(Int64Array::from(vec![Some(1), Some(1000), None])) as ArrayRef,
            ),
            (
                "service",
                Arc::new(StringArray::from(vec![Some("dns"), None, Some("tls")])),
            ),
            (
                "Direction",
                Arc::new(StringArray::from(vec!["IN", "out", "IN"])),
            ),
            (
                "src_ip",
                Arc::new(StringArray::from(vec!["10.0.0.1", "10.9.0.1", "192.0.2.1"])),
            ),
        ])
        .unwrap()
    }

    #[test]
    fn what_holds_of_any_rows() {
        let rows = any_rows();
        for (sql, expected) in [
            ("bytes > 10", [false, true, false]),
            ("Direction = 'IN' AND ABS(bytes) > 1", [false, false, false]),
            ("UPPER(Direction) = 'OUT'", [false, true, false]),
            (
                "service IN ('dns', 'tls') AND bytes IS NULL",
                [false, false, true],
            ),
            (
                "in_subnet(src_ip, '10.0.0.0/8') AND bytes < 10",
                [true, false, false],
            ),
            ("service LIKE 'd%'", [true, false, false]),
            ("NOT (bytes > 10)", [true, false, false]),
            ("true", [true, true, true]),
            // As addresses: as texts, 192.0.2.1 would come first.
            ("src_ip < '99.0.0.0'", [true, true, false]),
            (
                "src_ip BETWEEN '10.1.0.0' AND '10.10.0.0'",
                [false, true, false],
            ),
            (
                "src_ip = '10.0.0.1' OR Direction = 'out'",
                [true, true, false],
            ),
            // A number beside one of another kind.
            ("bytes = 1.0", [true, false, false]),
        ] {
            let condition = Condition::new(&rows.schema(), sql).unwrap();
            assert_eq!(condition.among(&rows).unwrap(), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_no_condition_on_any_rows() {
        let rows = any_rows();
        for (sql, words) in [
            ("bytes >", "expected"),
            ("byte > 1", "byte"),
            ("bytes + 1", "int64, but must be true or false"),
            ("no_function(bytes)", "no_function"),
            ("SELECT 1", ""),
            ("(SELECT true)", "one row at a time"),
        ] {
            let error = Condition::new(&rows.schema(), sql).unwrap_err().to_string();
            assert!(
                error.to_lowercase().contains(words) && !error.contains("Valid fields"),
                "{sql}: {error}"
            );
        }
    }
}
