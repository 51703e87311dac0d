//! Who talks to whom, with what, and when.

use std::fmt::Write as _;

use super::{List, OF_FLOWS};
use crate::summary::protocols::OTHER;

impl List<'_> {
    pub(super) fn time(&mut self) {
        let timeline = &self.report.timeline;
        let interval = timeline.interval;
        if timeline.packets.is_empty() || !interval.is_finite() || interval <= 0.0 {
            return;
        }
        // Intervals are counted from 1970, as those of the table `timeline`; by itself `time_bucket` counts
        // from a Monday, which is the same where they divide a day.
        let origin = if (86_400.0 / interval).fract() == 0.0 {
            ""
        } else {
            ", TIMESTAMP '1970-01-01T00:00:00Z'"
        };
        let bucket = |ts: &str| format!("time_bucket('{interval} seconds', {ts}{origin})");
        self.add(
            "time",
            "packets and bytes in each interval; those without any have no row",
            "/timeline",
            format!(
                "SELECT {} AS start, count(*) AS packets, sum(len) AS bytes \
                 FROM packets GROUP BY 1 ORDER BY 1",
                bucket("ts")
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
                "SELECT {} AS start, count(*) AS new_flows FROM flows GROUP BY 1 ORDER BY 1",
                bucket("start")
            ),
        );
    }

    pub(super) fn addresses(&mut self) {
        let r = self.report;
        if r.approximate || self.has_outer_flows() {
            return;
        }
        let columns = "SELECT address, sum(packets_sent + packets_received) AS packets, \
            sum(bytes_sent + bytes_received) AS bytes, sum(packets_sent) AS packets_sent, \
            sum(packets_received) AS packets_received, sum(bytes_sent) AS bytes_sent, \
            sum(bytes_received) AS bytes_received FROM (SELECT src_ip AS address, 1 AS packets_sent, \
            0 AS packets_received, len AS bytes_sent, 0 AS bytes_received FROM packets WHERE src_ip <> dst_ip \
            UNION ALL SELECT dst_ip, 0, 1, 0, len FROM packets WHERE src_ip <> dst_ip UNION ALL SELECT src_ip, \
            CAST(fwd_packets AS BIGINT), CAST(bwd_packets AS BIGINT), CAST(fwd_bytes AS BIGINT), \
            CAST(bwd_bytes AS BIGINT) FROM flows WHERE src_ip = dst_ip) WHERE address IS NOT NULL GROUP BY 1";
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

    pub(super) fn conversations(&mut self) {
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

    pub(super) fn protocols(&mut self) {
        let protocols = &self.report.protocols;
        // What is not told apart no query adds up.
        if protocols.is_empty() || protocols.iter().any(|p| p.path == OTHER) {
            return;
        }
        // As `service_by_port` chooses, of two ports that both stand for something.
        let service = "coalesce(CASE WHEN src_port < 1024 AND src_port < dst_port \
            THEN service_name(src_port, protocol) END, \
            service_name(dst_port, protocol), service_name(src_port, protocol))";
        self.add(
            "protocols",
            "protocols, what ports stand for at the end",
            "/protocols",
            format!(
                "SELECT array_to_string(array_slice(names, 1, depth), ':') AS path, \
                 sum(packets) AS packets, sum(bytes) AS bytes FROM \
                 (SELECT *, unnest(range(1, 1 + CAST(array_length(names) AS BIGINT))) AS depth FROM \
                 (SELECT string_to_array(concat_ws(':', protocols, {service}), ':') AS names, \
                 count(*) AS packets, sum(len) AS bytes FROM packets GROUP BY 1)) GROUP BY 1 ORDER BY 1"
            ),
        );
    }

    pub(super) fn services(&mut self) {
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

    pub(super) fn sizes(&mut self) {
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
}
