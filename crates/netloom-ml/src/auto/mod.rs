//! `auto`: a few families compared on rows that they have not learned from, and the best of them.

mod hold_out;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::dataset::{Dataset, LeftOut};
use crate::error::Error;
use crate::metrics::{Average, ConfusionMatrix, average_precision_macro, log_loss};
use crate::model::{
    Classifier, ClassifierParams, Contributions, Input, Probabilities, Run, SavedClassifier,
};
use crate::split::Split;
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

    /// Whether each class counts as much as another, however many rows it has.
    fn is_macro(self) -> bool {
        self != Self::Accuracy
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
/// else rows at random, with as much of each class on both sides. Where classes count alike in what
/// is judged by, but not in the rows, families that can weigh rows are tried a second time with
/// `class_weight=balanced`. What is far behind the best on two parts is given up. The family with
/// the best mean (in four digits) learns from all rows; of equals the one with the lower log loss,
/// and then the one named first. The model that comes out is
/// that family's, and its [`choice`](Classifier::choice) says what the others reached.
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
    /// Whether families are also tried with rows weighed so that all classes count alike, where
    /// that is what they are judged by and one class has more than twice the rows of another.
    pub balance: bool,
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
            balance: true,
            scoring: None,
            cv: 5,
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
    /// Its parameters that are not defaults.
    #[serde(default)]
    pub parameters: Vec<(String, String)>,
    /// What was compared.
    pub scoring: Scoring,
    /// How rows were held out, in words.
    pub held_out: String,
    /// Rows that were compared on.
    pub rows: u64,
    /// Families that were judged, the best first, and last those that were given up.
    pub tried: Vec<Tried>,
    /// Families that there was no time for.
    pub not_tried: Vec<String>,
}

/// How a family was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The family.
    pub model: String,
    /// Its parameters that are not defaults.
    #[serde(default)]
    pub parameters: Vec<(String, String)>,
    /// Its score on each part that was held out.
    pub scores: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// The mean log loss on the same parts: of families whose scores are the same in the digits
    /// that are shown, the one that is surer of what is right is better.
    #[serde(default)]
    pub log_loss: f64,
}

impl Tried {
    /// How it stands to another: the better first.
    fn order(&self, other: &Self) -> Ordering {
        let shown = |tried: &Self| (tried.mean * 1e4).round();
        shown(other)
            .total_cmp(&shown(self))
            .then(self.log_loss.total_cmp(&other.log_loss))
    }

    /// The family with the parameters that are not defaults.
    pub fn label(&self) -> String {
        label(&self.model, &self.parameters)
    }
}

fn label(model: &str, parameters: &[(String, String)]) -> String {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if parameters.is_empty() {
        model.to_owned()
    } else {
        format!("{model} ({})", parameters.join(", "))
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((best, others)) = self.tried.split_first() else {
            return write!(f, "{}: {}", self.chosen, self.held_out);
        };
        write!(
            f,
            "{}: {} {:.4} on {}",
            best.label(),
            self.scoring.label(),
            best.mean,
            self.held_out
        )?;
        for (place, other) in others.iter().enumerate() {
            let before = if place == 0 { "; " } else { ", " };
            write!(f, "{before}{} {:.4}", other.label(), other.mean)?;
        }
        if !self.not_tried.is_empty() {
            write!(f, "; no time for {}", self.not_tried.join(", "))?;
        }
        Ok(())
    }
}

/// A family with parameters.
struct Candidate {
    params: Box<dyn ClassifierParams>,
    /// Those that are not defaults.
    parameters: Vec<(String, String)>,
}

/// The parameter that makes all classes count alike.
const BALANCED: (&str, &str) = ("class_weight", "balanced");
/// So many times the rows of another class are more.
const UNEVEN: usize = 2;
/// What is further than this behind the best on each part is not judged on the others.
const FAR: f64 = 0.05;

impl Candidate {
    fn new(family: &str, parameters: &[(&str, &str)]) -> Result<Self, Error> {
        Ok(Self {
            params: classifier(family, parameters)?,
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        })
    }

    fn label(&self) -> String {
        label(self.params.algorithm(), &self.parameters)
    }

    fn tried(&self, scores: Vec<f64>, losses: f64) -> Tried {
        let parts = scores.len() as f64;
        Tried {
            model: self.params.algorithm().to_owned(),
            parameters: self.parameters.clone(),
            mean: scores.iter().sum::<f64>() / parts,
            log_loss: losses / parts,
            scores,
        }
    }
}

fn is_far_behind(scores: &[f64], best: &[f64]) -> bool {
    scores.len() >= 2
        && scores
            .iter()
            .zip(best)
            .all(|(score, best)| *score < best - FAR)
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

    fn candidates(&self, balance: bool) -> Result<Vec<Candidate>, Error> {
        let mut all = Vec::new();
        for name in &self.models {
            let plain = Candidate::new(name, &[])?;
            let weighs = plain.params.parameters();
            let weighs = weighs.iter().any(|(name, _)| name == BALANCED.0);
            all.push(plain);
            if balance && weighs {
                all.push(Candidate::new(name, &[BALANCED])?);
            }
        }
        Ok(all)
    }

    /// Refuses what makes no sense.
    fn check(&self) -> Result<(), Error> {
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
        match self.models.iter().find(|name| *name == Self::NAME) {
            Some(name) => Err(Error::parameter("models", name, "other families")),
            None => Ok(()),
        }
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

    /// Judges the families; the best of them, and why.
    fn choose(&self, data: &Dataset, run: Run) -> Result<(Candidate, Choice), Error> {
        let start = self.clock.as_ref().map(|clock| (clock.0)());
        let data = self.sample(data, run.seed)?;
        let codes = data.class_codes()?;
        let mut counts = vec![0_usize; data.class_names().len()];
        for &code in codes.iter() {
            counts[code as usize] += 1;
        }
        counts.retain(|count| *count > 0);
        let scoring = self.scoring.unwrap_or(if counts.len() > 2 {
            Scoring::F1Macro
        } else {
            Scoring::AveragePrecision
        });
        let (least, most) = (counts.iter().min(), counts.iter().max());
        let uneven = least.zip(most).is_some_and(|(a, b)| *b > UNEVEN * a);
        let mut candidates = self.candidates(self.balance && scoring.is_macro() && uneven)?;
        let (splits, held_out) = if counts.len() < 2 {
            (Vec::new(), "there is one class only".to_owned())
        } else {
            hold_out::hold_out(&data, &codes, self.cv, run.seed)
        };
        let mut judged: Vec<(usize, Tried)> = Vec::new();
        let mut given_up = Vec::new();
        let mut not_tried = Vec::new();
        let mut best: Option<Tried> = None;
        for (place, candidate) in candidates.iter().enumerate() {
            let mut scores = Vec::new();
            let mut losses = 0.0;
            let mut is_behind = false;
            for split in &splits {
                if !(place == 0 && scores.is_empty()) && self.is_over(start) {
                    break;
                }
                let (score, loss) = judge(&*candidate.params, &data, &codes, split, scoring, run)?;
                scores.push(score);
                losses += loss;
                is_behind = best
                    .as_ref()
                    .is_some_and(|best| is_far_behind(&scores, &best.scores));
                if is_behind {
                    break;
                }
            }
            if splits.is_empty() {
                break;
            }
            // Judged on fewer parts than others it could win by luck; the first has no others yet.
            if scores.len() < splits.len() && place > 0 && !is_behind {
                not_tried.push(candidate.label());
                continue;
            }
            let tried = candidate.tried(scores, losses);
            if is_behind {
                given_up.push(tried);
                continue;
            }
            if best.as_ref().is_none_or(|best| tried.order(best).is_lt()) {
                best = Some(tried.clone());
            }
            judged.push((place, tried));
        }
        // Stable: of equals the first one stays first.
        judged.sort_by(|(_, a), (_, b)| a.order(b));
        given_up.sort_by(Tried::order);
        let best = judged.first().map_or(0, |(place, _)| *place);
        let chosen = candidates.swap_remove(best);
        let choice = Choice {
            chosen: chosen.params.algorithm().to_owned(),
            parameters: chosen.parameters.clone(),
            scoring,
            held_out,
            rows: data.rows() as u64,
            tried: judged
                .into_iter()
                .map(|(_, tried)| tried)
                .chain(given_up)
                .collect(),
            not_tried,
        };
        Ok((chosen, choice))
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
}

/// The score, and the log loss.
fn judge(
    family: &dyn ClassifierParams,
    data: &Dataset,
    codes: &[u32],
    split: &Split,
    scoring: Scoring,
    run: Run,
) -> Result<(f64, f64), Error> {
    let model = family.fit(&data.select(&split.train), run)?;
    let told = model.predict_proba(&data.select(&split.test), run.threads)?;
    let truth: Vec<u32> = split.test.iter().map(|&row| codes[row]).collect();
    let told = told.align(data.class_names());
    let loss = log_loss(&truth, told.values(), told.classes().len()).unwrap_or(f64::INFINITY);
    Ok((scoring.of(&truth, &told), loss))
}

impl ClassifierParams for AutoParams {
    fn algorithm(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(String, String)> {
        parameters(self)
    }

    fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Classifier>, Error> {
        self.check()?;
        if data.class_codes()?.is_empty() {
            return Err(Error::NoRows);
        }
        let (best, choice) = self.choose(data, run)?;
        let model = best.params.fit(data, run)?;
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
mod tests;
