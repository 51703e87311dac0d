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
            seen: 0,
            evicted: 0,
        })
    }
}

/// Rows of all hosts together that are remembered.
const EVERYONE: usize = 1024;
/// Rows after which the measure of a long past is taken anew.
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

/// The last rows of a host, column by column.
#[derive(Debug, Clone)]
struct Past {
    columns: Vec<Column>,
    rows: usize,
    next: usize,
    since: usize,
}

#[derive(Debug, Clone, Default)]
struct Column {
    /// In the order of arrival, overwritten in a ring; NaN is missing.
    ring: Vec<f32>,
    /// Without what is missing.
    sorted: Vec<f32>,
    median: f32,
    deviation: f32,
}

impl Past {
    fn new(columns: usize) -> Self {
        Self {
            columns: vec![Column::default(); columns],
            rows: 0,
            next: 0,
            since: 0,
        }
    }

    fn learn(&mut self, row: &[f32], window: usize) {
        for (column, &value) in self.columns.iter_mut().zip(row) {
            if self.rows < window {
                column.ring.push(value);
                if !value.is_nan() {
                    let place = column.sorted.partition_point(|v| *v < value);
                    column.sorted.insert(place, value);
                }
            } else {
                let old = std::mem::replace(&mut column.ring[self.next], value);
                column.replace(old, value);
            }
        }
        self.rows = (self.rows + 1).min(window);
        self.next = (self.next + 1) % window;
        self.since += 1;
        // Short pasts move with every row; long ones hardly do.
        if self.rows < 4 * REFRESH || self.since >= REFRESH.max(self.rows / 16) {
            self.since = 0;
            for column in &mut self.columns {
                column.measure();
            }
        }
    }

    /// The largest distance, and 0 if nothing is known.
    fn score(&self, row: &[f32]) -> f64 {
        let mut most = 0.0f32;
        for (column, &value) in self.columns.iter().zip(row) {
            let z = column.z(value).abs();
            if z > most {
                most = z;
            }
        }
        f64::from(most)
    }
}

impl Column {
    /// One value goes, another comes: what lies between moves by one place.
    fn replace(&mut self, old: f32, new: f32) {
        match (old.is_nan(), new.is_nan()) {
            (true, true) => {}
            (true, false) => {
                let place = self.sorted.partition_point(|v| *v < new);
                self.sorted.insert(place, new);
            }
            (false, true) => {
                let place = self.sorted.partition_point(|v| *v < old);
                if place < self.sorted.len() {
                    self.sorted.remove(place);
                }
            }
            (false, false) => {
                let from = self.sorted.partition_point(|v| *v < old);
                let to = self.sorted.partition_point(|v| *v < new);
                if from >= self.sorted.len() {
                    return;
                }
                let to = if to > from {
                    self.sorted.copy_within(from + 1..to, from);
                    to - 1
                } else {
                    self.sorted.copy_within(to..from, to + 1);
                    to
                };
                self.sorted[to] = new;
            }
        }
    }

    fn measure(&mut self) {
        let n = self.sorted.len();
        if n == 0 {
            return;
        }
        self.median = self.sorted[(n - 1) / 2].midpoint(self.sorted[n / 2]);
        // The distances from the median, in order: those to the left and to the right are
        // sorted already, so the middle one is found by merging half of them.
        let mut right = self.sorted.partition_point(|v| *v < self.median);
        let mut left = right;
        let mut distance = 0.0;
        for _ in 0..n.div_ceil(2) {
            let lower = if left > 0 {
                self.median - self.sorted[left - 1]
            } else {
                f32::INFINITY
            };
            let upper = self
                .sorted
                .get(right)
                .map_or(f32::INFINITY, |v| v - self.median);
            if lower < upper {
                distance = lower;
                left -= 1;
            } else {
                distance = upper;
                right += 1;
            }
        }
        self.deviation = distance.max(FLOOR);
    }

    fn z(&self, value: f32) -> f32 {
        if self.sorted.is_empty() || value.is_nan() {
            return 0.0;
        }
        NORMAL_QUARTILE * (value - self.median) / self.deviation
    }
}

fn draw(value: f64) -> f32 {
    // Infinity stays finite and far.
    let value = value.clamp(-1e300, 1e300);
    (value.abs().ln_1p().copysign(value)) as f32
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
        let window = self.params.window_size;
        if let Some((_, used, past)) = self.pasts.get_mut(place) {
            *used = true;
            past.learn(&drawn, window);
        }
        // What all do changes slowly: an eighth of the rows is enough to know it.
        if self.all.rows < self.everyone || self.seen.is_multiple_of(8) {
            self.all.learn(&drawn, self.everyone);
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
        past.columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let value = row.get(place).copied().unwrap_or(f64::NAN);
                let end = |share: f64| {
                    let last = column.sorted.len().saturating_sub(1);
                    column
                        .sorted
                        .get((share * last as f64).round() as usize)
                        .map_or(f64::NAN, |v| undraw(*v))
                };
                Normal {
                    z: f64::from(column.z(draw(value))),
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
            let mut past = Past::new(1);
            for (seen, value) in values.iter().enumerate() {
                past.learn(&[draw(*value)], window);
                past.columns[0].measure();
                let from = (seen + 1).saturating_sub(window);
                let mut last: Vec<f32> = values[from..=seen]
                    .iter().map(|v| draw(*v)).filter(|v| !v.is_nan()).collect();
                last.sort_by(f32::total_cmp);
                prop_assert_eq!(&past.columns[0].sorted, &last);
                if last.is_empty() { continue; }
                let n = last.len();
                let median = last[(n - 1) / 2].midpoint(last[n / 2]);
                prop_assert_eq!(past.columns[0].median, median);
                let mut far: Vec<f32> = last.iter().map(|v| (v - median).abs()).collect();
                far.sort_by(f32::total_cmp);
                prop_assert_eq!(past.columns[0].deviation, far[(n - 1) / 2].max(FLOOR));
            }
        }
    }
}
