//! The protocol tree as an icicle: each protocol stands on the one that carries it, as wide as
//! its share of the bytes.

use std::fmt::Write as _;

use super::super::model::Protocol;
use super::super::{text, units};
use super::theme::{Across, Paint, number, share};

/// Height of a level in pixels.
const LEVEL: f64 = 34.0;
/// Levels that are drawn; deeper protocols are in the table.
const DEEPEST: usize = 10;
/// Narrower protocols (share of the whole) are not drawn: they could not be seen.
const NARROWEST: f64 = 0.000_5;

/// Width of the tree in a page on a usual screen, in pixels.
const USUAL_WIDTH: f64 = 1100.0;
/// Pixels of a letter, on average.
const LETTER: f64 = 7.0;

struct Node<'a> {
    protocol: &'a Protocol,
    level: usize,
    left: f64,
    width: f64,
    color: usize,
}

/// Places the protocols, which come depth first.
fn place(protocols: &[Protocol]) -> Vec<Node<'_>> {
    let whole: f64 = protocols
        .iter()
        .filter(|p| p.depth == 0)
        .map(|p| p.bytes as f64)
        .sum();
    let mut nodes: Vec<Node<'_>> = Vec::new();
    // For each open level: where its next child begins, and where it ends.
    let mut open: Vec<(f64, f64)> = vec![(0.0, 1.0)];
    // A protocol has one colour, whatever carries it.
    let mut names: Vec<&str> = Vec::new();
    let mut color = 0;
    for protocol in protocols {
        // A depth that skips a level is taken as the next one.
        let level = (protocol.depth as usize).min(open.len() - 1);
        open.truncate(level + 1);
        let Some(parent) = open.last_mut() else { break };
        let left = parent.0;
        let width = share(protocol.bytes as f64, whole).min((parent.1 - left).max(0.0));
        parent.0 += width;
        open.push((left, left + width));
        if level == 2 {
            color = names
                .iter()
                .position(|n| *n == protocol.name)
                .unwrap_or_else(|| {
                    names.push(&protocol.name);
                    names.len() - 1
                });
        }
        if level < DEEPEST && width >= NARROWEST {
            nodes.push(Node {
                protocol,
                level,
                left,
                width,
                color: if level < 2 { usize::MAX } else { color },
            });
        }
    }
    nodes
}

/// Height in pixels and markup of the tree.
pub(crate) fn draw(
    protocols: &[Protocol],
    across: Across,
    whole_bytes: u64,
    paint: &Paint,
) -> (f64, String) {
    let nodes = place(protocols);
    let levels = nodes.iter().map(|n| n.level + 1).max().unwrap_or(0);
    let mut out = String::new();
    for node in &nodes {
        let p = node.protocol;
        let color = if node.color == usize::MAX {
            paint.muted
        } else {
            paint.series(node.color, &p.name)
        };
        let opacity = if node.color == usize::MAX { 0.16 } else { 0.34 };
        let y = LEVEL * node.level as f64;
        let portion = text::html(&units::percent(p.bytes, whole_bytes));
        let name = text::html(&text::cut_end(&text::visible(&p.name), 40, "…"));
        // A nested svg cuts its content off at its edges, so that a label never leaves its box.
        let _ = write!(
            out,
            r#"<g class="mark" data-title="{}" data-text="{portion} of the bytes: {}|{} packets"><svg x="{}" y="{}" width="{}" height="{}"><rect width="100%" height="100%" fill="{color}" fill-opacity="{opacity}"/><rect width="100%" height="3" fill="{color}"/><rect class="edge" x="0" width="1" height="100%" fill="{}"/>"#,
            text::html(&text::cut_middle(&text::visible(&p.path), 120, "…")),
            units::bytes(p.bytes),
            units::count(p.packets),
            across.at(node.left),
            number(y),
            across.long(node.width),
            number(LEVEL - 2.0),
            paint.ground,
        );
        // A label that would be cut in half says less than none. How much room there is, only a
        // picture knows; a page cuts it at the edge.
        let room = match across {
            Across::Pixels { width, .. } => node.width * width,
            Across::Percent => node.width * USUAL_WIDTH,
        };
        if room >= 14.0 + text::width(&p.name) as f64 * LETTER || matches!(across, Across::Percent)
        {
            let _ = write!(
                out,
                r#"<text x="8" y="22" font-size="12.5" fill="{}">{name}"#,
                paint.text
            );
            if room >= 60.0 + text::width(&p.name) as f64 * LETTER {
                let _ = write!(out, r#" <tspan fill="{}">{portion}</tspan>"#, paint.muted);
            }
            out.push_str("</text>");
        }
        out.push_str("</svg></g>");
    }
    (LEVEL * levels as f64, out)
}
