//! What every page has around its sections.
//!
//! A content security policy allows exactly the page's own style and script by their hashes, so
//! that even text that were not escaped could neither run nor load anything.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::super::text;

static STYLE: &str = include_str!("../../../assets/report.css");
static SCRIPT: &str = include_str!("../../../assets/report.js");

/// A page that needs nothing else. Texts are escaped here, but for the markup that
/// [`page`](Self::page) is given.
pub(crate) struct Frame<'a> {
    /// Stands small above the title.
    pub(crate) brand: &'a str,
    /// What kind of page it is: after the title, in the browser's.
    pub(crate) kind: &'a str,
    /// The title.
    pub(crate) title: &'a str,
    /// A line below the title.
    pub(crate) about: &'a str,
    /// What must be known before anything else.
    pub(crate) warning: Option<&'a str>,
    /// Anchors and names of the sections.
    pub(crate) contents: &'a [(&'static str, &'static str)],
    /// All facts, as JSON, to be saved from the page.
    pub(crate) facts: &'a str,
    /// Facts of the timeline, as JSON; `null` where there is none.
    pub(crate) timeline_facts: &'a str,
}

impl Frame<'_> {
    /// The page around the markup of its sections and of its footer.
    pub(crate) fn page(&self, main: &str, footer: &str) -> String {
        let size = STYLE.len() + SCRIPT.len() + main.len() + self.facts.len() + 4096;
        let mut out = String::with_capacity(size);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{} · {}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
"##,
            hash(STYLE),
            hash(SCRIPT),
            text::html(self.title),
            text::html(self.kind),
        );
        self.head(&mut out);
        self.navigation(&mut out);
        let _ = write!(
            out,
            r#"<main id="main" class="wrap">
{main}</main>
<footer class="wrap"><p>{footer}</p></footer><script type="application/json" id="facts">{}</script>
<script type="application/json" id="timeline-facts">{}</script>
<script>{SCRIPT}</script>
</body>
</html>
"#,
            text::script_json(self.facts),
            text::script_json(&text::plain_json(self.timeline_facts)),
        );
        out
    }

    fn head(&self, out: &mut String) {
        let _ = write!(
            out,
            r#"<header class="top"><div class="wrap"><div><p class="brand">{}</p><h1><bdi>{}</bdi></h1><p class="muted">{}</p>"#,
            text::html(self.brand),
            text::html(self.title),
            text::html(self.about),
        );
        if let Some(warning) = self.warning {
            let _ = write!(out, r#"<p class="warning">{}</p>"#, text::html(warning));
        }
        out.push_str(r#"</div><div class="tools js-only"><button class="button" type="button" id="save">Save facts (JSON)</button><button class="button" type="button" id="theme">Theme: system</button></div></div></header>"#);
    }

    fn navigation(&self, out: &mut String) {
        out.push_str("<nav class=\"toc\" aria-label=\"Sections\"><div class=\"wrap\">");
        for (id, title) in self.contents {
            let _ = write!(out, "<a href=\"#{id}\">{title}</a>");
        }
        out.push_str("</div></nav>\n");
    }
}

/// A source of the content security policy that allows just this text.
fn hash(content: &str) -> String {
    format!(
        "sha256-{}",
        base64::engine::general_purpose::STANDARD.encode(Sha256::digest(content))
    )
}
