//! Robust z-scores per host: how far a flow is from what this host does, in a measure that the
//! odd ones among its past do not move.
//!
//! A column's value v counts as ±ln(1 + |v|), for traffic grows by factors; the score is the
//! distance from the median in units of the median absolute deviation, times 0.6745 as is usual
//! (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993, who call 3.5 an outlier).

use hashbrown::HashMap;

use super::{AnomalyError, check};
use crate::numeric::Matrix;

/// How the past of hosts is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustZScoresParams {
    /// Rows of a host that are remembered: the last ones.
    pub window_size: usize,
    /// Rows after which a host is measured by its own past; until then by that of all.
    pub min_history: usize,
    /// Hosts remembered; the ones not seen for longest go first.
    pub max_hosts: usize,
}

impl Default for RobustZScoresParams {
    fn default() -> Self {
        Self {
            window_size: 64,
            min_history: 16,
            max_hosts: 20_000,
        }
    }
}

impl RobustZScoresParams {
    /// A detector over so many columns that has seen nothing yet.
    ///
    /// # Errors
    /// No columns, or a parameter out of its range.
    pub fn build(&self, columns: usize) -> Result<RobustZScores, AnomalyError> {
        if columns == 0 {
            return Err(AnomalyError::NoColumns);
        }
        check::at_least("window_size", self.window_size, 4)?;
        check::at_least("min_history", self.min_history, 4)?;
        check::at_least("max_hosts", self.max_hosts, 1)?;
        let mut params = self.clone();
        params.min_history = params.min_history.min(params.window_size);
        Ok(RobustZScores {
            all: Past::new(columns),
            everyone: params.window_size.max(EVERYONE),
            params,
            columns,
            hosts: HashMap::default(),
            pasts: Vec::new(),
            hand: 0,
            scratch: Vec::with_capacity(columns),
            room: Room::default(),
            seen: 0,
            evicted: 0,
        })
    }
}

/// Rows of all hosts together that are remembered.
const EVERYONE: usize = 1024;
/// The measure is taken anew when this part of a past is new.
const REFRESH: usize = 8;
/// 0.6745: the quartile of the normal distribution, which makes the deviation comparable.
const NORMAL_QUARTILE: f32 = 0.674_489_8;
/// The least deviation: values that differ by less than 5 % are alike.
const FLOOR: f32 = 0.05;

/// The past of hosts, by the number their address stands for.
#[derive(Debug, Clone)]
pub struct RobustZScores {
    params: RobustZScoresParams,
    columns: usize,
    hosts: HashMap<u128, usize, foldhash::fast::RandomState>,
    pasts: Vec<(u128, bool, Past)>,
    /// Where the search for a host to forget goes on (the clock algorithm).
    hand: usize,
    all: Past,
    everyone: usize,
    scratch: Vec<f32>,
    room: Room,
    seen: u64,
    evicted: u64,
}

/// What is normal in a column, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    /// How far the value is from it, with its sign.
    pub z: f64,
    /// The lower end of what is usual.
    pub low: f64,
    /// The upper end of what is usual.
    pub high: f64,
    /// The value in the middle.
    pub median: f64,
    /// Whether this is the host's own past, and not that of all hosts.
    pub own: bool,
}

/// The last rows of a host, and what is measured in them.
#[derive(Debug, Clone)]
struct Past {
    /// Row after row in the order of arrival, overwritten in a ring; NaN is missing. Side by side,
    /// so that a row that comes touches few places of a memory that holds thousands of hosts.
    ring: Vec<f32>,
    /// The median of each column, then the deviation of each: infinite where nothing is known.
    measures: Vec<f32>,
    rows: usize,
    next: usize,
    since: usize,
}

/// Room to sort in.
#[derive(Debug, Clone, Default)]
struct Room {
    values: Vec<f32>,
    counts: Vec<usize>,
}

impl Past {
    fn new(columns: usize) -> Self {
        let mut measures = vec![0.0; columns];
        measures.resize(2 * columns, f32::INFINITY);
        Self {
            ring: Vec::new(),
            measures,
            rows: 0,
            next: 0,
            since: 0,
        }
    }

    /// Remembers a row. What is asked of fewer than `asked` rows is not measured.
    fn learn(&mut self, row: &[f32], window: usize, asked: usize, room: &mut Room) {
        if self.rows < window {
            self.ring.extend_from_slice(row);
        } else {
            let from = self.next * row.len();
            self.ring[from..from + row.len()].copy_from_slice(row);
        }
        self.rows = (self.rows + 1).min(window);
        self.next = (self.next + 1) % window;
        self.since += 1;
        // Short pasts move with every few rows; long ones hardly do.
        let is_due = self.since >= (self.rows / REFRESH).max(1);
        if is_due && self.rows >= asked {
            self.since = 0;
            self.measure(room);
        }
    }

    fn medians(&self) -> &[f32] {
        &self.measures[..self.measures.len() / 2]
    }

    fn deviations(&self) -> &[f32] {
        &self.measures[self.measures.len() / 2..]
    }

    /// Medians and deviations of all columns at once.
    fn measure(&mut self, room: &mut Room) {
        let columns = self.measures.len() / 2;
        room.counts.clear();
        room.counts.resize(columns, 0);
        room.values.clear();
        // What is missing goes to the end of the order.
        room.values.extend(
            self.ring
                .iter()
                .map(|&value| if value.is_nan() { f32::INFINITY } else { value }),
        );
        for row in room.values.chunks_exact(columns) {
            for (count, value) in room.counts.iter_mut().zip(row) {
                *count += usize::from(*value < f32::INFINITY);
            }
        }
        sort_columns(&mut room.values, columns);
        let (medians, deviations) = self.measures.split_at_mut(columns);
        for (column, (median, &count)) in medians.iter_mut().zip(&room.counts).enumerate() {
            if count > 0 {
                let at = |row: usize| room.values[row * columns + column];
                *median = at((count - 1) / 2).midpoint(at(count / 2));
            }
        }
        for row in room.values.chunks_exact_mut(columns) {
            for (value, median) in row.iter_mut().zip(&*medians) {
                *value = (*value - median).abs();
            }
        }
        sort_columns(&mut room.values, columns);
        for (column, (deviation, &count)) in deviations.iter_mut().zip(&room.counts).enumerate() {
            *deviation = if count > 0 {
                room.values[(count - 1) / 2 * columns + column].max(FLOOR)
            } else {
                f32::INFINITY
            };
        }
    }

    /// How far a value of a column is from its median.
    fn z(&self, column: usize, value: f32) -> f32 {
        let z = NORMAL_QUARTILE * (value - self.medians()[column]) / self.deviations()[column];
        if z.is_nan() { 0.0 } else { z }
    }

    /// The largest distance, and 0 if nothing is known.
    fn score(&self, row: &[f32]) -> f64 {
        let mut most = 0.0f32;
        let measures = self.medians().iter().zip(self.deviations());
        for (value, (median, deviation)) in row.iter().zip(measures) {
            let z = (NORMAL_QUARTILE * (value - median) / deviation).abs();
            // Not so where the value is missing.
            if z > most {
                most = z;
            }
        }
        f64::from(most)
    }

    /// The values of a column in their order, without what is missing.
    fn sorted(&self, column: usize) -> Vec<f32> {
        let columns = self.measures.len() / 2;
        let values = self.ring.chunks_exact(columns).map(|row| row[column]);
        let mut values: Vec<f32> = values.filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(f32::total_cmp);
        values
    }
}

/// Sorts each column of rows that lie side by side: Batcher's merge exchange (Knuth, The Art of
/// Computer Programming 3, 5.2.2, algorithm M). Which rows are compared does not depend on what is in
/// them, so all columns go at once, and the processor takes several in a step. No NaN.
fn sort_columns(values: &mut [f32], columns: usize) {
    let rows = values.len() / columns;
    if rows < 2 {
        return;
    }
    let top = rows.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            // Pairs i and i + d with i & p = r: runs of p rows.
            for from in (r..rows - d).step_by(2 * p) {
                let count = p.min(rows - d - from);
                let (low, high) = values.split_at_mut((from + d) * columns);
                let low = &mut low[from * columns..(from + count) * columns];
                exchange(low, &mut high[..count * columns]);
            }
            if q == p {
                break;
            }
            d = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
}

/// The lesser of each two to the left, the greater to the right. Two comparisons of their own: of one
/// for both the compiler makes a branch, which costs three times as much.
fn exchange(left: &mut [f32], right: &mut [f32]) {
    for (left, right) in left.iter_mut().zip(right) {
        let (a, b) = (*left, *right);
        *left = if a < b { a } else { b };
        *right = if a > b { a } else { b };
    }
}

fn draw(value: f64) -> f32 {
    // Infinity stays finite and far.
    let value = value.clamp(-1e300, 1e300);
    ((1.0 + value.abs()).ln().copysign(value)) as f32
}

fn undraw(value: f32) -> f64 {
    f64::from(value.abs()).exp_m1().copysign(f64::from(value))
}

impl RobustZScores {
    /// Columns it looks at.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Hosts that were forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Scores a row by the past of its host, then remembers it. Nothing is known of the first
    /// rows of all: they score 0.
    pub fn update(&mut self, host: u128, row: &[f64]) -> f64 {
        let mut drawn = std::mem::take(&mut self.scratch);
        self.drawn(row, &mut drawn);
        let score = self.known(host).score(&drawn);
        let place = self.place(host);
        let (window, asked) = (self.params.window_size, self.params.min_history);
        if let Some((_, used, past)) = self.pasts.get_mut(place) {
            *used = true;
            past.learn(&drawn, window, asked, &mut self.room);
        }
        // What all do changes slowly: an eighth of the rows is enough to know it.
        if self.all.rows < self.everyone || self.seen.is_multiple_of(8) {
            self.all.learn(&drawn, self.everyone, 1, &mut self.room);
        }
        self.seen += 1;
        self.scratch = drawn;
        score
    }

    /// Scores a row and remembers nothing.
    pub fn score(&self, host: u128, row: &[f64]) -> f64 {
        let mut drawn = Vec::with_capacity(self.columns);
        self.drawn(row, &mut drawn);
        self.known(host).score(&drawn)
    }

    /// What is normal in each column for a host, and how far a row is from it.
    pub fn normal(&self, host: u128, row: &[f64]) -> Vec<Normal> {
        let past = self.known(host);
        let own = !std::ptr::eq(past, &raw const self.all);
        (0..self.columns)
            .map(|column| {
                let value = row.get(column).copied().unwrap_or(f64::NAN);
                let sorted = past.sorted(column);
                let end = |share: f64| {
                    let last = sorted.len().saturating_sub(1);
                    sorted
                        .get((share * last as f64).round() as usize)
                        .map_or(f64::NAN, |v| undraw(*v))
                };
                Normal {
                    z: f64::from(past.z(column, draw(value))),
                    low: end(0.05),
                    high: end(0.95),
                    median: end(0.5),
                    own,
                }
            })
            .collect()
    }

    /// Remembers all rows of a table; `hosts` names the host of each.
    pub fn learn(&mut self, hosts: &[u128], rows: &Matrix) {
        for (host, row) in hosts.iter().zip(rows.iter()) {
            self.update(*host, row);
        }
    }

    fn drawn(&self, row: &[f64], out: &mut Vec<f32>) {
        out.clear();
        out.extend((0..self.columns).map(|c| row.get(c).map_or(f32::NAN, |v| draw(*v))));
    }

    fn known(&self, host: u128) -> &Past {
        match self
            .hosts
            .get(&host)
            .and_then(|place| self.pasts.get(*place))
        {
            Some((_, _, past)) if past.rows >= self.params.min_history => past,
            _ => &self.all,
        }
    }

    fn place(&mut self, host: u128) -> usize {
        if let Some(place) = self.hosts.get(&host) {
            return *place;
        }
        let place = if self.pasts.len() < self.params.max_hosts {
            self.pasts.push((host, true, Past::new(self.columns)));
            self.pasts.len() - 1
        } else {
            // The first host that was not seen since the hand last passed.
            loop {
                let place = self.hand;
                self.hand = (self.hand + 1) % self.pasts.len();
                let (old, used, past) = &mut self.pasts[place];
                if std::mem::take(used) {
                    continue;
                }
                self.hosts.remove(old);
                self.evicted += 1;
                *old = host;
                *past = Past::new(self.columns);
                break place;
            }
        };
        self.hosts.insert(host, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_measured_by_itself() {
        let mut random = Chance::new(1);
        let mut scores = RobustZScoresParams::default().build(1).unwrap();
        for _ in 0..100 {
            scores.update(1, &[1e6 * (1.0 + 0.3 * random.unit())]);
            scores.update(2, &[100.0 * (1.0 + 0.3 * random.unit())]);
        }
        // A megabyte is nothing for the one and much for the other.
        assert!(scores.score(1, &[1.1e6]) < 3.5);
        assert!(scores.score(2, &[1.1e6]) > 20.0);
        let normal = scores.normal(2, &[1.1e6])[0];
        assert!(normal.own && normal.z > 20.0);
        assert!((95.0..115.0).contains(&normal.low), "{normal:?}");
        assert!((115.0..135.0).contains(&normal.high), "{normal:?}");
        // Who is new is measured by all.
        assert!(!scores.normal(3, &[100.0])[0].own);
    }

    #[test]
    fn hosts_are_bounded() {
        let mut scores = RobustZScoresParams {
            max_hosts: 10,
            ..RobustZScoresParams::default()
        }
        .build(2)
        .unwrap();
        for host in 0..1000u128 {
            assert!(scores.update(host, &[1.0, f64::NAN]).is_finite());
        }
        assert_eq!(scores.pasts.len(), 10);
        assert_eq!(scores.hosts.len(), 10);
        assert_eq!(scores.evicted(), 990);
    }

    proptest! {
        /// The window is what a plain computation over the last values gives.
        #[test]
        fn median_and_deviation_are_exact(
            values in prop::collection::vec(prop_oneof![
                5 => -1e6..1e6f64, 1 => Just(f64::NAN), 1 => Just(0.0)
            ], 1..200)
        ) {
            let window = 16;
            let mut past = Past::new(2);
            let mut room = Room::default();
            for (seen, value) in values.iter().enumerate() {
                past.learn(&[draw(*value), draw(-*value)], window, usize::MAX, &mut room);
                past.measure(&mut room);
                let from = (seen + 1).saturating_sub(window);
                for (column, sign) in [(0, 1.0), (1, -1.0)] {
                    let mut last: Vec<f32> = values[from..=seen]
                        .iter().map(|v| draw(sign * *v)).filter(|v| !v.is_nan()).collect();
                    last.sort_by(f32::total_cmp);
                    prop_assert_eq!(&past.sorted(column), &last);
                    if last.is_empty() { continue; }
                    let n = last.len();
                    let median = last[(n - 1) / 2].midpoint(last[n / 2]);
                    prop_assert_eq!(past.medians()[column], median);
                    let mut far: Vec<f32> = last.iter().map(|v| (v - median).abs()).collect();
                    far.sort_by(f32::total_cmp);
                    prop_assert_eq!(past.deviations()[column], far[(n - 1) / 2].max(FLOOR));
                }
            }
        }

        #[test]
        fn columns_are_sorted(values in prop::collection::vec(-1e3..1e3f32, 0..300), columns in 1..7usize) {
            let rows = values.len() / columns;
            let mut sorted = values[..rows * columns].to_vec();
            sort_columns(&mut sorted, columns);
            for column in 0..columns {
                let of = |values: &[f32]| -> Vec<f32> {
                    values.chunks_exact(columns).map(|row| row[column]).collect()
                };
                let mut wanted = of(&values);
                wanted.sort_by(f32::total_cmp);
                prop_assert_eq!(of(&sorted), wanted);
            }
        }
    }
}
