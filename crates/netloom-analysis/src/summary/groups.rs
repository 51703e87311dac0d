//! What flows add up to by application, category and country.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::decode::app::Category;
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::name::country;

use crate::report::country::name as country_name;
use crate::report::model::{Group, Report};

/// Groups of a thread's tables: far more than there are. Names are this program's own, not the
/// capture's, so nothing is ever forgotten, and the order of flows does not matter.
const GROUPS_MAX: usize = 65_536;

/// A name that stands in the program: hashed by its length and start, compared by its place where
/// that is the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word(pub(crate) &'static str);

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl Eq for Word {}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(other.0)
    }
}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bytes = self.0.as_bytes();
        let start = bytes.iter().take(7);
        let start = start.fold(0, |start, &byte| start << 8 | u64::from(byte));
        state.write_u64(start << 8 | (bytes.len() as u64 & 0xff));
    }
}

/// How often, and how many bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Sum {
    /// A flow.
    pub(crate) fn of(flow: &FlowRecord) -> Self {
        Self {
            count: 1,
            packets: flow.packets(),
            bytes: flow.bytes(),
        }
    }
}

impl Counts for Sum {
    fn weight(&self) -> u64 {
        self.count + self.bytes
    }

    fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Counts flows by groups that are known beforehand. Sums only.
#[derive(Debug)]
pub(crate) struct GroupCounter {
    apps: BoundedTable<(Word, Word), Sum>,
    categories: BoundedTable<Word, Sum>,
    countries: BoundedTable<Word, Sum>,
}

impl Default for GroupCounter {
    fn default() -> Self {
        Self {
            apps: BoundedTable::new(GROUPS_MAX),
            categories: BoundedTable::new(GROUPS_MAX),
            countries: BoundedTable::new(GROUPS_MAX),
        }
    }
}

impl GroupCounter {
    /// A flow that ended.
    pub(crate) fn flow(&mut self, flow: &FlowRecord) {
        let sum = Sum::of(flow);
        // A flow within a country counts once.
        let [src, dst] = [country(flow.src_ip), country(flow.dst_ip)];
        for code in [src, dst.filter(|_| dst != src)].into_iter().flatten() {
            self.countries.entry(Word(code)).absorb(sum);
        }
        let category = flow.category().map(Category::name);
        if let Some(product) = flow.product() {
            let key = (Word(product), Word(category.unwrap_or_default()));
            self.apps.entry(key).absorb(sum);
        }
        if let Some(category) = category {
            self.categories.entry(Word(category)).absorb(sum);
        }
    }

    /// Adds another thread's counts.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.apps.absorb(other.apps);
        self.categories.absorb(other.categories);
        self.countries.absorb(other.countries);
    }

    /// Puts the facts into a report.
    pub(crate) fn finish(&self, report: &mut Report, top: usize) {
        report.applications = self.applications(top);
        report.categories = self
            .categories
            .top(64, |sum| sum.bytes)
            .into_iter()
            .map(|(name, sum)| group(name.0, "", sum))
            .collect();
        report.countries = self
            .countries
            .top(512, |sum| sum.bytes)
            .into_iter()
            .map(|(code, sum)| group(code.0, country_name(code.0), sum))
            .collect();
    }

    /// A row a product. Where its flows are of several categories, it has that of most bytes.
    fn applications(&self, top: usize) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for ((name, category), sum) in self.apps.top(usize::MAX, |sum| sum.bytes) {
            let place = *places.entry(name.0).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(known) => {
                    known.flows += sum.count;
                    known.packets += sum.packets;
                    known.bytes += sum.bytes;
                }
                None => groups.push(group(name.0, category.0, sum)),
            }
        }
        groups.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        groups.truncate(top);
        groups
    }
}

fn group(name: &str, label: &str, sum: &Sum) -> Group {
    Group {
        name: name.to_owned(),
        label: label.to_owned(),
        flows: sum.count,
        packets: sum.packets,
        bytes: sum.bytes,
    }
}
