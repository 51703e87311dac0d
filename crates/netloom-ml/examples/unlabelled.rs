//! What is learnt without labels, for `compare/unlabelled.py`.
//!
//! `unlabelled stream|forecast|isolation-forest|ensemble|nearest-distance|autoencoder`, with numbers
//! on standard input, a row a line:
//!
//! * `stream`: values of a series; a score for each is printed, made of the values before.
//! * `forecast`: hourly values; forecasts from the beginning of every second of the last 60 days are
//!   printed with the truth, the last value, and the value a week before: `step,truth,forecast,low,high,last,season`.
//! * a detector: rows of a table with commas; a score for each is printed, and on standard error the
//!   seconds it took.

#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::print_stderr, reason = "that is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Instant;

use netloom_ml::anomaly::{DetectOptions, DetectorKind, detect};
use netloom_ml::dataset::Values;
use netloom_ml::series::stream::{Stream, StreamOptions};
use netloom_ml::series::{ForecastOptions, Series, forecast};
use netloom_ml::{Dataset, Matrix};

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let what = std::env::args().nth(1).ok_or("what?")?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            line.split(',')
                .map(|cell| cell.trim().parse().unwrap_or(f64::NAN))
                .collect()
        })
        .collect();
    let out = match what.as_str() {
        "stream" => stream(&rows),
        "forecast" => forecasts(&rows)?,
        name => detector(name, &rows)?,
    };
    print!("{out}");
    Ok(())
}

fn stream(rows: &[Vec<f64>]) -> String {
    let mut stream = Stream::new(StreamOptions::default());
    let mut out = String::new();
    for row in rows {
        let score = stream.update(row.first().copied().unwrap_or(f64::NAN));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", score.score);
    }
    out
}

fn forecasts(rows: &[Vec<f64>]) -> Result<String, Box<dyn Error>> {
    const DAYS: usize = 60;
    const WEEK: usize = 168;
    let values: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    let mut out = String::new();
    for day in (1..=DAYS).rev().step_by(2) {
        let Some(origin) = values.len().checked_sub(24 * day) else {
            continue;
        };
        let past = Series::new(0, HOUR, values[..origin].to_vec())?;
        let options = ForecastOptions {
            horizon: 24,
            threads: 2,
            ..ForecastOptions::default()
        };
        let told = forecast(&past, &options)?;
        for (step, point) in told.points.iter().enumerate() {
            let place = origin + step;
            let _ = writeln!(
                out,
                "{},{},{},{},{},{},{}",
                step + 1,
                values[place],
                point.value,
                point.low.unwrap_or(f64::NAN),
                point.high.unwrap_or(f64::NAN),
                values[origin - 1],
                values[place - WEEK]
            );
        }
    }
    Ok(out)
}

fn detector(name: &str, rows: &[Vec<f64>]) -> Result<String, Box<dyn Error>> {
    let kind = DetectorKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or("no such detector")?;
    let matrix = Matrix::from_rows(rows);
    let columns = (0..matrix.columns())
        .map(|column| (format!("c{column}"), Values::numbers(matrix.column(column))))
        .collect();
    let data = Dataset::new(columns)?;
    let options = DetectOptions {
        detector: kind,
        explained: 0,
        threads: 2,
        ..DetectOptions::default()
    };
    let begin = Instant::now();
    let found = detect(None, &data, &[], &options)?;
    eprintln!("{}", begin.elapsed().as_secs_f64());
    let mut out = String::new();
    for score in found.scores {
        let _ = writeln!(out, "{score}");
    }
    Ok(out)
}
