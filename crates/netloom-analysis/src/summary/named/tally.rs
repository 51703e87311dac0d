//! Texts and how often.

use std::borrow::Cow;

use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::decode::app::text;

use crate::report::model::Count;
use crate::summary::words::{Text, Texts};

/// Names asked for, hosts, agents, issuers and the like, in a shard.
pub(super) const TEXTS_MAX: usize = 1_024;

/// Bytes of such a text; what is longer is cut. A name of DNS has 255 at the most (RFC 1035, section
/// 2.3.4), of which each may take four to be shown.
const TEXT_MAX: usize = 256;

/// As much of a text as tables keep.
pub(super) fn cut(text: &str) -> &str {
    text::start(text, TEXT_MAX)
}

/// How often.
#[derive(Debug, Default)]
struct Seen(u64);

impl Counts for Seen {
    fn weight(&self) -> u64 {
        self.0
    }

    fn absorb(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// Texts and how often.
#[derive(Debug)]
pub(super) struct Tally(BoundedTable<Text, Seen>);

impl Default for Tally {
    fn default() -> Self {
        Self(BoundedTable::new(TEXTS_MAX))
    }
}

impl Tally {
    pub(super) fn add(&mut self, texts: &Texts, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.0.entry_with(cut(text), |key| texts.get(key)).0 += 1;
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.0.absorb(other.0);
    }

    /// Whether texts were forgotten.
    pub(super) fn forgot(&self) -> bool {
        self.0.forgot()
    }

    pub(super) fn counts(&self, top: usize) -> Vec<Count> {
        self.0
            .top(top, |seen| seen.0)
            .into_iter()
            .map(|(name, seen)| Count {
                name: name.as_str().to_owned(),
                count: seen.0,
            })
            .collect()
    }
}

/// A name in lower case, as most are already.
pub(super) fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Keeps the largest few, largest first; of equals the earlier. What is not kept is not made.
pub(super) fn keep_largest<R: Ord, T>(
    list: &mut Vec<(R, T)>,
    rank: R,
    make: impl FnOnce() -> T,
    most: usize,
) {
    if list.len() >= most && list.last().is_some_and(|least| least.0 >= rank) {
        return;
    }
    let at = list.partition_point(|other| other.0 >= rank);
    list.insert(at, (rank, make()));
    list.truncate(most);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_stay() {
        let mut slow = Vec::new();
        for (order, rtt) in [5, 1, 9, 7, 3, 9].into_iter().enumerate() {
            keep_largest(&mut slow, rtt, || order, 3);
        }
        assert_eq!(slow, [(9, 2), (9, 5), (7, 3)]);
    }
}
