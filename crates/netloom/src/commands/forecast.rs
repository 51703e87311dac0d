//! `netloom forecast`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use netloom::analysis::learned::SCHEMA_VERSION;
use netloom::analysis::learned::forecast::{self, Forecasts, SeriesFacts};
use netloom::ml::card::Source;
use netloom::ml::series::{
    self, CapacityOptions, Gap, Gather, Series, SeriesAnomalyOptions, SeriesError,
};
use netloom::ml::{Dataset, DatasetOptions};

use super::learn;
use super::told::{self, Outputs, rfc3339};
use crate::arguments::{Aggregate, CapacityOption, DataOptions, ForecastOptions, Global, SeriesOf};
use crate::data::{Counting, Data, Loader, no_such_column};
use crate::failure::Failure;
use crate::output::Printer;

const SECOND: i64 = 1_000_000_000;
/// Intervals of a capture where nobody says how long they are.
const MOST_INTERVALS: i64 = 1000;
/// Intervals from which on the first and the last, which are not whole, are left out.
const ENOUGH: usize = 8;

pub(crate) fn run(
    options: &ForecastOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let mut outputs = Outputs::open(
        options.output.as_deref(),
        options.json.as_deref(),
        options.html.as_deref(),
    )?;
    if options.interval == Some(0) {
        return Err(Failure::usage("--interval must be above 0"));
    }
    let loader = Loader::new(global, printer, &reading(options))?;
    let (captures, tables) = loader.sorted(&options.data)?;
    let gathered = match (captures.is_empty(), tables.is_empty()) {
        (false, true) => of_captures(options, &loader, &captures)?,
        (true, false) => of_tables(options, &loader, &tables)?,
        _ => {
            return Err(Failure::usage("captures and tables cannot be one series")
                .hint("forecast the one, then the other"));
        }
    };
    let facts = facts(options, global, gathered)?;
    if options.output.is_some() {
        table(&mut outputs, options, &facts)?;
    }
    outputs.facts(
        &facts,
        forecast::html,
        forecast::terminal,
        10.max(options.top),
        printer,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// How tables are read: as they are.
fn reading(options: &ForecastOptions) -> DataOptions {
    DataOptions {
        per: None,
        window: 0,
        time: options.time.clone(),
        columns: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        no_header: false,
        delimiter: None,
        missing: Vec::new(),
    }
}

/// Series with their names, and where they are from.
struct Gathered {
    series: Vec<(String, Series)>,
    metric: String,
    per: String,
    interval: i64,
    sources: Vec<Source>,
    warnings: Vec<String>,
}

fn of_captures(
    options: &ForecastOptions,
    loader: &Loader<'_>,
    captures: &[PathBuf],
) -> Result<Gathered, Failure> {
    for (given, name) in [
        (options.value.is_some(), "--value"),
        (options.time.is_some(), "--time"),
        (options.by.is_some(), "--by"),
    ] {
        if given {
            return Err(Failure::usage(format!("{name} is for tables"))
                .hint("of captures, --metric says what and --per whose"));
        }
    }
    let counting = Counting {
        metric: options.metric,
        per: options.per,
        interval: options.interval.unwrap_or(SECOND),
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
    let interval = options.interval.unwrap_or_else(|| round(span));
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
        metric: options.metric.name().to_owned(),
        per: match options.per {
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
    options: &ForecastOptions,
    loader: &Loader<'_>,
    tables: &[PathBuf],
) -> Result<Gathered, Failure> {
    if options.per.is_some() {
        return Err(
            Failure::usage("--per is for captures").hint("of a table, --by COLUMN says whose")
        );
    }
    let data = loader.load(tables)?;
    let value = value_column(options, &data)?;
    for (column, option) in [(&options.time, "--time"), (&options.by, "--by")] {
        if let Some(column) = column.as_deref().filter(|column| !data.has(column)) {
            return Err(data.missing(column, option));
        }
    }
    let mut wanted = DatasetOptions::default();
    wanted.time.clone_from(&options.time);
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
    let names = options
        .by
        .as_deref()
        .map(|by| told::texts(&data, by))
        .transpose()?;
    let known: Vec<i64> = times.iter().flatten().copied().collect();
    // Small numbers count intervals; read as times they would be days of January 1970.
    let counts = known
        .iter()
        .all(|time| (0..100_000_000 * SECOND).contains(time))
        && known.iter().all(|time| time % SECOND == 0);
    let interval = match options.interval {
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
    let how = match options.aggregate {
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
        per: options.by.clone().unwrap_or_default(),
        interval,
        sources: data.sources.clone(),
        warnings: Vec::new(),
    })
}

/// The column with the values.
fn value_column(options: &ForecastOptions, data: &Data) -> Result<String, Failure> {
    if let Some(value) = &options.value {
        return if data.has(value) {
            Ok(value.clone())
        } else {
            Err(data.missing(value, "--value"))
        };
    }
    let metric = options.metric.name();
    if data.has(metric) {
        return Ok(metric.to_owned());
    }
    let mut numbers = data.schema.fields().iter().filter(|field| {
        field.data_type().is_numeric()
            && options.time.as_deref() != Some(field.name())
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

fn facts(
    options: &ForecastOptions,
    global: &Global,
    mut gathered: Gathered,
) -> Result<Forecasts, Failure> {
    let found = gathered.series.len() as u64;
    let sum = |series: &Series| -> f64 {
        series
            .values()
            .iter()
            .filter(|value| value.is_finite())
            .sum()
    };
    gathered
        .series
        .sort_by(|a, b| sum(&b.1).total_cmp(&sum(&a.1)).then_with(|| a.0.cmp(&b.0)));
    gathered.series.truncate(options.top.max(1));
    let time = |ns: i64| rfc3339(ns);
    let mut all = Vec::new();
    for (name, values) in &gathered.series {
        let mut facts = SeriesFacts::new(name, values);
        let asked = series::ForecastOptions {
            horizon: options.horizon,
            level: options.level,
            threads: learn::threads(global.threads),
            ..series::ForecastOptions::default()
        };
        match series::forecast(values, &asked) {
            Ok(mut coming) => {
                if values
                    .values()
                    .iter()
                    .all(|value| value.is_nan() || *value >= 0.0)
                {
                    // Of what cannot be less than nothing, neither can a forecast.
                    for point in &mut coming.points {
                        point.value = point.value.max(0.0);
                        point.low = point.low.map(|low| low.max(0.0));
                        point.high = point.high.map(|high| high.max(0.0));
                    }
                }
                facts.set_forecast(&coming, &time);
            }
            Err(error @ SeriesError::TooShort { .. }) => {
                facts.no_forecast = Some(error.to_string());
            }
            Err(error) => return Err(wrong(error)),
        }
        let odd = series::anomalies(values, &SeriesAnomalyOptions::default());
        facts.set_anomalies(&odd, &time);
        facts.set_profile(&series::profile(values), &time);
        if let Some(capacity) = &options.capacity {
            let per_interval = per_interval(capacity, &gathered)?;
            let found =
                series::capacity(values, &CapacityOptions::new(per_interval)).map_err(wrong)?;
            facts.set_capacity(&capacity.text, per_interval, &found);
        }
        all.push(facts);
    }
    Ok(Forecasts {
        schema_version: SCHEMA_VERSION,
        netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
        sources: gathered.sources,
        metric: gathered.metric,
        per: gathered.per,
        interval_seconds: gathered.interval as f64 / 1e9,
        level: options.level,
        series: all,
        series_found: found,
        warnings: gathered.warnings,
    })
}

/// What fits in an interval.
fn per_interval(capacity: &CapacityOption, gathered: &Gathered) -> Result<f64, Failure> {
    let is_bytes = gathered
        .metric
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case("bytes"));
    match (capacity.is_bits, is_bytes) {
        (true, true) => Ok(capacity.number / 8.0 * (gathered.interval as f64 / 1e9)),
        (false, _) => Ok(capacity.number),
        (true, false) => Err(Failure::usage(format!(
            "--capacity {} is a rate of bits, and {} is none of bytes",
            capacity.text, gathered.metric
        ))
        .hint("a plain number is so many in an interval")),
    }
}

/// The forecasts as rows.
fn table(
    outputs: &mut Outputs,
    options: &ForecastOptions,
    facts: &Forecasts,
) -> Result<(), Failure> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("series", DataType::Utf8, true),
        Field::new(
            "time",
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            false,
        ),
        Field::new("value", DataType::Float64, false),
        Field::new("low", DataType::Float64, true),
        Field::new("high", DataType::Float64, true),
    ]));
    let rows = || {
        facts.series.iter().flat_map(|series| {
            let end = series.start_ns.saturating_add(
                series
                    .interval_ns
                    .saturating_mul(series.values.len() as i64),
            );
            series
                .forecast
                .iter()
                .enumerate()
                .map(move |(step, point)| {
                    let time = end.saturating_add(series.interval_ns.saturating_mul(step as i64));
                    (series, time, point)
                })
        })
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            rows()
                .map(|(series, ..)| Some(series.name.as_str()).filter(|name| !name.is_empty()))
                .collect::<StringArray>(),
        ),
        Arc::new(
            TimestampNanosecondArray::from_iter_values(rows().map(|(_, time, _)| time))
                .with_timezone("UTC"),
        ),
        Arc::new(Float64Array::from_iter_values(
            rows().map(|(.., point)| point.value),
        )),
        Arc::new(
            rows()
                .map(|(.., point)| point.low)
                .collect::<Float64Array>(),
        ),
        Arc::new(
            rows()
                .map(|(.., point)| point.high)
                .collect::<Float64Array>(),
        ),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Failure::usage);
    outputs.table(options.format, &schema, [batch])
}

/// A series that cannot be made or worked with.
fn wrong(error: SeriesError) -> Failure {
    match error {
        SeriesError::TooShort { .. } => Failure::input(error.to_string(), None),
        SeriesError::TooLong { .. } => {
            Failure::usage(error).hint("a longer --interval makes fewer")
        }
        other => Failure::usage(other),
    }
}
