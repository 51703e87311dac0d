//! Traffic over time as blocks: a chart of several lines, and sparks of one.

use super::super::text;
use super::canvas::{Canvas, Style};

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same in ASCII, where heights within a line cannot be drawn.
const ASCII_SPARK: [char; 9] = [' ', '.', '.', ':', ':', '=', '=', '#', '#'];

/// Values fitted to at most `columns` points. More intervals than columns are joined (their
/// mean), fewer are each drawn one or more columns wide.
pub(super) fn resample(values: &[u64], columns: usize) -> Vec<f64> {
    if values.is_empty() || columns == 0 {
        return Vec::new();
    }
    let len = values.len() as u128;
    if values.len() <= columns {
        return (0..columns as u128)
            .map(|i| {
                values
                    .get((i * len / columns as u128) as usize)
                    .map_or(0.0, |&v| v as f64)
            })
            .collect();
    }
    (0..columns as u128)
        .map(|i| {
            let from = (i * len / columns as u128) as usize;
            let to = ((i + 1) * len / columns as u128) as usize;
            let part = values.get(from..to).unwrap_or_default();
            part.iter().map(|&v| v as f64).sum::<f64>() / part.len().max(1) as f64
        })
        .collect()
}

/// A line of blocks whose heights are the values.
pub(super) fn spark(values: &[u64], columns: usize, unicode: bool) -> String {
    let points = resample(values, columns);
    let top = points.iter().copied().fold(0.0, f64::max);
    let glyphs = if unicode { EIGHTHS } else { ASCII_SPARK };
    points.iter().map(|&p| glyph(p, top, &glyphs)).collect()
}

fn glyph(value: f64, top: f64, glyphs: &[char; 9]) -> char {
    if top <= 0.0 || value <= 0.0 {
        return ' ';
    }
    let step = ((value / top * 8.0).round() as usize).clamp(1, 8);
    glyphs.get(step).copied().unwrap_or(' ')
}

/// Columns for the scale at the left of a chart.
const SCALE: usize = 12;

/// Columns a chart draws its values in.
pub(super) fn columns(canvas: &Canvas) -> usize {
    canvas.width().saturating_sub(SCALE + 4)
}

/// A chart of `rows` lines with a scale at its left and times (place from 0 to 1) below.
pub(super) fn chart(
    canvas: &mut Canvas,
    values: &[u64],
    rows: usize,
    label: &dyn Fn(f64) -> String,
    ticks: &[(f64, String)],
) {
    let columns = columns(canvas);
    let points = resample(values, columns);
    let top = points.iter().copied().fold(0.0, f64::max);
    for row in (0..rows).rev() {
        let mark = if row + 1 == rows {
            label(top)
        } else if row == 0 {
            "0".to_owned()
        } else if rows >= 5 && row == rows / 2 {
            label(top * (row + 1) as f64 / rows as f64)
        } else {
            String::new()
        };
        canvas.spaces((SCALE + 2).saturating_sub(text::width(&mark)));
        canvas.put(&mark, Style::Dim);
        canvas.put(if mark.is_empty() { " │" } else { " ┤" }, Style::Dim);
        let line: String = points
            .iter()
            .map(|&p| {
                let eighths = if top > 0.0 {
                    (p / top * 8.0 * rows as f64).round() as usize
                } else {
                    0
                };
                // Traffic that is too little to see still leaves a trace.
                let eighths = if eighths == 0 && p > 0.0 { 1 } else { eighths };
                EIGHTHS
                    .get(eighths.saturating_sub(row * 8).min(8))
                    .copied()
                    .unwrap_or(' ')
            })
            .collect();
        canvas.put(line.trim_end(), Style::Bar);
        canvas.end_line();
    }
    let mut line = String::new();
    for (at, mark) in ticks {
        let column = (at * points.len() as f64).round() as usize;
        let begin = column.saturating_sub(text::width(mark) / 2);
        let used = text::width(&line);
        // Marks do not touch, and none leaves the chart.
        if (used > 0 && begin <= used) || begin + text::width(mark) > columns {
            continue;
        }
        line.extend(std::iter::repeat_n(' ', begin - used));
        line.push_str(mark);
    }
    if !line.is_empty() {
        canvas.spaces(SCALE + 4);
        canvas.put(&text::cut_end(&line, columns, ""), Style::Dim);
        canvas.end_line();
    }
}
