//! Zeek's `history`: what happened on a connection, a letter an event.

use crate::record::FlowRecord;

/// Letters kept without an allocation.
const INLINE: usize = 15;
/// Letters kept on the heap when there are more.
const SPILL: usize = FlowRecord::HISTORY_MAX - INLINE;

/// The letters so far, and which of the once-only ones were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    len: u8,
    inline: [u8; INLINE],
    spill: Option<Box<[u8; SPILL]>>,
    seen: u32,
}

/// Events that have a letter; the bit says whether it was given, the responder's 16 above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Event {
    Syn = 1,
    Fin = 1 << 1,
    Rst = 1 << 2,
    FinRst = 1 << 3,
    Data = 1 << 4,
    Ack = 1 << 5,
    MultiFlag = 1 << 6,
}

impl History {
    /// Adds a letter: upper case for the originator's.
    pub(crate) fn push(&mut self, letter: u8, from_src: bool) {
        self.push_raw(if from_src {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        });
    }

    /// The direction was turned round.
    pub(crate) fn flipped(&mut self) {
        self.push_raw(b'^');
    }

    /// A limit was reached, and what came later was not looked at: said once.
    pub(crate) fn limit_reached(&mut self) {
        if self.letters().all(|letter| letter != b'X') {
            self.push_raw(b'X');
        }
    }

    /// Gives the letter of an event the first time it happens in a direction; otherwise
    /// returns `true`.
    pub(crate) fn seen_before(&mut self, event: Event, letter: u8, from_src: bool) -> bool {
        let bit = bit(event, from_src);
        if self.seen & bit != 0 {
            return true;
        }
        self.seen |= bit;
        self.push(letter, from_src);
        false
    }

    /// Whether the letter of an event was given.
    pub(super) fn has(&self, event: Event, from_src: bool) -> bool {
        self.seen & bit(event, from_src) != 0
    }

    /// Counts an event whose letter is given at the 1st, 10th, 100th… time.
    pub(crate) fn count(&mut self, counter: &mut u32, letter: u8, from_src: bool) {
        if scaled(counter) {
            self.push(letter, from_src);
        }
    }

    /// Whether the letters are these.
    pub(crate) fn is(&self, letters: &[u8]) -> bool {
        self.letters().eq(letters.iter().copied())
    }

    /// Puts other letters in place of these.
    pub(crate) fn replace(&mut self, letters: &[u8]) {
        self.len = 0;
        self.spill = None;
        for &letter in letters {
            self.push_raw(letter);
        }
    }

    /// How many letters there are.
    pub(crate) fn len(&self) -> usize {
        self.len.into()
    }

    /// The letters, in order.
    pub(crate) fn letters(&self) -> impl Iterator<Item = u8> {
        let spill = self
            .spill
            .as_deref()
            .map(<[u8; SPILL]>::as_slice)
            .unwrap_or_default();
        self.inline
            .iter()
            .chain(spill)
            .copied()
            .take(usize::from(self.len))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.spill.is_some() { SPILL } else { 0 }
    }

    fn push_raw(&mut self, letter: u8) {
        let at = usize::from(self.len);
        if at >= FlowRecord::HISTORY_MAX {
            return;
        }
        if let Some(place) = self.inline.get_mut(at) {
            *place = letter;
        } else {
            let spill = self.spill.get_or_insert_with(|| Box::new([0; SPILL]));
            if let Some(place) = spill.get_mut(at - INLINE) {
                *place = letter;
            }
        }
        self.len += 1;
    }
}

fn bit(event: Event, from_src: bool) -> u32 {
    (event as u32) << if from_src { 0 } else { 16 }
}

/// Counts up; whether the count is 1, 10, 100… now.
pub(crate) fn scaled(counter: &mut u32) -> bool {
    *counter = counter.saturating_add(1);
    let mut power = *counter;
    while power.is_multiple_of(10) {
        power /= 10;
    }
    power == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(history: &History) -> String {
        history.letters().map(char::from).collect()
    }

    #[test]
    fn letters_once_and_by_powers_of_ten() {
        let mut history = History::default();
        assert!(!history.seen_before(Event::Data, b'd', true));
        assert!(history.seen_before(Event::Data, b'd', true));
        assert!(!history.seen_before(Event::Data, b'd', false));
        let mut counter = 0;
        for _ in 0..150 {
            history.count(&mut counter, b't', true);
        }
        assert_eq!(text(&history), "DdTTT");
        assert!(history.is(b"DdTTT"));
        history.replace(b"^h");
        assert_eq!(text(&history), "^h");
    }

    #[test]
    fn at_most_64() {
        let mut history = History::default();
        for at in 0..100_u8 {
            history.push(b'a' + at % 26, true);
        }
        let text = text(&history);
        assert_eq!(text.len(), FlowRecord::HISTORY_MAX);
        assert!(text.starts_with("ABCDEFGHIJKLMNOPQRSTUVWXYZABC"));
        assert_eq!(history.heap_bytes(), SPILL);
    }
}
