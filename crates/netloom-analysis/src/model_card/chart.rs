//! Charts of the card: curves in the unit square, and the confusion matrix.

use std::fmt::Write as _;

use crate::report::chart::theme::{Paint, number};
use crate::report::{text, units};

/// Side of the plot.
const SIDE: f64 = 260.0;
/// Room at the left for the scale.
const LEFT: f64 = 52.0;
/// Room below for the scale and its name.
const BELOW: f64 = 44.0;
/// Room above and at the right.
const EDGE: f64 = 10.0;

/// A curve, its colour, and how it is drawn.
pub(super) struct Line<'a> {
    pub(super) points: &'a [(f64, f64)],
    pub(super) color: &'static str,
    /// Quiet and dashed: what to compare with.
    pub(super) reference: bool,
    /// A mark at each point.
    pub(super) marks: bool,
    /// Goes on at its height until the next point, as a precision does.
    pub(super) steps: bool,
}

/// Curves in the unit square; `says` is for those who cannot see it.
pub(super) fn square(across: &str, up: &str, says: &str, lines: &[Line<'_>]) -> String {
    let paint = Paint::PAGE;
    let (width, height) = (LEFT + SIDE + EDGE, EDGE + SIDE + BELOW);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"<svg class="square" viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#,
        text::html(says)
    );
    let x = |share: f64| number(LEFT + share.clamp(0.0, 1.0) * SIDE);
    let y = |share: f64| number(EDGE + (1.0 - share.clamp(0.0, 1.0)) * SIDE);
    for quarter in 0..=4_u8 {
        let share = f64::from(quarter) / 4.0;
        let label = number(share);
        let _ = write!(
            out,
            r#"<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" stroke="{5}"/><line x1="{6}" x2="{7}" y1="{3}" y2="{3}" stroke="{5}"/><text x="{0}" y="{8}" text-anchor="middle" font-size="11" fill="{9}">{label}</text><text x="{10}" y="{4}" text-anchor="end" font-size="11" fill="{9}">{label}</text>"#,
            x(share),
            y(0.0),
            y(1.0),
            y(share),
            number(EDGE + (1.0 - share) * SIDE + 4.0),
            paint.grid,
            x(0.0),
            x(1.0),
            number(EDGE + SIDE + 16.0),
            paint.muted,
            number(LEFT - 6.0),
        );
    }
    let _ = write!(
        out,
        r#"<text x="{}" y="{}" text-anchor="middle" font-size="12" fill="{3}">{across}</text><text transform="translate(11 {2}) rotate(-90)" text-anchor="middle" font-size="12" fill="{3}">{up}</text>"#,
        number(LEFT + SIDE / 2.0),
        number(EDGE + SIDE + 34.0),
        number(EDGE + SIDE / 2.0),
        paint.muted,
    );
    for line in lines {
        let mut path = String::new();
        let mut before = None;
        for &(at, value) in line.points {
            match before {
                None => {
                    let _ = write!(path, "M{} {}", x(at), y(value));
                }
                Some(_) if line.steps => {
                    let _ = write!(path, "H{}V{}", x(at), y(value));
                }
                Some(_) => {
                    let _ = write!(path, "L{} {}", x(at), y(value));
                }
            }
            before = Some(value);
        }
        let (width, dash) = if line.reference {
            (1.0, r#" stroke-dasharray="4 4""#)
        } else {
            (2.0, "")
        };
        let _ = write!(
            out,
            r#"<path d="{path}" fill="none" stroke="{}" stroke-width="{width}" stroke-linejoin="round"{dash}/>"#,
            line.color
        );
        if line.marks {
            for &(at, value) in line.points {
                let _ = write!(
                    out,
                    r#"<circle cx="{}" cy="{}" r="4" fill="{}"/>"#,
                    x(at),
                    y(value),
                    line.color
                );
            }
        }
    }
    out.push_str("</svg>");
    out
}

/// Room for a label in letters of 12.5 pixels, in the widest of the fonts that a page may get.
fn label_width(label: &str) -> f64 {
    let letter = |c: char| match c {
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 12.8,
        _ if c.is_ascii_uppercase() => 10.0,
        _ if c.is_ascii() => 8.3,
        _ => 8.3 * text::width(c.encode_utf8(&mut [0; 4])).max(1) as f64,
    };
    label.chars().map(letter).sum()
}

/// Rows of the matrix are true classes, columns told ones; each cell is as dark as its share of
/// its row.
pub(super) fn matrix(classes: &[String], counts: &[Vec<u64>]) -> String {
    const CELL: f64 = 30.0;
    const LABEL: usize = 22;
    let paint = Paint::PAGE;
    let widest = counts
        .iter()
        .flatten()
        .map(|&n| units::short(n).chars().count())
        .max();
    let column = (widest.unwrap_or(1) as f64 * 8.0 + 12.0).max(CELL);
    let labels: Vec<String> = classes
        .iter()
        .map(|class| text::cut_end(&text::visible(class), LABEL, "…"))
        .collect();
    let longest = labels
        .iter()
        .map(|label| label_width(label))
        .fold(0.0, f64::max);
    let left = longest + 12.0;
    let top = longest + 12.0;
    let (width, height) = (
        left + column * classes.len() as f64 + 2.0,
        top + CELL * classes.len() as f64 + 2.0,
    );
    let mut out = String::new();
    let _ = write!(
        out,
        r#"<svg class="matrix" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="Confusion matrix; the table below has its numbers">"#,
        number(width),
        number(height)
    );
    for (place, label) in labels.iter().enumerate() {
        let x = left + column * (place as f64 + 0.5) + 4.0;
        let y = top + CELL * (place as f64 + 0.5) + 4.0;
        let label = text::html(label);
        let _ = write!(
            out,
            r#"<text transform="translate({0} {1}) rotate(-90)" font-size="12.5" fill="{4}">{label}</text><text x="{2}" y="{3}" text-anchor="end" font-size="12.5" fill="{4}">{label}</text>"#,
            number(x),
            number(top - 8.0),
            number(left - 8.0),
            number(y),
            paint.text
        );
    }
    for (row, counts) in counts.iter().enumerate() {
        let all: u64 = counts.iter().sum();
        for (place, &count) in counts.iter().enumerate() {
            let share = if all == 0 {
                0.0
            } else {
                count as f64 / all as f64
            };
            let (x, y) = (left + column * place as f64, top + CELL * row as f64);
            let color = if place == row { paint.bar } else { paint.sent };
            let _ = write!(
                out,
                r#"<rect x="{0}" y="{1}" width="{2}" height="{3}" fill="{color}" fill-opacity="{4}" stroke="{5}"/>"#,
                number(x),
                number(y),
                number(column),
                number(CELL),
                // Never so dark that the number on it cannot be read.
                number(if count == 0 { 0.0 } else { 0.08 + 0.4 * share }),
                paint.grid,
            );
            if count > 0 {
                let _ = write!(
                    out,
                    r#"<text x="{}" y="{}" text-anchor="middle" font-size="12" fill="{}">{}</text>"#,
                    number(x + column / 2.0),
                    number(y + CELL / 2.0 + 4.0),
                    paint.text,
                    text::html(&units::short(count))
                );
            }
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_room() {
        // Advances of DejaVu Sans, which is wide, at 12.5 pixels.
        for (label, advance) in [
            ("names", 41.7),
            ("MMWW", 46.3),
            ("SSH", 29.2),
            ("mwmw", 44.8),
        ] {
            assert!(label_width(label) >= advance, "{label}");
        }
        let wide = matrix(&["mmmm".to_owned()], &[vec![1]]);
        let narrow = matrix(&["iiii".to_owned()], &[vec![1]]);
        assert_ne!(wide, narrow);
    }
}
