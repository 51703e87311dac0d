//! The columns of flows that windows are made of.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampNanosecondType};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};

use super::{WindowError, WindowOptions};

/// The code of no value.
pub(super) const NONE: u32 = u32::MAX;

/// Columns of flows, batch after batch.
pub(super) struct Flows {
    starts: Vec<Option<i64>>,
    /// Addresses of both ends share one list of names.
    ends: Coded,
    transport: Option<Coded>,
    port: Option<Coded>,
    service: Option<Coded>,
    server_name: Option<Coded>,
    conn_state: Option<Coded>,
    label: Option<(String, Coded)>,
    kept: Option<(Vec<String>, Coded)>,
    numbers: BTreeMap<&'static str, Vec<f64>>,
}

/// Texts as numbers of a sorted list.
pub(super) struct Coded {
    codes: Vec<u32>,
    names: Vec<String>,
}

/// Columns of numbers that are used where they are there.
const NUMBERS: [&str; 7] = [
    "duration",
    "fwd_packets",
    "bwd_packets",
    "fwd_bytes",
    "bwd_bytes",
    "fwd_retransmissions",
    "bwd_retransmissions",
];

impl Flows {
    pub(super) fn new(
        batches: &[RecordBatch],
        options: &WindowOptions,
    ) -> Result<Self, WindowError> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let texts = |name: &str| texts(batches, name, rows);
        let needed = |name: &str| {
            texts(name)?.ok_or_else(|| WindowError::Missing {
                column: name.to_owned(),
            })
        };
        let maybe =
            |name: &str| Ok::<_, WindowError>(texts(name)?.map(|values| Coded::new(&values)));
        // Sources first, then destinations: one list of names for both.
        let mut ends = needed("src_ip")?;
        ends.extend(needed("dst_ip")?);
        let label = match &options.label {
            None => None,
            Some(name) => Some((name.clone(), Coded::new(&needed(name)?))),
        };
        let kept = if options.keep.is_empty() {
            None
        } else {
            let mut joined: Vec<Option<String>> = vec![Some(String::new()); rows];
            for name in &options.keep {
                for (all, one) in joined.iter_mut().zip(needed(name)?) {
                    if let Some(all) = all {
                        // A character that no name has keeps them apart.
                        all.push('\0');
                        all.push_str(one.as_deref().unwrap_or_default());
                    }
                }
            }
            Some((options.keep.clone(), Coded::new(&joined)))
        };
        let mut columns = BTreeMap::new();
        for name in NUMBERS {
            if let Some(values) = numbers(batches, name, rows)? {
                columns.insert(name, values);
            }
        }
        Ok(Self {
            starts: times(batches, "start", rows)?.ok_or_else(|| WindowError::Missing {
                column: "start".to_owned(),
            })?,
            ends: Coded::new(&ends),
            transport: maybe("transport")?,
            port: maybe("dst_port")?,
            service: maybe("service")?,
            server_name: maybe("server_name")?,
            conn_state: maybe("conn_state")?,
            label,
            kept,
            numbers: columns,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn start(&self, flow: usize) -> Option<i64> {
        self.starts[flow]
    }

    /// The originator's address.
    pub(super) fn src(&self, flow: usize) -> Option<u32> {
        self.ends.code(flow)
    }

    /// The responder's address.
    pub(super) fn dst(&self, flow: usize) -> Option<u32> {
        self.ends.code(self.rows() + flow)
    }

    pub(super) fn address(&self, code: u32) -> Option<&str> {
        self.ends.name(code)
    }

    pub(super) fn transport(&self, flow: usize) -> u32 {
        code_of(self.transport.as_ref(), flow)
    }

    pub(super) fn transport_name(&self, code: u32) -> Option<&str> {
        self.transport.as_ref()?.name(code)
    }

    pub(super) fn dst_port(&self, flow: usize) -> u32 {
        code_of(self.port.as_ref(), flow)
    }

    pub(super) fn port_name(&self, code: u32) -> Option<&str> {
        self.port.as_ref()?.name(code)
    }

    pub(super) fn has(&self, column: &str) -> bool {
        match column {
            "" => true,
            "transport" => self.transport.is_some(),
            "dst_port" => self.port.is_some(),
            "service" => self.service.is_some(),
            "server_name" => self.server_name.is_some(),
            "conn_state" => self.conn_state.is_some(),
            number => self.numbers.contains_key(number),
        }
    }

    pub(super) fn service(&self, flow: usize) -> u32 {
        code_of(self.service.as_ref(), flow)
    }

    pub(super) fn service_name(&self, code: u32) -> Option<&str> {
        self.service.as_ref()?.name(code)
    }

    pub(super) fn server_name(&self, flow: usize) -> u32 {
        code_of(self.server_name.as_ref(), flow)
    }

    pub(super) fn conn_state(&self, flow: usize) -> Option<&str> {
        let states = self.conn_state.as_ref()?;
        states.name(states.codes[flow])
    }

    /// A number; 0 where it is missing.
    pub(super) fn number(&self, column: &str, flow: usize) -> f64 {
        let value = self
            .numbers
            .get(column)
            .map_or(f64::NAN, |values| values[flow]);
        if value.is_finite() { value } else { 0.0 }
    }

    /// What keeps windows apart.
    pub(super) fn kept(&self, flow: usize) -> u32 {
        self.kept.as_ref().map_or(0, |(_, kept)| kept.codes[flow])
    }

    /// Names and values of the columns that keep windows apart.
    pub(super) fn kept_values(&self, code: u32) -> Vec<(&str, &str)> {
        let Some((names, kept)) = &self.kept else {
            return Vec::new();
        };
        let values = kept.name(code).unwrap_or_default();
        names
            .iter()
            .map(String::as_str)
            .zip(values.split('\0').skip(1))
            .collect()
    }

    pub(super) fn kept_names(&self) -> &[String] {
        self.kept.as_ref().map_or(&[], |(names, _)| names)
    }

    pub(super) fn label(&self, flow: usize) -> Option<u32> {
        let (_, labels) = self.label.as_ref()?;
        labels.code(flow)
    }

    pub(super) fn label_column(&self) -> Option<&str> {
        self.label.as_ref().map(|(name, _)| name.as_str())
    }

    pub(super) fn label_name(&self, code: u32) -> Option<&str> {
        let (_, labels) = self.label.as_ref()?;
        labels.name(code)
    }
}

impl Coded {
    fn new(values: &[Option<String>]) -> Self {
        let mut names: Vec<String> = values.iter().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        let codes = values
            .iter()
            .map(|value| match value {
                Some(value) => names.partition_point(|name| name < value) as u32,
                None => NONE,
            })
            .collect();
        Self { codes, names }
    }

    fn code(&self, row: usize) -> Option<u32> {
        self.codes.get(row).copied().filter(|code| *code != NONE)
    }

    fn name(&self, code: u32) -> Option<&str> {
        self.names.get(code as usize).map(String::as_str)
    }
}

fn code_of(column: Option<&Coded>, flow: usize) -> u32 {
    column.map_or(NONE, |column| column.codes[flow])
}

/// A column of all batches in another type; none if no batch has it.
fn column(
    batches: &[RecordBatch],
    name: &str,
    wanted: &'static str,
    to: &DataType,
) -> Result<Option<Vec<(ArrayRef, usize)>>, WindowError> {
    if !batches
        .iter()
        .any(|batch| batch.column_by_name(name).is_some())
    {
        return Ok(None);
    }
    batches
        .iter()
        .map(|batch| match batch.column_by_name(name) {
            None => Ok((
                arrow_array::new_null_array(to, batch.num_rows()),
                batch.num_rows(),
            )),
            Some(array) => cast(array, to)
                .map(|array| (array, batch.num_rows()))
                .map_err(|cause| WindowError::Type {
                    column: name.to_owned(),
                    wanted,
                    cause,
                }),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

fn texts(
    batches: &[RecordBatch],
    name: &str,
    rows: usize,
) -> Result<Option<Vec<Option<String>>>, WindowError> {
    let Some(arrays) = column(batches, name, "text", &DataType::Utf8)? else {
        return Ok(None);
    };
    let mut values = Vec::with_capacity(rows);
    for (array, _) in &arrays {
        values.extend(
            array
                .as_string::<i32>()
                .iter()
                .map(|value| value.map(str::to_owned)),
        );
    }
    Ok(Some(values))
}

fn times(
    batches: &[RecordBatch],
    name: &str,
    rows: usize,
) -> Result<Option<Vec<Option<i64>>>, WindowError> {
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let Some(arrays) = column(batches, name, "times", &nanoseconds)? else {
        return Ok(None);
    };
    let mut values = Vec::with_capacity(rows);
    for (array, _) in &arrays {
        values.extend(array.as_primitive::<TimestampNanosecondType>().iter());
    }
    Ok(Some(values))
}

fn numbers(
    batches: &[RecordBatch],
    name: &str,
    rows: usize,
) -> Result<Option<Vec<f64>>, WindowError> {
    let Some(arrays) = column(batches, name, "numbers", &DataType::Float64)? else {
        return Ok(None);
    };
    let mut values = Vec::with_capacity(rows);
    for (array, _) in &arrays {
        let array = array.as_primitive::<Float64Type>();
        values.extend(array.iter().map(|value| value.unwrap_or(f64::NAN)));
    }
    Ok(Some(values))
}
