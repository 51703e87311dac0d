//! Captures as series: what passed in each interval, of all, of each host or of each service.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use netloom::OpenOptions;
use netloom::ml::card::Source;
use netloom::pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
use netloom::tables::TableName;

use super::{Loader, inputs, poor};
use crate::arguments::{Metric, SeriesOf};
use crate::commands::Session;
use crate::failure::Failure;
use crate::progress::end_on_signal;

/// Names that are told apart; what comes later is one series of its own.
const MOST_NAMES: usize = 20_000;
/// The name of that.
const OTHERS: &str = "others";

/// What passed, by name and interval.
pub(crate) struct Counted {
    /// Names, and what passed in each interval (its number since 1970).
    pub(crate) series: BTreeMap<String, BTreeMap<i64, f64>>,
    /// Length of the intervals in nanoseconds.
    pub(crate) interval: i64,
    /// Where it is from.
    pub(crate) sources: Vec<Source>,
    /// What makes it poor.
    pub(crate) poor: Vec<String>,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting {
    pub(crate) metric: Metric,
    pub(crate) per: Option<SeriesOf>,
    /// Length of an interval in nanoseconds.
    pub(crate) interval: i64,
}

impl Loader<'_> {
    /// Which of DATA are captures, and which are tables.
    pub(crate) fn sorted(&self, data: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
        let (captures, tables): (Vec<_>, Vec<_>) = inputs::expand(data, Some(self.printer))?
            .into_iter()
            .partition(|input| input.is_capture);
        let paths = |inputs: Vec<inputs::Input>| inputs.into_iter().map(|i| i.path).collect();
        Ok((paths(captures), paths(tables)))
    }

    /// Counts what passed in captures, which are one stream ordered by time.
    pub(crate) fn counted(
        &self,
        captures: &[PathBuf],
        counting: Counting,
    ) -> Result<Counted, Failure> {
        let flows = counting.metric == Metric::Flows;
        let (table, time) = if flows {
            (TableName::Flows, "start")
        } else {
            (TableName::Packets, "ts")
        };
        let mut columns = vec![time];
        if counting.metric == Metric::Bytes {
            columns.push("len");
        }
        match counting.per {
            Some(SeriesOf::Host) => columns.extend(["src_ip", "dst_ip"]),
            Some(SeriesOf::Service) => columns.push("service"),
            None => {}
        }
        let request = TableRequest::named(table, &columns).map_err(Failure::usage)?;
        let session = Session::new(self.global, self.printer);
        // Half of the data is not what was to be learned from.
        end_on_signal();
        let scan = Scan::new(vec![request], ScanOptions::new(session.options.clone()));
        let mut counter = Counter {
            counting,
            time,
            places: HashMap::new(),
            series: Vec::new(),
        };
        let mut broken: Option<arrow_schema::ArrowError> = None;
        let mut keep = |_: usize, batch: RecordBatch| match counter.count(&batch) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                broken = Some(error);
                Ok(ControlFlow::Break(()))
            }
        };
        let mut open = || {
            let source = netloom::open(captures, &OpenOptions::default())?;
            session.filtered(source, self.filter.as_ref())
        };
        let outcome = session.scan(&scan, &mut open, &Plain, &mut keep, Path::new("-"))?;
        session.tell_captures(&outcome.captures, outcome.interrupted);
        if let Some(error) = broken {
            return Err(Failure::usage(error));
        }
        let words = poor(&outcome);
        if let Some(failed) = outcome.failed {
            return Err(failed.into());
        }
        Ok(Counted {
            series: counter.series.into_iter().collect(),
            interval: counting.interval,
            sources: outcome
                .captures
                .iter()
                .map(|capture| Source {
                    name: capture.name.clone(),
                    kind: "capture".to_owned(),
                    rows: capture.packets,
                })
                .collect(),
            poor: words.into_iter().map(|(what, _)| what).collect(),
        })
    }
}

struct Counter {
    counting: Counting,
    time: &'static str,
    places: HashMap<String, usize>,
    series: Vec<(String, BTreeMap<i64, f64>)>,
}

impl Counter {
    fn count(&mut self, batch: &RecordBatch) -> Result<(), arrow_schema::ArrowError> {
        let Some(times) = batch.column_by_name(self.time) else {
            return Ok(());
        };
        let times = cast(times, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
        let times = cast(&times, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>();
        let lengths = batch
            .column_by_name("len")
            .map(|array| cast(array, &DataType::UInt64))
            .transpose()?;
        let text = |name: &str| -> Result<Option<StringArray>, arrow_schema::ArrowError> {
            batch
                .column_by_name(name)
                .map(|array| Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()))
                .transpose()
        };
        let names = match self.counting.per {
            None => [None, None],
            Some(SeriesOf::Host) => [text("src_ip")?, text("dst_ip")?],
            Some(SeriesOf::Service) => [text("service")?, None],
        };
        for row in 0..batch.num_rows() {
            if times.is_null(row) {
                continue;
            }
            let interval = times.value(row).div_euclid(self.counting.interval);
            let amount = lengths.as_ref().map_or(1.0, |lengths| {
                lengths.as_primitive::<UInt64Type>().value(row) as f64
            });
            if self.counting.per.is_none() {
                self.add("", interval, amount);
                continue;
            }
            let of = |column: &Option<StringArray>| {
                column
                    .as_ref()
                    .filter(|column| column.is_valid(row))
                    .map(|column| column.value(row).to_owned())
            };
            let (one, other) = (of(&names[0]), of(&names[1]));
            if one != other
                && let Some(name) = &other
            {
                self.add(name, interval, amount);
            }
            match one {
                Some(name) => self.add(&name, interval, amount),
                None if self.counting.per == Some(SeriesOf::Service) => {
                    self.add("unknown", interval, amount);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, interval: i64, amount: f64) {
        let place = if let Some(place) = self.places.get(name) {
            *place
        } else {
            let name = if self.series.len() >= MOST_NAMES {
                OTHERS
            } else {
                name
            };
            let series = &mut self.series;
            *self.places.entry(name.to_owned()).or_insert_with(|| {
                series.push((name.to_owned(), BTreeMap::new()));
                series.len() - 1
            })
        };
        *self.series[place].1.entry(interval).or_insert(0.0) += amount;
    }
}
