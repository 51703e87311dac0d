//! The arguments of the commands that learn from labelled data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use crate::data::LabelFrom;
use crate::units;

/// How DATA is read, and which of its columns are learned from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What DATA is")]
pub(crate) struct DataOptions {
    /// Flows are learned from one by one, or summed up per host, pair of hosts, or service
    #[arg(long, value_enum, value_name = "PER")]
    pub(crate) per: Option<PerOption>,
    /// With --per host, pair or service: flows of this long are summed up
    #[arg(long, default_value = "60s", value_parser = units::duration, value_name = "DURATION")]
    pub(crate) window: i64,
    /// The column that says when a row was [default: one with a usual name]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// The only columns to learn from; with a model of another program (ONNX) those it takes, in order
    #[arg(long, value_delimiter = ',', value_name = "a,b,c")]
    pub(crate) columns: Vec<String>,
    /// Columns to learn from though they identify a host, flow or time
    #[arg(long, value_delimiter = ',', value_name = "a,b,c")]
    pub(crate) include: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_delimiter = ',', value_name = "a,b,c")]
    pub(crate) exclude: Vec<String>,
    /// Tables as CSV begin with rows, not with the names of their columns
    #[arg(long)]
    pub(crate) no_header: bool,
    /// What separates the cells of a CSV [default: as its first line looks]
    #[arg(long, value_parser = delimiter, value_name = "CHAR")]
    pub(crate) delimiter: Option<u8>,
    /// Further words that mean a missing value (?, NA, NaN and others do)
    #[arg(long, value_delimiter = ',', value_name = "a,b,c")]
    pub(crate) missing: Vec<String>,
}

/// Whose flows a row is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PerOption {
    /// A row is a flow
    Flow,
    /// All flows of an address
    Host,
    /// The flows from one address to another
    Pair,
    /// The flows to a server's address and port
    Service,
}

impl PerOption {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Host => "host",
            Self::Pair => "pair",
            Self::Service => "service",
        }
    }
}

/// Learns to tell the classes of labelled data, and says what the model is worth
///
/// DATA is a capture (its flows are learned from), or a table: CSV, JSON lines, JSON, Parquet or
/// Arrow. Addresses, names, ports and times are left out unless --include asks for them. What the
/// model is tested on it has not seen: rows that come later, or of other groups.
#[derive(Debug, Args)]
pub(crate) struct TrainOptions {
    /// Captures or tables; several, a glob, or a folder
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// The column to learn to tell
    #[arg(long, value_name = "COLUMN", required_unless_present_any = ["label_from", "update"])]
    pub(crate) label: Option<String>,
    /// Labels are the names of the files: folder, file, or path (the folders if they differ); or
    /// from a file of rules: a CSV with the columns `label` and `where`, a condition in SQL
    #[arg(long, value_parser = LabelFrom::parse, value_name = "path|folder|file|RULES.csv")]
    pub(crate) label_from: Option<LabelFrom>,
    /// Where the model is written
    #[arg(short, long, value_name = "MODEL.netloom", required_unless_present_any = ["report", "json"])]
    pub(crate) output: Option<PathBuf>,
    /// Write the model card as a page
    #[arg(long, value_name = "OUT.html")]
    pub(crate) report: Option<PathBuf>,
    /// Write the model card as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,

    /// The algorithm; auto compares a few and keeps the best, for --param time_budget=SECONDS
    #[arg(
        long,
        default_value = "random-forest",
        value_name = "MODEL",
        help_heading = "How it learns"
    )]
    pub(crate) model: String,
    /// A parameter of it, as scikit-learn names it (repeatable): --param n_estimators=300
    #[arg(long = "param", value_parser = parameter, value_name = "NAME=VALUE", help_heading = "How it learns")]
    pub(crate) parameters: Vec<(String, String)>,
    /// Correct the probabilities on rows that are held out
    #[arg(
        long,
        value_enum,
        value_name = "METHOD",
        help_heading = "How it learns"
    )]
    pub(crate) calibrate: Option<CalibrateOption>,
    /// Where all chance comes from: the same data, options and seed give the same model
    #[arg(
        long,
        default_value_t = 0,
        value_name = "N",
        help_heading = "How it learns"
    )]
    pub(crate) seed: u64,
    /// Learn from all rows after the test
    #[arg(long, help_heading = "How it learns")]
    pub(crate) refit: bool,
    /// Continue a model with DATA; it is written to -o if it is not worse
    #[arg(long, value_name = "MODEL", help_heading = "How it learns", conflicts_with_all = ["model", "parameters", "folds"])]
    pub(crate) update: Option<PathBuf>,
    /// With --update: take it though it is worse
    #[arg(long, requires = "update", help_heading = "How it learns")]
    pub(crate) force: bool,
    /// Rows that the model keeps of what it learned from, to be continued with; 0 keeps none
    #[arg(
        long,
        default_value_t = 5000,
        value_name = "N",
        help_heading = "How it learns"
    )]
    pub(crate) keep: usize,

    #[command(flatten)]
    pub(crate) split: SplitOptions,
    #[command(flatten)]
    pub(crate) detector: DetectorOptions,
    #[command(flatten)]
    pub(crate) reading: DataOptions,
}

/// What is tested on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What it is tested on")]
pub(crate) struct SplitOptions {
    /// What decides which rows are learned from and which are tested on: time, group:COLUMN (also
    /// several, with commas), or random [default: time, if a column says when rows were]
    #[arg(long, value_parser = split, value_name = "time|group:COLUMN|random")]
    pub(crate) split: Option<SplitOption>,
    /// Share of the rows to test on
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub(crate) test: f64,
    /// Other data to test on
    #[arg(long, value_name = "DATA", conflicts_with_all = ["split", "folds", "stratify"])]
    pub(crate) test_data: Vec<PathBuf>,
    /// With a split by time: cut each class at a time of its own
    #[arg(long)]
    pub(crate) stratify: bool,
    /// Cross-validation: so many parts, each tested on once, or `all` groups
    #[arg(long, value_parser = folds, value_name = "N|all")]
    pub(crate) folds: Option<Folds>,
    /// Do not compare with a split of another kind: saves a second fit
    #[arg(long)]
    pub(crate) no_gap: bool,
}

/// How many parts of a cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folds {
    /// So many.
    Number(usize),
    /// As many as there are groups.
    All,
}

/// What decides on which side of the split a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SplitOption {
    Time,
    Group(Vec<String>),
    Random,
}

/// Where the model would stand as a detector.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "As a detector")]
pub(crate) struct DetectorOptions {
    /// The harmless class [default: one called benign, normal or the like, or the more frequent of two]
    #[arg(long, value_name = "CLASS")]
    pub(crate) negative: Option<String>,
    /// Rows (flows, windows) that come in a day
    #[arg(long, default_value_t = 100_000.0, value_name = "N")]
    pub(crate) rows_per_day: f64,
    /// The share of them that is not harmless, in the network where it would stand
    #[arg(long, default_value_t = 0.001, value_name = "SHARE")]
    pub(crate) base_rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CalibrateOption {
    /// A step-wise rising function: any shape, wants about a thousand rows
    Isotonic,
    /// Platt's sigmoid: two numbers a class, for few rows
    Sigmoid,
}

/// Shows a model's card, or what it is worth on other data
#[derive(Debug, Args)]
pub(crate) struct EvaluateOptions {
    /// The model; or one of scikit-learn or PyTorch, MODEL.onnx
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Captures or tables with labels; without any the model's own card is shown
    #[arg(value_name = "DATA")]
    pub(crate) data: Vec<PathBuf>,
    /// The column with the labels [default: the one the model learned]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Labels are the names of the files: folder, file, or path (the folders if they differ); or
    /// from a file of rules: a CSV with the columns `label` and `where`, a condition in SQL
    #[arg(long, value_parser = LabelFrom::parse, value_name = "path|folder|file|RULES.csv")]
    pub(crate) label_from: Option<LabelFrom>,
    /// Write the card as a page
    #[arg(long, value_name = "OUT.html")]
    pub(crate) report: Option<PathBuf>,
    /// Write the card as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write the model for other programs, with its preprocessing: ONNX; - is standard output
    #[arg(long, value_name = "OUT.onnx")]
    pub(crate) onnx: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) detector: DetectorOptions,
    #[command(flatten)]
    pub(crate) reading: DataOptions,
}

/// Tells the classes of data with a model
///
/// A row of the output is a row of DATA: the columns that say which one it is, what the model
/// tells, and how sure it is.
#[derive(Debug, Args)]
pub(crate) struct PredictOptions {
    /// The model; or one of scikit-learn or PyTorch, MODEL.onnx
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Captures or tables; several, a glob, or a folder
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// Columns of DATA in the output: a list, all, or none [default: those that the model does not see]
    #[arg(long, value_delimiter = ',', value_name = "a,b,c|all|none")]
    pub(crate) show: Vec<String>,
    /// A column for the probability of each class, too
    #[arg(long)]
    pub(crate) probabilities: bool,
    /// What contributed most to each prediction: so many columns, with their values
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "3")]
    pub(crate) explain: Option<usize>,
    /// Only rows of these classes
    #[arg(long, value_delimiter = ',', value_name = "a,b,c")]
    pub(crate) only: Vec<String>,
    /// Format [default: by the extension of the output, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Where to write; - is standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) reading: DataOptions,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if one.is_ascii() => Ok(*one),
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => Err("one character, or tab".to_owned()),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| "NAME=VALUE, as in n_estimators=300".to_owned())
}

fn split(text: &str) -> Result<SplitOption, String> {
    if let Some(columns) = text.strip_prefix("group:") {
        let columns: Vec<String> = columns
            .split(',')
            .map(|column| column.trim().to_owned())
            .collect();
        if columns.iter().all(|column| !column.is_empty()) {
            return Ok(SplitOption::Group(columns));
        }
    }
    match text {
        "time" => Ok(SplitOption::Time),
        "random" => Ok(SplitOption::Random),
        "group" | "group:" => Err("name the column: group:src_ip, group:file".to_owned()),
        _ => Err("it is time, group:COLUMN or random".to_owned()),
    }
}

fn folds(text: &str) -> Result<Folds, String> {
    if text == "all" {
        return Ok(Folds::All);
    }
    match text.parse() {
        Ok(number) if number >= 2 => Ok(Folds::Number(number)),
        _ => Err("2 or more, or all".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_folds() {
        assert_eq!(split("time"), Ok(SplitOption::Time));
        assert_eq!(
            split("group:src_ip, dst_ip"),
            Ok(SplitOption::Group(vec![
                "src_ip".to_owned(),
                "dst_ip".to_owned()
            ]))
        );
        for wrong in ["group:", "group", "group:a,,b", "chance", ""] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
        assert_eq!(folds("all"), Ok(Folds::All));
        assert_eq!(folds("5"), Ok(Folds::Number(5)));
        assert!(folds("1").is_err());
        assert_eq!(parameter("a = b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parameter("=1").is_err());
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        assert!(delimiter("ab").is_err());
    }
}
