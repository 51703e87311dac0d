//! How odd each value of a stream is, judged by what came before alone.
//!
//! Two numbers are watched: the mean of the last few values (the level) and the mean of their
//! steps (the activity). Each is held against its own slowly fading mean and deviation; the
//! score is the larger distance. After a high score only a higher one counts for a while: an
//! anomaly is told once, when it begins, and not with every value of it.

use std::collections::VecDeque;

/// How a stream is watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamOptions {
    /// Values whose mean is watched.
    pub window: usize,
    /// Values after which the past counts half.
    pub half_life: f64,
    /// Values within which only a higher score counts after a high one.
    pub quiet: usize,
    /// Values that are only learnt from.
    pub warm_up: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            window: 10,
            half_life: 2000.0,
            quiet: 200,
            warm_up: 50,
        }
    }
}

/// What a value of a stream is worth looking at for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamScore {
    /// Deviations from what is usual, and 0 if a score before was higher: what to be told by.
    pub score: f64,
    /// Deviations of the level, with their sign.
    pub level: f64,
    /// Deviations of the activity, with their sign.
    pub activity: f64,
    /// The usual level.
    pub expected: f64,
}

/// A stream and what is usual in it.
#[derive(Debug, Clone)]
pub struct Stream {
    options: StreamOptions,
    seen: usize,
    values: Running,
    steps: Running,
    last: Option<f64>,
    level: Usual,
    activity: Usual,
    largest: f64,
    /// Scores that none within `quiet` values exceeded, with their places; highest first.
    highs: VecDeque<(usize, f64)>,
}

/// The mean of the last values.
#[derive(Debug, Clone)]
struct Running {
    window: usize,
    values: VecDeque<f64>,
}

impl Running {
    fn update(&mut self, value: f64) -> f64 {
        self.values.push_back(value);
        if self.values.len() > self.window {
            self.values.pop_front();
        }
        // Summed anew: a difference of large sums would keep the errors of all that passed.
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }
}

/// Mean and variance that fade; plain ones as long as there is little.
#[derive(Debug, Clone, Default)]
struct Usual {
    seen: f64,
    mean: f64,
    variance: f64,
}

impl Usual {
    /// How far a value is off, before it is learnt.
    fn update(&mut self, value: f64, half_life: f64, floor: f64) -> f64 {
        let distance = value - self.mean;
        let z = distance / self.variance.sqrt().max(floor);
        self.seen += 1.0;
        let share = (1.0 / self.seen).max(1.0 - (-1.0 / half_life).exp2());
        self.mean += share * distance;
        self.variance = (1.0 - share) * (self.variance + share * distance * distance);
        if self.seen > 1.0 { z } else { 0.0 }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self::new(StreamOptions::default())
    }
}

impl Stream {
    /// A stream of which nothing is known yet.
    pub fn new(options: StreamOptions) -> Self {
        let running = || Running {
            window: options.window.max(1),
            values: VecDeque::new(),
        };
        Self {
            options,
            seen: 0,
            values: running(),
            steps: running(),
            last: None,
            level: Usual::default(),
            activity: Usual::default(),
            largest: 0.0,
            highs: VecDeque::new(),
        }
    }

    /// Scores a value by what came before, then learns it. A missing value scores 0 and is
    /// skipped.
    pub fn update(&mut self, value: f64) -> StreamScore {
        let place = self.seen;
        self.seen += 1;
        let expected = self.level.mean;
        if !value.is_finite() {
            return StreamScore {
                score: 0.0,
                level: 0.0,
                activity: 0.0,
                expected,
            };
        }
        // No further than differences of two values can be squared.
        let value = value.clamp(-1e150, 1e150);
        self.largest = self.largest.max(value.abs());
        // A thousandth of the largest value is not worth a word.
        let floor = (self.largest * 1e-3).max(1e-9);
        let half_life = self.options.half_life.max(1.0);
        let mean = self.values.update(value);
        let level = self.level.update(mean, half_life, floor);
        let step = self.last.map_or(0.0, |last| (value - last).abs());
        self.last = Some(value);
        let mean = self.steps.update(step);
        let activity = self.activity.update(mean, half_life, floor);
        let mut score = level.abs().max(activity.abs());
        if place < self.options.warm_up {
            score = 0.0;
        }
        let since = place.saturating_sub(self.options.quiet);
        while self.highs.front().is_some_and(|(at, _)| *at < since) {
            self.highs.pop_front();
        }
        let outdone = self.highs.front().is_some_and(|(_, high)| *high >= score);
        while self.highs.back().is_some_and(|(_, high)| *high <= score) {
            self.highs.pop_back();
        }
        self.highs.push_back((place, score));
        StreamScore {
            score: if outdone { 0.0 } else { score },
            level,
            activity,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn a_shift_is_told_once() {
        let mut chance = Chance::new(2);
        let mut stream = Stream::default();
        let mut told = Vec::new();
        for place in 0..3000 {
            let base = if place >= 2000 { 20.0 } else { 10.0 };
            let score = stream.update(base + chance.normal());
            if score.score > 8.0 {
                told.push(place);
            }
        }
        assert!(
            !told.is_empty() && told.iter().all(|p| (2000..2020).contains(p)),
            "{told:?}"
        );
    }

    #[test]
    fn silence_and_noise_are_activity() {
        let mut chance = Chance::new(3);
        let mut stream = Stream::default();
        for _ in 0..1000 {
            stream.update(chance.normal());
        }
        let loud = (0..20)
            .map(|_| stream.update(8.0 * chance.normal()).activity)
            .fold(0.0, f64::max);
        assert!(loud > 8.0, "{loud}");
    }

    #[test]
    fn never_not_a_number() {
        let mut stream = Stream::default();
        for value in [f64::NAN, 0.0, 1e300, -1e300, f64::INFINITY, 5.0].repeat(50) {
            let score = stream.update(value);
            assert!(score.score.is_finite() && score.level.is_finite());
        }
        let mut flat = Stream::default();
        assert!((0..500).all(|_| flat.update(7.0).score == 0.0));
    }
}
