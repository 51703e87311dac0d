//! Forecasts in a terminal.

use super::super::parts;
use super::{Forecasts, SeriesFacts, chart};
use crate::report::chart::timeline::axis_ticks;
use crate::report::terminal::TerminalOptions;
use crate::report::terminal::canvas::{Canvas, Style};
use crate::report::text;

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines of a chart.
const ROWS: usize = 8;
/// Columns for the scale at its left.
const SCALE: usize = 10;

/// Forecasts as text, each line at most `options.width` columns.
pub fn render(facts: &Forecasts, options: &TerminalOptions) -> String {
    let mut canvas = Canvas::new(options.fitted());
    parts::head(&mut canvas, &facts.title(), &facts.about());
    for series in &facts.series {
        if !series.name.is_empty() {
            let name = canvas.name(&series.name);
            let most = canvas.width().saturating_sub(4);
            canvas.heading(&text::cut_middle(&name, most, "…"));
        }
        draw(&mut canvas, facts, series);
        parts::facts(&mut canvas, &facts.facts(series));
        if !series.anomalies.is_empty() {
            canvas.end_line();
            canvas.put("What did not fit", Style::Dim);
            canvas.end_line();
            let shown = &series.anomalies[series.anomalies.len().saturating_sub(options.top)..];
            for one in shown {
                canvas.paragraph(&facts.anomaly(one), 2, Style::Plain);
            }
            if shown.len() < series.anomalies.len() {
                canvas.remark(&format!(
                    "and {} before",
                    series.anomalies.len() - shown.len()
                ));
            }
        }
    }
    if !facts.warnings.is_empty() {
        canvas.heading("Good to know");
        for warning in &facts.warnings {
            canvas.paragraph(warning, 2, Style::Plain);
        }
    }
    canvas.finish()
}

/// The past in blocks, what comes in another colour, with its range above.
fn draw(canvas: &mut Canvas, facts: &Forecasts, series: &SeriesFacts) {
    let from = chart::shown_from(series);
    let past = &series.values[from..];
    let count = past.len() + series.forecast.len();
    let columns = canvas.width().saturating_sub(SCALE + 4).min(count * 4);
    if count == 0 || columns == 0 {
        return;
    }
    let value = |place: usize| -> (f64, f64, bool) {
        if let Some(value) = past.get(place) {
            let value = value.unwrap_or(0.0).max(0.0);
            return (value, value, false);
        }
        let point = &series.forecast[place - past.len()];
        let high = point.high.unwrap_or(point.value);
        (point.value.max(0.0), high.max(0.0), true)
    };
    // Each column shows the mean of its intervals.
    let drawn: Vec<(f64, f64, bool)> = (0..columns)
        .map(|column| {
            let first = column * count / columns;
            let last = ((column + 1) * count / columns).max(first + 1).min(count);
            let part: Vec<_> = (first..last).map(value).collect();
            let of = part.len().max(1) as f64;
            (
                part.iter().map(|one| one.0).sum::<f64>() / of,
                part.iter().map(|one| one.1).sum::<f64>() / of,
                part.iter().any(|one| one.2),
            )
        })
        .collect();
    let top = drawn.iter().map(|one| one.0.max(one.1)).fold(0.0, f64::max);
    canvas.end_line();
    for row in (0..ROWS).rev() {
        let mark = if row + 1 == ROWS {
            facts.value(top)
        } else if row == 0 {
            "0".to_owned()
        } else {
            String::new()
        };
        let mark = text::cut_end(&mark, SCALE, "");
        canvas.spaces((SCALE + 1).saturating_sub(text::width(&mark)));
        canvas.put(&mark, Style::Dim);
        canvas.put(if mark.is_empty() { " │" } else { " ┤" }, Style::Dim);
        for (value, high, is_forecast) in &drawn {
            let filled = eighths(*value, top).saturating_sub(row * 8).min(8);
            let reach = eighths(*high, top).saturating_sub(row * 8);
            let glyph = if filled == 0 && *is_forecast && reach > 0 {
                '░'
            } else {
                EIGHTHS[filled]
            };
            let style = if glyph == '░' {
                Style::Dim
            } else if *is_forecast {
                Style::Sent
            } else {
                Style::Bar
            };
            if glyph == ' ' {
                canvas.spaces(1);
            } else {
                canvas.put(glyph.encode_utf8(&mut [0; 4]), style);
            }
        }
        canvas.end_line();
    }
    let start = i128::from(series.start_ns) + i128::from(series.interval_ns) * from as i128;
    let span = facts.interval_seconds * count as f64;
    let mut line = String::new();
    for (at, mark) in axis_ticks(start, span, columns / 14 + 1) {
        let column = (at * columns as f64).round() as usize;
        let begin = column.saturating_sub(text::width(&mark) / 2);
        let used = text::width(&line);
        if (used > 0 && begin <= used) || begin + text::width(&mark) > columns {
            continue;
        }
        line.extend(std::iter::repeat_n(' ', begin - used));
        line.push_str(&mark);
    }
    if !line.is_empty() {
        canvas.spaces(SCALE + 3);
        canvas.put(&line, Style::Dim);
        canvas.end_line();
    }
}

fn eighths(value: f64, top: f64) -> usize {
    if top > 0.0 && value > 0.0 {
        ((value / top * 8.0 * ROWS as f64).round() as usize).max(1)
    } else {
        0
    }
}
