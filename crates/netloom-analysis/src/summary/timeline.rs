//! Traffic over time, at a resolution that fits the time span.

use hashbrown::HashMap;
use netloom_pipeline::intervals::{LEVELS, NICE};
use netloom_pipeline::packet::Timestamp;

use crate::report::model::{Series, Timeline};

/// Bins with traffic in them before counting goes one level coarser.
const MAX_BINS: usize = 2048;
/// Intervals of a finished timeline at the most.
const MAX_INTERVALS: i64 = 240;
/// Series of a finished timeline at the most, `other` included.
const MAX_SERIES: usize = 8;

/// Packets and bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    packets: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// What happened in a bin.
#[derive(Debug, Clone, Default)]
struct Bin {
    new_flows: u64,
    /// By label.
    labels: Vec<Count>,
}

/// Counts traffic by time and label. Sums only: the order of what is added does not matter.
#[derive(Debug, Default)]
pub(crate) struct TimelineCounter {
    level: usize,
    bins: HashMap<i64, u32, foldhash::fast::RandomState>,
    rows: Vec<Bin>,
    /// The bin used last: its span [from, to) and its row.
    current: (i64, i64, usize),
    /// Names of labels.
    names: Vec<&'static str>,
    numbers: HashMap<&'static str, u16, foldhash::fast::RandomState>,
}

impl TimelineCounter {
    /// The number of a label.
    pub(crate) fn label(&mut self, name: &'static str) -> u16 {
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            (self.names.len() - 1) as u16
        })
    }

    /// Counts a packet.
    #[inline]
    pub(crate) fn packet(&mut self, at: Timestamp, label: u16, bytes: u32) {
        let row = self.row(at);
        let labels = &mut self.rows[row].labels;
        let label = usize::from(label);
        if labels.len() <= label {
            labels.resize(label + 1, Count::default());
        }
        labels[label].packets += 1;
        labels[label].bytes += u64::from(bytes);
    }

    /// Counts the beginning of a flow.
    pub(crate) fn flow(&mut self, start: Timestamp) {
        let row = self.row(start);
        self.rows[row].new_flows += 1;
    }

    #[inline]
    fn row(&mut self, at: Timestamp) -> usize {
        let nanos = at.as_nanos();
        let (from, to, row) = self.current;
        if nanos >= from && nanos < to {
            return row;
        }
        self.find_row(nanos)
    }

    fn find_row(&mut self, nanos: i64) -> usize {
        if self.rows.len() >= MAX_BINS
            && !self
                .bins
                .contains_key(&nanos.div_euclid(LEVELS[self.level]))
        {
            self.coarsen();
        }
        let width = LEVELS[self.level];
        let bin = nanos.div_euclid(width);
        let row = *self.bins.entry(bin).or_insert_with(|| {
            self.rows.push(Bin::default());
            (self.rows.len() - 1) as u32
        }) as usize;
        let from = bin.saturating_mul(width);
        self.current = (from, from.saturating_add(width), row);
        row
    }

    /// Goes to coarser levels until there is room.
    fn coarsen(&mut self) {
        while self.rows.len() >= MAX_BINS && self.level + 1 < LEVELS.len() {
            self.coarsen_to(self.level + 1);
        }
    }

    fn coarsen_to(&mut self, level: usize) {
        let ratio = LEVELS[level] / LEVELS[self.level];
        let old = std::mem::take(&mut self.bins);
        let mut rows = std::mem::take(&mut self.rows);
        for (bin, row) in old {
            let row = std::mem::take(&mut rows[row as usize]);
            let place = *self.bins.entry(bin.div_euclid(ratio)).or_insert_with(|| {
                self.rows.push(Bin::default());
                (self.rows.len() - 1) as u32
            });
            absorb_bin(&mut self.rows[place as usize], row);
        }
        self.level = level;
        self.current = (0, 0, 0);
    }

    /// Adds another counter's counts.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        let level = self.level.max(other.level);
        if self.level < level {
            self.coarsen_to(level);
        }
        if other.level < level {
            other.coarsen_to(level);
        }
        let labels: Vec<u16> = other.names.iter().map(|name| self.label(name)).collect();
        for (bin, row) in other.bins {
            let bin_row = std::mem::take(&mut other.rows[row as usize]);
            let mut renamed = Bin {
                new_flows: bin_row.new_flows,
                labels: Vec::new(),
            };
            for (label, count) in bin_row.labels.into_iter().enumerate() {
                let label = usize::from(labels[label]);
                if renamed.labels.len() <= label {
                    renamed.labels.resize(label + 1, Count::default());
                }
                renamed.labels[label].add(count);
            }
            let place = *self.bins.entry(bin).or_insert_with(|| {
                self.rows.push(Bin::default());
                (self.rows.len() - 1) as u32
            });
            absorb_bin(&mut self.rows[place as usize], renamed);
        }
    }

    /// The finished timeline from the first packet to the last.
    pub(crate) fn finish(self, first: Option<Timestamp>, last: Option<Timestamp>) -> Timeline {
        let (Some(first), Some(last)) = (first, last) else {
            return Timeline {
                interval: 1.0,
                ..Timeline::default()
            };
        };
        let counted = LEVELS[self.level];
        let (first, last) = (first.as_nanos(), last.as_nanos());
        let intervals = |width: i64| last.div_euclid(width) - first.div_euclid(width) + 1;
        let interval = NICE
            .into_iter()
            .find(|&nice| nice % counted == 0 && intervals(nice) <= MAX_INTERVALS)
            .unwrap_or(NICE[NICE.len() - 1]);
        let start = first.div_euclid(interval);
        // At most MAX_INTERVALS, or (for the widest interval) what 64 bits of time hold.
        let count = intervals(interval).clamp(1, 8 * MAX_INTERVALS) as usize;

        let mut totals = vec![Count::default(); self.names.len()];
        for row in &self.rows {
            for (total, count) in totals.iter_mut().zip(&row.labels) {
                total.add(*count);
            }
        }
        let mut order: Vec<usize> = (0..totals.len())
            .filter(|&label| totals[label].packets > 0)
            .collect();
        order.sort_by(|&a, &b| {
            totals[b]
                .bytes
                .cmp(&totals[a].bytes)
                .then_with(|| self.names[a].cmp(self.names[b]))
        });
        let shown = if order.len() > MAX_SERIES {
            MAX_SERIES - 1
        } else {
            order.len()
        };
        let series = |name: &str| Series {
            name: name.to_owned(),
            packets: vec![0; count],
            bytes: vec![0; count],
        };
        let mut by_protocol: Vec<Series> = order[..shown]
            .iter()
            .map(|&label| series(self.names[label]))
            .collect();
        if order.len() > shown {
            by_protocol.push(series("other"));
        }
        let mut place_of = vec![by_protocol.len().saturating_sub(1); totals.len()];
        for (place, &label) in order[..shown].iter().enumerate() {
            place_of[label] = place;
        }
        let mut timeline = Timeline {
            start: Some(Timestamp::from_nanos(start.saturating_mul(interval)).to_string()),
            interval: interval as f64 / 1e9,
            packets: vec![0; count],
            bytes: vec![0; count],
            new_flows: vec![0; count],
            by_protocol,
        };
        for (bin, row) in &self.bins {
            let nanos = bin.saturating_mul(counted);
            let at = (nanos.div_euclid(interval) - start).clamp(0, count as i64 - 1) as usize;
            let row = &self.rows[*row as usize];
            timeline.new_flows[at] += row.new_flows;
            for (label, counted) in row.labels.iter().enumerate() {
                if counted.packets == 0 {
                    continue;
                }
                timeline.packets[at] += counted.packets;
                timeline.bytes[at] += counted.bytes;
                let series = &mut timeline.by_protocol[place_of[label]];
                series.packets[at] += counted.packets;
                series.bytes[at] += counted.bytes;
            }
        }
        timeline
    }
}

fn absorb_bin(into: &mut Bin, from: Bin) {
    into.new_flows += from.new_flows;
    if into.labels.len() < from.labels.len() {
        into.labels.resize(from.labels.len(), Count::default());
    }
    for (into, from) in into.labels.iter_mut().zip(from.labels) {
        into.add(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A millisecond in ns.
    const MS: i64 = 1_000_000;

    fn counter(times: &[i64]) -> TimelineCounter {
        let mut counter = TimelineCounter::default();
        let label = counter.label("dns");
        for &time in times {
            counter.packet(Timestamp::from_nanos(time), label, 100);
        }
        counter
    }

    #[test]
    fn an_empty_capture_has_no_interval() {
        let timeline = TimelineCounter::default().finish(None, None);
        assert!(timeline.packets.is_empty());
    }

    #[test]
    fn two_packets_ten_seconds_apart() {
        let times = [0, 10_000 * MS];
        let timeline = counter(&times).finish(
            Some(Timestamp::from_nanos(0)),
            Some(Timestamp::from_nanos(10_000 * MS)),
        );
        assert!((timeline.interval - 0.05).abs() < 1e-12);
        assert_eq!(timeline.packets.len(), 201);
        assert_eq!((timeline.packets[0], timeline.packets[200]), (1, 1));
        assert_eq!(timeline.by_protocol[0].bytes.iter().sum::<u64>(), 200);
    }

    #[test]
    fn any_split_gives_the_same() {
        // A day at one packet in 7 s, and hostile times at both ends.
        let mut times: Vec<i64> = (0..12_000).map(|i| i * 7_000 * MS).collect();
        times.push(i64::MIN);
        times.push(i64::MAX);
        let whole = counter(&times);
        let mut parts = counter(&times[..1]);
        parts.absorb(counter(&times[1..9_000]));
        parts.absorb(counter(&times[9_000..]));
        let (first, last) = (Some(Timestamp::MIN), Some(Timestamp::MAX));
        let (whole, parts) = (whole.finish(first, last), parts.finish(first, last));
        assert_eq!(whole.packets, parts.packets);
        assert_eq!(whole.packets.iter().sum::<u64>(), times.len() as u64);
    }

    #[test]
    fn series_add_up() {
        let mut counter = TimelineCounter::default();
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        for (index, name) in names.into_iter().enumerate() {
            let label = counter.label(name);
            counter.packet(Timestamp::from_nanos(0), label, index as u32 + 1);
        }
        let timeline = counter.finish(
            Some(Timestamp::from_nanos(0)),
            Some(Timestamp::from_nanos(0)),
        );
        assert_eq!(timeline.by_protocol.len(), MAX_SERIES);
        assert_eq!(timeline.by_protocol[0].name, "j");
        assert_eq!(timeline.by_protocol[MAX_SERIES - 1].name, "other");
        let sum: u64 = timeline
            .by_protocol
            .iter()
            .flat_map(|series| &series.bytes)
            .sum();
        assert_eq!(sum, 55);
    }
}
