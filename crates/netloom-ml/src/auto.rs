//! `auto`: a few families compared on rows that they have not learned from, and the best of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::dataset::{Dataset, LeftOut};
use crate::error::Error;
use crate::metrics::{Average, ConfusionMatrix, average_precision_macro};
use crate::model::{
    Classifier, ClassifierParams, Contributions, Input, Probabilities, Run, SavedClassifier,
};
use crate::split::{Split, by_time, group_folds, random_folds};
use crate::supervised::{classifier, parameters, with};

/// What a family is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// The mean of the classes' F1, each class counting as much as another.
    F1Macro,
    /// The mean of the classes' areas under precision and recall: what can be had with a threshold
    /// that is chosen later.
    AveragePrecision,
    /// The share of the rows that are told right.
    Accuracy,
    /// The mean of the classes' recalls.
    BalancedAccuracy,
}

impl Scoring {
    /// As users know it.
    pub fn label(self) -> &'static str {
        match self {
            Self::F1Macro => "macro F1",
            Self::AveragePrecision => "average precision",
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
        }
    }

    fn of(self, truth: &[u32], told: &Probabilities) -> f64 {
        let classes = told.classes().len();
        if self == Self::AveragePrecision {
            return average_precision_macro(truth, told.values(), classes).unwrap_or(0.0);
        }
        let matrix = ConfusionMatrix::new(truth, &told.predicted(), classes);
        match self {
            Self::Accuracy => matrix.accuracy(),
            Self::BalancedAccuracy => matrix.balanced_accuracy(),
            Self::F1Macro | Self::AveragePrecision => matrix.f1(Average::Macro),
        }
        .unwrap_or(0.0)
    }
}

/// Says how much time has passed since some moment.
///
/// This crate reads no clock: whoever wants a time budget to hold brings one.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// A clock that asks a function.
    pub fn new(elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(elapsed))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Parameters of `auto`, which tries families with their defaults and keeps the best.
///
/// Each family learns a part of the rows and is judged on the others, [`cv`](Self::cv) times: whole
/// groups where the data has groups, what came later (within each class) where it has times, and
/// else rows at random, with as much of each class on both sides. The family with the best mean
/// learns from all rows; of equals the one named first. The model that comes out is that family's,
/// and its [`choice`](Classifier::choice) says what the others reached.
///
/// Without a clock the result depends on the data and the seed alone; with one and a
/// [`time_budget`](Self::time_budget) a slower machine may try fewer families.
///
/// ```
/// use netloom_ml::{AutoParams, ClassifierParams, Dataset, Run, Values};
///
/// let data = Dataset::new(vec![("bytes", Values::numbers((0..90).map(f64::from)))])?
///     .with_classes((0..90).map(|bytes| if bytes / 30 == 1 { "middle" } else { "end" }))?;
/// let mut params = AutoParams::default();
/// params.models = vec!["logistic-regression".into(), "decision-tree".into()];
/// let model = params.fit(&data, Run::default())?;
/// // No straight line has the middle on one side.
/// assert_eq!(model.algorithm(), "decision-tree");
/// let choice = model.choice().unwrap();
/// assert!(choice.to_string().starts_with("decision-tree: average precision 0.9"));
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoParams {
    /// Families to try, in this order.
    pub models: Vec<String>,
    /// What they are judged by; none for average precision where there are two classes, which is
    /// what a detector lives by, and macro F1 where there are more.
    pub scoring: Option<Scoring>,
    /// How often each is judged, on other rows each time.
    pub cv: usize,
    /// Rows that are compared on at most, of each class the same share; the best family learns from
    /// all rows.
    pub max_rows: usize,
    /// Seconds after which no other fit is begun to compare by; the first family is always judged
    /// once, and learning from all rows comes on top. Needs a [`clock`](Self::with_clock).
    pub time_budget: Option<f64>,
    #[serde(skip)]
    clock: Option<Clock>,
}

impl Default for AutoParams {
    fn default() -> Self {
        Self {
            models: [
                "gradient-boosting",
                "random-forest",
                "extra-trees",
                "logistic-regression",
                "decision-tree",
                "naive-bayes",
                "mlp",
                "k-neighbors",
            ]
            .map(str::to_owned)
            .to_vec(),
            scoring: None,
            cv: 3,
            max_rows: 50_000,
            time_budget: None,
            clock: None,
        }
    }
}

/// Why `auto` chose what it chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The family that was chosen.
    pub chosen: String,
    /// What was compared.
    pub scoring: Scoring,
    /// How rows were held out, in words.
    pub held_out: String,
    /// Rows that were compared on.
    pub rows: u64,
    /// Families that were judged, the best first.
    pub tried: Vec<Tried>,
    /// Families that there was no time for.
    pub not_tried: Vec<String>,
}

/// How a family was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The family.
    pub model: String,
    /// Its score on each part that was held out.
    pub scores: Vec<f64>,
    /// Their mean.
    pub mean: f64,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((best, others)) = self.tried.split_first() else {
            return write!(f, "{}: {}", self.chosen, self.held_out);
        };
        write!(
            f,
            "{}: {} {:.4} on {}",
            best.model,
            self.scoring.label(),
            best.mean,
            self.held_out
        )?;
        for (place, other) in others.iter().enumerate() {
            let before = if place == 0 { "; " } else { ", " };
            write!(f, "{before}{} {:.4}", other.model, other.mean)?;
        }
        if !self.not_tried.is_empty() {
            write!(f, "; no time for {}", self.not_tried.join(", "))?;
        }
        Ok(())
    }
}

impl AutoParams {
    /// With parameters by name, as [`classifier`] takes them; the others have their defaults.
    ///
    /// # Errors
    ///
    /// If there is no such parameter, or the value is none of the parameter's.
    pub fn with_parameters(parameters: &[(&str, &str)]) -> Result<Self, Error> {
        with(&Self::default(), parameters)
    }

    /// With a clock for the time budget; its time is counted from the start of each fit.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    fn families(&self) -> Result<Vec<Box<dyn ClassifierParams>>, Error> {
        if self.models.is_empty() {
            return Err(Error::parameter("models", &"empty", "one or more"));
        }
        if self.cv == 0 {
            return Err(Error::parameter("cv", &self.cv, "1 or more"));
        }
        if self.max_rows < 2 {
            return Err(Error::parameter("max_rows", &self.max_rows, "2 or more"));
        }
        if let Some(budget) = self.time_budget
            && (budget.is_nan() || budget < 0.0)
        {
            return Err(Error::parameter("time_budget", &budget, "0 or more"));
        }
        if let (Some(budget), None) = (self.time_budget, &self.clock) {
            let must = "left out where there is no clock to measure it by";
            return Err(Error::parameter("time_budget", &budget, must));
        }
        self.models
            .iter()
            .map(|name| {
                if name == Self::NAME {
                    return Err(Error::parameter("models", name, "other families"));
                }
                classifier(name, &[])
            })
            .collect()
    }

    pub(crate) const NAME: &'static str = "auto";

    /// Whether no other fit is to be begun.
    fn is_over(&self, start: Option<Duration>) -> bool {
        match (&self.clock, start, self.time_budget) {
            (Some(clock), Some(start), Some(budget)) => {
                (clock.0)().saturating_sub(start).as_secs_f64() >= budget
            }
            _ => false,
        }
    }

    /// Judges the families; the place of the best among them, and why.
    fn choose(
        &self,
        families: &[Box<dyn ClassifierParams>],
        data: &Dataset,
        run: Run,
    ) -> Result<(usize, Choice), Error> {
        let start = self.clock.as_ref().map(|clock| (clock.0)());
        let data = self.sample(data, run.seed)?;
        let codes = data.class_codes()?;
        let mut seen = vec![false; data.class_names().len()];
        for &code in codes.iter() {
            seen[code as usize] = true;
        }
        let classes = seen.iter().filter(|seen| **seen).count();
        let scoring = self.scoring.unwrap_or(if classes > 2 {
            Scoring::F1Macro
        } else {
            Scoring::AveragePrecision
        });
        let (splits, held_out) = if classes < 2 {
            (Vec::new(), "there is one class only".to_owned())
        } else {
            self.hold_out(&data, &codes, run.seed)
        };
        let mut tried: Vec<(usize, Tried)> = Vec::new();
        let mut not_tried = Vec::new();
        for (place, family) in families.iter().enumerate() {
            let mut scores = Vec::new();
            for split in &splits {
                if !(place == 0 && scores.is_empty()) && self.is_over(start) {
                    break;
                }
                scores.push(judge(&**family, &data, &codes, split, scoring, run)?);
            }
            if splits.is_empty() {
                break;
            }
            // Judged on fewer parts than others it could win by luck; the first has no others yet.
            if scores.len() < splits.len() && place > 0 {
                not_tried.push(family.algorithm().to_owned());
                continue;
            }
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            tried.push((
                place,
                Tried {
                    model: family.algorithm().to_owned(),
                    scores,
                    mean,
                },
            ));
        }
        // Stable: of equals the first one stays first.
        tried.sort_by(|(_, a), (_, b)| b.mean.total_cmp(&a.mean));
        let best = tried.first().map_or(0, |(place, _)| *place);
        Ok((
            best,
            Choice {
                chosen: families[best].algorithm().to_owned(),
                scoring,
                held_out,
                rows: data.rows() as u64,
                tried: tried.into_iter().map(|(_, tried)| tried).collect(),
                not_tried,
            },
        ))
    }

    /// The rows to compare on.
    fn sample<'a>(&self, data: &'a Dataset, seed: u64) -> Result<Cow<'a, Dataset>, Error> {
        if data.rows() <= self.max_rows {
            return Ok(Cow::Borrowed(data));
        }
        let codes = data.class_codes()?;
        let mut of_classes = vec![Vec::new(); data.class_names().len()];
        for (row, &code) in codes.iter().enumerate() {
            of_classes[code as usize].push(row);
        }
        let share = self.max_rows as f64 / data.rows() as f64;
        let mut chance = Chance::of(seed, 0x6175_746f);
        let mut rows = Vec::with_capacity(self.max_rows);
        for mut of_class in of_classes {
            chance.shuffle(&mut of_class);
            // Of a rare class enough for each part.
            let wanted = ((of_class.len() as f64 * share).round() as usize).max(2 * self.cv);
            rows.extend_from_slice(&of_class[..wanted.min(of_class.len())]);
        }
        rows.sort_unstable();
        Ok(Cow::Owned(data.select(&rows)))
    }

    /// What is learned from and judged on, and how that was decided.
    fn hold_out(&self, data: &Dataset, codes: &[u32], seed: u64) -> (Vec<Split>, String) {
        if let Some(groups) = data.group_codes() {
            let mut present = groups.to_vec();
            present.sort_unstable();
            present.dedup();
            let parts = self.cv.max(2).min(present.len());
            if let Ok(splits) = group_folds(&groups, codes, parts) {
                let text = format!("whole groups held out, {parts} times");
                return (usable(splits, codes), text);
            }
        }
        if let Some(times) = data.times() {
            let parts = self.cv;
            let splits: Result<Vec<Split>, _> = (1..=parts)
                .map(|part| by_time(&times, Some(codes), part as f64 / (parts + 1) as f64))
                .collect();
            if let Ok(splits) = splits {
                let splits = usable(splits, codes);
                if !splits.is_empty() {
                    let text = format!("what came later in each class, {} times", splits.len());
                    return (splits, text);
                }
            }
        }
        let parts = self.cv.max(2).min(codes.len());
        match random_folds(codes, parts, seed) {
            Ok(splits) => {
                let text = format!("rows held out at random, {parts} times");
                (usable(splits, codes), text)
            }
            Err(_) => (Vec::new(), "there are too few rows to compare".to_owned()),
        }
    }
}

/// Those that have two classes to learn, and something to judge on.
fn usable(mut splits: Vec<Split>, codes: &[u32]) -> Vec<Split> {
    splits.retain(|split| {
        let mut train = split.train.iter().map(|&row| codes[row]);
        let first = train.next();
        !split.test.is_empty() && train.any(|code| Some(code) != first)
    });
    splits
}

fn judge(
    family: &dyn ClassifierParams,
    data: &Dataset,
    codes: &[u32],
    split: &Split,
    scoring: Scoring,
    run: Run,
) -> Result<f64, Error> {
    let model = family.fit(&data.select(&split.train), run)?;
    let told = model.predict_proba(&data.select(&split.test), run.threads)?;
    let truth: Vec<u32> = split.test.iter().map(|&row| codes[row]).collect();
    Ok(scoring.of(&truth, &told.align(data.class_names())))
}

impl ClassifierParams for AutoParams {
    fn algorithm(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(String, String)> {
        parameters(self)
    }

    fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Classifier>, Error> {
        let families = self.families()?;
        if data.class_codes()?.is_empty() {
            return Err(Error::NoRows);
        }
        let (best, choice) = self.choose(&families, data, run)?;
        let model = families[best].fit(data, run)?;
        Ok(Box::new(Chosen { model, choice }))
    }
}

/// The model of the best family.
#[derive(Debug)]
struct Chosen {
    model: Box<dyn Classifier>,
    choice: Choice,
}

impl Classifier for Chosen {
    fn algorithm(&self) -> &'static str {
        self.model.algorithm()
    }

    fn classes(&self) -> &[String] {
        self.model.classes()
    }

    fn inputs(&self) -> &[Input] {
        self.model.inputs()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.model.left_out()
    }

    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error> {
        self.model.predict_proba(data, threads)
    }

    fn contributions(
        &self,
        data: &Dataset,
        threads: usize,
    ) -> Result<Option<Contributions>, Error> {
        self.model.contributions(data, threads)
    }

    fn feature_importances(&self) -> Option<Vec<f64>> {
        self.model.feature_importances()
    }

    fn draw(&self, depth: usize) -> Option<String> {
        self.model.draw(depth)
    }

    fn saved(&self) -> Option<SavedClassifier<'_>> {
        self.model.saved()
    }

    fn choice(&self) -> Option<&Choice> {
        Some(&self.choice)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::dataset::Values;

    const RUN: Run = Run {
        seed: 1,
        threads: 2,
    };

    /// A square that no single column and no straight line tells.
    fn square(rows: u32) -> Dataset {
        let a = |row: u32| f64::from(row * 37 % 101);
        let b = |row: u32| f64::from(row * 59 % 97);
        let class = |row| {
            if (a(row) < 50.0) == (b(row) < 48.0) {
                "same"
            } else {
                "other"
            }
        };
        Dataset::new(vec![
            ("a", Values::numbers((0..rows).map(a))),
            ("b", Values::numbers((0..rows).map(b))),
        ])
        .unwrap()
        .with_classes((0..rows).map(class))
        .unwrap()
    }

    #[test]
    fn the_best_of_those_tried_is_kept() {
        let data = square(400);
        let params = AutoParams::default();
        let model = params.fit(&data, RUN).unwrap();
        let choice = model.choice().unwrap();
        assert_eq!(choice.tried.len(), 8);
        assert_eq!(choice.chosen, model.algorithm());
        assert_eq!(choice.tried[0].model, choice.chosen);
        assert!(
            choice
                .tried
                .windows(2)
                .all(|pair| pair[0].mean >= pair[1].mean)
        );
        let linear = choice
            .tried
            .iter()
            .find(|t| t.model == "logistic-regression");
        assert!(
            choice.tried[0].mean > 0.95 && linear.unwrap().mean < 0.7,
            "{choice}"
        );
        // What comes out is the family's own model, of all rows.
        let alone = classifier(&choice.chosen, &[])
            .unwrap()
            .fit(&data, RUN)
            .unwrap();
        assert_eq!(
            alone.predict_proba(&data, 1).unwrap(),
            model.predict_proba(&data, 1).unwrap()
        );
        assert!(model.saved().is_some());
    }

    #[test]
    fn what_there_is_no_time_for_is_named() {
        let data = square(300);
        let minutes = Arc::new(AtomicU64::new(0));
        let params = AutoParams {
            models: ["naive-bayes", "decision-tree", "logistic-regression", "k-neighbors"]
                .map(str::to_owned)
                .to_vec(),
            time_budget: Some(300.0),
            ..AutoParams::default()
        }
        // A minute passes between any two looks at the clock: one at the start, one before each
        // fit but the first. The second family's third fit would begin after five minutes.
        .with_clock(Clock::new(move || {
            Duration::from_secs(60 * minutes.fetch_add(1, Ordering::Relaxed))
        }));
        let model = params.fit(&data, RUN).unwrap();
        let choice = model.choice().unwrap();
        assert_eq!(choice.tried.len(), 1, "{choice}");
        assert_eq!(choice.not_tried.len(), 3);
        assert!(
            choice
                .to_string()
                .ends_with("no time for decision-tree, logistic-regression, k-neighbors")
        );
        // No time at all: the first is judged once all the same.
        let params = AutoParams {
            time_budget: Some(0.0),
            ..params
        };
        let choice = params.fit(&data, RUN).unwrap().choice().unwrap().clone();
        assert_eq!(
            (choice.tried[0].scores.len(), &*choice.chosen),
            (1, "naive-bayes")
        );
    }

    #[test]
    fn rows_are_held_out_as_the_data_allows() {
        let data = square(300);
        let how = |data: &Dataset| {
            let params = AutoParams::default();
            let (splits, how) = params.hold_out(data, &data.class_codes().unwrap(), 0);
            assert_eq!(splits.len(), 3, "{how}");
            how
        };
        assert!(how(&data).contains("at random"));
        let times = (0..300).map(Some).collect();
        let dated = data.clone().with_times(times).unwrap();
        assert!(how(&dated).contains("came later"));
        let groups: Vec<_> = (0..300).map(|row| format!("host{}", row % 7)).collect();
        let grouped = dated.with_groups(groups).unwrap();
        assert!(how(&grouped).contains("whole groups"));
    }

    #[test]
    fn a_part_of_many_rows_is_compared_on() {
        let data = square(2000);
        let params = AutoParams {
            models: vec!["decision-tree".to_owned()],
            max_rows: 500,
            ..AutoParams::default()
        };
        let choice = params.fit(&data, RUN).unwrap().choice().unwrap().clone();
        assert!((495..=505).contains(&choice.rows), "{}", choice.rows);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let data = square(50);
        for (name, value) in [
            ("models", "[]"),
            ("models", "[\"auto\"]"),
            ("models", "[\"oracle\"]"),
            ("cv", "0"),
            ("max_rows", "1"),
            ("time_budget", "-1"),
            ("time_budget", "10"),
            ("scoring", "luck"),
            ("budget", "1"),
        ] {
            let fitted = classifier("auto", &[(name, value)]).and_then(|p| p.fit(&data, RUN));
            assert!(fitted.is_err(), "{name} = {value}");
        }
    }
}
