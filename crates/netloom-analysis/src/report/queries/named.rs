//! Names: sites, applications, DNS, TLS and HTTP, and what of it is risky.

use std::fmt::Write as _;

use super::{List, OF_FLOWS};
use crate::summary::risky;

impl List<'_> {
    pub(super) fn names(&mut self) {
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
             AND NOT in_subnet(ip, 'ff00::/8') AND (packets_sent > 0 OR mac IS NOT NULL) ORDER BY bytes_sent + bytes_received DESC, ip",
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

    pub(super) fn dns(&mut self) {
        let dns = &self.report.dns;
        if dns.queries == 0 {
            return;
        }
        // Without mDNS, LLMNR and the NetBIOS name service.
        let unicast = "dns WHERE transport NOT IN ('mdns', 'llmnr', 'nbns')";
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
        if dns.approximate {
            return;
        }
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

    pub(super) fn tls(&mut self) {
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
        if tls.approximate {
            return;
        }
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

    pub(super) fn http(&mut self) {
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
        if http.approximate {
            return;
        }
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

    pub(super) fn risky(&mut self) {
        if self.report.risky.is_empty() {
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
}
