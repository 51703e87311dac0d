//! Forecasts as a page that needs nothing else.

use std::fmt::Write as _;

use super::super::parts;
use super::{Forecasts, SeriesFacts, chart};
use crate::report::html::frame::Frame;
use crate::report::html::parts as page;
use crate::report::html::table::{self, Cell, Column, Kind};
use crate::report::{text, units};

/// The page.
pub fn render(facts: &Forecasts) -> String {
    let mut main = String::with_capacity(64 * 1024);
    let mut contents = vec![("overview", "Overview")];
    overview(&mut main, facts);
    for (place, series) in facts.series.iter().enumerate() {
        // Anchors of the first only: a page of many series would have a bar of many names.
        let id = if place == 0 { "series" } else { "" };
        if place == 0 {
            contents.push(("series", "Series"));
        }
        one(&mut main, facts, series, id);
    }
    if !facts.warnings.is_empty() {
        contents.push(("notes", "Good to know"));
        parts::section(&mut main, "notes", "Good to know", "");
        for warning in &facts.warnings {
            main.push_str("<p>");
            main.push_str(&text::html(&text::visible(warning)));
            main.push_str("</p>");
        }
        main.push_str("</section>");
    }
    let json = serde_json::to_string(facts).unwrap_or_else(|_| "{}".to_owned());
    Frame {
        brand: "netloom forecast",
        kind: "forecast",
        title: &facts.title(),
        about: &facts.about(),
        warning: None,
        contents: &contents,
        facts: &text::plain_json(&json),
        timeline_facts: "null",
    }
    .page(&main, &parts::footer(&facts.netloom_version))
}

fn overview(main: &mut String, facts: &Forecasts) {
    let mut figures = Vec::new();
    if let Some(series) = facts.series.first() {
        if let Some(next) = series.forecast.first() {
            let range = match (next.low, next.high) {
                (Some(low), Some(high)) => {
                    format!("{} – {}", facts.value(low), facts.value(high))
                }
                _ => String::new(),
            };
            figures.push(("Next interval", facts.value(next.value), range));
        }
        if let Some((at, value)) = &series.peak {
            figures.push(("Peak", facts.value(*value), units::date_time(at)));
        }
        if let Some((day, sum)) = &series.busiest_day {
            figures.push(("Busiest day", facts.value(*sum), day.clone()));
        }
        if let Some((hour, mean)) = series.peak_hours.first() {
            figures.push((
                "Peak hour",
                format!("{hour:02}:00 UTC"),
                format!("{} an interval", facts.value(*mean)),
            ));
        }
        if let Some(capacity) = &series.capacity {
            figures.push((
                "Full",
                capacity
                    .full
                    .clone()
                    .unwrap_or_else(|| units::NONE.to_owned()),
                format!(
                    "{} of {} now",
                    units::share(capacity.utilisation),
                    capacity.capacity
                ),
            ));
        }
    }
    page::figures(main, "overview", &figures);
}

fn one(main: &mut String, facts: &Forecasts, series: &SeriesFacts, id: &str) {
    let all = facts.title();
    let name = text::html(&text::cut_middle(
        &text::visible(series.title(&all)),
        80,
        "…",
    ));
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(r#" id="{id}""#)
    };
    // Writing to a String cannot fail.
    let _ = write!(
        main,
        r#"<section class="card"{id}><header><h2><bdi>{name}</bdi></h2><p class="muted small">{} of the past</p></header>"#,
        units::counted(series.values.len() as u64, "interval", "intervals")
    );
    let says =
        "The past and the forecast with its range; the table below has the forecast's numbers";
    for layout in &chart::LAYOUTS {
        main.push_str(&chart::draw(facts, series, says, layout));
    }
    let _ = write!(
        main,
        r#"<ul class="legend"><li>{}past</li><li>{}forecast and its range</li></ul>"#,
        page::swatch("var(--bar)"),
        page::swatch("var(--sent)")
    );
    parts::facts_markup(main, &facts.facts(series));
    if !series.anomalies.is_empty() {
        main.push_str("<h3>What did not fit</h3>");
        let rows: Vec<Vec<Cell>> = series
            .anomalies
            .iter()
            .map(|one| {
                let value = one
                    .value
                    .map_or_else(|| "nothing".to_owned(), |value| facts.value(value));
                vec![
                    Cell::Text(units::date_time(&one.from)),
                    Cell::Text(one.kind.replace('-', " ")),
                    Cell::Number(value, one.value.unwrap_or(0.0)),
                    Cell::Number(facts.value(one.expected), one.expected),
                    Cell::Number(units::count(one.intervals), one.intervals as f64),
                ]
            })
            .collect();
        table::write(
            main,
            "What did not fit",
            &[
                Column::new("From", Kind::Words),
                Column::new("What", Kind::Words),
                Column::new("Seen", Kind::Number),
                Column::new("Usual", Kind::Number),
                Column::new("Intervals", Kind::Number).optional(),
            ],
            &rows,
        );
    }
    if !series.tried.is_empty() {
        main.push_str("<h3>Methods that were tried</h3>");
        let rows: Vec<Vec<Cell>> = series
            .tried
            .iter()
            .map(|tried| {
                vec![
                    Cell::Text(tried.method.replace('-', " ")),
                    Cell::Number(
                        facts.value(tried.mean_absolute_error),
                        tried.mean_absolute_error,
                    ),
                    Cell::Number(format!("{:+.0} %", tried.skill * 100.0), tried.skill),
                ]
            })
            .collect();
        table::write(
            main,
            "Methods that were tried",
            &[
                Column::new("Method", Kind::Words),
                Column::new("Mean absolute error", Kind::Number),
                Column::new("Against seasonal naive", Kind::Number),
            ],
            &rows,
        );
    }
    if !series.forecast.is_empty() {
        main.push_str("<h3>Forecast</h3>");
        let rows: Vec<Vec<Cell>> = series
            .forecast
            .iter()
            .map(|point| {
                let end = |value: Option<f64>| match value {
                    Some(value) => Cell::Number(facts.value(value), value),
                    None => Cell::Number(units::NONE.to_owned(), f64::NAN),
                };
                vec![
                    Cell::Text(units::date_time(&point.time)),
                    Cell::Strong(facts.value(point.value), point.value),
                    end(point.low),
                    end(point.high),
                ]
            })
            .collect();
        table::write(
            main,
            "Forecast",
            &[
                Column::new("From", Kind::Words),
                Column::new("Forecast", Kind::Number),
                Column::new("Low", Kind::Number),
                Column::new("High", Kind::Number),
            ],
            &rows,
        );
    }
    main.push_str("</section>");
}
