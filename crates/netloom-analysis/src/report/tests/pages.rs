//! Pages: of nothing but what this code wrote, whatever the names.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::super::{html, json, sample, terminal, text};
use super::{options, samples};

#[test]
fn pages_hold_only_what_this_code_wrote() {
    for (name, report) in samples() {
        check_page(&html::render(&report)).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn pages_load_nothing() {
    // Hostile names may look like addresses; the structure of their page is checked above.
    for report in [sample::full(), sample::empty(), sample::one_packet()] {
        let page = html::render(&report);
        for load in [
            "http:", "https:", "//", "url(", "@import", "src=", "<link", "<img", "import(",
        ] {
            assert!(!page.contains(load), "{load}");
        }
    }
}

#[test]
fn pages_are_the_same_each_time() {
    assert_eq!(html::render(&sample::full()), html::render(&sample::full()));
    assert_eq!(
        terminal::render(&sample::full(), &options(80)),
        terminal::render(&sample::full(), &options(80))
    );
}

#[test]
fn pages_name_every_section_they_link() {
    for (name, report) in samples() {
        let page = html::render(&report);
        for link in page.split("href=\"#").skip(1) {
            let id = link.split('"').next().unwrap();
            assert_eq!(
                page.matches(&format!("id=\"{id}\"")).count(),
                1,
                "{name}: {id}"
            );
        }
    }
}

#[test]
fn facts_in_the_page_are_the_facts() {
    for report in [sample::full(), sample::hostile()] {
        let page = html::render(&report);
        let embedded = page
            .split("id=\"facts\">")
            .nth(1)
            .unwrap()
            .split("</script>")
            .next()
            .unwrap();
        let embedded: serde_json::Value = serde_json::from_str(embedded).unwrap();
        let facts: serde_json::Value =
            serde_json::from_str(&json::to_string(&report).unwrap()).unwrap();
        assert_eq!(embedded, facts);
    }
}

#[test]
fn policy_allows_the_script_and_style_of_the_page() {
    let page = html::render(&sample::one_packet());
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    let policy = policy.split('"').next().unwrap();
    let within = |open: &str, close: &str| {
        page.rsplit(open)
            .next()
            .unwrap()
            .split(close)
            .next()
            .unwrap()
            .to_owned()
    };
    for content in [
        within("<script>", "</script>"),
        within("<style>", "</style>"),
    ] {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(content));
        assert!(policy.contains(&format!("'sha256-{hash}'")));
    }
    assert!(policy.starts_with("default-src 'none';"));
    assert!(!policy.contains("unsafe"));
}

/// Elements and attributes this code writes. Anything else came from a packet.
const ELEMENTS: &str = "html head meta title style body a header div p h1 h2 h3 nav main section ul \
    li span b bdi wbr dl dt dd button svg path rect circle line g text tspan table caption thead \
    tbody tr th td details summary pre code footer script";
/// See [`ELEMENTS`].
const ATTRIBUTES: &str = "lang charset name content http-equiv class href id type aria-label \
    aria-hidden aria-pressed aria-live aria-describedby aria-roledescription role tabindex hidden \
    disabled open scope data-sort data-v data-text data-title data-measure data-show data-view \
    data-views data-facts title width height viewBox preserveAspectRatio overflow display x y x1 x2 y1 y2 dy \
    rx r cx cy d fill fill-opacity stroke stroke-width stroke-linecap \
    stroke-dasharray text-anchor font-size";

/// Walks the page as a browser would (WHATWG HTML section 13.2.5, as far as the page goes) and
/// complains about everything that is not of this code, open or hidden.
pub(super) fn check_page(page: &str) -> Result<(), String> {
    if page.chars().any(|c| c != '\n' && text::is_hidden(c)) {
        return Err("hidden characters".to_owned());
    }
    let elements: Vec<&str> = ELEMENTS.split_whitespace().collect();
    let attributes: Vec<&str> = ATTRIBUTES.split_whitespace().collect();
    let mut scripts = 0;
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('/') {
            let (name, after) = after.split_once('>').ok_or("unfinished end tag")?;
            let expected = open.pop().ok_or("too many end tags")?;
            if expected != name {
                return Err(format!("</{name}> ends <{expected}>"));
            }
            rest = after;
            continue;
        }
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .ok_or("unfinished tag")?;
        let name = &rest[..end];
        if !elements.contains(&name) {
            return Err(format!("element {name:?}: {}", &rest[..rest.len().min(80)]));
        }
        rest = &rest[end..];
        let mut empty = false;
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                empty = true;
                break;
            }
            let end = rest
                .find([' ', '=', '>', '/'])
                .ok_or("unfinished attribute")?;
            let attribute = &rest[..end];
            if !attributes.contains(&attribute) {
                return Err(format!("attribute {attribute:?} of {name}"));
            }
            rest = &rest[end..];
            if let Some(after) = rest.strip_prefix("=\"") {
                let (value, after) = after.split_once('"').ok_or("unfinished value")?;
                if value.contains(['<', '>']) && attribute != "content" {
                    return Err(format!("{attribute}={value:?}"));
                }
                if attribute == "href" && !value.starts_with('#') {
                    return Err(format!("href {value:?}"));
                }
                rest = after;
            }
        }
        if name == "script" || name == "style" {
            let (content, after) = rest.split_once(&format!("</{name}")).ok_or("no end")?;
            scripts += usize::from(name == "script");
            if name == "script" && scripts < 3 && content.contains(['<', '>', '&']) {
                return Err("markup in the facts".to_owned());
            }
            rest = after.strip_prefix('>').ok_or("strange end")?;
        } else if !empty && !matches!(name, "meta" | "wbr") {
            open.push(name.to_owned());
        }
    }
    if scripts != 3 {
        return Err(format!("{scripts} scripts"));
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("never closed: {open:?}"))
    }
}

#[test]
fn the_check_of_pages_sees_what_it_is_for() {
    let page = html::render(&sample::one_packet());
    for bad in [
        "<img>",
        "<b onclick=\"x\">",
        "<!--",
        "<a href=\"x\">",
        "\u{202e}",
        "<script>",
        "</b>",
        "<div>",
    ] {
        let broken = page.replacen("<h2>", &format!("<h2>{bad}"), 1);
        assert!(check_page(&broken).is_err(), "{bad}");
    }
}
