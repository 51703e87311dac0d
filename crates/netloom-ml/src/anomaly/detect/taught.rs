//! Detectors that have learnt, with what they call normal.

use super::super::table::Usual;
use super::super::threshold::Reference;
use super::super::{
    AutoencoderParams, Detector, HalfSpaceTreesParams, IsolationForestParams,
    NearestDistanceParams, RobustZScores, RobustZScoresParams,
};
use super::{DetectOptions, DetectorKind};
use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::Matrix;

/// A detector that has learnt, and what it calls normal.
pub(super) struct Taught {
    pub(super) model: Model,
    pub(super) reference: Reference,
}

pub(super) enum Model {
    Single(Box<dyn Detector>),
    Several(Vec<(Box<dyn Detector>, Reference)>),
    Hosts(Box<RobustZScores>),
}

pub(super) struct Teaching<'a> {
    pub(super) usual: &'a Usual,
    /// Rows a tree is grown from: as many for a half of the rows as for all, or their scores
    /// could not be compared.
    pub(super) samples: usize,
    pub(super) options: &'a DetectOptions,
}

impl Teaching<'_> {
    /// Learns from all rows; where they are known to be normal, each half is scored by what
    /// learnt from the other, so that the reference is of rows it has not seen.
    pub(super) fn teach(
        &self,
        rows: &Matrix,
        hosts: &[u128],
        held_out: bool,
    ) -> Result<Taught, Error> {
        let model = self.model(rows, hosts)?;
        let scores = if held_out && rows.rows() >= 20 {
            let mut order: Vec<usize> = (0..rows.rows()).collect();
            Chance::of(self.options.seed, 77).shuffle(&mut order);
            let (one, other) = order.split_at(order.len() / 2);
            let pick = |of: &[usize]| -> Vec<u128> { of.iter().map(|row| hosts[*row]).collect() };
            let mut scores = Vec::new();
            for (learnt, scored) in [(one, other), (other, one)] {
                let half = self.model(&rows.select(learnt), &pick(learnt))?;
                let threads = self.options.threads;
                scores.extend(half.scores(&rows.select(scored), &pick(scored), threads));
            }
            scores
        } else {
            model.scores(rows, hosts, self.options.threads)
        };
        Ok(Taught {
            model,
            reference: Reference::new(scores),
        })
    }

    fn model(&self, rows: &Matrix, hosts: &[u128]) -> Result<Model, Error> {
        let single = |kind| -> Result<Box<dyn Detector>, Error> {
            let (seed, threads) = (self.options.seed, self.options.threads);
            Ok(match kind {
                DetectorKind::NearestDistance => Box::new(
                    NearestDistanceParams {
                        seed,
                        ..NearestDistanceParams::default()
                    }
                    .fit(rows)?,
                ),
                DetectorKind::Autoencoder => Box::new(
                    AutoencoderParams {
                        seed,
                        ..AutoencoderParams::default()
                    }
                    .fit(rows)?,
                ),
                DetectorKind::HalfSpaceTrees => Box::new(
                    HalfSpaceTreesParams {
                        seed,
                        ..HalfSpaceTreesParams::default()
                    }
                    .fit(rows)?,
                ),
                _ => Box::new(
                    IsolationForestParams {
                        seed,
                        max_samples: self.samples,
                        ..IsolationForestParams::default()
                    }
                    .fit(rows, threads)?,
                ),
            })
        };
        Ok(match self.options.detector {
            DetectorKind::Ensemble => {
                let mut several = Vec::new();
                for kind in [
                    DetectorKind::IsolationForest,
                    DetectorKind::NearestDistance,
                    DetectorKind::Autoencoder,
                ] {
                    let detector = single(kind)?;
                    let reference = Reference::new(detector.scores(rows, self.options.threads));
                    several.push((detector, reference));
                }
                Model::Several(several)
            }
            DetectorKind::RobustZ => {
                let mut scores = RobustZScoresParams {
                    window_size: 512,
                    ..RobustZScoresParams::default()
                }
                .build(self.usual.columns().len())?;
                scores.learn(hosts, rows);
                Model::Hosts(Box::new(scores))
            }
            kind => Model::Single(single(kind)?),
        })
    }
}

impl Model {
    pub(super) fn scores(&self, rows: &Matrix, hosts: &[u128], threads: usize) -> Vec<f64> {
        match self {
            Self::Single(detector) => detector.scores(rows, threads),
            Self::Several(several) => {
                let mut sums = vec![0.0; rows.rows()];
                for (detector, reference) in several {
                    let middle = reference.quantile(0.5);
                    let wide = (reference.quantile(0.05) - middle).max(1e-9);
                    for (sum, score) in sums.iter_mut().zip(detector.scores(rows, threads)) {
                        // By rank where there is a reference, and by how far beyond it where
                        // none of it reaches.
                        let rare = -reference.p_value(score).ln();
                        let beyond = ((score - middle) / wide).max(0.0).ln_1p();
                        *sum += (rare + beyond) / several.len() as f64;
                    }
                }
                sums
            }
            Self::Hosts(scores) => rows
                .iter()
                .zip(hosts)
                .map(|(row, host)| scores.score(*host, row))
                .collect(),
        }
    }
}
