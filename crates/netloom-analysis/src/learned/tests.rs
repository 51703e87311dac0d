use netloom_ml::anomaly::Reason;

use super::anomalies::{Change, Finding, Labels, Shift};
use super::clusters::{Agreement, Cluster, Place};
use super::forecast::{AnomalyFacts, PointFacts, SeriesFacts, TriedFacts};
use super::{Anomalies, Clusters, Forecasts, Source, anomalies, clusters, forecast, json};
use crate::report::terminal::TerminalOptions;
use crate::report::text;

pub(super) const HOSTILE: &str =
    "\x1b[31mred\x1b[0m </script><script>alert(1)</script>\"><img src=x> & \u{202e}evil";

fn found(name: &str) -> Anomalies {
    let source = Source {
        name: name.to_owned(),
        kind: "csv".to_owned(),
        rows: 10,
    };
    Anomalies {
        sources: vec![source.clone()],
        learnt_from: vec![source],
        row: "host in 60 s".to_owned(),
        rows: 1000,
        rows_learnt: 400,
        detector: "robust-z".to_owned(),
        columns: vec![name.to_owned()],
        false_alarms: 0.01,
        threshold: Some(4.2),
        odd: 12,
        findings: vec![Finding {
            row: 7,
            time: Some("2026-11-20T10:57:31Z".to_owned()),
            who: name.to_owned(),
            score: 9.25,
            p_value: 0.002,
            reasons: vec![Reason {
                column: name.to_owned(),
                value: "48 MB".to_owned(),
                normal: "normal: 0.1–2.2 MB".to_owned(),
                share: 0.9,
            }],
            label: Some(name.to_owned()),
        }],
        changes: vec![Change {
            row: 70,
            time: None,
        }],
        drift: vec![Shift {
            column: name.to_owned(),
            index: 0.4,
        }],
        labels: Some(Labels {
            column: "label".to_owned(),
            harmless: name.to_owned(),
            positives: 10,
            roc_auc: Some(0.9),
            pr_auc: Some(0.5),
            precision: Some(0.25),
            recall: Some(0.3),
            false_alarms: Some(0.009),
        }),
        ..Anomalies::default()
    }
}

/// A page is well-formed and what came from data is text in it.
pub(super) fn is_sound(page: &str) {
    assert!(!page.contains("<script>alert"), "a script got through");
    assert!(!page.contains("<img"), "an element got through");
    assert!(!page.contains('\x1b') && !page.contains('\u{202e}'));
    let body = page.split_once("<main").unwrap().1;
    let body = format!("<main{}</main>", body.split_once("</main>").unwrap().0);
    let body = body
        .replace("<wbr>", "<wbr/>")
        .replace("<br>", "<br/>")
        .replace("data-sort>", "data-sort=\"\">");
    roxmltree::Document::parse(&body).unwrap();
}

/// Lines keep to the width and hold nothing that acts on a terminal.
pub(super) fn fits(shown: impl Fn(&TerminalOptions) -> String) {
    for width in [40, 80, 132] {
        for unicode in [true, false] {
            let options = TerminalOptions {
                width,
                unicode,
                ..TerminalOptions::default()
            };
            for line in shown(&options).lines() {
                assert!(text::width(line) <= width, "{width}: {line}");
                assert!(!line.chars().any(text::is_hidden), "{line:?}");
                assert!(unicode || line.is_ascii(), "{line}");
            }
        }
    }
}

#[test]
fn anomalies_stay_text() {
    is_sound(&anomalies::html(&found(HOSTILE)));
    fits(|options| anomalies::terminal(&found(HOSTILE), options));
    let text = json(&found(HOSTILE)).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
}

#[test]
fn anomalies_are_told_with_their_reasons() {
    let text = anomalies::terminal(&found("flows.csv"), &TerminalOptions::default());
    for words in [
        "1,000 hosts in 60 s",
        "flows.csv 48 MB (normal: 0.1–2.2 MB)",
        "2026-11-20 10:57:31 UTC",
        "ROC-AUC 0.9",
        "from row 70 on",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

fn groups(name: &str) -> Clusters {
    Clusters {
        sources: vec![Source {
            name: name.to_owned(),
            ..Source::default()
        }],
        row: "flow".to_owned(),
        rows: 100,
        columns: vec![name.to_owned()],
        algorithm: "hdbscan".to_owned(),
        clusters: vec![Cluster {
            number: 1,
            rows: 90,
            words: vec![format!("{name} dns 98 % (others 2 %)")],
            examples: vec![name.to_owned()],
            labels: vec![(name.to_owned(), 80)],
        }],
        noise: 10,
        silhouette: Some(0.6),
        tried: vec![(2, 0.4), (3, 0.6)],
        labels: Some(Agreement {
            column: name.to_owned(),
            adjusted_rand: 0.5,
            normalized_mutual_info: 0.4,
        }),
        map: vec![
            Place {
                x: 0.0,
                y: 1.0,
                cluster: Some(1),
            },
            Place {
                x: f64::NAN,
                y: 2.0,
                cluster: None,
            },
        ],
        map_shares: [0.5, 0.2],
        ..Clusters::default()
    }
}

#[test]
fn groups_stay_text() {
    is_sound(&clusters::html(&groups(HOSTILE)));
    fits(|options| clusters::terminal(&groups(HOSTILE), options));
    let text = clusters::terminal(&groups("service"), &TerminalOptions::default());
    for words in [
        "90 flows (90 %)",
        "service dns 98 % (others 2 %)",
        "10 flows that belong to none",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Nothing at all, and a map of one point, are pages too.
    is_sound(&clusters::html(&Clusters::default()));
}

#[test]
fn groups_beyond_the_colours_have_marks_of_their_own() {
    let mut found = groups("service");
    found.clusters = (1..=21)
        .map(|number| Cluster {
            number,
            ..Cluster::default()
        })
        .collect();
    let page = clusters::html(&found);
    let marks: std::collections::BTreeSet<&str> = page
        .split(r#"<svg class="swatch""#)
        .skip(1)
        .filter_map(|rest| rest.split_once("</svg>"))
        .map(|(mark, _)| mark)
        .collect();
    // Those of the groups, and that of rows in none.
    assert_eq!(marks.len(), 22);
}

fn series(name: &str) -> Forecasts {
    Forecasts {
        sources: vec![Source {
            name: name.to_owned(),
            ..Source::default()
        }],
        metric: "bytes".to_owned(),
        per: "host".to_owned(),
        interval_seconds: 3600.0,
        level: 0.8,
        series: vec![SeriesFacts {
            name: name.to_owned(),
            interval_ns: 3_600_000_000_000,
            values: vec![Some(1e6), None, Some(3e6), Some(2e6)],
            forecast: vec![
                PointFacts {
                    time: "1970-01-01T04:00:00Z".to_owned(),
                    value: 2.5e6,
                    low: Some(1e6),
                    high: Some(4e6),
                },
                PointFacts {
                    time: "1970-01-01T05:00:00Z".to_owned(),
                    value: 2e6,
                    low: None,
                    high: None,
                },
            ],
            method: "ets".to_owned(),
            method_words: "exponential smoothing".to_owned(),
            tried: vec![TriedFacts {
                method: "ets".to_owned(),
                mean_absolute_error: 1e5,
                skill: 0.25,
            }],
            origins: 4,
            coverage: Some(0.79),
            coverage_of: 100,
            anomalies: vec![AnomalyFacts {
                kind: "missing".to_owned(),
                from: "1970-01-01T01:00:00Z".to_owned(),
                intervals: 2,
                place: 1,
                value: None,
                expected: 1e6,
                score: 9.0,
            }],
            ..SeriesFacts::default()
        }],
        series_found: 7,
        ..Forecasts::default()
    }
}

#[test]
fn forecasts_stay_text() {
    is_sound(&forecast::html(&series(HOSTILE)));
    fits(|options| forecast::terminal(&series(HOSTILE), options));
    is_sound(&forecast::html(&Forecasts::default()));
    // Narrow screens have a chart of their own, which needs no scrolling.
    let page = forecast::html(&series("10.0.0.1"));
    for layout in ["wide", "narrow"] {
        let chart = format!(r#"<svg class="series {layout}""#);
        assert_eq!(page.matches(&chart).count(), 1, "{layout}");
    }
}

#[test]
fn forecasts_in_words() {
    let text = forecast::terminal(&series("10.0.0.1"), &TerminalOptions::default());
    for words in [
        "the 1 largest of 7 series",
        "2.5 MB (5.6 kbit/s) (1 MB – 4 MB)",
        "errors 25 % smaller than repeating the season before",
        "traffic missing: nothing, usual 1 MB",
    ] {
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(words), "{words}: {text}");
    }
}
