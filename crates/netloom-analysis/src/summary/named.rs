//! What names tell: sites, DNS, TLS, HTTP, risks.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use netloom_pipeline::decode::app::dns::{qtype_name, rcode_name};
use netloom_pipeline::decode::app::{Risk, text};
use netloom_pipeline::flow::app::{AppRecord, AppRow, DnsRecord, HttpRecord, TlsRecord};
use netloom_pipeline::flow::{FlowId, FlowRecord};
use netloom_pipeline::packet::Timestamp;

use super::histogram::Histogram;
use super::words::{Text, Texts};
use crate::report::model::{
    Certificate, Count, Dns, DnsFailure, DnsServer, Http, Report, RiskExample, RiskSummary, Site,
    SlowAnswer, Tls,
};
use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::compact::{Address, Halves};

/// Names of servers that a shard counts one by one.
const SITES_MAX: usize = 1_024;
/// Names asked for, hosts, agents, issuers and the like, in a shard.
const TEXTS_MAX: usize = 1_024;
/// Clients of a site that are told apart.
const CLIENTS_MAX: usize = 64;
/// Clients of a site that are shown.
const CLIENTS_SHOWN: usize = 8;
/// Days before its end that a certificate is worth a look.
const EXPIRING_DAYS: i64 = 30;
/// Certificates, slow answers and examples that are held for a top list.
const HELD_MAX: usize = 1_000;
const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

/// In a shard most sites have one client, of whom they are known in one way: room for that is in
/// place.
#[derive(Debug, Default)]
struct SiteCounts {
    /// Flows, bytes, bytes received, and bytes of the first client.
    counts: Halves<4, Others>,
    client: Option<IpAddr>,
    app: Option<&'static str>,
    source: &'static str,
}

/// Where the counts of a site are.
const FLOWS: usize = 0;
const BYTES: usize = 1;
const RECEIVED: usize = 2;
const OF_CLIENT: usize = 3;

/// Sources and clients of a site besides the first: each once, with their bytes.
#[derive(Debug, Default)]
struct Others {
    /// Hardly ever any.
    sources: Box<[&'static str]>,
    clients: Vec<(Address, u64)>,
}

impl Counts for SiteCounts {
    fn weight(&self) -> u64 {
        self.counts.get(FLOWS) + self.bytes()
    }

    fn absorb(&mut self, other: Self) {
        for at in [FLOWS, BYTES, RECEIVED] {
            self.counts.add(at, other.counts.get(at));
        }
        self.app = self.app.or(other.app);
        for source in other.sources() {
            self.source(source);
        }
        for (client, bytes) in other.clients() {
            self.client(client, bytes);
        }
    }
}

impl SiteCounts {
    fn bytes(&self) -> u64 {
        self.counts.get(BYTES)
    }

    fn flow(&mut self, flow: &FlowRecord, source: &'static str) {
        self.counts.add(FLOWS, 1);
        self.counts.add(BYTES, flow.bytes());
        self.counts.add(RECEIVED, flow.bwd.bytes);
        self.app = self.app.or_else(|| flow.product());
        self.source(source);
        self.client(flow.src_ip, flow.bytes());
    }

    fn source(&mut self, source: &'static str) {
        if self.source.is_empty() {
            self.source = source;
        }
        if self.source != source && !self.sources().any(|known| known == source) {
            let others = self.counts.more_mut();
            let mut sources = std::mem::take(&mut others.sources).into_vec();
            sources.push(source);
            others.sources = sources.into_boxed_slice();
        }
    }

    fn sources(&self) -> impl Iterator<Item = &'static str> {
        let first = (!self.source.is_empty()).then_some(self.source);
        let others = self.counts.more().into_iter();
        first
            .into_iter()
            .chain(others.flat_map(|others| others.sources.iter().copied()))
    }

    fn client(&mut self, client: IpAddr, bytes: u64) {
        let first = *self.client.get_or_insert(client);
        if first == client {
            self.counts.add(OF_CLIENT, bytes);
            return;
        }
        let clients = &mut self.counts.more_mut().clients;
        if let Some(known) = clients.iter_mut().find(|known| known.0.ip() == client) {
            known.1 += bytes;
        } else if clients.len() < CLIENTS_MAX - 1 {
            if clients.len() == clients.capacity() {
                clients.reserve_exact(clients.len().clamp(1, 8));
            }
            clients.push((Address::from(&client), bytes));
        }
    }

    fn clients(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        let first = self
            .client
            .map(|client| (client, self.counts.get(OF_CLIENT)));
        let others = self.counts.more().into_iter();
        first.into_iter().chain(others.flat_map(|others| {
            others
                .clients
                .iter()
                .map(|(client, bytes)| (client.ip(), *bytes))
        }))
    }

    fn site(&self, name: &str) -> Site {
        let mut clients: Vec<_> = self.clients().collect();
        clients.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut sources: Vec<&str> = self.sources().collect();
        sources.sort_unstable();
        Site {
            name: name.to_owned(),
            sources: sources.into_iter().map(ToOwned::to_owned).collect(),
            app: self.app.map(ToOwned::to_owned),
            flows: self.counts.get(FLOWS),
            bytes: self.bytes(),
            bytes_received: self.counts.get(RECEIVED),
            clients: clients
                .iter()
                .take(CLIENTS_SHOWN)
                .map(|(client, _)| client.to_string())
                .collect(),
            client_count: clients.len() as u64,
        }
    }
}

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

#[derive(Debug, Default)]
struct RiskCounts {
    flows: u64,
    /// Those with the most bytes.
    examples: Vec<(u64, RiskExample)>,
}

/// Texts and how often.
type Tally = BoundedTable<Text, Seen>;

/// How often.
#[derive(Debug, Default)]
struct Seen(u64);

impl Counts for Seen {
    fn weight(&self) -> u64 {
        self.0
    }

    fn absorb(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// Counts what names tell of a shard's flows, in packet order.
#[derive(Debug)]
pub(crate) struct NameCounter {
    top: usize,
    texts: Arc<Texts>,
    bytes: u64,
    named_bytes: u64,
    sites: BoundedTable<Text, SiteCounts>,
    domains: BoundedTable<Text, SiteCounts>,
    risks: Vec<RiskCounts>,
    dns: Dns,
    dns_names: Tally,
    dns_types: Tally,
    dns_rcodes: Tally,
    dns_failures: BoundedTable<Text, Failures>,
    dns_servers: BoundedTable<Address, ServerCounts>,
    dns_times: Histogram,
    /// Nanoseconds, name, server.
    slow: Vec<(i64, Box<str>, IpAddr)>,
    tls: Tls,
    tls_versions: Tally,
    tls_ciphers: Tally,
    tls_issuers: Tally,
    tls_clients: Tally,
    certificates: BoundedTable<(Box<str>, Box<str>), Validity>,
    http: Http,
    http_hosts: Tally,
    http_methods: Tally,
    http_statuses: Tally,
    http_agents: Tally,
    http_types: Tally,
}

/// How long a certificate is good for, and who showed it.
#[derive(Debug, Default)]
struct Validity {
    seen: u64,
    issuer: Box<str>,
    not_after: i64,
    days_left: i64,
    state: &'static str,
}

impl Counts for Validity {
    fn weight(&self) -> u64 {
        self.seen
    }

    fn absorb(&mut self, other: Self) {
        let seen = self.seen + other.seen;
        if self.state.is_empty() {
            *self = other;
        }
        self.seen = seen;
    }
}

fn tally() -> Tally {
    BoundedTable::new(TEXTS_MAX)
}

fn add(table: &mut Tally, texts: &Texts, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let end = text.floor_char_boundary(256);
        let key = text.get(..end).unwrap_or_default();
        table.entry_with(key, |key| texts.get(key)).0 += 1;
    }
}

/// A name in lower case, as most are already.
fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn counts(table: &Tally, top: usize) -> Vec<Count> {
    table
        .top(top, |seen| seen.0)
        .into_iter()
        .map(|(name, seen)| Count {
            name: name.as_str().to_owned(),
            count: seen.0,
        })
        .collect()
}

fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

impl NameCounter {
    pub(crate) fn new(top: usize, texts: Arc<Texts>) -> Self {
        Self {
            top,
            texts,
            bytes: 0,
            named_bytes: 0,
            sites: BoundedTable::new(SITES_MAX),
            domains: BoundedTable::new(SITES_MAX),
            risks: Risk::ALL.iter().map(|_| RiskCounts::default()).collect(),
            dns: Dns::default(),
            dns_names: tally(),
            dns_types: tally(),
            dns_rcodes: tally(),
            dns_failures: BoundedTable::new(TEXTS_MAX),
            dns_servers: BoundedTable::new(1024),
            dns_times: Histogram::default(),
            slow: Vec::new(),
            tls: Tls::default(),
            tls_versions: tally(),
            tls_ciphers: tally(),
            tls_issuers: tally(),
            tls_clients: tally(),
            certificates: BoundedTable::new(TEXTS_MAX),
            http: Http::default(),
            http_hosts: tally(),
            http_methods: tally(),
            http_statuses: tally(),
            http_agents: tally(),
            http_types: tally(),
        }
    }

    /// A flow and what is known of it.
    pub(crate) fn flow(&mut self, flow: &FlowRecord) {
        self.bytes += flow.bytes();
        let Some(app) = flow.app.as_deref() else {
            return;
        };
        if let Some(name) = flow.server_name() {
            self.named_bytes += flow.bytes();
            let source = app.server_name_source;
            if let Some(domain) = flow.domain() {
                self.domains
                    .entry_with(&*lower(domain), |name| self.texts.get(name))
                    .flow(flow, source);
            }
            self.sites
                .entry_with(&*lower(name), |name| self.texts.get(name))
                .flow(flow, source);
        }
        for (risk, detail) in &app.risks {
            let Some(place) = Risk::ALL.iter().position(|known| known == risk) else {
                continue;
            };
            let counts = &mut self.risks[place];
            counts.flows += 1;
            let weight = flow.bytes();
            if counts.examples.len() < self.top
                || counts.examples.last().is_some_and(|least| least.0 < weight)
            {
                let at = counts.examples.partition_point(|other| other.0 >= weight);
                counts.examples.insert(at, (weight, example(flow, detail)));
                counts.examples.truncate(self.top);
            }
            if *risk == Risk::EncryptedDns {
                self.dns.encrypted_flows += 1;
            }
        }
    }

    /// A row that a payload gave.
    pub(crate) fn record(&mut self, record: &AppRecord) {
        match &record.row {
            AppRow::Dns(dns) => self.dns(dns, record),
            AppRow::Tls(tls) => self.tls(tls, record),
            AppRow::Http(http) => self.http(http),
            _ => {}
        }
    }

    fn dns(&mut self, dns: &DnsRecord, record: &AppRecord) {
        if dns.service != "dns" {
            self.dns.local_queries += 1;
            return;
        }
        self.dns.queries += 1;
        let query = dns.query.as_deref().map(lower);
        add(&mut self.dns_names, &self.texts, query.as_deref());
        let server = self.dns_servers.entry_ref(&record.dst.0);
        server.queries += 1;
        if let Some(qtype) = dns.qtype {
            add(
                &mut self.dns_types,
                &self.texts,
                Some(&qtype_name(qtype, false)),
            );
        }
        let Some(rcode) = dns.rcode else { return };
        self.dns.answered += 1;
        server.answered += 1;
        add(&mut self.dns_rcodes, &self.texts, Some(&rcode_name(rcode)));
        if rcode != 0 {
            self.dns.failures += 1;
            if let Some(query) = &query {
                self.dns_failures
                    .entry_with(&**query, |name| self.texts.get(name))
                    .add(rcode, 1);
            }
        }
        if let Some(rtt) = dns.rtt {
            server.times.add(rtt);
            self.dns_times.add(rtt);
            let name = || query.unwrap_or_default().into();
            keep_largest(&mut self.slow, (rtt, name, record.dst.0), self.top);
        }
    }

    fn tls(&mut self, tls: &TlsRecord, record: &AppRecord) {
        self.tls.handshakes += 1;
        self.tls.established += u64::from(tls.established);
        self.tls.with_server_name += u64::from(tls.server_name.is_some());
        self.tls.ech += u64::from(tls.ech);
        add(&mut self.tls_versions, &self.texts, tls.version.as_deref());
        add(&mut self.tls_ciphers, &self.texts, tls.cipher.as_deref());
        add(&mut self.tls_clients, &self.texts, tls.ja4.as_deref());
        let Some(certificate) = tls.certificate.as_deref() else {
            return;
        };
        add(
            &mut self.tls_issuers,
            &self.texts,
            Some(&certificate.issuer),
        );
        let Some(not_after) = certificate.not_after else {
            return;
        };
        let days_left = not_after.nanos_since(tls.ts).div_euclid(DAY_NANOS);
        let state = if days_left < 0 {
            "expired"
        } else if certificate.not_before.is_some_and(|start| start > tls.ts) {
            "not_yet_valid"
        } else if days_left <= EXPIRING_DAYS {
            "expiring"
        } else {
            return;
        };
        let server = tls
            .server_name
            .clone()
            .unwrap_or_else(|| record.dst.0.to_string().into());
        self.certificates
            .entry((certificate.subject.clone(), server))
            .absorb(Validity {
                seen: 1,
                issuer: certificate.issuer.clone(),
                not_after: not_after.as_nanos(),
                days_left,
                state,
            });
    }

    fn http(&mut self, http: &HttpRecord) {
        if http.method.is_some() {
            self.http.requests += 1;
        }
        self.http.response_bytes += http.response_encoded_len;
        let host = http.host.as_deref().map(lower);
        add(&mut self.http_hosts, &self.texts, host.as_deref());
        add(&mut self.http_methods, &self.texts, http.method.as_deref());
        add(
            &mut self.http_agents,
            &self.texts,
            http.user_agent.as_deref(),
        );
        add(
            &mut self.http_types,
            &self.texts,
            http.resp_mime_type.as_deref(),
        );
        if let Some(status) = http.status_code {
            add(
                &mut self.http_statuses,
                &self.texts,
                Some(&status.to_string()),
            );
        }
    }

    /// Adds the counts of a later shard.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.named_bytes += other.named_bytes;
        self.sites.absorb(other.sites);
        self.domains.absorb(other.domains);
        for (own, others) in self.risks.iter_mut().zip(other.risks) {
            own.flows += others.flows;
            for (weight, example) in others.examples {
                let at = own.examples.partition_point(|known| known.0 >= weight);
                own.examples.insert(at, (weight, example));
            }
            own.examples.truncate(self.top);
        }
        self.dns.queries += other.dns.queries;
        self.dns.answered += other.dns.answered;
        self.dns.failures += other.dns.failures;
        self.dns.local_queries += other.dns.local_queries;
        self.dns.encrypted_flows += other.dns.encrypted_flows;
        self.dns_names.absorb(other.dns_names);
        self.dns_types.absorb(other.dns_types);
        self.dns_rcodes.absorb(other.dns_rcodes);
        self.dns_failures.absorb(other.dns_failures);
        self.dns_servers.absorb(other.dns_servers);
        self.dns_times.absorb(&other.dns_times);
        for answer in other.slow {
            let (rtt, name, server) = answer;
            keep_largest(&mut self.slow, (rtt, || name, server), self.top);
        }
        self.tls.handshakes += other.tls.handshakes;
        self.tls.established += other.tls.established;
        self.tls.with_server_name += other.tls.with_server_name;
        self.tls.ech += other.tls.ech;
        self.tls_versions.absorb(other.tls_versions);
        self.tls_ciphers.absorb(other.tls_ciphers);
        self.tls_issuers.absorb(other.tls_issuers);
        self.tls_clients.absorb(other.tls_clients);
        self.certificates.absorb(other.certificates);
        self.http.requests += other.http.requests;
        self.http.response_bytes += other.http.response_bytes;
        self.http_hosts.absorb(other.http_hosts);
        self.http_methods.absorb(other.http_methods);
        self.http_statuses.absorb(other.http_statuses);
        self.http_agents.absorb(other.http_agents);
        self.http_types.absorb(other.http_types);
    }

    /// Whether names were forgotten for lack of room.
    pub(crate) fn forgot(&self) -> bool {
        self.sites.forgot() || self.domains.forgot()
    }

    /// Puts the facts into a report.
    pub(crate) fn finish(mut self, report: &mut Report) {
        let top = self.top;
        report.named_share = (self.bytes > 0).then(|| self.named_bytes as f64 / self.bytes as f64);
        let sites = |table: &BoundedTable<Text, SiteCounts>| {
            table
                .top(top, SiteCounts::bytes)
                .into_iter()
                .map(|(name, site)| site.site(name.as_str()))
                .collect()
        };
        report.sites = sites(&self.sites);
        report.domains = sites(&self.domains);
        report.risks = self.risks(top);
        report.dns = self.finish_dns();
        report.tls = self.finish_tls();
        self.http.hosts = counts(&self.http_hosts, top);
        self.http.methods = counts(&self.http_methods, top);
        self.http.statuses = counts(&self.http_statuses, top);
        self.http.user_agents = counts(&self.http_agents, top);
        self.http.mime_types = counts(&self.http_types, top);
        report.http = self.http;
    }

    fn risks(&mut self, top: usize) -> Vec<RiskSummary> {
        let mut risks: Vec<_> = Risk::ALL
            .iter()
            .zip(std::mem::take(&mut self.risks))
            .filter(|(_, counts)| counts.flows > 0)
            .collect();
        risks.sort_by_key(|(risk, counts)| {
            (
                std::cmp::Reverse((risk.severity(), counts.flows)),
                risk.name(),
            )
        });
        risks
            .into_iter()
            .map(|(risk, counts)| RiskSummary {
                risk: risk.name().to_owned(),
                title: risk.title().to_owned(),
                severity: risk.severity().name().to_owned(),
                flows: counts.flows,
                examples: counts
                    .examples
                    .into_iter()
                    .take(top)
                    .map(|(_, example)| example)
                    .collect(),
            })
            .collect()
    }

    fn finish_dns(&mut self) -> Dns {
        let top = self.top;
        let mut dns = std::mem::take(&mut self.dns);
        dns.top_names = counts(&self.dns_names, top);
        dns.types = counts(&self.dns_types, top);
        dns.rcodes = counts(&self.dns_rcodes, top);
        dns.failed_names = self
            .dns_failures
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
            .dns_servers
            .top(top, |server| server.queries)
            .into_iter()
            .map(|(address, server)| DnsServer {
                address: address.ip().to_string(),
                queries: server.queries,
                answered: server.answered,
                median_ms: server.times.median_ms(),
            })
            .collect();
        dns.slow = std::mem::take(&mut self.slow)
            .into_iter()
            .map(|(rtt, name, server)| SlowAnswer {
                name: name.into(),
                server: server.to_string(),
                rtt_ms: millis(rtt),
            })
            .collect();
        dns.rtt_ms = self.dns_times.distribution();
        dns
    }

    fn finish_tls(&mut self) -> Tls {
        let top = self.top;
        let mut tls = std::mem::take(&mut self.tls);
        tls.versions = counts(&self.tls_versions, top);
        tls.ciphers = counts(&self.tls_ciphers, top);
        tls.issuers = counts(&self.tls_issuers, top);
        tls.clients = counts(&self.tls_clients, top);
        let mut expiring: Vec<_> = self.certificates.iter().collect();
        expiring.sort_by_key(|(key, validity)| (validity.days_left, *key));
        tls.expiring = expiring
            .into_iter()
            .take(top)
            .map(|((subject, server), validity)| Certificate {
                subject: subject.to_string(),
                issuer: validity.issuer.to_string(),
                server: server.to_string(),
                not_after: Timestamp::from_nanos(validity.not_after).to_string(),
                days_left: validity.days_left,
                state: validity.state.to_owned(),
            })
            .collect();
        tls
    }
}

fn example(flow: &FlowRecord, detail: &str) -> RiskExample {
    let id: FlowId = flow.flow_id;
    RiskExample {
        flow_id: id.to_string(),
        src: flow.src_ip.to_string(),
        dst: match flow.dst_port {
            Some(port) => std::net::SocketAddr::new(flow.dst_ip, port).to_string(),
            None => flow.dst_ip.to_string(),
        },
        server_name: flow.server_name().map(ToOwned::to_owned),
        detail: text::display(detail.as_bytes()).into_owned(),
    }
}

/// Keeps the largest few, largest first; of equals the earlier.
fn keep_largest(
    list: &mut Vec<(i64, Box<str>, IpAddr)>,
    (rank, name, server): (i64, impl FnOnce() -> Box<str>, IpAddr),
    top: usize,
) {
    let most = top.min(HELD_MAX);
    if list.len() >= most && list.last().is_some_and(|least| least.0 >= rank) {
        return;
    }
    let at = list.partition_point(|other| other.0 >= rank);
    list.insert(at, (rank, name(), server));
    list.truncate(most);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stay() {
        let mut slow = Vec::new();
        for rtt in [5, 1, 9, 7, 3, 9] {
            keep_largest(&mut slow, (rtt, || "n".into(), IpAddr::from([0; 4])), 3);
        }
        let times: Vec<i64> = slow.iter().map(|entry| entry.0).collect();
        assert_eq!(times, [9, 9, 7]);
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

    #[test]
    fn clients_of_a_site_are_told_apart() {
        let mut site = SiteCounts::default();
        for index in 0..200_u8 {
            site.client(IpAddr::from([10, 0, 0, index]), u64::from(index));
        }
        site.client(IpAddr::from([10, 0, 0, 0]), 1_000);
        let site = site.site("a.example");
        assert_eq!(site.client_count, CLIENTS_MAX as u64);
        assert_eq!(site.clients.len(), CLIENTS_SHOWN);
        assert_eq!(site.clients[0], "10.0.0.0");
    }
}
