//! Bulk transfers: many data packets in a row from one side.

/// Data packets in a row that make a bulk.
const PACKETS: u32 = 4;
/// A longer pause ends a bulk, ns.
const PAUSE: u64 = 1_000_000_000;

/// Bulks of one direction: runs of at least four packets with payload, none of the other
/// direction with payload among them, no pause in them longer than a second.
///
/// Source: CICFlowMeter's `updateForwardBulk`, which has the notion from Moore, Zuev, Crogan:
/// Discriminators for use in flow-based classification (2005), as transfers without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bulks {
    count: u32,
    run: Run,
    packets: u64,
    bytes: u64,
    nanos: u64,
}

/// Data packets in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Run {
    packets: u32,
    bytes: u64,
    first: i64,
    last: i64,
}

impl Bulks {
    /// Takes a packet with payload of this direction.
    pub(super) fn add(&mut self, at: i64, payload: u32) {
        let pause = nanos(self.run.last, at);
        if self.run.packets == 0 || pause > PAUSE {
            self.run = Run {
                packets: 1,
                bytes: payload.into(),
                first: at,
                last: at,
            };
            return;
        }
        self.run.packets = self.run.packets.saturating_add(1);
        self.run.bytes = self.run.bytes.saturating_add(payload.into());
        if self.run.packets == PACKETS {
            self.count = self.count.saturating_add(1);
            self.packets += u64::from(PACKETS);
            self.bytes = self.bytes.saturating_add(self.run.bytes);
            self.nanos = self.nanos.saturating_add(nanos(self.run.first, at));
        } else if self.run.packets > PACKETS {
            self.packets += 1;
            self.bytes = self.bytes.saturating_add(payload.into());
            self.nanos = self.nanos.saturating_add(pause);
        }
        self.run.last = self.run.last.max(at);
    }

    /// The other direction sent payload.
    pub(super) fn interrupt(&mut self) {
        self.run.packets = 0;
    }

    /// How many bulks.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Packets of all bulks.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload bytes of all bulks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time from the first to the last packet of each bulk, added up, ns.
    pub fn nanos(&self) -> u64 {
        self.nanos
    }

    /// Packets a bulk; `None` without bulks.
    pub fn packets_mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.packets as f64 / f64::from(self.count))
    }

    /// Payload bytes a bulk; `None` without bulks.
    pub fn bytes_mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.bytes as f64 / f64::from(self.count))
    }

    /// Payload bytes a second while a bulk goes on; `None` without bulks, and where they took no
    /// time.
    pub fn bytes_per_s(&self) -> Option<f64> {
        (self.nanos > 0).then(|| self.bytes as f64 / (self.nanos as f64 / 1e9))
    }
}

/// Nanoseconds from one time to another; 0 backwards.
fn nanos(from: i64, to: i64) -> u64 {
    to.saturating_sub(from).max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn four_packets_make_one() {
        let mut bulks = Bulks::default();
        for (at, payload) in [(0, 100), (10, 200), (20, 300)] {
            bulks.add(at * MS, payload);
        }
        assert_eq!((bulks.count(), bulks.bytes_mean()), (0, None));
        assert_eq!(bulks.bytes_per_s(), None);
        bulks.add(40 * MS, 400);
        assert_eq!(
            (bulks.count(), bulks.packets(), bulks.bytes()),
            (1, 4, 1000)
        );
        assert_eq!(bulks.nanos(), 40_000_000);
        bulks.add(50 * MS, 500);
        assert_eq!(
            (bulks.count(), bulks.packets(), bulks.bytes()),
            (1, 5, 1500)
        );
        assert_eq!(bulks.bytes_per_s(), Some(1500.0 / 0.05));
    }

    #[test]
    fn pauses_and_answers_end_one() {
        let mut bulks = Bulks::default();
        for at in 0..4 {
            bulks.add(at * MS, 1);
        }
        // A second is not too long, more is.
        bulks.add(1003 * MS, 1);
        assert_eq!((bulks.count(), bulks.packets()), (1, 5));
        bulks.add(2003 * MS + 1, 1);
        assert_eq!((bulks.count(), bulks.packets()), (1, 5));
        for at in 0..2 {
            bulks.add((2004 + at) * MS, 1);
        }
        bulks.interrupt();
        bulks.add(2006 * MS, 1);
        assert_eq!(
            (bulks.count(), bulks.packets()),
            (1, 5),
            "three before, one after"
        );
        for at in 0..3 {
            bulks.add((2007 + at) * MS, 1);
        }
        assert_eq!((bulks.count(), bulks.packets()), (2, 9));
        assert_eq!(
            (bulks.packets_mean(), bulks.bytes_mean()),
            (Some(4.5), Some(4.5))
        );
        // 3 ms and 1000 ms of the first, 3 ms of the second.
        assert_eq!(bulks.nanos(), 1_006_000_000);
    }

    #[test]
    fn all_at_once_has_no_rate() {
        let mut bulks = Bulks::default();
        for _ in 0..4 {
            bulks.add(5, 7);
        }
        assert_eq!((bulks.count(), bulks.bytes_per_s()), (1, None));
    }
}
