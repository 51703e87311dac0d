//! What packets say as parts of their TCP streams, for the `info` column.
//!
//! Kept for the connections of a shard that sent something last: those of two generations. What
//! a round's packets say goes to where its rows are made.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use netloom_decode::{TcpFlags, Transport};
use netloom_flow::{FlowKey, FlowRules};
use netloom_tables::{Conversation, Segment, SegmentNote};

use crate::block::BlockView;
use crate::stage::StagePacket;

/// Connections of a generation, of each shard.
const CONVERSATIONS_MAX: usize = 1024;
/// Bytes of payload that the connections of a shard may keep.
const HELD_MAX: usize = 256 << 10;

/// What packets say, by their numbers, which ascend.
pub(super) type Notes = Vec<(u64, SegmentNote)>;

type Conversations = HashMap<FlowKey, Box<Conversation>, RandomState>;

/// The connections of a shard.
#[derive(Debug, Default)]
pub(super) struct Streams {
    young: Conversations,
    old: Conversations,
    /// Bytes of payload that they keep.
    held: usize,
    notes: Notes,
}

impl Streams {
    /// Reads a packet.
    pub(super) fn packet(&mut self, packet: &StagePacket<'_>, rules: FlowRules) {
        let decoded = packet.decoded;
        let Transport::Tcp(tcp) = &decoded.transport else {
            return;
        };
        let wire_len = decoded.payload_wire_len;
        let starts_or_ends = TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0);
        if wire_len == 0 && tcp.flags.0 & starts_or_ends.0 == 0
            || decoded.ip.is_none_or(|ip| ip.fragment.is_some())
        {
            return;
        }
        let Some((key, from_first)) = FlowKey::new(decoded, rules) else {
            return;
        };
        let segment = Segment {
            from_first,
            seq: tcp.seq,
            flags: tcp.flags,
            payload: decoded.payload(packet.packet.data),
            wire_len,
        };
        let (note, before, after) = match self.young.get_mut(&key) {
            Some(conversation) => read(conversation, &segment),
            None => match self.begin(key, &segment) {
                Some(conversation) => read(conversation, &segment),
                None => return,
            },
        };
        let others = self.held.saturating_sub(before);
        self.held = others + after;
        if after > before && self.held > HELD_MAX {
            self.held = others;
            if let Some(conversation) = self.young.get_mut(&key) {
                conversation.forget();
            }
        }
        if let Some(note) = note {
            self.notes.push((packet.packet.number, note));
        }
    }

    /// The connection of a segment that is not among the young, where it is known or begins with
    /// this segment.
    fn begin(&mut self, key: FlowKey, segment: &Segment<'_>) -> Option<&mut Conversation> {
        let conversation = match self.old.remove(&key) {
            Some(known) => known,
            None if segment.begins() => Box::default(),
            None => return None,
        };
        if self.young.len() >= CONVERSATIONS_MAX {
            self.old = std::mem::take(&mut self.young);
            let held = self.old.values().map(|conversation| conversation.held());
            self.held = held.sum::<usize>() + conversation.held();
        }
        Some(self.young.entry(key).or_insert(conversation))
    }

    /// Hands out what the round's packets say; what was handed out before is gone.
    pub(super) fn take_notes(&mut self, notes: &mut Notes) {
        notes.clear();
        std::mem::swap(notes, &mut self.notes);
    }
}

/// What a segment says, and the bytes that its connection keeps before and behind it.
fn read(
    conversation: &mut Conversation,
    segment: &Segment<'_>,
) -> (Option<SegmentNote>, usize, usize) {
    let before = conversation.held();
    let note = conversation.segment(segment);
    (note, before, conversation.held())
}

/// What a block's packets say, by their places; nothing where none says anything.
pub(super) fn of<'a>(block: &BlockView<'_>, notes: &'a [Notes]) -> Vec<Option<&'a SegmentNote>> {
    let len = block.len();
    let mut of_block = Vec::new();
    let Some(last) = len.checked_sub(1).map(|last| block.number(last)) else {
        return of_block;
    };
    let first = block.number(0);
    // Unless a filter took some away.
    let all_there = last - first == len as u64 - 1;
    for notes in notes {
        let from = notes.partition_point(|(number, _)| *number < first);
        for (number, note) in notes.get(from..).unwrap_or_default() {
            if *number > last {
                break;
            }
            of_block.resize(len, None);
            let place = if all_there {
                (number - first) as usize
            } else {
                let (mut low, mut high) = (0, len);
                while low < high {
                    let middle = usize::midpoint(low, high);
                    if block.number(middle) < *number {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                low
            };
            if let Some(place) = of_block.get_mut(place) {
                *place = Some(note);
            }
        }
    }
    of_block
}
