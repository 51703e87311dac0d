//! What a pass has to do.

use netloom_decode::app::Interest;
use netloom_tables::{AnyColumns, Requires};

use super::{Scan, TableRequest};
use crate::stage::Needs;

/// What a pass has to do for its requests.
#[derive(Debug)]
pub(super) struct Plan {
    /// Requests whose rows it makes, by their place.
    pub(super) requests: Vec<usize>,
    pub(super) needs: Needs,
    /// Whether it finds out the flows of packets for a second pass.
    pub(super) finds_flows: bool,
    /// Whether it keeps for these packets what their ports stand for.
    pub(super) services: bool,
    /// Whether owners of flows are looked for.
    pub(super) owners: bool,
    /// Whether packets are told what they say as parts of their TCP streams.
    pub(super) streams: bool,
    /// Where a timeline is wanted: whether services are told.
    pub(super) timeline: Option<bool>,
}

/// Which of the passes it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// All there is.
    Only,
    /// It finds something out for the second one.
    First,
    /// What the first found out is known. `flow_ids`: but for which flow has which identifier.
    Second { flow_ids: bool },
}

impl Plan {
    /// What a pass does for some of the requests; `all` are they as this pass has them.
    pub(super) fn new(scan: &Scan, all: &[TableRequest], requests: Vec<usize>, pass: Pass) -> Self {
        let mut plan = Self {
            requests: Vec::new(),
            needs: Needs::default(),
            finds_flows: pass == Pass::First,
            services: false,
            owners: false,
            streams: false,
            timeline: None,
        };
        let mut work = Work::default();
        for &request in &requests {
            plan.add(scan, &all[request], pass, &mut work);
        }
        if plan.finds_flows {
            (plan.needs.flow_firsts, plan.needs.rows) = (true, true);
            plan.needs.flows = true;
            let mut late = scan.requests.iter().filter(|request| scan.is_late(request));
            if late.any(|request| scan.names_of_packets(request)) {
                work.ask(Interest::NONE);
            }
        }
        plan.owners &= scan.options.owners.is_some();
        plan.needs.packets |= plan.owners || plan.streams;
        plan.needs.applications = work.interest;
        plan.needs.undecoded = !work.headers && !plan.needs.flows && !plan.needs.packets;
        plan.requests = requests;
        plan
    }

    /// Adds what a request needs.
    fn add(&mut self, scan: &Scan, request: &TableRequest, pass: Pass, work: &mut Work) {
        let requires = request.requires();
        let needs = &mut self.needs;
        match &request.columns {
            AnyColumns::Capture(_) => {}
            AnyColumns::Packets(_) | AnyColumns::Anomalies(_) => {
                needs.rows = true;
                work.headers |= requires.contains(Requires::HEADERS)
                    || matches!(request.columns, AnyColumns::Anomalies(_));
                if scan.options.live && scan.names_of_packets(request) {
                    needs.known = true;
                    work.ask(Interest::NONE);
                }
                self.streams |= requires.contains(Requires::STREAMS);
                let ids = scan.flows_of_packets(request);
                if ids && (scan.options.live || pass == (Pass::Second { flow_ids: true })) {
                    (needs.flows, needs.flow_ids) = (true, true);
                }
            }
            AnyColumns::Flows(_) => {
                (needs.rows, needs.flows) = (true, true);
                needs.features = needs.features.with(requires.features());
                if requires.contains(Requires::APPLICATIONS) {
                    work.ask(requires.interest());
                }
                self.owners |= requires.contains(Requires::OWNERS);
            }
            AnyColumns::Timeline(_) => {
                needs.rows = true;
                work.headers |= requires.contains(Requires::HEADERS);
                needs.flows |= requires.contains(Requires::FLOWS);
                let services = requires.contains(Requires::APPLICATIONS);
                if services {
                    (needs.flows, needs.packets) = (true, true);
                    work.ask(Interest::NONE);
                }
                self.timeline = Some(services || self.timeline == Some(true));
            }
            records => {
                (needs.rows, needs.flows) = (true, true);
                let kind = kind_of(records).map_or(Interest::NONE, |(_, interest)| interest);
                work.ask(kind.with(requires.interest()));
            }
        }
    }
}

/// What is done with packets.
#[derive(Default)]
struct Work {
    headers: bool,
    interest: Option<Interest>,
}

impl Work {
    /// Payloads are looked at, for this.
    fn ask(&mut self, interest: Interest) {
        self.interest = Some(self.interest.unwrap_or(Interest::NONE).with(interest));
    }
}

/// Kinds of records that come out of payloads.
pub(super) const KINDS: usize = 5;
/// The kind that no table of records has, but `hosts`.
pub(super) const DEVICES: usize = 4;

/// The kind of records that a table's rows are made from, and what parsers are asked for.
pub(super) fn kind_of(columns: &AnyColumns) -> Option<(usize, Interest)> {
    Some(match columns {
        AnyColumns::Dns(_) => (0, Interest::DNS.with(Interest::DETAILS)),
        AnyColumns::Tls(_) => (1, Interest::TLS.with(Interest::DETAILS)),
        AnyColumns::Http(_) => (2, Interest::HTTP.with(Interest::DETAILS)),
        AnyColumns::Messages(_) => (3, Interest::MESSAGES),
        AnyColumns::Hosts(_) => (DEVICES, Interest::DEVICES),
        _ => return None,
    })
}
