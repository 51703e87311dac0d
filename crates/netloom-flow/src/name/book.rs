//! Who is behind an address, and which flows were announced: learned from packets in their
//! order, asked as of a packet's number.
//!
//! Answers depend on what was said before the packet that asks, never on when the book was
//! written: lessons of a whole round of packets may be in it already. That holds for its
//! bounds too: a lesson is forgotten once [`LESSONS_MAX`] others have followed it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
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

#[derive(Debug, Clone)]
struct Entry {
    number: u64,
    ordinal: u64,
    until: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Name(Arc<str>, &'static str),
    Expect(&'static Protocol),
}

/// What has been learned so far.
#[derive(Debug, Default)]
pub struct NameBook {
    /// Of each key the lessons of the round and the last one before, oldest first.
    entries: HashMap<Key, Vec<Entry>, RandomState>,
    /// All entries in the order in which they came.
    order: VecDeque<(u64, Key)>,
    /// Numbers of this round's lessons, ascending.
    round: Vec<u64>,
    /// Lessons before this round.
    before: u64,
}

impl NameBook {
    /// A new round begins: what the last one taught is settled, what is too old goes.
    pub fn begin_round(&mut self) {
        self.before += self.round.len() as u64;
        self.round.clear();
        let oldest = self.before.saturating_sub(LESSONS_MAX);
        while let Some(&(ordinal, key)) = self.order.front() {
            // Of a key that was taught anew, only the last lesson counts from here on.
            let last = self.entries.get(&key).and_then(|list| list.last());
            if ordinal >= oldest && last.is_none_or(|last| last.ordinal == ordinal) {
                break;
            }
            self.order.pop_front();
            if let Some(list) = self.entries.get_mut(&key) {
                list.retain(|entry| entry.ordinal > ordinal);
                if list.is_empty() {
                    self.entries.remove(&key);
                }
            }
        }
        if self.entries.capacity() > 1024 && self.entries.len() * 8 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Takes a lesson; they come in packet order.
    pub fn learn(&mut self, lesson: &Lesson) {
        let ordinal = self.before + self.round.len() as u64;
        let at = lesson.at.as_nanos();
        let (key, until, what) = match &lesson.fact {
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
                What::Name(Arc::clone(name), source),
            ),
            Fact::Expect {
                to,
                port,
                tcp,
                protocol,
            } => (
                Key::Expect(*to, *port, *tcp),
                at.saturating_add(EXPECT_NANOS),
                What::Expect(protocol),
            ),
        };
        self.round.push(lesson.number);
        self.order.push_back((ordinal, key));
        let before = self.before;
        // Most keys are taught once.
        let list = self
            .entries
            .entry(key)
            .or_insert_with(|| Vec::with_capacity(1));
        // Who asks from now on asks as of this round: of the ones before it the last is enough.
        if let Some(keep) = list.iter().rposition(|entry| entry.ordinal < before) {
            list.drain(..keep);
        }
        list.push(Entry {
            number: lesson.number,
            ordinal,
            until,
            what,
        });
    }

    /// Whether nothing has been learned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
            name: name.and_then(|entry| match &entry.what {
                What::Name(name, source) => Some((Arc::clone(name), *source)),
                What::Expect(_) => None,
            }),
            expected: expected.and_then(|entry| match entry.what {
                What::Expect(protocol) => Some(protocol),
                What::Name(..) => None,
            }),
        }
    }

    fn find(&self, key: Key, number: u64, at: Timestamp) -> Option<&Entry> {
        let list = self.entries.get(&key)?;
        let entry = list.iter().rev().find(|entry| entry.number < number)?;
        let so_far = self.before + self.round.partition_point(|&other| other < number) as u64;
        (at.as_nanos() <= entry.until && so_far - entry.ordinal <= LESSONS_MAX).then_some(entry)
    }
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
                assert!(book.entries.len() as u64 <= LESSONS_MAX + size as u64 + 1);
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
