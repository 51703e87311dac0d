//! Tables of the example capture through [`Scan`].
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use netloom_capture::file::{OpenOptions, open};
use netloom_flow::FlowConfig;
use netloom_pipeline::scan::{
    Plain, Prepare, RowFilter, Scan, ScanOptions, ScanOutcome, TableRequest, Term, Work, Write,
};
use netloom_pipeline::{Control, PipelineOptions};
use netloom_tables::{RecordBatch, TableName, format_csv, format_json_lines};

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/small-office.pcapng"
);

fn options(threads: usize, block_size: usize) -> (ScanOptions, OpenOptions) {
    let mut pipeline = PipelineOptions::new(FlowConfig::default());
    pipeline.threads = threads;
    let opening = OpenOptions { block_size };
    (ScanOptions::new(pipeline), opening)
}

/// Scans the example; gives each request's rows as CSV.
fn scan_with(
    requests: Vec<TableRequest>,
    (options, opening): (ScanOptions, OpenOptions),
) -> (Vec<String>, ScanOutcome) {
    let mut texts = vec![Vec::new(); requests.len()];
    let scan = Scan::new(requests, options);
    let mut write = |request: usize, batch: RecordBatch| {
        assert!(batch.num_rows() > 0, "no batch is empty");
        assert_eq!(batch.schema(), scan.schema(request).unwrap());
        format_csv(&batch, &mut texts[request]);
        Ok(ControlFlow::Continue(()))
    };
    let mut open = || open(&[EXAMPLE], &opening);
    let outcome = scan
        .run(&mut open, &Control::default(), &Plain, &mut write)
        .unwrap();
    assert!(outcome.failed.is_none() && !outcome.interrupted);
    let texts = texts
        .into_iter()
        .map(|text| String::from_utf8(text).unwrap())
        .collect();
    (texts, outcome)
}

fn scan(requests: Vec<TableRequest>) -> Vec<String> {
    scan_with(requests, options(2, 1 << 16)).0
}

#[test]
fn all_tables_at_once_are_the_tables_one_by_one() {
    let all = || -> Vec<TableRequest> { TableName::ALL.map(TableRequest::all).into() };
    let (together, outcome) = scan_with(all(), options(2, 1 << 16));
    for ((request, text), rows) in all().into_iter().zip(&together).zip(&outcome.rows) {
        let table = request.table();
        assert_eq!(scan(vec![request])[0], *text, "{table}");
        assert_eq!(text.lines().count() as u64, *rows, "{table}");
        assert!(*rows > 0 || table == TableName::Anomalies, "{table}");
    }
    for (threads, block_size) in [(1, 1 << 12), (3, 1 << 14), (7, 1 << 20)] {
        let (again, _) = scan_with(all(), options(threads, block_size));
        assert_eq!(again, together, "{threads} threads, blocks of {block_size}");
    }
}

#[test]
fn passes_are_made_where_columns_need_them() {
    for (table, columns, passes) in [
        (TableName::Packets, "number,ts,len", 1),
        (TableName::Packets, "src_ip,tcp_flags", 1),
        (TableName::Packets, "number,info", 1),
        (TableName::Packets, "number,flow_id", 2),
        (TableName::Packets, "domain", 2),
        (TableName::Anomalies, "ts,kind", 1),
        (TableName::Anomalies, "flow_id", 2),
        (TableName::Flows, "flow_id,server_name", 1),
    ] {
        let columns: Vec<&str> = columns.split(',').collect();
        let request = TableRequest::named(table, &columns).unwrap();
        let scan = Scan::new(vec![request], options(1, 1 << 16).0);
        assert_eq!(scan.passes(), passes, "{table} {columns:?}");
    }
}

#[test]
fn rows_without_columns_are_counted() {
    let counted = TableName::ALL.map(TableRequest::counted);
    let (_, counted) = scan_with(counted.into(), options(2, 1 << 16));
    let (_, all) = scan_with(
        TableName::ALL.map(TableRequest::all).into(),
        options(2, 1 << 16),
    );
    assert_eq!(counted.rows, all.rows);
    // Alone, nobody looks into them.
    let packets = vec![TableRequest::counted(TableName::Packets)];
    let (_, alone) = scan_with(packets, options(2, 1 << 16));
    let place = TableName::ALL
        .iter()
        .position(|&table| table == TableName::Packets);
    assert_eq!(alone.rows, [all.rows[place.unwrap()]]);
}

#[test]
fn a_limit_ends_early() {
    let packets = || TableRequest::named(TableName::Packets, &["number", "info"]).unwrap();
    let flows = || TableRequest::named(TableName::Flows, &["flow_id"]).unwrap();
    let whole = scan(vec![packets(), flows()]);
    let first =
        |text: &str, rows: usize| -> String { text.split_inclusive('\n').take(rows).collect() };
    for (packet_rows, flow_rows) in [(10, 3), (0, 0), (700, 1), (1, u64::MAX)] {
        let some = scan(vec![packets().limit(packet_rows), flows().limit(flow_rows)]);
        assert_eq!(some[0], first(&whole[0], packet_rows as usize));
        let flow_rows = usize::try_from(flow_rows).unwrap_or(usize::MAX);
        assert_eq!(some[1], first(&whole[1], flow_rows));
    }
    // Not all of it is read.
    let (opts, opening) = options(1, 1 << 12);
    let request = TableRequest::named(TableName::Packets, &["number"]).unwrap();
    let scan = Scan::new(vec![request.limit(5)], opts);
    let control = Control::default();
    let outcome = scan
        .run(
            &mut || open(&[EXAMPLE], &opening),
            &control,
            &Plain,
            &mut |_, _| Ok(ControlFlow::Continue(())),
        )
        .unwrap();
    assert_eq!(outcome.rows, [5]);
    let read = control.packets.load(Ordering::Relaxed);
    assert!(
        read < whole[0].lines().count() as u64 / 2,
        "{read} packets were read"
    );
}

#[test]
fn a_filter_is_exact() {
    let columns = [
        "number", "ts", "src_ip", "dst_ip", "protocol", "src_port", "dst_port", "len",
    ];
    let all = scan(vec![
        TableRequest::named(TableName::Packets, &columns).unwrap(),
    ]);
    let rows: Vec<Vec<&str>> = all[0].lines().map(|row| row.split(',').collect()).collect();
    let client = rows.iter().find(|row| row[6] == "53").unwrap()[2];
    let address = client.parse().unwrap();
    let len = rows[0][7];
    let length = len.parse().unwrap();
    for (term, column, keep) in [
        (Term::SrcIp(vec![address..=address]), 2, client),
        (Term::DstIp(vec![address..=address]), 3, client),
        (Term::Protocol(vec![17..=17]), 4, "17"),
        (Term::SrcPort(vec![53..=53]), 5, "53"),
        (Term::DstPort(vec![53..=53]), 6, "53"),
        (Term::Len(vec![length..=length]), 7, len),
    ] {
        let filter = RowFilter::all().and(term);
        let request = TableRequest::named(TableName::Packets, &columns).unwrap();
        let filtered = scan(vec![request.filter(filter.clone())]);
        let wanted: Vec<&Vec<&str>> = rows.iter().filter(|row| row[column] == keep).collect();
        assert!(!wanted.is_empty(), "{filter:?}");
        let got: Vec<Vec<&str>> = filtered[0]
            .lines()
            .map(|row| row.split(',').collect())
            .collect();
        assert_eq!(got.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
        // The same without the column that it looks at.
        let request = TableRequest::named(TableName::Packets, &["number"]).unwrap();
        let numbers = scan(vec![request.filter(filter.clone())]);
        assert_eq!(numbers[0].lines().count(), wanted.len(), "{filter:?}");
    }
    let flows = ["start", "src_ip", "dst_port"];
    let all = scan(vec![TableRequest::named(TableName::Flows, &flows).unwrap()]);
    let filter = RowFilter::all()
        .and(Term::SrcIp(vec![address..=address]))
        .and(Term::DstPort(vec![53..=53, 443..=443]));
    let request = TableRequest::named(TableName::Flows, &flows).unwrap();
    let filtered = scan(vec![request.filter(filter)]);
    let wanted: String = all[0]
        .split_inclusive('\n')
        .filter(|row| row.contains(&format!(",{client},")))
        .filter(|row| row.ends_with(",53\n") || row.ends_with(",443\n"))
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < all[0].len());
    assert_eq!(filtered[0], wanted);
}

/// A row as cells.
fn cells(row: &str) -> Vec<&str> {
    row.split(',').collect()
}

#[test]
fn the_timeline_adds_up() {
    let columns = [
        "start",
        "interval",
        "packets",
        "bytes",
        "new_flows",
        "tcp_bytes",
        "udp_bytes",
        "icmp_bytes",
        "other_bytes",
    ];
    let timeline = |columns: &[&str]| TableRequest::named(TableName::Timeline, columns).unwrap();
    let all = scan(vec![
        TableRequest::named(TableName::Packets, &["len", "protocol", "ts"]).unwrap(),
        TableRequest::counted(TableName::Flows),
        timeline(&columns),
    ]);
    let packets: Vec<Vec<&str>> = all[0].lines().map(cells).collect();
    let rows: Vec<Vec<&str>> = all[2].lines().map(cells).collect();
    let flows = all[1].lines().count() as u64;
    assert!(rows.len() > 100 && rows.len() <= 1000, "{}", rows.len());
    let sum = |column: usize| -> u64 {
        rows.iter()
            .map(|row| row[column].parse::<u64>().unwrap())
            .sum()
    };
    let bytes = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        let wanted = packets.iter().filter(|packet| wanted(packet[1]));
        wanted.map(|packet| packet[0].parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum(2), packets.len() as u64);
    assert_eq!(sum(3), bytes(&|_| true));
    assert_eq!(sum(4), flows);
    assert_eq!(sum(5), bytes(&|protocol| protocol == "6"));
    assert_eq!(sum(6), bytes(&|protocol| protocol == "17"));
    assert_eq!(sum(3), sum(5) + sum(6) + sum(7) + sum(8));
    // Each packet counts where its time is: starts have the same form and length.
    for (index, row) in rows.iter().enumerate() {
        let next = rows.get(index + 1).map_or("3", |next| next[0]);
        let inside = packets
            .iter()
            .filter(|packet| row[0] <= packet[2] && packet[2] < next);
        assert_eq!(row[2], inside.count().to_string(), "{row:?}");
    }
    // Without a look into packets it is the same.
    let undecoded = scan(vec![timeline(&columns[..4])]);
    for (row, undecoded) in rows.iter().zip(undecoded[0].lines()) {
        assert_eq!(row[..4], cells(undecoded));
    }
    // Services have what their flows' packets have.
    let all = scan(vec![
        TableRequest::named(TableName::Packets, &["service", "len"]).unwrap(),
    ]);
    let mut by_packets = std::collections::BTreeMap::<String, u64>::new();
    for packet in all[0]
        .lines()
        .map(cells)
        .filter(|packet| !packet[0].is_empty())
    {
        *by_packets.entry(packet[0].to_owned()).or_default() += packet[1].parse::<u64>().unwrap();
    }
    let mut by_time = std::collections::BTreeMap::<String, u64>::new();
    let scan = Scan::new(
        vec![timeline(&["services", "service_bytes"])],
        options(2, 1 << 16).0,
    );
    let mut write = |_: usize, batch: RecordBatch| {
        let mut text = Vec::new();
        format_json_lines(&batch, &mut text);
        for line in text
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let row: serde_json::Value = serde_json::from_slice(line).unwrap();
            let Some(names) = row["services"].as_array() else {
                assert!(row["service_bytes"].is_null());
                continue;
            };
            for (name, bytes) in names.iter().zip(row["service_bytes"].as_array().unwrap()) {
                let name = name.as_str().unwrap().to_owned();
                *by_time.entry(name).or_default() += bytes.as_u64().unwrap();
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut open = || open(&[EXAMPLE], &OpenOptions::default());
    scan.run(&mut open, &Control::default(), &Plain, &mut write)
        .unwrap();
    assert_eq!(by_time, by_packets);
}

#[test]
fn intervals_are_as_asked_for_or_longer() {
    let with = |interval: i64| {
        let (mut options, opening) = options(3, 1 << 14);
        options.interval = Some(interval);
        let request = TableRequest::named(TableName::Timeline, &["interval", "packets"]).unwrap();
        scan_with(vec![request], (options, opening)).0.remove(0)
    };
    let packets = |text: &str| -> u64 {
        text.lines()
            .map(|row| cells(row)[1].parse::<u64>().unwrap())
            .sum()
    };
    let hour = with(3_600_000_000_000);
    let whole = packets(&hour);
    assert!(hour.lines().all(|row| cells(row)[0] == "3600.0"), "{hour}");
    let second = with(1_000_000_000);
    assert!(second.lines().count() > 30);
    assert!(second.lines().all(|row| cells(row)[0] == "1.0"));
    assert_eq!(packets(&second), whole);
    // More rows than anybody wants: only those with packets, one a packet.
    let nanosecond = with(1);
    assert_eq!(packets(&nanosecond), whole);
    assert!(nanosecond.lines().count() as u64 <= whole);
    assert!(nanosecond.lines().all(|row| cells(row)[1] != "0"));
}

/// Leaves work for all threads and waits until it is done.
struct Worker<'a> {
    finished: usize,
    left: usize,
    done: &'static AtomicUsize,
    fail: bool,
    batches: &'a mut usize,
}

struct Rows;

impl Prepare for Rows {
    type Prepared = usize;

    fn prepare(&self, _: usize, batch: RecordBatch) -> usize {
        batch.num_rows()
    }
}

impl Write for Worker<'_> {
    type Prepared = usize;

    fn write(&mut self, _: usize, _: usize, work: &Work) -> std::io::Result<ControlFlow<()>> {
        *self.batches += 1;
        self.left += 3;
        for _ in 0..3 {
            let done = self.done;
            work.push(move || _ = done.fetch_add(1, Ordering::SeqCst));
        }
        if self.fail && *self.batches == 3 {
            return Err(std::io::Error::other("full"));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, _: usize, work: &Work) -> std::io::Result<()> {
        self.finished += 1;
        self.left += 1;
        let done = self.done;
        work.push(move || _ = done.fetch_add(1, Ordering::SeqCst));
        Ok(())
    }
}

#[test]
fn work_that_is_left_is_done() {
    for fail in [false, true] {
        for threads in [1, 2, 5] {
            let (options, opening) = options(threads, 1 << 13);
            let requests: Vec<_> = TableName::ALL.map(TableRequest::all).into();
            let tables = requests.len();
            let done: &'static AtomicUsize = Box::leak(Box::default());
            let mut batches = 0;
            let mut worker = Worker {
                finished: 0,
                left: 0,
                done,
                fail,
                batches: &mut batches,
            };
            let outcome = Scan::new(requests, options).run(
                &mut || open(&[EXAMPLE], &opening),
                &Control::default(),
                &Rows,
                &mut worker,
            );
            assert_eq!(outcome.is_err(), fail);
            if !fail {
                assert_eq!(worker.finished, tables);
                assert_eq!(done.load(Ordering::SeqCst), worker.left);
            }
        }
    }
}
