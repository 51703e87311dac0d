//! What comes next in series.

mod chart;
mod html;
mod terminal;

use std::fmt::Write as _;

use netloom_ml::card::Source;
use netloom_ml::series::{Capacity, Forecast, Profile, SeriesAnomaly, calendar};
use netloom_ml::words;
use serde::Serialize;

use super::parts;
use crate::report::units;

pub use html::render as html;
pub use terminal::render as terminal;

/// Series of some data, and what comes next in each.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Forecasts {
    /// Version of the meaning of these facts.
    pub schema_version: u32,
    /// The netloom that made it.
    pub netloom_version: String,
    /// What it was made from.
    pub sources: Vec<Source>,
    /// What is measured: `bytes`, `packets`, `flows`, or a column.
    pub metric: String,
    /// What a series is of: empty for all, `host`, `service`, or a column.
    pub per: String,
    /// Seconds of an interval.
    pub interval_seconds: f64,
    /// Share of the truth that intervals are to hold.
    pub level: f64,
    /// The series, the largest first.
    pub series: Vec<SeriesFacts>,
    /// Series that there are, shown or not.
    pub series_found: u64,
    /// What makes the result worth less, in words.
    pub warnings: Vec<String>,
}

/// A series: its past, and what comes next.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SeriesFacts {
    /// Whose it is; empty if of all.
    pub name: String,
    /// When the first interval begins, nanoseconds since 1970.
    pub start_ns: i64,
    /// Length of an interval in nanoseconds.
    pub interval_ns: i64,
    /// The past; none where nothing was measured.
    pub values: Vec<Option<f64>>,
    /// The values to come.
    pub forecast: Vec<PointFacts>,
    /// Why there is no forecast, in words.
    pub no_forecast: Option<String>,
    /// The method.
    pub method: String,
    /// What it does, in words.
    pub method_words: String,
    /// The methods its mean is of.
    pub members: Vec<String>,
    /// Rhythms that were found: `daily`, `weekly`.
    pub seasons: Vec<String>,
    /// Methods that were tried, best first.
    pub tried: Vec<TriedFacts>,
    /// Origins of the backtest.
    pub origins: u64,
    /// Share of the truth that intervals held in the backtest.
    pub coverage: Option<f64>,
    /// Values that this is a share of.
    pub coverage_of: u64,
    /// What did not fit.
    pub anomalies: Vec<AnomalyFacts>,
    /// The hours that carry most, with the mean of an interval.
    pub peak_hours: Vec<(u32, f64)>,
    /// The day that carried most, and how much.
    pub busiest_day: Option<(String, f64)>,
    /// The interval that carried most: when, and how much.
    pub peak: Option<(String, f64)>,
    /// How full the link is.
    pub capacity: Option<CapacityFacts>,
}

/// A value to come.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PointFacts {
    /// When its interval begins, RFC 3339.
    pub time: String,
    /// The forecast.
    pub value: f64,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// A method that was tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TriedFacts {
    /// Its name.
    pub method: String,
    /// Its mean absolute error in the backtest.
    pub mean_absolute_error: f64,
    /// 1 − its error / that of the seasonal naive method.
    pub skill: f64,
}

/// Values that did not fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AnomalyFacts {
    /// `spike`, `drop`, `missing`, `level-shift`.
    pub kind: String,
    /// When it begins, RFC 3339.
    pub from: String,
    /// How many intervals it lasts.
    pub intervals: u64,
    /// Place of the first in the series.
    pub place: u64,
    /// What was seen.
    pub value: Option<f64>,
    /// What is usual there.
    pub expected: f64,
    /// How far off, in robust deviations.
    pub score: f64,
}

/// How full a link is.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CapacityFacts {
    /// As it was asked for: `1 Gbps`.
    pub capacity: String,
    /// What fits in an interval.
    pub per_interval: f64,
    /// Days that were looked at.
    pub days: u64,
    /// The high of a day now, as a share.
    pub utilisation: f64,
    /// The largest interval, as a share.
    pub peak: f64,
    /// Growth a day, as a share, with the ends of its 80 % interval.
    pub growth: Option<(f64, f64, f64)>,
    /// When it is full, at the earliest and at the latest; dates.
    pub full: Option<String>,
    /// At the earliest.
    pub earliest: Option<String>,
    /// At the latest.
    pub latest: Option<String>,
}

impl SeriesFacts {
    /// The past of a series.
    pub fn new(name: &str, series: &netloom_ml::series::Series) -> Self {
        Self {
            name: name.to_owned(),
            start_ns: series.start(),
            interval_ns: series.interval(),
            values: series
                .values()
                .iter()
                .map(|value| value.is_finite().then_some(*value))
                .collect(),
            ..Self::default()
        }
    }

    /// What comes next; `time` writes times.
    pub fn set_forecast(&mut self, forecast: &Forecast, time: &dyn Fn(i64) -> String) {
        self.forecast = forecast
            .points
            .iter()
            .map(|point| PointFacts {
                time: time(point.time),
                value: point.value,
                low: point.low,
                high: point.high,
            })
            .collect();
        forecast.model.name().clone_into(&mut self.method);
        forecast.model.describe().clone_into(&mut self.method_words);
        if forecast.members.len() > 1 {
            let names = forecast
                .members
                .iter()
                .map(|member| member.name().to_owned());
            self.members = names.collect();
        }
        self.seasons = forecast
            .seasons
            .iter()
            .map(|season| season.name(self.interval_ns))
            .collect();
        self.tried = forecast
            .scores
            .iter()
            .map(|score| TriedFacts {
                method: score.model.name().to_owned(),
                mean_absolute_error: score.mean_absolute_error,
                skill: score.skill,
            })
            .collect();
        self.origins = forecast.origins as u64;
        if let Some((share, of)) = forecast.coverage {
            self.coverage = Some(share);
            self.coverage_of = of as u64;
        }
    }

    /// What did not fit.
    pub fn set_anomalies(&mut self, found: &[SeriesAnomaly], time: &dyn Fn(i64) -> String) {
        self.anomalies = found
            .iter()
            .map(|one| AnomalyFacts {
                kind: one.kind.name().to_owned(),
                from: time(
                    self.start_ns
                        .saturating_add(self.interval_ns.saturating_mul(one.from as i64)),
                ),
                intervals: (one.to - one.from) as u64,
                place: one.from as u64,
                value: one.value.is_finite().then_some(one.value),
                expected: one.expected,
                score: one.score,
            })
            .collect();
    }

    /// The hours and days that carry most.
    pub fn set_profile(&mut self, profile: &Profile, time: &dyn Fn(i64) -> String) {
        self.peak_hours = profile.peak_hours(3);
        self.busiest_day = profile.busiest_day.map(|(day, sum)| {
            let weekday = calendar::weekday_name(calendar::weekday(day));
            (format!("{weekday} {}", calendar::date(day)), sum)
        });
        self.peak = profile.peak.map(|(at, value)| (time(at), value));
    }

    /// How full the link is.
    pub fn set_capacity(&mut self, asked: &str, per_interval: f64, found: &Capacity) {
        let date = |time: Option<i64>| time.map(calendar::date);
        self.capacity = Some(CapacityFacts {
            capacity: asked.to_owned(),
            per_interval,
            days: found.days as u64,
            utilisation: found.utilisation,
            peak: found.peak,
            growth: found
                .growth
                .map(|growth| (growth.per_day, growth.low, growth.high)),
            full: found.growth.and_then(|growth| date(growth.full)),
            earliest: found.growth.and_then(|growth| date(growth.earliest)),
            latest: found.growth.and_then(|growth| date(growth.latest)),
        });
    }

    fn title<'a>(&'a self, all: &'a str) -> &'a str {
        if self.name.is_empty() {
            all
        } else {
            &self.name
        }
    }

    fn best(&self) -> String {
        match self.tried.iter().find(|tried| tried.method == self.method) {
            Some(tried) if tried.method == "seasonal-naive" => {
                "nothing beat repeating the season before".to_owned()
            }
            Some(tried) => format!(
                "errors {} than repeating the season before",
                if tried.skill >= 0.0 {
                    format!("{} smaller", units::share(tried.skill))
                } else {
                    format!("{} larger", units::share(-tried.skill))
                }
            ),
            None => "the past is too short to compare methods".to_owned(),
        }
    }
}

impl CapacityFacts {
    fn words(&self) -> String {
        let mut words = format!(
            "{}: the busiest 5 % of a day begin at {} of it, the peak was {}",
            self.capacity,
            units::share(self.utilisation),
            units::share(self.peak)
        );
        // Writing to a String cannot fail.
        let _ = match (&self.full, self.growth) {
            (_, None) => write!(
                words,
                ". {} are too few to tell a trend: {} would do",
                units::counted(self.days, "day", "days"),
                netloom_ml::series::DAYS_FOR_TREND
            ),
            (Some(full), Some((per_day, ..))) => write!(
                words,
                "; grows by {} of it a day: full on {full}",
                units::share(per_day)
            ),
            (None, Some(_)) => write!(words, "; at the growth seen it is not going to be full"),
        };
        let _ = match (&self.earliest, &self.latest) {
            (Some(earliest), Some(latest)) => {
                write!(words, " (80 %: between {earliest} and {latest})")
            }
            (Some(earliest), None) => write!(words, " (80 %: from {earliest} on, or never)"),
            _ => Ok(()),
        };
        words
    }
}

impl Forecasts {
    fn title(&self) -> String {
        format!(
            "{} of {}",
            self.metric_name(),
            parts::sources(&self.sources)
        )
    }

    fn metric_name(&self) -> String {
        let metric = crate::report::text::visible(&self.metric).into_owned();
        let mut chars = metric.chars();
        chars.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(chars).collect()
        })
    }

    fn about(&self) -> String {
        let shown = self.series.len() as u64;
        let series = if self.series_found > shown {
            format!(
                "the {shown} largest of {} series, one for each {}",
                units::count(self.series_found),
                self.per
            )
        } else if self.per.is_empty() {
            "one series".to_owned()
        } else {
            format!(
                "{} by {}",
                units::counted(shown, "series", "series"),
                self.per
            )
        };
        format!(
            "{series}; intervals of {}; ranges hold {} of what comes",
            units::seconds(self.interval_seconds),
            units::share(self.level)
        )
    }

    /// A value of the metric in words; bytes of an interval also as a rate.
    fn value(&self, value: f64) -> String {
        words::value(&self.metric, value)
    }

    fn with_rate(&self, value: f64) -> String {
        let words = self.value(value);
        if self.metric == "bytes" && self.interval_seconds > 0.0 {
            format!(
                "{words} ({})",
                units::bits_per_second(value * 8.0 / self.interval_seconds)
            )
        } else {
            words
        }
    }

    /// What is said of a series beside its chart.
    fn facts(&self, series: &SeriesFacts) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(first) = series.forecast.first() {
            let range = match (first.low, first.high) {
                (Some(low), Some(high)) => format!(" ({} – {})", self.value(low), self.value(high)),
                _ => String::new(),
            };
            facts.push(("Next", format!("{}{range}", self.with_rate(first.value))));
        }
        if series.forecast.len() > 1 {
            let sum: f64 = series.forecast.iter().map(|point| point.value).sum();
            let top = series
                .forecast
                .iter()
                .max_by(|a, b| a.value.total_cmp(&b.value));
            let top = top.map_or_else(String::new, |point| {
                format!(
                    "; highest {} at {}",
                    self.with_rate(point.value),
                    units::date_time(&point.time)
                )
            });
            let all = format!(
                "the next {} intervals: {} on average{top}",
                series.forecast.len(),
                self.value(sum / series.forecast.len() as f64)
            );
            facts.push(("Forecast", all));
        }
        if let Some(why) = &series.no_forecast {
            facts.push(("Forecast", format!("none: {why}")));
        } else {
            let members = if series.members.is_empty() {
                String::new()
            } else {
                format!(" ({})", series.members.join(", "))
            };
            facts.push((
                "Method",
                format!("{}{members}; {}", series.method_words, series.best()),
            ));
            if let Some(coverage) = series.coverage {
                facts.push((
                    "Ranges",
                    format!(
                        "held {} of {} in the backtest, {} wanted",
                        units::share(coverage),
                        units::counted(series.coverage_of, "value", "values"),
                        units::share(self.level)
                    ),
                ));
            }
        }
        if !series.seasons.is_empty() {
            facts.push(("Rhythm", series.seasons.join(", ")));
        }
        if !series.peak_hours.is_empty() {
            let hours: Vec<String> = series
                .peak_hours
                .iter()
                .map(|(hour, mean)| format!("{hour:02}:00 ({})", self.value(*mean)))
                .collect();
            facts.push(("Peak hours", format!("{} UTC", hours.join(", "))));
        }
        if let Some((day, sum)) = &series.busiest_day {
            facts.push(("Busiest day", format!("{day}, {}", self.value(*sum))));
        }
        if let Some((at, value)) = &series.peak {
            facts.push((
                "Peak",
                format!("{} at {}", self.with_rate(*value), units::date_time(at)),
            ));
        }
        if let Some(capacity) = &series.capacity {
            facts.push(("Capacity", capacity.words()));
        }
        facts
    }

    fn anomaly(&self, one: &AnomalyFacts) -> String {
        let lasting = if one.intervals > 1 {
            format!(
                ", for {}",
                units::seconds(one.intervals as f64 * self.interval_seconds)
            )
        } else {
            String::new()
        };
        let value = one
            .value
            .map_or_else(|| "nothing".to_owned(), |value| self.value(value));
        let kind = match one.kind.as_str() {
            "level-shift" => "new level",
            "missing" => "traffic missing",
            other => other,
        };
        format!(
            "{}  {kind}: {value}, usual {}{lasting}",
            units::date_time(&one.from),
            self.value(one.expected)
        )
    }
}
