//! Conditions in SQL over the columns of a table.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::prelude::{SessionConfig, SessionContext};
use netloom_tables::{RecordBatch, SchemaRef};

use crate::functions;

/// Why a condition cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// It is not SQL, or names what is not there.
    #[error("{}", in_words(.0))]
    Sql(#[source] Box<DataFusionError>),
    /// It is SQL, but says neither yes nor no.
    #[error("it gives {found}, but must be true or false")]
    NotBoolean {
        /// The type of its value.
        found: String,
    },
}

impl From<DataFusionError> for ConditionError {
    fn from(error: DataFusionError) -> Self {
        Self::Sql(Box::new(error))
    }
}

/// What may stand after `WHERE`, ready to be asked of rows. The functions for traffic are known.
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
/// assert_eq!(condition.of(&rows)?, [true, false, true]);
/// assert_eq!(condition.columns(), ["host", "port"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Condition {
    expression: Arc<dyn PhysicalExpr>,
}

impl Condition {
    /// A condition over these columns.
    ///
    /// # Errors
    ///
    /// If it is no SQL, names a column or function that is not there, or is neither true nor false.
    pub fn new(schema: &SchemaRef, sql: &str) -> Result<Self, ConditionError> {
        // A name is a column as it stands, small and capital letters alike.
        let config = SessionConfig::new()
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false);
        let context = SessionContext::new_with_config(config);
        for function in functions::all() {
            context.register_udf(function.as_ref().clone());
        }
        let columns = DFSchema::try_from(Arc::clone(schema))?;
        let expression = context.parse_sql_expr(sql, &columns)?;
        let expression = context.create_physical_expr(expression, &columns)?;
        match expression.data_type(schema)? {
            DataType::Boolean => Ok(Self { expression }),
            other => Err(ConditionError::NotBoolean {
                found: other.to_string(),
            }),
        }
    }

    /// Whether it holds for each row. Where SQL knows neither yes nor no (a value is missing), it
    /// does not hold.
    ///
    /// # Errors
    ///
    /// If its value cannot be worked out, as in a division by zero.
    pub fn of(&self, rows: &RecordBatch) -> Result<Vec<bool>, ConditionError> {
        let values = self
            .expression
            .evaluate(rows)?
            .into_array(rows.num_rows())?;
        let values = values.as_boolean();
        Ok((0..values.len())
            .map(|row| values.is_valid(row) && values.value(row))
            .collect())
    }

    /// The columns that it looks at, sorted.
    pub fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = collect_columns(&self.expression)
            .into_iter()
            .map(|column| column.name().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The message without the names of DataFusion's stages, and without its lists of all columns.
fn in_words(error: &DataFusionError) -> String {
    let words = error.strip_backtrace();
    let mut words = words.as_str();
    for stage in [
        "SQL error: ",
        "Schema error: ",
        "Error during planning: ",
        "type_coercion\ncaused by\n",
    ] {
        words = words.strip_prefix(stage).unwrap_or(words);
    }
    for more in [
        "Valid fields are",
        "Column names are case sensitive",
        "Did you mean",
    ] {
        words = words.split(more).next().unwrap_or(words);
    }
    words.trim_end_matches(['.', ' ', '\n']).to_owned()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn rows() -> RecordBatch {
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
    fn what_holds() {
        let rows = rows();
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
            // A number beside one of another kind.
            ("bytes = 1.0", [true, false, false]),
        ] {
            let condition = Condition::new(&rows.schema(), sql).unwrap();
            assert_eq!(condition.of(&rows).unwrap(), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_no_condition() {
        let rows = rows();
        for (sql, words) in [
            ("bytes >", "expected"),
            ("byte > 1", "byte"),
            ("bytes + 1", "true or false"),
            ("no_function(bytes)", "no_function"),
            ("SELECT 1", "expected"),
            ("(SELECT true)", ""),
        ] {
            let error = Condition::new(&rows.schema(), sql).unwrap_err().to_string();
            assert!(
                error.to_lowercase().contains(words) && !error.contains("Valid fields"),
                "{sql}: {error}"
            );
        }
    }
}
