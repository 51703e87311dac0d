//! Literal rows to exact text; whatever is written reads back the same.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt64Array,
};
use netloom_decode::{
    DecodeOptions, Decoded, Layer, Stop, StopKind, Tunnel, TunnelKind, Vlans, decode,
};
use netloom_flow::{ConnState, EndReason, FlowId, FlowKey, FlowRecord, FlowRules, flow_id};
use netloom_packet::{
    CaptureInfo, Interface, LinkType, MacAddr, Packet, Timestamp, Warning, WarningKind,
};
use proptest::prelude::*;

use super::*;
use crate::{
    AnomaliesBuilder, AnomalyRow, CapturesBuilder, Columns, FlowRow, Flows, FlowsBuilder,
    PacketRow, Packets, PacketsBuilder,
};

/// A SYN from 10.0.0.1:55364 to 10.0.0.2:443 with MSS, SACK permitted and window scale,
/// written by hand after RFC 9293; Ethernet, VLAN 5.
const SYN: [u8; 70] = [
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 5, 8, 0, // Ethernet, 802.1Q
    0x45, 0, 0, 52, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
    0xd8, 0x44, 1, 0xbb, 0, 0, 0, 9, 0, 0, 0, 0, 0x80, 2, 0xfa, 0xf0, 0, 0, 0, 0, // TCP
    2, 4, 5, 0xb4, 4, 2, 1, 1, 3, 3, 7, 0, // its options
];

/// Who has 10.0.0.1? Tell 10.0.0.2 (RFC 826), broadcast.
const ARP: [u8; 42] = [
    255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 8, 6, // Ethernet
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
];

fn packet(number: u64, data: &[u8]) -> Packet<'_> {
    Packet {
        number,
        timestamp: Timestamp::from_secs_nanos(1_700_000_000, number as i64),
        link_type: LinkType::ETHERNET,
        interface: 0,
        wire_len: data.len() as u32,
        data,
    }
}

fn id_of(decoded: &Decoded) -> FlowId {
    let (key, _) = FlowKey::new(decoded, FlowRules::Native).unwrap();
    flow_id(&key, Timestamp::from_nanos(0), 1, "")
}

/// A batch of the packets; those with an IP header get a flow.
fn packets(columns: &str, all: &[&[u8]]) -> RecordBatch {
    let columns = if columns.is_empty() {
        Columns::<Packets>::all()
    } else {
        Columns::parse(columns).unwrap()
    };
    let mut builder = PacketsBuilder::new(&columns);
    for (index, data) in all.iter().enumerate() {
        let packet = packet(index as u64 + 1, data);
        let decoded = decode(&packet, DecodeOptions::default());
        let mut row = PacketRow::new(&packet, &decoded);
        row.service = decoded.ip.map(|_| "ssl");
        row.server_name = decoded.ip.map(|_| "www.example.co.uk");
        row.domain = decoded.ip.map(|_| "example.co.uk");
        row.flow_id = decoded.ip.map(|_| id_of(&decoded));
        builder.append(&row);
    }
    assert_eq!(builder.len(), all.len());
    let batch = builder.finish();
    assert!(builder.is_empty());
    batch
}

fn csv(batch: &RecordBatch) -> String {
    let mut out = Vec::new();
    let mut writer = CsvWriter::new(&mut out, batch.schema_ref());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn json_lines(batch: &RecordBatch) -> String {
    let mut out = Vec::new();
    let mut writer = JsonLinesWriter::new(&mut out);
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn packets_as_csv() {
    let syn = packet(1, &SYN);
    let id = id_of(&decode(&syn, DecodeOptions::default()));
    let expected = format!(
        "number,ts,interface,link_type,caplen,len,src_mac,dst_mac,ethertype,vlan,tunnel,src_ip,\
         dst_ip,ip_version,ttl,protocol,src_port,dst_port,icmp_type,icmp_code,tcp_flags,tcp_seq,\
         tcp_ack,tcp_window,payload_len,service,server_name,domain,flow_id,info,fragment,truncated,decode_error\n\
         1,2023-11-14T22:13:20.000000001Z,0,ETHERNET,70,70,02:00:00:00:00:01,02:00:00:00:00:02,\
         2048,[5],,10.0.0.1,10.0.0.2,4,64,6,55364,443,,,2,9,0,64240,0,ssl,www.example.co.uk,example.co.uk,{id},\
         55364 → 443 [SYN] Seq=9 Win=64240 Len=0 MSS=1460 WS=128 SACK_PERM,false,false,\n\
         2,2023-11-14T22:13:20.000000002Z,0,ETHERNET,42,42,02:00:00:00:00:02,ff:ff:ff:ff:ff:ff,\
         2054,,,,,,,,,,,,,,,,,,,,,Who has 10.0.0.1? Tell 10.0.0.2,false,false,\n"
    );
    assert_eq!(csv(&packets("", &[&SYN, &ARP])), expected);
}

#[test]
fn packets_as_json_lines() {
    let batch = packets("number,ts,vlan,src_port,info,truncated", &[&SYN, &ARP]);
    assert_eq!(
        json_lines(&batch),
        "{\"number\":1,\"ts\":\"2023-11-14T22:13:20.000000001Z\",\"vlan\":[5],\"src_port\":55364,\
         \"info\":\"55364 → 443 [SYN] Seq=9 Win=64240 Len=0 MSS=1460 WS=128 SACK_PERM\",\
         \"truncated\":false}\n\
         {\"number\":2,\"ts\":\"2023-11-14T22:13:20.000000002Z\",\"vlan\":null,\"src_port\":null,\
         \"info\":\"Who has 10.0.0.1? Tell 10.0.0.2\",\"truncated\":false}\n"
    );
}

#[test]
fn a_cut_packet_says_why() {
    let cut = packet(1, &SYN[..45]);
    let cut = Packet {
        wire_len: 70,
        ..cut
    };
    let decoded = decode(&cut, DecodeOptions::default());
    let columns = Columns::parse("src_ip,src_port,truncated,decode_error").unwrap();
    let mut builder = PacketsBuilder::new(&columns);
    builder.append(&PacketRow::new(&cut, &decoded));
    let stop = decoded.stopped.unwrap().to_string();
    let text = csv(&builder.finish());
    let row = text.lines().nth(1).unwrap();
    assert!(row.starts_with("10.0.0.1,"), "{row}");
    assert!(
        row.contains(",true,") && stop.starts_with("tcp at byte 38"),
        "{row}: {stop}"
    );
}

fn flow() -> FlowRecord {
    let mut decoded = decode(&packet(1, &SYN), DecodeOptions::default());
    decoded.vlans = Vlans::default();
    let mut flow = FlowRecord::new(
        id_of(&decoded),
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
        6,
    );
    flow.first_number = 1;
    flow.closed_by = 9;
    flow.start = Timestamp::from_nanos(1_000_000_000);
    flow.end = Timestamp::from_nanos(3_500_000_001);
    flow.src_port = Some(55364);
    flow.dst_port = Some(443);
    flow.vlans.push(5);
    flow.vlans.push(6);
    for (kind, id) in [(TunnelKind::Vxlan, 42), (TunnelKind::IpIp, 0)] {
        assert!(flow.tunnels.push(Tunnel {
            kind,
            id,
            ip_offset: 14
        }));
    }
    flow.src_mac = Some(MacAddr([2, 0, 0, 0, 0, 1]));
    flow.conn_state = ConnState::SF;
    flow.history = "ShADadFf".to_owned();
    flow.end_reason = EndReason::Fin;
    flow.fwd.packets = 5;
    flow.fwd.bytes = u64::MAX;
    flow.fwd.stream_bytes = Some(7);
    flow.tcp_rtt = Some(1_234_567);
    flow
}

#[test]
fn flows_as_csv_and_json() {
    let flow = flow();
    let mut builder = FlowsBuilder::new(
        &Columns::<Flows>::parse(
            "flow_id,start,duration,src_ip,transport,icmp_type,vlan,tunnel,src_mac,dst_mac,\
             service,conn_state,history,end_reason,fwd_packets,fwd_bytes,fwd_stream_bytes,\
             bwd_stream_bytes,tcp_rtt_ms,outer",
        )
        .unwrap(),
    );
    builder.append_record(&flow);
    let mut named = flow.clone();
    named.dst_port = Some(22);
    builder.append(&FlowRow::new(&named));
    let batch = builder.finish();
    let id = flow.flow_id();
    let text = csv(&batch);
    let rows: Vec<_> = text.lines().skip(1).collect();
    let cells = |service: &str| {
        format!(
            "{id},1970-01-01T00:00:01.000000000Z,2.500000001,2001:db8::1,tcp,,\"[5,6]\",\
             \"[\"\"vxlan:42\"\",\"\"ipip\"\"]\",02:00:00:00:00:01,,{service},SF,ShADadFf,fin,5,\
             18446744073709551615,7,,1.234567,false"
        )
    };
    assert_eq!(rows, [cells("tls"), cells("ssh")]);
    let line = json_lines(&batch.slice(1, 1));
    assert!(
        line.contains("\"fwd_bytes\":18446744073709551615,"),
        "{line}"
    );
    assert!(
        line.contains("\"tunnel\":[\"vxlan:42\",\"ipip\"],"),
        "{line}"
    );
    assert!(line.contains("\"bwd_stream_bytes\":null,"), "{line}");
}

#[test]
fn community_ids_are_those_of_the_specification() {
    // Two vectors of the published baseline: TCP, and ICMP echo by type and code.
    let mut tcp = flow();
    tcp.src_ip = "128.232.110.120".parse().unwrap();
    tcp.dst_ip = "66.35.250.204".parse().unwrap();
    (tcp.src_port, tcp.dst_port) = (Some(34855), Some(80));
    let mut icmp = FlowRecord::new(
        tcp.flow_id(),
        "192.168.0.89".parse().unwrap(),
        "192.168.0.1".parse().unwrap(),
        1,
    );
    (icmp.icmp_type, icmp.icmp_code) = (Some(8), Some(0));
    let mut builder = FlowsBuilder::new(&Columns::parse("community_id").unwrap());
    builder.append_record(&tcp);
    builder.append_record(&icmp);
    assert_eq!(
        csv(&builder.finish()),
        "community_id\n1:LQU9qZlK+B5F3KDmev6m5PMibrg=\n1:X0snYXpgwiv9TZtqg64sgzUn6Dk=\n"
    );
}

#[test]
fn captures_and_anomalies() {
    let mut info = CaptureInfo::default();
    info.name = "a, b.pcap".to_owned();
    info.packets = 3;
    info.last_ts = Some(Timestamp::from_nanos(1));
    info.interfaces = vec![Interface::default()];
    info.interfaces[0].name = Some("=eth0".to_owned());
    info.warnings = vec![Warning {
        kind: WarningKind::Truncated,
        offset: 70,
        message: "ends inside a packet".to_owned(),
    }];
    let columns = "name,format,packets,first_ts,last_ts,interfaces,warnings";
    let mut builder = CapturesBuilder::new(&Columns::parse(columns).unwrap());
    builder.append(&&info);
    assert_eq!(
        csv(&builder.finish()),
        format!(
            "{columns}\n\"a, b.pcap\",,3,,1970-01-01T00:00:00.000000001Z,\"[\"\"=eth0\"\"]\",\
             \"[\"\"ends inside a packet (at byte 70)\"\"]\"\n"
        )
    );

    let mut builder = AnomaliesBuilder::new(&Columns::all());
    builder.append(&AnomalyRow {
        timestamp: Timestamp::from_nanos(0),
        number: 4,
        flow_id: None,
        stop: Stop {
            layer: Layer::Tcp,
            kind: StopKind::Truncated,
            offset: 34,
            needed: 20,
            found: 3,
        },
    });
    assert_eq!(
        csv(&builder.finish()),
        "ts,number,flow_id,layer,kind,detail\n\
         1970-01-01T00:00:00.000000000Z,4,,tcp,truncated,\"tcp at byte 34: needs 20 bytes, 3 left\"\n"
    );
}

#[test]
fn rows_without_columns_are_counted() {
    let mut builder = PacketsBuilder::new(&Columns::none());
    let packet = packet(1, &SYN);
    builder.append(&PacketRow::new(&packet, &Decoded::default()));
    assert_eq!(builder.finish().num_rows(), 1);
}

fn text_batch(texts: &[Option<String>]) -> RecordBatch {
    let texts: StringArray = texts.iter().map(Option::as_deref).collect();
    let numbers = UInt64Array::from_iter_values(0..texts.len() as u64);
    RecordBatch::try_from_iter([
        ("text", Arc::new(texts) as ArrayRef),
        ("number", Arc::new(numbers) as ArrayRef),
    ])
    .unwrap()
}

#[test]
fn text_that_a_spreadsheet_would_run_is_disarmed() {
    for (text, cell) in [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1,2)", "\"'@SUM(1,2)\""),
        ("\t=1", "'\t=1"),
        ("\r=1", "\"'\r=1\""),
        ("'quoted", "''quoted"),
        ("a=1", "a=1"),
        ("", "\"\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
    ] {
        let batch = text_batch(&[Some(text.to_owned())]);
        assert_eq!(csv(&batch), format!("text,number\n{cell},0\n"), "{text:?}");
    }
    // Numbers are left alone.
    let numbers = Int64Array::from(vec![-5]);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap();
    assert_eq!(csv(&batch), "n\n-5\n");
}

#[test]
fn json_escapes() {
    let batch = text_batch(&[Some(
        "\"\\\u{0}\u{1f}\u{7f}\n\r\t</script>\u{2028}é\u{2029}".into(),
    )]);
    assert_eq!(
        json_lines(&batch),
        "{\"text\":\"\\\"\\\\\\u0000\\u001f\\u007f\\n\\r\\t</script>\\u2028é\\u2029\",\"number\":0}\n"
    );
}

#[test]
fn floats_times_and_nulls() {
    let floats = Float64Array::from(vec![
        Some(0.1),
        Some(f64::NAN),
        Some(f64::NEG_INFINITY),
        None,
        Some(1e300),
        Some(-2.0),
    ]);
    let times = TimestampNanosecondArray::from(vec![
        Some(-1),
        Some(i64::MIN),
        Some(i64::MAX),
        None,
        Some(0),
        Some(951_782_400_000_000_000),
    ])
    .with_timezone("UTC");
    let flags = BooleanArray::from(vec![Some(true), Some(false), None, None, None, None]);
    let batch = RecordBatch::try_from_iter([
        ("f", Arc::new(floats) as ArrayRef),
        ("t", Arc::new(times) as ArrayRef),
        ("b", Arc::new(flags) as ArrayRef),
    ])
    .unwrap();
    assert_eq!(
        csv(&batch),
        "f,t,b\n\
         0.1,1969-12-31T23:59:59.999999999Z,true\n\
         ,1677-09-21T00:12:43.145224192Z,false\n\
         ,2262-04-11T23:47:16.854775807Z,\n\
         ,,\n\
         1e+300,1970-01-01T00:00:00.000000000Z,\n\
         -2.0,2000-02-29T00:00:00.000000000Z,\n"
    );
    let lines = json_lines(&batch);
    let second: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["f"], serde_json::Value::Null);
    assert_eq!(second["b"], false);
}

#[test]
fn a_json_array_is_whole_with_any_number_of_batches() {
    for batches in 0..3_usize {
        let mut out = Vec::new();
        let mut writer = JsonWriter::new(&mut out);
        for _ in 0..batches {
            writer
                .write(&text_batch(&[Some("a".into()), None]))
                .unwrap();
            writer.write(&text_batch(&[])).unwrap();
        }
        writer.finish().unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!(rows.len(), 2 * batches);
        assert!(out.ends_with(b"]\n"));
    }
}

#[test]
fn blocks_formatted_apart_give_the_same_text() {
    let batch = packets("", &[&SYN, &ARP, &SYN]);
    let mut apart = Vec::new();
    csv_header(batch.schema_ref(), &mut apart);
    for row in 0..3 {
        format_csv(&batch.slice(row, 1), &mut apart);
    }
    assert_eq!(String::from_utf8(apart).unwrap(), csv(&batch));
}

#[test]
fn types_without_a_text_form_are_refused() {
    let bytes = arrow_array::BinaryArray::from_vec(vec![b"x"]);
    let batch = RecordBatch::try_from_iter([("raw", Arc::new(bytes) as ArrayRef)]).unwrap();
    let error = check_text_types(batch.schema_ref()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'raw' is of type Binary, which has no text form"
    );
    assert_eq!(
        check_text_types(Columns::<Packets>::all().schema().as_ref()),
        Ok(())
    );
    assert_eq!(
        check_text_types(Columns::<Flows>::all().schema().as_ref()),
        Ok(())
    );
}

#[test]
fn times_that_nanoseconds_do_not_reach() {
    let text = |value: i64, unit: i64| {
        let mut out = Vec::new();
        cell::Times::new().append(value, unit, &mut out);
        String::from_utf8(out).unwrap()
    };
    // Seconds of `date -u -d 0001-01-01 +%s`, and of the others.
    for (second, expected) in [
        (-62_135_596_800, "0001-01-01T00:00:00.000000000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000000000Z"),
        (253_402_300_800, "+10000-01-01T00:00:00.000000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000000Z"),
        (-62_167_219_200, "0000-01-01T00:00:00.000000000Z"),
        (-62_167_219_201, "-0001-12-31T23:59:59.000000000Z"),
    ] {
        assert_eq!(text(second, 1_000_000_000), expected);
    }
    assert_eq!(text(-1, 1_000), "1969-12-31T23:59:59.999999000Z");
    assert_eq!(
        text(253_402_300_799_999, 1_000_000),
        "9999-12-31T23:59:59.999000000Z"
    );
    // Any number is some time.
    for unit in [1, 1_000, 1_000_000, 1_000_000_000] {
        assert!(text(i64::MIN, unit).ends_with('Z') && text(i64::MAX, unit).ends_with('Z'));
    }
    let times: ArrayRef = Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![
        253_402_300_799_000_000,
    ]));
    let batch = RecordBatch::try_from_iter([("t", times)]).unwrap();
    assert_eq!(csv(&batch), "t\n9999-12-31T23:59:59.000000000Z\n");
    assert_eq!(
        json_lines(&batch),
        "{\"t\":\"9999-12-31T23:59:59.000000000Z\"}\n"
    );
}

proptest! {
    #[test]
    fn csv_reads_back(texts in proptest::collection::vec(proptest::option::of(any::<String>()), 0..20)) {
        let text = csv(&text_batch(&texts));
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), texts.len());
        for (index, (row, original)) in rows.iter().zip(&texts).enumerate() {
            let cell = row.get(0).unwrap();
            let read = cell.strip_prefix('\'').unwrap_or(cell);
            prop_assert_eq!(read, original.as_deref().unwrap_or(""));
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            let number = index.to_string();
            prop_assert_eq!(row.get(1), Some(number.as_str()));
        }
    }

    #[test]
    fn json_reads_back(texts in proptest::collection::vec(proptest::option::of(any::<String>()), 0..20)) {
        let lines = json_lines(&text_batch(&texts));
        prop_assert_eq!(lines.lines().count(), texts.len());
        for (index, (line, original)) in lines.lines().zip(&texts).enumerate() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(row["text"].as_str(), original.as_deref());
            prop_assert_eq!(row["number"].as_u64(), Some(index as u64));
        }
    }

    #[test]
    fn lists_read_back(lists in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<String>(), 0..4)), 1..9)) {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for list in &lists {
            match list {
                Some(items) => builder.append_value(items.iter().map(Some)),
                None => builder.append_null(),
            }
        }
        let array: ArrayRef = Arc::new(builder.finish());
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true; lists.len()]));
        let batch = RecordBatch::try_from_iter([("list", array), ("flag", flags)]).unwrap();
        let text = csv(&batch);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let lines = json_lines(&batch);
        for ((record, line), list) in reader.records().zip(lines.lines()).zip(&lists) {
            let cell = record.unwrap().get(0).unwrap().to_owned();
            let from_csv: Option<Vec<String>> =
                (!cell.is_empty()).then(|| serde_json::from_str(&cell).unwrap());
            prop_assert_eq!(&from_csv, list);
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let from_json: Option<Vec<String>> = serde_json::from_value(row["list"].clone()).unwrap();
            prop_assert_eq!(&from_json, list);
        }
    }

    #[test]
    fn floats_read_back(value in any::<f64>()) {
        let mut out = Vec::new();
        if cell::float(value, &mut out) {
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            let json: f64 = serde_json::from_str::<serde_json::Number>(&text).unwrap().as_f64().unwrap();
            prop_assert!((json - value).abs() <= value.abs() * 1e-15);
        } else {
            prop_assert!(!value.is_finite() && out.is_empty());
        }
    }

    #[test]
    fn times_are_those_of_timestamp(nanos in proptest::collection::vec(any::<i64>(), 1..9)) {
        let mut times = cell::Times::new();
        for nanos in nanos {
            let mut out = Vec::new();
            times.append(nanos, 1, &mut out);
            prop_assert_eq!(
                String::from_utf8(out).unwrap(),
                Timestamp::from_nanos(nanos).to_string()
            );
        }
    }

    #[test]
    fn any_bytes_make_a_row(data in proptest::collection::vec(any::<u8>(), 0..200), wire_len: u32, link in 0_u16..300) {
        let packet = Packet {
            number: u64::MAX,
            timestamp: Timestamp::MIN,
            link_type: LinkType(link),
            interface: u32::MAX,
            wire_len,
            data: &data,
        };
        let decoded = decode(&packet, DecodeOptions::default());
        let mut builder = PacketsBuilder::new(&Columns::all());
        builder.append(&PacketRow::new(&packet, &decoded));
        let batch = builder.finish();
        let text = csv(&batch);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        prop_assert_eq!(reader.records().map(Result::unwrap).count(), 1);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json_lines(&batch)).is_ok());
        let info = crate::info(&PacketRow::new(&packet, &decoded)).unwrap_or_default();
        prop_assert!(!info.contains(char::is_control));
    }
}
