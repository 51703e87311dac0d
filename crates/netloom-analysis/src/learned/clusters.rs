//! Groups of rows, and what sets each apart.

use std::fmt::Write as _;

use netloom_ml::card::Source;
use netloom_ml::dataset::LeftOut;
use serde::Serialize;

use super::parts;
use crate::report::chart::theme::{Paint, SERIES, number as coordinate};
use crate::report::html::frame::Frame;
use crate::report::html::parts as page;
use crate::report::html::table::{self as html_table, Cell, Column, Kind, name_markup};
use crate::report::terminal::TerminalOptions;
use crate::report::terminal::canvas::{Canvas, Style};
use crate::report::{text, units};

/// Groups of rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Clusters {
    /// Version of the meaning of these facts.
    pub schema_version: u32,
    /// The netloom that found them.
    pub netloom_version: String,
    /// What was looked at.
    pub sources: Vec<Source>,
    /// What a row is: `flow`, `row`, `host in 60 s`.
    pub row: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// Columns that were looked at.
    pub columns: Vec<String>,
    /// Columns that were not, and why.
    pub left_out: Vec<LeftOut>,
    /// The algorithm.
    pub algorithm: String,
    /// The groups, the largest first.
    pub clusters: Vec<Cluster>,
    /// Rows that belong to none.
    pub noise: u64,
    /// How well rows sit in their groups, from −1 to 1.
    pub silhouette: Option<f64>,
    /// Silhouettes of the numbers of groups that were tried.
    pub tried: Vec<(u64, f64)>,
    /// The distance that DBSCAN used.
    pub eps: Option<f64>,
    /// Rows that were looked at, where that were not all.
    pub sampled: Option<u64>,
    /// How groups agree with labels.
    pub labels: Option<Agreement>,
    /// Rows in the plane in which they lie farthest apart, a sample of many.
    pub map: Vec<Place>,
    /// Shares of the variance that the map's two axes show.
    pub map_shares: [f64; 2],
    /// What makes the result worth less, in words.
    pub warnings: Vec<String>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Cluster {
    /// Its number, from 1 on.
    pub number: u64,
    /// Its rows.
    pub rows: u64,
    /// What sets it apart, most telling first.
    pub words: Vec<String>,
    /// The rows nearest its middle.
    pub examples: Vec<String>,
    /// Its most frequent labels, with their rows.
    pub labels: Vec<(String, u64)>,
}

/// How groups agree with labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Agreement {
    /// The column.
    pub column: String,
    /// Adjusted Rand index: 0 by chance, 1 if they are the same.
    pub adjusted_rand: f64,
    /// Normalized mutual information.
    pub normalized_mutual_info: f64,
}

/// A row on the map.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Place {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Number of its group; none if it belongs to none.
    pub cluster: Option<u64>,
}

impl Clusters {
    fn title(&self) -> String {
        format!("Groups in {}", parts::sources(&self.sources))
    }

    fn about(&self) -> String {
        format!(
            "{}, {}, {}",
            parts::rows_of(self.rows, &self.row),
            units::counted(self.columns.len() as u64, "column", "columns"),
            text::visible(&self.algorithm)
        )
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut groups = units::counted(self.clusters.len() as u64, "group", "groups");
        if self.noise > 0 {
            let _ = write!(
                groups,
                ", and {} that belong to none ({})",
                parts::rows_of(self.noise, &self.row),
                units::percent(self.noise, self.rows)
            );
        }
        let mut facts = vec![("Found", groups)];
        if let Some(silhouette) = self.silhouette {
            let words = match silhouette {
                s if s > 0.7 => "clearly apart",
                s if s > 0.5 => "apart",
                s if s > 0.25 => "overlapping: take them as a first sketch",
                _ => "hardly apart: there may be no groups at all",
            };
            facts.push((
                "Silhouette",
                format!("{} ({words})", parts::score(silhouette)),
            ));
        }
        if self.tried.len() > 1 {
            let tried: Vec<String> = self
                .tried
                .iter()
                .map(|(groups, score)| format!("{groups}: {}", parts::score(*score)))
                .collect();
            facts.push(("Tried", format!("silhouettes of {}", tried.join(", "))));
        }
        if let Some(eps) = self.eps {
            facts.push(("Distance", format!("eps {}", parts::score(eps))));
        }
        if let Some(sampled) = self.sampled {
            facts.push((
                "Sample",
                format!(
                    "found in {}; the others went to the nearest",
                    units::counted(sampled, "row", "rows")
                ),
            ));
        }
        if let Some(labels) = &self.labels {
            facts.push((
                "Labels",
                format!(
                    "against {}: adjusted Rand index {}, normalized mutual information {} (0 by chance, 1 the same)",
                    text::visible(&labels.column),
                    parts::score(labels.adjusted_rand),
                    parts::score(labels.normalized_mutual_info)
                ),
            ));
        }
        facts
    }
}

fn labels_of(cluster: &Cluster) -> String {
    let labels: Vec<String> = cluster
        .labels
        .iter()
        .map(|(label, rows)| {
            format!(
                "{} {}",
                text::visible(label),
                units::percent(*rows, cluster.rows)
            )
        })
        .collect();
    labels.join(", ")
}

/// Groups as text, each line at most `options.width` columns.
pub fn terminal(found: &Clusters, options: &TerminalOptions) -> String {
    let mut canvas = Canvas::new(options.fitted());
    parts::head(&mut canvas, &found.title(), &found.about());
    parts::facts(&mut canvas, &found.facts());
    for cluster in &found.clusters {
        canvas.heading(&format!(
            "{}  {} ({})",
            cluster.number,
            parts::rows_of(cluster.rows, &found.row),
            units::percent(cluster.rows, found.rows)
        ));
        for words in &cluster.words {
            canvas.paragraph(words, 2, Style::Plain);
        }
        if cluster.words.is_empty() {
            canvas.remark("nothing sets it clearly apart");
        }
        if !cluster.labels.is_empty() {
            canvas.paragraph(&format!("labels: {}", labels_of(cluster)), 2, Style::Plain);
        }
        for example in &cluster.examples {
            if !example.is_empty() {
                canvas.remark(&format!("such as {example}"));
            }
        }
    }
    if !found.warnings.is_empty() {
        canvas.heading("Good to know");
        for warning in &found.warnings {
            canvas.paragraph(warning, 2, Style::Plain);
        }
    }
    canvas.finish()
}

/// Groups as a page that needs nothing else.
pub fn html(found: &Clusters) -> String {
    let mut main = String::with_capacity(64 * 1024);
    let contents = [
        ("overview", "Overview"),
        ("groups", "Groups"),
        ("map", "Map"),
        ("how", "How they were found"),
    ];
    let mut figures = vec![(
        "Groups",
        units::count(found.clusters.len() as u64),
        format!("of {}", parts::rows_of(found.rows, &found.row)),
    )];
    if let Some(silhouette) = found.silhouette {
        figures.push((
            "Silhouette",
            parts::score(silhouette),
            "1 is clearly apart".to_owned(),
        ));
    }
    figures.push((
        "In no group",
        units::count(found.noise),
        units::percent(found.noise, found.rows),
    ));
    if let Some(labels) = &found.labels {
        figures.push((
            "Adjusted Rand index",
            parts::score(labels.adjusted_rand),
            "0 is chance".to_owned(),
        ));
    }
    page::figures(&mut main, "overview", &figures);
    groups(&mut main, found);
    parts::section(
        &mut main,
        "map",
        "Map",
        "the plane in which rows lie farthest apart (PCA); near means alike",
    );
    main.push_str(&map(found));
    let mut legend = String::from(r#"<ul class="legend">"#);
    for cluster in &found.clusters {
        let _ = write!(
            legend,
            "<li>{}{}</li>",
            swatch(Some(cluster.number)),
            cluster.number
        );
    }
    if found.noise > 0 {
        let _ = write!(legend, "<li>{}in none</li>", swatch(None));
    }
    main.push_str(&legend);
    main.push_str("</ul></section>");
    let mut facts = found.facts();
    facts.push(("Algorithm", found.algorithm.clone()));
    let looked_at = (&found.columns[..], &found.left_out[..]);
    parts::how(
        &mut main,
        "How they were found",
        facts,
        looked_at,
        &found.warnings,
    );
    let json = serde_json::to_string(found).unwrap_or_else(|_| "{}".to_owned());
    Frame {
        brand: "netloom cluster",
        kind: "groups",
        title: &found.title(),
        about: &found.about(),
        warning: None,
        contents: &contents,
        facts: &text::plain_json(&json),
        timeline_facts: "null",
    }
    .page(&main, &parts::footer(&found.netloom_version))
}

fn groups(main: &mut String, found: &Clusters) {
    parts::section(main, "groups", "Groups", "the largest first");
    let rows: Vec<Vec<Cell>> = found
        .clusters
        .iter()
        .map(|cluster| {
            let words: Vec<String> = cluster.words.iter().map(|w| name_markup(w)).collect();
            let mut more = Vec::new();
            if !cluster.labels.is_empty() {
                more.push(labels_of(cluster));
            }
            more.extend(cluster.examples.iter().filter(|e| !e.is_empty()).cloned());
            let more: Vec<String> = more.iter().map(|w| name_markup(w)).collect();
            vec![
                Cell::Markup(format!(
                    r#"<span class="severity">{}{}</span>"#,
                    swatch(Some(cluster.number)),
                    cluster.number
                )),
                Cell::Strong(units::count(cluster.rows), cluster.rows as f64),
                Cell::Markup(words.join("<br>")),
                Cell::Markup(more.join("<br>")),
            ]
        })
        .collect();
    html_table::write(
        main,
        "Groups",
        &[
            Column::new("Group", Kind::Words),
            Column::new("Rows", Kind::Number),
            Column::new("What sets it apart", Kind::Words),
            Column::new("Such as", Kind::Address).optional(),
        ],
        &rows,
    );
    main.push_str("</section>");
}

/// The mark of a group around a point: when the colours are used up, they come again in another
/// shape. Rows of no group have a quiet cross.
fn mark(number: Option<u64>, x: f64, y: f64, size: f64, opacity: &str) -> String {
    const COLORS: u64 = SERIES as u64 - 1;
    let paint = Paint::PAGE;
    let Some(place) = number.map(|number| number.saturating_sub(1)) else {
        let (x, y, long) = (
            coordinate(x - size),
            coordinate(y - size),
            coordinate(2.0 * size),
        );
        return format!(
            r#"<path d="M{x} {y}l{long} {long}m-{long} 0l{long} -{long}" fill="none" stroke="{}" stroke-width="1.4"/>"#,
            paint.muted
        );
    };
    let color = paint.series((place % COLORS) as usize, "");
    let paint = format!(r#"fill="{color}" fill-opacity="{opacity}""#);
    let corner = |right: f64, down: f64| {
        format!(
            "{} {}",
            coordinate(x + right * size),
            coordinate(y + down * size)
        )
    };
    let corners: &[(f64, f64)] = match place / COLORS % 4 {
        0 => {
            let (x, y, r) = (coordinate(x), coordinate(y), coordinate(size));
            return format!(r#"<circle cx="{x}" cy="{y}" r="{r}" {paint}/>"#);
        }
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
        _ => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
    };
    let corners: Vec<String> = corners.iter().map(|&(a, b)| corner(a, b)).collect();
    format!(r#"<path d="M{}Z" {paint}/>"#, corners.join("L"))
}

/// The mark of a group, for a legend.
fn swatch(number: Option<u64>) -> String {
    format!(
        r#"<svg class="swatch" width="14" height="14" aria-hidden="true">{}</svg>"#,
        mark(number, 7.0, 7.0, 5.0, "1")
    )
}

/// Rows as points.
fn map(found: &Clusters) -> String {
    const SIDE: f64 = 560.0;
    const EDGE: f64 = 14.0;
    let paint = Paint::PAGE;
    let mut out = format!(
        r#"<svg class="scatter" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="Map of rows; the table of groups has what sets them apart"><rect x="0.5" y="0.5" width="{0}" height="{0}" fill="none" stroke="{1}"/>"#,
        SIDE - 1.0,
        paint.grid
    );
    let ends = |of: &dyn Fn(&Place) -> f64| {
        found
            .map
            .iter()
            .map(of)
            .fold((f64::MAX, f64::MIN), |(low, high), v| {
                (low.min(v), high.max(v))
            })
    };
    let (left, right) = ends(&|place| place.x);
    let (bottom, top) = ends(&|place| place.y);
    let scale = |value: f64, low: f64, high: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        EDGE + share.clamp(0.0, 1.0) * (SIDE - 2.0 * EDGE)
    };
    for place in &found.map {
        let (x, y) = (
            scale(place.x, left, right),
            SIDE - scale(place.y, bottom, top),
        );
        out.push_str(&mark(place.cluster, x, y, 3.4, "0.65"));
    }
    let _ = write!(
        out,
        r#"<text x="{}" y="{}" text-anchor="end" font-size="11" fill="{}">shows {} of the variance</text></svg>"#,
        SIDE - 8.0,
        SIDE - 8.0,
        paint.muted,
        text::html(&units::share(found.map_shares.iter().sum()))
    );
    out
}
