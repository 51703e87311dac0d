//! Which rhythms a series has.

use super::Series;
use super::calendar::{DAY, HOUR};
use crate::numeric::statistics::mean;

/// A rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Values from one beat to the next.
    pub period: usize,
    /// Autocorrelation at that distance once trend and shorter rhythms are gone, up to 1.
    pub strength: f64,
}

impl Season {
    /// What it is called: "daily", "weekly", "hourly", or "every 17 intervals".
    pub fn name(&self, interval: i64) -> String {
        match (self.period as i64).saturating_mul(interval) {
            HOUR => "hourly".to_owned(),
            DAY => "daily".to_owned(),
            week if week == 7 * DAY => "weekly".to_owned(),
            _ => format!("every {} intervals", self.period),
        }
    }
}

/// The rhythms of a series, shortest first: hours, days and weeks where the values show them
/// and there are two rounds at least; failing that, the clearest other one.
pub fn seasons(series: &Series) -> Vec<Season> {
    let values = series.filled(None);
    let mut rest = without_trend(&values);
    let spread: f64 = rest.iter().map(|v| v * v).sum();
    let level: f64 = values.iter().map(|v| v * v).sum();
    // Rounding errors have rhythms too.
    if spread <= level * 1e-18 || spread <= 0.0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for span in [HOUR, DAY, 7 * DAY] {
        if span % series.interval() != 0 {
            continue;
        }
        let period = (span / series.interval()) as usize;
        if period < 2 || values.len() < 2 * period + 2 {
            continue;
        }
        let strength = autocorrelation(&rest, period);
        // Thrice what chance would do, and stronger than half a beat off.
        let chance = 3.0 / ((values.len() - period) as f64).sqrt();
        if strength > chance.max(0.1) && strength > autocorrelation(&rest, period / 2) {
            found.push(Season { period, strength });
            remove(&mut rest, period);
        }
    }
    if found.is_empty() {
        found.extend(clearest(&rest));
    }
    found
}

/// The peak of the autocorrelation, if it is clear.
fn clearest(rest: &[f64]) -> Option<Season> {
    let most = (rest.len() / 3).min(1000);
    let correlations: Vec<f64> = (0..=most + 1)
        .map(|lag| autocorrelation(rest, lag))
        .collect();
    // Behind the first fall below zero: what is before is only the slowness of the series.
    let from = correlations.iter().position(|c| *c < 0.0)?;
    (from.max(2)..=most)
        .filter(|&lag| {
            correlations[lag] > correlations[lag - 1] && correlations[lag] >= correlations[lag + 1]
        })
        .map(|period| Season {
            period,
            strength: correlations[period],
        })
        // The first of nearly equal ones: its multiples are as strong.
        .fold(None, |best: Option<Season>, one| match best {
            Some(best) if best.strength * 1.1 >= one.strength => Some(best),
            _ => Some(one),
        })
        .filter(|season| season.strength > 0.3)
}

fn without_trend(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let level = mean(values.iter().copied());
    let (mut product, mut square) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let x = place as f64 - middle;
        product += x * (value - level);
        square += x * x;
    }
    let slope = if square > 0.0 { product / square } else { 0.0 };
    values
        .iter()
        .enumerate()
        .map(|(place, value)| value - level - slope * (place as f64 - middle))
        .collect()
}

/// Takes the mean of each place in the period away.
fn remove(rest: &mut [f64], period: usize) {
    for phase in 0..period {
        let level = mean(rest.iter().copied().skip(phase).step_by(period));
        for value in rest.iter_mut().skip(phase).step_by(period) {
            *value -= level;
        }
    }
}

fn autocorrelation(rest: &[f64], lag: usize) -> f64 {
    if lag == 0 || lag >= rest.len() {
        return 0.0;
    }
    let all: f64 = rest.iter().map(|v| v * v).sum();
    let product: f64 = rest.iter().zip(&rest[lag..]).map(|(a, b)| a * b).sum();
    // As if all pairs were there: few rounds are not to weaken a rhythm.
    let pairs = (rest.len() - lag) as f64 / rest.len() as f64;
    if all > 0.0 {
        product / all / pairs
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn periods(interval: i64, values: Vec<f64>) -> Vec<usize> {
        let series = Series::new(0, interval, values).unwrap();
        seasons(&series).iter().map(|s| s.period).collect()
    }

    #[test]
    fn days_and_weeks() {
        let mut chance = Chance::new(1);
        let day = |hour: usize| (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
        let daily: Vec<f64> = (0..24 * 28)
            .map(|hour| 10.0 + 3.0 * day(hour) + 0.5 * chance.normal())
            .collect();
        assert_eq!(periods(HOUR, daily.clone()), [24]);
        let weekly = daily
            .iter()
            .enumerate()
            .map(|(hour, v)| v - if hour / 24 % 7 > 4 { 4.0 } else { 0.0 })
            .collect();
        assert_eq!(periods(HOUR, weekly), [24, 168]);
    }

    #[test]
    fn others_and_none() {
        let mut chance = Chance::new(2);
        let beat = (0..300)
            .map(|i| f64::from(u8::from(i % 17 == 0)) + 0.05 * chance.normal())
            .collect();
        assert_eq!(periods(1_000_000_000, beat), [17]);
        let noise = (0..500).map(|_| chance.normal()).collect();
        assert!(periods(HOUR, noise).is_empty());
        let line = (0..500).map(f64::from).collect();
        assert!(periods(HOUR, line).is_empty());
        assert!(periods(HOUR, vec![5.0; 100]).is_empty());
        assert!(periods(HOUR, vec![5.0]).is_empty());
        assert!(periods(HOUR, Vec::new()).is_empty());
    }
}
