//! Probabilities that mean what they say.
//!
//! A forest that says 0.9 is right in more or fewer than nine of ten cases; a calibration learns
//! from held-out rows, never from those the model was fitted to, by how much, and corrects it.
//! As in scikit-learn's `CalibratedClassifierCV` each class is corrected against all others, and
//! the corrected probabilities of a row are made to sum to one.

/// How a calibration corrects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationMethod {
    /// A sigmoid (Platt, "Probabilistic outputs for support vector machines", 1999): two numbers
    /// a class, so some dozens of held-out rows are enough.
    Sigmoid,
    /// A step-wise rising function (Zadrozny and Elkan, KDD 2002): any shape, but it wants about a
    /// thousand rows, or it repeats their chance.
    Isotonic,
}

/// A correction of the probabilities of a classifier.
///
/// ```
/// use netloom_ml::calibration::{Calibration, CalibrationMethod};
///
/// // A model that is too sure of itself: it says 0.9 and is right in two cases of three.
/// let truth = [1, 1, 0, 0, 0, 1];
/// let said: Vec<f64> = [0.9, 0.9, 0.9, 0.1, 0.1, 0.1].iter().flat_map(|p| [1.0 - p, *p]).collect();
/// let calibration = Calibration::fit(CalibrationMethod::Isotonic, &truth, &said, 2);
/// let mut new = [0.1, 0.9];
/// calibration.apply(&mut new);
/// assert!((new[1] - 2.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    classes: usize,
    /// One for each class, or for two classes one for the second.
    curves: Vec<Curve>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Curve {
    Sigmoid(Sigmoid),
    Isotonic(Isotonic),
}

impl Calibration {
    /// Learns from held-out rows: their true classes, and row-major `probabilities` for each class.
    ///
    /// # Panics
    ///
    /// If the lengths do not fit.
    pub fn fit(
        method: CalibrationMethod,
        truth: &[u32],
        probabilities: &[f64],
        classes: usize,
    ) -> Self {
        assert_eq!(
            truth.len() * classes,
            probabilities.len(),
            "probabilities for each row and class"
        );
        let first = usize::from(classes == 2);
        let curves = (first..classes)
            .map(|class| {
                let said: Vec<f64> = probabilities
                    .iter()
                    .skip(class)
                    .step_by(classes)
                    .copied()
                    .collect();
                let so: Vec<bool> = truth.iter().map(|&truth| truth as usize == class).collect();
                match method {
                    CalibrationMethod::Sigmoid => Curve::Sigmoid(Sigmoid::fit(&said, &so)),
                    CalibrationMethod::Isotonic => Curve::Isotonic(Isotonic::fit(&said, &so)),
                }
            })
            .collect();
        Self { classes, curves }
    }

    /// Corrects probabilities in place; `probabilities` is row-major.
    pub fn apply(&self, probabilities: &mut [f64]) {
        if self.classes == 0 {
            return;
        }
        for row in probabilities.chunks_mut(self.classes) {
            if let ([no, yes], [curve]) = (&mut *row, &self.curves[..]) {
                *yes = curve.correct(*yes);
                *no = 1.0 - *yes;
                continue;
            }
            for (value, curve) in row.iter_mut().zip(&self.curves) {
                *value = curve.correct(*value);
            }
            let sum: f64 = row.iter().sum();
            let uniform = 1.0 / row.len() as f64;
            for value in row {
                // No class is likely at all: then each is as likely as the others.
                *value = if sum > 0.0 { *value / sum } else { uniform };
            }
        }
    }

    /// One for each class, or for two classes one for the second.
    pub(crate) fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether what was read from a file holds together and fits a model of so many classes.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        let curves = if classes == 2 { 1 } else { classes };
        self.classes == classes
            && self.curves.len() == curves
            && self.curves.iter().all(|curve| match curve {
                Curve::Sigmoid(curve) => curve.slope.is_finite() && curve.intercept.is_finite(),
                Curve::Isotonic(curve) => {
                    curve.x.len() == curve.y.len()
                        && curve
                            .x
                            .iter()
                            .chain(&curve.y)
                            .all(|number| number.is_finite())
                        && curve.x.is_sorted()
                }
            })
    }
}

impl Curve {
    fn correct(&self, said: f64) -> f64 {
        match self {
            Self::Sigmoid(curve) => curve.correct(said),
            Self::Isotonic(curve) => curve.correct(said),
        }
    }
}

/// `1 / (1 + exp(slope · x + intercept))`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sigmoid {
    /// Platt's A; negative where more means likelier.
    pub slope: f64,
    /// Platt's B.
    pub intercept: f64,
}

impl Sigmoid {
    /// Fits by maximum likelihood with Platt's priors, by Newton's method with a line search (Lin,
    /// Lin and Weng, "A note on Platt's probabilistic outputs", 2007).
    pub fn fit(said: &[f64], so: &[bool]) -> Self {
        let positives = so.iter().filter(|so| **so).count() as f64;
        let negatives = so.len() as f64 - positives;
        let high = (positives + 1.0) / (positives + 2.0);
        let low = 1.0 / (negatives + 2.0);
        let target = |so: bool| if so { high } else { low };
        let loss = |a: f64, b: f64| -> f64 {
            let rows = said.iter().zip(so);
            rows.map(|(&x, &so)| {
                let z = a * x + b;
                // Both forms are the same; each is exact where the other overflows.
                if z >= 0.0 {
                    target(so) * z + (-z).exp().ln_1p()
                } else {
                    (target(so) - 1.0) * z + z.exp().ln_1p()
                }
            })
            .sum()
        };
        let (mut a, mut b) = (0.0, ((negatives + 1.0) / (positives + 1.0)).ln());
        let mut best = loss(a, b);
        for _ in 0..100 {
            // A little on the diagonal keeps the matrix from being singular.
            let (mut h11, mut h22, mut h21) = (1e-12, 1e-12, 0.0);
            let (mut g1, mut g2) = (0.0, 0.0);
            for (&x, &so) in said.iter().zip(so) {
                let p = sigmoid(a * x + b);
                let d2 = p * (1.0 - p);
                let d1 = target(so) - p;
                h11 += x * x * d2;
                h22 += d2;
                h21 += x * d2;
                g1 += x * d1;
                g2 += d1;
            }
            if g1.abs() < 1e-9 && g2.abs() < 1e-9 {
                break;
            }
            let determinant = h11 * h22 - h21 * h21;
            let da = -(h22 * g1 - h21 * g2) / determinant;
            let db = -(h11 * g2 - h21 * g1) / determinant;
            let slope = g1 * da + g2 * db;
            let mut step = 1.0;
            let moved = loop {
                let now = loss(a + step * da, b + step * db);
                if now < best + 1e-4 * step * slope {
                    (a, b, best) = (a + step * da, b + step * db, now);
                    break true;
                }
                step /= 2.0;
                if step < 1e-10 {
                    break false;
                }
            };
            if !moved {
                break;
            }
        }
        Self {
            slope: a,
            intercept: b,
        }
    }

    /// The corrected value.
    pub fn correct(&self, said: f64) -> f64 {
        sigmoid(self.slope * said + self.intercept)
    }
}

/// `1 / (1 + exp(z))`.
fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        let e = (-z).exp();
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + z.exp())
    }
}

/// A function that never falls, in a straight line between its points and flat outside of them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Neighbours that share one value: first and last place, positive rows and all rows in it.
struct Block {
    first: f64,
    last: f64,
    positives: u64,
    rows: u64,
}

impl Isotonic {
    /// Its points: where they are, ascending.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Its points: how high they are.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// Fits by least squares: pooling adjacent violators (`IsotonicRegression` with
    /// `out_of_bounds='clip'`). Without rows it changes nothing.
    pub fn fit(said: &[f64], so: &[bool]) -> Self {
        let mut rows: Vec<(f64, bool)> = said
            .iter()
            .copied()
            .zip(so.iter().copied())
            .filter(|(said, _)| said.is_finite())
            .map(|(said, so)| (said + 0.0, so))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for same in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            blocks.push(Block {
                first: same[0].0,
                last: same[0].0,
                positives: same.iter().filter(|(_, so)| *so).count() as u64,
                rows: same.len() as u64,
            });
            while let [.., before, last] = &mut blocks[..] {
                // In whole numbers: before's share is above last's, or the same.
                let above = u128::from(before.positives) * u128::from(last.rows)
                    >= u128::from(last.positives) * u128::from(before.rows);
                if !above {
                    break;
                }
                before.last = last.last;
                before.positives += last.positives;
                before.rows += last.rows;
                blocks.pop();
            }
        }
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for block in blocks {
            let share = block.positives as f64 / block.rows as f64;
            x.push(block.first);
            y.push(share);
            if block.last > block.first {
                x.push(block.last);
                y.push(share);
            }
        }
        Self { x, y }
    }

    /// The corrected value.
    pub fn correct(&self, said: f64) -> f64 {
        let above = self.x.partition_point(|&x| x < said);
        let (Some(&first), Some(&last)) = (self.y.first(), self.y.last()) else {
            return said;
        };
        if above == 0 {
            return first;
        }
        let (Some(&x1), Some(&y1)) = (self.x.get(above), self.y.get(above)) else {
            return last;
        };
        let (x0, y0) = (self.x[above - 1], self.y[above - 1]);
        y0 + (y1 - y0) * ((said - x0) / (x1 - x0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lcg(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed), |x| {
            Some((x * 1_103_515_245 + 12_345) % (1 << 31))
        })
        .skip(1)
        .map(|x| x >> 16)
    }

    /// `t = lcg(n, 3) % 5 == 0; s = (lcg(n, 4) % 20 + 4 * t) / 24`, as in the tests of the metrics.
    fn rows() -> (Vec<f64>, Vec<bool>) {
        let so: Vec<bool> = lcg(3).map(|x| x % 5 == 0).take(200).collect();
        let said = lcg(4)
            .zip(&so)
            .map(|(x, &so)| (x % 20 + 4 * u64::from(so)) as f64 / 24.0)
            .collect();
        (said, so)
    }

    /// scikit-learn 1.9.1, `_sigmoid_calibration(s, t)`; it stops at a gradient of 1e-6.
    #[test]
    fn sigmoid_is_that_of_scikit_learn() {
        let (said, so) = rows();
        let ours = Sigmoid::fit(&said, &so);
        assert!(
            (ours.slope - -2.897_298_660_563_400_6).abs() < 1e-5,
            "{ours:?}"
        );
        assert!(
            (ours.intercept - 2.612_512_417_913_506).abs() < 1e-5,
            "{ours:?}"
        );
    }

    /// scikit-learn 1.9.1, `IsotonicRegression(out_of_bounds='clip').fit(s, t).predict(…)`.
    #[test]
    fn isotonic_is_that_of_scikit_learn() {
        let (said, so) = rows();
        let ours = Isotonic::fit(&said, &so);
        for (at, expected) in [
            (-1.0, 0.0),
            (0.0, 0.0),
            (0.1, 0.0),
            (0.3, 0.225),
            (0.5, 0.264_705_882_352_941_2),
            (0.51, 0.266_631_016_042_780_7),
            (0.7, 0.289_400_921_658_986_2),
            (0.83, 0.954_285_714_285_713_3),
            (0.9, 1.0),
            (2.0, 1.0),
        ] {
            assert!(
                (ours.correct(at) - expected).abs() < 1e-12,
                "{at}: {}",
                ours.correct(at)
            );
        }
    }

    #[test]
    fn rows_of_one_kind_and_no_rows() {
        for so in [vec![true; 4], vec![false; 4], vec![]] {
            let said = vec![0.2; so.len()];
            let truth: Vec<u32> = so.iter().map(|&so| u32::from(so)).collect();
            let both: Vec<f64> = said.iter().flat_map(|p| [1.0 - p, *p]).collect();
            for method in [CalibrationMethod::Sigmoid, CalibrationMethod::Isotonic] {
                let mut row = [0.4, 0.6];
                Calibration::fit(method, &truth, &both, 2).apply(&mut row);
                assert!(row.iter().all(|p| (0.0..=1.0).contains(p)), "{row:?}");
                assert!((row[0] + row[1] - 1.0).abs() < 1e-12, "{row:?}");
            }
        }
    }

    #[test]
    fn three_classes_sum_to_one() {
        let truth = [0, 1, 2, 0, 1, 2];
        let said = [
            0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.3, 0.3, 0.4, 0.5, 0.4, 0.1, 0.3, 0.3, 0.4, 0.1, 0.1,
            0.8,
        ];
        for method in [CalibrationMethod::Sigmoid, CalibrationMethod::Isotonic] {
            let mut rows = said;
            Calibration::fit(method, &truth, &said, 3).apply(&mut rows);
            for row in rows.chunks(3) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
            }
        }
        // Where every curve says never, all classes are as likely.
        let mut row = [0.0, 0.0, 0.0];
        Calibration::fit(
            CalibrationMethod::Isotonic,
            &[0, 1, 2],
            &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            3,
        )
        .apply(&mut row);
        assert!((row[0] - 1.0 / 3.0).abs() < 1e-12);
    }
}
