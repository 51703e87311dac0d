//! Who owns the flows of this machine.

use std::net::SocketAddr;

use netloom::capture::live::sockets::SocketWatcher;
use netloom::pipeline::flow::FlowOwner;
use netloom::pipeline::scan::FlowOwners;

/// Looks owners up among the sockets of this machine.
pub(super) struct Sockets(SocketWatcher);

impl Sockets {
    /// Begins to watch sockets; `None` where that cannot be: owners stay unknown then.
    pub(super) fn watch() -> Option<Self> {
        SocketWatcher::start().ok().map(Self)
    }
}

impl FlowOwners for Sockets {
    fn owner(&self, protocol: u8, one: SocketAddr, other: SocketAddr) -> Option<FlowOwner> {
        let owner = self.0.lookup(protocol, one, other)?;
        let number = owner.uid.to_string();
        let user = owner.user.as_deref().unwrap_or(&number);
        Some(FlowOwner::new(
            owner.pid,
            owner.process.as_deref(),
            Some(user),
        ))
    }
}
