//! Traffic over time: stacked steps, a colour a protocol.

use std::fmt::Write as _;

use super::super::model::Timeline;
use super::super::{text, units};
use super::theme::{Paint, number, share};

/// Most intervals that are drawn; more are joined, as no screen has the columns.
const MOST_POINTS: usize = 720;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Bytes,
    Packets,
    Flows,
}

impl Measure {
    pub(crate) const ALL: [Self; 3] = [Self::Bytes, Self::Packets, Self::Flows];

    /// Name in markup.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Flows => "flows",
        }
    }

    /// Name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bytes => "Bytes",
            Self::Packets => "Packets",
            Self::Flows => "New flows",
        }
    }

    /// What a value on the axis stands for: a rate where the interval is known.
    pub(crate) fn label(self, value: f64, interval: f64) -> String {
        let timed = interval.is_finite() && interval > 0.0;
        let label = match self {
            Self::Bytes if timed => units::bits_per_second(value * 8.0 / interval),
            Self::Bytes => units::bytes(value as u64),
            Self::Packets if timed => units::packets_per_second(value / interval),
            Self::Packets | Self::Flows => units::short(value as u64),
        };
        label.replace(".0 ", " ")
    }
}

/// A timeline ready to draw: at most [`MOST_POINTS`] intervals, every series as long as every
/// other.
pub(crate) struct Drawn {
    pub(crate) start: Option<i128>,
    pub(crate) interval: f64,
    pub(crate) points: usize,
    /// Name (escaped for display), packets, bytes.
    pub(crate) series: Vec<(String, Vec<u64>, Vec<u64>)>,
    pub(crate) packets: Vec<u64>,
    pub(crate) bytes: Vec<u64>,
    pub(crate) flows: Vec<u64>,
}

impl Drawn {
    /// None where there is nothing over time to show.
    pub(crate) fn new(timeline: &Timeline) -> Option<Self> {
        let len = timeline.bytes.len();
        if len == 0 {
            return None;
        }
        let step = len.div_ceil(MOST_POINTS);
        let join = |values: &[u64]| -> Vec<u64> {
            (0..len)
                .step_by(step)
                .map(|i| {
                    let part = values
                        .get(i..(i + step).min(values.len()).max(i))
                        .unwrap_or_default();
                    part.iter().fold(0, |a: u64, &b| a.saturating_add(b))
                })
                .collect()
        };
        let bytes = join(&timeline.bytes);
        Some(Self {
            start: timeline.start.as_deref().and_then(units::parse_time),
            interval: timeline.interval * step as f64,
            points: bytes.len(),
            series: timeline
                .by_protocol
                .iter()
                .map(|s| {
                    (
                        text::visible(&s.name).into_owned(),
                        join(&s.packets),
                        join(&s.bytes),
                    )
                })
                .collect(),
            packets: join(&timeline.packets),
            flows: join(&timeline.new_flows),
            bytes,
        })
    }

    /// The parts that are stacked for a measure.
    pub(crate) fn parts(&self, measure: Measure) -> Vec<(&str, &[u64])> {
        match measure {
            Measure::Flows => vec![("new flows", &self.flows)],
            Measure::Bytes if self.series.is_empty() => vec![("bytes", &self.bytes)],
            Measure::Packets if self.series.is_empty() => vec![("packets", &self.packets)],
            Measure::Bytes => self
                .series
                .iter()
                .map(|s| (s.0.as_str(), s.2.as_slice()))
                .collect(),
            Measure::Packets => self
                .series
                .iter()
                .map(|s| (s.0.as_str(), s.1.as_slice()))
                .collect(),
        }
    }

    /// The top of the axis: a round number at or above the largest stack.
    pub(crate) fn top(&self, measure: Measure) -> f64 {
        let parts = self.parts(measure);
        let largest = (0..self.points)
            .map(|i| {
                parts
                    .iter()
                    .map(|p| p.1.get(i).copied().unwrap_or(0) as f64)
                    .sum::<f64>()
            })
            .fold(0.0, f64::max);
        // Round in the unit that is shown.
        let unit = match measure {
            Measure::Bytes if self.interval > 0.0 => 8.0 / self.interval,
            Measure::Packets if self.interval > 0.0 => 1.0 / self.interval,
            _ => 1.0,
        };
        round_up(largest * unit) / unit
    }

    /// Paths of the stacked parts, the first at the bottom, in a box of the given size.
    pub(crate) fn paths(&self, measure: Measure, width: f64, height: f64) -> Vec<String> {
        let top = self.top(measure);
        let mut floor = vec![0.0_f64; self.points];
        let column = width / self.points as f64;
        self.parts(measure)
            .iter()
            .map(|(_, values)| {
                let mut path = String::new();
                let below = floor.clone();
                for (i, level) in floor.iter_mut().enumerate() {
                    *level += values.get(i).copied().unwrap_or(0) as f64;
                }
                let y = |level: f64| number(height - share(level, top) * height);
                for (i, level) in floor.iter().enumerate() {
                    let x = number(column * i as f64);
                    // Writing to a String cannot fail.
                    let _ = if i == 0 {
                        write!(path, "M0 {}", y(*level))
                    } else {
                        write!(path, "H{x}V{}", y(*level))
                    };
                }
                let _ = write!(path, "H{}", number(width));
                for (i, level) in below.iter().enumerate().rev() {
                    let _ = write!(path, "V{}H{}", y(*level), number(column * i as f64));
                }
                path.push('Z');
                path
            })
            .collect()
    }

    /// Seconds from the start of the first interval to the end of the last.
    pub(crate) fn span(&self) -> f64 {
        self.interval * self.points as f64
    }

    /// Places (0 to 1) and texts of round times, about `wanted` of them.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        self.start
            .map_or_else(Vec::new, |start| axis_ticks(start, self.span(), wanted))
    }
}

/// Places (0 to 1) and texts of round times in a `span` of seconds from `start` (ns since 1970)
/// on, about `wanted` of them.
pub(crate) fn axis_ticks(start: i128, span: f64, wanted: usize) -> Vec<(f64, String)> {
    if !(span.is_finite() && span > 0.0 && span < 1e11) {
        return Vec::new();
    }
    let step = round_step(span / wanted.max(1) as f64);
    let step_ns = ((step * 1e9) as i128).max(1);
    let first = start.div_euclid(step_ns) + i128::from(start.rem_euclid(step_ns) != 0);
    (0..=wanted as i128 * 2)
        .map(|i| (first + i) * step_ns)
        .map(|ns| {
            (
                (ns - start) as f64 / 1e9 / span,
                units::axis_time(ns, step, span),
            )
        })
        .take_while(|(at, _)| *at <= 1.0)
        .collect()
}

/// A round number at or above a value whose quarters are round too.
pub(crate) fn round_up(value: f64) -> f64 {
    const ROUND: [f64; 10] = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let factor = ROUND
        .iter()
        .copied()
        .find(|r| r * power >= value * 0.999_999)
        .unwrap_or(10.0);
    factor * power
}

/// A step of time that people count in, at or above a number of seconds.
fn round_step(seconds: f64) -> f64 {
    const STEPS: [f64; 22] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1800.0,
        3600.0,
        7200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        172_800.0,
        604_800.0,
        1_209_600.0,
        2_592_000.0,
    ];
    if seconds < 1.0 {
        let power = 10_f64.powf(seconds.log10().floor());
        return [1.0, 2.0, 5.0, 10.0]
            .iter()
            .map(|f| f * power)
            .find(|&s| s >= seconds)
            .unwrap_or(1.0);
    }
    STEPS
        .iter()
        .copied()
        .find(|&s| s >= seconds)
        .unwrap_or_else(|| 2_592_000.0 * (seconds / 2_592_000.0).ceil())
}

/// The chart as a picture; empty without traffic.
pub(super) fn draw(timeline: &Timeline, measure: Measure, paint: &Paint) -> Option<(f64, String)> {
    const LEFT: f64 = 84.0;
    const PLOT: f64 = 240.0;
    let drawn = Drawn::new(timeline)?;
    let width = super::WIDTH - LEFT - 24.0;
    let mut out = String::new();
    let top = drawn.top(measure);
    for quarter in 0..=4 {
        let y = PLOT * f64::from(quarter) / 4.0 + 8.0;
        let value = top * f64::from(4 - quarter) / 4.0;
        let label = if quarter == 4 {
            "0".to_owned()
        } else {
            measure.label(value, drawn.interval)
        };
        let _ = write!(
            out,
            r#"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="{}"/><text x="{}" y="{}" text-anchor="end" font-size="12" fill="{}">{}</text>"#,
            LEFT + width,
            paint.grid,
            LEFT - 10.0,
            y + 4.0,
            paint.muted,
            text::html(&label)
        );
    }
    let parts = drawn.parts(measure);
    let _ = write!(out, r#"<g transform="translate({LEFT} 8)">"#);
    for (i, path) in drawn.paths(measure, width, PLOT).iter().enumerate() {
        let name = parts.get(i).map_or("", |p| p.0);
        let _ = write!(
            out,
            r#"<path d="{path}" fill="{}"><title>{}</title></path>"#,
            paint.series(i, name),
            text::html(name)
        );
    }
    out.push_str("</g>");
    for (at, label) in drawn.ticks(8) {
        let x = number(LEFT + at * width);
        let anchor = if at > 0.97 { "end" } else { "middle" };
        let _ = write!(
            out,
            r#"<text x="{x}" y="{}" text-anchor="{anchor}" font-size="12" fill="{}">{}</text>"#,
            PLOT + 28.0,
            paint.muted,
            text::html(&label)
        );
    }
    let mut x = LEFT;
    let mut y = PLOT + 58.0;
    for (i, (name, _)) in parts.iter().enumerate() {
        let name = text::cut_end(name, 24, "…");
        let long = 30.0 + text::width(&name) as f64 * 7.5;
        if x + long > super::WIDTH - 20.0 && x > LEFT {
            x = LEFT;
            y += 22.0;
        }
        let _ = write!(
            out,
            r#"<rect x="{}" y="{}" width="12" height="12" rx="3" fill="{}"/><text x="{}" y="{y}" font-size="13" fill="{}">{}</text>"#,
            number(x),
            y - 10.5,
            paint.series(i, &name),
            number(x + 18.0),
            paint.text,
            text::html(&name)
        );
        x += long + 10.0;
    }
    Some((y + 16.0, out))
}
