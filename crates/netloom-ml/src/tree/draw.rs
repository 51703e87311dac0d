//! A tree as text that can be read.

use std::fmt::Write;

use super::{Question, Step, Tree};

/// Draws a tree down to a depth; `answer` tells an answer in words.
///
/// ```text
/// bytes ≤ 1,200?
/// ├─ yes: dst_packets ≤ 3?
/// │  ├─ yes: scan 98 % of 1,204 rows
/// │  └─ no: …
/// ```
pub(crate) fn draw(
    tree: &Tree,
    columns: &[String],
    depth: usize,
    answer: impl Fn(&[f64]) -> String,
) -> String {
    struct Line {
        node: usize,
        /// What stands before the node, and before its children.
        first: String,
        rest: String,
        depth: usize,
    }
    let mut text = String::new();
    let mut stack = vec![Line {
        node: 0,
        first: String::new(),
        rest: String::new(),
        depth: 0,
    }];
    while let Some(line) = stack.pop() {
        text += &line.first;
        match tree.step(line.node) {
            Step::Leaf(numbers) => {
                _ = writeln!(
                    text,
                    "{} ({} rows)",
                    answer(numbers),
                    count(tree.cover(line.node))
                );
            }
            Step::Split(..) if line.depth >= depth => {
                _ = writeln!(text, "… ({} rows)", count(tree.cover(line.node)));
            }
            Step::Split(question, [left, right]) => {
                let Question {
                    feature,
                    threshold,
                    missing_left,
                } = question;
                let name = columns.get(feature).map_or("?", String::as_str);
                if threshold.is_infinite() {
                    _ = writeln!(text, "{name} is known?");
                } else {
                    let missing = if missing_left { "yes" } else { "no" };
                    _ = writeln!(
                        text,
                        "{name} ≤ {}? (missing: {missing})",
                        number(f64::from(threshold))
                    );
                }
                for (node, word, last) in [(right, "no: ", true), (left, "yes: ", false)] {
                    let (corner, bar) = if last {
                        ("└─ ", "   ")
                    } else {
                        ("├─ ", "│  ")
                    };
                    stack.push(Line {
                        node,
                        first: format!("{}{corner}{word}", line.rest),
                        rest: format!("{}{bar}", line.rest),
                        depth: line.depth + 1,
                    });
                }
            }
        }
    }
    text
}

fn count(rows: f64) -> String {
    if rows.fract() == 0.0 {
        format!("{rows}")
    } else {
        format!("{rows:.1}")
    }
}

/// As many digits as tell it from its neighbours, in most cases.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        format!("{value:.4e}")
    } else if size >= 1000.0 {
        format!("{value:.1}").trim_end_matches(".0").to_owned()
    } else {
        let text = format!("{value:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
