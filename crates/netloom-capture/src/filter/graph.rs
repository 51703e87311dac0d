//! A condition as a graph of tests, each with a way on if it holds and one if it does not, and
//! the short cuts through it.
//!
//! A test computes its number from the packet alone, never from what an earlier one left in a
//! register. So a way may lead past any test whose outcome is known where it comes from; which
//! registers still hold what a test needs is looked at later, when instructions are made.

use std::collections::HashMap;
use std::rc::Rc;

use super::condition::{Comparison, Condition, Operand, Test};
use super::syntax::Join;
use super::value::Values;

/// Tests of a program, before short cuts. Many more than instructions that a program may have.
const MAX_TESTS: usize = 16 * 1024;

/// Outcomes that are remembered along a way.
const MAX_FACTS: usize = 64;

/// Rounds of finding short cuts; more find nothing in practice.
const MAX_ROUNDS: usize = 16;

/// Where a way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Target {
    Reject,
    Accept,
    /// A test; those it leads to have smaller numbers.
    Test(usize),
}

/// A test and the ways from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Branch {
    pub(super) test: Test,
    pub(super) yes: Target,
    pub(super) no: Target,
}

/// Tests and the ways between them.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) branches: Vec<Branch>,
    pub(super) start: Target,
}

/// The condition has too many tests.
#[derive(Debug)]
pub(super) struct TooLong;

impl Graph {
    /// The graph of a condition.
    pub(super) fn new(condition: &Condition, values: &Values) -> Result<Self, TooLong> {
        let mut builder = Builder {
            values,
            branches: Vec::new(),
            known: HashMap::new(),
        };
        let start = builder.lower(condition, Target::Accept, Target::Reject)?;
        Ok(Self {
            branches: builder.branches,
            start,
        })
    }

    /// Takes short cuts until there are no more.
    pub(super) fn optimise(mut self, values: &Values) -> Self {
        for _ in 0..MAX_ROUNDS {
            let changed = self.shorten();
            self = self.rebuild(values);
            if !changed {
                break;
            }
        }
        self
    }

    fn branch(&self, target: Target) -> Option<Branch> {
        match target {
            Target::Test(index) => self.branches.get(index).copied(),
            Target::Accept | Target::Reject => None,
        }
    }

    /// Leads ways past tests whose outcome is known on them.
    fn shorten(&mut self) -> bool {
        // From the start on: a test's ways lead to tests with smaller numbers, so when it comes
        // to a test all ways to it are known.
        let mut facts: Vec<Option<Facts>> = vec![None; self.branches.len()];
        if let Target::Test(start) = self.start
            && let Some(place) = facts.get_mut(start)
        {
            *place = Some(Facts::default());
        }
        let mut changed = false;
        for index in (0..self.branches.len()).rev() {
            let (Some(known), Some(mut branch)) = (
                facts.get_mut(index).and_then(Option::take),
                self.branches.get(index).copied(),
            ) else {
                continue;
            };
            for holds in [true, false] {
                let known = known.with(branch.test, holds);
                let mut target = if holds { branch.yes } else { branch.no };
                while let Some(next) = self.branch(target) {
                    target = match known.outcome(&next.test) {
                        Some(true) => next.yes,
                        Some(false) => next.no,
                        None => break,
                    };
                    changed = true;
                }
                if holds {
                    branch.yes = target;
                } else {
                    branch.no = target;
                }
                if let Target::Test(to) = target
                    && let Some(place) = facts.get_mut(to)
                {
                    *place = Some(match place.take() {
                        Some(others) => others.common(&known),
                        None => known,
                    });
                }
            }
            if let Some(place) = self.branches.get_mut(index) {
                *place = branch;
            }
        }
        changed
    }

    /// The tests that can be reached, without those that decide nothing.
    fn rebuild(&self, values: &Values) -> Self {
        let mut reached = vec![false; self.branches.len()];
        let reach = |target: Target, reached: &mut Vec<bool>| {
            if let Target::Test(index) = target
                && let Some(place) = reached.get_mut(index)
            {
                *place = true;
            }
        };
        reach(self.start, &mut reached);
        for index in (0..self.branches.len()).rev() {
            if reached.get(index) == Some(&true)
                && let Some(branch) = self.branches.get(index)
            {
                reach(branch.yes, &mut reached);
                reach(branch.no, &mut reached);
            }
        }
        let mut builder = Builder {
            values,
            branches: Vec::new(),
            known: HashMap::new(),
        };
        let mut moved: Vec<Target> = Vec::with_capacity(self.branches.len());
        for (branch, reached) in self.branches.iter().zip(&reached) {
            let target = |old: Target| match old {
                Target::Test(index) => moved.get(index).copied().unwrap_or(Target::Reject),
                end => end,
            };
            let (yes, no) = (target(branch.yes), target(branch.no));
            moved.push(if *reached {
                builder.branch(branch.test, yes, no)
            } else {
                Target::Reject
            });
        }
        let start = match self.start {
            Target::Test(index) => moved.get(index).copied().unwrap_or(Target::Reject),
            end => end,
        };
        Self {
            branches: builder.branches,
            start,
        }
    }
}

/// Builds a graph from its ends on.
struct Builder<'a> {
    values: &'a Values,
    branches: Vec<Branch>,
    known: HashMap<Branch, usize>,
}

impl Builder<'_> {
    /// A test and its ways; an equal one if there is one.
    fn branch(&mut self, test: Test, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        if let (Some(a), Operand::Number(b)) = (self.values.as_constant(test.value), test.operand) {
            return if test.comparison.holds(a, b) { yes } else { no };
        }
        let branch = Branch { test, yes, no };
        let next = self.branches.len();
        let index = *self.known.entry(branch).or_insert(next);
        if index == next {
            self.branches.push(branch);
        }
        Target::Test(index)
    }

    fn lower(&mut self, condition: &Condition, yes: Target, no: Target) -> Result<Target, TooLong> {
        if self.branches.len() > MAX_TESTS {
            return Err(TooLong);
        }
        match condition {
            Condition::Constant(true) => Ok(yes),
            Condition::Constant(false) => Ok(no),
            Condition::Test(test) => Ok(self.branch(*test, yes, no)),
            Condition::Not(inner) => self.lower(inner, no, yes),
            Condition::Chain(links) => {
                // From the last on: what the first ones lead to must be there already.
                let (mut on_yes, mut on_no) = (yes, no);
                let mut start = yes;
                for (index, (join, link)) in links.iter().enumerate().rev() {
                    start = self.lower(link, on_yes, on_no)?;
                    if index > 0 {
                        match join {
                            Join::And => on_yes = start,
                            Join::Or => on_no = start,
                        }
                    }
                }
                Ok(start)
            }
        }
    }
}

/// Outcomes of tests that all ways to a place have in common, the newest first.
#[derive(Debug, Clone, Default)]
struct Facts {
    outcomes: Rc<Vec<(Test, bool)>>,
}

impl Facts {
    fn with(&self, test: Test, holds: bool) -> Self {
        let mut outcomes = Vec::with_capacity(self.outcomes.len() + 1);
        outcomes.push((test, holds));
        outcomes.extend(self.outcomes.iter().take(MAX_FACTS - 1));
        Self {
            outcomes: Rc::new(outcomes),
        }
    }

    fn common(&self, other: &Self) -> Self {
        let outcomes = self
            .outcomes
            .iter()
            .filter(|outcome| other.outcomes.contains(outcome))
            .copied()
            .collect();
        Self {
            outcomes: Rc::new(outcomes),
        }
    }

    /// How a test ends, as far as that is known: it was made before, or its number is known to
    /// be another one.
    fn outcome(&self, test: &Test) -> Option<bool> {
        self.outcomes.iter().find_map(|(known, holds)| {
            if known == test {
                return Some(*holds);
            }
            let other_number = known.value == test.value
                && *holds
                && known.comparison == Comparison::Equal
                && test.comparison == Comparison::Equal;
            match (known.operand, test.operand) {
                (Operand::Number(_), Operand::Number(_)) if other_number => Some(false),
                _ => None,
            }
        })
    }
}
