//! The card in a terminal.

mod scores;

use netloom_ml::card::ModelCard;

use self::scores::{classes, confusion, detection, folds, scores};
use super::sections::{algorithm, weight};
use super::{score, twins};
use crate::report::terminal::TerminalOptions;
use crate::report::terminal::canvas::{Canvas, Style, wrap};
use crate::report::terminal::table::{self, Cell, Column};
use crate::report::{text, units};

/// Lines of a tree that are shown: three questions one after the other.
const TREE_LINES: usize = 16;

/// The card as text, each line at most `options.width` columns. Names are escaped: the only
/// escape sequences are the colours asked for.
pub fn render(card: &ModelCard, options: &TerminalOptions) -> String {
    let mut canvas = Canvas::new(options.fitted());
    let canvas_ref = &mut canvas;
    head(canvas_ref, card);
    if let Some(evaluation) = &card.evaluation {
        scores(canvas_ref, card, evaluation);
        classes(canvas_ref, evaluation);
        confusion(canvas_ref, evaluation);
        detection(canvas_ref, evaluation);
    }
    folds(canvas_ref, card);
    importances(canvas_ref, card);
    drawing(canvas_ref, card);
    leakage(canvas_ref, card);
    tried(canvas_ref, card);
    updates(canvas_ref, card);
    warnings(canvas_ref, card);
    canvas.finish()
}

fn head(canvas: &mut Canvas, card: &ModelCard) {
    let (d, s) = (&card.data, &card.split);
    let width = canvas.width();
    let title = format!(
        "{} for {}",
        algorithm(&card.model.algorithm),
        canvas.name(&d.label)
    );
    canvas.put(&text::cut_middle(&title, width, "…"), Style::Bold);
    canvas.end_line();
    let mut line = format!(
        "{}, {}, {}",
        units::counted(d.rows, "row", "rows"),
        units::counted(d.classes.len() as u64, "class", "classes"),
        units::counted(d.columns.len() as u64, "column", "columns")
    );
    if let (Some(first), Some(last)) = (&d.first, &d.last) {
        line = format!("{line}; {}", units::period(first, last));
    }
    canvas.paragraph(&line, 0, Style::Dim);
    canvas.end_line();
    let mut facts: Vec<(&str, String)> = Vec::new();
    let sources: Vec<String> = d
        .sources
        .iter()
        .take(5)
        .map(|source| {
            format!(
                "{} ({})",
                canvas.name(&source.name),
                units::counted(source.rows, "row", "rows")
            )
        })
        .collect();
    let more = d.sources.len().saturating_sub(sources.len());
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    facts.push(("From", sources.join(", ") + &more));
    if d.unlabelled > 0 {
        facts.push((
            "Without a label",
            units::counted(d.unlabelled, "row", "rows"),
        ));
    }
    facts.push(("Split", canvas.name(&s.words)));
    facts.push((
        "Learned, tested",
        format!(
            "{} and {}",
            units::counted(s.train_rows, "row", "rows"),
            units::counted(s.test_rows, "row", "rows")
        ),
    ));
    let names = |names: &mut dyn Iterator<Item = &String>| {
        names
            .map(|name| text::visible(name).into_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    facts.push((
        "Columns",
        names(&mut d.columns.iter().map(|column| &column.name)),
    ));
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for left in &d.left_out {
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == left.reason)
        {
            Some((_, columns)) => columns.push(&left.column),
            None => reasons.push((&left.reason, vec![&left.column])),
        }
    }
    for (reason, columns) in reasons {
        let columns: Vec<_> = columns.iter().map(|column| text::visible(column)).collect();
        facts.push((
            "Left out",
            format!("{}: {}", text::visible(reason), columns.join(", ")),
        ));
    }
    if let Some(calibration) = &card.model.calibration {
        facts.push((
            "Probabilities",
            format!(
                "corrected ({}) on {} held out",
                canvas.name(&calibration.method),
                units::counted(calibration.rows, "row", "rows")
            ),
        ));
    }
    let label = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    for (name, value) in facts {
        let indent = 2 + label;
        let lines = wrap(&value, canvas.width().saturating_sub(indent).max(8));
        let shown = LINES.min(lines.len());
        for (n, line) in lines.iter().take(shown).enumerate() {
            canvas.spaces(2);
            let title = if n == 0 { name } else { "" };
            canvas.put(title, Style::Dim);
            canvas.spaces(label - title.len());
            canvas.put(line, Style::Plain);
            if n + 1 == shown && lines.len() > shown {
                canvas.put(" …", Style::Dim);
            }
            canvas.end_line();
        }
    }
}

/// Lines of a fact: the page and the JSON have all of it.
const LINES: usize = 5;

fn importances(canvas: &mut Canvas, card: &ModelCard) {
    if card.importances.is_empty() {
        return;
    }
    canvas.heading("What it looks at");
    let most = card.importances.iter().map(|i| i.mean).fold(0.0, f64::max);
    let top = canvas.options.top;
    let rows: Vec<Vec<Cell>> = card
        .importances
        .iter()
        .take(top)
        .map(|importance| {
            vec![
                Cell::new(canvas.name(&importance.column)),
                Cell::bar(if most > 0.0 {
                    importance.mean / most
                } else {
                    0.0
                }),
                Cell::new(format!("{:.3}", importance.mean)),
                Cell::dim(format!("± {:.3}", importance.deviation)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("column", 10, 40),
            Column::bar("", 6, 30),
            Column::number("macro F1 lost"),
            Column::number("").optional(1),
        ],
        &rows,
    );
    canvas.remark("What macro F1 loses when the column is shuffled among the test rows.");
}

/// The top of the tree; all of it is in the page.
fn drawing(canvas: &mut Canvas, card: &ModelCard) {
    let Some(drawing) = &card.model.drawing else {
        return;
    };
    canvas.heading("The tree");
    let (unicode, width) = (canvas.options.unicode, canvas.width());
    for line in drawing.lines().take(TREE_LINES) {
        let mut line = line.to_owned();
        if !unicode {
            for (sign, ascii) in [("├─", "+-"), ("└─", "+-"), ("│", "|"), ("≤", "<=")] {
                line = line.replace(sign, ascii);
            }
        }
        let line = canvas.name(&line);
        canvas.put("  ", Style::Plain);
        canvas.put(
            &text::cut_middle(&line, width.saturating_sub(2), "…"),
            Style::Plain,
        );
        canvas.end_line();
    }
    let more = drawing.lines().count().saturating_sub(TREE_LINES);
    if more > 0 {
        canvas.remark(&format!(
            "{} more in the page that --report writes.",
            units::counted(more as u64, "line", "lines")
        ));
    }
}

fn leakage(canvas: &mut Canvas, card: &ModelCard) {
    let l = &card.leakage;
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(exact) = &l.exact {
        facts.push(("Same as a training row", twins(exact)));
    }
    if let Some(near) = &l.near {
        facts.push(("Nearly the same", twins(near)));
    }
    if let Some(best) = l.columns.first() {
        facts.push((
            "Best single column",
            format!(
                "{}, balanced accuracy {}{}",
                text::visible(&best.column),
                score(Some(best.balanced_accuracy)),
                if best.used { "" } else { " (left out)" }
            ),
        ));
    }
    if let Some(gap) = &l.gap {
        facts.push((
            "Split at random",
            format!(
                "{} {} instead of {} ({:+.3})",
                text::visible(&gap.metric),
                score(Some(gap.random)),
                score(Some(gap.split)),
                gap.random - gap.split
            ),
        ));
    }
    if facts.is_empty() {
        return;
    }
    canvas.heading("Leakage");
    let rows: Vec<Vec<Cell>> = facts
        .into_iter()
        .map(|(name, value)| vec![Cell::dim(name), Cell::new(value)])
        .collect();
    table::write(
        canvas,
        &[Column::text("", 22, 24), Column::text("", 20, 200)],
        &rows,
    );
}

fn tried(canvas: &mut Canvas, card: &ModelCard) {
    if card.model.chosen.is_empty() {
        return;
    }
    canvas.heading("What was tried");
    let rows: Vec<Vec<Cell>> = card
        .model
        .chosen
        .iter()
        .map(|tried| {
            let style = if tried.taken {
                Style::Bold
            } else {
                Style::Plain
            };
            let mark = if tried.taken { "taken" } else { "" };
            vec![
                Cell::Text(algorithm(&tried.algorithm), style),
                Cell::Text(score(tried.score), style),
                Cell::dim(canvas.name(&tried.metric)),
                Cell::dim(if tried.note.is_empty() {
                    mark.to_owned()
                } else {
                    canvas.name(&tried.note)
                }),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("model", 10, 30),
            Column::number("score"),
            Column::text("", 8, 24),
            Column::text("", 8, 60),
        ],
        &rows,
    );
}

fn updates(canvas: &mut Canvas, card: &ModelCard) {
    if card.updates.is_empty() {
        return;
    }
    canvas.heading("Continued with new data");
    let rows: Vec<Vec<Cell>> = card
        .updates
        .iter()
        .map(|update| {
            vec![
                Cell::new(units::count(update.rows)),
                Cell::new(units::count(update.kept)),
                Cell::new(canvas.name(&update.how)),
                Cell::new(score(update.before.value)),
                Cell::Text(score(update.after.value), Style::Bold),
                Cell::dim(if update.forced { "forced" } else { "" }),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::number("new rows"),
            Column::number("kept"),
            Column::text("how", 8, 20),
            Column::number("before"),
            Column::number("after"),
            Column::text("", 6, 8),
        ],
        &rows,
    );
}

/// Last, where a person looks when it is done.
fn warnings(canvas: &mut Canvas, card: &ModelCard) {
    if card.warnings.is_empty() {
        return;
    }
    canvas.heading("What to be wary of");
    for warning in &card.warnings {
        let name = weight(warning.weight);
        canvas.spaces(2);
        canvas.put(name, Style::of_severity(name));
        canvas.spaces(8_usize.saturating_sub(name.len()));
        let title = canvas.name(&warning.title);
        for (n, line) in wrap(&title, canvas.width().saturating_sub(10).max(8))
            .iter()
            .enumerate()
        {
            if n > 0 {
                canvas.spaces(10);
            }
            canvas.put(line, Style::Bold);
            canvas.end_line();
        }
        let detail = canvas.name(&warning.detail);
        if !detail.is_empty() {
            canvas.paragraph(&detail, 10, Style::Dim);
        }
    }
}
