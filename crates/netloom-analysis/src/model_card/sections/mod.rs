//! The sections of the page; here what is first.

mod origin;
mod results;

use std::fmt::Write as _;

use netloom_ml::card::{Baseline, ModelCard, Weight};

use super::{interval, score};
use crate::report::html::parts;
use crate::report::html::table::name_markup;
use crate::report::{text, units};

/// Writes all sections; gives their anchors and names.
pub(super) fn write(out: &mut String, card: &ModelCard) -> Vec<(&'static str, &'static str)> {
    let mut contents = vec![("overview", "Overview")];
    overview(out, card);
    warnings(out, card);
    if let Some(evaluation) = &card.evaluation {
        contents.push(("scores", "Scores"));
        results::scores(out, card, evaluation);
        contents.push(("classes", "Classes"));
        results::classes(out, evaluation);
        results::confusion(out, evaluation);
        if let Some(detection) = &evaluation.detection {
            contents.push(("detection", "Detection"));
            results::detection_section(out, detection);
        }
        contents.push(("calibration", "Calibration"));
        results::calibration(out, evaluation);
    }
    if !card.folds.is_empty() {
        contents.push(("folds", "Folds"));
        results::folds(out, card);
    }
    if !card.importances.is_empty() || card.model.drawing.is_some() {
        contents.push(("importances", "What it looks at"));
        origin::importances(out, card);
    }
    contents.push(("leakage", "Leakage"));
    origin::leakage(out, card);
    contents.push(("data", "Data"));
    origin::data(out, card);
    contents.push(("model", "How it was made"));
    origin::model(out, card);
    contents
}

/// The name of an algorithm in words.
pub(super) fn algorithm(name: &str) -> String {
    let words = text::visible(name).replace(['_', '-'], " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn overview(out: &mut String, card: &ModelCard) {
    let mut figures: Vec<(&str, String, String)> = Vec::new();
    if let Some(evaluation) = &card.evaluation {
        let scores = &evaluation.scores;
        let best = |of: fn(&Baseline) -> Option<f64>| {
            card.baselines
                .iter()
                .filter_map(of)
                .fold(None, |best: Option<f64>, value| {
                    Some(best.map_or(value, |best| best.max(value)))
                })
        };
        let beside = |value: Option<f64>| {
            value.map_or_else(String::new, |value| {
                format!("{value:.3} for the best baseline")
            })
        };
        figures.push((
            "Macro F1",
            score(scores.f1_macro.value),
            beside(best(|b| b.f1_macro)),
        ));
        figures.push((
            "Balanced accuracy",
            score(scores.balanced_accuracy.value),
            beside(best(|b| b.balanced_accuracy)),
        ));
        figures.push((
            "PR-AUC",
            score(scores.pr_auc.value),
            beside(best(|b| b.pr_auc)),
        ));
        if let Some(point) = evaluation
            .detection
            .as_ref()
            .and_then(|d| d.operating_points.last())
        {
            figures.push((
                "Recall at 1 % false alarms",
                score(point.recall.value),
                interval(point.recall),
            ));
        }
        figures.push((
            "Tested on",
            units::counted(evaluation.rows, "row", "rows"),
            card.split.method.clone(),
        ));
    }
    figures.push((
        "Warnings",
        units::count(card.warnings.len() as u64),
        match card.warnings.first().map(|warning| warning.weight) {
            Some(Weight::High) => "the score cannot be trusted",
            Some(Weight::Medium) => "the score may be better than the model",
            Some(Weight::Low) => "good to know",
            None => "",
        }
        .to_owned(),
    ));
    parts::figures(out, "overview", &figures);
}

fn warnings(out: &mut String, card: &ModelCard) {
    open(out, "warnings", "What to be wary of");
    if card.warnings.is_empty() {
        out.push_str("<p>Nothing was found: no row is on both sides of the split, no single column gives the label away, and every class was learned and tested.</p></section>");
        return;
    }
    parts::findings(
        out,
        card.warnings.iter().map(|warning| {
            (
                weight(warning.weight),
                warning.title.as_str(),
                warning.detail.as_str(),
            )
        }),
    );
    out.push_str("</section>");
}

pub(super) fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::High => "high",
        Weight::Medium => "medium",
        Weight::Low => "low",
    }
}

fn open(out: &mut String, id: &str, title: &str) {
    let _ = write!(
        out,
        r#"<section id="{id}" class="card"><header><h2>{title}</h2></header>"#
    );
}

fn fact_list(out: &mut String, facts: &[(&str, String)]) {
    out.push_str(r#"<dl class="facts">"#);
    for (name, value) in facts {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", name_markup(value));
    }
    out.push_str("</dl>");
}
