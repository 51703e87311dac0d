//! Bars: horizontal ones with one or two parts, and the histogram of packet sizes.

use std::fmt::Write as _;

use super::super::model::SizeBucket;
use super::super::{text, units};
use super::theme::{Across, Paint, number, share};

/// A horizontal bar: its label, its parts and the text at its end.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: Vec<(f64, &'static str)>,
    pub(super) value: String,
}

/// Horizontal bars below each other; the longest fills the width. Gives height and markup.
pub(super) fn draw(bars: &[Bar], paint: &Paint, label_columns: usize) -> (f64, String) {
    const ROW: f64 = 28.0;
    let left = 24.0 + label_columns as f64 * 7.6;
    let width = (super::WIDTH - left - 130.0).max(80.0);
    let total = |bar: &Bar| bar.parts.iter().map(|p| p.0).sum::<f64>();
    let largest = bars.iter().map(total).fold(0.0, f64::max);
    let mut out = String::new();
    for (i, bar) in bars.iter().enumerate() {
        let y = ROW * i as f64;
        let label = text::cut_middle(&bar.label, label_columns, "…");
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#"<text x="{}" y="{}" text-anchor="end" font-size="13" fill="{}">{}</text>"#,
            number(left - 12.0),
            y + 18.0,
            paint.text,
            text::html(&label)
        );
        let mut x = left;
        for (value, color) in &bar.parts {
            let long = share(*value, largest) * width;
            let _ = write!(
                out,
                r#"<rect x="{}" y="{}" width="{}" height="16" fill="{color}"/>"#,
                number(x),
                y + 6.0,
                number(long)
            );
            x += long;
        }
        let _ = write!(
            out,
            r#"<text x="{}" y="{}" font-size="13" fill="{}">{}</text>"#,
            number(x + 8.0),
            y + 18.0,
            paint.muted,
            text::html(&bar.value)
        );
    }
    (ROW * bars.len() as f64, out)
}

/// The range of lengths of a bucket, in words.
pub(crate) fn size_range(bucket: &SizeBucket) -> String {
    match bucket.max {
        Some(max) if max == bucket.min => format!("{max}"),
        Some(max) => format!("{}–{max}", bucket.min),
        None => format!("{}+", bucket.min),
    }
}

/// The histogram of packet sizes as columns: `height` pixels for the bars, then 24 for their
/// labels. Each column is a group that a page makes readable by hover and keys.
pub(crate) fn histogram(
    buckets: &[SizeBucket],
    across: Across,
    height: f64,
    paint: &Paint,
) -> String {
    let largest = buckets.iter().map(|b| b.packets).max().unwrap_or(0) as f64;
    let all = buckets
        .iter()
        .fold(0_u64, |a, b| a.saturating_add(b.packets));
    let column = 1.0 / buckets.len().max(1) as f64;
    let mut out = String::new();
    let _ = write!(
        out,
        r#"<line x1="{}" x2="{}" y1="{height}" y2="{height}" stroke="{}"/>"#,
        across.at(0.0),
        across.at(1.0),
        paint.grid
    );
    for (i, bucket) in buckets.iter().enumerate() {
        let tall = share(bucket.packets as f64, largest) * (height - 22.0);
        let tall = if bucket.packets > 0 {
            tall.max(1.5)
        } else {
            0.0
        };
        let at = column * i as f64;
        let range = size_range(bucket);
        let portion = text::html(&units::percent(bucket.packets, all));
        let _ = write!(
            out,
            r#"<g class="mark" data-title="{range} bytes" data-text="{} packets, {portion}|{} in all"><rect class="hit" x="{}" y="0" width="{}" height="{height}" fill="transparent"/><rect x="{}" y="{}" width="{}" height="{}" fill="{}"/><text x="{}" y="{}" text-anchor="middle" font-size="12" fill="{}">{portion}</text><text class="tick" x="{}" y="{}" text-anchor="middle" font-size="11" fill="{}">{range}</text></g>"#,
            units::count(bucket.packets),
            units::bytes(bucket.bytes),
            across.at(at),
            across.long(column),
            across.at(at + column * 0.1),
            number(height - tall),
            across.long(column * 0.8),
            number(tall),
            paint.bar,
            across.at(at + column / 2.0),
            number(height - tall - 7.0),
            paint.text,
            across.at(at + column / 2.0),
            height + 18.0,
            paint.muted,
        );
    }
    out
}
