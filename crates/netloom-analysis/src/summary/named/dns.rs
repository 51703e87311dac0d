//! DNS: what is asked for, what fails, who answers and how fast.

use std::net::IpAddr;

use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::compact::Address;
use netloom_pipeline::decode::app::Risk;
use netloom_pipeline::decode::app::dns::{qtype_name, rcode_name};
use netloom_pipeline::flow::app::{AppInfo, AppRecord, DnsRecord};
use netloom_pipeline::packet::Timestamp;

use super::tally::{TEXTS_MAX, Tally, cut, keep_largest, lower};
use crate::report::model::{Dns, DnsFailure, DnsServer, SlowAnswer};
use crate::summary::histogram::Histogram;
use crate::summary::words::{Text, Texts};

/// Servers that a shard counts one by one.
const SERVERS_MAX: usize = 1_024;
/// Slow answers that are held for a top list.
const SLOW_MAX: usize = 1_000;

/// Failures of a name by response code.
#[derive(Debug, Default)]
struct Failures(Vec<(u16, u64)>);

impl Counts for Failures {
    fn weight(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn absorb(&mut self, other: Self) {
        for (rcode, count) in other.0 {
            self.add(rcode, count);
        }
    }
}

impl Failures {
    fn add(&mut self, rcode: u16, count: u64) {
        if let Some(known) = self.0.iter_mut().find(|known| known.0 == rcode) {
            known.1 += count;
        } else if self.0.len() < 16 {
            self.0.push((rcode, count));
        }
    }
}

#[derive(Debug, Default)]
struct ServerCounts {
    queries: u64,
    answered: u64,
    times: Times,
}

/// Times on a coarse logarithmic scale: each bucket ends a tenth above where it begins, and only
/// those that are used take room.
#[derive(Debug, Default)]
struct Times(Vec<(u8, u32)>);

impl Times {
    fn add(&mut self, nanos: i64) {
        // From a microsecond on: the 256th bucket is beyond any answer.
        let bucket = ((nanos as f64 / 1e3).max(1.0).ln() / 1.1_f64.ln()).min(255.0) as u8;
        self.count(bucket, 1);
    }

    fn count(&mut self, bucket: u8, times: u32) {
        match self.0.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(times),
            Err(at) => self.0.insert(at, (bucket, times)),
        }
    }

    /// The median in milliseconds, within 5 %: the middle of its bucket.
    fn median_ms(&self) -> Option<f64> {
        let all: u64 = self.0.iter().map(|(_, times)| u64::from(*times)).sum();
        let mut before = 0;
        let (bucket, _) = self.0.iter().find(|(_, times)| {
            before += u64::from(*times);
            before * 2 >= all
        })?;
        Some(1.1_f64.powf(f64::from(*bucket) + 0.5) / 1e3)
    }
}

impl Counts for ServerCounts {
    fn weight(&self) -> u64 {
        self.queries
    }

    fn absorb(&mut self, other: Self) {
        self.queries += other.queries;
        self.answered += other.answered;
        for (bucket, times) in other.times.0 {
            self.times.count(bucket, times);
        }
    }
}

/// Counts DNS messages.
#[derive(Debug)]
pub(super) struct DnsCounter {
    totals: Dns,
    names: Tally,
    types: Tally,
    rcodes: Tally,
    failures: BoundedTable<Text, Failures>,
    servers: BoundedTable<Address, ServerCounts>,
    times: Histogram,
    slow: Vec<Slow>,
    /// The last message of the local network.
    local: Option<LocalMessage>,
}

/// Ends of its flow and number of the packet that completed its rows; their time and identifier.
type LocalMessage = (((IpAddr, u16), (IpAddr, u16), u64), (Timestamp, u16));

/// Nanoseconds; name, server.
type Slow = (i64, (Box<str>, IpAddr));

impl Default for DnsCounter {
    fn default() -> Self {
        Self {
            totals: Dns::default(),
            names: Tally::default(),
            types: Tally::default(),
            rcodes: Tally::default(),
            failures: BoundedTable::new(TEXTS_MAX),
            servers: BoundedTable::new(SERVERS_MAX),
            times: Histogram::default(),
            slow: Vec::new(),
            local: None,
        }
    }
}

impl DnsCounter {
    /// A flow that may hide DNS.
    pub(super) fn flow(&mut self, app: &AppInfo) {
        let encrypted = app
            .risks
            .iter()
            .any(|(risk, _)| *risk == Risk::EncryptedDns);
        self.totals.encrypted_flows += u64::from(encrypted);
    }

    pub(super) fn record(
        &mut self,
        dns: &DnsRecord,
        record: &AppRecord,
        texts: &Texts,
        top: usize,
    ) {
        if dns.service != "dns" {
            self.local(dns, record);
            return;
        }
        self.totals.queries += 1;
        let query = dns.query.as_deref().map(lower);
        self.names.add(texts, query.as_deref());
        let server = self.servers.entry_ref(&record.origin.dst.0);
        server.queries += 1;
        if let Some(qtype) = dns.qtype {
            self.types.add(texts, Some(&qtype_name(qtype, false)));
        }
        let Some(rcode) = dns.rcode else { return };
        self.totals.answered += 1;
        server.answered += 1;
        self.rcodes.add(texts, Some(&rcode_name(rcode)));
        if rcode != 0 {
            self.totals.failures += 1;
            if let Some(query) = &query {
                self.failures
                    .entry_with(cut(query), |name| texts.get(name))
                    .add(rcode, 1);
            }
        }
        if let Some(rtt) = dns.rtt {
            server.times.add(rtt);
            self.times.add(rtt);
            let what = || (cut(&query.unwrap_or_default()).into(), record.origin.dst.0);
            keep_largest(&mut self.slow, rtt, what, top.min(SLOW_MAX));
        }
    }

    /// A row of mDNS, LLMNR or NBNS: each question of a message has one, and those of a message
    /// (or of a query and its response) come one after the other.
    fn local(&mut self, dns: &DnsRecord, record: &AppRecord) {
        let message = (
            (record.origin.src, record.origin.dst, record.number),
            (dns.ts, dns.trans_id),
        );
        if self.local == Some(message) {
            return;
        }
        self.local = Some(message);
        let messages = [dns.query_bytes, dns.response_bytes];
        self.totals.local_queries += messages.iter().flatten().count() as u64;
    }

    pub(super) fn absorb(&mut self, other: Self, top: usize) {
        self.totals.queries += other.totals.queries;
        self.totals.answered += other.totals.answered;
        self.totals.failures += other.totals.failures;
        self.totals.local_queries += other.totals.local_queries;
        self.totals.encrypted_flows += other.totals.encrypted_flows;
        self.names.absorb(other.names);
        self.types.absorb(other.types);
        self.rcodes.absorb(other.rcodes);
        self.failures.absorb(other.failures);
        self.servers.absorb(other.servers);
        self.times.absorb(&other.times);
        for (rtt, what) in other.slow {
            keep_largest(&mut self.slow, rtt, || what, top.min(SLOW_MAX));
        }
    }

    pub(super) fn finish(self, top: usize) -> Dns {
        let mut dns = self.totals;
        let tables = [&self.names, &self.types, &self.rcodes];
        dns.approximate = tables.into_iter().any(Tally::forgot)
            || self.failures.forgot()
            || self.servers.forgot();
        dns.top_names = self.names.counts(top);
        dns.types = self.types.counts(top);
        dns.rcodes = self.rcodes.counts(top);
        dns.failed_names = self
            .failures
            .top(top, Counts::weight)
            .into_iter()
            .map(|(name, failures)| {
                let most = failures
                    .0
                    .iter()
                    .max_by_key(|(rcode, count)| (*count, *rcode));
                DnsFailure {
                    name: name.as_str().to_owned(),
                    rcode: most.map_or_else(String::new, |(rcode, _)| rcode_name(*rcode).into()),
                    count: failures.weight(),
                }
            })
            .collect();
        dns.servers = self
            .servers
            .top(top, |server| server.queries)
            .into_iter()
            .map(|(address, server)| DnsServer {
                address: address.ip().to_string(),
                queries: server.queries,
                answered: server.answered,
                median_ms: server.times.median_ms(),
            })
            .collect();
        dns.slow = self
            .slow
            .into_iter()
            .map(|(rtt, (name, server))| SlowAnswer {
                name: name.into(),
                server: server.to_string(),
                rtt_ms: rtt as f64 / 1e6,
            })
            .collect();
        dns.rtt_ms = self.times.distribution();
        dns
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netloom_pipeline::decode::{DecodeOptions, decode_ip};
    use netloom_pipeline::flow::app::{AppRow, RowOrigin};
    use netloom_pipeline::flow::{FlowIdentity, FlowKey, FlowRules};

    use super::*;

    /// A row of a message: its service, identifier, and which of the two messages were seen.
    fn row(number: u64, service: &'static str, id: u16, messages: [bool; 2]) -> AppRecord {
        let mut dns = DnsRecord::default();
        (dns.service, dns.trans_id) = (service, id);
        (dns.query_bytes, dns.response_bytes) =
            (messages[0].then_some(60), messages[1].then_some(90));
        let datagram = [
            0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 224, 0, 0, 251,
        ];
        let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        let ts = Timestamp::from_nanos(0);
        AppRecord {
            origin: Arc::new(RowOrigin {
                flow: FlowIdentity::new(key, ts, 1, None),
                ts,
                src: ([10, 0, 0, 1].into(), 5353),
                dst: ([224, 0, 0, 251].into(), 5353),
                protocol: 17,
            }),
            number,
            row: AppRow::Dns(Box::new(dns)),
        }
    }

    #[test]
    fn messages_of_the_local_network_count_once() {
        let mut counter = DnsCounter::default();
        let texts = Texts::default();
        let rows = [
            // Three questions of a message.
            row(4, "mdns", 0, [true, false]),
            row(4, "mdns", 0, [true, false]),
            row(4, "mdns", 0, [true, false]),
            // An announcement.
            row(5, "mdns", 0, [false, true]),
            // A query and its response.
            row(7, "llmnr", 77, [true, true]),
            // Another one that the same packet completed: the end of the flow.
            row(7, "llmnr", 78, [true, false]),
        ];
        for record in &rows {
            let AppRow::Dns(dns) = &record.row else {
                panic!("it is one")
            };
            counter.record(dns, record, &texts, 10);
        }
        assert_eq!(counter.finish(10).local_queries, 5);
    }

    #[test]
    fn a_coarse_median_is_near() {
        let mut times = Times::default();
        for millis in [1, 20, 21, 22, 900] {
            times.add(millis * 1_000_000);
        }
        let median = times.median_ms().unwrap();
        assert!((20.0..22.2).contains(&median), "{median}");
        assert_eq!(Times::default().median_ms(), None);
    }
}
