//! The command line.

mod anomalies;
mod cluster;
mod export;
mod forecast;
mod interfaces;
mod learn;
mod live;
mod query;
mod slice;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use netloom::FlowRules;
use netloom::tables::{TableFormat, TableName, profile};

use crate::units;

pub(crate) use anomalies::AnomaliesOptions;
pub(crate) use cluster::ClusterOptions;
pub(crate) use export::Tables;
pub(crate) use forecast::{Aggregate, CapacityOption, ForecastOptions, Metric, SeriesOf};
pub(crate) use interfaces::InterfacesOptions;
pub(crate) use learn::{
    CalibrateOption, DataOptions, DetectorOptions, EvaluateOptions, Folds, PerOption,
    PredictOptions, SplitOption, TrainOptions,
};
pub(crate) use live::{CaptureFormat, CaptureOptions, Kind, Limit, TopOptions, filter_of};
pub(crate) use query::{QueryFormat, QueryOptions};
pub(crate) use slice::SliceOptions;

/// Network traffic analysis: who talks to whom, how much, how well, and what is risky.
///
/// Capture and look only where you may: your own network, or with its owner's permission.
#[derive(Debug, Parser)]
#[command(
    name = "netloom",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Capture(Box<CaptureOptions>),
    Report(ReportOptions),
    Export(ExportOptions),
    Train(Box<TrainOptions>),
    Evaluate(Box<EvaluateOptions>),
    Predict(Box<PredictOptions>),
    Anomalies(Box<AnomaliesOptions>),
    Cluster(Box<ClusterOptions>),
    Forecast(Box<ForecastOptions>),
    Query(QueryOptions),
    Slice(SliceOptions),
    Top(TopOptions),
    Interfaces(InterfacesOptions),
    Tables(TablesOptions),
    Completions(CompletionsOptions),
}

/// Memory for the flow table where nobody says how much.
const MAX_MEMORY: &str = "1GiB";

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Say more about what is being done
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Show no progress bar
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Threads that work; 0 is one for each core. The result is the same for any number
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// Memory for the flow table; beyond it the flows seen longest ago are ended early, and counted
    #[arg(long, global = true, default_value = MAX_MEMORY, value_parser = units::size, value_name = "SIZE")]
    pub(crate) max_memory: usize,
    /// End a flow after so long without a packet; 0 is never [default: as the rules say, 120s]
    #[arg(long, global = true, value_parser = units::duration, value_name = "DURATION")]
    pub(crate) idle_timeout: Option<i64>,
    /// End a flow after so long in any case; 0 is never [default: as the rules say, 30m]
    #[arg(long, global = true, value_parser = units::duration, value_name = "DURATION")]
    pub(crate) active_timeout: Option<i64>,
    /// Verify the checksums of TCP and UDP: a wrong one leaves no trace in a flow but its `c`
    #[arg(long, global = true)]
    pub(crate) checksums: bool,
    /// What a flow is: netloom's own rules, or those of Zeek, NFStream or nDPI to compare with
    #[arg(long, global = true, default_value = "native", value_parser = rules(), value_name = "RULES")]
    pub(crate) flow_rules: FlowRules,
    /// Look at these packets only, in tcpdump's language: 'tcp port 443 and net 10.0.0.0/8'
    // An identifier of its own: the words of `capture` are called so, too.
    #[arg(id = "expression", long = "filter", global = true, value_name = "EXPR")]
    pub(crate) filter: Option<String>,
}

impl Global {
    /// Those that say which flows there are, as they were given: a query needs the same to give what a
    /// report says.
    pub(crate) fn of_flows(&self) -> Vec<String> {
        let seconds = |nanos: i64| format!("{}s", nanos as f64 / 1e9);
        let mut given = Vec::new();
        let mut option = |name: &str, value: String| given.extend([name.to_owned(), value]);
        if let Some(nanos) = self.idle_timeout {
            option("--idle-timeout", seconds(nanos));
        }
        if let Some(nanos) = self.active_timeout {
            option("--active-timeout", seconds(nanos));
        }
        if units::size(MAX_MEMORY) != Ok(self.max_memory) {
            option("--max-memory", self.max_memory.to_string());
        }
        if self.checksums {
            given.push("--checksums".to_owned());
        }
        given
    }
}

/// Captures that a command reads, and which of their packets.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Captures: pcap or pcapng, compressed or not; several, a glob, a folder, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "read")]
    files: Vec<PathBuf>,
    /// A capture, as tcpdump takes it (repeatable): the words after the options are then a filter
    #[arg(short, long, value_name = "FILE")]
    read: Vec<PathBuf>,
    /// Words of a filter, in tcpdump's language; as --filter
    #[arg(last = true, value_name = "FILTER")]
    words: Vec<String>,
}

impl Inputs {
    /// The captures.
    pub(crate) fn files(&self) -> &[PathBuf] {
        if self.read.is_empty() {
            &self.files
        } else {
            &self.read
        }
    }

    /// The words of the filter.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if !self.read.is_empty() {
            let given = self.files.iter();
            words.extend(given.map(|word| word.to_string_lossy().into_owned()));
        }
        words.extend(self.words.iter().cloned());
        words
    }
}

/// What a command reads: captures, or interfaces as packets pass them.
#[derive(Debug, Args)]
pub(crate) struct LiveInputs {
    /// Captures: pcap or pcapng, compressed or not; several, a glob, a folder, or - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A capture, as tcpdump takes it (repeatable): the words after the options are then a filter
    #[arg(short, long, value_name = "FILE")]
    read: Vec<PathBuf>,
    /// Interface to listen on instead, or any for all (repeatable): rows come as packets pass
    #[arg(
        short,
        long = "interface",
        value_name = "IFACE",
        conflicts_with = "read"
    )]
    pub(crate) interfaces: Vec<String>,
    /// With -i: stop after so long [default: at Ctrl-C]
    #[arg(long, value_parser = units::duration, value_name = "DURATION", requires = "interfaces")]
    pub(crate) duration: Option<i64>,
    /// With -i: stop after so many packets
    #[arg(short, long = "count", value_name = "N", requires = "interfaces", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Words of a filter, in tcpdump's language; as --filter
    #[arg(last = true, value_name = "FILTER")]
    words: Vec<String>,
}

impl LiveInputs {
    /// Whether interfaces are listened to.
    pub(crate) fn is_live(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The captures.
    pub(crate) fn files(&self) -> &[PathBuf] {
        if self.read.is_empty() {
            &self.files
        } else {
            &self.read
        }
    }

    /// A file that was given though interfaces are listened to.
    pub(crate) fn file_too_many(&self) -> Option<&PathBuf> {
        self.files.first().filter(|_| self.is_live())
    }

    /// The words of the filter.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if !self.read.is_empty() {
            let given = self.files.iter();
            words.extend(given.map(|word| word.to_string_lossy().into_owned()));
        }
        words.extend(self.words.iter().cloned());
        words
    }
}

/// The names of rules, as `--help` is to list them.
fn rules() -> impl clap::builder::TypedValueParser<Value = FlowRules> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(["native", "zeek", "nfstream", "ndpi"])
        .try_map(|name| name.parse::<FlowRules>())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    Always,
    Never,
}

/// Says what is in a capture
///
/// Traffic over time, who talks most, protocols, what crosses the network in clear, what is
/// slow or lossy, what is odd. In the terminal, and as a page, as JSON or as pictures.
#[derive(Debug, Args)]
pub(crate) struct ReportOptions {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Write a page that needs nothing else, to open in any browser
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
    /// Open the page when it is written
    #[arg(long, requires = "html")]
    pub(crate) open: bool,
    /// Write the facts as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write each chart as PNG and SVG into a folder
    #[arg(long, value_name = "DIR")]
    pub(crate) png: Option<PathBuf>,
    /// Rows of each "top" table
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) top: u16,
    /// Exit with code 1 if there is a finding of this severity or worse
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Severity {
    Info,
    Low,
    Medium,
    High,
}

impl Severity {
    /// The severity that a finding names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
}

/// Writes tables of a capture's contents: CSV, JSON, Parquet, Arrow
///
/// `netloom tables` lists the tables and their columns.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// The table, or several with commas between them; without one, a terminal is asked
    #[arg(value_parser = export::TablesParser)]
    tables: Option<Tables>,
    #[command(flatten)]
    pub(crate) inputs: LiveInputs,
    /// Columns, in this order [default: all]
    #[arg(long, value_name = "a,b,c")]
    pub(crate) columns: Option<String>,
    /// Whose names, units and formats the tables have; it implies whose flow rules
    #[arg(long, value_enum, default_value_t = Profile::Native, value_name = "PROFILE")]
    pub(crate) profile: Profile,
    /// Leave out packets that repeat one of the last 64 byte for byte within 10 ms (mirror ports
    /// deliver some twice)
    #[arg(long)]
    pub(crate) dedupe: bool,
    /// Leave out packets of flows whose server has no name
    #[arg(long)]
    pub(crate) drop_unknown: bool,
    /// Rows for which this holds, in SQL: "dst_port = 443 AND server_name LIKE '%.example'"
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) condition: Option<String>,
    /// Sort rows by this column, or several: start, or fwd_bytes:desc,start. Nulls are last
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sort: Option<String>,
    /// Replace addresses (networks stay together), names and other texts, under a key of this
    /// run that is kept nowhere
    #[arg(long)]
    pub(crate) anonymize: bool,
    /// As --anonymize, under the key in this file, so that exports fit together; it is made where
    /// it is not there. Who has it can find out who was who
    #[arg(long, value_name = "FILE")]
    pub(crate) anonymize_key: Option<PathBuf>,
    /// Bytes that the `payload` column holds at most [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) payload_bytes: Option<usize>,
    /// Length of the timeline's intervals, such as 1s [default: at most a thousand of them]
    #[arg(long, value_parser = units::duration, value_name = "DURATION")]
    pub(crate) interval: Option<i64>,
    /// Database of autonomous systems (MMDB, such as GeoLite2-ASN) for the columns asn and as_name of
    /// hosts
    #[arg(long, value_name = "FILE")]
    pub(crate) asn_db: Option<PathBuf>,
    /// Format [default: by the extension of the output, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Where to write; - is standard output. For several tables a folder, or a name with {table}
    /// in it
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
}

impl ExportOptions {
    /// The tables; none where nothing was said.
    pub(crate) fn tables(&self) -> &[Table] {
        self.tables.as_ref().map_or(&[], |tables| &tables.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// A row is a bidirectional flow
    Flows,
    /// A row is a packet
    Packets,
    /// A row is an address, with its names and what it did
    Hosts,
    /// A row is a name asked for, with the answer: DNS, mDNS, LLMNR, NBNS
    Dns,
    /// A row is a TLS, DTLS or QUIC handshake
    Tls,
    /// A row is an HTTP request with its response
    Http,
    /// A row is a message of another protocol: SSH, FTP, SMB, MQTT, DHCP and so on
    Messages,
    /// A row is an interval of time, with what passed in it
    Timeline,
    /// A row is a packet that does not make sense, and why
    Anomalies,
    /// A row is a capture, with what it says of itself
    Capture,
}

impl Table {
    /// The table of that name.
    pub(crate) const fn name(self) -> TableName {
        match self {
            Self::Flows => TableName::Flows,
            Self::Packets => TableName::Packets,
            Self::Hosts => TableName::Hosts,
            Self::Dns => TableName::Dns,
            Self::Tls => TableName::Tls,
            Self::Http => TableName::Http,
            Self::Messages => TableName::Messages,
            Self::Timeline => TableName::Timeline,
            Self::Anomalies => TableName::Anomalies,
            Self::Capture => TableName::Capture,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// netloom's own columns
    Native,
    /// Packets: Timestamp, Source IP, Destination IP, Protocol, Website Name, Domain Name, Length
    Simple,
    /// Flows: NFStream's columns, by its rules
    Nfstream,
    /// Flows: CICFlowMeter's 84 columns, computed as they are meant
    Cic,
    /// Zeek's conn, dns, http and ssl logs: TSV, or JSON
    Zeek,
    /// Suricata's EVE events
    Eve,
    /// Documents of the Elastic Common Schema
    Ecs,
}

impl Profile {
    /// The profile of that name.
    pub(crate) const fn profile(self) -> profile::Profile {
        match self {
            Self::Native => profile::Profile::Native,
            Self::Simple => profile::Profile::Simple,
            Self::Nfstream => profile::Profile::Nfstream,
            Self::Cic => profile::Profile::Cic,
            Self::Zeek => profile::Profile::Zeek,
            Self::Eve => profile::Profile::Eve,
            Self::Ecs => profile::Profile::Ecs,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header row
    Csv,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Jsonl,
    /// Parquet, compressed with zstd
    Parquet,
    /// Arrow IPC, which Feather is: a file, or a stream on standard output
    Arrow,
}

impl Format {
    /// The format of that name.
    pub(crate) const fn format(self) -> TableFormat {
        match self {
            Self::Csv => TableFormat::Csv,
            Self::Json => TableFormat::Json,
            Self::Jsonl => TableFormat::JsonLines,
            Self::Parquet => TableFormat::Parquet,
            Self::Arrow => TableFormat::Arrow,
        }
    }
}

/// Lists the tables, or the columns of one
#[derive(Debug, Args)]
pub(crate) struct TablesOptions {
    /// The table whose columns to list
    pub(crate) name: Option<String>,
}

/// Prints completions for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsOptions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
