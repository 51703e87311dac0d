//! Risks of flows, and the flows to look at first.

use std::cmp::Reverse;

use netloom_pipeline::decode::app::{Risk, text};
use netloom_pipeline::flow::FlowRecord;

use super::tally::keep_largest;
use crate::report::model::{RiskExample, RiskSummary};

#[derive(Debug, Default)]
struct RiskCounts {
    flows: u64,
    /// Those with the most bytes.
    examples: Vec<(Rank, RiskExample)>,
}

/// Bytes of a flow; of equals, the one that ended first comes first.
type Rank = (u64, Reverse<(u64, u64)>);

/// Counts flows by their risks, in any order.
#[derive(Debug)]
pub(crate) struct FlowRisks(Vec<RiskCounts>);

impl Default for FlowRisks {
    fn default() -> Self {
        Self(Risk::ALL.iter().map(|_| RiskCounts::default()).collect())
    }
}

impl FlowRisks {
    pub(crate) fn flow(&mut self, flow: &FlowRecord, top: usize) {
        let risks = flow.app.as_deref().map_or(&[][..], |app| &app.risks);
        let rank = (flow.bytes(), Reverse((flow.closed_by, flow.first_number)));
        for (risk, detail) in risks {
            let Some(place) = Risk::ALL.iter().position(|known| known == risk) else {
                continue;
            };
            let counts = &mut self.0[place];
            counts.flows += 1;
            let example = || example(flow, detail);
            keep_largest(&mut counts.examples, rank, example, top);
        }
    }

    pub(crate) fn absorb(&mut self, other: Self, top: usize) {
        for (own, others) in self.0.iter_mut().zip(other.0) {
            own.flows += others.flows;
            for (rank, example) in others.examples {
                keep_largest(&mut own.examples, rank, || example, top);
            }
        }
    }

    /// The worst first, then those of the most flows.
    pub(crate) fn finish(self, top: usize) -> Vec<RiskSummary> {
        let mut risks: Vec<_> = Risk::ALL
            .iter()
            .zip(self.0)
            .filter(|(_, counts)| counts.flows > 0)
            .collect();
        risks.sort_by_key(|(risk, counts)| (Reverse((risk.severity(), counts.flows)), risk.name()));
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
}

fn example(flow: &FlowRecord, detail: &str) -> RiskExample {
    RiskExample {
        flow_id: flow.flow_id().to_string(),
        src: flow.src_ip.to_string(),
        dst: match flow.dst_port {
            Some(port) => std::net::SocketAddr::new(flow.dst_ip, port).to_string(),
            None => flow.dst_ip.to_string(),
        },
        server_name: flow.server_name().map(ToOwned::to_owned),
        detail: text::display(detail.as_bytes()).into_owned(),
    }
}
