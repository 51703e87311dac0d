//! What can be wrong with data, parameters and model files.

/// Why a table cannot be learned from, or a model cannot tell anything of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to learn from.
    #[error("there are no rows to learn from")]
    NoRows,
    /// All columns were left out, or there were none.
    #[error("there are no columns to learn from")]
    NoColumns,
    /// The table does not say what is to be learned.
    #[error("the table has no column to learn: name it with --label")]
    NoTarget,
    /// Classes were wanted and there are numbers, or the other way round.
    #[error("the table has no {wanted} to learn")]
    TargetKind {
        /// What was wanted.
        wanted: &'static str,
    },
    /// A number to learn is missing or infinite.
    #[error("the number to learn in row {row} is not finite")]
    TargetNotFinite {
        /// The row, from 0.
        row: usize,
    },
    /// A weight makes no sense.
    #[error("the weight of row {row} is {weight}, but must be 0 or more")]
    Weight {
        /// The row, from 0.
        row: usize,
        /// The weight.
        weight: f64,
    },
    /// All weights are 0.
    #[error("no row counts: all weights are 0")]
    NoWeight,
    /// Two columns have the same name.
    #[error("two columns are called `{column}`")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
    /// Columns, classes and so on must be as many as rows.
    #[error("{length} values of {what}, but {rows} rows")]
    Length {
        /// What differs.
        what: String,
        /// Its length.
        length: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// A table is larger than row numbers reach.
    #[error("{rows} rows are too many: at most 4,294,967,295")]
    TooManyRows {
        /// Rows of the table.
        rows: usize,
    },
    /// Columns that are needed are not there.
    #[error("the table lacks {}", columns_in_words(columns))]
    MissingColumns {
        /// Their names.
        columns: Vec<String>,
    },
    /// A column has another type than the model learned.
    #[error("column `{column}` holds {found}, but the model learned {wanted}")]
    ColumnKind {
        /// The column.
        column: String,
        /// What it holds.
        found: &'static str,
        /// What the model learned.
        wanted: &'static str,
    },
    /// A column's values cannot be used as asked.
    #[error("column `{column}`: {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter makes no sense.
    #[error("{name} is {value}, but must be {must}")]
    Parameter {
        /// The parameter, as scikit-learn names it.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        must: &'static str,
    },
    /// There is no such parameter, or it takes no such value.
    #[error("{name} = {value}: {reason}")]
    UnknownParameter {
        /// What was named.
        name: String,
        /// The value that it was to have.
        value: String,
        /// What there is instead.
        reason: String,
    },
    /// A class that a model has not learned cannot be added to it.
    #[error("the model has not learned class `{class}` and cannot go on with it: train it anew")]
    NewClass {
        /// The class.
        class: String,
    },
    /// A model of another program cannot be computed.
    #[error("the ONNX model fails at {node}: {reason}")]
    Onnx {
        /// The node.
        node: String,
        /// What is wrong there.
        reason: String,
    },
    /// There is no such model.
    #[error("there is no model `{name}`; there are: {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

impl Error {
    pub(crate) fn parameter(
        name: &'static str,
        value: &dyn std::fmt::Display,
        must: &'static str,
    ) -> Self {
        Self::Parameter {
            name,
            value: value.to_string(),
            must,
        }
    }
}

/// `column `a`` or `columns `a`, `b` and 3 more`.
fn columns_in_words(columns: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = columns
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let word = if columns.len() == 1 {
        "column"
    } else {
        "columns"
    };
    match columns.len().saturating_sub(SHOWN) {
        0 => format!("{word} {}", shown.join(", ")),
        more => format!("{word} {} and {more} more", shown.join(", ")),
    }
}
