//! The arguments of `netloom cluster`.

use std::path::PathBuf;

use clap::Args;
use netloom::ml::cluster::Algorithm;

use super::{DataOptions, Format};
use crate::units;

/// Finds groups of rows that are alike, and says what sets each apart
///
/// DATA is a capture (its flows are grouped; with --per host, pair or service what they do in each
/// window; with --series host or service how their traffic goes over time), or a table: CSV, JSON
/// lines, JSON, Parquet or Arrow. Addresses, names, ports and times
/// are not looked at unless --include asks for them.
#[derive(Debug, Args)]
pub(crate) struct ClusterOptions {
    /// Captures or tables; several, a glob, or a folder
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// Series are grouped, by their shapes: how much passed in each interval, of each host or
    /// service of captures, or of each value of this column of tables
    #[arg(long, value_name = "host|service|COLUMN", conflicts_with_all = ["per", "label"])]
    pub(crate) series: Option<String>,
    /// What is measured of series: bytes, packets or flows of captures, a column of tables
    #[arg(
        long,
        default_value = "bytes",
        requires = "series",
        value_name = "METRIC"
    )]
    pub(crate) metric: String,
    /// Length of an interval of series, such as 10s [default: as the table's, or at most 1000]
    #[arg(long, value_parser = units::duration, requires = "series", value_name = "DURATION")]
    pub(crate) interval: Option<i64>,
    /// How groups are found [default: k-means, by mini-batches from 20,000 rows on]
    #[arg(long, value_name = "NAME", value_parser = algorithm())]
    pub(crate) algorithm: Option<Algorithm>,
    /// Groups of k-means [default: the number with the best silhouette]
    #[arg(short = 'k', long, value_name = "N")]
    pub(crate) clusters: Option<usize>,
    /// Most groups that are tried
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) max_clusters: usize,
    /// Distance within which DBSCAN counts neighbours [default: the knee of the distances]
    #[arg(long, value_name = "DISTANCE")]
    pub(crate) eps: Option<f64>,
    /// Neighbours that make a place dense, for DBSCAN and HDBSCAN
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) min_samples: usize,
    /// Rows that make a group of HDBSCAN
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) min_cluster_size: usize,
    /// The column with labels, to say how groups agree with them; it is not looked at
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Where all chance comes from
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,
    /// Write each row with its group and its place on the map; - is standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format of that [default: by the extension of the output, else csv]
    #[arg(long, value_enum, requires = "output")]
    pub(crate) format: Option<Format>,
    /// Write the groups as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write the groups as a page with a map
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: DataOptions,
}

/// The names of algorithms, as `--help` is to list them.
fn algorithm() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or("unknown")
    })
}
