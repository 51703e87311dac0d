//! Rows that stand out, and why.

use netloom_ml::anomaly::Reason;
use netloom_ml::card::Source;
use netloom_ml::dataset::LeftOut;
use serde::Serialize;

use super::parts;
use crate::report::html::frame::Frame;
use crate::report::html::parts as page;
use crate::report::html::table::{self as html_table, Cell, Column, Kind, name_markup};
use crate::report::terminal::TerminalOptions;
use crate::report::terminal::canvas::{Canvas, Style};
use crate::report::{text, units};

/// What was found in a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Anomalies {
    /// Version of the meaning of these facts.
    pub schema_version: u32,
    /// The netloom that found it.
    pub netloom_version: String,
    /// What was looked at.
    pub sources: Vec<Source>,
    /// What normal was learnt from; empty if from the rows themselves.
    pub learnt_from: Vec<Source>,
    /// What a row is: `flow`, `row`, `host in 60 s`.
    pub row: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that normal was learnt from.
    pub rows_learnt: u64,
    /// Whether rows were scored as they were learnt, in their order.
    pub online: bool,
    /// The detector.
    pub detector: String,
    /// Columns that were looked at.
    pub columns: Vec<String>,
    /// Columns that were not, and why.
    pub left_out: Vec<LeftOut>,
    /// The p-value up to which a row counts as odd.
    pub false_alarms: f64,
    /// The score from which on rows are odd, where any is.
    pub threshold: Option<f64>,
    /// Rows that are odd.
    pub odd: u64,
    /// The oddest of them, explained.
    pub findings: Vec<Finding>,
    /// Places from which on normal is another.
    pub changes: Vec<Change>,
    /// Columns whose values shifted.
    pub drift: Vec<Shift>,
    /// How well the scores tell labels.
    pub labels: Option<Labels>,
    /// What makes the result worth less, in words.
    pub warnings: Vec<String>,
}

/// A row that stands out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Finding {
    /// The row, counted from 1.
    pub row: u64,
    /// When it was, RFC 3339.
    pub time: Option<String>,
    /// Which one it is: addresses, names, numbers.
    pub who: String,
    /// Its score: higher is odder.
    pub score: f64,
    /// Share of normal rows that score at least as high.
    pub p_value: f64,
    /// Columns that made the score high.
    pub reasons: Vec<Reason>,
    /// Its label, where there are labels.
    pub label: Option<String>,
}

/// A place from which on normal is another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Change {
    /// The row, counted from 1.
    pub row: u64,
    /// When it was, RFC 3339.
    pub time: Option<String>,
}

/// A column whose values shifted.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Shift {
    /// The column.
    pub column: String,
    /// Its population stability index: above 0.25 it has shifted.
    pub index: f64,
}

/// How well scores tell labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Labels {
    /// The column.
    pub column: String,
    /// The label of what is harmless.
    pub harmless: String,
    /// Rows that are not harmless.
    pub positives: u64,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision.
    pub pr_auc: Option<f64>,
    /// Of the rows that count as odd, how many are not harmless.
    pub precision: Option<f64>,
    /// Of the rows that are not harmless, how many count as odd.
    pub recall: Option<f64>,
    /// Share of the harmless rows that count as odd.
    pub false_alarms: Option<f64>,
}

impl Anomalies {
    fn title(&self) -> String {
        format!("Anomalies in {}", parts::sources(&self.sources))
    }

    fn about(&self) -> String {
        let learnt = if self.online {
            "each judged by those before it".to_owned()
        } else if self.learnt_from.is_empty() {
            "learnt from themselves".to_owned()
        } else {
            format!(
                "normal learnt from {} of {}",
                parts::rows_of(self.rows_learnt, &self.row),
                parts::sources(&self.learnt_from)
            )
        };
        format!(
            "{}, {}, {}, {learnt}",
            parts::rows_of(self.rows, &self.row),
            units::counted(self.columns.len() as u64, "column", "columns"),
            text::visible(&self.detector).replace('-', " "),
        )
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let share = units::share(self.false_alarms);
        let means = if self.online {
            format!("scores that {share} of those before reached")
        } else if self.learnt_from.is_empty() {
            format!("the oddest {share}")
        } else {
            format!("of what is normal {share} would be")
        };
        let mut facts = vec![(
            "Odd",
            format!(
                "{} of {} ({}): {means}",
                units::count(self.odd),
                parts::rows_of(self.rows, &self.row),
                units::percent(self.odd, self.rows),
            ),
        )];
        if let Some(threshold) = self.threshold {
            facts.push((
                "Threshold",
                format!("a score of {} or more", parts::score(threshold)),
            ));
        }
        if let Some(labels) = &self.labels {
            let score =
                |value: Option<f64>| value.map_or_else(|| units::NONE.to_owned(), parts::score);
            let share =
                |value: Option<f64>| value.map_or_else(|| units::NONE.to_owned(), units::share);
            facts.push((
                "Labels",
                format!(
                    "ROC-AUC {}, PR-AUC {} (chance: {}); of the odd rows {} are not {}, {} of those were found",
                    score(labels.roc_auc),
                    score(labels.pr_auc),
                    score(Some(labels.positives as f64 / self.rows.max(1) as f64)),
                    share(labels.precision),
                    text::visible(&labels.harmless),
                    share(labels.recall),
                ),
            ));
        }
        if !self.changes.is_empty() {
            const SHOWN: usize = 5;
            let mut places: Vec<String> = self
                .changes
                .iter()
                .take(SHOWN)
                .map(|change| {
                    change.time.as_deref().map_or_else(
                        || format!("row {}", units::count(change.row)),
                        units::date_time,
                    )
                })
                .collect();
            if self.changes.len() > SHOWN {
                places.push(format!("{} more", self.changes.len() - SHOWN));
            }
            facts.push((
                "Changes",
                format!("normal is another from {} on", places.join(", from ")),
            ));
        }
        facts
    }

    fn shifted(&self) -> String {
        if self.online {
            "Columns whose values differ between the first half and the second: what is normal moves"
        } else {
            "Columns whose values differ from what normal was learnt from: learn anew, or expect more false alarms"
        }
        .to_owned()
    }
}

fn when(finding: &Finding) -> String {
    finding.time.as_deref().map_or_else(
        || format!("row {}", units::count(finding.row)),
        units::date_time,
    )
}

/// What was found as text, each line at most `options.width` columns.
pub fn terminal(found: &Anomalies, options: &TerminalOptions) -> String {
    let mut canvas = Canvas::new(options.fitted());
    parts::head(&mut canvas, &found.title(), &found.about());
    parts::facts(&mut canvas, &found.facts());
    if !found.findings.is_empty() {
        canvas.heading("What stands out");
        for (place, finding) in found.findings.iter().take(options.top).enumerate() {
            let label = finding
                .label
                .as_ref()
                .map_or_else(String::new, |label| format!("  [{}]", canvas.name(label)));
            let line = format!("{}. {}  {}{label}", place + 1, when(finding), finding.who);
            canvas.paragraph(&line, 0, Style::Bold);
            canvas.paragraph(
                &format!(
                    "score {}, p {}",
                    parts::score(finding.score),
                    parts::score(finding.p_value)
                ),
                3,
                Style::Dim,
            );
            for reason in &finding.reasons {
                canvas.paragraph(&reason.sentence(), 3, Style::Plain);
            }
        }
        let more = found.odd.saturating_sub(options.top as u64);
        if more > 0 {
            canvas.remark(&format!(
                "and {} more; -o OUT writes the score of each row",
                units::count(more)
            ));
        }
    }
    if !found.drift.is_empty() {
        canvas.heading("Drift");
        canvas.remark(&found.shifted());
        let columns: Vec<String> = found
            .drift
            .iter()
            .take(options.top)
            .map(|shift| {
                format!(
                    "{} {}",
                    canvas.name(&shift.column),
                    parts::score(shift.index)
                )
            })
            .collect();
        canvas.paragraph(&columns.join(", "), 2, Style::Plain);
    }
    if !found.warnings.is_empty() {
        canvas.heading("Good to know");
        for warning in &found.warnings {
            canvas.paragraph(warning, 2, Style::Plain);
        }
    }
    canvas.finish()
}

/// What was found as a page that needs nothing else.
pub fn html(found: &Anomalies) -> String {
    let mut main = String::with_capacity(64 * 1024);
    let mut contents = vec![("overview", "Overview")];
    let mut figures = vec![
        (
            "Odd",
            units::count(found.odd),
            format!("of {}", parts::rows_of(found.rows, &found.row)),
        ),
        (
            "Counts as odd",
            units::share(found.false_alarms),
            if found.learnt_from.is_empty() {
                "of the rows, at most"
            } else {
                "of normal rows, at most"
            }
            .to_owned(),
        ),
    ];
    if let Some(labels) = &found.labels {
        let score = |value: Option<f64>| value.map_or_else(|| units::NONE.to_owned(), parts::score);
        figures.push(("ROC-AUC", score(labels.roc_auc), "0.5 is chance".to_owned()));
        figures.push((
            "PR-AUC",
            score(labels.pr_auc),
            format!(
                "{} is chance",
                parts::score(labels.positives as f64 / found.rows.max(1) as f64)
            ),
        ));
    }
    page::figures(&mut main, "overview", &figures);
    if !found.findings.is_empty() {
        contents.push(("findings", "What stands out"));
        parts::section(&mut main, "findings", "What stands out", "oddest first");
        let rows: Vec<Vec<Cell>> = found.findings.iter().map(row).collect();
        html_table::write(
            &mut main,
            "Rows that stand out",
            &[
                Column::new("When", Kind::Words).optional(),
                Column::new("Which", Kind::Address),
                Column::new("Why", Kind::Words),
                Column::new("Score", Kind::Number),
                Column::new("p", Kind::Number).optional(),
            ],
            &rows,
        );
        main.push_str("</section>");
    }
    if !found.drift.is_empty() {
        contents.push(("drift", "Drift"));
        parts::section(&mut main, "drift", "Drift", &found.shifted());
        let largest = found
            .drift
            .iter()
            .map(|shift| shift.index)
            .fold(0.0, f64::max);
        let rows: Vec<Vec<Cell>> = found
            .drift
            .iter()
            .map(|shift| {
                vec![
                    Cell::Name(shift.column.clone(), None),
                    Cell::Number(parts::score(shift.index), shift.index),
                    Cell::bar(shift.index, largest, &parts::score(shift.index)),
                ]
            })
            .collect();
        html_table::write(
            &mut main,
            "Columns whose values shifted",
            &[
                Column::new("Column", Kind::Address),
                Column::new("Stability index", Kind::Number),
                Column::new("", Kind::Bar),
            ],
            &rows,
        );
        main.push_str("</section>");
    }
    contents.push(("how", "How it was found"));
    let looked_at = (&found.columns[..], &found.left_out[..]);
    parts::how(
        &mut main,
        "How it was found",
        found.facts(),
        looked_at,
        &found.warnings,
    );
    let json = serde_json::to_string(found).unwrap_or_else(|_| "{}".to_owned());
    Frame {
        brand: "netloom anomalies",
        kind: "anomalies",
        title: &found.title(),
        about: &found.about(),
        warning: None,
        contents: &contents,
        facts: &text::plain_json(&json),
        timeline_facts: "null",
    }
    .page(&main, &parts::footer(&found.netloom_version))
}

fn row(finding: &Finding) -> Vec<Cell> {
    let why: Vec<String> = finding
        .reasons
        .iter()
        .map(|reason| name_markup(&reason.sentence()))
        .collect();
    vec![
        Cell::Text(when(finding)),
        Cell::Name(finding.who.clone(), finding.label.clone()),
        Cell::Markup(why.join("<br>")),
        Cell::Strong(parts::score(finding.score), finding.score),
        Cell::Number(parts::score(finding.p_value), finding.p_value),
    ]
}
