//! Lists of flows that share a timeout, the least recently seen first; the links lie in the
//! flows.

use crate::flow::Flow;
use crate::slab::Slab;

/// A tick of the clock that places are stamped with: 2^24 ns, in four bytes (they come round
/// after two years).
const TICK_BITS: u32 = 24;

/// How long a flow keeps its place though it was seen again, in ticks of packet time: a quarter
/// of a second, well below the resolution of expiry, a second.
const STAY: u32 = 250_000_000 >> TICK_BITS;

/// No flow.
const NONE: u32 = u32::MAX;

/// Flows that share a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Class {
    /// TCP, and everything where the rules make no difference.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and all others.
    Other,
    /// TCP to ports of interactive services.
    Interactive,
    /// Ended, or never answered: soon to go.
    Short,
}

impl Class {
    /// All of them, in the order in which they expire at the same time.
    pub(crate) const ALL: [Self; 5] = [
        Self::Short,
        Self::Tcp,
        Self::Udp,
        Self::Other,
        Self::Interactive,
    ];
}

/// A flow's place in its list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links {
    previous: u32,
    next: u32,
    class: Class,
    /// It was seen again since it came to this place.
    seen_again: bool,
    /// Packet time at which it came to this place, in ticks.
    since: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            previous: NONE,
            next: NONE,
            class: Class::Tcp,
            seen_again: false,
            since: 0,
        }
    }
}

/// First and last of each list.
#[derive(Debug)]
pub(crate) struct Lists {
    ends: [(u32, u32); Class::ALL.len()],
    /// Times before which the first of each list need not be looked at again: flows that were not
    /// seen for long lie in no cache.
    due: [i64; Class::ALL.len()],
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            ends: [(NONE, NONE); Class::ALL.len()],
            due: [i64::MIN; Class::ALL.len()],
        }
    }
}

impl Lists {
    /// The least recently seen flow of a class.
    pub(crate) fn oldest(&self, class: Class) -> Option<u32> {
        Some(self.ends[class as usize].0).filter(|&number| number != NONE)
    }

    /// The same, where it may have ended by `clock`.
    pub(crate) fn oldest_due(&self, class: Class, clock: i64) -> Option<u32> {
        if clock < self.due[class as usize] {
            return None;
        }
        self.oldest(class)
    }

    /// The least recently seen flow of a class does not end before `due`.
    pub(crate) fn wait(&mut self, class: Class, due: i64) {
        self.due[class as usize] = due;
    }

    /// Appends a flow that is in no list.
    pub(crate) fn append(&mut self, flows: &mut Slab<Flow>, number: u32, class: Class, now: i64) {
        let (first, last) = &mut self.ends[class as usize];
        let previous = *last;
        if let Some(flow) = flows.get_mut(number) {
            flow.links = Links {
                previous,
                next: NONE,
                class,
                seen_again: false,
                since: ticks(now),
            };
        }
        if let Some(before) = flows.get_mut(previous) {
            before.links.next = number;
        } else {
            *first = number;
        }
        *last = number;
    }

    /// Takes a flow out of its list.
    pub(crate) fn remove(&mut self, flows: &mut Slab<Flow>, number: u32) {
        let Some(Links {
            previous,
            next,
            class,
            ..
        }) = flows.get(number).map(|flow| flow.links)
        else {
            return;
        };
        let (first, last) = &mut self.ends[class as usize];
        if let Some(before) = flows.get_mut(previous) {
            before.links.next = next;
        } else {
            *first = next;
            self.due[class as usize] = i64::MIN;
        }
        match flows.get_mut(next) {
            Some(after) => after.links.previous = previous,
            None => *last = previous,
        }
    }

    /// Moves a flow that was seen at `now` to the end of the list of `class`.
    ///
    /// A flow that got its place less than [`STAY`] ago keeps it: moving one touches the
    /// memory of three others, and most packets follow another of their flow at once. So a
    /// list is in order to within `STAY`.
    pub(crate) fn touch(&mut self, flows: &mut Slab<Flow>, number: u32, class: Class, now: i64) {
        let (_, last) = self.ends[class as usize];
        if last == number {
            return;
        }
        if let Some(flow) = flows.get_mut(number)
            && flow.links.class == class
            && ticks(now).wrapping_sub(flow.links.since) < STAY
        {
            flow.links.seen_again = true;
            return;
        }
        self.remove(flows, number);
        self.append(flows, number, class, now);
    }

    /// The least recently seen flow of a class, for sure: flows that kept their place though
    /// they were seen again go to the end first.
    pub(crate) fn least_recent(&mut self, flows: &mut Slab<Flow>, class: Class) -> Option<u32> {
        loop {
            let oldest = self.oldest(class)?;
            let flow = flows.get(oldest)?;
            if !flow.links.seen_again {
                return Some(oldest);
            }
            let last = flow.last;
            self.remove(flows, oldest);
            self.append(flows, oldest, class, last);
        }
    }
}

/// Ticks of a packet time.
fn ticks(nanos: i64) -> u32 {
    (nanos >> TICK_BITS) as u32
}
