//! Packets as detectors of packets look at them.

use arrow_array::Array as _;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use netloom::ml::anomaly::kitsune::Observation;
use netloom_packet::MacAddr;

use super::Data;
use crate::failure::Failure;

/// What an option asks for that needs packets.
const ASKED: &str = "--detector kitsune";

impl Data {
    /// Its rows as packets: of captures, or of a table with the columns of `netloom tables packets`.
    pub(crate) fn observations(&self, time: Option<&str>) -> Result<Vec<Observation>, Failure> {
        let time = time.unwrap_or("ts");
        for column in [time, "len", "src_ip", "dst_ip"] {
            if !self.has(column) {
                return Err(self.missing(column, ASKED).hint(
                    "it looks at packets: of a capture, or of a table that \
                     `netloom export packets` wrote, with ts, len, src_ip and dst_ip",
                ));
            }
        }
        let mut all = Vec::with_capacity(self.rows());
        for batch in &self.batches {
            let of = |column: &str, kind: &DataType| {
                batch
                    .column_by_name(column)
                    .map(|array| cast(array, kind))
                    .transpose()
                    .map_err(|error| Failure::input(format!("column '{column}': {error}"), None))
            };
            let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, None);
            let times = of(time, &nanoseconds)?
                .map(|times| cast(&times, &DataType::Int64))
                .transpose()
                .map_err(Failure::usage)?;
            let numbers = ["len", "src_port", "dst_port", "protocol"]
                .map(|column| of(column, &DataType::UInt64));
            let texts = ["src_ip", "dst_ip", "src_mac", "dst_mac"]
                .map(|column| of(column, &DataType::Utf8));
            let [len, src_port, dst_port, protocol] = numbers;
            let numbers = [len?, src_port?, dst_port?, protocol?];
            let [src_ip, dst_ip, src_mac, dst_mac] = texts;
            let texts = [src_ip?, dst_ip?, src_mac?, dst_mac?];
            let times = times.as_ref().map(AsArray::as_primitive::<Int64Type>);
            let numbers = numbers
                .each_ref()
                .map(|array| array.as_ref().map(AsArray::as_primitive::<UInt64Type>));
            let texts = texts
                .each_ref()
                .map(|array| array.as_ref().map(AsArray::as_string::<i32>));
            for row in 0..batch.num_rows() {
                let number = |place: usize| {
                    let array = numbers[place].filter(|array| array.is_valid(row));
                    array.map_or(0, |array| array.value(row))
                };
                let text = |place: usize| {
                    let array = texts[place].filter(|array| array.is_valid(row));
                    array.map_or("", |array| array.value(row))
                };
                // Zeros where there is none.
                let mac = |place| text(place).parse().unwrap_or(MacAddr([0; 6])).0;
                let (src_mac, dst_mac) = (mac(2), mac(3));
                all.push(Observation {
                    ts: times
                        .filter(|times| times.is_valid(row))
                        .map_or(0, |times| times.value(row)),
                    len: u32::try_from(number(0)).unwrap_or(u32::MAX),
                    src_mac,
                    src: Observation::address(text(0).parse().ok(), src_mac),
                    dst: Observation::address(text(1).parse().ok(), dst_mac),
                    src_port: u16::try_from(number(1)).unwrap_or(0),
                    dst_port: u16::try_from(number(2)).unwrap_or(0),
                    protocol: u8::try_from(number(3)).unwrap_or(0),
                });
            }
        }
        Ok(all)
    }
}
