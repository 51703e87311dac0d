//! What `netloom top` shows: who moves how much, now and in all.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use netloom::Timestamp;

/// Entries of a table at most; beyond that, the smaller half becomes "others".
const MAX_ENTRIES: usize = 20_000;

/// Seconds of the timeline that are kept while watching: an hour.
const MAX_SECONDS: usize = 3600;

/// Flows that are followed until their server's name is known, at most.
const MAX_FLOWS: usize = 100_000;

/// Whole seconds over which "now" is taken.
const RECENT: i64 = 3;

/// Bytes and packets of something, in all and in the last seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// Bytes from the first of two (or sent by a host).
    pub(super) sent: u64,
    /// Bytes the other way.
    pub(super) received: u64,
    pub(super) packets: u64,
    /// Bytes in each of the last seconds, and the last one of them.
    seconds: [u64; RECENT as usize + 1],
    last: i64,
}

impl Entry {
    fn add(&mut self, second: i64, sent: u64, received: u64, packets: u64) {
        self.sent += sent;
        self.received += received;
        self.packets += packets;
        let slots = self.seconds.len() as i64;
        if second > self.last {
            for passed in self.last.saturating_add(1).max(second - slots + 1)..=second {
                self.seconds[passed.rem_euclid(slots) as usize] = 0;
            }
            self.last = second;
        }
        if self.last - second < slots {
            self.seconds[second.rem_euclid(slots) as usize] += sent + received;
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sent + self.received
    }

    /// Bits a second over the whole seconds before `now`.
    pub(super) fn rate(&self, now: i64) -> f64 {
        let slots = self.seconds.len() as i64;
        let sum: u64 = (now - RECENT..now)
            .filter(|second| *second <= self.last && self.last - second < slots)
            .map(|second| self.seconds[second.rem_euclid(slots) as usize])
            .sum();
        sum as f64 * 8.0 / RECENT as f64
    }
}

/// Who talks to whom, and about what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Conversation {
    pub(super) a: IpAddr,
    pub(super) b: IpAddr,
    pub(super) service: &'static str,
}

/// A flow's packets of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FlowKey {
    pub(super) a: (IpAddr, u16),
    pub(super) b: (IpAddr, u16),
    pub(super) protocol: u8,
}

/// What a round brought for a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowDelta {
    pub(super) service: &'static str,
    pub(super) a_bytes: u64,
    pub(super) b_bytes: u64,
    pub(super) packets: u64,
}

/// A flow that goes on.
#[derive(Debug, Clone, Default)]
struct Followed {
    /// What passed before the name was known: from the lesser end, and from the other.
    a_bytes: u64,
    b_bytes: u64,
    packets: u64,
    site: Option<Arc<str>>,
}

/// What a second brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interval {
    pub(super) second: i64,
    pub(super) bytes: u64,
    pub(super) packets: u64,
}

/// A table with a bound.
#[derive(Debug, Clone)]
pub(super) struct Ranking<K> {
    pub(super) entries: HashMap<K, Entry>,
    /// What was dropped to keep the bound.
    pub(super) others: u64,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            others: 0,
        }
    }
}

impl<K: Hash + Eq> Ranking<K> {
    pub(super) fn add(&mut self, key: K, second: i64, sent: u64, received: u64, packets: u64) {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            let mut sizes: Vec<u64> = self.entries.values().map(Entry::bytes).collect();
            let (_, &mut median, _) = sizes.select_nth_unstable(MAX_ENTRIES / 2);
            let mut room = MAX_ENTRIES / 2;
            let others = &mut self.others;
            self.entries.retain(|_, entry| {
                // Many may be of the median's size: half of the places are free in any case.
                let stays = entry.bytes() >= median && room > 0;
                if stays {
                    room -= 1;
                } else {
                    *others += entry.bytes();
                }
                stays
            });
        }
        self.entries
            .entry(key)
            .or_default()
            .add(second, sent, received, packets);
    }
}

/// Everything that is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Bytes and packets a second, oldest first, without gaps.
    pub(super) timeline: VecDeque<Interval>,
    pub(super) hosts: Ranking<IpAddr>,
    /// By name of the server.
    pub(super) sites: Ranking<Arc<str>>,
    flows: HashMap<FlowKey, Followed>,
    pub(super) services: Ranking<&'static str>,
    pub(super) conversations: Ranking<Conversation>,
    /// By program and user, on the capturing machine.
    pub(super) processes: Ranking<String>,
    /// The packets' own clock.
    pub(super) clock: Option<Timestamp>,
    pub(super) first: Option<Timestamp>,
}

impl Model {
    /// Takes seconds of a round; they may come in any order.
    pub(super) fn time(&mut self, passed: Interval) {
        self.packets += passed.packets;
        self.bytes += passed.bytes;
        let Some(first) = self.timeline.front().map(|first| first.second) else {
            self.timeline.push_back(passed);
            return;
        };
        let place = passed.second.saturating_sub(first);
        if place < 0 {
            // Before the first one that is kept: only a capture out of order has this.
            return;
        }
        if place >= self.timeline.len() as i64 {
            let last = first + self.timeline.len() as i64 - 1;
            let gap = passed.second - last;
            if gap >= MAX_SECONDS as i64 {
                self.timeline.clear();
                self.timeline.push_back(passed);
                return;
            }
            for second in last + 1..=passed.second {
                self.timeline.push_back(Interval {
                    second,
                    ..Interval::default()
                });
            }
            while self.timeline.len() > MAX_SECONDS {
                self.timeline.pop_front();
            }
        }
        let first = self.timeline.front().map_or(0, |first| first.second);
        let place = usize::try_from(passed.second - first).unwrap_or(usize::MAX);
        if let Some(second) = self.timeline.get_mut(place) {
            second.bytes += passed.bytes;
            second.packets += passed.packets;
        }
    }

    /// Takes what a round brought for a flow; `process` where it is known.
    pub(super) fn flow(
        &mut self,
        key: &FlowKey,
        delta: &FlowDelta,
        process: Option<&str>,
        second: i64,
    ) {
        let FlowDelta {
            service,
            a_bytes,
            b_bytes,
            packets,
        } = *delta;
        let (a, b) = (key.a.0, key.b.0);
        self.hosts.add(a, second, a_bytes, b_bytes, packets);
        if a != b {
            self.hosts.add(b, second, b_bytes, a_bytes, packets);
        }
        self.services
            .add(service, second, a_bytes, b_bytes, packets);
        let conversation = Conversation { a, b, service };
        self.conversations
            .add(conversation, second, a_bytes, b_bytes, packets);
        if let Some(process) = process {
            self.processes
                .add(process.to_owned(), second, a_bytes, b_bytes, packets);
        }
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(key) {
            // The names of those that go on are told again by nobody; that is what a bound costs.
            self.flows.clear();
        }
        let followed = self.flows.entry(*key).or_default();
        if let Some(site) = &followed.site {
            self.sites
                .add(Arc::clone(site), second, a_bytes, b_bytes, packets);
        } else {
            followed.a_bytes += a_bytes;
            followed.b_bytes += b_bytes;
            followed.packets += packets;
        }
    }

    /// The name of a flow's server is known now: what passed already is the site's, too.
    pub(super) fn name(&mut self, key: &FlowKey, name: &str, second: i64) {
        let Some(followed) = self.flows.get_mut(key) else {
            return;
        };
        if followed.site.is_some() {
            return;
        }
        let site: Arc<str> = Arc::from(name);
        followed.site = Some(Arc::clone(&site));
        let (a_bytes, b_bytes) = (followed.a_bytes, followed.b_bytes);
        self.sites
            .add(site, second, a_bytes, b_bytes, followed.packets);
    }

    /// A flow has ended.
    pub(super) fn end(&mut self, key: &FlowKey) {
        self.flows.remove(key);
    }

    /// Moves the packets' clock.
    pub(super) fn see(&mut self, first: Timestamp, last: Timestamp) {
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.clock = Some(self.clock.map_or(last, |known| known.max(last)));
    }

    /// Bits a second in each of `width` columns, the last one ending `now`; a capture that is
    /// longer is put together.
    pub(super) fn throughput(&self, width: usize, now: Option<i64>) -> Vec<u64> {
        let Some(first) = self.timeline.front().map(|first| first.second) else {
            return Vec::new();
        };
        let end = first + self.timeline.len() as i64;
        let at = |second: i64| {
            usize::try_from(second - first)
                .ok()
                .and_then(|place| self.timeline.get(place))
                .map_or(0, |second| second.bytes * 8)
        };
        if let Some(now) = now {
            // Watching: a column a second, the running one left out.
            return (now - width as i64..now).map(at).collect();
        }
        let length = self.timeline.len().max(1);
        if length <= width {
            return (first..end).map(at).collect();
        }
        (0..width)
            .map(|column| {
                let from = first + (column * length / width) as i64;
                let to =
                    first + ((column + 1) * length / width).max(column * length / width + 1) as i64;
                (from..to).map(at).sum::<u64>() / (to - from).max(1) as u64
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_whole_seconds() {
        let mut entry = Entry::default();
        entry.add(100, 300, 0, 1);
        entry.add(101, 0, 300, 1);
        assert_eq!(entry.bytes(), 600);
        assert!((entry.rate(102) - 1600.0).abs() < 1e-9);
        // The running second does not count yet.
        assert!((entry.rate(101) - 800.0).abs() < 1e-9);
        assert!((entry.rate(104) - 800.0).abs() < 1e-9);
        assert!(entry.rate(105).abs() < 1e-9);
        entry.add(110, 3, 0, 1);
        assert!((entry.rate(111) - 8.0).abs() < 1e-9);
        // Late, but within what is kept.
        entry.add(109, 3, 0, 1);
        assert!((entry.rate(111) - 16.0).abs() < 1e-9);
    }

    #[test]
    fn tables_have_a_bound() {
        let mut ranking = Ranking::default();
        for number in 0..3 * MAX_ENTRIES as u64 {
            ranking.add(number, 0, 1, 0, 1);
        }
        ranking.add(u64::MAX, 0, 1_000_000, 0, 1);
        assert!(ranking.entries.len() <= MAX_ENTRIES);
        let kept: u64 = ranking.entries.values().map(Entry::bytes).sum();
        assert_eq!(kept + ranking.others, 3 * MAX_ENTRIES as u64 + 1_000_000);
        assert!(ranking.entries.contains_key(&u64::MAX));
    }

    #[test]
    fn the_timeline_has_no_gaps_and_a_bound() {
        let mut model = Model::default();
        for second in [10, 13, 11] {
            model.time(Interval {
                second,
                bytes: 100,
                packets: 1,
            });
        }
        assert_eq!(model.throughput(80, None), [800, 800, 0, 800]);
        assert_eq!(model.throughput(2, None), [800, 400]);
        assert_eq!(model.throughput(3, Some(14)), [800, 0, 800]);
        // A clock that jumps by years does not fill the memory.
        model.time(Interval {
            second: 1_000_000_000,
            bytes: 1,
            packets: 1,
        });
        assert_eq!(model.timeline.len(), 1);
        for second in 0..2 * MAX_SECONDS as i64 {
            model.time(Interval {
                second: 1_000_000_000 + second,
                bytes: 1,
                packets: 1,
            });
        }
        assert_eq!(model.timeline.len(), MAX_SECONDS);
        assert_eq!(model.packets, 4 + 2 * MAX_SECONDS as u64);
    }
}
