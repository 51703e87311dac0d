//! Texts of captures, each of them once: the tables of 64 shards name the same servers.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashSet};

/// A text that tables share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(Arc<str>);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Text> for str {
    fn equivalent(&self, key: &Text) -> bool {
        *self == *key.0
    }
}

/// Texts at which it is first looked for some that nobody has any more.
const LOOK_AT: usize = 4_096;

/// All texts that tables hold; for all threads. It is asked only where a table meets a text for the
/// first time.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    texts: HashSet<Text, foldhash::fast::RandomState>,
    /// How many it takes until the next look.
    look_at: usize,
}

impl Texts {
    /// The text that tables share.
    pub(crate) fn get(&self, text: &str) -> Text {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { texts, look_at } = &mut *known;
        if let Some(text) = texts.get(text) {
            return text.clone();
        }
        if texts.len() >= *look_at {
            // What tables have forgotten need not be known here.
            texts.retain(|text| Arc::strong_count(&text.0) > 1);
            *look_at = (2 * texts.len()).max(LOOK_AT);
        }
        let text = Text(text.into());
        texts.insert(text.clone());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_there_once_while_somebody_has_it() {
        let texts = Texts::default();
        let kept = texts.get("kept.example");
        for number in 0..3 * LOOK_AT {
            texts.get(&number.to_string());
        }
        assert!(Arc::ptr_eq(&kept.0, &texts.get("kept.example").0));
        assert!(texts.known.lock().unwrap().texts.len() <= LOOK_AT);
    }
}
