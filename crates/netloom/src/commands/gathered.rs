//! Series of captures and tables, for the commands that are about them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use netloom::ml::card::Source;
use netloom::ml::series::{self, Gap, Gather, Series, SeriesError};
use netloom::ml::{Dataset, DatasetOptions};

use super::told;
use crate::arguments::{Aggregate, Metric, SeriesOf};
use crate::data::{Counting, Data, Loader, no_such_column};
use crate::failure::Failure;

const SECOND: i64 = 1_000_000_000;
/// Intervals of a capture where nobody says how long they are.
const MOST_INTERVALS: i64 = 1000;
/// Intervals from which on the first and the last, which are not whole, are left out.
const ENOUGH: usize = 8;

/// Which series are asked for.
pub(super) struct Asked<'a> {
    /// What is measured in captures; of tables the column of its name, where `value` names none.
    pub(super) metric: Metric,
    /// Whose series, of captures.
    pub(super) per: Option<SeriesOf>,
    /// The column of a table with the values.
    pub(super) value: Option<&'a str>,
    /// That with the times.
    pub(super) time: Option<&'a str>,
    /// That which says whose they are.
    pub(super) by: Option<&'a str>,
    pub(super) aggregate: Aggregate,
    /// Nanoseconds.
    pub(super) interval: Option<i64>,
}

/// Series with their names, and where they are from.
pub(super) struct Gathered {
    pub(super) series: Vec<(String, Series)>,
    pub(super) metric: String,
    pub(super) per: String,
    /// Nanoseconds.
    pub(super) interval: i64,
    pub(super) sources: Vec<Source>,
    pub(super) warnings: Vec<String>,
}

/// The series of DATA. What is asked for may depend on whether that is captures, or tables.
pub(super) fn gather<'a>(
    asked: impl FnOnce(bool) -> Result<Asked<'a>, Failure>,
    loader: &Loader<'_>,
    data: &[PathBuf],
) -> Result<Gathered, Failure> {
    let (captures, tables) = loader.sorted(data)?;
    let asked = &asked(!captures.is_empty())?;
    if asked.interval == Some(0) {
        return Err(Failure::usage("--interval must be above 0"));
    }
    match (captures.is_empty(), tables.is_empty()) {
        (false, true) => of_captures(asked, loader, &captures),
        (true, false) => of_tables(asked, loader, &tables),
        _ => Err(Failure::usage("captures and tables cannot be one series")
            .hint("the one, then the other")),
    }
}

fn of_captures(
    asked: &Asked<'_>,
    loader: &Loader<'_>,
    captures: &[PathBuf],
) -> Result<Gathered, Failure> {
    for (given, name) in [
        (asked.value.is_some(), "--value"),
        (asked.time.is_some(), "--time"),
        (asked.by.is_some(), "--by"),
    ] {
        if given {
            return Err(Failure::usage(format!("{name} is for tables"))
                .hint("of captures, --metric says what and --per whose"));
        }
    }
    let counting = Counting {
        metric: asked.metric,
        per: asked.per,
        interval: asked.interval.unwrap_or(SECOND),
    };
    let counted = loader.counted(captures, counting)?;
    let ends = |of: &dyn Fn(&BTreeMap<i64, f64>) -> Option<i64>, least: bool| {
        let all = counted.series.values().filter_map(of);
        if least { all.min() } else { all.max() }
    };
    let first = ends(&|series| series.keys().next().copied(), true);
    let last = ends(&|series| series.keys().next_back().copied(), false);
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Failure::input(
            "there is no packet to make a series of",
            None,
        ));
    };
    let span = (last - first + 1).saturating_mul(counted.interval);
    let interval = asked.interval.unwrap_or_else(|| round(span));
    let place = |at: i64| at.saturating_mul(counted.interval).div_euclid(interval);
    let (from, to) = (place(first), place(last));
    let mut intervals = (to - from + 1).max(1) as usize;
    if intervals > series::MOST_VALUES {
        return Err(Failure::usage(format!(
            "--interval makes {intervals} intervals, more than {}",
            series::MOST_VALUES
        )));
    }
    // The capture neither began nor ended with an interval.
    let mut skipped = 0;
    let mut warnings = counted.poor;
    if intervals >= ENOUGH {
        skipped = 1;
        intervals -= 2;
        warnings.push(
            "the first and the last interval of the capture, which are not whole, are left out"
                .to_owned(),
        );
    }
    let mut all = Vec::new();
    for (name, counts) in counted.series {
        let mut values = vec![0.0; intervals];
        for (at, amount) in counts {
            let at = (place(at) - from) as usize;
            if let Some(value) = at.checked_sub(skipped).and_then(|at| values.get_mut(at)) {
                *value += amount;
            }
        }
        let start = (from + skipped as i64).saturating_mul(interval);
        all.push((name, Series::new(start, interval, values).map_err(wrong)?));
    }
    Ok(Gathered {
        series: all,
        metric: asked.metric.name().to_owned(),
        per: match asked.per {
            None => "",
            Some(SeriesOf::Host) => "host",
            Some(SeriesOf::Service) => "service",
        }
        .to_owned(),
        interval,
        sources: counted.sources,
        warnings,
    })
}

/// A round interval of which a span has at most so many.
fn round(span: i64) -> i64 {
    const STEPS: [i64; 10] = [1, 10, 60, 300, 600, 1800, 3600, 21_600, 86_400, 604_800];
    STEPS
        .iter()
        .map(|step| step * SECOND)
        .find(|step| span / step <= MOST_INTERVALS)
        .unwrap_or(604_800 * SECOND)
}

fn of_tables(
    asked: &Asked<'_>,
    loader: &Loader<'_>,
    tables: &[PathBuf],
) -> Result<Gathered, Failure> {
    if asked.per.is_some() {
        return Err(
            Failure::usage("--per is for captures").hint("of a table, --by COLUMN says whose")
        );
    }
    let data = loader.load(tables)?;
    let value = value_column(asked, &data)?;
    for (column, option) in [(asked.time, "--time"), (asked.by, "--by")] {
        if let Some(column) = column.filter(|column| !data.has(column)) {
            return Err(data.missing(column, option));
        }
    }
    let mut wanted = DatasetOptions::default();
    wanted.time = asked.time.map(str::to_owned);
    wanted.only = vec![value.clone()];
    wanted.keep = vec![value.clone()];
    let imported = Dataset::from_batches(&data.schema, &data.batches, &wanted)?;
    let Some(times) = imported.dataset.times() else {
        return Err(no_such_column("time", "--time", data.columns())
            .hint("name the column that says when by --time COLUMN"));
    };
    let numbers = imported
        .dataset
        .column(&value)
        .filter(|column| column.kind() == netloom::ml::Kind::Number)
        .ok_or_else(|| Failure::usage(format!("--value: column '{value}' holds no numbers")))?
        .numbers();
    let names = asked.by.map(|by| told::texts(&data, by)).transpose()?;
    let known: Vec<i64> = times.iter().flatten().copied().collect();
    // Small numbers count intervals; read as times they would be days of January 1970.
    let counts = known
        .iter()
        .all(|time| (0..100_000_000 * SECOND).contains(time))
        && known.iter().all(|time| time % SECOND == 0);
    let interval = match asked.interval {
        Some(interval) => interval,
        None if counts => {
            return Err(Failure::usage(
                "the times of the table are numbers of intervals: how long is one?",
            )
            .hint("--interval 1h says so"));
        }
        None => usual_step(&known, names.as_deref(), &times),
    };
    let scale = |time: i64| {
        if counts {
            (time / SECOND).saturating_mul(interval)
        } else {
            time
        }
    };
    let mut points: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for (row, time) in times.iter().enumerate() {
        let Some(time) = time else { continue };
        let name = match &names {
            None => "",
            Some(names) => names[row].as_deref().unwrap_or("none"),
        };
        points
            .entry(name)
            .or_default()
            .push((scale(*time), numbers[row]));
    }
    let how = match asked.aggregate {
        Aggregate::Sum => Gather::Sum,
        Aggregate::Mean => Gather::Mean,
    };
    let mut all = Vec::new();
    for (name, points) in points {
        let series = Series::gather(points.iter().copied(), interval, how, Gap::Missing);
        all.push((name.to_owned(), series.map_err(wrong)?));
    }
    Ok(Gathered {
        series: all,
        metric: value,
        per: asked.by.unwrap_or_default().to_owned(),
        interval,
        sources: data.sources.clone(),
        warnings: Vec::new(),
    })
}

/// The column with the values.
fn value_column(asked: &Asked<'_>, data: &Data) -> Result<String, Failure> {
    if let Some(value) = asked.value {
        return if data.has(value) {
            Ok(value.to_owned())
        } else {
            Err(data.missing(value, "--value"))
        };
    }
    let metric = asked.metric.name();
    if data.has(metric) {
        return Ok(metric.to_owned());
    }
    let mut numbers = data.schema.fields().iter().filter(|field| {
        field.data_type().is_numeric()
            && asked.time != Some(field.name())
            && netloom::ml::identity(field.name()).is_none()
    });
    match (numbers.next(), numbers.next()) {
        (Some(only), None) => Ok(only.name().clone()),
        _ => Err(no_such_column(metric, "--metric", data.columns())
            .hint("name the column with the values by --value COLUMN")),
    }
}

/// The distance in time that is usual between rows.
fn usual_step(known: &[i64], names: Option<&[Option<String>]>, times: &[Option<i64>]) -> i64 {
    let mut sorted = match names {
        None => known.to_vec(),
        // Of several series, the steps of the first.
        Some(names) => {
            let first = names.first().cloned().flatten();
            times
                .iter()
                .zip(names)
                .filter(|(_, name)| **name == first)
                .filter_map(|(time, _)| *time)
                .collect()
        }
    };
    sorted.sort_unstable();
    sorted.dedup();
    let mut steps: Vec<i64> = sorted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let Some(middle) = steps.get(steps.len() / 2).copied() else {
        return SECOND;
    };
    let alike = steps.iter().filter(|step| **step == middle).count();
    if alike * 10 >= steps.len() * 8 {
        return middle;
    }
    // Rows that come at any time are events: gather them.
    let span = sorted.last().zip(sorted.first());
    round(span.map_or(SECOND, |(last, first)| last - first))
}

/// A series that cannot be made or worked with.
pub(super) fn wrong(error: SeriesError) -> Failure {
    match error {
        SeriesError::TooShort { .. } => Failure::input(error.to_string(), None),
        SeriesError::TooLong { .. } => {
            Failure::usage(error).hint("a longer --interval makes fewer")
        }
        other => Failure::usage(other),
    }
}
