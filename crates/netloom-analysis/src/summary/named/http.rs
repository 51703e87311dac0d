//! HTTP in clear: hosts, methods, statuses, agents, types.

use netloom_pipeline::flow::app::HttpRecord;

use super::tally::{Tally, lower};
use crate::report::model::Http;
use crate::summary::words::Texts;

/// Counts HTTP requests and responses.
#[derive(Debug, Default)]
pub(super) struct HttpCounter {
    totals: Http,
    hosts: Tally,
    methods: Tally,
    statuses: Tally,
    agents: Tally,
    types: Tally,
}

impl HttpCounter {
    pub(super) fn record(&mut self, http: &HttpRecord, texts: &Texts) {
        if http.method.is_some() {
            self.totals.requests += 1;
        }
        self.totals.response_bytes += http.response_encoded_len;
        let host = http.host.as_deref().map(lower);
        self.hosts.add(texts, host.as_deref());
        self.methods.add(texts, http.method.as_deref());
        self.agents.add(texts, http.user_agent.as_deref());
        self.types.add(texts, http.resp_mime_type.as_deref());
        if let Some(status) = http.status_code {
            self.statuses.add(texts, Some(&status.to_string()));
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.totals.requests += other.totals.requests;
        self.totals.response_bytes += other.totals.response_bytes;
        self.hosts.absorb(other.hosts);
        self.methods.absorb(other.methods);
        self.statuses.absorb(other.statuses);
        self.agents.absorb(other.agents);
        self.types.absorb(other.types);
    }

    pub(super) fn finish(self, top: usize) -> Http {
        let mut http = self.totals;
        let tables = [
            &self.hosts,
            &self.methods,
            &self.statuses,
            &self.agents,
            &self.types,
        ];
        http.approximate = tables.into_iter().any(Tally::forgot);
        http.hosts = self.hosts.counts(top);
        http.methods = self.methods.counts(top);
        http.statuses = self.statuses.counts(top);
        http.user_agents = self.agents.counts(top);
        http.mime_types = self.types.counts(top);
        http
    }
}
