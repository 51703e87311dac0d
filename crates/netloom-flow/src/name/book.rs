//! Who is behind an address, and which flows were announced: learned from packets in their
//! order, asked as of a packet's number.
//!
//! Answers depend on what was said before the packet that asks, never on when the book was
//! written: lessons of a whole round of packets may be in it already. That holds for its
//! bounds too: a lesson is forgotten once [`LESSONS_MAX`] others have followed it.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use netloom_decode::app::Protocol;
use netloom_packet::Timestamp;

/// Lessons that are remembered.
pub const LESSONS_MAX: u64 = 65_536;

/// How long past its time to live an address keeps its name: programs hold on to what they once
/// looked up.
pub const GRACE_NANOS: i64 = 3_600 * 1_000_000_000;

/// How long an announced flow is waited for.
pub(super) const EXPECT_NANOS: i64 = 120 * 1_000_000_000;

/// Something a packet taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Number of the packet.
    pub number: u64,
    /// Its time.
    pub at: Timestamp,
    /// What it taught.
    pub fact: Fact,
}

/// What a packet can teach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An answer said that a name has an address.
    Name {
        /// Who was told; `None`: everybody on the link (mDNS).
        client: Option<IpAddr>,
        /// The address.
        address: IpAddr,
        /// The name that was asked for.
        name: Arc<str>,
        /// Seconds that it is good for.
        ttl: u32,
        /// `dns`, `mdns`, ….
        source: &'static str,
    },
    /// A flow was announced.
    Expect {
        /// To which address.
        to: IpAddr,
        /// And port.
        port: u16,
        /// Whether TCP (else UDP).
        tcp: bool,
        /// What it will speak.
        protocol: &'static Protocol,
    },
}

/// What the book says about a flow that begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hint {
    /// Name of the responder, and its source.
    pub name: Option<(Arc<str>, &'static str)>,
    /// What the flow was announced to speak.
    pub expected: Option<&'static Protocol>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Name(Option<IpAddr>, IpAddr),
    Expect(IpAddr, u16, bool),
}

/// A key as it is kept: most are IPv4's, and half as long.
#[derive(Debug)]
enum Kept {
    Name4([u8; 4], [u8; 4]),
    Expect4([u8; 4], u16, bool),
    Other(Box<Key>),
}

impl Kept {
    fn new(key: Key) -> Self {
        match key {
            Key::Name(Some(IpAddr::V4(client)), IpAddr::V4(address)) => {
                Self::Name4(client.octets(), address.octets())
            }
            Key::Expect(IpAddr::V4(to), port, tcp) => Self::Expect4(to.octets(), port, tcp),
            _ => Self::Other(Box::new(key)),
        }
    }

    fn key(&self) -> Key {
        match *self {
            Self::Name4(client, address) => Key::Name(Some(client.into()), address.into()),
            Self::Expect4(to, port, tcp) => Key::Expect(to.into(), port, tcp),
            Self::Other(ref key) => **key,
        }
    }
}

/// A lesson that is remembered.
#[derive(Debug)]
struct Entry {
    number: u64,
    until: i64,
    key: Kept,
    /// None: a flow was announced.
    name: Option<Arc<str>>,
    /// How many lessons before this one the key was last taught; 0: nothing that counts any more.
    back: u32,
    /// Of the book's sources, or of its protocols.
    which: u16,
}

/// Lessons that lie together: they come at the end and go at the start, without a copy.
const CHUNK: usize = 256;

/// Lessons by their ordinals, without a gap.
#[derive(Debug, Default)]
struct Lessons {
    chunks: VecDeque<Vec<Entry>>,
    /// Ordinals of the first one, and of the one that comes next.
    first: u64,
    next: u64,
}

impl Lessons {
    /// Where a lesson is, if it is not forgotten.
    fn place(&self, ordinal: u64) -> Option<(usize, usize)> {
        // The first chunk may begin with forgotten ones.
        let start = self.first - self.first % CHUNK as u64;
        (ordinal >= self.first && ordinal < self.next).then(|| {
            let index = (ordinal - start) as usize;
            (index / CHUNK, index % CHUNK)
        })
    }

    fn get(&self, ordinal: u64) -> Option<&Entry> {
        let (chunk, index) = self.place(ordinal)?;
        self.chunks.get(chunk)?.get(index)
    }

    fn get_mut(&mut self, ordinal: u64) -> Option<&mut Entry> {
        let (chunk, index) = self.place(ordinal)?;
        self.chunks.get_mut(chunk)?.get_mut(index)
    }

    /// The lesson whose ordinal ends in these bits: far fewer are kept than there are of those.
    fn widen(&self, low: u32) -> u64 {
        self.first + u64::from(low.wrapping_sub(self.first as u32))
    }

    fn push(&mut self, entry: Entry) {
        if self.next.is_multiple_of(CHUNK as u64) {
            self.chunks.push_back(Vec::with_capacity(CHUNK));
        }
        if let Some(last) = self.chunks.back_mut() {
            last.push(entry);
            self.next += 1;
        }
    }

    /// Forgets the first one.
    fn pop(&mut self) {
        if let Some(entry) = self.get_mut(self.first) {
            entry.name = None;
        }
        self.first += 1;
        if self.first.is_multiple_of(CHUNK as u64) {
            self.chunks.pop_front();
        }
    }
}

/// What has been learned so far.
#[derive(Debug, Default)]
pub struct NameBook {
    /// Ends of the ordinals of the last lesson on each key.
    index: HashTable<u32>,
    hasher: RandomState,
    lessons: Lessons,
    /// Numbers of this round's lessons, ascending.
    round: Vec<u64>,
    /// Lessons before this round.
    before: u64,
    sources: Vec<&'static str>,
    protocols: Vec<&'static Protocol>,
}

impl NameBook {
    /// A new round begins: what the last one taught is settled, what is too old goes.
    pub fn begin_round(&mut self) {
        self.before += self.round.len() as u64;
        self.round.clear();
        let oldest = self.before.saturating_sub(LESSONS_MAX);
        while let Some(front) = self.lessons.get(self.lessons.first) {
            let ordinal = self.lessons.first;
            let hash = self.hasher.hash_one(front.key.key());
            // Of a key that was taught anew, only the last lesson counts from here on.
            let last = self
                .index
                .find_entry(hash, |&low| self.lessons.widen(low) == ordinal);
            match last {
                Ok(_) if ordinal >= oldest => break,
                Ok(last) => {
                    last.remove();
                }
                Err(_) => {}
            }
            self.lessons.pop();
        }
        if self.index.capacity() > 1024 && self.index.len() * 8 < self.index.capacity() {
            let (hasher, lessons) = (&self.hasher, &self.lessons);
            self.index.shrink_to(self.index.len() * 2, |&low| {
                hash_of(hasher, lessons, lessons.widen(low))
            });
        }
    }

    /// Takes a lesson; they come in packet order.
    pub fn learn(&mut self, lesson: &Lesson) {
        let at = lesson.at.as_nanos();
        let (key, until, name, which) = match &lesson.fact {
            Fact::Name {
                client,
                address,
                name,
                ttl,
                source,
            } => (
                Key::Name(*client, *address),
                at.saturating_add(i64::from(*ttl) * 1_000_000_000)
                    .saturating_add(GRACE_NANOS),
                Some(Arc::clone(name)),
                place(&mut self.sources, *source),
            ),
            Fact::Expect {
                to,
                port,
                tcp,
                protocol,
            } => (
                Key::Expect(*to, *port, *tcp),
                at.saturating_add(EXPECT_NANOS),
                None,
                place(&mut self.protocols, *protocol),
            ),
        };
        self.round.push(lesson.number);
        let ordinal = self.lessons.next;
        let hash = self.hasher.hash_one(key);
        let lessons = &self.lessons;
        let entry = self.index.entry(
            hash,
            |&low| {
                let entry = lessons.get(lessons.widen(low));
                entry.is_some_and(|entry| entry.key.key() == key)
            },
            |&low| hash_of(&self.hasher, lessons, lessons.widen(low)),
        );
        let back = match entry {
            hashbrown::hash_table::Entry::Occupied(mut last) => {
                let before = lessons.widen(*last.get());
                *last.get_mut() = ordinal as u32;
                (ordinal - before) as u32
            }
            hashbrown::hash_table::Entry::Vacant(place) => {
                place.insert(ordinal as u32);
                0
            }
        };
        // Nobody can ask in between of what one packet says: its last word is enough.
        let back = match self.lessons.get_mut(ordinal - u64::from(back)) {
            Some(same) if same.number == lesson.number => {
                same.name = None;
                if same.back == 0 { 0 } else { back + same.back }
            }
            _ => back,
        };
        self.lessons.push(Entry {
            number: lesson.number,
            until,
            key: Kept::new(key),
            name,
            back,
            which,
        });
        // Behind one of this round nothing is left to settle: that was done when it was taught.
        let last = ordinal - u64::from(back);
        if last < self.before {
            self.settle(last);
        }
    }

    /// Who asks from now on asks as of this round: of a key's lessons before it the last, which
    /// this one is, is enough.
    fn settle(&mut self, mut ordinal: u64) {
        while let Some(last) = self.lessons.get_mut(ordinal)
            && last.back > 0
        {
            ordinal -= u64::from(std::mem::take(&mut last.back));
            if let Some(entry) = self.lessons.get_mut(ordinal) {
                entry.name = None;
            }
        }
    }

    /// Whether nothing has been learned.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What is known about a flow that a packet of this number and time begins.
    pub fn hint(
        &self,
        number: u64,
        at: Timestamp,
        client: IpAddr,
        server: (IpAddr, u16),
        tcp: bool,
    ) -> Hint {
        let name = self
            .find(Key::Name(Some(client), server.0), number, at)
            .or_else(|| self.find(Key::Name(None, server.0), number, at));
        let expected = self.find(Key::Expect(server.0, server.1, tcp), number, at);
        Hint {
            name: name.and_then(|entry| {
                let source = *self.sources.get(usize::from(entry.which))?;
                Some((Arc::clone(entry.name.as_ref()?), source))
            }),
            expected: expected
                .and_then(|entry| self.protocols.get(usize::from(entry.which)))
                .copied(),
        }
    }

    fn find(&self, key: Key, number: u64, at: Timestamp) -> Option<&Entry> {
        let last = self.index.find(self.hasher.hash_one(key), |&low| {
            let entry = self.lessons.get(self.lessons.widen(low));
            entry.is_some_and(|entry| entry.key.key() == key)
        });
        let mut ordinal = self.lessons.widen(*last?);
        let mut entry = self.lessons.get(ordinal)?;
        while entry.number >= number {
            if entry.back == 0 {
                return None;
            }
            ordinal -= u64::from(entry.back);
            entry = self.lessons.get(ordinal)?;
        }
        let so_far = self.before + self.round.partition_point(|&other| other < number) as u64;
        (at.as_nanos() <= entry.until && so_far - ordinal <= LESSONS_MAX).then_some(entry)
    }
}

/// The hash of a lesson's key.
fn hash_of(hasher: &RandomState, lessons: &Lessons, ordinal: u64) -> u64 {
    let key = lessons.get(ordinal).map(|entry| entry.key.key());
    key.map_or(0, |key| hasher.hash_one(key))
}

/// Where something stands in a list of the few that there are; it is added if it is new.
fn place<T: PartialEq + Copy>(list: &mut Vec<T>, item: T) -> u16 {
    let at = list.iter().position(|known| *known == item);
    at.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn lesson(number: u64, second: i64, client: u8, server: u8, name: &str, ttl: u32) -> Lesson {
        Lesson {
            number,
            at: Timestamp::from_nanos(second * 1_000_000_000),
            fact: Fact::Name {
                client: Some(address(client)),
                address: address(server),
                name: name.into(),
                ttl,
                source: "dns",
            },
        }
    }

    fn ask(book: &NameBook, number: u64, second: i64, client: u8, server: u8) -> Option<String> {
        let at = Timestamp::from_nanos(second * 1_000_000_000);
        book.hint(number, at, address(client), (address(server), 443), true)
            .name
            .map(|(name, _)| name.to_string())
    }

    #[test]
    fn as_of_the_packet_that_asks() {
        let mut book = NameBook::default();
        book.begin_round();
        book.learn(&lesson(10, 0, 1, 9, "a.example", 60));
        book.learn(&lesson(20, 5, 1, 9, "b.example", 60));
        for _ in 0..2 {
            assert_eq!(ask(&book, 21, 6, 1, 9).as_deref(), Some("b.example"));
            assert_eq!(ask(&book, 30, 6, 2, 9), None, "another client");
            book.begin_round();
        }
        let mut book = NameBook::default();
        book.learn(&lesson(10, 0, 1, 9, "a.example", 60));
        book.learn(&lesson(20, 5, 1, 9, "b.example", 60));
        assert_eq!(ask(&book, 20, 5, 1, 9).as_deref(), Some("a.example"));
        assert_eq!(ask(&book, 10, 0, 1, 9), None);
    }

    #[test]
    fn names_live_as_long_as_they_say_and_a_while_longer() {
        let mut book = NameBook::default();
        book.learn(&lesson(1, 0, 1, 9, "a.example", 60));
        assert_eq!(ask(&book, 2, 3_660, 1, 9).as_deref(), Some("a.example"));
        assert_eq!(ask(&book, 2, 3_661, 1, 9), None);
    }

    #[test]
    fn the_last_word_of_a_packet() {
        let mut book = NameBook::default();
        book.learn(&lesson(10, 0, 1, 9, "a.example", 60));
        for name in ["b.example", "c.example", "d.example"] {
            book.learn(&lesson(20, 0, 1, 9, name, 60));
        }
        book.learn(&lesson(30, 0, 1, 9, "e.example", 60));
        for (number, name) in [
            (10, None),
            (11, Some("a.example")),
            (20, Some("a.example")),
            (21, Some("d.example")),
            (30, Some("d.example")),
            (31, Some("e.example")),
        ] {
            assert_eq!(ask(&book, number, 1, 1, 9).as_deref(), name, "{number}");
        }
        // In the next round, what came before it is cut off as ever.
        book.begin_round();
        book.learn(&lesson(40, 0, 1, 9, "f.example", 60));
        book.learn(&lesson(40, 0, 1, 9, "g.example", 60));
        assert_eq!(ask(&book, 40, 1, 1, 9).as_deref(), Some("e.example"));
        assert_eq!(ask(&book, 41, 1, 1, 9).as_deref(), Some("g.example"));
    }

    /// A round may teach the same as often as it likes: it takes no longer for each.
    #[test]
    fn the_same_over_and_over() {
        let mut book = NameBook::default();
        for round in 0..3 {
            book.begin_round();
            for number in 1..=100_000 {
                let name = format!("{}.example", number % 7);
                book.learn(&lesson(round * 100_000 + number, 0, 1, 9, &name, 60));
            }
        }
        let name_at = |number| ask(&book, number, 1, 1, 9);
        assert_eq!(name_at(300_001).as_deref(), Some("5.example"));
        assert_eq!(name_at(299_999).as_deref(), Some("3.example"));
        assert_eq!(name_at(299_998).as_deref(), Some("2.example"));
    }

    /// The same answers wherever rounds end, also when lessons are forgotten.
    #[test]
    fn rounds_do_not_matter() {
        let lessons: Vec<Lesson> = (0..LESSONS_MAX + 100)
            .map(|index| {
                let mut lesson = lesson(index + 1, 0, 1, 9, "n.example", 1_000_000);
                if let Fact::Name { address, .. } = &mut lesson.fact {
                    *address = IpAddr::from((index as u32).to_be_bytes());
                }
                lesson
            })
            .collect();
        let known = |size: usize| {
            let mut book = NameBook::default();
            let mut answers = Vec::new();
            for round in lessons.chunks(size) {
                book.begin_round();
                for lesson in round {
                    book.learn(lesson);
                }
                for lesson in round {
                    let at = Timestamp::from_nanos(0);
                    let first = IpAddr::from([0, 0, 0, 5]);
                    let hint = book.hint(lesson.number, at, address(1), (first, 1), true);
                    answers.push(hint.name.is_some());
                }
                assert!(book.index.len() as u64 <= LESSONS_MAX + size as u64 + 1);
            }
            answers
        };
        let one = known(1);
        assert_eq!(
            one.iter().filter(|known| **known).count() as u64,
            LESSONS_MAX
        );
        assert!(one == known(997) && one == known(40_000));
    }
}
