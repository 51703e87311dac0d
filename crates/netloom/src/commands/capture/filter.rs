//! Filters of live captures: compiled, set in the kernel where it takes them, printed.

use std::io::Write as _;
use std::path::Path;

use netloom::PacketSource;
use netloom::Timestamp;
use netloom::capture::filter::{CompileOptions, Filter, FilterError, FilterOpenError, Filtered};
use netloom::capture::live::{self, LiveSource, NetworkInterface};
use netloom::pipeline::packet::{CaptureInfo, LinkType, PacketBatch, SourceError};

pub(crate) use netloom::capture::filter::Program;

use crate::arguments::{CaptureOptions, filter_of};
use crate::failure::{ExitCode, Failure};

/// Prints the program that a filter compiles to, as `tcpdump -d`.
pub(super) fn dump(options: &CaptureOptions, words: &[String]) -> Result<ExitCode, Failure> {
    let expression = filter_of(&options.kinds, words);
    let filter = parse(&expression)?;
    let known = live::interfaces().unwrap_or_default();
    let interface = options.interfaces.first();
    let link_type = match interface.map(String::as_str) {
        Some("any") => LinkType::LINUX_SLL2,
        Some(name) => known
            .iter()
            .find(|interface| interface.name == name)
            .map_or(LinkType::ETHERNET, |interface| interface.link_type),
        None => LinkType::ETHERNET,
    };
    let mut options_of = compile_options(interface.map(String::as_str), &known);
    options_of.live = interface.is_some();
    if options.snaplen > 0 {
        options_of.snaplen = options.snaplen;
    }
    let program = filter.program(link_type, &options_of).map_err(wrong)?;
    let mut text = program.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|cause| Failure::writing(Path::new("-"), &cause))?;
    Ok(ExitCode::SUCCESS)
}

/// Sets the filter of each interface before its first packet comes; returns the programs of
/// those of which the kernel does not take it: their packets have to be filtered here.
pub(crate) fn set(
    source: &mut LiveSource,
    expression: &str,
) -> Result<Vec<Option<Program>>, Failure> {
    let link_types = source.link_types();
    if expression.trim().is_empty() {
        return Ok(vec![None; link_types.len()]);
    }
    let filter = parse(expression)?;
    let known = live::interfaces().unwrap_or_default();
    let names: Vec<String> = source
        .interface_names()
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    let mut here = Vec::with_capacity(names.len());
    for (place, (name, link_type)) in names.iter().zip(link_types).enumerate() {
        let mut options = compile_options(Some(name), &known);
        let program = filter.program(link_type, &options).map_err(wrong)?;
        let instructions: Vec<live::Instruction> = program
            .instructions()
            .iter()
            .map(|one| (one.code, one.jt, one.jf, one.k))
            .collect();
        if source.set_filter(place, &instructions)? {
            here.push(None);
        } else {
            options.live = false;
            here.push(Some(filter.program(link_type, &options).map_err(wrong)?));
        }
    }
    Ok(here)
}

/// A source of recorded packets, filtered.
pub(crate) fn recorded(
    source: Box<dyn PacketSource + Send>,
    expression: &str,
) -> Result<Box<dyn PacketSource + Send>, Failure> {
    if expression.trim().is_empty() {
        return Ok(source);
    }
    match Filtered::open(source, parse(expression)?) {
        Ok(filtered) => Ok(Box::new(filtered)),
        Err(FilterOpenError::Source(error)) => Err(error.into()),
        Err(FilterOpenError::Filter(error)) => Err(wrong(error)),
        Err(_) => Err(Failure::usage("the filter cannot be applied")),
    }
}

/// A live source, with what the kernel left to filter.
pub(crate) fn live(
    source: LiveSource,
    programs: Vec<Option<Program>>,
) -> Box<dyn PacketSource + Send> {
    if programs.iter().all(Option::is_none) {
        return Box::new(source);
    }
    Box::new(Sieve { source, programs })
}

/// Drops the packets that do not meet their interface's program.
struct Sieve {
    source: LiveSource,
    programs: Vec<Option<Program>>,
}

impl PacketSource for Sieve {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        let more = self.source.next_batch(batch)?;
        let accepted: Vec<bool> = batch
            .iter()
            .map(
                |packet| match self.programs.get(packet.interface as usize) {
                    Some(Some(program)) => program.accepts(packet.data, packet.wire_len),
                    _ => true,
                },
            )
            .collect();
        let mut accepted = accepted.into_iter();
        batch.packets.retain(|_| accepted.next().unwrap_or(false));
        Ok(more)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.source.clock()
    }
}

fn parse(expression: &str) -> Result<Filter, Failure> {
    Filter::new(expression).map_err(wrong)
}

/// A filter that makes no sense is a mistake on the command line.
fn wrong(error: FilterError) -> Failure {
    let hint = error.hint.clone();
    let failure = Failure::usage(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// For packets from the kernel, and the network of the interface.
fn compile_options(name: Option<&str>, known: &[NetworkInterface]) -> CompileOptions {
    let interface = known
        .iter()
        .find(|interface| Some(interface.name.as_str()) == name);
    let prefix = interface.and_then(|interface| {
        interface
            .addresses
            .iter()
            .find(|address| address.address.is_ipv4())
            .map(|address| u32::from(address.prefix_len))
    });
    CompileOptions {
        live: true,
        netmask: Some(prefix.map_or(0, |prefix| {
            u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0)
        })),
        ..CompileOptions::default()
    }
}
