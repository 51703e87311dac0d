//! What is wrong or odd: anomalies, quality, performance, ARP.

use super::List;

impl List<'_> {
    pub(super) fn quality(&mut self) {
        let r = self.report;
        if r.performance.tcp_flows > 0 {
            self.add(
                "performance",
                "TCP connections",
                "/performance",
                "SELECT count(*) AS tcp_flows, sum(fwd_retransmissions + bwd_retransmissions) AS retransmissions, \
                 sum(fwd_data_retransmissions + bwd_data_retransmissions) AS data_retransmissions, \
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
                     fwd_retransmissions + bwd_retransmissions AS retransmissions, \
                     fwd_data_retransmissions + bwd_data_retransmissions AS data_retransmissions, zero_windows, missed_bytes \
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
        self.arp();
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

    fn arp(&mut self) {
        let local = &self.report.local;
        if local.arp_requests + local.arp_replies + local.arp_gratuitous == 0 {
            return;
        }
        self.add(
            "local",
            "ARP",
            "/local",
            "SELECT count(*) FILTER (WHERE arp_opcode = 1) AS arp_requests, \
             count(*) FILTER (WHERE arp_opcode = 2) AS arp_replies, \
             count(*) FILTER (WHERE arp_sender_ip = arp_target_ip AND arp_sender_ip <> '0.0.0.0') AS arp_gratuitous \
             FROM packets",
        );
        if local.arp_approximate {
            return;
        }
        if !local.arp_conflicts.is_empty() {
            self.add(
                "local",
                "addresses that several claim",
                "/local/arp_conflicts",
                "SELECT address, array_agg(mac ORDER BY first) AS macs FROM \
                 (SELECT arp_sender_ip AS address, arp_sender_mac AS mac, min(number) AS first FROM packets \
                 WHERE arp_opcode IN (1, 2) AND arp_sender_ip <> '0.0.0.0' GROUP BY 1, 2) \
                 GROUP BY 1 HAVING count(*) > 1 ORDER BY ip_key(address)",
            );
        }
        self.top(
            "local",
            "who asks by ARP",
            "/local/arp_top",
            "SELECT arp_sender_mac AS mac, count(*) AS requests, count(DISTINCT arp_target_ip) AS targets \
             FROM packets WHERE arp_opcode = 1 AND (arp_sender_ip <> arp_target_ip OR arp_sender_ip = '0.0.0.0') \
             GROUP BY 1 ORDER BY requests DESC, mac",
            local.arp_top.len(),
        );
    }
}
