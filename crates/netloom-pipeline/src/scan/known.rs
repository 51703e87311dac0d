//! What is known by now of flows that go on, where nothing can be read twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use netloom_decode::app::Protocol;
use netloom_flow::{FlowId, Ingested, KnownFlow};

use super::flows::Server;

/// Most flows whose names are kept.
const NAMES_MAX: usize = 4 << 20;

/// What is known by now of flows that go on.
#[derive(Debug, Default)]
pub(super) struct LiveNames {
    names: RwLock<HashMap<FlowId, LiveName>>,
    /// Rows that were written before their server's name was known.
    late: AtomicU64,
}

/// What is known by now of a flow.
#[derive(Debug, Default)]
pub(super) struct LiveName {
    /// What was recognised.
    pub(super) service: Option<&'static Protocol>,
    pub(super) server: Option<Arc<Server>>,
    /// Rows written without a name.
    unnamed: AtomicU64,
}

impl LiveName {
    /// Counts a row that has no name yet.
    pub(super) fn row(&self) {
        if self.server.is_none() {
            self.unnamed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn server_name(&self) -> Option<&str> {
        self.server.as_ref().map(|server| &*server.name)
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
        let names = self.read();
        let before = names.get(&id);
        let same = before.is_some_and(|before| {
            before.service == known.service && before.server_name() == known.server_name
        });
        if same || before.is_none() && names.len() >= NAMES_MAX {
            return;
        }
        drop(names);
        let mut names = self.write();
        let entry = names.entry(id).or_default();
        entry.service = known.service;
        if entry.server_name() != known.server_name {
            entry.server = known.server_name.map(|name| Arc::new(Server::new(name)));
        }
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
                && ended.server.is_none()
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
