//! Several captures as one stream, merged by time.
//!
//! At each step the capture goes on whose next packet is the earliest; of two at the same time
//! the one given first. A capture is opened when its first packet's turn comes and closed at
//! its end, so captures that follow one another are never open together, and a batch that lies
//! wholly before every other capture's next packet is handed on as it is, without a copy.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netloom_packet::{
    CaptureInfo, PacketBatch, PacketSource, Part, Progress, ReadPart, SourceError, Timestamp,
    WarningKind,
};

use super::OpenOptions;
use super::inputs::{Expanded, Input};
use super::reader::CaptureReader;
use super::scan::warn;

/// Bytes read to learn a capture's first timestamp.
const PEEK_BLOCK: usize = 64 * 1024;

/// From this number of captures on each gets a smaller block, as all may be open at once.
const MANY: usize = 32;

/// The block of one of many captures.
const SMALL_BLOCK: usize = 128 * 1024;

/// The end of a batch that is worth being handed on as a batch of its own.
const WORTH_A_BATCH: usize = 256;

/// Captures read as one stream.
pub(super) struct Files {
    slots: Vec<Slot>,
    /// What folders and globs brought that is no capture.
    notes: Vec<CaptureInfo>,
    /// The next packet of each capture that has one: its time, and which capture.
    heads: BinaryHeap<Reverse<Head>>,
    /// A capture of which the packets have been handed on and the next ones are not read.
    exhausted: Option<usize>,
    interfaces: u32,
    block_size: usize,
    next_number: u64,
}

type Head = (Timestamp, usize);

/// One capture.
struct Slot {
    input: Input,
    state: State,
    /// What is known of it while it is not open.
    info: CaptureInfo,
    /// Index of each of its interfaces in the merged stream.
    interfaces: Vec<u32>,
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

enum State {
    Waiting,
    Open(Box<Open>),
    Done,
}

struct Open {
    reader: CaptureReader,
    batch: PacketBatch,
    /// Packets of `batch` that have been handed on.
    position: usize,
}

impl Files {
    /// Opens captures.
    pub(super) fn open(expanded: Expanded, options: OpenOptions) -> Result<Self, SourceError> {
        let single = expanded.inputs.len() == 1;
        let mut files = Self {
            slots: Vec::new(),
            notes: Vec::new(),
            heads: BinaryHeap::new(),
            exhausted: None,
            interfaces: 0,
            block_size: if expanded.inputs.len() > MANY {
                options.block_size.min(SMALL_BLOCK)
            } else {
                options.block_size
            },
            next_number: 1,
        };
        let mut skipped: Vec<Skipped> =
            expanded.groups.iter().map(|_| Skipped::default()).collect();
        for input in expanded.inputs {
            let group = input.group;
            let name = input.name();
            if let Err(error) = files.add(input, single) {
                match group.and_then(|group| skipped.get_mut(group)) {
                    Some(skipped) => skipped.add(&name, &error),
                    None => return Err(error),
                }
            }
        }
        if files.slots.is_empty() {
            return Err(no_captures(&expanded.groups, &skipped));
        }
        for (group, skipped) in expanded.groups.into_iter().zip(skipped) {
            files.notes.extend(skipped.note(group));
        }
        Ok(files)
    }

    /// Adds a capture. One of several is read up to its first packet, then closed again.
    fn add(&mut self, input: Input, single: bool) -> Result<(), SourceError> {
        let read = Arc::new(AtomicU64::new(0));
        let index = self.slots.len();
        let peeked = if single { self.block_size } else { PEEK_BLOCK };
        let source = input.open(peeked.min(self.block_size), &read)?;
        let size = source.size;
        let mut open = Box::new(Open {
            reader: CaptureReader::open(source.stream)?,
            batch: PacketBatch::default(),
            position: 0,
        });
        let mut slot = Slot {
            input,
            state: State::Waiting,
            info: open.reader.capture_info().clone(),
            interfaces: Vec::new(),
            read,
            size,
        };
        if single {
            slot.state = State::Open(open);
            self.slots.push(slot);
            self.exhausted = Some(index);
            return Ok(());
        }
        let more = open.reader.next_batch(&mut open.batch)?;
        slot.number_interfaces(open.reader.capture_info(), &mut self.interfaces);
        slot.info = open.reader.capture_info().clone();
        if let (true, Some(first)) = (more, open.batch.packets.first()) {
            self.heads.push(Reverse((first.timestamp, index)));
            if slot.size.is_some() {
                // It will be read again, from the start.
                slot.forget_counts();
            } else {
                slot.state = State::Open(open);
            }
        } else {
            slot.state = State::Done;
        }
        self.slots.push(slot);
        Ok(())
    }

    /// Opens the capture if it waits for its turn, and reads on where all its packets have
    /// been handed on; whether it has more.
    fn load(&mut self, index: usize) -> Result<bool, SourceError> {
        let block_size = self.block_size;
        let Some(slot) = self.slots.get_mut(index) else {
            return Ok(false);
        };
        if matches!(slot.state, State::Waiting) {
            slot.read.store(0, Ordering::Relaxed);
            let source = slot.input.open(block_size, &slot.read)?;
            slot.state = State::Open(Box::new(Open {
                reader: CaptureReader::open(source.stream)?,
                batch: PacketBatch::default(),
                position: 0,
            }));
        }
        let State::Open(open) = &mut slot.state else {
            return Ok(false);
        };
        if open.position < open.batch.packets.len() {
            return Ok(true);
        }
        open.position = 0;
        let more = open.reader.next_batch(&mut open.batch)?;
        slot.read_on(more, &mut self.interfaces);
        Ok(more)
    }

    /// Fills `batch` from the only capture that is left, without a detour; from `part` of it, where that
    /// was read.
    fn fill_from_last(
        &mut self,
        index: usize,
        part: Option<Part>,
        batch: &mut PacketBatch,
    ) -> Result<bool, SourceError> {
        let Some(slot) = self.slots.get_mut(index) else {
            return Ok(false);
        };
        let State::Open(open) = &mut slot.state else {
            return Ok(false);
        };
        let more = match part {
            Some(part) => open.reader.next_batch_of(part, batch),
            None => open.reader.next_batch(batch),
        }?;
        slot.read_on(more, &mut self.interfaces);
        if more {
            slot.translate(batch);
            self.exhausted = Some(index);
        }
        self.number(batch);
        Ok(more)
    }

    /// Numbers a batch that is complete.
    fn number(&mut self, batch: &mut PacketBatch) {
        batch.first_number = self.next_number;
        self.next_number += batch.packets.len() as u64;
    }

    /// Moves packets to `batch` until it is full or a capture has to be read on; whether the
    /// stream goes on.
    fn merge(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        loop {
            if let Some(index) = self.exhausted.take() {
                if self.heads.is_empty() {
                    return self.fill_from_last(index, None, batch);
                }
                if self.load(index)? {
                    self.push_head(index);
                }
            }
            let Some(Reverse((time, index))) = self.heads.pop() else {
                self.number(batch);
                return Ok(!batch.packets.is_empty());
            };
            if !self.load(index)? {
                continue;
            }
            let limit = self.heads.peek().map(|Reverse(head)| *head);
            let block_size = self.block_size;
            let Some(slot) = self.slots.get_mut(index) else {
                continue;
            };
            match slot.hand_on(index, limit, batch, block_size) {
                HandedOn::Nothing => {
                    self.heads.push(Reverse((time, index)));
                    break;
                }
                HandedOn::All => {
                    self.exhausted = Some(index);
                    break;
                }
                HandedOn::Some { full } => {
                    self.push_head(index);
                    if full {
                        break;
                    }
                }
            }
        }
        self.number(batch);
        Ok(true)
    }

    fn push_head(&mut self, index: usize) {
        if let Some(State::Open(open)) = self.slots.get(index).map(|slot| &slot.state)
            && let Some(packet) = open.batch.packets.get(open.position)
        {
            self.heads.push(Reverse((packet.timestamp, index)));
        }
    }
}

/// What a capture handed on.
enum HandedOn {
    /// Nothing: the batch must go out first.
    Nothing,
    /// All it had read.
    All,
    /// Some packets; whether the batch is full.
    Some { full: bool },
}

impl Slot {
    /// Moves its packets before `limit` to `batch`.
    fn hand_on(
        &mut self,
        index: usize,
        limit: Option<Head>,
        batch: &mut PacketBatch,
        block_size: usize,
    ) -> HandedOn {
        let State::Open(open) = &mut self.state else {
            return HandedOn::All;
        };
        let rest = open.batch.packets.get(open.position..).unwrap_or_default();
        let before = rest
            .iter()
            .position(|packet| limit.is_some_and(|limit| (packet.timestamp, index) > limit))
            .unwrap_or(rest.len());
        if before == rest.len() {
            if batch.packets.is_empty() {
                open.batch.packets.drain(..open.position);
                std::mem::swap(batch, &mut open.batch);
                open.batch.packets.clear();
                open.position = 0;
                self.translate(batch);
                return HandedOn::All;
            }
            if before >= WORTH_A_BATCH {
                return HandedOn::Nothing;
            }
        }
        if batch.packets.is_empty() {
            batch.block.clear();
        }
        let all = before == rest.len();
        for position in open.position..open.position + before {
            let Some(packet) = open.batch.get(position) else {
                continue;
            };
            // A packet that does not fit into what is left of the block starts the next batch.
            let full = batch.block.len() + packet.data.len() > block_size;
            if full && !batch.packets.is_empty() {
                open.position = position;
                return HandedOn::Some { full };
            }
            let interface = self.interfaces.get(packet.interface as usize);
            batch.push(
                packet.timestamp,
                packet.link_type,
                interface.copied().unwrap_or(packet.interface),
                packet.wire_len,
                packet.data,
            );
        }
        open.position += before;
        if all {
            HandedOn::All
        } else {
            HandedOn::Some { full: false }
        }
    }

    /// Takes note of what was read, and closes the capture at its end.
    fn read_on(&mut self, more: bool, interfaces: &mut u32) {
        let State::Open(open) = &self.state else {
            return;
        };
        let known = open.reader.capture_info();
        if known.interfaces.len() > self.interfaces.len() {
            number_interfaces(known, &mut self.interfaces, interfaces);
        }
        if !more {
            self.info = open.reader.capture_info().clone();
            self.state = State::Done;
        }
    }

    fn number_interfaces(&mut self, info: &CaptureInfo, interfaces: &mut u32) {
        number_interfaces(info, &mut self.interfaces, interfaces);
    }

    /// Replaces the capture's own interface indices by those of the stream.
    fn translate(&self, batch: &mut PacketBatch) {
        let same = self
            .interfaces
            .iter()
            .enumerate()
            .all(|(own, index)| own == *index as usize);
        if same {
            return;
        }
        for packet in &mut batch.packets {
            if let Some(index) = self.interfaces.get(packet.interface as usize) {
                packet.interface = *index;
            }
        }
    }

    /// Forgets what was counted while the first packet was looked for.
    fn forget_counts(&mut self) {
        let mut info = CaptureInfo::default();
        info.name = std::mem::take(&mut self.info.name);
        info.format = std::mem::take(&mut self.info.format);
        info.interfaces = std::mem::take(&mut self.info.interfaces);
        for interface in &mut info.interfaces {
            interface.packets = 0;
        }
        self.info = info;
        self.read.store(0, Ordering::Relaxed);
    }

    fn capture_info(&self) -> CaptureInfo {
        let mut info = match &self.state {
            State::Open(open) => open.reader.capture_info().clone(),
            State::Waiting | State::Done => self.info.clone(),
        };
        for (interface, index) in info.interfaces.iter_mut().zip(&self.interfaces) {
            interface.index = *index;
        }
        info
    }
}

/// Gives each interface that has none an index in the merged stream.
fn number_interfaces(info: &CaptureInfo, own: &mut Vec<u32>, interfaces: &mut u32) {
    while own.len() < info.interfaces.len() {
        own.push(*interfaces);
        *interfaces = interfaces.saturating_add(1);
    }
}

impl PacketSource for Files {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        batch.packets.clear();
        self.merge(batch)
    }

    fn take_part(&mut self) -> Option<ReadPart> {
        if !self.heads.is_empty() {
            return None;
        }
        match &mut self.slots.get_mut(self.exhausted?)?.state {
            State::Open(open) => open.reader.take_part(),
            State::Waiting | State::Done => None,
        }
    }

    fn next_batch_of(&mut self, part: Part, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        batch.packets.clear();
        match self.exhausted.take() {
            Some(index) => self.fill_from_last(index, Some(part), batch),
            None => Ok(false),
        }
    }

    fn info(&self) -> Vec<CaptureInfo> {
        let files = self.slots.iter().map(Slot::capture_info);
        files.chain(self.notes.iter().cloned()).collect()
    }

    fn progress(&self) -> Progress {
        let read = self
            .slots
            .iter()
            .map(|slot| slot.read.load(Ordering::Relaxed));
        let sizes = self.slots.iter().map(|slot| slot.size);
        Progress {
            done: read.sum(),
            total: sizes.sum(),
        }
    }
}

/// The error for folders and globs that brought no capture.
fn no_captures(groups: &[String], skipped: &[Skipped]) -> SourceError {
    let first = skipped
        .iter()
        .find_map(|skipped| skipped.info.warnings.first());
    let message = first.map_or_else(
        || "it holds no files".to_owned(),
        |warning| format!("it holds no captures: {}", warning.message),
    );
    SourceError::new(groups.first().cloned().unwrap_or_default(), message).hint(
        "captures are recognised by content: pcap or pcapng, plain or compressed with gzip, zstd or lz4",
    )
}

/// Files of a folder or glob that were left out.
#[derive(Default)]
struct Skipped {
    count: u64,
    info: CaptureInfo,
}

impl Skipped {
    /// Files that are named, each.
    const NAMED: u64 = 16;

    fn add(&mut self, name: &str, error: &SourceError) {
        self.count += 1;
        if self.count <= Self::NAMED {
            warn(
                &mut self.info,
                WarningKind::Skipped,
                error.offset.unwrap_or(0),
                format!("{name} was left out: {}", error.message),
            );
        }
    }

    /// The entry for the folder, if there is something to say.
    fn note(mut self, name: String) -> Option<CaptureInfo> {
        self.info.name = name;
        if self.count > Self::NAMED {
            let more = self.count - Self::NAMED;
            warn(
                &mut self.info,
                WarningKind::Skipped,
                0,
                format!("{more} more files were left out"),
            );
        }
        (self.count > 0).then_some(self.info)
    }
}
