//! A model's card, shown: in a terminal, as a page, as JSON.
//!
//! [`ModelCard`] holds the facts; nothing here computes any. Names of classes, columns and files
//! come from the user's data and are made harmless for where they are shown.

mod chart;
mod html;
#[cfg(test)]
mod sample;
mod sections;
mod terminal;
#[cfg(test)]
mod tests;

pub use html::render as html;
use netloom_ml::card::{Duplicates, ModelCard};
use netloom_ml::evaluation::{Estimate, Evaluation};
pub use terminal::render as terminal;

use crate::report::units::{self, NONE};

/// The facts as JSON, a line for each.
///
/// # Errors
///
/// None that a card can cause; those of the JSON writer.
pub fn json(card: &ModelCard) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(card)?;
    text.push('\n');
    Ok(crate::report::text::plain_json(&text))
}

/// A score as shown: three decimals.
fn score(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(|| NONE.to_owned(), |value| format!("{value:.3}"))
}

/// What was taken for something else: how often, what it is, what it was taken for; the most frequent
/// first.
fn mistakes(evaluation: &Evaluation) -> Vec<(u64, usize, usize)> {
    let mut mistakes: Vec<(u64, usize, usize)> = Vec::new();
    for (truth, row) in evaluation.confusion.iter().enumerate() {
        for (told, &count) in row.iter().enumerate() {
            if count > 0 && truth != told {
                mistakes.push((count, truth, told));
            }
        }
    }
    mistakes.sort_by_key(|&(count, truth, told)| (std::cmp::Reverse(count), truth, told));
    mistakes
}

/// An interval as shown, nothing where there is none.
fn interval(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.3}–{high:.3}"),
        _ => String::new(),
    }
}

/// A count that need not be whole: alerts a day.
fn about(value: f64) -> String {
    if value >= 9.95 {
        units::count(value.round() as u64)
    } else if value >= 0.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// How many test rows have a twin among the training rows.
fn twins(found: &Duplicates) -> String {
    let words = format!(
        "{} of {} ({})",
        units::count(found.twins),
        units::counted(found.rows, "test row", "test rows"),
        units::percent(found.twins, found.rows)
    );
    match found.other_class {
        0 => words,
        other => format!("{words}, {} of them of another class", units::count(other)),
    }
}
