//! The rows of a table: which, and in what order.

use std::cmp::Ordering;
use std::hash::Hash;

use super::{Sort, Tab, View};
use crate::commands::top::model::{Entry, Model, Ranking};
use crate::output::visible;

/// A row.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) rate: f64,
}

/// The rows that fit on the screen.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// Bytes of what has no row of its own.
    pub(super) others: u64,
    /// How many rows there are to scroll through, that of the others included.
    pub(super) rows: usize,
}

impl View {
    /// The rows from `skip` on, or the last ones if there are not as many.
    pub(super) fn page_of(
        &self,
        model: &Model,
        tab: Tab,
        second: i64,
        skip: usize,
        room: usize,
    ) -> Page {
        match tab {
            Tab::Hosts => self.rank(&model.hosts, second, skip, room, ToString::to_string),
            Tab::Sites => self.rank(&model.sites, second, skip, room, |name| visible(name)),
            Tab::Services => {
                self.rank(&model.services, second, skip, room, |&name| name.to_owned())
            }
            Tab::Conversations => self.rank(&model.conversations, second, skip, room, |both| {
                format!("{} – {}  {}", both.a, both.b, both.service)
            }),
            Tab::Processes => self.rank(&model.processes, second, skip, room, |name| visible(name)),
        }
    }

    fn rank<K: Hash + Eq + Ord>(
        &self,
        ranking: &Ranking<K>,
        second: i64,
        skip: usize,
        room: usize,
        name: impl Fn(&K) -> String,
    ) -> Page {
        let wanted = self.filter.to_lowercase();
        let by_name = self.sort == Sort::Name || !wanted.is_empty();
        // Names are made for those that are shown, unless they decide who is.
        let mut items: Vec<(&K, Item)> = ranking
            .entries
            .iter()
            .map(|(key, entry)| {
                let item = Item {
                    name: if by_name { name(key) } else { String::new() },
                    entry: *entry,
                    rate: entry.rate(second),
                };
                (key, item)
            })
            .filter(|(_, item)| wanted.is_empty() || item.name.to_lowercase().contains(&wanted))
            .collect();
        let order = |a: &(&K, Item), b: &(&K, Item)| {
            // By the keys at last: rows that are as large stay where they are.
            let order = self.order(&a.1, &b.1).then_with(|| a.0.cmp(b.0));
            if self.reversed {
                order.reverse()
            } else {
                order
            }
        };
        let others = if wanted.is_empty() { ranking.others } else { 0 };
        let rows = items.len() + usize::from(others > 0);
        let skip = skip.min(rows.saturating_sub(room));
        // With tens of thousands of rows, only what is shown is put in order.
        let end = (skip + room).min(items.len());
        if end > 0 && end < items.len() {
            items.select_nth_unstable_by(end - 1, order);
            items.truncate(end);
        }
        items.sort_by(order);
        let shown = items.into_iter().skip(skip).map(|(key, mut item)| {
            if !by_name {
                item.name = name(key);
            }
            item
        });
        Page {
            items: shown.collect(),
            others,
            rows,
        }
    }

    fn order(&self, a: &Item, b: &Item) -> Ordering {
        let bytes = || b.entry.bytes().cmp(&a.entry.bytes());
        match self.sort {
            Sort::Rate => b.rate.total_cmp(&a.rate).then_with(bytes),
            Sort::Bytes => bytes(),
            Sort::Packets => b.entry.packets.cmp(&a.entry.packets).then_with(bytes),
            Sort::Name => a.name.cmp(&b.name),
        }
        .then_with(|| a.entry.packets.cmp(&b.entry.packets))
    }
}
