//! Detection in packets: Kitsune learns from the first ones, or from others, and scores the rest.

use super::super::drift::Adwin;
use super::super::kitsune::{
    FEATURES, KitsuneParams, Observation, Phase, feature_name, feature_unit,
};
use super::super::table::Reason;
use super::super::threshold::Reference;
use super::explain::REASONS;
use super::online::Recent;
use super::{DetectOptions, Detection, DetectorKind, Finding, check, odd};
use crate::error::Error;
use crate::numeric::statistics::{quantile, sorted};
use crate::words;

/// Packets of the paper's experiments that the features' groups are learnt from, and those that the
/// autoencoders learn from after that.
const GRACE: (usize, usize) = (5000, 50_000);
/// Packets whose features are kept to say what is normal.
const KEPT: usize = 1000;

/// Scores packets in their order with [`super::super::kitsune`]: online statistics of who sends to
/// whom, and small autoencoders that know what they use to be.
///
/// With `normal` it learns from four fifths of those packets; the scores of the last fifth say how
/// rare one is, and all of `packets` are scored. Without, it learns from the first of `packets`,
/// 55,000 as in the paper, but at most half of them; they score 0, and how rare a score is, is told by
/// the last 5,000. What is normal is learnt once: an attack that goes on stays odd.
///
/// # Errors
/// There is nothing to learn from: no packets, or fewer than ten in `normal`.
///
/// ```
/// use netloom_ml::anomaly::kitsune::Observation;
/// use netloom_ml::anomaly::{DetectOptions, detect_packets};
///
/// // Two hosts that talk; then one of them floods the other.
/// let usual = (0..1500).map(|n| (n * 10_000_000, 100 + n as u32 % 7 * 200));
/// let flood = (0..200).map(|n| (15_000_000_000 + n * 1000, 60));
/// let packets: Vec<Observation> = usual
///     .chain(flood)
///     .map(|(ts, len)| Observation { ts, len, src: 1, dst: 2, protocol: 17, ..Observation::default() })
///     .collect();
/// let found = detect_packets(None, &packets, &DetectOptions::default())?;
/// assert!(found.odd[0] >= 1500);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
pub fn detect_packets(
    normal: Option<&[Observation]>,
    packets: &[Observation],
    options: &DetectOptions,
) -> Result<Detection, Error> {
    check(options)?;
    let learnt = match normal {
        Some(normal) => normal.len() / 5 * 4,
        None => (packets.len() / 2).min(GRACE.0 + GRACE.1),
    };
    if learnt < 2 && (normal.is_some() || !packets.is_empty()) {
        return Err(Error::NoRows);
    }
    let mut params = KitsuneParams::default();
    params.net.seed = options.seed;
    params.net.feature_mapping_grace = (learnt * GRACE.0 / (GRACE.0 + GRACE.1)).max(1);
    params.net.training_grace = learnt
        .saturating_sub(params.net.feature_mapping_grace)
        .max(1);
    let mut kitsune = params.build()?;
    let mut usual = Usually::every(learnt / KEPT);
    let mut reference = Reference::default();
    if let Some(normal) = normal {
        let (first, rest) = normal.split_at(learnt);
        for packet in first {
            kitsune.update(packet);
            usual.learn(kitsune.features());
        }
        reference = Reference::new(rest.iter().map(|packet| kitsune.update(packet)));
        let ends = normal.iter().map(|packet| packet.ts).max();
        if packets.first().map(|packet| packet.ts) < ends {
            // Another time or place: what was sent there says nothing of who sends here.
            kitsune.forget_traffic();
        }
    }
    let mut recent = Recent::default();
    let mut adwin = Adwin::default();
    let mut detection = Detection {
        detector: DetectorKind::Kitsune,
        columns: (0..FEATURES).map(feature_name).collect(),
        odd: Vec::new(),
        scores: Vec::with_capacity(packets.len()),
        p_values: Vec::with_capacity(packets.len()),
        false_alarms: options.false_alarms,
        findings: Vec::new(),
        learnt_from: learnt,
        online: normal.is_none(),
        changes: Vec::new(),
        drift: Vec::new(),
    };
    for (row, packet) in packets.iter().enumerate() {
        let learns = kitsune.phase() != Phase::Scoring;
        let score = kitsune.update(packet);
        let p_value = if learns {
            usual.learn(kitsune.features());
            1.0
        } else if normal.is_some() {
            reference.p_value(score)
        } else {
            let p_value = recent.p_value(score);
            recent.learn(score);
            p_value
        };
        if !learns && adwin.update(score.ln_1p()) {
            detection.changes.push(row);
        }
        if p_value <= options.false_alarms && score > 0.0 {
            detection.findings.push(Finding {
                row,
                score,
                p_value,
                reasons: usual.reasons(kitsune.features(), &kitsune.contributions()),
            });
            if detection.findings.len() >= 4 * options.explained.max(64) {
                keep_oddest(&mut detection.findings, options.explained);
            }
        }
        detection.scores.push(score);
        detection.p_values.push(p_value);
    }
    keep_oddest(&mut detection.findings, options.explained);
    detection.odd = odd(&detection.scores, &detection.p_values, options.false_alarms);
    Ok(detection)
}

fn keep_oddest(findings: &mut Vec<Finding>, count: usize) {
    findings.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    findings.truncate(count);
}

/// Features of some of the packets learnt from.
struct Usually {
    rows: Vec<Vec<f64>>,
    every: usize,
    seen: usize,
    /// The middle 95 % of each, once asked for.
    ranges: Option<Vec<(f64, f64)>>,
}

impl Usually {
    fn every(every: usize) -> Self {
        Self {
            rows: Vec::new(),
            every: every.max(1),
            seen: 0,
            ranges: None,
        }
    }

    fn learn(&mut self, features: &[f64]) {
        if self.seen.is_multiple_of(self.every) && self.rows.len() < 2 * KEPT {
            self.rows.push(features.to_vec());
        }
        self.seen += 1;
    }

    /// The features that were given back worst.
    fn reasons(&mut self, features: &[f64], parts: &[f64]) -> Vec<Reason> {
        let rows = &self.rows;
        let ranges = self.ranges.get_or_insert_with(|| {
            (0..FEATURES)
                .map(|feature| {
                    let values = sorted(rows.iter().map(|row| row[feature]));
                    (quantile(&values, 0.025), quantile(&values, 0.975))
                })
                .collect()
        });
        let all: f64 = parts.iter().sum();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by(|a, b| parts[*b].total_cmp(&parts[*a]).then(a.cmp(b)));
        order
            .into_iter()
            .filter(|feature| parts[*feature] > all * 0.02)
            .take(REASONS)
            .map(|feature| {
                let unit = feature_unit(feature);
                let (low, high) = ranges[feature];
                Reason {
                    column: feature_name(feature),
                    value: words::value(unit, features[feature]),
                    normal: format!("normal: {}", words::range(unit, low, high)),
                    share: parts[feature] / all,
                }
            })
            .collect()
    }
}
