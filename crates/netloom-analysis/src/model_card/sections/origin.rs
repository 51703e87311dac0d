//! What the model looks at, what it was made from, and how.

use std::fmt::Write as _;

use netloom_ml::card::ModelCard;

use super::super::{score, twins};
use super::{algorithm, fact_list, open};
use crate::report::html::table::{self, Cell, Column, Kind};
use crate::report::{text, units};

/// Importances shown.
const IMPORTANCES: usize = 25;

pub(super) fn importances(out: &mut String, card: &ModelCard) {
    open(out, "importances", "What it looks at");
    if !card.importances.is_empty() {
        let most = card.importances.iter().map(|i| i.mean).fold(0.0, f64::max);
        let rows: Vec<Vec<Cell>> = card
            .importances
            .iter()
            .take(IMPORTANCES)
            .map(|importance| {
                vec![
                    Cell::Name(importance.column.clone(), None),
                    Cell::bar(
                        importance.mean.max(0.0),
                        most,
                        &format!("{:.3}", importance.mean),
                    ),
                    Cell::Strong(format!("{:.3}", importance.mean), importance.mean),
                    Cell::Number(
                        format!("± {:.3}", importance.deviation),
                        importance.deviation,
                    ),
                ]
            })
            .collect();
        table::write(
            out,
            "What it looks at",
            &[
                Column::new("Column", Kind::Address),
                Column::new("", Kind::Bar),
                Column::new("Macro F1 lost", Kind::Number),
                Column::new("Deviation", Kind::Number).optional(),
            ],
            &rows,
        );
        out.push_str(r#"<p class="more">What macro F1 loses when the column's values are shuffled among the test rows. Columns that say the same share their worth.</p>"#);
    }
    if let Some(drawing) = &card.model.drawing {
        let lines: Vec<_> = drawing.lines().map(text::visible).collect();
        let _ = write!(
            out,
            r#"<h3>The tree</h3><pre class="tree scroll long" tabindex="0">{}</pre>"#,
            text::html(&lines.join("\n")).replace("\\n", "\n")
        );
    }
    out.push_str("</section>");
}

pub(super) fn leakage(out: &mut String, card: &ModelCard) {
    open(
        out,
        "leakage",
        "Whether the score may be better than the model",
    );
    let l = &card.leakage;
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(exact) = &l.exact {
        facts.push(("Same as a training row", twins(exact)));
    }
    if let Some(near) = &l.near {
        facts.push(("Nearly the same", twins(near)));
    }
    if let Some(ceiling) = l.ceiling {
        facts.push(("Best accuracy possible", score(Some(ceiling))));
    }
    if let Some(gap) = &l.gap {
        facts.push((
            "Split as asked",
            format!("{} {}", text::visible(&gap.metric), score(Some(gap.split))),
        ));
        facts.push((
            "Split at random",
            format!(
                "{} {} ({:+.3})",
                text::visible(&gap.metric),
                score(Some(gap.random)),
                gap.random - gap.split
            ),
        ));
    }
    if !l.identifiers.is_empty() {
        facts.push(("Identifiers asked for", l.identifiers.join(", ")));
    }
    if facts.is_empty() && l.columns.is_empty() {
        out.push_str("<p>It was not looked for.</p></section>");
        return;
    }
    fact_list(out, &facts);
    if !l.columns.is_empty() {
        out.push_str("<h3>What single columns can tell</h3>");
        let rows: Vec<Vec<Cell>> = l
            .columns
            .iter()
            .map(|column| {
                vec![
                    Cell::Name(column.column.clone(), None),
                    Cell::bar(
                        column.balanced_accuracy,
                        1.0,
                        &score(Some(column.balanced_accuracy)),
                    ),
                    Cell::Strong(
                        score(Some(column.balanced_accuracy)),
                        column.balanced_accuracy,
                    ),
                    Cell::Text(if column.used { "yes" } else { "no" }.to_owned()),
                ]
            })
            .collect();
        table::write(
            out,
            "What single columns can tell",
            &[
                Column::new("Column", Kind::Address),
                Column::new("", Kind::Bar),
                Column::new("Balanced accuracy", Kind::Number),
                Column::new("The model sees it", Kind::Words),
            ],
            &rows,
        );
    }
    out.push_str("</section>");
}

pub(super) fn data(out: &mut String, card: &ModelCard) {
    open(out, "data", "What it learned from");
    let (d, s) = (&card.data, &card.split);
    let mut facts: Vec<(&str, String)> = vec![
        ("A row is", text::visible(&d.row).into_owned()),
        ("Label", d.label.clone()),
        ("Split", s.words.clone()),
    ];
    let window = |window: &Option<(String, String)>| {
        window.as_ref().map_or_else(String::new, |(first, last)| {
            format!(", {}", units::period(first, last))
        })
    };
    let groups = |groups: Option<u64>| {
        groups.map_or_else(String::new, |n| {
            format!(" in {}", units::counted(n, "group", "groups"))
        })
    };
    facts.push((
        "Learned from",
        format!(
            "{}{}{}",
            units::counted(s.train_rows, "row", "rows"),
            groups(s.train_groups),
            window(&s.train_window)
        ),
    ));
    facts.push((
        "Tested on",
        format!(
            "{}{}{}",
            units::counted(s.test_rows, "row", "rows"),
            groups(s.test_groups),
            window(&s.test_window)
        ),
    ));
    if d.unlabelled > 0 {
        facts.push((
            "Without a label",
            units::counted(d.unlabelled, "row", "rows"),
        ));
    }
    if s.left_out_rows > 0 {
        facts.push((
            "On neither side",
            units::counted(s.left_out_rows, "row", "rows"),
        ));
    }
    fact_list(out, &facts);
    out.push_str("<h3>Classes</h3>");
    let rows: Vec<Vec<Cell>> = d
        .classes
        .iter()
        .map(|class| {
            vec![
                Cell::Name(class.class.clone(), None),
                Cell::Number(units::count(class.train), class.train as f64),
                Cell::Number(units::count(class.test), class.test as f64),
            ]
        })
        .collect();
    table::write(
        out,
        "Classes",
        &[
            Column::new("Class", Kind::Address),
            Column::new("Rows learned", Kind::Number),
            Column::new("Rows tested", Kind::Number),
        ],
        &rows,
    );
    let _ = write!(
        out,
        "<details><summary>{}</summary>",
        units::counted(
            d.columns.len() as u64,
            "column that it sees",
            "columns that it sees"
        )
    );
    let rows: Vec<Vec<Cell>> = d
        .columns
        .iter()
        .map(|column| {
            vec![
                Cell::Name(column.name.clone(), None),
                Cell::Text(column.kind.clone()),
                Cell::Number(units::share(column.missing), column.missing),
            ]
        })
        .collect();
    table::write(
        out,
        "Columns that it sees",
        &[
            Column::new("Column", Kind::Address),
            Column::new("Kind", Kind::Words),
            Column::new("Missing", Kind::Number),
        ],
        &rows,
    );
    out.push_str("</details>");
    if !d.left_out.is_empty() {
        let _ = write!(
            out,
            "<details><summary>{}</summary>",
            units::counted(
                d.left_out.len() as u64,
                "column left out",
                "columns left out"
            )
        );
        let rows: Vec<Vec<Cell>> = d
            .left_out
            .iter()
            .map(|column| {
                vec![
                    Cell::Name(column.column.clone(), None),
                    Cell::Text(column.reason.clone()),
                ]
            })
            .collect();
        table::write(
            out,
            "Columns left out",
            &[
                Column::new("Column", Kind::Address),
                Column::new("Why", Kind::Words),
            ],
            &rows,
        );
        out.push_str("</details>");
    }
    let rows: Vec<Vec<Cell>> = d
        .sources
        .iter()
        .map(|source| {
            vec![
                Cell::Name(source.name.clone(), None),
                Cell::Text(source.kind.clone()),
                Cell::Number(units::count(source.rows), source.rows as f64),
            ]
        })
        .collect();
    out.push_str("<h3>Sources</h3>");
    table::write(
        out,
        "Sources",
        &[
            Column::new("Source", Kind::Address),
            Column::new("Kind", Kind::Words),
            Column::new("Rows", Kind::Number),
        ],
        &rows,
    );
    out.push_str("</section>");
}

pub(super) fn model(out: &mut String, card: &ModelCard) {
    open(out, "model", "How it was made");
    let m = &card.model;
    let mut facts: Vec<(&str, String)> = vec![
        ("Algorithm", algorithm(&m.algorithm)),
        ("Seed", m.seed.to_string()),
    ];
    if let Some(calibration) = &m.calibration {
        facts.push((
            "Probabilities",
            format!(
                "corrected ({}) on {} held out",
                text::visible(&calibration.method),
                units::counted(calibration.rows, "row", "rows")
            ),
        ));
    }
    fact_list(out, &facts);
    if !m.parameters.is_empty() {
        out.push_str("<details><summary>Parameters</summary>");
        let rows: Vec<Vec<Cell>> = m
            .parameters
            .iter()
            .map(|(name, value)| vec![Cell::Name(name.clone(), None), Cell::Text(value.clone())])
            .collect();
        table::write(
            out,
            "Parameters",
            &[
                Column::new("Parameter", Kind::Address),
                Column::new("Value", Kind::Words),
            ],
            &rows,
        );
        out.push_str("</details>");
    }
    if !m.chosen.is_empty() {
        out.push_str("<h3>What was tried</h3>");
        let rows: Vec<Vec<Cell>> = m
            .chosen
            .iter()
            .map(|tried| {
                let name = algorithm(&tried.algorithm);
                vec![
                    Cell::Text(if tried.taken {
                        format!("{name} (taken)")
                    } else {
                        name
                    }),
                    Cell::Strong(score(tried.score), tried.score.unwrap_or(-1.0)),
                    Cell::Text(tried.metric.clone()),
                    Cell::Text(tried.note.clone()),
                ]
            })
            .collect();
        table::write(
            out,
            "What was tried",
            &[
                Column::new("Model", Kind::Words),
                Column::new("Score", Kind::Number),
                Column::new("Which", Kind::Words),
                Column::new("", Kind::Words),
            ],
            &rows,
        );
    }
    if !card.updates.is_empty() {
        out.push_str("<h3>Continued with new data</h3>");
        let rows: Vec<Vec<Cell>> = card
            .updates
            .iter()
            .map(|update| {
                vec![
                    Cell::Number(units::count(update.rows), update.rows as f64),
                    Cell::Number(units::count(update.kept), update.kept as f64),
                    Cell::Text(update.how.clone()),
                    Cell::Number(
                        score(update.before.value),
                        update.before.value.unwrap_or(-1.0),
                    ),
                    Cell::Strong(
                        score(update.after.value),
                        update.after.value.unwrap_or(-1.0),
                    ),
                    Cell::Text(if update.forced { "forced" } else { "" }.to_owned()),
                ]
            })
            .collect();
        table::write(
            out,
            "Continued with new data",
            &[
                Column::new("New rows", Kind::Number),
                Column::new("Kept rows", Kind::Number),
                Column::new("How", Kind::Words),
                Column::new("Before", Kind::Number),
                Column::new("After", Kind::Number),
                Column::new("", Kind::Words),
            ],
            &rows,
        );
    }
    out.push_str("</section>");
}
