//! A series and what comes next as SVG.

use std::fmt::Write as _;

use super::{Forecasts, SeriesFacts};
use crate::report::chart::theme::{Paint, number};
use crate::report::chart::timeline::{axis_ticks, round_up};
use crate::report::text;

const HEIGHT: f64 = 300.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 16.0;
const ABOVE: f64 = 12.0;
const BELOW: f64 = 30.0;
/// Points of the past that are drawn at most; beyond them the largest of each few.
const MOST: usize = 900;

/// How a chart is laid out: letters are as large as the page's where it is about as wide as this.
pub(super) struct Layout {
    class: &'static str,
    width: f64,
    /// About so many times on the axis.
    ticks: usize,
}

/// For screens, and for narrow ones: the style sheet shows one of the two.
pub(super) const LAYOUTS: [Layout; 2] = [
    Layout {
        class: "wide",
        width: 960.0,
        ticks: 7,
    },
    Layout {
        class: "narrow",
        width: 400.0,
        ticks: 2,
    },
];

/// The part of the past that is worth seeing beside the forecast, from its place on.
pub(super) fn shown_from(series: &SeriesFacts) -> usize {
    let wanted = (series.forecast.len() * 6).max(120);
    series.values.len().saturating_sub(wanted)
}

/// The chart; `says` is for those who cannot see it.
pub(super) fn draw(facts: &Forecasts, series: &SeriesFacts, says: &str, layout: &Layout) -> String {
    let width = layout.width;
    let paint = Paint::PAGE;
    let from = shown_from(series);
    let past = &series.values[from..];
    let count = past.len() + series.forecast.len();
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    let known = past.iter().flatten().copied();
    let coming = series
        .forecast
        .iter()
        .flat_map(|point| [Some(point.value), point.low, point.high])
        .flatten();
    for value in known.chain(coming).filter(|value| value.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    let (top, bottom) = (
        round_up(high.max(if low < 0.0 { 0.0 } else { f64::MIN_POSITIVE })),
        if low < 0.0 { -round_up(-low) } else { 0.0 },
    );
    let plot = HEIGHT - ABOVE - BELOW;
    let wide = width - LEFT - RIGHT;
    let x = |place: f64| number(LEFT + wide * (place / (count.max(2) - 1) as f64).clamp(0.0, 1.0));
    let y = |value: f64| {
        let share = ((value - bottom) / (top - bottom)).clamp(0.0, 1.0);
        number(ABOVE + plot * (1.0 - share))
    };
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"<svg class="series {}" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{}">"#,
        layout.class,
        text::html(says)
    );
    for quarter in 0..=4_u8 {
        let value = bottom + (top - bottom) * f64::from(quarter) / 4.0;
        let _ = write!(
            out,
            r#"<line x1="{LEFT}" x2="{0}" y1="{1}" y2="{1}" stroke="{2}"/><text x="{3}" y="{1}" dy="4" text-anchor="end" font-size="12" fill="{4}">{5}</text>"#,
            width - RIGHT,
            y(value),
            paint.grid,
            LEFT - 8.0,
            paint.muted,
            text::html(&facts.value(value)),
        );
    }
    let start = i128::from(series.start_ns) + i128::from(series.interval_ns) * from as i128;
    let span = facts.interval_seconds * (count.max(2) - 1) as f64;
    for (at, label) in axis_ticks(start, span, layout.ticks) {
        let _ = write!(
            out,
            r#"<text x="{}" y="{}" text-anchor="{}" font-size="12" fill="{}">{}</text>"#,
            number(LEFT + wide * at),
            HEIGHT - 8.0,
            if wide * (1.0 - at) < 30.0 {
                "end"
            } else {
                "middle"
            },
            paint.muted,
            text::html(&label)
        );
    }
    band(&mut out, series, past.len(), &x, &y, &paint);
    line(&mut out, past, &x, &y, paint.bar);
    let mut coming: Vec<(usize, f64)> = past
        .iter()
        .enumerate()
        .next_back()
        .and_then(|(place, value)| value.map(|value| (place, value)))
        .into_iter()
        .collect();
    coming.extend(
        series
            .forecast
            .iter()
            .enumerate()
            .map(|(step, point)| (past.len() + step, point.value)),
    );
    let path: Vec<String> = coming
        .iter()
        .map(|(place, value)| format!("{} {}", x(*place as f64), y(*value)))
        .collect();
    if path.len() > 1 {
        let _ = write!(
            out,
            r#"<path d="M{}" fill="none" stroke="{}" stroke-width="2" stroke-dasharray="5 3"/>"#,
            path.join("L"),
            paint.sent
        );
    }
    for one in &series.anomalies {
        let Some(place) = (one.place as usize).checked_sub(from) else {
            continue;
        };
        let value = one.value.unwrap_or(0.0);
        let _ = write!(
            out,
            r#"<circle cx="{}" cy="{}" r="4.5" fill="none" stroke="var(--high)" stroke-width="2"><title>{}</title></circle>"#,
            x(place as f64),
            y(value),
            text::html(&facts.anomaly(one))
        );
    }
    out.push_str("</svg>");
    out
}

/// The range in which what comes is expected.
fn band(
    out: &mut String,
    series: &SeriesFacts,
    past: usize,
    x: &dyn Fn(f64) -> String,
    y: &dyn Fn(f64) -> String,
    paint: &Paint,
) {
    let edge = |value: &dyn Fn(usize) -> Option<f64>| -> Vec<String> {
        (0..series.forecast.len())
            .filter_map(|step| {
                value(step).map(|value| format!("{} {}", x((past + step) as f64), y(value)))
            })
            .collect()
    };
    let above = edge(&|step| series.forecast[step].high);
    let mut below = edge(&|step| series.forecast[step].low);
    if above.is_empty() || below.is_empty() {
        return;
    }
    below.reverse();
    let _ = write!(
        out,
        r#"<path d="M{}L{}Z" fill="{}" fill-opacity="0.2" stroke="none"/>"#,
        above.join("L"),
        below.join("L"),
        paint.sent
    );
}

/// The past; where nothing was measured the line is broken.
fn line(
    out: &mut String,
    past: &[Option<f64>],
    x: &dyn Fn(f64) -> String,
    y: &dyn Fn(f64) -> String,
    color: &str,
) {
    let step = past.len().div_ceil(MOST).max(1);
    let mut path = String::new();
    let mut open = false;
    for (number, part) in past.chunks(step).enumerate() {
        let largest = part.iter().flatten().copied().fold(f64::NAN, f64::max);
        if largest.is_nan() {
            open = false;
            continue;
        }
        let _ = write!(
            path,
            "{}{} {}",
            if open { 'L' } else { 'M' },
            x((number * step) as f64),
            y(largest)
        );
        open = true;
    }
    let _ = write!(
        out,
        r#"<path d="{path}" fill="none" stroke="{color}" stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round"/>"#
    );
}
