//! How the table of hosts is told what happened: in packet order, wherever rounds begin and whoever
//! else wants to know.

use netloom_flow::app::{AppRecord, AppRow};

use super::order::{Closed, sort_flows, sort_records};
use crate::hosts::{HostTable, Sight};
use crate::stage::StagePacket;

/// Addresses that are kept.
const HOSTS_MAX: usize = 1 << 18;

/// The table, and what waits until it may be told.
pub(super) struct HostFeed {
    table: HostTable,
    /// What the round's packets say by themselves, in their order.
    sights: Vec<Sight>,
    /// Whether it knows of the flows that the capture's end ended.
    knows_all: bool,
}

impl HostFeed {
    pub(super) fn new() -> Self {
        Self {
            table: HostTable::new(HOSTS_MAX),
            sights: Vec::new(),
            knows_all: false,
        }
    }

    /// A packet that matters by itself, in packet order.
    pub(super) fn packet(&mut self, packet: &StagePacket<'_>) {
        self.sights.extend(Sight::of(packet));
    }

    /// What came of a round's packets, each in order.
    pub(super) fn round(&mut self, devices: &mut Vec<AppRecord>, flows: &[Closed]) {
        if !self.knows_all {
            feed(
                &mut self.table,
                self.sights.drain(..),
                devices.drain(..),
                flows,
            );
        }
    }

    /// What came of a shard's flows that the capture's end ended, all by one number: they come shard
    /// by shard, as not all have to be kept at once where nobody else wants them.
    pub(super) fn end(&mut self, devices: &mut Vec<AppRecord>, flows: &mut [Closed]) {
        self.knows_all = true;
        sort_flows(flows);
        sort_records(devices);
        feed(
            &mut self.table,
            std::iter::empty(),
            devices.drain(..),
            flows,
        );
    }

    /// The table, when it was told everything.
    pub(super) fn settled(mut self) -> HostTable {
        self.table.settle();
        self.table
    }
}

/// Tells the table of hosts what happened, in packet order: of one packet first
/// what it says by itself, then what devices said in it, then the flows that it ended.
fn feed(
    hosts: &mut HostTable,
    sights: impl Iterator<Item = Sight>,
    devices: impl Iterator<Item = AppRecord>,
    flows: &[Closed],
) {
    let (mut sights, mut devices) = (sights.peekable(), devices.peekable());
    let mut flows = flows.iter().peekable();
    loop {
        let next = [
            sights.peek().map(|sight| sight.number),
            devices.peek().map(|record| record.number),
            flows.peek().map(|closed| closed.by),
        ];
        let Some(number) = next.into_iter().flatten().min() else {
            break;
        };
        while let Some(sight) = sights.next_if(|sight| sight.number == number) {
            hosts.sight(&sight);
        }
        while let Some(record) = devices.next_if(|record| record.number == number) {
            if let AppRow::Device(device) = &record.row {
                hosts.device(device);
            }
        }
        while let Some(closed) = flows.next_if(|closed| closed.by == number) {
            hosts.flow(&closed.flow);
        }
    }
}
