use netloom_ml::card::ModelCard;

use super::sample::full;
use super::{html, json, terminal};
use crate::report::terminal::TerminalOptions;
use crate::report::text;

const HOSTILE: [&str; 3] = [
    "\x1b[31mred\x1b[0m </script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> & 'quoted' \u{202e}evil",
    "a\nb\r\n,\"c\"\t=cmd|' /C calc'!A0",
];

fn plain() -> ModelCard {
    full(["benign", "port scan", "brute force"])
}

#[test]
fn names_stay_text_in_a_page() {
    let page = html(&full(HOSTILE));
    assert!(!page.contains("<script>alert"), "a script got through");
    assert!(!page.contains("<img"), "an element got through");
    assert!(!page.contains('\x1b') && !page.contains('\u{202e}'));
    // The page is well-formed: with the doctype and the void elements put right it is XML.
    let body = page.split_once("<main").unwrap().1;
    let body = format!("<main{}</main>", body.split_once("</main>").unwrap().0);
    let body = body
        .replace("<wbr>", "<wbr/>")
        .replace("data-sort>", "data-sort=\"\">");
    roxmltree::Document::parse(&body).unwrap();
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn names_stay_text_in_a_terminal() {
    for width in [40, 60, 80, 132] {
        for unicode in [true, false] {
            let options = TerminalOptions {
                width,
                unicode,
                ..TerminalOptions::default()
            };
            let shown = terminal(&full(HOSTILE), &options);
            for line in shown.lines() {
                assert!(text::width(line) <= width, "{width}: {line}");
                assert!(!line.chars().any(text::is_hidden), "{line:?}");
                assert!(unicode || line.is_ascii(), "{line}");
            }
        }
    }
}

#[test]
fn json_is_the_card() {
    let card = full(HOSTILE);
    let text = json(&card).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
    assert!(serde_json::from_str::<ModelCard>(&text).unwrap() == card);
}

#[test]
fn every_fact_is_shown() {
    let (card, page) = (plain(), html(&plain()));
    for fact in [
        "port scan",
        "column port scan alone tells the label",
        "identifies a host",
        "n_estimators",
        "Always benign",
        "60 of 600 test rows (10 %), 2 of them of another class",
        "macro F1 0.950 (+0.150)",
        "2024-05-06",
        "└─ no: port scan",
        "continued",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    let shown = terminal(
        &card,
        &TerminalOptions {
            width: 100,
            ..TerminalOptions::default()
        },
    );
    for fact in [
        "port scan",
        "src_ip",
        "macro F1",
        "0.950 instead of 0.800 (+0.150)",
        "alone tells the label",
    ] {
        assert!(shown.contains(fact), "{fact}");
    }
}

/// A model without a test, or a card of another version.
#[test]
fn an_empty_card_is_shown_too() {
    let card = ModelCard::default();
    assert!(html(&card).contains("</html>"));
    assert!(!terminal(&card, &TerminalOptions::default()).is_empty());
}

#[test]
fn terminal_of_80_columns() {
    insta::assert_snapshot!(terminal(&plain(), &TerminalOptions::default()));
}
