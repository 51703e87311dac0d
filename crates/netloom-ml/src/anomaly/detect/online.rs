//! Detection in rows as they come: each is scored by those before it.

use super::super::drift::Adwin;
use super::super::table::{Reason, Usual};
use super::super::threshold::Reference;
use super::super::{HalfSpaceTreesParams, RobustZScoresParams};
use super::explain::of_hosts;
use super::taught::{Model, Taught};
use super::{DetectOptions, Detection, DetectorKind, Finding, check, drift, keys, odd};
use crate::dataset::Dataset;
use crate::error::Error;

/// Scores the rows of `data` in their order, each by those before, and learns them.
///
/// # Errors
/// The detector cannot learn as it goes, or there is nothing to score.
pub fn detect_online(
    data: &Dataset,
    hosts: &[String],
    options: &DetectOptions,
) -> Result<Detection, Error> {
    check(options)?;
    if !options.detector.is_online() {
        return Err(Error::parameter(
            "detector",
            &options.detector.name(),
            "half-space-trees or robust-z, which learn as rows come",
        ));
    }
    let usual = Usual::fit(data)?;
    let rows = usual.matrix(data)?;
    let keys = keys(hosts, data.rows());
    let columns = rows.columns();
    let mut changes = Vec::new();
    let mut adwin = Adwin::default();
    let mut trees = HalfSpaceTreesParams {
        seed: options.seed,
        ..HalfSpaceTreesParams::default()
    }
    .build(columns)?;
    let mut z = RobustZScoresParams::default().build(columns)?;
    let mut window = Recent::default();
    let mut scores = Vec::with_capacity(rows.rows());
    let mut p_values = Vec::with_capacity(rows.rows());
    let mut reasons: Vec<(usize, f64, Vec<Reason>)> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let by_host = options.detector == DetectorKind::RobustZ;
        let score = if by_host {
            z.score(keys[place], row)
        } else {
            trees.update(row)
        };
        let p = window.p_value(score);
        if by_host {
            // What was normal before the row, told only where it is odd.
            if p <= options.false_alarms {
                let normal = z.normal(keys[place], row);
                reasons.push((place, score, of_hosts(&usual, data, place, &normal)));
            }
            z.update(keys[place], row);
        }
        window.learn(score);
        // The logarithm: a single huge score is no change of the mean.
        if adwin.update(score.ln_1p()) {
            changes.push(place);
        }
        if reasons.len() >= 4 * options.explained.max(64) {
            reasons.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            reasons.truncate(options.explained);
        }
        scores.push(score);
        p_values.push(p);
    }
    let half = rows.rows() / 2;
    let first: Vec<usize> = (0..half).collect();
    let second: Vec<usize> = (half..rows.rows()).collect();
    let mut detection = Detection {
        detector: options.detector,
        columns: usual.columns().map(str::to_owned).collect(),
        odd: odd(&scores, &p_values, options.false_alarms),
        scores,
        p_values,
        false_alarms: options.false_alarms,
        findings: Vec::new(),
        learnt_from: rows.rows(),
        online: true,
        changes,
        drift: drift(&usual, &rows.select(&first), &rows.select(&second)),
    };
    if options.detector == DetectorKind::RobustZ {
        reasons.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        reasons.truncate(options.explained);
        detection.findings = reasons
            .into_iter()
            .map(|(row, score, reasons)| Finding {
                row,
                score,
                p_value: detection.p_values[row],
                reasons,
            })
            .collect();
    } else {
        let taught = Taught {
            model: Model::Single(Box::new(trees)),
            reference: Reference::default(),
        };
        detection.explain(&taught, &usual, data, &rows, &keys, options);
    }
    Ok(detection)
}

/// The scores of the last rows, to tell how rare one is online.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ring: Vec<f64>,
    sorted: Vec<f64>,
    next: usize,
}

/// Scores that a p-value online rests on.
const RECENT: usize = 5000;
/// Scores before which none is told.
const LEAST: usize = 100;

impl Recent {
    pub(super) fn p_value(&self, score: f64) -> f64 {
        if self.sorted.len() < LEAST {
            return 1.0;
        }
        let below = self.sorted.partition_point(|s| *s < score);
        (self.sorted.len() - below + 1) as f64 / (self.sorted.len() + 1) as f64
    }

    pub(super) fn learn(&mut self, score: f64) {
        let place = self.sorted.partition_point(|s| *s < score);
        self.sorted.insert(place, score);
        if self.ring.len() < RECENT {
            self.ring.push(score);
            return;
        }
        let old = std::mem::replace(&mut self.ring[self.next], score);
        self.next = (self.next + 1) % RECENT;
        let place = self.sorted.partition_point(|s| *s < old);
        self.sorted.remove(place);
    }
}
