//! What each column adds to a prediction: Shapley values of a tree, exactly.
//!
//! Lundberg et al., "Consistent Individualized Feature Attribution for Tree Ensembles" (2018),
//! algorithm 2, and "From local explanations to global understanding with explainable AI for
//! trees" (2020): what a column is worth is averaged over all orders in which columns could become
//! known, and a column that is not known yet sends a row both ways, by how many of the learned
//! rows went there. For a tree of L leaves and depth D it takes O(L D²) a row instead of
//! O(L 2^columns).
//!
//! With [`expected`], what the tree answers when nothing is known, the contributions sum to the
//! tree's answer.

use super::{Step, Tree};

/// A column on the way down.
#[derive(Debug, Clone, Copy)]
struct Part {
    feature: usize,
    /// Share of the rows that go on when the column is not known.
    zero: f64,
    /// 1 if this row goes on, 0 if it does not.
    one: f64,
    /// Weight of the ways in which as many columns are known as this part's place says.
    weight: f64,
}

/// The columns on the way down to a node.
type Path = Vec<Part>;

/// A node that waits, with the way to it.
struct Pending {
    node: usize,
    path: Path,
    zero: f64,
    one: f64,
    feature: usize,
}

/// What the tree answers when no column is known.
pub(crate) fn expected(tree: &Tree) -> Vec<f64> {
    let width = tree.width();
    let mut values = vec![0.0; tree.len() * width];
    for node in (0..tree.len()).rev() {
        match tree.step(node) {
            Step::Leaf(answer) => {
                values[node * width..(node + 1) * width].copy_from_slice(answer);
            }
            Step::Split(_, [left, right]) => {
                let share = share_left(tree, left, right);
                for number in 0..width {
                    values[node * width + number] = share * values[left * width + number]
                        + (1.0 - share) * values[right * width + number];
                }
            }
        }
    }
    values.truncate(width);
    values
}

/// Adds what each column contributes to the tree's answer for a row to `sums`: `width` numbers for
/// each column.
pub(crate) fn contributions(tree: &Tree, row: &[f32], sums: &mut [f64]) {
    let width = tree.width();
    let mut stack = vec![Pending {
        node: 0,
        path: Vec::new(),
        zero: 1.0,
        one: 1.0,
        feature: usize::MAX,
    }];
    while let Some(mut here) = stack.pop() {
        extend(&mut here.path, here.zero, here.one, here.feature);
        let path = here.path;
        match tree.step(here.node) {
            Step::Leaf(answer) => {
                for (place, part) in path.iter().enumerate().skip(1) {
                    let weight = weight_without(&path, place) * (part.one - part.zero);
                    let sums = &mut sums[part.feature * width..(part.feature + 1) * width];
                    for (sum, number) in sums.iter_mut().zip(answer) {
                        *sum += weight * number;
                    }
                }
            }
            Step::Split(question, [left, right]) => {
                let feature = question.feature;
                let goes_left = question.goes_left(row[feature]);
                let share = share_left(tree, left, right);
                let mut path = path;
                // A column that was asked for before counts once.
                let (zero, one) = match path.iter().skip(1).position(|p| p.feature == feature) {
                    None => (1.0, 1.0),
                    Some(place) => {
                        let part = path[place + 1];
                        unwind(&mut path, place + 1);
                        (part.zero, part.one)
                    }
                };
                for (node, share, goes) in
                    [(left, share, goes_left), (right, 1.0 - share, !goes_left)]
                {
                    stack.push(Pending {
                        node,
                        path: path.clone(),
                        zero: zero * share,
                        one: if goes { one } else { 0.0 },
                        feature,
                    });
                }
            }
        }
    }
}

fn share_left(tree: &Tree, left: usize, right: usize) -> f64 {
    let (left, right) = (tree.cover(left), tree.cover(right));
    left / (left + right)
}

/// A further column on the way.
fn extend(path: &mut Path, zero: f64, one: f64, feature: usize) {
    let length = path.len();
    path.push(Part {
        feature,
        zero,
        one,
        weight: if length == 0 { 1.0 } else { 0.0 },
    });
    let all = (length + 1) as f64;
    for place in (0..length).rev() {
        let weight = path[place].weight;
        path[place + 1].weight += one * weight * (place + 1) as f64 / all;
        path[place].weight = zero * weight * (length - place) as f64 / all;
    }
}

/// Takes a column back.
fn unwind(path: &mut Path, taken: usize) {
    let Some(last) = path.len().checked_sub(1) else {
        return;
    };
    let all = (last + 1) as f64;
    let Part { zero, one, .. } = path[taken];
    let mut next = path[last].weight;
    for place in (0..last).rev() {
        let weight = path[place].weight;
        if one == 0.0 {
            path[place].weight = weight * all / (zero * (last - place) as f64);
        } else {
            path[place].weight = next * all / ((place + 1) as f64 * one);
            next = weight - path[place].weight * zero * (last - place) as f64 / all;
        }
    }
    for place in taken..last {
        let weight = path[place].weight;
        path[place] = Part {
            weight,
            ..path[place + 1]
        };
    }
    path.truncate(last);
}

/// The sum of the weights when a column is taken back.
fn weight_without(path: &Path, taken: usize) -> f64 {
    let last = path.len() - 1;
    let all = (last + 1) as f64;
    let Part { zero, one, .. } = path[taken];
    let mut next = path[last].weight;
    let mut sum = 0.0;
    for place in (0..last).rev() {
        let weight = path[place].weight;
        if one == 0.0 {
            sum += weight * all / (zero * (last - place) as f64);
        } else {
            let without = next * all / ((place + 1) as f64 * one);
            sum += without;
            next = weight - without * zero * (last - place) as f64 / all;
        }
    }
    sum
}
