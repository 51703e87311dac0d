//! Words searched for in one pass.

/// Most words of one finder: a bit each.
const WORDS_MAX: usize = 64;

/// Whether words stand in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// As they are.
    AsIs,
    /// In any; the words are in lower case.
    Any,
}

/// Finds words of two bytes or more. A byte and the one behind it select, by a table each, the
/// words that may begin there: most often none, so that a pass costs two look-ups a byte,
/// however many words there are.
#[derive(Debug)]
pub(super) struct Words {
    list: &'static [&'static [u8]],
    case: Case,
    /// By the first byte: a bit for each word.
    first: [u64; 256],
    /// By the second byte.
    second: [u64; 256],
}

impl Words {
    /// A finder of at most 64 words; the more telling come first.
    pub(super) const fn new(words: &'static [&'static [u8]], case: Case) -> Self {
        assert!(words.len() <= WORDS_MAX, "a bit for each word");
        let mut finder = Self {
            list: words,
            case,
            first: [0; 256],
            second: [0; 256],
        };
        let mut at = 0;
        while at < words.len() {
            let word = words[at];
            assert!(word.len() >= 2, "a word has two bytes");
            finder.first[word[0] as usize] |= 1 << at;
            finder.second[word[1] as usize] |= 1 << at;
            if matches!(case, Case::Any) {
                finder.first[word[0].to_ascii_uppercase() as usize] |= 1 << at;
                finder.second[word[1].to_ascii_uppercase() as usize] |= 1 << at;
            }
            at += 1;
        }
        finder
    }

    /// Of the words that stand in `data`, the first in the list: its number and its first place.
    pub(super) fn find(&self, data: &[u8]) -> Option<(usize, usize)> {
        let mut best = None;
        let mut wanted = u64::MAX;
        for (at, &[first, second]) in data.array_windows().enumerate() {
            let mut candidates =
                self.first[usize::from(first)] & self.second[usize::from(second)] & wanted;
            while candidates != 0 {
                let number = candidates.trailing_zeros() as usize;
                if self.stands(number, data.get(at..).unwrap_or_default()) {
                    best = Some((number, at));
                    // Only those before it in the list are better.
                    wanted = (1 << number) - 1;
                    if wanted == 0 {
                        return best;
                    }
                    break;
                }
                candidates &= candidates - 1;
            }
        }
        best
    }

    /// Whether `data` begins with this word.
    fn stands(&self, number: usize, data: &[u8]) -> bool {
        let Some(word) = self.list.get(number) else {
            return false;
        };
        data.get(..word.len()).is_some_and(|start| match self.case {
            Case::AsIs => start == *word,
            Case::Any => start.eq_ignore_ascii_case(word),
        })
    }
}

/// The words of a table.
pub(super) const fn words_of<const N: usize>(
    table: &[(&'static [u8], &'static str); N],
) -> [&'static [u8]; N] {
    let mut words: [&[u8]; N] = [b""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &[&[u8]] = &[b"abc", b"bc", b"ab", b"c a", b"caa"];
    static EXACT: Words = Words::new(WORDS, Case::AsIs);
    static FOLDED: Words = Words::new(WORDS, Case::Any);

    #[test]
    fn the_first_of_the_list_at_its_first_place() {
        assert_eq!(EXACT.find(b"xxab abc abc"), Some((0, 5)));
        assert_eq!(EXACT.find(b"bc ab"), Some((1, 0)));
        assert_eq!(EXACT.find(b"aBc"), None);
        assert_eq!(FOLDED.find(b"aBc"), Some((0, 0)));
        assert_eq!(EXACT.find(b"a"), None);
        assert_eq!(EXACT.find(b""), None);
    }

    proptest! {
        #[test]
        fn as_word_by_word(text in "[abcABC ]{0,24}") {
            let data = text.as_bytes();
            let place = |word: &[u8], fold: bool| data.windows(word.len()).position(|window| {
                if fold { window.eq_ignore_ascii_case(word) } else { window == word }
            });
            let slow = |fold| WORDS.iter().enumerate()
                .find_map(|(number, word)| Some((number, place(word, fold)?)));
            prop_assert_eq!(EXACT.find(data), slow(false));
            prop_assert_eq!(FOLDED.find(data), slow(true));
        }
    }
}
