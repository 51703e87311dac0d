//! A source of packets of which only those that match a filter come out.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use netloom_packet::{
    CaptureInfo, LinkType, PacketBatch, PacketSource, Progress, SourceError, Timestamp, Warning,
    WarningKind,
};

use super::error::FilterError;
use super::program::Program;
use super::{CompileOptions, Filter};

/// Link types that a stream is expected to have at most; more are compiled again and again.
const MAX_LINK_TYPES: usize = 64;

/// What a filter did with a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FilterTally {
    /// Packets that were looked at.
    pub seen: u64,
    /// Packets that matched.
    pub matched: u64,
    /// Link types of packets that the filter means nothing for, with the reason: none of their
    /// packets matched.
    pub not_applicable: Vec<(LinkType, FilterError)>,
}

/// A source that drops the packets that do not match a filter.
///
/// Packets keep the numbers they have in the unfiltered stream, as in Wireshark: the batches
/// have gaps. The filter is compiled once for each link type in the stream.
#[derive(Debug)]
pub struct Filtered<S> {
    source: S,
    filter: Filter,
    options: CompileOptions,
    /// The program for each link type seen; `None` where no packet can match.
    programs: Vec<(LinkType, Option<Program>)>,
    /// The first batch, which was read to learn its link types.
    first: Option<(PacketBatch, bool)>,
    tally: Arc<Mutex<FilterTally>>,
}

/// Why a source cannot be filtered.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilterOpenError {
    /// The filter tests what no packet of the stream's first link type has.
    Filter(FilterError),
    /// The source cannot be read.
    Source(SourceError),
}

impl<S: PacketSource> Filtered<S> {
    /// Puts a filter before a source.
    ///
    /// Reads the first packets, as only they show for which link type to compile; those of a
    /// file of which the first link type is one that the filter means nothing for are refused.
    /// Where another one follows further on, its packets do not match, and
    /// [`tally`](Self::tally) says so.
    ///
    /// # Errors
    ///
    /// When the filter means nothing for the first packet, and when the source cannot be read.
    pub fn open(mut source: S, filter: Filter) -> Result<Self, FilterOpenError> {
        let mut batch = PacketBatch::default();
        let more = source
            .next_batch(&mut batch)
            .map_err(FilterOpenError::Source)?;
        let mut filtered = Self {
            source,
            filter,
            options: CompileOptions::default(),
            programs: Vec::new(),
            first: None,
            tally: Arc::default(),
        };
        if let Some(packet) = batch.packets.first()
            && let Err(error) = filtered.compile(packet.link_type)
            && !error.matches_nothing
        {
            return Err(FilterOpenError::Filter(error));
        }
        filtered.first = Some((batch, more));
        Ok(filtered)
    }

    /// What the filter did so far.
    pub fn tally(&self) -> FilterTally {
        let tally = self.tally.lock();
        tally.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the filter does, to be looked at while somebody else reads.
    pub fn tally_handle(&self) -> Arc<Mutex<FilterTally>> {
        Arc::clone(&self.tally)
    }

    fn compile(&mut self, link_type: LinkType) -> Result<Program, FilterError> {
        self.filter.program(link_type, &self.options)
    }

    /// Where the program for a link type is, after it was compiled if need be.
    fn program_for(&mut self, link_type: LinkType) -> usize {
        let known = |(known, _): &(LinkType, Option<Program>)| *known == link_type;
        if let Some(place) = self.programs.iter().position(known) {
            return place;
        }
        let program = match self.compile(link_type) {
            Ok(program) => Some(program),
            Err(error) => {
                let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
                let noted = &mut tally.not_applicable;
                if !error.matches_nothing
                    && noted.len() < MAX_LINK_TYPES
                    && !noted.iter().any(|(known, _)| *known == link_type)
                {
                    noted.push((link_type, error));
                }
                None
            }
        };
        if self.programs.len() >= MAX_LINK_TYPES {
            self.programs.remove(0);
        }
        self.programs.push((link_type, program));
        self.programs.len() - 1
    }

    /// Drops the packets of a batch that do not match.
    fn filter(&mut self, batch: &mut PacketBatch) {
        // Mostly all packets of a batch have one link type.
        let mut last: Option<(LinkType, usize)> = None;
        let mut index = 0;
        let seen = batch.packets.len();
        let mut keep = Vec::with_capacity(seen);
        while let Some(packet) = batch.get(index) {
            let place = match last {
                Some((link_type, place)) if link_type == packet.link_type => place,
                _ => {
                    let place = self.program_for(packet.link_type);
                    last = Some((packet.link_type, place));
                    place
                }
            };
            let program = self
                .programs
                .get(place)
                .and_then(|(_, program)| program.as_ref());
            keep.push(program.is_some_and(|program| program.accepts(packet.data, packet.wire_len)));
            index += 1;
        }
        batch.retain(|index| keep.get(index).copied().unwrap_or(false));
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.seen += seen as u64;
        tally.matched += batch.len() as u64;
    }
}

impl<S: PacketSource> PacketSource for Filtered<S> {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        loop {
            let more = if let Some((first, more)) = self.first.take() {
                *batch = first;
                more
            } else {
                batch.places.clear();
                self.source.next_batch(batch)?
            };
            if !more {
                return Ok(false);
            }
            self.filter(batch);
            // A live source that has no more right now is not waited for.
            if !batch.is_empty() || !self.source.is_ready() {
                return Ok(true);
            }
        }
    }

    fn info(&self) -> Vec<CaptureInfo> {
        let mut info = self.source.info();
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if !tally.not_applicable.is_empty() {
            let mut note = CaptureInfo::default();
            "filter".clone_into(&mut note.name);
            for (link_type, error) in &tally.not_applicable {
                note.warnings.push(Warning {
                    offset: 0,
                    kind: WarningKind::Skipped,
                    message: format!(
                        "packets of link type {link_type} were left out: the filter means nothing for them ({})",
                        error.message
                    ),
                });
            }
            info.push(note);
        }
        info
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.source.clock()
    }
}

impl From<FilterOpenError> for SourceError {
    fn from(error: FilterOpenError) -> Self {
        match error {
            FilterOpenError::Source(error) => error,
            FilterOpenError::Filter(error) => Self::new("filter", Cow::Owned(error.to_string())),
        }
    }
}
