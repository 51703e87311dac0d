//! `netloom cluster`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use clap::ValueEnum as _;
use netloom::analysis::learned::clusters::{self, Agreement, Cluster, Place};
use netloom::analysis::learned::{Clusters, SCHEMA_VERSION};
use netloom::analysis::report::units;
use netloom::ml::cluster::{self, Clustering, Numbered};
use netloom::ml::metrics::{adjusted_rand_score, normalized_mutual_info_score};
use netloom::ml::series::{self, Shape};

use super::gathered::{Asked, gather};
use super::learn::{self, of_data};
use super::told::{self, Naming, Outputs};
use crate::arguments::{Aggregate, ClusterOptions, Global, Metric, SeriesOf};
use crate::data::{Data, Loader};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// Rows on the map.
const ON_THE_MAP: usize = 2000;
/// Rows that stand for a group.
const EXAMPLES: usize = 2;
/// Labels that are named of a group.
const LABELS: usize = 3;

pub(crate) fn run(
    options: &ClusterOptions,
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
    let mut reading = options.reading.clone();
    let loader = Loader::new(global, printer, &reading)?;
    // The column that names series, beside those of their shapes.
    let named_by = options.series.as_deref().map(|whose| {
        let taken = Shape::NAMES.contains(&whose);
        if taken { "series" } else { whose }
    });
    let data = match options.series.as_deref().zip(named_by) {
        Some((whose, named_by)) => {
            reading.exclude.push(named_by.to_owned());
            reading.time = None;
            shapes(options, whose, named_by, &loader)?
        }
        None => loader.load(&options.data)?,
    };
    if let Some(label) = &options.label {
        if !data.has(label) {
            return Err(data.missing(label, "--label"));
        }
        reading.exclude.push(label.clone());
    }
    let data = data.windowed(&reading, options.label.as_deref(), None)?;
    let imported = learn::import(&data, &reading, None, None)?;
    let failed = |error: netloom::ml::Error| of_data(error, &data);
    let numbered = Numbered::new(&imported.dataset).map_err(failed)?;
    let found = cluster::cluster(
        numbered.matrix(),
        &cluster::ClusterOptions {
            algorithm: options.algorithm,
            clusters: options.clusters,
            max_clusters: options.max_clusters,
            eps: options.eps,
            min_samples: options.min_samples,
            min_cluster_size: options.min_cluster_size,
            seed: options.seed,
            threads: learn::threads(global.threads),
            ..cluster::ClusterOptions::default()
        },
    )
    .map_err(|error| of_data(error.into(), &data))?;
    let (places, shares) = cluster::map(numbered.matrix());
    let labels = options
        .label
        .as_deref()
        .map(|column| told::texts(&data, column))
        .transpose()?;
    let naming = match named_by {
        Some(column) => Naming::by(&data, column)?,
        None => Naming::new(&data, &imported.left_out)?,
    };
    let words = numbered.words(&found.labels, found.clusters);
    let groups = found
        .sizes()
        .iter()
        .zip(words)
        .zip(0..)
        .map(|((rows, words), group)| Cluster {
            number: u64::from(group) + 1,
            rows: *rows as u64,
            words,
            examples: examples(&found, &places, group)
                .into_iter()
                .map(|row| naming.of(row))
                .collect(),
            labels: labels
                .as_ref()
                .map(|labels| frequent(&found, labels, group))
                .unwrap_or_default(),
        })
        .collect();
    let facts = Clusters {
        schema_version: SCHEMA_VERSION,
        netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
        sources: data.sources.clone(),
        row: data.row.clone(),
        rows: data.rows() as u64,
        columns: numbered.columns(),
        left_out: imported.left_out.clone(),
        algorithm: found.algorithm.name().to_owned(),
        clusters: groups,
        noise: found.noise() as u64,
        silhouette: found.silhouette,
        tried: found
            .tried
            .iter()
            .map(|(groups, score)| (*groups as u64, *score))
            .collect(),
        eps: found.eps,
        sampled: found.sampled.map(|rows| rows as u64),
        labels: labels
            .as_ref()
            .zip(options.label.as_ref())
            .map(|(labels, column)| agreement(&found, labels, column)),
        map: sampled(&found, &places),
        map_shares: shares,
        warnings: data.poor.iter().map(|(what, _)| what.clone()).collect(),
    };
    if options.output.is_some() {
        table(&mut outputs, options, &data, &numbered, &found, &places)?;
    }
    outputs.facts(&facts, clusters::html, clusters::terminal, 10, printer)?;
    Ok(ExitCode::SUCCESS)
}

/// Series as rows: their names, and their shapes.
fn shapes(
    options: &ClusterOptions,
    whose: &str,
    named_by: &str,
    loader: &Loader<'_>,
) -> Result<Data, Failure> {
    let metric = Metric::from_str(&options.metric, false).ok();
    let asked = |is_captures: bool| {
        let mut asked = Asked {
            metric: metric.unwrap_or(Metric::Bytes),
            per: None,
            value: None,
            time: None,
            by: None,
            aggregate: Aggregate::Sum,
            interval: options.interval,
        };
        if is_captures {
            if metric.is_none() {
                return Err(Failure::usage(format!(
                    "--metric: captures have no '{}'",
                    options.metric
                ))
                .hint("there are bytes, packets and flows"));
            }
            let per = SeriesOf::from_str(whose, false);
            asked.per = Some(per.map_err(|_| {
                Failure::usage(format!("--series: captures have no series of '{whose}'"))
                    .hint("there is one of each host, or of each service")
            })?);
        } else {
            asked.by = Some(whose);
            asked.time = options.reading.time.as_deref();
            asked.value = metric.is_none().then_some(&*options.metric);
        }
        Ok(asked)
    };
    let gathered = gather(asked, loader, &options.data)?;
    let shapes: Vec<_> = gathered
        .series
        .iter()
        .map(|(_, series)| series::shape(series).values())
        .collect();
    let mut fields = vec![Field::new(named_by, DataType::Utf8, false)];
    let names = gathered.series.iter().map(|(name, _)| name.as_str());
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(names))];
    for (place, name) in Shape::NAMES.into_iter().enumerate() {
        let values = shapes.iter().map(|values| values[place]);
        fields.push(Field::new(name, DataType::Float64, false));
        columns.push(Arc::new(Float64Array::from_iter_values(values)));
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Failure::usage)?;
    let every = units::seconds(gathered.interval as f64 / 1e9);
    Ok(Data {
        schema,
        batches: vec![batch],
        sources: gathered.sources,
        row: format!("{whose} by {} every {every}", gathered.metric),
        table: "",
        poor: gathered
            .warnings
            .into_iter()
            .map(|what| (what, String::new()))
            .collect(),
        label_columns: Vec::new(),
    })
}

/// The number of a row's group as the outputs have it: from 1 on.
fn number(label: Option<u32>) -> Option<u64> {
    label.map(|label| u64::from(label) + 1)
}

/// The rows of a group that lie nearest its middle on the map.
fn examples(found: &Clustering, places: &[[f64; 2]], group: u32) -> Vec<usize> {
    let rows: Vec<usize> = (0..found.labels.len())
        .filter(|row| found.labels[*row] == Some(group))
        .collect();
    let middle = |axis: usize| {
        let mut values: Vec<f64> = rows.iter().map(|row| places[*row][axis]).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let (x, y) = (middle(0), middle(1));
    let far = |row: usize| (places[row][0] - x).powi(2) + (places[row][1] - y).powi(2);
    let mut near = rows;
    near.sort_by(|a, b| far(*a).total_cmp(&far(*b)).then(a.cmp(b)));
    near.truncate(EXAMPLES);
    near
}

/// The most frequent labels of a group.
fn frequent(found: &Clustering, labels: &[Option<String>], group: u32) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (of, label) in found.labels.iter().zip(labels) {
        if *of == Some(group)
            && let Some(label) = label
        {
            *counts.entry(label).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, u64)> = counts
        .into_iter()
        .map(|(label, rows)| (label.to_owned(), rows))
        .collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(LABELS);
    counts
}

/// How groups agree with labels, over the rows that have one; rows in no group are one of their
/// own.
fn agreement(found: &Clustering, labels: &[Option<String>], column: &str) -> Agreement {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for label in labels.iter().flatten() {
        let next = names.len() as u32;
        names.entry(label).or_insert(next);
    }
    let (truth, groups): (Vec<u32>, Vec<u32>) = labels
        .iter()
        .zip(&found.labels)
        .filter_map(|(label, group)| {
            let label = names.get(label.as_deref()?)?;
            Some((*label, group.unwrap_or(found.clusters as u32)))
        })
        .unzip();
    Agreement {
        column: column.to_owned(),
        adjusted_rand: adjusted_rand_score(&truth, &groups),
        normalized_mutual_info: normalized_mutual_info_score(&truth, &groups),
    }
}

/// Rows of the map: evenly chosen of many.
fn sampled(found: &Clustering, places: &[[f64; 2]]) -> Vec<Place> {
    let step = places.len().div_ceil(ON_THE_MAP).max(1);
    places
        .iter()
        .zip(&found.labels)
        .step_by(step)
        .map(|([x, y], label)| Place {
            x: *x,
            y: *y,
            cluster: number(*label),
        })
        .collect()
}

/// Each row with its group.
fn table(
    outputs: &mut Outputs,
    options: &ClusterOptions,
    data: &Data,
    numbered: &Numbered,
    found: &Clustering,
    places: &[[f64; 2]],
) -> Result<(), Failure> {
    let looked_at = numbered.columns();
    let shown: Vec<&str> = data
        .columns()
        .filter(|name| !looked_at.iter().any(|column| column == name))
        .collect();
    let added = [
        ("cluster", DataType::UInt32),
        ("map_x", DataType::Float64),
        ("map_y", DataType::Float64),
    ];
    let schema = data.schema_with(&shown, added.map(|(name, kind)| (name.to_owned(), kind)));
    let mut from = 0;
    let batches = data.batches.iter().map(|batch| {
        let rows = from..from + batch.num_rows();
        from = rows.end;
        let mut columns: Vec<ArrayRef> = shown
            .iter()
            .filter_map(|name| batch.column_by_name(name).cloned())
            .collect();
        columns.push(Arc::new(
            found.labels[rows.clone()]
                .iter()
                .map(|label| label.map(|label| label + 1))
                .collect::<UInt32Array>(),
        ));
        for axis in 0..2 {
            columns.push(Arc::new(Float64Array::from_iter_values(
                places[rows.clone()].iter().map(|place| place[axis]),
            )));
        }
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Failure::usage)
    });
    outputs.table(options.format, &schema, batches)
}
