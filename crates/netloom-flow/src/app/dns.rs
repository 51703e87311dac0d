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
/// Bytes of answers that a row holds.
const ANSWERS_BYTES_MAX: usize = 64 * 1024;

/// Queries of a flow that wait for their answers, and the other way round.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    queries: SmallVec<[Waiting; 1]>,
    responses: SmallVec<[Waiting; 1]>,
}

/// A row for each question of a message; nearly all have one.
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
        base.add(message, interest);
        let mut rows = SmallVec::new();
        let Some((first, others)) = message.questions.split_first() else {
            // An inverse query (RFC 1035, section 6.4) has its subject there, too.
            if message.service != "mdns" {
                base.query = message
                    .answers
                    .first()
                    .map(|record| name_text(&record.name));
            }
            rows.push(base);
            return Self { rows, bytes: 0 };
        };
        let others: Vec<_> = others
            .iter()
            .map(|question| {
                let mut row = base.clone();
                row.ask(question, message);
                row
            })
            .collect();
        base.ask(first, message);
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
            row.add(message, interest);
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

    /// What a message says whatever its questions are.
    fn add(&mut self, message: &Message<'_>, interest: Interest) {
        let len = u32::try_from(message.len).ok();
        self.tc |= message.flags & 0x0200 != 0;
        let update = message.opcode() == 5;
        if interest.contains(Interest::RECORDS) && (update || message.is_response()) {
            self.records(message);
        }
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
        if !interest.contains(Interest::DETAILS) {
            return;
        }
        let mut bytes = 0;
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
            bytes += text.len() + record.name.len();
            if bytes > ANSWERS_BYTES_MAX {
                break;
            }
            self.answers.push(text.into());
            self.ttls.push(record.ttl);
            self.answer_types.push(record.rtype);
            self.answer_names.push(name_text(&record.name));
        }
    }

    /// The records of a response, or of what an update asks for (RFC 2136), in full.
    fn records(&mut self, message: &Message<'_>) {
        let sections = [&message.answers, &message.authorities, &message.additionals];
        if sections.iter().all(|records| records.is_empty()) {
            return;
        }
        let nbns = message.service == "nbns";
        let mut room = ANSWERS_BYTES_MAX;
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
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn context(seconds: i64) -> Context {
        Context {
            timestamp: Timestamp::from_nanos(seconds * 1_000_000_000),
            number: 1,
            from_client: true,
            tcp: false,
            client: (IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
            server: (IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
            wire_len: 0,
        }
    }

    /// A message with questions for `names` (one letter each), and an address for the first.
    fn message(id: u8, flags: u16, names: &[u8]) -> Vec<u8> {
        let answers = u8::from(flags & 0x8000 != 0);
        let mut bytes = vec![0, id];
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&[0, names.len() as u8, 0, answers, 0, 0, 0, 0]);
        for &name in names {
            bytes.extend_from_slice(&[1, name, 0, 0, 1, 0x80, 1]);
        }
        if answers == 1 {
            bytes.extend_from_slice(&[1, b'z', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
        }
        bytes
    }

    fn feed(
        service: &'static str,
        messages: &[(i64, Vec<u8>)],
    ) -> (Vec<DnsRecord>, Vec<DnsRecord>) {
        let mut pairing = Pairing::default();
        let mut early = Vec::new();
        for (seconds, bytes) in messages {
            let message = Message::parse(bytes, bytes.len(), service).unwrap();
            pairing.message(&context(*seconds), &message, Interest::ALL, &mut |row| {
                early.push(*row);
            });
        }
        assert!(pairing.heap_bytes() < 64 * 1024);
        let mut late = Vec::new();
        pairing.finish(&mut |row| late.push(*row));
        (early, late)
    }

    /// RFC 2136: a name that may not be there, a set that goes, a record that goes, an address that comes.
    #[test]
    fn updates() {
        let mut bytes = vec![0, 7, 0xa8, 0, 0, 1, 0, 1, 0, 3, 0, 0];
        bytes.extend_from_slice(&[1, b'z', 0, 0, 6, 0, 1]);
        for (class, rtype, ttl, data) in [
            (254, 255, 0, &[][..]),
            (255, 28, 0, &[]),
            (254, 1, 0, &[192, 0, 2, 1]),
            (1, 1, 9, &[192, 0, 2, 2]),
        ] {
            bytes.extend_from_slice(&[1, b'a', 1, b'z', 0, 0, rtype, 0, class, 0, 0, 0, ttl, 0]);
            bytes.push(data.len() as u8);
            bytes.extend_from_slice(data);
        }
        let (_, late) = feed("dns", &[(1, bytes)]);
        let answers: Vec<&str> = late[0].answers.iter().map(|text| &**text).collect();
        assert_eq!(
            answers,
            [
                "pre: NameNotInUse a.z",
                "del: RRSet AAAA",
                "del: RR A a.z",
                "add: A a.z 192.0.2.2"
            ]
        );
        assert_eq!(late[0].ttls, [0, 0, 0, 9]);
        assert_eq!(late[0].query.as_deref(), Some("z"));
    }

    fn queries(rows: &[DnsRecord]) -> Vec<&str> {
        rows.iter()
            .map(|row| row.query.as_deref().unwrap())
            .collect()
    }

    #[test]
    fn pairs() {
        // Two queries with the same identifier, a third one, an answer to the first of them.
        let (early, late) = feed(
            "dns",
            &[
                (1, message(7, 0x0100, b"a")),
                (2, message(7, 0x0100, b"b")),
                (3, message(8, 0x0100, b"c")),
                (4, message(8, 0x8580, b"x")),
                (5, message(7, 0x8580, b"A")),
            ],
        );
        assert_eq!(queries(&early), ["a"]);
        // An answer to another question is none to this one.
        assert_eq!(queries(&late), ["b", "c", "x"]);
        let row = &early[0];
        assert_eq!(row.rtt, Some(4_000_000_000));
        assert_eq!(row.ts, Timestamp::from_nanos(1_000_000_000));
        assert_eq!(
            (row.rcode, row.qtype, row.aa, row.ra, row.rd),
            (Some(0), Some(1), true, true, true)
        );
        assert_eq!((&*row.answers[0], row.ttls[0]), ("192.0.2.1", 9));
        assert_eq!(row.answer_types, [1]);
        assert!(!row.rejected);
        assert_eq!((late[0].rcode, late[0].rtt), (None, None));
    }

    #[test]
    fn a_response_alone_and_before_its_query() {
        let (early, late) = feed("dns", &[(1, message(7, 0x8400, b""))]);
        assert!(early.is_empty());
        assert_eq!(queries(&late), ["z"]);
        assert_eq!((late[0].qtype, late[0].rtt), (None, None));
        let (early, late) = feed(
            "dns",
            &[(1, message(7, 0x8400, b"")), (2, message(7, 0x0100, b"a"))],
        );
        assert!(late.is_empty());
        assert_eq!(queries(&early), ["a"]);
        assert_eq!((early[0].rtt, early[0].rcode), (None, Some(0)));
    }

    #[test]
    fn several_questions_are_several_rows() {
        let (early, late) = feed(
            "mdns",
            &[(1, message(0, 0, b"abc")), (2, message(0, 0x8400, b""))],
        );
        assert_eq!(queries(&early[..3]), ["a", "b", "c"]);
        assert_eq!((&early[3].query, &*early[3].answer_names[0]), (&None, "z"));
        assert!(late.is_empty());
        // The unicast bit is no part of the class.
        assert_eq!(early[0].qclass, Some(1));
    }

    #[test]
    fn what_waits_is_bounded() {
        let many: Vec<_> = (0..200)
            .map(|number| (i64::from(number), message(number, 0, b"a")))
            .collect();
        let (early, late) = feed("dns", &many);
        assert_eq!(early.len(), 200 - WAITING_MAX);
        assert_eq!(late.len(), WAITING_MAX);
        assert!(
            early
                .iter()
                .zip(0..)
                .all(|(row, number)| row.trans_id == number)
        );
    }

    #[test]
    fn the_flags_of_a_response_that_does_not_repeat_the_querys() {
        // Kind 9, which there is not; recursion desired by the query alone.
        let pair = [(1, message(7, 0x4900, b"a")), (2, message(7, 0xc800, b"a"))];
        let (early, late) = feed("dns", &pair);
        let row = early.iter().chain(&late).next().unwrap();
        assert_eq!((row.response_flags, row.rd), (Some(0xc800), true));
        let (_, late) = feed("dns", &pair[..1]);
        assert_eq!(late[0].response_flags, None);
    }

    #[test]
    fn refusals() {
        let refused = |flags: u16| {
            let mut bytes = message(7, flags & 0x7fff, b"a");
            bytes[2] |= 0x80;
            feed("dns", &[(1, bytes)]).1.remove(0)
        };
        assert!(refused(0x8005).rejected);
        assert_eq!(refused(0x8005).rcode, Some(5));
        assert!(refused(0x8000).rejected);
    }
}
