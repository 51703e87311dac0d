//! The arguments of `netloom anomalies`.

use std::path::PathBuf;

use clap::Args;
use netloom::ml::anomaly::DetectorKind;

use super::{DataOptions, Format};

/// Finds what is unlike the rest, and says why
///
/// DATA is a capture (its flows are looked at), or a table: CSV, JSON lines, JSON, Parquet or
/// Arrow. What is normal is learnt from --train, else from DATA itself; with --online each row is
/// judged by those before it. Addresses, names, ports and times are not looked at unless --include
/// asks for them.
#[derive(Debug, Args)]
pub(crate) struct AnomaliesOptions {
    /// Captures or tables; several, a glob, or a folder
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// Captures or tables of what is normal
    #[arg(long, value_name = "DATA", conflicts_with = "online")]
    pub(crate) train: Vec<PathBuf>,
    /// How oddness is measured [default: isolation-forest; online half-space-trees]
    #[arg(long, value_name = "NAME", value_parser = detector())]
    pub(crate) detector: Option<DetectorKind>,
    /// Judge each row by those before it, and learn from it
    #[arg(long)]
    pub(crate) online: bool,
    /// Share of normal rows that may count as odd: with --train a promise (a conformal p-value),
    /// without the share of the rows
    #[arg(long, default_value_t = 0.01, value_name = "SHARE")]
    pub(crate) false_alarms: f64,
    /// The column that says whose row it is, for robust-z [default: src_ip, host or the like]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) host: Option<String>,
    /// The column with labels, to say how well they are told; it is not looked at
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// The label of what is harmless [default: one called benign, normal or the like, or the more
    /// frequent of two]
    #[arg(long, value_name = "CLASS", requires = "label")]
    pub(crate) negative: Option<String>,
    /// Rows that are shown
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,
    /// Where all chance comes from
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,
    /// Write each row with its score, its p-value, and the columns that made it odd; - is standard
    /// output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format of that [default: by the extension of the output, else csv]
    #[arg(long, value_enum, requires = "output")]
    pub(crate) format: Option<Format>,
    /// With -o: only the rows that are odd
    #[arg(long, requires = "output")]
    pub(crate) only_odd: bool,
    /// Columns of DATA in it: a list, all, or none [default: those that are not looked at]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "a,b,c|all|none",
        requires = "output"
    )]
    pub(crate) show: Vec<String>,
    /// Write what was found as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write what was found as a page
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: DataOptions,
}

/// The names of detectors, as `--help` is to list them.
fn detector() -> impl clap::builder::TypedValueParser<Value = DetectorKind> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(DetectorKind::ALL.map(DetectorKind::name)).try_map(
        |name| {
            DetectorKind::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
                .ok_or("unknown")
        },
    )
}
