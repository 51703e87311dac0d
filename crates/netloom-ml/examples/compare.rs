//! Learns one table and tells the classes of another, for `compare/compare.py`.
//!
//! `compare --train A.arrow --test B.arrow --model NAME [--seed N] [--threads N] [--param NAME=VALUE]... [--group COLUMN] [--time COLUMN] --out TOLD.csv`
//!
//! The tables have a column `label`; all others are learned from. What is written is one line a
//! row, a probability for each class; what is printed is one line of JSON: classes, and the seconds
//! that learning and telling took. What `auto` chose and why goes to standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "that is what it is for"
)]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::fmt::Write;
use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use arrow_ipc::reader::FileReader;
use netloom_ml::{Dataset, DatasetOptions, Run, classifier};

fn main() -> Result<(), Box<dyn Error>> {
    let mut train = String::new();
    let mut test = String::new();
    let mut model = String::new();
    let mut out = String::new();
    let mut group = None;
    let mut time = None;
    let mut run = Run {
        seed: 0,
        threads: 2,
    };
    let mut parameters = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name}: a value is missing"))?;
        match name.as_str() {
            "--train" => train = value,
            "--test" => test = value,
            "--model" => model = value,
            "--out" => out = value,
            "--group" => group = Some(value),
            "--time" => time = Some(value),
            "--seed" => run.seed = value.parse()?,
            "--threads" => run.threads = value.parse()?,
            "--param" => parameters.push(value),
            _ => return Err(format!("{name} is no option").into()),
        }
    }
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let params = classifier(&model, &parameters)?;
    let (train, test) = (read(&train, group, time)?, read(&test, None, None)?);
    let begin = Instant::now();
    let fitted = params.fit(&train, run)?;
    let fit = begin.elapsed().as_secs_f64();
    if let Some(choice) = fitted.choice() {
        eprintln!("{choice}");
    }
    let begin = Instant::now();
    let told = fitted.predict_proba(&test, run.threads)?;
    let predict = begin.elapsed().as_secs_f64();
    let mut text = String::new();
    for row in 0..told.rows() {
        for (place, probability) in told.row(row).iter().enumerate() {
            write!(text, "{}{probability}", if place > 0 { "," } else { "" })?;
        }
        text.push('\n');
    }
    std::fs::write(out, text)?;
    let classes = serde_json::to_string(fitted.classes())?;
    println!("{{\"classes\": {classes}, \"fit\": {fit}, \"predict\": {predict}}}");
    Ok(())
}

/// All columns but the label, whatever they are called: what is compared is the models.
fn read(
    path: &str,
    group: Option<String>,
    time: Option<String>,
) -> Result<Dataset, Box<dyn Error>> {
    let reader = FileReader::try_new(BufReader::new(File::open(path)?), None)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let mut options = DatasetOptions::default();
    options.target = Some("label".to_owned());
    options.keep = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .filter(|name| {
            name != "label" && Some(name) != group.as_ref() && Some(name) != time.as_ref()
        })
        .collect();
    options.group = group;
    options.time = time;
    Ok(Dataset::from_batches(&schema, &batches, &options)?.dataset)
}
