//! DNS queries and their answers: rows of `dns`.

use netloom_decode::app::dns::{
    Message, Question, Record, answer_text, record_line, rtype, update_text,
};
use netloom_decode::app::text::display;
use netloom_decode::app::{Context, Interest};
use netloom_packet::Timestamp;
use smallvec::SmallVec;

/// A query with its answer: a row of `dns`, in the terms of Zeek's dns.log.
///
/// A message with several questions makes a row of each. What its sections hold stands in the first one's,
/// once, as they are sections of the message; who answers several questions says so by the owners.
///
/// Without [`Interest::DETAILS`] `answers` and what stands beside them are empty. Beside what Zeek
/// says, the bits of a response stand here for responses without answers too,
/// and type and class come from the response where no query was seen.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DnsRecord {
    /// Which protocol it is: `dns`, `mdns`, `llmnr`, `nbns`.
    pub service: &'static str,
    /// Time of the query, or of the response where no query was seen.
    pub ts: Timestamp,
    /// Transaction identifier.
    pub trans_id: u16,
    /// From the query to its response, nanoseconds; `None` unless both were seen.
    pub rtt: Option<i64>,
    /// Name asked for; where a response repeats no question, the owner of its first answer.
    /// `None` for announcements of mDNS, which nobody asked for.
    pub query: Option<Box<str>>,
    /// Class of the question, the unicast bit of mDNS not included.
    pub qclass: Option<u16>,
    /// Type of the question.
    pub qtype: Option<u16>,
    /// Response code, extended by EDNS; `None` where no response was seen.
    pub rcode: Option<u16>,
    /// Kind of query.
    pub opcode: u8,
    /// The answer is the authority's own.
    pub aa: bool,
    /// The message was cut to fit (query or response).
    pub tc: bool,
    /// The query was cut to fit.
    pub query_tc: bool,
    /// Recursion was desired.
    pub rd: bool,
    /// Recursion is available.
    pub ra: bool,
    /// The three bits behind RA: reserved, AD, CD.
    pub z: u8,
    /// The flags of the response as on the wire, with kind and code; `None` where none was seen.
    /// `rd` and `z` are the query's.
    pub response_flags: Option<u16>,
    /// The records of the answer section, as Zeek writes them; where a dynamic update is answered, what it
    /// repeats of it: what must hold, and what changes.
    pub answers: Vec<Box<str>>,
    /// Their times to live, seconds; as many as `answers`.
    pub ttls: Vec<u32>,
    /// The names they are of; as many as `answers`.
    pub answer_names: Vec<Box<str>>,
    /// Their types; as many as `answers`.
    pub answer_types: Vec<u16>,
    /// The records of the answer section (of an update: what must hold) as lines of a zone file; empty without
    /// [`Interest::RECORDS`].
    pub answer_records: Vec<Box<str>>,
    /// Those of the authority section (of an update: what is to change).
    pub authority_records: Vec<Box<str>>,
    /// Those of the additional section, OPT not included.
    pub additional_records: Vec<Box<str>>,
    /// The server refused: no record of any kind in its response, or an error without the question.
    pub rejected: bool,
    /// Bytes of the query message.
    pub query_bytes: Option<u32>,
    /// Bytes of the response message.
    pub response_bytes: Option<u32>,
}

/// Most queries, and most responses, of a flow that wait for each other.
const WAITING_MAX: usize = 64;
/// Bytes of text that may be made of a message's answers, and of its records in full: so many, and so
/// many times its own. Two bytes may point to a name of 255, and a byte of it be shown as four; what is no
/// joke takes a tenth of this.
const TEXT_FREE: usize = 2048;
const TEXT_RATIO: usize = 16;
/// The same, however long the message is.
const TEXT_MAX: usize = 64 * 1024;
/// The same of rows for its questions; those of mDNS take eleven bytes and more.
const ROWS_FREE: usize = 4096;
/// What a row counts for beside its name.
const ROW_BYTES: usize = 224;

/// How much text may be made of a message.
fn room(message: &Message<'_>, free: usize) -> usize {
    let room = TEXT_RATIO.saturating_mul(message.captured);
    room.saturating_add(free).min(TEXT_MAX)
}

/// Queries of a flow that wait for their answers, and the other way round.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    queries: SmallVec<[Waiting; 1]>,
    responses: SmallVec<[Waiting; 1]>,
}

/// A row for each question of a message; nearly all have one (and may have no more, RFC 9619, but for mDNS).
#[derive(Debug)]
struct Waiting {
    rows: SmallVec<[Box<DnsRecord>; 1]>,
    /// Bytes on the heap; they stay what they are while it waits.
    bytes: usize,
}

impl Pairing {
    /// A message; what is complete goes to `out`.
    pub(crate) fn message(
        &mut self,
        context: &Context,
        message: &Message<'_>,
        interest: Interest,
        out: &mut dyn FnMut(Box<DnsRecord>),
    ) {
        let response = message.is_response();
        // Multicast DNS leaves the identifier 0 (RFC 6762, section 18.1): nothing can be paired.
        let alone = message.service == "mdns" && message.id == 0;
        let (others, own) = if response {
            (&mut self.queries, &mut self.responses)
        } else {
            (&mut self.responses, &mut self.queries)
        };
        let other = others
            .iter()
            .position(|waiting| waiting.fits(message))
            .filter(|_| !alone)
            .map(|at| others.remove(at));
        if let Some(mut waiting) = other {
            waiting.complete(context, message, interest);
            waiting.rows.into_iter().for_each(out);
            return;
        }
        let mut waiting = Waiting::new(context, message, interest);
        if alone {
            waiting.rows.into_iter().for_each(out);
            return;
        }
        if own.len() >= WAITING_MAX {
            own.remove(0).rows.into_iter().for_each(&mut *out);
        }
        waiting.bytes = waiting.count();
        own.push(waiting);
    }

    /// The flow has ended: what waits goes out.
    pub(crate) fn finish(&mut self, out: &mut dyn FnMut(Box<DnsRecord>)) {
        for waiting in self.queries.drain(..).chain(self.responses.drain(..)) {
            waiting.rows.into_iter().for_each(&mut *out);
        }
    }

    /// Whether nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.responses.is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let spilled = |queue: &SmallVec<[Waiting; 1]>| {
            if queue.spilled() { queue.capacity() } else { 0 }
        };
        let queues = (spilled(&self.queries) + spilled(&self.responses)) * size_of::<Waiting>();
        let waiting = self.queries.iter().chain(&self.responses);
        queues + waiting.map(|waiting| waiting.bytes).sum::<usize>()
    }
}

impl Waiting {
    fn new(context: &Context, message: &Message<'_>, interest: Interest) -> Self {
        let mut base = Box::new(DnsRecord {
            service: message.service,
            ts: context.timestamp,
            trans_id: message.id,
            opcode: message.opcode(),
            rd: message.flags & 0x0100 != 0,
            z: (message.flags >> 4 & 7) as u8,
            ..DnsRecord::default()
        });
        base.head(message);
        let mut rows = SmallVec::new();
        let Some((first, others)) = message.questions.split_first() else {
            // An inverse query (RFC 1035, section 6.4) has its subject there, too.
            if message.service != "mdns" {
                base.query = message
                    .answers
                    .first()
                    .map(|record| name_text(&record.name));
            }
            base.sections(message, interest);
            rows.push(base);
            return Self { rows, bytes: 0 };
        };
        // A question takes five bytes, a row some hundred.
        let mut room = room(message, ROWS_FREE);
        let others: Vec<_> = others
            .iter()
            .map_while(|question| {
                let mut row = base.clone();
                row.ask(question, message);
                let text = row.query.as_ref().map_or(0, |query| query.len());
                room = room.checked_sub(ROW_BYTES + text)?;
                Some(row)
            })
            .collect();
        base.ask(first, message);
        base.sections(message, interest);
        rows.push(base);
        rows.extend(others);
        Self { rows, bytes: 0 }
    }

    /// Whether a message of the other kind belongs to it: the same identifier, and the same
    /// name where both have one (another may be a forgery).
    fn fits(&self, message: &Message<'_>) -> bool {
        let Some(row) = self.rows.first() else {
            return false;
        };
        let same_name = || match (
            row.qtype.and(row.query.as_deref()),
            message.questions.first(),
        ) {
            (Some(query), Some(question)) => is_name(query, &question.name),
            _ => true,
        };
        row.trans_id == message.id && same_name()
    }

    /// Takes what the other message of the pair says.
    fn complete(&mut self, context: &Context, message: &Message<'_>, interest: Interest) {
        for (number, row) in self.rows.iter_mut().enumerate() {
            row.head(message);
            if number == 0 {
                row.sections(message, interest);
            }
            if message.is_response() {
                let rtt = context.timestamp.as_nanos() - row.ts.as_nanos();
                row.rtt = Some(rtt).filter(|&rtt| rtt > 0);
            } else {
                row.rd = message.flags & 0x0100 != 0;
                row.z = (message.flags >> 4 & 7) as u8;
            }
            if let Some(question) = message.questions.get(number)
                && row.qtype.is_none()
            {
                row.ask(question, message);
            }
        }
    }

    /// Bytes on the heap.
    fn count(&self) -> usize {
        let row = |row: &DnsRecord| {
            row.query.as_ref().map_or(0, |query| query.len())
                + row.answers.capacity() * size_of::<Box<str>>()
                + row.answers.iter().map(|answer| answer.len()).sum::<usize>()
                + row.ttls.capacity() * size_of::<u32>()
                + row.answer_types.capacity() * size_of::<u16>()
                + row.answer_names.capacity() * size_of::<Box<str>>()
                + row
                    .answer_names
                    .iter()
                    .map(|name| name.len())
                    .sum::<usize>()
                + [
                    &row.answer_records,
                    &row.authority_records,
                    &row.additional_records,
                ]
                .into_iter()
                .map(|lines| {
                    let texts = lines.iter().map(|line| line.len()).sum::<usize>();
                    lines.capacity() * size_of::<Box<str>>() + texts
                })
                .sum::<usize>()
        };
        let rows = self.rows.iter();
        rows.map(|record| size_of::<DnsRecord>() + row(record))
            .sum()
    }
}

impl DnsRecord {
    /// What a question says.
    fn ask(&mut self, question: &Question, message: &Message<'_>) {
        self.query = Some(name_text(&question.name));
        self.qclass = Some(question.qclass & class_mask(message));
        self.qtype = Some(question.qtype);
    }

    /// What the header of a message says, and what of it counts whatever its questions are.
    fn head(&mut self, message: &Message<'_>) {
        let len = u32::try_from(message.len).ok();
        self.tc |= message.flags & 0x0200 != 0;
        if !message.is_response() {
            self.query_tc = message.flags & 0x0200 != 0;
            self.query_bytes = len;
            return;
        }
        self.response_bytes = len;
        self.response_flags = Some(message.flags);
        self.rcode = Some(message.extended_rcode());
        self.aa = message.flags & 0x0400 != 0;
        self.ra = message.flags & 0x0080 != 0;
        let nothing = message.answers.is_empty()
            && message.authorities.is_empty()
            && message.additionals.is_empty()
            && !message.truncated
            && !message.malformed;
        self.rejected = nothing && (!message.questions.is_empty() || message.extended_rcode() != 0);
    }

    /// What the sections of a message hold.
    fn sections(&mut self, message: &Message<'_>, interest: Interest) {
        let update = message.opcode() == 5;
        if interest.contains(Interest::RECORDS) && (update || message.is_response()) {
            self.records(message);
        }
        if !message.is_response() || !interest.contains(Interest::DETAILS) {
            return;
        }
        let mut room = room(message, TEXT_FREE);
        let update = update && message.service != "nbns";
        let zone_class = message.questions.first().map_or(1, |zone| zone.qclass);
        let answers = message.answers.iter().map(|record| (record, true));
        let updates = message.authorities.iter().map(|record| (record, false));
        for (record, required) in answers.chain(updates.filter(|_| update)) {
            let text = if update {
                update_text(record, zone_class, required)
            } else {
                answer_text(record)
            };
            let Some(text) = text else {
                continue;
            };
            let name = name_text(&record.name);
            let Some(left) = room.checked_sub(text.len() + name.len()) else {
                break;
            };
            room = left;
            self.answers.push(text.into());
            self.ttls.push(record.ttl);
            self.answer_types.push(record.rtype);
            self.answer_names.push(name);
        }
    }

    /// The records of a response, or of what an update asks for (RFC 2136), in full.
    fn records(&mut self, message: &Message<'_>) {
        let sections = [&message.answers, &message.authorities, &message.additionals];
        if sections.iter().all(|records| records.is_empty()) {
            return;
        }
        let nbns = message.service == "nbns";
        let mut room = room(message, TEXT_FREE);
        self.answer_records = lines(&message.answers, nbns, &mut room);
        self.authority_records = lines(&message.authorities, nbns, &mut room);
        self.additional_records = lines(&message.additionals, nbns, &mut room);
    }
}

/// Records as lines of a zone file, as long as there is room.
fn lines(records: &[Record<'_>], nbns: bool, room: &mut usize) -> Vec<Box<str>> {
    let mut lines = Vec::new();
    for record in records {
        if record.rtype == rtype::OPT && !nbns {
            continue;
        }
        let line = record_line(record, nbns);
        let Some(left) = room.checked_sub(line.len()) else {
            break;
        };
        *room = left;
        lines.push(line.into());
    }
    lines
}

/// A name as it is shown: the root is a dot.
fn name_text(name: &[u8]) -> Box<str> {
    if name.is_empty() {
        ".".into()
    } else {
        display(name).into()
    }
}

/// Whether a shown name is this one, whatever the case.
fn is_name(shown: &str, name: &[u8]) -> bool {
    shown.as_bytes().eq_ignore_ascii_case(name)
        && name.iter().all(|byte| matches!(byte, b' '..=b'~'))
        || name_text(name).eq_ignore_ascii_case(shown)
}

/// The bits of a question's class: in mDNS the highest one asks for a unicast response.
fn class_mask(message: &Message<'_>) -> u16 {
    if message.service == "mdns" {
        0x7fff
    } else {
        0xffff
    }
}

#[cfg(test)]
mod tests;
