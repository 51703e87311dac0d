//! The card as one page that needs nothing else.

use netloom_ml::card::ModelCard;

use super::sections;
use crate::report::html::frame::Frame;
use crate::report::{text, units};

/// The page.
pub fn render(card: &ModelCard) -> String {
    let mut main = String::with_capacity(64 * 1024);
    let contents = sections::write(&mut main, card);
    let about = about(card);
    let facts = serde_json::to_string(card).unwrap_or_else(|_| "{}".to_owned());
    Frame {
        brand: "netloom model card",
        kind: "model card",
        title: &title(card),
        about: &about,
        warning: None,
        contents: &contents,
        facts: &text::plain_json(&facts),
        timeline_facts: "null",
    }
    .page(
        &main,
        &format!(
            "Made by netloom <bdi>{}</bdi>. Scores are of rows the model has not learned from. Times are UTC. Facts of schema {} are embedded in this page, which loads nothing and sends nothing.",
            text::html(&card.netloom_version),
            card.schema_version
        ),
    )
}

fn title(card: &ModelCard) -> String {
    let label = text::cut_end(&text::visible(&card.data.label), 40, "…");
    format!("{} for {label}", sections::algorithm(&card.model.algorithm))
}

fn about(card: &ModelCard) -> String {
    let mut about = vec![
        units::counted(card.data.rows, "row", "rows"),
        units::counted(card.data.classes.len() as u64, "class", "classes"),
        units::counted(card.data.columns.len() as u64, "column", "columns"),
    ];
    if let (Some(first), Some(last)) = (&card.data.first, &card.data.last) {
        about.push(units::period(first, last));
    }
    about.join(" · ")
}
