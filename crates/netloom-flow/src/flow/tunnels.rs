//! How the tunnels around a connection change.

use super::{Flow, Rare};
use crate::outer::tunnels_around;
use crate::table::FlowPacket;

/// Changes of its tunnels that Zeek follows of a connection
/// (`Tunnel::max_changes_per_connection`).
const TUNNEL_CHANGES_MAX: u8 = 5;

impl Flow {
    /// Follows the tunnels around a connection as Zeek does: once they have changed too often, it
    /// says that it no longer looks.
    #[inline]
    pub(super) fn note_tunnels(&mut self, packet: &FlowPacket<'_>) {
        let had_some = |rare: &Rare| rare.around.is_some() || !rare.tunnels.is_empty();
        if !packet.decoded.tunnels.is_empty() || self.rare.as_deref().is_some_and(had_some) {
            self.compare_tunnels(packet);
        }
    }

    fn compare_tunnels(&mut self, packet: &FlowPacket<'_>) {
        let Some(around) = tunnels_around(packet.data, packet.decoded) else {
            return;
        };
        self.uncounted = true;
        let rare = self.rare.get_or_insert_default();
        // Where nothing was noted before, the flow began as it was.
        let began = if rare.tunnels.is_empty() { 0 } else { around };
        if rare.around.replace(around).unwrap_or(began) == around
            || rare.tunnel_changes > TUNNEL_CHANGES_MAX
        {
            return;
        }
        rare.tunnel_changes += 1;
        if rare.tunnel_changes > TUNNEL_CHANGES_MAX {
            self.limit_reached();
        }
    }
}
