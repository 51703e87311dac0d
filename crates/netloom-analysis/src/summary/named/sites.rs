//! Sites and domains: who was there, and how much came from them.

use std::net::IpAddr;

use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::compact::{Address, Halves};
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::AppInfo;

use super::tally::{cut, lower};
use crate::report::model::{Report, Site};
use crate::summary::words::{Text, Texts};

/// Names of servers that a shard counts one by one.
const SITES_MAX: usize = 1_024;
/// Clients of a site that are told apart.
const CLIENTS_MAX: usize = Site::CLIENTS_MAX;
/// Clients besides the first of each that a shard's sites have together, and its domains.
const MORE_CLIENTS_MAX: usize = 16_384;
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

/// What became of a flow's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It is counted already, or there are as many as are told apart.
    Known,
    Added,
    LeftOut,
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
            self.client(client, bytes, true);
        }
    }
}

impl SiteCounts {
    fn bytes(&self) -> u64 {
        self.counts.get(BYTES)
    }

    /// A flow; whether a client is one more than the first. Without `room` none is told apart.
    fn flow(&mut self, flow: &FlowRecord, source: &'static str, room: bool) -> Client {
        self.counts.add(FLOWS, 1);
        self.counts.add(BYTES, flow.bytes());
        self.counts.add(RECEIVED, flow.bwd.bytes);
        self.app = self.app.or_else(|| flow.product());
        self.source(source);
        self.client(flow.src_ip, flow.bytes(), room)
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

    fn client(&mut self, client: IpAddr, bytes: u64, room: bool) -> Client {
        let first = *self.client.get_or_insert(client);
        if first == client {
            self.counts.add(OF_CLIENT, bytes);
            return Client::Known;
        }
        let others = self.counts.more().map_or(&[][..], |others| &others.clients);
        if let Some(at) = others.iter().position(|known| known.0.ip() == client) {
            if let Some(known) = self.counts.more_mut().clients.get_mut(at) {
                known.1 += bytes;
            }
            return Client::Known;
        }
        if others.len() >= CLIENTS_MAX - 1 {
            return Client::Known;
        }
        if !room {
            return Client::LeftOut;
        }
        let clients = &mut self.counts.more_mut().clients;
        if clients.len() == clients.capacity() {
            clients.reserve_exact(clients.len().clamp(1, 8));
        }
        clients.push((Address::from(&client), bytes));
        Client::Added
    }

    /// Clients besides the first.
    fn more_clients(&self) -> usize {
        self.counts.more().map_or(0, |others| others.clients.len())
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

/// Sites, and how much room their clients take.
#[derive(Debug)]
struct Sites {
    table: BoundedTable<Text, SiteCounts>,
    /// Clients besides the first of each, when the table had last forgotten so often.
    more_clients: usize,
    forgets: u32,
    /// Whether clients were left out.
    left_out: bool,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            table: BoundedTable::new(SITES_MAX),
            more_clients: 0,
            forgets: 0,
            left_out: false,
        }
    }
}

impl Sites {
    fn flow(&mut self, name: &str, flow: &FlowRecord, source: &'static str, texts: &Texts) {
        if self.table.forgets() != self.forgets {
            self.forgets = self.table.forgets();
            let sites = self.table.iter();
            self.more_clients = sites.map(|(_, site)| site.more_clients()).sum();
        }
        let room = self.more_clients < MORE_CLIENTS_MAX;
        let site = self.table.entry_with(cut(name), |name| texts.get(name));
        match site.flow(flow, source, room) {
            Client::Known => {}
            Client::Added => self.more_clients += 1,
            Client::LeftOut => self.left_out = true,
        }
    }

    fn absorb(&mut self, other: Self) {
        self.table.absorb(other.table);
        self.left_out |= other.left_out;
    }

    fn forgot(&self) -> bool {
        self.left_out || self.table.forgot()
    }

    fn finish(&self, top: usize) -> Vec<Site> {
        let sites = self.table.top(top, SiteCounts::bytes).into_iter();
        sites.map(|(name, site)| site.site(name.as_str())).collect()
    }
}

/// Counts flows by the names of their servers.
#[derive(Debug, Default)]
pub(super) struct SiteCounter {
    bytes: u64,
    named_bytes: u64,
    sites: Sites,
    domains: Sites,
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
            self.domains.flow(&domain, flow, source, texts);
        }
        self.sites.flow(&lower(name), flow, source, texts);
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.named_bytes += other.named_bytes;
        self.sites.absorb(other.sites);
        self.domains.absorb(other.domains);
    }

    /// Whether names were forgotten, or clients left out, for lack of room.
    pub(super) fn forgot(&self) -> bool {
        self.sites.forgot() || self.domains.forgot()
    }

    pub(super) fn finish(&self, report: &mut Report, top: usize) {
        report.named_share = (self.bytes > 0).then(|| self.named_bytes as f64 / self.bytes as f64);
        report.sites = self.sites.finish(top);
        report.domains = self.domains.finish(top);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::flow_of;

    #[test]
    fn clients_of_a_site_are_told_apart() {
        let mut site = SiteCounts::default();
        for index in 0..200_u8 {
            site.client(IpAddr::from([10, 0, 0, index]), u64::from(index), true);
        }
        site.client(IpAddr::from([10, 0, 0, 0]), 1_000, true);
        let site = site.site("a.example");
        assert_eq!(site.client_count, CLIENTS_MAX as u64);
        assert_eq!(site.clients.len(), CLIENTS_SHOWN);
        assert_eq!(site.clients[0], "10.0.0.0");
    }

    /// What takes room is bounded in bytes, whatever the names and however many the clients.
    #[test]
    fn room_is_bounded_in_bytes() {
        let (mut sites, texts) = (Sites::default(), Texts::default());
        let clients = 40_u32;
        for site in 0..SITES_MAX {
            // Of those that share the beginning only as much is told apart as is kept.
            let name = format!("{site:04}{}", "\\xff".repeat(500));
            for client in 0..clients {
                let mut flow = flow_of(client.to_be_bytes(), [10, 0, 0, 2]);
                flow.fwd.bytes = 1;
                sites.flow(&name, &flow, "tls_sni", &texts);
            }
        }
        let longest = sites.table.iter().map(|(name, _)| name.as_str().len());
        assert_eq!(longest.max(), Some(cut(&"a".repeat(999)).len()));
        let more: usize = sites.table.iter().map(|(_, s)| s.more_clients()).sum();
        assert_eq!(more, MORE_CLIENTS_MAX);
        assert!(sites.forgot() && !sites.table.forgot());
        let flows: u64 = sites.finish(usize::MAX).iter().map(|site| site.flows).sum();
        assert_eq!(flows, SITES_MAX as u64 * u64::from(clients));
    }
}
