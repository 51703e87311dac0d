//! The queries that give a report's numbers, as commands to copy.
//!
//! A query's columns are called as the facts that they give; where they stand in the report as
//! JSON is a [JSON pointer](https://www.rfc-editor.org/rfc/rfc6901). So whoever has both can
//! compare them: a test of the command does.

mod named;
mod traffic;
mod trouble;

use std::fmt::Write as _;

use super::model::Report;

/// A query and what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The section of the page that shows its numbers.
    pub section: &'static str,
    /// What it gives, in a few words.
    pub what: &'static str,
    /// Where its numbers stand in the report's JSON: an object for the row, or a list of
    /// objects, one for each row.
    pub facts: &'static str,
    /// The query.
    pub sql: String,
}

/// The queries for the numbers of a report, in the order of its page. Where a table of the
/// report was full, its numbers are estimates and have none.
pub fn queries(report: &Report) -> Vec<Query> {
    let mut list = List {
        report,
        queries: Vec::new(),
    };
    list.overview();
    list.names();
    list.time();
    list.addresses();
    list.conversations();
    list.protocols();
    list.services();
    list.sizes();
    list.dns();
    list.tls();
    list.http();
    list.risky();
    list.quality();
    list.queries
}

/// The command that asks a query of the files of a report, as a shell takes it.
pub fn command(report: &Report, sql: &str) -> String {
    let mut command = format!("netloom query {}", quoted(sql));
    let names: Vec<&str> = report
        .captures_read()
        .iter()
        .map(|capture| capture.name.as_str())
        .collect();
    // A name that a terminal would not show as it is cannot be copied, nor can many.
    let can_be_said = |name: &&str| super::text::visible(name) == **name && *name != "-";
    if names.is_empty() || names.len() > FILES_MAX || !names.iter().all(can_be_said) {
        command += " FILE...";
    } else {
        for name in names {
            command.push(' ');
            // An option begins so.
            if name.starts_with('-') {
                command += "./";
            }
            command += &quoted(name);
        }
    }
    if report.flow_rules != "native" && !report.flow_rules.is_empty() {
        _ = write!(command, " --flow-rules {}", quoted(&report.flow_rules));
    }
    for word in &report.options {
        _ = write!(command, " {}", quoted(word));
    }
    if let Some(filter) = &report.filter {
        _ = write!(command, " --filter {}", quoted(filter));
    }
    command
}

/// Files that are named one by one.
const FILES_MAX: usize = 4;

/// A word as a shell takes it: plain, between double quotes, or between single ones.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if !word.contains(['"', '$', '`', '\\', '!']) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

struct List<'a> {
    report: &'a Report,
    queries: Vec<Query>,
}

/// Sums over flows, both ways.
const OF_FLOWS: &str = "count(*) AS flows, sum(fwd_packets + bwd_packets) AS packets, \
    sum(fwd_bytes + bwd_bytes) AS bytes";

impl List<'_> {
    fn add(
        &mut self,
        section: &'static str,
        what: &'static str,
        facts: &'static str,
        sql: impl Into<String>,
    ) {
        self.queries.push(Query {
            section,
            what,
            facts,
            sql: sql.into(),
        });
    }

    /// The same with a limit, where there is anything.
    fn top(
        &mut self,
        section: &'static str,
        what: &'static str,
        facts: &'static str,
        sql: &str,
        rows: usize,
    ) {
        if rows > 0 {
            self.add(section, what, facts, format!("{sql} LIMIT {rows}"));
        }
    }

    /// Whether flows of tunnels are rows beside the flows in them: the report counts packets once.
    fn has_outer_flows(&self) -> bool {
        self.report.flow_rules == "zeek"
    }

    fn overview(&mut self) {
        if self.report.packets == 0 {
            return;
        }
        let packets = "SELECT count(*) AS packets, sum(len) AS bytes, sum(caplen) AS captured_bytes, \
            avg(len) AS mean_packet_len";
        // The time span is that of the capture, whatever a filter lets through.
        let (what, times) = if self.report.filter.is_none() {
            (
                "packets, traffic, time span and mean packet",
                ", min(ts) AS first_ts, max(ts) AS last_ts",
            )
        } else {
            ("packets, traffic and mean packet", "")
        };
        self.add(
            "overview",
            what,
            "",
            format!("{packets}{times} FROM packets"),
        );
        self.add(
            "overview",
            "flows",
            "",
            "SELECT count(*) AS flows FROM flows",
        );
        if !self.report.unique.approximate {
            self.add(
                "overview",
                "addresses",
                "/unique",
                "SELECT count(DISTINCT src_ip) AS src_ips, count(DISTINCT dst_ip) AS dst_ips, \
                 count(DISTINCT src_mac) AS src_macs, count(DISTINCT dst_mac) AS dst_macs FROM packets",
            );
        }
    }

    /// Values of a column and how often, as far as the report lists them.
    fn counted(
        &mut self,
        section: &'static str,
        what: &'static str,
        facts: &'static str,
        (expression, table): (&str, &str),
        rows: usize,
    ) {
        let sql = format!(
            "SELECT {expression} AS name, count(*) AS count FROM {table} GROUP BY 1 \
             HAVING name IS NOT NULL ORDER BY 2 DESC, 1"
        );
        self.top(section, what, facts, &sql, rows);
    }

    /// Percentiles of so many times in milliseconds: the value at the rank, as the report's are.
    fn distribution(
        &mut self,
        (section, what, facts): (&'static str, &'static str, &'static str),
        column: &str,
        from: &str,
        count: u64,
    ) {
        let mut sql = format!("SELECT count({column}) AS count");
        for (name, hundredths) in [("p50", 50), ("p95", 95), ("p99", 99)] {
            let rank = (u128::from(count) * hundredths).div_ceil(100).max(1);
            _ = write!(
                sql,
                ", round(nth_value({column}, {rank} ORDER BY {column}), 3) AS {name}"
            );
        }
        _ = write!(sql, ", round(max({column}), 3) AS max FROM {from}");
        self.add(section, what, facts, sql);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn commands_are_what_a_shell_takes() {
        let mut report = sample::full();
        report.filter = None;
        report.flow_rules = "native".to_owned();
        for capture in &mut report.capture {
            capture.name = "my capture.pcap".to_owned();
        }
        report.capture.truncate(1);
        assert_eq!(
            command(&report, "SELECT 1"),
            "netloom query \"SELECT 1\" \"my capture.pcap\""
        );
        report.capture[0].name = "-$(id)'.pcap".to_owned();
        assert_eq!(
            command(&report, "SELECT 'a'"),
            r#"netloom query "SELECT 'a'" ./'-$(id)'\''.pcap'"#
        );
        report.capture[0].name = "a\x1b.pcap".to_owned();
        report.filter = Some("tcp port 443".to_owned());
        report.flow_rules = "zeek".to_owned();
        assert_eq!(
            command(&report, "SELECT 1"),
            "netloom query \"SELECT 1\" FILE... --flow-rules zeek --filter \"tcp port 443\""
        );
    }

    #[test]
    fn nothing_that_packets_say_stands_in_a_query() {
        let report = sample::full();
        let queries = queries(&report);
        assert!(queries.len() > 20, "{}", queries.len());
        for query in queries {
            let is_ours = |c: char| c.is_ascii_graphic() || c == ' ';
            assert!(query.sql.chars().all(is_ours), "{}", query.sql);
            assert!(
                !query.sql.contains(['"', '$', '`', '\\', '!', '&', '{']),
                "{}",
                query.sql
            );
        }
    }
}
