//! What names tell: sites, DNS, TLS, HTTP, risks.

mod dns;
mod http;
mod risks;
mod sites;
mod tally;
mod tls;

use std::sync::Arc;

use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::{AppRecord, AppRow};

use super::words::Texts;
use crate::report::model::Report;
use dns::DnsCounter;
use http::HttpCounter;
pub(crate) use risks::FlowRisks;
use sites::SiteCounter;
use tls::TlsCounter;

/// Counts what names tell of a shard's flows, in packet order.
#[derive(Debug)]
pub(crate) struct NameCounter {
    top: usize,
    texts: Arc<Texts>,
    sites: SiteCounter,
    dns: DnsCounter,
    tls: TlsCounter,
    http: HttpCounter,
}

impl NameCounter {
    pub(crate) fn new(top: usize, texts: Arc<Texts>) -> Self {
        Self {
            top,
            texts,
            sites: SiteCounter::default(),
            dns: DnsCounter::default(),
            tls: TlsCounter::default(),
            http: HttpCounter::default(),
        }
    }

    /// A flow and what is known of it.
    pub(crate) fn flow(&mut self, flow: &FlowRecord) {
        let app = flow.app.as_deref();
        self.sites.flow(flow, app, &self.texts);
        if let Some(app) = app {
            self.dns.flow(app);
        }
    }

    /// A row that a payload gave.
    pub(crate) fn record(&mut self, record: &AppRecord) {
        match &record.row {
            AppRow::Dns(dns) => self.dns.record(dns, record, &self.texts, self.top),
            AppRow::Tls(tls) => self.tls.record(tls, record, &self.texts),
            AppRow::Http(http) => self.http.record(http, &self.texts),
            _ => {}
        }
    }

    /// Adds the counts of a later shard.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.sites.absorb(other.sites);
        self.dns.absorb(other.dns, self.top);
        self.tls.absorb(other.tls);
        self.http.absorb(other.http);
    }

    /// Whether names were forgotten for lack of room.
    pub(crate) fn forgot(&self) -> bool {
        self.sites.forgot()
    }

    /// Puts the facts into a report.
    pub(crate) fn finish(self, report: &mut Report) {
        let top = self.top;
        self.sites.finish(report, top);
        report.dns = self.dns.finish(top);
        report.tls = self.tls.finish(top);
        report.http = self.http.finish(top);
    }
}
