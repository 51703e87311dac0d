//! Sites and domains: who was there, and how much came from them.

use std::net::IpAddr;

use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::compact::{Address, Halves};
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::AppInfo;

use super::tally::lower;
use crate::report::model::{Report, Site};
use crate::summary::words::{Text, Texts};

/// Names of servers that a shard counts one by one.
const SITES_MAX: usize = 1_024;
/// Clients of a site that are told apart.
const CLIENTS_MAX: usize = 64;
/// Clients of a site that are shown.
const CLIENTS_SHOWN: usize = 8;

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

/// Counts flows by the names of their servers.
#[derive(Debug)]
pub(super) struct SiteCounter {
    bytes: u64,
    named_bytes: u64,
    sites: BoundedTable<Text, SiteCounts>,
    domains: BoundedTable<Text, SiteCounts>,
}

impl Default for SiteCounter {
    fn default() -> Self {
        Self {
            bytes: 0,
            named_bytes: 0,
            sites: BoundedTable::new(SITES_MAX),
            domains: BoundedTable::new(SITES_MAX),
        }
    }
}

impl SiteCounter {
    /// A flow that says nothing of its server, too.
    pub(super) fn flow(&mut self, flow: &FlowRecord, app: Option<&AppInfo>, texts: &Texts) {
        self.bytes += flow.bytes();
        let (Some(app), Some(name)) = (app, flow.server_name()) else {
            return;
        };
        self.named_bytes += flow.bytes();
        let source = app.server_name_source;
        if let Some(domain) = flow.domain() {
            self.domains
                .entry_with(&*domain, |name| texts.get(name))
                .flow(flow, source);
        }
        self.sites
            .entry_with(&*lower(name), |name| texts.get(name))
            .flow(flow, source);
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.named_bytes += other.named_bytes;
        self.sites.absorb(other.sites);
        self.domains.absorb(other.domains);
    }

    /// Whether names were forgotten for lack of room.
    pub(super) fn forgot(&self) -> bool {
        self.sites.forgot() || self.domains.forgot()
    }

    pub(super) fn finish(&self, report: &mut Report, top: usize) {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
