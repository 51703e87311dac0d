//! `netloom slice`.

mod needed;

use std::collections::HashMap;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use netloom::analysis::report::units;
use netloom::capture::file::{InterfaceDescription, PacketNotes, PcapngWriter, SectionDescription};
use netloom::capture::filter::Filter;
use netloom::pipeline::Control;
use netloom::sql::cells;
use netloom::{PacketBatch, PacketSource};
use netloom_packet::PacketSink as _;

use self::needed::Needed;
use super::query::{Data, Inputs, Open};
use crate::arguments::{Global, SliceOptions};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::{Printer, is_standard};
use crate::progress::stop_on_signal;

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

pub(crate) fn run(
    options: &SliceOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let filter = super::filter::given(global, &options.inputs.words())?;
    let wanted = Wanted::new(options, filter)?;
    let given = options.inputs.files();
    let files = Files::of_captures(given)?;
    files.check(&options.write)?;
    let needed = Arc::new(match &wanted {
        Wanted::Condition(condition) => Needed::by_time(given, condition, global)?,
        _ => Needed::all(given)?,
    });
    tell(&needed, printer);
    let open: Arc<Open> = {
        let needed = Arc::clone(&needed);
        Arc::new(move || needed.open())
    };
    let inputs = Inputs::captures(&needed.files);
    let data = Data::open(&inputs, Some(&open), None, global, printer)?;
    let chosen = wanted.find(&data, &needed)?;
    data.finish()?;
    if let Some(id) = wanted.missing(&chosen) {
        return Err(Failure::input(
            format!("there is no flow '{id}' in the captures"),
            None,
        )
            .hint("flow ids are those of the same captures, rules and timeouts: netloom query 'SELECT flow_id FROM flows' FILE"));
    }
    let written = write(&chosen, &wanted, options, &needed, &files)?;
    printer.note(&if written == 0 {
        "no packet is meant: the capture is empty".to_owned()
    } else {
        let flows = match chosen.flows.len() {
            0 => String::new(),
            flows => format!(" of {}", units::counted(flows as u64, "flow", "flows")),
        };
        format!("{}{flows}", units::counted(written, "packet", "packets"))
    });
    Ok(ExitCode::SUCCESS)
}

/// Captures that are named one by one where they are left out.
const NAMED: usize = 3;

/// Says which captures are not read.
fn tell(needed: &Needed, printer: &Printer) {
    let out = &needed.left_out;
    if out.is_empty() {
        return;
    }
    let some = out.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let others = match out.len().saturating_sub(NAMED) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    printer.note(&format!(
        "{} not read, too far from the times that are meant: {}{others}",
        units::counted(out.len() as u64, "capture is", "captures are"),
        some.join(", ")
    ));
}

/// What is to be cut out.
enum Wanted {
    Flows(Vec<String>),
    Condition(String),
    Query(String),
    Filter(Box<Filter>, String, bool),
}

impl Wanted {
    fn new(options: &SliceOptions, filter: String) -> Result<Self, Failure> {
        let has_filter = !filter.trim().is_empty();
        let wanted = if !options.flow.is_empty() {
            Self::Flows(options.flow.clone())
        } else if let Some(condition) = &options.condition {
            Self::Condition(condition.clone())
        } else if let Some(sql) = &options.sql {
            let sql = sql.trim_end().trim_end_matches(';');
            Self::Query(sql.to_owned())
        } else if has_filter {
            let parsed = Box::new(Filter::new(&filter)?);
            return Ok(Self::Filter(parsed, filter, options.packets_only));
        } else {
            return Err(Failure::usage("what is to be cut out is not said")
                .hint("--flow ID, --where 'CONDITION', --sql 'SELECT …', or a filter after --"));
        };
        if has_filter {
            return Err(
                Failure::usage("there is a filter beside --flow, --where or --sql")
                    .hint("one of them says which flows are meant"),
            );
        }
        Ok(wanted)
    }

    /// Why a flow is in the slice.
    fn why(&self) -> String {
        match self {
            Self::Flows(_) => "asked for by its id".to_owned(),
            Self::Condition(condition) => format!("matches {condition}"),
            Self::Query(sql) => format!("given by {sql}"),
            Self::Filter(_, filter, _) => format!("a packet of it matches {filter}"),
        }
    }

    /// The packets that are meant.
    fn find(&self, data: &Data<'_>, needed: &Needed) -> Result<Chosen, Failure> {
        let mut chosen = Chosen::default();
        // Each flow once: the engine walks all equal ones for every packet.
        let of_flows = |which: &str| {
            format!("SELECT number, flow_id FROM packets WHERE flow_id IN ({which}\n)")
        };
        match self {
            Self::Flows(ids) => {
                let ids = ids.iter().map(|id| format!("'{}'", id.replace('\'', "''")));
                chosen.add(data, &of_flows(&ids.collect::<Vec<_>>().join(", ")))?;
            }
            Self::Condition(condition) => {
                let which = format!("SELECT DISTINCT flow_id FROM flows WHERE {condition}");
                chosen.add(data, &of_flows(&which))?;
            }
            Self::Query(sql) => {
                let columns = data.query(sql)?.schema();
                let has = |name: &str| columns.fields().iter().any(|f| f.name() == name);
                if has("flow_id") {
                    let which = format!("SELECT DISTINCT flow_id FROM ({sql}\n) AS chosen");
                    chosen.add(data, &of_flows(&which))?;
                } else if has("number") {
                    chosen.add(data, &format!("SELECT number FROM ({sql}\n) AS chosen"))?;
                } else {
                    return Err(Failure::usage(
                        "the query has neither a column flow_id nor a column number",
                    )
                    .hint("SELECT flow_id, … for whole flows, SELECT number, … for packets"));
                }
            }
            Self::Filter(filter, _, packets_only) => {
                let matched = matched(data, needed, filter)?;
                for &number in &matched {
                    chosen.numbers.insert(number);
                }
                if !packets_only && !matched.is_empty() {
                    data.add_numbers("netloom_matched", "number", matched)?;
                    let which =
                        "SELECT DISTINCT flow_id FROM packets JOIN netloom_matched USING (number)";
                    chosen.add(data, &of_flows(which))?;
                }
            }
        }
        Ok(chosen)
    }

    /// A flow that was named and is not there.
    fn missing(&self, chosen: &Chosen) -> Option<&str> {
        let Self::Flows(ids) = self else {
            return None;
        };
        let missing = ids.iter().find(|id| !chosen.flows.contains_key(*id));
        missing.map(String::as_str)
    }
}

fn stopped_early() -> Failure {
    Failure::interrupted("stopped early: nothing was written")
}

/// Numbers of the packets that a filter matches.
fn matched(data: &Data<'_>, needed: &Needed, filter: &Filter) -> Result<Vec<u64>, Failure> {
    let mut source = super::filter::filtered(needed.open()?, filter)?;
    let mut batch = PacketBatch::default();
    let mut numbers = Vec::new();
    while source.next_batch(&mut batch)? {
        if data.is_stopped() {
            return Err(stopped_early());
        }
        numbers.extend((0..batch.len()).map(|place| batch.number(place)));
    }
    Ok(numbers)
}

/// Packets that are meant.
#[derive(Default)]
struct Chosen {
    numbers: Numbers,
    /// Flows, each with its first packet.
    flows: HashMap<String, u64>,
}

impl Chosen {
    /// Adds what a query gives: numbers, and flows beside them.
    fn add(&mut self, data: &Data<'_>, sql: &str) -> Result<(), Failure> {
        for batch in data.query(sql)? {
            let batch = batch.map_err(|error| data.failure(error))?;
            let columns = cells(&batch).map_err(|error| Failure::input(error, None))?;
            let [numbers, rest @ ..] = &columns[..] else {
                continue;
            };
            for (row, number) in numbers.iter().enumerate() {
                let Some(number) = number.as_ref().and_then(|text| text.parse().ok()) else {
                    continue;
                };
                self.numbers.insert(number);
                if let Some(Some(flow)) = rest.first().and_then(|flows| flows.get(row)) {
                    match self.flows.get_mut(flow) {
                        Some(first) => *first = number.min(*first),
                        None => _ = self.flows.insert(flow.clone(), number),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Numbers of packets: a bit for each packet of the capture.
#[derive(Default)]
struct Numbers {
    words: Vec<u64>,
    count: u64,
}

impl Numbers {
    fn insert(&mut self, number: u64) {
        let (word, bit) = (number / 64, 1 << (number % 64));
        // A query can make up any number; a capture of so many packets there is none.
        let Ok(word) = usize::try_from(word) else {
            return;
        };
        if word >= 1 << 32 {
            return;
        }
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.count += 1;
        }
    }

    fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok();
        word.and_then(|word| self.words.get(word))
            .is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}

/// Writes the packets, as they were captured; how many there were.
fn write(
    chosen: &Chosen,
    wanted: &Wanted,
    options: &SliceOptions,
    needed: &Needed,
    files: &Files,
) -> Result<u64, Failure> {
    let path = options.write.as_path();
    let failed = |cause: io::Error| Failure::writing(path, &cause);
    let mut source = needed.open()?;
    let file = BufWriter::with_capacity(BUFFER, files.create(path)?);
    let mut section = SectionDescription::default();
    section.comments.push(format!(
        "netloom slice of {}: {}",
        names(options.inputs.files()),
        wanted.why()
    ));
    let mut writer = PcapngWriter::new(path.display().to_string(), file).section(section);
    describe(&mut writer, &*source);
    let firsts: HashMap<u64, &str> = chosen
        .flows
        .iter()
        .map(|(flow, &first)| (first, flow.as_str()))
        .collect();
    let why = wanted.why();
    let control = Arc::new(Control::default());
    stop_on_signal(&control);
    let mut batch = PacketBatch::default();
    let mut written = 0;
    // What comes after the last packet is not read.
    while written < chosen.numbers.count && source.next_batch(&mut batch)? {
        if control.stop.load(Ordering::Relaxed) {
            return Err(stopped_early());
        }
        for packet in batch.iter() {
            if !chosen.numbers.contains(packet.number) {
                continue;
            }
            let comment = firsts
                .get(&packet.number)
                .map(|flow| format!("flow {flow}: {why}"));
            let notes = PacketNotes {
                comment: comment.as_deref(),
                ..PacketNotes::default()
            };
            writer.write(&packet, notes)?;
            written += 1;
        }
    }
    needed.check()?;
    // Also of no packet it is a capture.
    writer.finish()?;
    let file = writer.into_inner();
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.commit()?;
    Ok(written)
}

/// Describes the interfaces that the source knows of.
fn describe<W: io::Write>(writer: &mut PcapngWriter<W>, source: &dyn PacketSource) {
    let infos = source.info();
    let mut interfaces: Vec<_> = infos.iter().flat_map(|info| &info.interfaces).collect();
    interfaces.sort_by_key(|interface| interface.index);
    for (place, interface) in interfaces.into_iter().enumerate() {
        if interface.index as usize != place {
            break;
        }
        writer.describe(InterfaceDescription {
            name: interface.name.clone(),
            description: interface.description.clone(),
            filter: interface.filter.clone(),
            link_type: interface.link_type,
            snap_len: interface.snap_len,
            ..InterfaceDescription::default()
        });
    }
}

fn names(files: &[impl AsRef<Path>]) -> String {
    let names = files.iter().map(|file| match file.as_ref() {
        file if is_standard(file) => "standard input".to_owned(),
        file => file.display().to_string(),
    });
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let mut numbers = Numbers::default();
        for number in [1, 64, 65, 1000, 64, u64::MAX] {
            numbers.insert(number);
        }
        assert_eq!(numbers.count, 4);
        assert!(numbers.contains(1000) && numbers.contains(64));
        assert!(!numbers.contains(2) && !numbers.contains(u64::MAX));
    }
}
