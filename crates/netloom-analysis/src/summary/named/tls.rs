//! TLS: versions, issuers, and certificates that end soon.

use std::borrow::Cow;

use hashbrown::Equivalent;
use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::flow::app::{AppRecord, TlsRecord};
use netloom_pipeline::packet::Timestamp;

use super::tally::{TEXTS_MAX, Tally, cut};
use crate::report::model::{Certificate, Tls};
use crate::summary::words::{Text, Texts};

/// Days before its end that a certificate is worth a look.
const EXPIRING_DAYS: i64 = 30;
const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

/// How long a certificate is good for, and who showed it.
#[derive(Debug, Default)]
struct Validity {
    seen: u64,
    issuer: Option<Text>,
    not_after: i64,
    days_left: i64,
    state: &'static str,
}

/// How bad a state is: certificates that have ended are a finding of their own.
fn grade(state: &str) -> u64 {
    match state {
        "expired" => 3,
        "not_yet_valid" => 2,
        "expiring" => 1,
        _ => 0,
    }
}

impl Counts for Validity {
    /// The worst stay, however rarely they were seen.
    fn weight(&self) -> u64 {
        grade(self.state) << 62 | self.seen.min((1 << 62) - 1)
    }

    /// The worse is told; of those that are as bad, the first.
    fn absorb(&mut self, other: Self) {
        let seen = self.seen + other.seen;
        if grade(other.state) > grade(self.state) {
            *self = other;
        }
        self.seen = seen;
    }
}

/// Subject of a certificate and server that showed it, to look them up.
#[derive(Hash)]
struct Shown<'a>(&'a str, &'a str);

impl Equivalent<(Text, Text)> for Shown<'_> {
    fn equivalent(&self, (subject, server): &(Text, Text)) -> bool {
        self.0.equivalent(subject) && self.1.equivalent(server)
    }
}

/// Counts TLS handshakes.
#[derive(Debug)]
pub(super) struct TlsCounter {
    totals: Tls,
    versions: Tally,
    ciphers: Tally,
    issuers: Tally,
    clients: Tally,
    /// By subject and server.
    certificates: BoundedTable<(Text, Text), Validity>,
}

impl Default for TlsCounter {
    fn default() -> Self {
        Self {
            totals: Tls::default(),
            versions: Tally::default(),
            ciphers: Tally::default(),
            issuers: Tally::default(),
            clients: Tally::default(),
            certificates: BoundedTable::new(TEXTS_MAX),
        }
    }
}

impl TlsCounter {
    pub(super) fn record(&mut self, tls: &TlsRecord, record: &AppRecord, texts: &Texts) {
        self.totals.handshakes += 1;
        self.totals.established += u64::from(tls.established);
        self.totals.with_server_name += u64::from(tls.server_name.is_some());
        self.totals.ech += u64::from(tls.ech);
        self.versions.add(texts, tls.version.as_deref());
        self.ciphers.add(texts, tls.cipher.as_deref());
        self.clients.add(texts, tls.ja4.as_deref());
        let Some(certificate) = tls.certificate.as_deref() else {
            return;
        };
        self.issuers.add(texts, Some(&certificate.issuer));
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
        let server = match tls.server_name.as_deref() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(record.origin.dst.0.to_string()),
        };
        let shown = Shown(cut(&certificate.subject), cut(&server));
        let validity = self
            .certificates
            .entry_with(&shown, |shown| (texts.get(shown.0), texts.get(shown.1)));
        validity.seen += 1;
        if grade(state) > grade(validity.state) {
            *validity = Validity {
                seen: validity.seen,
                issuer: Some(texts.get(cut(&certificate.issuer))),
                not_after: not_after.as_nanos(),
                days_left,
                state,
            };
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.totals.handshakes += other.totals.handshakes;
        self.totals.established += other.totals.established;
        self.totals.with_server_name += other.totals.with_server_name;
        self.totals.ech += other.totals.ech;
        self.versions.absorb(other.versions);
        self.ciphers.absorb(other.ciphers);
        self.issuers.absorb(other.issuers);
        self.clients.absorb(other.clients);
        self.certificates.absorb(other.certificates);
    }

    pub(super) fn finish(self, top: usize) -> Tls {
        let mut tls = self.totals;
        let tables = [&self.versions, &self.ciphers, &self.issuers, &self.clients];
        tls.approximate = tables.into_iter().any(Tally::forgot) || self.certificates.forgot();
        tls.versions = self.versions.counts(top);
        tls.ciphers = self.ciphers.counts(top);
        tls.issuers = self.issuers.counts(top);
        tls.clients = self.clients.counts(top);
        let mut expiring: Vec<_> = self.certificates.iter().collect();
        expiring.sort_by_key(|(key, validity)| (validity.days_left, *key));
        tls.expiring = expiring
            .into_iter()
            .take(top)
            .map(|((subject, server), validity)| Certificate {
                subject: subject.as_str().to_owned(),
                issuer: validity.issuer.as_ref().map_or("", Text::as_str).to_owned(),
                server: server.as_str().to_owned(),
                not_after: Timestamp::from_nanos(validity.not_after).to_string(),
                days_left: validity.days_left,
                state: validity.state.to_owned(),
            })
            .collect();
        tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has ended stays, however many end soon.
    #[test]
    fn the_worst_certificates_stay() {
        let texts = Texts::default();
        let mut counter = TlsCounter::default();
        let mut see = |name: &str, state, seen| {
            let key = (texts.get(name), texts.get(name));
            counter.certificates.entry(key).absorb(Validity {
                seen,
                state,
                ..Validity::default()
            });
        };
        see("old.example", "expiring", 1);
        see("old.example", "expired", 1);
        for number in 0..10 * TEXTS_MAX {
            see(&format!("{number}.example"), "expiring", 100);
        }
        let told = counter.certificates.top(1, Counts::weight);
        assert_eq!(told[0].0.0.as_str(), "old.example");
        assert_eq!((told[0].1.state, told[0].1.seen), ("expired", 2));
    }
}
