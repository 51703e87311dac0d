//! The `hosts` table: written at the end, when everything is known.

use netloom::FlowRecord;
use netloom::decode::Decoded;
use netloom::decode::app::Interest;
use netloom::pipeline::flow::app::{AppRecord, AppRow};
use netloom::pipeline::hosts::HostTable;
use netloom::pipeline::{Needs, RoundError, ShardFacts, Stage, StagePacket};

/// Addresses that are kept.
const HOSTS_MAX: usize = 1 << 18;

/// Gathers what is known about addresses.
pub(crate) struct HostsStage;

/// What a shard holds back for a round.
#[derive(Default)]
pub(crate) struct Round {
    flows: Vec<FlowRecord>,
    devices: Vec<AppRecord>,
}

impl HostsStage {
    /// Takes a shard's news in packet order.
    fn take(table: &mut HostTable, flows: &mut Vec<FlowRecord>, devices: &mut Vec<AppRecord>) {
        flows.sort_unstable_by_key(|flow| (flow.closed_by, flow.flow_id));
        devices.sort_by_key(|record| (record.number, record.flow_id));
        for record in devices.drain(..) {
            if let AppRow::Device(device) = &record.row {
                table.device(device);
            }
        }
        for flow in flows.drain(..) {
            table.flow(&flow);
        }
    }
}

impl Stage for HostsStage {
    type Worker = ();
    type Shard = Round;
    type Serial = HostTable;
    type Rows = ();
    type Output = HostTable;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            applications: Some(Interest::DEVICES),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Round {
        Round::default()
    }

    fn new_serial(&self) -> HostTable {
        HostTable::new(HOSTS_MAX, false)
    }

    fn app(&self, (): &mut (), shard: &mut Round, record: AppRecord) {
        shard.devices.push(record);
    }

    fn flow_end(&self, (): &mut (), shard: &mut Round, flow: &FlowRecord) {
        shard.flows.push(flow.clone());
    }

    fn wants_cross(&self, decoded: &Decoded) -> bool {
        HostTable::wants(decoded)
    }

    fn cross(&self, table: &mut HostTable, packet: &StagePacket<'_>) {
        table.packet(packet);
    }

    fn round_end(
        &self,
        table: &mut HostTable,
        shards: &mut [&mut Round],
        _rows: Vec<()>,
    ) -> Result<(), RoundError> {
        let (mut flows, mut devices) = (Vec::new(), Vec::new());
        for shard in shards {
            flows.append(&mut shard.flows);
            devices.append(&mut shard.devices);
        }
        Self::take(table, &mut flows, &mut devices);
        Ok(())
    }

    fn capture_end(&self, table: &mut HostTable, shards: &mut [&mut Round]) {
        // Flows that packets closed come before those that the end closes.
        let _ = self.round_end(table, shards, Vec::new());
    }

    fn shard_end(&self, table: &mut HostTable, shard: &mut Round) {
        // Every flow that is still alive ends here: not all shards at once.
        Self::take(table, &mut shard.flows, &mut shard.devices);
    }

    fn merge(&self, table: HostTable, _: Vec<Round>, _: Vec<()>, _: &ShardFacts) -> HostTable {
        table
    }
}
