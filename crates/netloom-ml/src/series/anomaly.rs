//! What does not fit a series that is known as a whole.

use super::Series;
use super::season::seasons;
use crate::numeric::statistics::{median, quantile, sorted};

/// What kind of anomaly it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesAnomalyKind {
    /// Far more than is usual at that time.
    Spike,
    /// Far less than is usual at that time.
    Drop,
    /// Nothing, or next to nothing, where there should be traffic.
    Missing,
    /// From here on the level is another.
    LevelShift,
}

impl SeriesAnomalyKind {
    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Drop => "drop",
            Self::Missing => "missing",
            Self::LevelShift => "level-shift",
        }
    }
}

/// Values that do not fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesAnomaly {
    /// What kind it is.
    pub kind: SeriesAnomalyKind,
    /// Place of the first value.
    pub from: usize,
    /// Place behind the last one. A shift of level has one value, the first of the new level.
    pub to: usize,
    /// How far off the farthest is, in robust deviations of what is usual.
    pub score: f64,
    /// What was seen: the farthest value, of a shift the new level. NaN if nothing was.
    pub value: f64,
    /// What is usual there: at that time of the season, of a shift the old level.
    pub expected: f64,
}

/// What counts as an anomaly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesAnomalyOptions {
    /// Robust deviations from which a value is one.
    pub threshold: f64,
    /// Share of what is expected up to which traffic counts as missing.
    pub missing_below: f64,
}

impl Default for SeriesAnomalyOptions {
    fn default() -> Self {
        Self {
            threshold: 5.0,
            missing_below: 0.02,
        }
    }
}

/// Least values to tell what is usual.
const LEAST: usize = 12;

/// What does not fit, in the order of time: each value is held against the level around it and
/// what is usual at that time of day or week.
///
/// Where no value is below 0, factors count and not differences: traffic that doubles is as far
/// off by night as by day.
pub fn anomalies(series: &Series, options: &SeriesAnomalyOptions) -> Vec<SeriesAnomaly> {
    if series.observed() < LEAST {
        return Vec::new();
    }
    let periods: Vec<usize> = seasons(series).iter().map(|s| s.period).collect();
    let values = series.filled(periods.first().copied());
    let usual = quantile(&sorted(values.iter().map(|v| v.abs())), 0.5);
    // Around nought a factor says little: what is small beside the usual is all alike.
    let c = usual * 0.05;
    let factors = c > 0.0 && values.iter().all(|v| *v >= 0.0);
    let draw = |v: f64| if factors { (v + c).ln() } else { v };
    let undraw = |v: f64| if factors { (v.exp() - c).max(0.0) } else { v };
    let drawn: Vec<f64> = values.iter().map(|v| draw(*v)).collect();

    let window = periods
        .last()
        .copied()
        .unwrap_or(0)
        .max(periods.first().map_or(0, |p| 2 * p))
        .max(24)
        .min((drawn.len() / 3).max(3));
    let shifts = level_shifts(&drawn, window, options.threshold);
    let expected = expectation(&drawn, &periods, &shifts, window);
    let rest: Vec<f64> = drawn.iter().zip(&expected).map(|(v, e)| v - e).collect();
    let deviation = spread(&rest, &drawn, factors);

    let mut found: Vec<SeriesAnomaly> = shifts
        .iter()
        .map(|shift| SeriesAnomaly {
            kind: SeriesAnomalyKind::LevelShift,
            from: shift.at,
            to: shift.at + 1,
            score: shift.score,
            value: undraw(shift.after),
            expected: undraw(shift.before),
        })
        .collect();
    let kind_of = |place: usize| {
        let seen = series.values()[place];
        let expected = undraw(expected[place]);
        let z = rest[place] / deviation;
        // Traffic is expected if it stands out from nothing.
        let gone = factors
            && (seen.is_nan() || seen <= expected * options.missing_below)
            && expected > usual * 0.1;
        if gone {
            Some(SeriesAnomalyKind::Missing)
        } else if seen.is_nan() || z.abs() <= options.threshold {
            None
        } else if z > 0.0 {
            Some(SeriesAnomalyKind::Spike)
        } else {
            Some(SeriesAnomalyKind::Drop)
        }
    };
    let mut place = 0;
    while place < rest.len() {
        let Some(kind) = kind_of(place) else {
            place += 1;
            continue;
        };
        let from = place;
        while place < rest.len() && kind_of(place) == Some(kind) {
            place += 1;
        }
        let farthest = (from..place)
            .max_by(|a, b| rest[*a].abs().total_cmp(&rest[*b].abs()))
            .unwrap_or(from);
        found.push(SeriesAnomaly {
            kind,
            from,
            to: place,
            score: (rest[farthest] / deviation).abs(),
            value: series.values()[farthest],
            expected: undraw(expected[farthest]),
        });
    }
    found.sort_by_key(|anomaly| (anomaly.from, anomaly.to));
    found
}

/// The deviation of what is left, not less than what matters.
fn spread(rest: &[f64], drawn: &[f64], factors: bool) -> f64 {
    let deviation = 1.4826 * median(rest.iter().map(|r| r.abs()));
    let floor = if factors {
        0.05
    } else {
        let all = sorted(drawn.iter().copied());
        (quantile(&all, 0.99) - quantile(&all, 0.01)) * 0.01
    };
    deviation.max(floor).max(f64::MIN_POSITIVE)
}

struct Shift {
    at: usize,
    score: f64,
    before: f64,
    after: f64,
}

/// Places where the medians of a window before and after differ far more than they do elsewhere,
/// and stay so.
fn level_shifts(drawn: &[f64], window: usize, threshold: f64) -> Vec<Shift> {
    if drawn.len() < 2 * window {
        return Vec::new();
    }
    let places: Vec<usize> = (window..=drawn.len() - window).collect();
    let step = (window / 12).max(1);
    let medians: Vec<(usize, f64, f64)> = places
        .iter()
        .step_by(step)
        .map(|&at| {
            let before = median(drawn[at - window..at].iter().copied());
            let after = median(drawn[at..at + window].iter().copied());
            (at, before, after)
        })
        .collect();
    let differences: Vec<f64> = medians.iter().map(|(_, b, a)| (a - b).abs()).collect();
    let noise =
        1.4826 * median((1..drawn.len()).map(|place| (drawn[place] - drawn[place - 1]).abs()));
    let usual = median(differences.iter().copied()).max(noise * 0.5);
    let range = {
        let all = sorted(drawn.iter().copied());
        quantile(&all, 0.95) - quantile(&all, 0.05)
    };
    let floor = (range * 0.05).max(f64::MIN_POSITIVE);
    let scale = usual.max(floor);
    let mut shifts: Vec<Shift> = Vec::new();
    let mut order: Vec<usize> = (0..medians.len()).collect();
    order.sort_by(|a, b| differences[*b].total_cmp(&differences[*a]).then(a.cmp(b)));
    for place in order {
        if differences[place] <= threshold * scale {
            break;
        }
        let (at, before, after) = medians[place];
        if shifts.iter().any(|shift| shift.at.abs_diff(at) < window) {
            continue;
        }
        // Where exactly: the largest step between neighbours' medians nearby.
        let half = f64::midpoint(before, after);
        let up = after > before;
        let range = at.saturating_sub(window / 2)..(at + window / 2).min(drawn.len());
        let exact = range
            .clone()
            .min_by_key(|cut| {
                let wrong_before = drawn[range.start..*cut]
                    .iter()
                    .filter(|v| (**v > half) == up)
                    .count();
                let wrong_after = drawn[*cut..range.end]
                    .iter()
                    .filter(|v| (**v > half) != up)
                    .count();
                (wrong_before + wrong_after, *cut)
            })
            .unwrap_or(at);
        shifts.push(Shift {
            at: exact,
            score: differences[place] / scale,
            before,
            after,
        });
    }
    shifts.sort_by_key(|shift| shift.at);
    shifts
}

/// What is usual at each place: the level between two shifts, and how the time of the season
/// differs from it.
fn expectation(drawn: &[f64], periods: &[usize], shifts: &[Shift], window: usize) -> Vec<f64> {
    let mut ends: Vec<usize> = shifts.iter().map(|shift| shift.at).collect();
    ends.push(drawn.len());
    let mut level = Vec::with_capacity(drawn.len());
    let mut from = 0;
    for end in ends {
        for place in from..end {
            // A running median that does not look over a shift; seldom enough to be quick.
            let step = (window / 24).max(1);
            if place == from || place % step == 0 {
                let low = place.saturating_sub(window / 2).max(from);
                let high = (low + window).min(end).max(place + 1);
                let low = high.saturating_sub(window).max(from);
                level.push(median(drawn[low..high].iter().copied()));
            } else {
                let last = level.last().copied().unwrap_or(0.0);
                level.push(last);
            }
        }
        from = end;
    }
    for &period in periods {
        for phase in 0..period {
            let of_phase = median(
                (phase..drawn.len())
                    .step_by(period)
                    .map(|place| drawn[place] - level[place]),
            );
            if of_phase.is_finite() {
                for place in (phase..drawn.len()).step_by(period) {
                    level[place] += of_phase;
                }
            }
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::series::calendar::HOUR;
    use proptest::prelude::*;

    fn traffic(days: usize) -> Vec<f64> {
        let mut chance = Chance::new(12);
        (0..24 * days)
            .map(|h| {
                let wave = (h as f64 / 24.0 * std::f64::consts::TAU).sin();
                1e6 * (1.5 + wave) * (0.1 * chance.normal()).exp()
            })
            .collect()
    }

    fn found(values: Vec<f64>) -> Vec<SeriesAnomaly> {
        anomalies(
            &Series::new(0, HOUR, values).unwrap(),
            &SeriesAnomalyOptions::default(),
        )
    }

    #[test]
    fn nothing_odd() {
        assert_eq!(found(traffic(30)), []);
        assert_eq!(found(vec![5.0; 200]), []);
        assert_eq!(found(vec![0.0; 200]), []);
        assert_eq!(found(vec![f64::NAN; 200]), []);
        assert_eq!(found(Vec::new()), []);
    }

    #[test]
    fn spike_by_night_and_missing_by_day() {
        let mut values = traffic(30);
        // As much as by day, but at the quietest hour.
        values[24 * 12 + 18] = 2.5e6;
        values[24 * 20 + 3] = 0.0;
        values[24 * 20 + 4] = 0.0;
        let found = found(values);
        let kinds: Vec<_> = found.iter().map(|a| (a.kind, a.from, a.to)).collect();
        assert_eq!(
            kinds,
            [
                (SeriesAnomalyKind::Spike, 24 * 12 + 18, 24 * 12 + 19),
                (SeriesAnomalyKind::Missing, 24 * 20 + 3, 24 * 20 + 5)
            ]
        );
        assert!(found[0].expected < 1e6, "{found:?}");
    }

    #[test]
    fn a_new_level() {
        let mut values = traffic(40);
        for value in &mut values[24 * 20..] {
            *value *= 4.0;
        }
        let found = found(values);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, SeriesAnomalyKind::LevelShift);
        assert!(found[0].from.abs_diff(24 * 20) < 24, "{found:?}");
        assert!(
            (3.0..5.0).contains(&(found[0].value / found[0].expected)),
            "{found:?}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_values(values in prop::collection::vec(prop_oneof![
            4 => -1e9..1e9f64, 2 => Just(0.0), 1 => Just(f64::NAN), 2 => 0.0..10.0f64
        ], 0..300)) {
            let count = values.len();
            for one in found(values) {
                prop_assert!(one.from < one.to && one.to <= count);
                prop_assert!(one.score.is_finite());
                prop_assert!(one.expected.is_finite());
            }
        }
    }
}
