//! What is known of packets only after them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use netloom_flow::{FlowId, FlowRecord, Ingested, KnownFlow};

/// Most flows whose names are kept.
const NAMES_MAX: usize = 4 << 20;

/// What is behind a flow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FlowName {
    pub(super) service: Option<&'static str>,
    pub(super) server_name: Option<Box<str>>,
}

impl FlowName {
    /// `None` where nothing is known that a packet does not tell itself.
    pub(super) fn of(flow: &FlowRecord) -> Option<Self> {
        let name = Self {
            service: flow.recognised().map(|protocol| protocol.name),
            server_name: flow.server_name().map(Into::into),
        };
        (name.service.is_some() || name.server_name.is_some()).then_some(name)
    }
}

/// Names that a shard may keep.
pub(super) const SHARD_NAMES_MAX: usize = NAMES_MAX / crate::SHARDS;

/// What the first pass found out.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Flows of packets that were known only after them.
    pub(super) late_flow_ids: HashMap<u64, FlowId>,
    /// What is behind flows.
    pub(super) names: HashMap<FlowId, FlowName>,
}

/// What is known by now of flows that go on, where nothing can be read twice.
#[derive(Debug, Default)]
pub(super) struct LiveNames {
    names: RwLock<HashMap<FlowId, LiveName>>,
    /// Rows that were written before their server's name was known.
    late: AtomicU64,
}

#[derive(Debug)]
pub(super) struct LiveName {
    pub(super) name: FlowName,
    /// Rows written without a name.
    unnamed: AtomicU64,
}

impl LiveName {
    /// Counts a row that has no name yet.
    pub(super) fn row(&self) {
        if self.name.server_name.is_none() {
            self.unnamed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A flow that has ended, and whether its server has a name.
pub(super) type Ended = (FlowId, bool);

impl LiveNames {
    /// What is known now.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, HashMap<FlowId, LiveName>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<FlowId, LiveName>> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is known of a packet's flow.
    pub(super) fn learn(&self, flow: &Ingested, known: KnownFlow<'_>) {
        let Some(id) = flow.flow_id else {
            return;
        };
        let service = known.service.map(|protocol| protocol.name);
        let names = self.read();
        let before = names.get(&id);
        let same = before.is_some_and(|before| {
            before.name.service == service
                && before.name.server_name.as_deref() == known.server_name
        });
        if same || before.is_none() && names.len() >= NAMES_MAX {
            return;
        }
        drop(names);
        let mut names = self.write();
        let entry = names.entry(id).or_insert_with(|| LiveName {
            name: FlowName {
                service: None,
                server_name: None,
            },
            unnamed: AtomicU64::new(0),
        });
        entry.name = FlowName {
            service,
            server_name: known.server_name.map(Into::into),
        };
        if known.server_name.is_some() {
            let rows = entry.unnamed.swap(0, Ordering::Relaxed);
            self.late.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Forgets flows that have ended, after the rows of their last packets were made.
    pub(super) fn forget(&self, ended: impl Iterator<Item = Ended>) {
        let mut names = self.write();
        for (id, named) in ended {
            if let Some(ended) = names.remove(&id)
                && named
                && ended.name.server_name.is_none()
            {
                let rows = ended.unnamed.into_inner();
                self.late.fetch_add(rows, Ordering::Relaxed);
            }
        }
    }

    /// Rows that were too early for their server's name.
    pub(super) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }
}
