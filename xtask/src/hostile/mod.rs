//! `cargo xtask hostile`: every file at hand, whole, cut and changed, through everything.
//!
//! A case is a file and what is done to it. All of its chance comes from the seed, the file's
//! name and the case's number, so a case that failed can be had again alone.

mod case;
mod mutation;
mod random;
mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use netloom::FlowRules;

use self::case::{Came, Case};
use self::mutation::Mutation;
use self::random::Random;
use self::watchdog::Watchdog;
use crate::arguments::Options;
use crate::say;

/// The four rules.
const RULES: [FlowRules; 4] = [
    FlowRules::Native,
    FlowRules::Zeek,
    FlowRules::Nfstream,
    FlowRules::Ndpi,
];
/// Files in work at once.
const WORKERS: usize = 2;
/// Failures that are told at length.
const TOLD: usize = 20;

/// What to do.
#[derive(Debug, Clone)]
struct Plan {
    /// Share of the cases that is run.
    share: f64,
    seed: u64,
    /// Cuts of each file.
    cuts: u64,
    /// Variants with flipped bytes of each file.
    flips: u64,
    /// Only files whose name has this in it.
    only: Option<String>,
    /// Only this case of each file.
    case: Option<u64>,
}

impl Plan {
    /// Cases of a file: whole (under each of the rules), cut, flipped.
    fn cases(&self) -> u64 {
        RULES.len() as u64 + self.cuts + self.flips
    }

    /// Which cases of a file are run.
    fn chosen(&self, name: &str) -> Vec<u64> {
        match self.case {
            Some(case) => vec![case],
            None => (0..self.cases())
                .filter(|&case| Random::new(self.seed, name, case).unit() < self.share)
                .collect(),
        }
    }

    /// A case of a file.
    fn case(&self, name: &str, file: &Arc<[u8]>, number: u64) -> Case {
        let mut random = Random::new(self.seed, name, number);
        random.unit();
        let whole = RULES.len() as u64;
        if let Some(&rules) = RULES.get(number as usize) {
            return Case::new(name, file, Mutation::default(), rules, &mut random);
        }
        let mutation = if number < whole + self.cuts {
            Mutation::cut(file.len(), &mut random)
        } else {
            Mutation::flipped(file.len(), &mut random)
        };
        // Native rules for most: they have the most to check.
        let rules = RULES[random.below(8).saturating_sub(4) as usize];
        Case::new(name, file, mutation, rules, &mut random)
    }
}

/// What all cases came to.
#[derive(Debug, Default)]
struct Sum {
    files: u64,
    cases: u64,
    bytes: u64,
    came: Came,
    failures: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut options = Options::new(arguments);
    let plan = Plan {
        share: options.value("--share")?.unwrap_or(1.0),
        seed: options.value("--seed")?.unwrap_or(1),
        cuts: options.value("--cuts")?.unwrap_or(50),
        flips: options.value("--flips")?.unwrap_or(20),
        only: options.value("--only")?,
        case: options.value("--case")?,
    };
    options.end()?;
    let data = crate::shared(root)?.join("data");
    let files = files(&data, plan.only.as_deref())?;
    let began = crate::now();
    let sum = Mutex::new(Sum::default());
    let next = AtomicUsize::new(0);
    let watchdogs: Vec<Arc<Watchdog>> = (0..WORKERS).map(|_| Watchdog::start()).collect();
    // Panics are what is looked for: each is told once, with its case.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for watchdog in &watchdogs {
            scope.spawn(|| {
                while let Some((name, path)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&plan, name, path, watchdog, &sum);
                }
            });
        }
    });
    std::panic::set_hook(told);
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = began.elapsed().as_secs_f64();
    say(&format!(
        "{} cases of {} files, {:.1} MB read twice each: {} refused as no capture, {} packets, {} flows, {} evicted; seed {}, {took:.1} s, peak {} MiB",
        sum.cases,
        sum.files,
        sum.bytes as f64 / 1e6,
        sum.came.refused,
        sum.came.packets,
        sum.came.flows,
        sum.came.evicted,
        plan.seed,
        peak_mib().map_or_else(|| "?".to_owned(), |peak| peak.to_string()),
    ));
    if sum.cases == 0 {
        bail!("nothing was run");
    }
    for failure in sum.failures.iter().take(TOLD) {
        say(failure);
    }
    match sum.failures.len() {
        0 => Ok(()),
        failed => bail!("{failed} cases failed"),
    }
}

/// All cases of a file.
fn work(plan: &Plan, name: &str, path: &Path, watchdog: &Watchdog, sum: &Mutex<Sum>) {
    let chosen = plan.chosen(name);
    if chosen.is_empty() {
        return;
    }
    let mut own = Sum {
        files: 1,
        ..Sum::default()
    };
    match std::fs::read(path) {
        Ok(bytes) => {
            let file: Arc<[u8]> = bytes.into();
            for number in chosen {
                let case = plan.case(name, &file, number);
                let what = format!(
                    "{name}: {}, {} rules\n  again: cargo xtask hostile --seed {} --cuts {} --flips {} --only {name} --case {number}",
                    case.mutation,
                    case.rules.name(),
                    plan.seed,
                    plan.cuts,
                    plan.flips
                );
                watchdog.begin(&what);
                let done = catch_unwind(AssertUnwindSafe(|| case.run()));
                watchdog.end();
                own.cases += 1;
                own.bytes += case.mutation.end.unwrap_or(file.len()) as u64;
                let wrong = match done {
                    Ok(Ok(came)) => {
                        own.came.refused += came.refused;
                        own.came.packets += came.packets;
                        own.came.flows += came.flows;
                        own.came.evicted += came.evicted;
                        continue;
                    }
                    Ok(Err(wrong)) => wrong,
                    Err(panic) => format!("panic: {}", message(panic.as_ref())),
                };
                own.failures.push(format!("{what}\n  {wrong}"));
            }
        }
        Err(error) => own
            .failures
            .push(format!("{name}: cannot be read: {error}")),
    }
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    sum.files += own.files;
    sum.cases += own.cases;
    sum.bytes += own.bytes;
    sum.came.refused += own.came.refused;
    sum.came.packets += own.came.packets;
    sum.came.flows += own.came.flows;
    sum.came.evicted += own.came.evicted;
    sum.failures.append(&mut own.failures);
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

/// All files of a folder, large ones first so that the workers end together: name, path.
fn files(data: &Path, only: Option<&str>) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path
                    .strip_prefix(data)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .replace('\\', "/");
                if only.is_none_or(|only| name.contains(only)) {
                    files.push((std::cmp::Reverse(entry.metadata()?.len()), name, path));
                }
            }
        }
    }
    files.sort();
    Ok(files
        .into_iter()
        .map(|(_, name, path)| (name, path))
        .collect())
}

/// The most memory this process had at once, where the system says so.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    crate::status_kib(&status, "VmHWM:").map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_the_same_again_and_covers_all_there_is() {
        let plan = Plan {
            share: 1.0,
            seed: 7,
            cuts: 50,
            flips: 20,
            only: None,
            case: None,
        };
        let file: Arc<[u8]> = vec![0; 1000].into();
        assert_eq!(plan.chosen("a").len() as u64, plan.cases());
        let mut rules = std::collections::HashSet::new();
        for number in plan.chosen("a") {
            let case = plan.case("a", &file, number);
            let again = plan.case("a", &file, number);
            assert_eq!(case.mutation, again.mutation);
            assert_eq!(
                (case.rules, case.block_size),
                (again.rules, again.block_size)
            );
            assert_eq!(case.mutation == Mutation::default(), number < 4);
            rules.insert((number < 4, case.rules));
        }
        assert_eq!(rules.len(), 8);
        let few = Plan {
            share: 0.02,
            ..plan
        };
        let chosen: usize = (0..200)
            .map(|file| few.chosen(&file.to_string()).len())
            .sum();
        assert!((150..450).contains(&chosen), "{chosen} of 14800");
    }
}
