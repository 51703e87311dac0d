//! The queries that give a report's numbers, as commands to copy.
//!
//! A query's columns are called as the facts that they give; where they stand in the report as
//! JSON is a [JSON pointer](https://www.rfc-editor.org/rfc/rfc6901). So whoever has both can
//! compare them: a test of the command does.

use std::fmt::Write as _;

use super::model::Report;
use crate::summary::risky;

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
        self.add(
            "overview",
            "packets, traffic, time span and mean packet",
            "",
            "SELECT count(*) AS packets, sum(len) AS bytes, sum(caplen) AS captured_bytes, \
             avg(len) AS mean_packet_len, min(ts) AS first_ts, max(ts) AS last_ts FROM packets",
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

    fn names(&mut self) {
        let r = self.report;
        if !r.approximate {
            for (column, what, facts, rows) in [
                ("server_name", "sites", "/sites", r.sites.len()),
                ("domain", "domains", "/domains", r.domains.len()),
            ] {
                let sql = format!(
                    "SELECT lower({column}) AS name, count(*) AS flows, sum(fwd_bytes + bwd_bytes) AS bytes, \
                     sum(bwd_bytes) AS bytes_received FROM flows WHERE {column} IS NOT NULL \
                     GROUP BY 1 ORDER BY bytes DESC, name"
                );
                self.top("sites", what, facts, &sql, rows);
            }
        }
        for (column, what, facts, rows) in [
            ("app", "applications", "/applications", r.applications.len()),
            ("category", "categories", "/categories", r.categories.len()),
        ] {
            let sql = format!(
                "SELECT {column} AS name, {OF_FLOWS} FROM flows WHERE {column} IS NOT NULL \
                 GROUP BY 1 ORDER BY bytes DESC, name"
            );
            self.top("applications", what, facts, &sql, rows);
        }
        self.top(
            "devices",
            "devices",
            "/hosts",
            "SELECT ip AS address, mac, vendor, os, bytes_sent, bytes_received, peers FROM hosts \
             WHERE is_local AND ip <> '255.255.255.255' AND NOT in_subnet(ip, '224.0.0.0/4') \
             AND NOT in_subnet(ip, 'ff00::/8') ORDER BY bytes_sent + bytes_received DESC, ip",
            r.hosts.len(),
        );
        self.top(
            "countries",
            "countries",
            "/countries",
            &format!(
                "SELECT country AS name, {OF_FLOWS} FROM (SELECT *, src_country AS country FROM flows UNION ALL \
                 SELECT *, dst_country AS country FROM flows WHERE dst_country IS DISTINCT FROM src_country) \
                 WHERE country IS NOT NULL GROUP BY 1 ORDER BY bytes DESC, name"
            ),
            r.countries.len(),
        );
        if !r.risks.is_empty() {
            self.add(
                "risks",
                "flows of each risk",
                "/risks",
                "SELECT risk, count(*) AS flows FROM (SELECT unnest(risks) AS risk FROM flows) GROUP BY 1 ORDER BY 1",
            );
        }
    }

    fn time(&mut self) {
        let timeline = &self.report.timeline;
        let interval = timeline.interval;
        if timeline.packets.is_empty() || !interval.is_finite() || interval <= 0.0 {
            return;
        }
        let interval = format!("{interval} seconds");
        self.add(
            "time",
            "packets and bytes in each interval; those without any have no row",
            "/timeline",
            format!(
                "SELECT time_bucket('{interval}', ts) AS start, count(*) AS packets, sum(len) AS bytes \
                 FROM packets GROUP BY 1 ORDER BY 1"
            ),
        );
        if self.has_outer_flows() {
            return;
        }
        self.add(
            "time",
            "flows that began in each",
            "/timeline",
            format!(
                "SELECT time_bucket('{interval}', start) AS start, count(*) AS new_flows \
                 FROM flows GROUP BY 1 ORDER BY 1"
            ),
        );
    }

    fn addresses(&mut self) {
        let r = self.report;
        if r.approximate || self.has_outer_flows() {
            return;
        }
        let columns = "SELECT address, sum(packets_sent + packets_received) AS packets, \
            sum(bytes_sent + bytes_received) AS bytes, sum(packets_sent) AS packets_sent, \
            sum(packets_received) AS packets_received, sum(bytes_sent) AS bytes_sent, \
            sum(bytes_received) AS bytes_received FROM (SELECT src_ip AS address, 1 AS packets_sent, \
            0 AS packets_received, len AS bytes_sent, 0 AS bytes_received FROM packets UNION ALL \
            SELECT dst_ip, 0, 1, 0, len FROM packets) WHERE address IS NOT NULL GROUP BY 1";
        self.top(
            "addresses",
            "by bytes",
            "/top_addresses",
            &format!("{columns} ORDER BY bytes DESC, ip_key(address)"),
            r.top_addresses.len(),
        );
        self.top(
            "addresses",
            "by packets",
            "/top_addresses_by_packets",
            &format!("{columns} ORDER BY packets DESC, ip_key(address)"),
            r.top_addresses_by_packets.len(),
        );
        self.top(
            "destinations",
            "received as the side that answers",
            "/top_destinations",
            "SELECT dst_ip AS address, sum(fwd_bytes) AS bytes_received_as_responder FROM flows \
             GROUP BY 1 ORDER BY 2 DESC, 1",
            r.top_destinations.len(),
        );
    }

    fn conversations(&mut self) {
        if self.report.approximate || self.has_outer_flows() {
            return;
        }
        self.top(
            "conversations",
            "conversations, the smaller address first",
            "/top_conversations",
            &format!(
                "SELECT CASE WHEN src_ip < dst_ip THEN src_ip ELSE dst_ip END AS a, \
                 CASE WHEN src_ip < dst_ip THEN dst_ip ELSE src_ip END AS b, {OF_FLOWS} \
                 FROM flows GROUP BY 1, 2 ORDER BY bytes DESC, ip_key(a), ip_key(b)"
            ),
            self.report.top_conversations.len(),
        );
    }

    fn services(&mut self) {
        let r = self.report;
        if !r.services.is_empty() && !self.has_outer_flows() {
            self.add(
                "services",
                "services",
                "/services",
                format!(
                    "SELECT service AS name, transport, {OF_FLOWS} FROM flows WHERE service IS NOT NULL \
                     GROUP BY 1, 2 ORDER BY bytes DESC, 1, 2"
                ),
            );
        }
    }

    fn sizes(&mut self) {
        let r = self.report;
        let buckets: Vec<_> = r
            .packet_sizes
            .iter()
            .filter(|bucket| bucket.packets > 0)
            .collect();
        if !buckets.is_empty() {
            let mut sql = "SELECT CASE".to_owned();
            for bucket in buckets {
                _ = match bucket.max {
                    Some(max) => {
                        write!(sql, " WHEN len BETWEEN {0} AND {max} THEN {0}", bucket.min)
                    }
                    None => write!(sql, " WHEN len >= {0} THEN {0}", bucket.min),
                };
            }
            sql += " END AS min, count(*) AS packets, sum(len) AS bytes FROM packets GROUP BY 1 ORDER BY 1";
            self.add(
                "sizes",
                "packets by length, from the smallest of each column",
                "/packet_sizes",
                sql,
            );
        }
        if !r.unique.top_macs.is_empty() && !r.unique.approximate {
            self.top(
                "sizes",
                "what hardware addresses sent",
                "/unique/top_macs",
                "SELECT src_mac AS mac, count(*) AS packets_sent, sum(len) AS bytes_sent FROM packets \
                 WHERE src_mac IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
                r.unique.top_macs.len(),
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

    fn dns(&mut self) {
        let dns = &self.report.dns;
        if dns.queries == 0 {
            return;
        }
        // Without mDNS, LLMNR and the NetBIOS name service.
        let unicast = "dns WHERE dst_port NOT IN (137, 5353, 5355)";
        self.add(
            "dns",
            "queries and their answers",
            "/dns",
            format!(
                "SELECT count(*) AS queries, count(rcode) AS answered, \
                 count(*) FILTER (WHERE rcode > 0) AS failures FROM {unicast}"
            ),
        );
        self.distribution(
            ("dns", "times to answers", "/dns/rtt_ms"),
            "1000 * rtt",
            unicast,
            dns.rtt_ms.count,
        );
        let (names, types, rcodes) = (dns.top_names.len(), dns.types.len(), dns.rcodes.len());
        let (failed, servers, slow) = (dns.failed_names.len(), dns.servers.len(), dns.slow.len());
        self.counted(
            "dns",
            "names asked for",
            "/dns/top_names",
            ("lower(query)", unicast),
            names,
        );
        self.counted(
            "dns",
            "types asked for",
            "/dns/types",
            ("qtype_name", unicast),
            types,
        );
        self.counted(
            "dns",
            "response codes",
            "/dns/rcodes",
            ("rcode_name", unicast),
            rcodes,
        );
        self.top(
            "dns",
            "names that failed",
            "/dns/failed_names",
            &format!(
                "SELECT lower(query) AS name, count(*) AS count FROM {unicast} AND rcode > 0 AND query IS NOT NULL \
                 GROUP BY 1 ORDER BY 2 DESC, 1"
            ),
            failed,
        );
        self.top(
            "dns",
            "servers",
            "/dns/servers",
            &format!(
                "SELECT address, queries, answered, round(1000 * times[(timed + 1) / 2], 3) AS median_ms \
                 FROM (SELECT dst_ip AS address, count(*) AS queries, count(rcode) AS answered, count(rtt) AS timed, \
                 array_agg(rtt ORDER BY rtt) FILTER (WHERE rtt IS NOT NULL) AS times FROM {unicast} GROUP BY 1) \
                 ORDER BY 2 DESC, 1"
            ),
            servers,
        );
        self.top(
            "dns",
            "slowest answers",
            "/dns/slow",
            &format!(
                "SELECT lower(query) AS name, dst_ip AS server, round(1000 * rtt, 6) AS rtt_ms FROM {unicast} \
                 AND rtt IS NOT NULL ORDER BY rtt DESC"
            ),
            slow,
        );
    }

    fn tls(&mut self) {
        let tls = &self.report.tls;
        if tls.handshakes == 0 {
            return;
        }
        self.add(
            "tls",
            "handshakes",
            "/tls",
            "SELECT count(*) AS handshakes, count(*) FILTER (WHERE established) AS established, \
             count(server_name) AS with_server_name, count(*) FILTER (WHERE ech) AS ech FROM tls",
        );
        let lists = [
            ("versions", "/tls/versions", "version", tls.versions.len()),
            ("cipher suites", "/tls/ciphers", "cipher", tls.ciphers.len()),
            (
                "issuers of certificates",
                "/tls/issuers",
                "issuer",
                tls.issuers.len(),
            ),
            ("clients by JA4", "/tls/clients", "ja4", tls.clients.len()),
        ];
        for (what, facts, column, rows) in lists {
            self.counted("tls", what, facts, (column, "tls"), rows);
        }
    }

    fn http(&mut self) {
        let http = &self.report.http;
        if http.requests == 0 && http.statuses.is_empty() {
            return;
        }
        self.add(
            "http",
            "requests",
            "/http",
            "SELECT count(method) AS requests, sum(response_encoded_len) AS response_bytes FROM http",
        );
        let lists = [
            ("hosts", "/http/hosts", "lower(host)", http.hosts.len()),
            ("methods", "/http/methods", "method", http.methods.len()),
            (
                "status codes",
                "/http/statuses",
                "cast(status_code AS text)",
                http.statuses.len(),
            ),
            (
                "programs",
                "/http/user_agents",
                "user_agent",
                http.user_agents.len(),
            ),
            (
                "media types",
                "/http/mime_types",
                "resp_mime_type",
                http.mime_types.len(),
            ),
        ];
        for (what, facts, column, rows) in lists {
            self.counted("http", what, facts, (column, "http"), rows);
        }
    }

    fn risky(&mut self) {
        if self.report.risky.is_empty() || self.report.approximate {
            return;
        }
        // Those that are not in the report would add nothing but length.
        let is_told = |name: &str| self.report.risky.iter().any(|risky| risky.protocol == name);
        let mut cases = String::new();
        for (condition, name) in risky::conditions().filter(|(_, name)| is_told(name)) {
            _ = write!(cases, " WHEN {condition} THEN '{name}'");
        }
        let outer = if self.has_outer_flows() {
            " AND NOT outer"
        } else {
            ""
        };
        self.add(
            "risky",
            "flows of each",
            "/risky",
            format!(
                "SELECT risky AS protocol, {OF_FLOWS} FROM (SELECT *, CASE{cases} END AS risky FROM flows \
                 WHERE confidence = 'content'{outer}) WHERE risky IS NOT NULL GROUP BY 1 ORDER BY bytes DESC, 1"
            ),
        );
    }

    fn quality(&mut self) {
        let r = self.report;
        if r.performance.tcp_flows > 0 {
            self.add(
                "performance",
                "TCP connections",
                "/performance",
                "SELECT count(*) AS tcp_flows, sum(fwd_retransmissions + bwd_retransmissions) AS retransmissions, \
                 sum(fwd_data_packets + bwd_data_packets) AS data_packets, sum(out_of_order) AS out_of_order, \
                 sum(zero_windows) AS zero_windows, count(*) FILTER (WHERE conn_state IN ('S0', 'REJ')) \
                 AS failed_connections FROM flows WHERE protocol = 6",
            );
            for (what, facts, column, times) in [
                (
                    "round-trip times",
                    "/performance/rtt_ms",
                    "tcp_rtt_ms",
                    &r.performance.rtt_ms,
                ),
                (
                    "times to the first answer",
                    "/performance/server_delay_ms",
                    "server_delay_ms",
                    &r.performance.server_delay_ms,
                ),
            ] {
                self.distribution(
                    ("performance", what, facts),
                    column,
                    "flows WHERE protocol = 6",
                    times.count,
                );
            }
        }
        let worst: Vec<String> = (r.performance.worst.iter())
            .map(|flow| format!("'{}'", flow.flow_id))
            .collect();
        if !worst.is_empty() {
            self.add(
                "performance",
                "the connections that suffered most",
                "/performance/worst",
                format!(
                    "SELECT flow_id, fwd_packets + bwd_packets AS packets, \
                     fwd_retransmissions + bwd_retransmissions AS retransmissions, zero_windows, missed_bytes \
                     FROM flows WHERE flow_id IN ({}) ORDER BY 1",
                    worst.join(", ")
                ),
            );
        }
        if r.packets == 0 {
            return;
        }
        for (kind, condition) in [
            ("broadcast", "dst_mac = 'ff:ff:ff:ff:ff:ff'"),
            (
                "multicast",
                "substr(dst_mac, 2, 1) IN ('1', '3', '5', '7', '9', 'b', 'd', 'f') \
                 AND dst_mac <> 'ff:ff:ff:ff:ff:ff'",
            ),
        ] {
            let sql = format!(
                "SELECT count(*) FILTER (WHERE {condition}) AS {kind}_packets, \
                 sum(CASE WHEN {condition} THEN len ELSE 0 END) AS {kind}_bytes FROM packets"
            );
            self.add("local", kind, "/local", sql);
        }
        if !r.anomalies.is_empty() {
            self.add(
                "anomalies",
                "anomalies by kind",
                "/anomalies",
                "SELECT layer, kind, count(*) AS packets, min(number) AS first_number FROM anomalies \
                 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            );
        }
        self.add(
            "capture",
            "files",
            "/capture",
            "SELECT name, packets, bytes, truncated, out_of_order, first_ts, last_ts FROM capture",
        );
        self.add(
            "capture",
            "packets that were cut or not understood to their end",
            "/quality",
            "SELECT count(*) FILTER (WHERE truncated) AS truncated, count(decode_error) AS decode_stopped \
             FROM packets",
        );
        if r.performance.tcp_flows > 0 {
            self.add(
                "capture",
                "bytes that are missing",
                "/quality",
                "SELECT sum(missed_bytes) AS missed_bytes FROM flows WHERE protocol = 6",
            );
        }
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
