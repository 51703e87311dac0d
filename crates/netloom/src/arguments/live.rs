//! The arguments of the commands that listen to interfaces.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::units;

/// Records packets from the network, and says what was in them
///
/// Without -w and --html it prints a line for each packet. On a terminal and without any
/// argument it asks what to capture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct CaptureOptions {
    /// Interface to listen on, or any for all; several are captured together [default: the first that is up]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
    /// Only packets of this kind; several with commas
    #[arg(long = "kind", value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) kinds: Vec<Kind>,
    /// Where to write: pcapng, or pcap if the name ends so; .gz or .zst compresses; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Stop after so long
    #[arg(long, value_parser = units::duration, value_name = "DURATION")]
    pub(crate) duration: Option<i64>,
    /// Stop after so many packets
    #[arg(short, long = "count", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Bytes of each packet to keep; 0 keeps all
    #[arg(short, long, default_value_t = 0, value_name = "BYTES")]
    pub(crate) snaplen: u32,
    /// Begin a new file at a size (100MB) or after a time (1h); given twice, at whichever comes first
    #[arg(long, value_parser = rotation, value_name = "SIZE|DURATION", requires = "write")]
    pub(crate) rotate: Vec<Limit>,
    /// Keep so many files: the oldest goes when another one begins
    #[arg(long, value_name = "N", requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,
    /// File format [default: by the name, else pcapng]
    #[arg(long, value_enum, requires = "write")]
    pub(crate) format: Option<CaptureFormat>,
    /// Write the report of what was captured as a page
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
    /// Open the page when the capture ends
    #[arg(long, requires = "html")]
    pub(crate) open: bool,
    /// Write packets as they come, not half a second's together
    #[arg(short = 'U', long = "packet-buffered", requires = "write")]
    pub(crate) packet_buffered: bool,
    /// Leave the interface out of promiscuous mode
    #[arg(short = 'p', long = "no-promiscuous-mode")]
    pub(crate) no_promiscuous: bool,
    /// Memory in which packets of an interface wait; a plain number is KiB
    #[arg(short = 'B', long = "buffer-size", value_parser = buffer, value_name = "SIZE")]
    pub(crate) buffer: Option<usize>,
    /// Print what the filter compiles to, and stop
    #[arg(short = 'd', long = "dump-filter")]
    pub(crate) dump_filter: bool,
    /// Nothing: names are never looked up
    #[arg(short = 'n', hide = true, action = clap::ArgAction::Count)]
    pub(crate) numeric: u8,
    /// Nothing: lines are printed as packets come
    #[arg(short = 'l', hide = true)]
    pub(crate) line_buffered: bool,
    /// Which packets, in tcpdump's language; what begins with - goes behind --
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
}

/// Shows traffic as it passes
///
/// Throughput, hosts, sites, services and conversations. Press ? for the keys.
#[derive(Debug, Args)]
pub(crate) struct TopOptions {
    /// Captures to look at instead of an interface
    #[arg(value_name = "FILE", conflicts_with = "interfaces")]
    pub(crate) files: Vec<PathBuf>,
    /// Interface to watch, or any for all [default: the first that is up]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
}

/// Filters that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// IPv4 and IPv6
    Ip,
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ARP: who has which address
    Arp,
    /// ICMP and ICMPv6: ping, errors, neighbours
    Icmp,
    /// Names: DNS, mDNS, LLMNR
    Dns,
}

impl Kind {
    /// The filter that the word stands for.
    pub(crate) const fn filter(self) -> &'static str {
        match self {
            Self::Ip => "ip or ip6",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Arp => "arp",
            Self::Icmp => "icmp or icmp6",
            Self::Dns => "port 53 or udp port 5353 or udp port 5355",
        }
    }
}

/// The filter that kinds and words come to together; empty: everything.
pub(crate) fn filter_of(kinds: &[Kind], words: &[String]) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.filter()).collect();
    let (kinds, words) = (kinds.join(" or "), words.join(" "));
    match (kinds.is_empty(), words.trim().is_empty()) {
        (true, _) => words,
        (false, true) => kinds,
        (false, false) => format!("({kinds}) and ({words})"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CaptureFormat {
    /// Interfaces, filter, direction and losses beside the packets
    Pcapng,
    /// Packets alone, for older tools
    Pcap,
}

/// What ends a file of a rotated capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Bytes.
    Size(u64),
    /// Nanoseconds.
    Time(i64),
}

/// Parses `100MB` or `1h`; `10m` is minutes, `10M` is bytes.
fn rotation(text: &str) -> Result<Limit, String> {
    let limit =
        match units::duration(text) {
            Ok(nanos) => Limit::Time(nanos),
            Err(_) if text.trim().ends_with(|last: char| last.is_ascii_digit()) => {
                return Err(format!(
                    "'{text}' has no unit: write {text}MB or {text}s, say"
                ));
            }
            Err(_) => Limit::Size(units::size(text).map_err(|_| {
                format!("'{text}' is neither a size, as in 100MB, nor a time, as in 1h")
            })? as u64),
        };
    match limit {
        Limit::Size(bytes) if bytes < SMALLEST_FILE => Err(format!(
            "{bytes} bytes are too few for a file: 10KB at least"
        )),
        Limit::Time(nanos) if nanos < SHORTEST_FILE => {
            Err("a file lasts a second at least".to_owned())
        }
        limit => Ok(limit),
    }
}

/// Smaller files would hold headers alone.
const SMALLEST_FILE: u64 = 10_000;

/// Names tell seconds apart.
const SHORTEST_FILE: i64 = 1_000_000_000;

/// Parses a size; without a unit it is in KiB, as tcpdump's.
fn buffer(text: &str) -> Result<usize, String> {
    let bytes = if text.trim().ends_with(|last: char| last.is_ascii_digit()) {
        units::size(&format!("{text}KiB"))?
    } else {
        units::size(text)?
    };
    if bytes == 0 {
        return Err("packets need some room to wait in".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations() {
        assert_eq!(rotation("100MB"), Ok(Limit::Size(100_000_000)));
        assert_eq!(rotation("1h"), Ok(Limit::Time(3_600_000_000_000)));
        assert_eq!(rotation("10m"), Ok(Limit::Time(600_000_000_000)));
        assert_eq!(rotation("10M"), Ok(Limit::Size(10_000_000)));
        for wrong in ["100", "0", "0s", "1KB", "500ms", "1 apple", ""] {
            assert!(rotation(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn buffers() {
        assert_eq!(buffer("4096"), Ok(4 << 20));
        assert_eq!(buffer("64MiB"), Ok(64 << 20));
        assert!(buffer("0").is_err());
    }

    #[test]
    fn filters() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(filter_of(&[], &[]), "");
        assert_eq!(filter_of(&[Kind::Tcp, Kind::Arp], &[]), "tcp or arp");
        assert_eq!(
            filter_of(&[], &words("port 80 or port 81")),
            "port 80 or port 81"
        );
        assert_eq!(
            filter_of(&[Kind::Icmp], &words("host a or host b")),
            "(icmp or icmp6) and (host a or host b)"
        );
    }
}
