//! Detection in a whole table: what is normal is learnt, rows are scored, and those that stand
//! out are explained.
mod explain;
mod online;
mod packets;
mod taught;
#[cfg(test)]
mod tests;

use super::drift::PopulationStability;
use super::table::{Reason, Usual};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::numeric::Matrix;
use taught::Teaching;

pub use online::detect_online;
pub use packets::detect_packets;

/// A detector by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DetectorKind {
    /// [`super::IsolationForest`].
    #[default]
    IsolationForest,
    /// [`super::NearestDistance`].
    NearestDistance,
    /// [`super::Autoencoder`].
    Autoencoder,
    /// The mean of the three above, each by how rare its scores are.
    Ensemble,
    /// [`super::HalfSpaceTrees`].
    HalfSpaceTrees,
    /// [`super::RobustZScores`].
    RobustZ,
    /// [`super::kitsune`], which looks at packets: see [`detect_packets`].
    Kitsune,
}

impl DetectorKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::IsolationForest,
        Self::NearestDistance,
        Self::Autoencoder,
        Self::Ensemble,
        Self::HalfSpaceTrees,
        Self::RobustZ,
        Self::Kitsune,
    ];

    /// Its name, as options and files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IsolationForest => "isolation-forest",
            Self::NearestDistance => "nearest-distance",
            Self::Autoencoder => "autoencoder",
            Self::Ensemble => "ensemble",
            Self::HalfSpaceTrees => "half-space-trees",
            Self::RobustZ => "robust-z",
            Self::Kitsune => "kitsune",
        }
    }

    /// Whether it can score rows as it learns them.
    pub fn is_online(self) -> bool {
        matches!(self, Self::HalfSpaceTrees | Self::RobustZ)
    }
}

/// How to detect.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectOptions {
    /// The detector.
    pub detector: DetectorKind,
    /// Share of normal rows that may be called odd.
    pub false_alarms: f64,
    /// Rows that are explained at most.
    pub explained: usize,
    /// Seed of all chance.
    pub seed: u64,
    /// Threads to use; the result does not depend on it.
    pub threads: usize,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            detector: DetectorKind::default(),
            false_alarms: 0.01,
            explained: 20,
            seed: 0,
            threads: 1,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The detector.
    pub detector: DetectorKind,
    /// Columns that were looked at.
    pub columns: Vec<String>,
    /// Score of each row: higher is odder.
    pub scores: Vec<f64>,
    /// Share of normal rows that score at least as high: of the rows to learn from, held out in
    /// turn; without such, of the rows themselves; online, of the rows before.
    pub p_values: Vec<f64>,
    /// The p-value up to which a row counts as odd.
    pub false_alarms: f64,
    /// Rows that count as odd, oddest first.
    pub odd: Vec<usize>,
    /// Why, for the first of them.
    pub findings: Vec<Finding>,
    /// Rows from which normal was learnt.
    pub learnt_from: usize,
    /// Whether rows were scored as they were learnt, in their order.
    pub online: bool,
    /// Rows after which the scores' mean changed: what is normal is another from there on.
    pub changes: Vec<usize>,
    /// Columns that differ between what was learnt from and what was scored (online: the first
    /// half and the second), with their population stability index; the largest first.
    pub drift: Vec<(String, f64)>,
}

/// A row that stands out, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The row.
    pub row: usize,
    /// Its score.
    pub score: f64,
    /// Share of normal rows that score at least as high.
    pub p_value: f64,
    /// Columns that made it high, most telling first.
    pub reasons: Vec<Reason>,
}

/// An index above which a population has shifted, by custom.
const SHIFTED: f64 = 0.25;

/// Learns from `normal` and scores `data`; without `normal`, learns from `data` itself.
///
/// `hosts` names the host of each row of `data`, `normal_hosts` those of `normal`: robust
/// z-scores measure each host by itself.
///
/// # Errors
/// There is nothing to learn from, or `data` lacks columns.
pub fn detect(
    normal: Option<(&Dataset, &[String])>,
    data: &Dataset,
    hosts: &[String],
    options: &DetectOptions,
) -> Result<Detection, Error> {
    check(options)?;
    if options.detector == DetectorKind::Kitsune {
        return Err(Error::parameter(
            "detector",
            &options.detector.name(),
            "one that looks at tables; kitsune looks at packets",
        ));
    }
    let (learnt, learnt_hosts) = normal.unwrap_or((data, hosts));
    let usual = Usual::fit(learnt)?;
    let rows = usual.matrix(learnt)?;
    let teaching = Teaching {
        usual: &usual,
        samples: if normal.is_some() {
            (learnt.rows() / 2).clamp(1, 256)
        } else {
            256
        },
        options,
    };
    let learnt_hosts = keys(learnt_hosts, learnt.rows());
    let taught = teaching.teach(&rows, &learnt_hosts, normal.is_some())?;
    let scored = if normal.is_some() {
        usual.matrix(data)?
    } else {
        rows.clone()
    };
    let own_hosts = keys(hosts, data.rows());
    let scores = taught.model.scores(&scored, &own_hosts, options.threads);
    let p_values: Vec<f64> = scores
        .iter()
        .map(|score| {
            if normal.is_some() {
                taught.reference.p_value(*score)
            } else {
                taught.reference.share_at_least(*score)
            }
        })
        .collect();
    let mut detection = Detection {
        detector: options.detector,
        columns: usual.columns().map(str::to_owned).collect(),
        odd: odd(&scores, &p_values, options.false_alarms),
        scores,
        p_values,
        false_alarms: options.false_alarms,
        findings: Vec::new(),
        learnt_from: learnt.rows(),
        online: false,
        changes: Vec::new(),
        drift: Vec::new(),
    };
    if normal.is_some() {
        detection.drift = drift(&usual, &rows, &scored);
    }
    detection.explain(&taught, &usual, data, &scored, &own_hosts, options);
    Ok(detection)
}

fn check(options: &DetectOptions) -> Result<(), Error> {
    if options.false_alarms > 0.0 && options.false_alarms < 1.0 {
        return Ok(());
    }
    Err(Error::parameter(
        "false alarms",
        &options.false_alarms,
        "above 0 and below 1",
    ))
}

impl From<super::AnomalyError> for Error {
    fn from(error: super::AnomalyError) -> Self {
        match error {
            super::AnomalyError::NoRows => Self::NoRows,
            super::AnomalyError::NoColumns => Self::NoColumns,
            other @ super::AnomalyError::Parameter { .. } => Self::UnknownParameter {
                name: "detector".to_owned(),
                value: String::new(),
                reason: other.to_string(),
            },
        }
    }
}

/// Hosts as numbers; all the same where they are not known.
fn keys(hosts: &[String], rows: usize) -> Vec<u128> {
    if hosts.len() != rows {
        return vec![0; rows];
    }
    // FNV-1a of 128 bits: equal names meet, and others do not.
    hosts
        .iter()
        .map(|host| {
            host.bytes().fold(
                0x6c62_272e_07bb_0142_62b8_2175_6295_c58d,
                |hash: u128, byte| {
                    (hash ^ u128::from(byte))
                        .wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
                },
            )
        })
        .collect()
}

/// Rows that count as odd, oddest first.
fn odd(scores: &[f64], p_values: &[f64], false_alarms: f64) -> Vec<usize> {
    let mut odd: Vec<usize> = (0..scores.len())
        .filter(|row| p_values[*row] <= false_alarms && scores[*row] > 0.0)
        .collect();
    odd.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    odd
}

/// Columns whose values shifted.
fn drift(usual: &Usual, then: &Matrix, now: &Matrix) -> Vec<(String, f64)> {
    if then.rows() < 50 || now.rows() < 50 {
        return Vec::new();
    }
    let mut shifted: Vec<(String, f64)> = usual
        .columns()
        .enumerate()
        .map(|(place, name)| {
            let of = |table: &Matrix| table.column(place).collect::<Vec<f64>>();
            let index = PopulationStability::new(&of(then)).index(&of(now));
            (name.to_owned(), index)
        })
        .filter(|(_, index)| *index > SHIFTED)
        .collect();
    shifted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    shifted
}
