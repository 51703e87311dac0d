//! When a flow was active, and when idle.

use super::spread::Spread;

/// A longer pause divides a flow into subflows, ns.
const SUBFLOW_PAUSE: u64 = 1_000_000_000;
/// A longer pause is idleness, ns.
const IDLE_PAUSE: u64 = 5_000_000_000;

/// Pauses of a flow, both ways together: subflows are the parts between pauses longer than a
/// second; the flow is idle in pauses longer than 5 seconds.
///
/// Source: CICFlowMeter (`detectUpdateSubflows`, and `updateActiveIdleTime` with its activity
/// timeout of 5 s).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// Pauses between subflows.
    pauses: u32,
    /// Since when it is active.
    since: i64,
    /// Active and idle times; most flows have none.
    periods: Option<Box<Periods>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Periods {
    active: Spread,
    idle: Spread,
}

impl Activity {
    /// A flow that begins.
    pub(super) fn new(at: i64) -> Self {
        Self {
            since: at,
            ..Self::default()
        }
    }

    /// Takes a packet that came so long after `last`.
    pub(super) fn add(&mut self, last: i64, pause: u64) {
        if pause <= SUBFLOW_PAUSE {
            return;
        }
        self.pauses = self.pauses.saturating_add(1);
        if pause > IDLE_PAUSE {
            let periods = self.periods.get_or_insert_default();
            let active = last.saturating_sub(self.since).max(0).unsigned_abs();
            periods.active.add(active);
            periods.idle.add(pause);
            self.since = last.saturating_add_unsigned(pause);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.periods.as_ref().map_or(0, |_| size_of::<Periods>())
    }

    /// Parts of the flow between pauses longer than a second; 1 where there is no such pause.
    pub fn subflows(&self) -> u64 {
        u64::from(self.pauses) + 1
    }

    /// Times of activity that ended in idleness, ns: from the first packet, or the one that ended
    /// an idle time, to the last one before the next idle time. What goes on to the flow's end is
    /// not among them.
    pub fn active(&self) -> Spread {
        self.periods
            .as_ref()
            .map(|times| times.active)
            .unwrap_or_default()
    }

    /// Idle times, ns: pauses longer than 5 seconds.
    pub fn idle(&self) -> Spread {
        self.periods
            .as_ref()
            .map(|times| times.idle)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn of(times: &[i64]) -> Activity {
        let mut activity = Activity::new(times[0]);
        for pair in times.windows(2) {
            activity.add(pair[0], (pair[1] - pair[0]).unsigned_abs());
        }
        activity
    }

    #[test]
    fn pauses_divide() {
        // Active 0 to 2.5 s, idle 7.5 s, active 10 to 10 s, idle 10 s, active till the end.
        let activity = of(&[0, 1, 5, 20, 40, 41].map(|half| half * SECOND / 2));
        assert_eq!(activity.subflows(), 1 + 3);
        let (active, idle) = (activity.active(), activity.idle());
        assert_eq!(
            (active.count(), active.min(), active.max()),
            (2, Some(0), Some(2_500_000_000))
        );
        assert_eq!(
            (idle.count(), idle.min(), idle.max()),
            (2, Some(7_500_000_000), Some(10_000_000_000))
        );
        assert_eq!(active.mean(), Some(1_250_000_000.0));
    }

    #[test]
    fn limits_are_not_beyond() {
        let activity = of(&[0, SECOND, 6 * SECOND]);
        assert_eq!((activity.subflows(), activity.idle().count()), (2, 0));
        let activity = of(&[0, SECOND + 1, 6 * SECOND + 2]);
        assert_eq!((activity.subflows(), activity.idle().count()), (3, 1));
        assert_eq!(activity.heap_bytes(), size_of::<Periods>());
    }

    #[test]
    fn one_packet() {
        let activity = of(&[7]);
        assert_eq!((activity.subflows(), activity.active().mean()), (1, None));
        assert_eq!(activity.heap_bytes(), 0);
    }
}
