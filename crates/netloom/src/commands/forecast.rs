//! `netloom forecast`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use netloom::analysis::learned::SCHEMA_VERSION;
use netloom::analysis::learned::forecast::{self, Forecasts, SeriesFacts};
use netloom::ml::series::{self, CapacityOptions, Series, SeriesAnomalyOptions, SeriesError};

use super::gathered::{Asked, Gathered, gather, wrong};
use super::learn;
use super::told::{Outputs, rfc3339};
use crate::arguments::{CapacityOption, DataOptions, ForecastOptions, Global};
use crate::data::Loader;
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

pub(crate) fn run(
    options: &ForecastOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let files = Files::of_data(&options.data)?;
    let mut outputs = Outputs::open(
        &files,
        options.output.as_deref(),
        options.json.as_deref(),
        options.html.as_deref(),
    )?;
    let asked = Asked {
        metric: options.metric,
        per: options.per,
        value: options.value.as_deref(),
        time: options.time.as_deref(),
        by: options.by.as_deref(),
        aggregate: options.aggregate,
        interval: options.interval,
    };
    let loader = Loader::new(global, printer, &reading(options))?;
    let gathered = gather(|_| Ok(asked), &loader, &options.data)?;
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
