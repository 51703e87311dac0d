//! The hours and days that carry most.

use super::Series;
use super::calendar::{DAY, HOUR, day, hour, weekday};

/// How a series spreads over the day and the week (UTC).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Mean value of an interval in each hour of the day, where there is one.
    pub hours: [Option<f64>; 24],
    /// Mean value of an interval on each day of the week, Monday first.
    pub weekdays: [Option<f64>; 7],
    /// The day with the largest sum: when it begins, in nanoseconds since 1970, and the sum.
    pub busiest_day: Option<(i64, f64)>,
    /// The interval with the largest value: when it begins, and the value.
    pub peak: Option<(i64, f64)>,
}

impl Profile {
    /// The hours whose mean is the highest, best first.
    pub fn peak_hours(&self, most: usize) -> Vec<(u32, f64)> {
        let mut hours: Vec<(u32, f64)> = (0..24)
            .zip(self.hours)
            .filter_map(|(hour, mean)| mean.map(|mean| (hour, mean)))
            .collect();
        hours.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        hours.truncate(most);
        hours
    }
}

/// How a series spreads over the day and the week. Hours are told of intervals of at most an
/// hour and a day's length in all, days of two days, weekdays of a week.
pub fn profile(series: &Series) -> Profile {
    let mut hours = [(0.0, 0usize); 24];
    let mut weekdays = [(0.0, 0usize); 7];
    let mut profile = Profile::default();
    let mut today: Option<(i64, f64)> = None;
    let close = |today: Option<(i64, f64)>, best: &mut Option<(i64, f64)>| {
        if let Some((day, sum)) = today
            && best.is_none_or(|(_, most)| sum > most)
        {
            *best = Some((day.saturating_mul(DAY), sum));
        }
    };
    for (place, &value) in series.values().iter().enumerate() {
        if !value.is_finite() {
            continue;
        }
        let time = series.time(place);
        if profile.peak.is_none_or(|(_, most)| value > most) {
            profile.peak = Some((time, value));
        }
        let of_hour = &mut hours[hour(time) as usize];
        *of_hour = (of_hour.0 + value, of_hour.1 + 1);
        let of_day = &mut weekdays[weekday(time) as usize];
        *of_day = (of_day.0 + value, of_day.1 + 1);
        today = match today {
            Some((day_of, sum)) if day_of == day(time) => Some((day_of, sum + value)),
            other => {
                close(other, &mut profile.busiest_day);
                Some((day(time), value))
            }
        };
    }
    close(today, &mut profile.busiest_day);
    let span = series.interval().saturating_mul(series.len() as i64);
    let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
    if span >= DAY && series.interval() <= HOUR {
        profile.hours = hours.map(mean);
    }
    if span >= 7 * DAY && series.interval() <= DAY {
        profile.weekdays = weekdays.map(mean);
    }
    if span < 2 * DAY || series.interval() > DAY {
        profile.busiest_day = None;
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days() {
        let values = (0..24 * 14)
            .map(|h| {
                let base = if h / 24 == 9 { 20.0 } else { 10.0 };
                if h % 24 == 15 { base * 5.0 } else { base }
            })
            .collect();
        // From Monday, 1970-01-05, on.
        let found = profile(&Series::new(4 * DAY, HOUR, values).unwrap());
        assert_eq!(found.peak_hours(1)[0].0, 15);
        assert_eq!(found.busiest_day.unwrap().0, 13 * DAY);
        assert_eq!(found.peak.unwrap(), (13 * DAY + 15 * HOUR, 100.0));
        // The tenth day was a Wednesday.
        let most = (0..7).max_by(|a, b| {
            let of = |d: &usize| found.weekdays[*d].unwrap();
            of(a).total_cmp(&of(b))
        });
        assert_eq!(most, Some(2));
        let short = profile(&Series::new(0, 1_000_000_000, vec![1.0, 3.0]).unwrap());
        assert_eq!(short.busiest_day, None);
        assert!(short.peak_hours(3).is_empty());
        assert_eq!(short.peak, Some((1_000_000_000, 3.0)));
    }
}
