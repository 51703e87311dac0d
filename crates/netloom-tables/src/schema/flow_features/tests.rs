//! Tests of the features' columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use netloom_decode::{DecodeOptions, decode};
use netloom_flow::{FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable};
use netloom_packet::{LinkType, Packet};

use super::*;
use crate::{Columns, FlowsBuilder, Table as _};

/// A flow of UDP datagrams of so many bytes from 192.0.2.1, at so many milliseconds.
fn flow(datagrams: &[(i64, u8)]) -> FlowRecord {
    let mut config = FlowConfig::new(FlowRules::Native);
    config.features = Columns::<Flows>::all().requires().features();
    let mut table = FlowTable::new(&config);
    let mut closed = Vec::new();
    for (number, &(ms, len)) in (1..).zip(datagrams) {
        let mut data = vec![
            0x45,
            0,
            0,
            28 + len,
            0,
            0,
            0,
            0,
            64,
            17,
            0,
            0,
            192,
            0,
            2,
            1,
            192,
            0,
            2,
            2,
            0x0f,
            0xa0,
            0,
            53,
            0,
            8 + len,
            0,
            0,
        ];
        data.resize(28 + usize::from(len), 0);
        let packet = Packet {
            number,
            timestamp: Timestamp::from_nanos(ms * 1_000_000),
            link_type: LinkType::RAW,
            interface: 0,
            wire_len: data.len() as u32,
            data: &data,
        };
        let decoded = decode(&packet, DecodeOptions::default());
        table.ingest(&FlowPacket::new(&packet, &decoded), &mut closed);
    }
    table.finish(99, &mut closed);
    closed.remove(0)
}

fn batch(record: &FlowRecord) -> RecordBatch {
    let mut builder = FlowsBuilder::new(&Columns::all());
    builder.append_record(record);
    builder.finish()
}

fn float(batch: &RecordBatch, name: &str) -> Option<f64> {
    let column = batch.column_by_name(name).unwrap();
    column.is_valid(0).then(|| match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(0),
        _ => column.as_primitive::<UInt64Type>().value(0) as f64,
    })
}

#[test]
fn three_packets() {
    let batch = batch(&flow(&[(0, 10), (1500, 20), (2000, 60)]));
    for (name, expected) in [
        ("flow_len_min", Some(38.0)),
        ("flow_len_mean", Some(58.0)),
        // Off by -20, -10, 30: 400 + 100 + 900.
        ("flow_len_std", Some(700_f64.sqrt())),
        ("fwd_len_max", Some(88.0)),
        ("bwd_len_max", None),
        ("flow_payload_len_mean", Some(30.0)),
        ("flow_payload_len_variance", Some(700.0)),
        ("flow_iat_min_ms", Some(500.0)),
        ("flow_iat_mean_ms", Some(1000.0)),
        ("flow_iat_std_ms", Some(500_000_f64.sqrt())),
        ("fwd_iat_total_ms", Some(2000.0)),
        ("bwd_iat_total_ms", None),
        ("fwd_syn_packets", Some(0.0)),
        ("flow_packets_per_s", Some(1.5)),
        ("flow_bytes_per_s", Some(87.0)),
        ("flow_payload_bytes_per_s", Some(45.0)),
        ("bwd_packets_per_s", Some(0.0)),
        ("down_up_ratio", Some(0.0)),
        ("subflows", Some(2.0)),
        ("fwd_subflow_packets_mean", Some(1.5)),
        ("fwd_subflow_payload_bytes_mean", Some(45.0)),
        ("fwd_header_bytes", Some(24.0)),
        ("fwd_bulks", Some(0.0)),
        ("fwd_bulk_packets_mean", None),
        ("flow_idle_mean_ms", None),
    ] {
        let got = float(&batch, name);
        let same = match (got, expected) {
            (Some(got), Some(expected)) => (got - expected).abs() < 1e-9,
            (got, expected) => got == expected,
        };
        assert!(same, "{name}: {got:?}, not {expected:?}");
    }
}

#[test]
fn one_packet_gives_nulls_and_no_infinity() {
    let batch = batch(&flow(&[(7, 0)]));
    for name in [
        "flow_len_std",
        "flow_iat_mean_ms",
        "fwd_iat_total_ms",
        "flow_packets_per_s",
        "fwd_bytes_per_s",
        "fwd_init_window",
        "bwd_start",
    ] {
        assert!(batch.column_by_name(name).unwrap().is_null(0), "{name}");
    }
    assert_eq!(float(&batch, "flow_payload_len_max"), Some(0.0));
    for column in batch.columns() {
        if let Some(floats) = column.as_primitive_opt::<Float64Type>() {
            assert!(floats.iter().flatten().all(f64::is_finite));
        }
    }
}

#[test]
fn names_say_whose_they_are() {
    for def in columns().iter().map(|column| &column.def) {
        let known = [
            "flow_",
            "fwd_",
            "bwd_",
            "splt_",
            "subflows",
            "down_up_ratio",
        ];
        assert!(
            known.iter().any(|start| def.name.starts_with(start)),
            "{}",
            def.name
        );
        assert!(def.default && def.nullable, "{}", def.name);
        assert!(!def.requires.features().is_empty(), "{}", def.name);
    }
    let needs_none = ["src_ip", "fwd_packets", "tcp_rtt_ms"];
    for column in Flows::columns()
        .iter()
        .filter(|c| needs_none.contains(&c.def.name))
    {
        assert!(column.def.requires.features().is_empty());
    }
}
