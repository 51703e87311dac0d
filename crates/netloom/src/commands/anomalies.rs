//! `netloom anomalies`.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::DataType;
use netloom::analysis::learned::anomalies::{self, Change, Finding, Labels, Shift};
use netloom::analysis::learned::{Anomalies, SCHEMA_VERSION};
use netloom::analysis::report::units;
use netloom::ml::Imported;
use netloom::ml::anomaly::{
    DetectOptions, Detection, DetectorKind, Reason, detect, detect_online, detect_packets,
};
use netloom::ml::experiment::negative_class;
use netloom::ml::metrics::Ranking;

use super::learn::{self, of_data};
use super::told::{self, Naming, Outputs, rfc3339};
use crate::arguments::{AnomaliesOptions, DataOptions, Global};
use crate::data::{Data, Loader};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// Odd rows that are explained in a table.
const EXPLAINED: usize = 10_000;
/// Odd rows that stand in the facts.
const TOLD: usize = 1000;

pub(crate) fn run(
    options: &AnomaliesOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let files = Files::of_data(&options.data)?;
    files.data(&options.train)?;
    let mut outputs = Outputs::open(
        &files,
        options.output.as_deref(),
        options.json.as_deref(),
        options.html.as_deref(),
    )?;
    let kind = options.detector.unwrap_or(if options.online {
        DetectorKind::HalfSpaceTrees
    } else {
        DetectorKind::IsolationForest
    });
    let reading = reading(options);
    let of_packets = kind == DetectorKind::Kitsune;
    let mut loader = Loader::new(global, printer, &reading)?;
    if of_packets {
        if reading.per.is_some() {
            return Err(Failure::usage(
                "--detector kitsune looks at packets one by one: --per sums up flows",
            ));
        }
        loader = loader.of_packets();
    }
    let scored = Part::load(&loader, &options.data, options, &reading)?;
    let mut normal = if options.train.is_empty() {
        None
    } else {
        Some(Part::load(&loader, &options.train, options, &reading)?)
    };
    if let Some(normal) = normal.as_mut().filter(|_| !of_packets) {
        normal.keep_columns_of(&scored, printer)?;
    }
    let detect_options = DetectOptions {
        detector: kind,
        false_alarms: options.false_alarms,
        explained: if options.output.is_some() {
            EXPLAINED
        } else {
            TOLD.max(options.top)
        },
        seed: options.seed,
        threads: learn::threads(global.threads),
    };
    let dataset = &scored.imported.dataset;
    let found = if of_packets {
        let time = reading.time.as_deref();
        let packets = scored.data.observations(time)?;
        let normal = normal
            .as_ref()
            .map(|part| part.data.observations(time))
            .transpose()?;
        detect_packets(normal.as_deref(), &packets, &detect_options)
    } else if options.online {
        detect_online(dataset, &scored.hosts, &detect_options)
    } else {
        let learnt = normal
            .as_ref()
            .map(|part| (&part.imported.dataset, &part.hosts[..]));
        detect(learnt, dataset, &scored.hosts, &detect_options)
    }
    .map_err(|error| of_data(error, &scored.data))?;
    let labels = options
        .label
        .as_deref()
        .map(|column| Labelled::read(&scored.data, column, options.negative.as_deref()))
        .transpose()?;
    let facts = facts(options, &scored, normal.as_ref(), &found, labels.as_ref())?;
    if options.output.is_some() {
        table(&mut outputs, options, &scored, &found)?;
    }
    outputs.facts(
        &facts,
        anomalies::html,
        anomalies::terminal,
        options.top,
        printer,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The options of DATA; a label is no column to look at.
fn reading(options: &AnomaliesOptions) -> DataOptions {
    let mut reading = options.reading.clone();
    reading.exclude.extend(options.label.iter().cloned());
    reading
}

/// Rows, and what of them is looked at.
struct Part {
    data: Data,
    imported: Imported,
    hosts: Vec<String>,
}

impl Part {
    fn load(
        loader: &Loader<'_>,
        paths: &[std::path::PathBuf],
        options: &AnomaliesOptions,
        reading: &DataOptions,
    ) -> Result<Self, Failure> {
        let mut data = loader.load(paths)?;
        let mut reading = reading.clone();
        if let Some(label) = &options.label {
            if data.has(label) {
                data = data.windowed(&reading, Some(label), options.negative.as_deref())?;
            } else if paths == options.data {
                return Err(data.missing(label, "--label"));
            } else {
                // What is normal needs no label.
                reading.exclude.retain(|column| column != label);
                data = data.windowed(&reading, None, None)?;
            }
        } else {
            data = data.windowed(&reading, None, None)?;
        }
        let imported = learn::import(&data, &reading, None, None)?;
        let host = match &options.host {
            Some(host) if !data.has(host) => return Err(data.missing(host, "--host")),
            Some(host) => Some(host.clone()),
            None => imported
                .left_out
                .iter()
                .find(|left| left.reason == "an address")
                .map(|left| left.column.clone()),
        };
        let hosts = match host {
            Some(host) => told::texts(&data, &host)?
                .into_iter()
                .map(Option::unwrap_or_default)
                .collect(),
            None => Vec::new(),
        };
        Ok(Self {
            data,
            imported,
            hosts,
        })
    }

    /// Leaves out the columns that other rows do not have.
    fn keep_columns_of(&mut self, other: &Self, printer: &Printer) -> Result<(), Failure> {
        const SHOWN: usize = 8;
        let (mut both, mut missing) = (Vec::new(), Vec::new());
        for column in self.imported.dataset.columns() {
            if other.imported.dataset.column(column.name()).is_some() {
                both.push(column.name().to_owned());
            } else {
                missing.push(column.name().to_owned());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let names = missing[..missing.len().min(SHOWN)].join(", ");
        if both.is_empty() {
            return Err(
                Failure::input("--train and DATA have no column in common", None)
                    .hint(format!("--train has: {names}")),
            );
        }
        let more = missing.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        printer.note(&format!(
            "DATA lacks columns of --train, which are not looked at: {names}{more}"
        ));
        self.imported.dataset = self.imported.dataset.with_columns(&both)?;
        Ok(())
    }

    fn time(&self, row: usize) -> Option<String> {
        let times = self.imported.dataset.times()?;
        times.get(row).copied().flatten().map(rfc3339)
    }
}

/// Labels of rows, and which of them is harmless.
struct Labelled {
    column: String,
    texts: Vec<Option<String>>,
    harmless: String,
}

impl Labelled {
    fn read(data: &Data, column: &str, asked: Option<&str>) -> Result<Self, Failure> {
        let texts = told::texts(data, column)?;
        let mut names: Vec<String> = texts.iter().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        let harmless = match asked {
            Some(asked) if names.iter().any(|name| name == asked) => asked.to_owned(),
            Some(asked) => {
                return Err(
                    Failure::usage(format!("--negative: no row has the label '{asked}'"))
                        .hint(format!("there are: {}", shown(&names))),
                );
            }
            None => {
                let codes: Vec<u32> = texts
                    .iter()
                    .flatten()
                    .filter_map(|text| names.binary_search(text).ok())
                    .map(|place| place as u32)
                    .collect();
                let place = negative_class(&names, &codes).ok_or_else(|| {
                    Failure::usage("which label is harmless cannot be told from their names")
                        .hint(format!("name it by --negative: {}", shown(&names)))
                })?;
                names[place as usize].clone()
            }
        };
        Ok(Self {
            column: column.to_owned(),
            texts,
            harmless,
        })
    }

    /// How well scores tell them.
    fn told(&self, found: &Detection) -> Labels {
        let rows: Vec<usize> = (0..self.texts.len())
            .filter(|row| self.texts[*row].is_some())
            .collect();
        let positive: Vec<bool> = rows
            .iter()
            .map(|row| self.texts[*row].as_deref() != Some(&self.harmless))
            .collect();
        let scores: Vec<f64> = rows.iter().map(|row| found.scores[*row]).collect();
        let ranking = Ranking::new(&positive, &scores);
        let mut odd = vec![false; self.texts.len()];
        for row in &found.odd {
            odd[*row] = true;
        }
        let counted = |wanted: &dyn Fn(bool, bool) -> bool| {
            rows.iter()
                .zip(&positive)
                .filter(|(row, positive)| wanted(odd[**row], **positive))
                .count() as f64
        };
        let both = counted(&|odd, positive| odd && positive);
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        Labels {
            column: self.column.clone(),
            harmless: self.harmless.clone(),
            positives: counted(&|_, positive| positive) as u64,
            roc_auc: ranking.roc_auc(),
            pr_auc: ranking.average_precision(),
            precision: share(both, counted(&|odd, _| odd)),
            recall: share(both, counted(&|_, positive| positive)),
            false_alarms: share(
                counted(&|odd, positive| odd && !positive),
                counted(&|_, positive| !positive),
            ),
        }
    }
}

/// The first of many names.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 20;
    names[..names.len().min(SHOWN)].join(", ")
}

fn facts(
    options: &AnomaliesOptions,
    scored: &Part,
    normal: Option<&Part>,
    found: &Detection,
    labels: Option<&Labelled>,
) -> Result<Anomalies, Failure> {
    let naming = Naming::new(&scored.data, &scored.imported.left_out)?;
    let findings = found
        .findings
        .iter()
        .take(TOLD)
        .map(|finding| Finding {
            row: finding.row as u64 + 1,
            time: scored.time(finding.row),
            who: naming.of(finding.row),
            score: finding.score,
            p_value: finding.p_value,
            reasons: finding.reasons.clone(),
            label: labels.and_then(|labels| labels.texts[finding.row].clone()),
        })
        .collect();
    Ok(Anomalies {
        schema_version: SCHEMA_VERSION,
        netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
        sources: scored.data.sources.clone(),
        learnt_from: normal
            .map(|part| part.data.sources.clone())
            .unwrap_or_default(),
        row: scored.data.row.clone(),
        rows: scored.data.rows() as u64,
        rows_learnt: found.learnt_from as u64,
        online: found.online,
        detector: found.detector.name().to_owned(),
        columns: found.columns.clone(),
        // Statistics of packets are by who sends to whom: nothing is left out.
        left_out: if found.detector == DetectorKind::Kitsune {
            Vec::new()
        } else {
            scored.imported.left_out.clone()
        },
        false_alarms: options.false_alarms,
        threshold: found.odd.last().map(|row| found.scores[*row]),
        odd: found.odd.len() as u64,
        findings,
        changes: found
            .changes
            .iter()
            .map(|row| Change {
                row: *row as u64 + 1,
                time: scored.time(*row),
            })
            .collect(),
        drift: found
            .drift
            .iter()
            .map(|(column, index)| Shift {
                column: column.clone(),
                index: *index,
            })
            .collect(),
        labels: labels.map(|labels| labels.told(found)),
        warnings: warnings(options, scored, normal, found),
    })
}

fn warnings(
    options: &AnomaliesOptions,
    scored: &Part,
    normal: Option<&Part>,
    found: &Detection,
) -> Vec<String> {
    let mut words: Vec<String> = [Some(scored), normal]
        .into_iter()
        .flatten()
        .flat_map(|part| &part.data.poor)
        .map(|(what, does)| {
            if does.is_empty() {
                what.clone()
            } else {
                format!("{what}. {does}")
            }
        })
        .collect();
    let least = 1.0 / (found.learnt_from as f64 + 1.0);
    if least > options.false_alarms && scored.data.rows() > 0 {
        let needed = (1.0 / options.false_alarms).ceil();
        words.push(format!(
            "from {} a share of {} cannot be told: no row can count as odd. {} rows would do, or --false-alarms {}",
            units::counted(found.learnt_from as u64, "row", "rows"),
            units::share(options.false_alarms),
            units::count(needed as u64),
            (least * 100.0).ceil() / 100.0,
        ));
    }
    words
}

/// The columns of DATA that stand in the output.
fn columns_shown(
    options: &AnomaliesOptions,
    data: &Data,
    found: &Detection,
) -> Result<Vec<String>, Failure> {
    match &options.show[..] {
        [all] if all == "all" => Ok(data.columns().map(str::to_owned).collect()),
        [none] if none == "none" => Ok(Vec::new()),
        [] => Ok(data
            .columns()
            .filter(|name| !found.columns.iter().any(|column| column == name))
            .map(str::to_owned)
            .collect()),
        list => match list.iter().find(|name| !data.has(name)) {
            Some(missing) => Err(data.missing(missing, "--show")),
            None => Ok(list.to_vec()),
        },
    }
}

/// Each row with its score and what made it odd.
fn table(
    outputs: &mut Outputs,
    options: &AnomaliesOptions,
    scored: &Part,
    found: &Detection,
) -> Result<(), Failure> {
    let shown = columns_shown(options, &scored.data, found)?;
    let added = [
        ("score", DataType::Float64),
        ("p_value", DataType::Float64),
        ("odd", DataType::Boolean),
        ("reasons", DataType::Utf8),
    ];
    let added = added.map(|(name, kind)| (name.to_owned(), kind));
    let schema = scored.data.schema_with(&shown, added);
    let mut odd = vec![false; found.scores.len()];
    for row in &found.odd {
        odd[*row] = true;
    }
    let mut reasons: Vec<Option<String>> = vec![None; found.scores.len()];
    for finding in &found.findings {
        let words: Vec<String> = finding.reasons.iter().map(Reason::sentence).collect();
        reasons[finding.row] = Some(words.join("; "));
    }
    let mut from = 0;
    let batches = scored.data.batches.iter().map(|batch| {
        let all = from..from + batch.num_rows();
        from = all.end;
        let rows: Vec<usize> = all
            .clone()
            .filter(|row| odd[*row] || !options.only_odd)
            .collect();
        let places = UInt64Array::from_iter_values(rows.iter().map(|row| (row - all.start) as u64));
        let mut columns: Vec<ArrayRef> = shown
            .iter()
            .filter_map(|name| batch.column_by_name(name))
            .map(|array| arrow_select::take::take(array, &places, None))
            .collect::<Result<_, _>>()
            .map_err(Failure::usage)?;
        let number = |of: &[f64]| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(
                rows.iter().map(|row| of[*row]),
            ))
        };
        columns.push(number(&found.scores));
        columns.push(number(&found.p_values));
        columns.push(Arc::new(
            rows.iter()
                .map(|row| Some(odd[*row]))
                .collect::<BooleanArray>(),
        ));
        columns.push(Arc::new(
            rows.iter()
                .map(|row| reasons[*row].as_deref())
                .collect::<StringArray>(),
        ));
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Failure::usage)
    });
    outputs.table(options.format, &schema, batches)
}
