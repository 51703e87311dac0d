//! From a table to numbers: what is missing, how far values are apart, and what names mean.
//!
//! Preprocessing is part of a model. It is learned from the training rows alone (what a test row
//! tells about means or categories must not reach the model), goes into the model's file, and does
//! the same to every table the model sees later.
//!
//! | what | choices | scikit-learn |
//! |---|---|---|
//! | missing numbers | kept (trees ask for them), mean, median, a constant, and a column that says so | `SimpleImputer`, `MissingIndicator` |
//! | scale | none, standard, min-max, robust | `StandardScaler`, `MinMaxScaler`, `RobustScaler` |
//! | outliers | kept, or clipped at quantiles | – |
//! | categories | one column each, their number, or what the target was | `OneHotEncoder`, `OrdinalEncoder`, `TargetEncoder` |
//! | rare categories | taken as one | `min_frequency`, `max_categories` |
//!
//! Columns are taken in the order of their names, so that a table with its columns in another
//! order gives the same model.

mod category;
mod number;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::{ColumnView, Dataset, Kind, LeftOut};
use crate::error::Error;
use crate::model::Input;
use crate::numeric::{Features, parallel};

use category::{Categories, CategoryTask};
pub(crate) use category::{CategoryStep, Target};
use number::Number;
pub(crate) use number::NumberStep;

/// How tables become numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// What stands for a number that is missing.
    pub missing: Missing,
    /// Whether a column that misses values gets a second one that says where.
    pub indicator: bool,
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// Numbers beyond these quantiles of the training rows are moved to them.
    pub clip: Option<(f64, f64)>,
    /// What categories become.
    pub encoding: Encoding,
    /// Categories of fewer training rows are rare.
    pub min_frequency: usize,
    /// Categories of a column at most; the others are rare.
    pub max_categories: usize,
}

/// What stands for a number that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Nothing: the model knows what to do with it.
    Keep,
    /// The mean of the training rows.
    Mean,
    /// Their median.
    Median,
    /// A number.
    Constant(f64),
}

/// How numbers are scaled, by the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Not at all.
    None,
    /// To mean 0 and standard deviation 1.
    Standard,
    /// To the range from 0 to 1.
    MinMax,
    /// To median 0 and a distance of 1 between the quartiles.
    Robust,
}

/// What categories become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// A column for each category: 1 where it is, 0 elsewhere.
    OneHot,
    /// The category's number in alphabetical order. Rare ones share the number after the last, and
    /// what the training rows did not have is missing.
    Ordinal,
    /// For each class how often the category's rows are of it, drawn towards all rows' mean the
    /// more, the fewer rows it has. For the training rows it is learned from other rows than
    /// themselves (five folds), so that a model cannot read their label from it.
    Target,
}

impl Preprocessing {
    /// For models that ask for one column at a time, and for missing values too.
    pub const TREES: Self = Self {
        missing: Missing::Keep,
        indicator: false,
        scaling: Scaling::None,
        clip: None,
        encoding: Encoding::Ordinal,
        min_frequency: 1,
        max_categories: 1000,
    };
    /// For models that add columns up or measure distances.
    pub const SCALED: Self = Self {
        missing: Missing::Mean,
        indicator: false,
        scaling: Scaling::Standard,
        clip: None,
        encoding: Encoding::OneHot,
        min_frequency: 1,
        max_categories: 100,
    };
    /// For models that need a number everywhere, of whatever size.
    pub const FILLED: Self = Self {
        scaling: Scaling::None,
        ..Self::SCALED
    };

    fn check(&self) -> Result<(), Error> {
        if let Some((low, high)) = self.clip
            && !(0.0 <= low && low < high && high <= 1.0)
        {
            return Err(Error::parameter(
                "clip",
                &format!("{low} to {high}"),
                "two quantiles from 0 to 1, the lower first",
            ));
        }
        if self.max_categories == 0 {
            return Err(Error::parameter("max_categories", &0, "1 or more"));
        }
        Ok(())
    }
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self::TREES
    }
}

/// Preprocessing that learned from a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preprocessor {
    inputs: Vec<Input>,
    steps: Vec<Step>,
    /// Names of what comes out.
    names: Arc<[String]>,
    /// The column that each of them is made from.
    sources: Vec<u32>,
    left_out: Vec<LeftOut>,
}

/// What is done to a column of a name, for those who want to do the same elsewhere.
pub(crate) struct Described<'a> {
    pub(crate) name: &'a str,
    pub(crate) step: StepView<'a>,
}

/// What is done to a column.
pub(crate) enum StepView<'a> {
    Number(NumberStep),
    Category(CategoryStep<'a>),
}

/// What is done to a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Step {
    Number(Number),
    Category(Categories),
}

impl Preprocessor {
    /// Learns from the rows, and makes numbers of them.
    pub(crate) fn fit(
        params: &Preprocessing,
        data: &Dataset,
        target: &Target<'_>,
        threads: usize,
    ) -> Result<(Self, Features), Error> {
        params.check()?;
        if data.rows() == 0 {
            return Err(Error::NoRows);
        }
        let mut views: Vec<ColumnView<'_>> = data.columns().collect();
        views.sort_unstable_by_key(ColumnView::name);
        let mut left_out = Vec::new();
        views.retain(|view| {
            let names_rows = view.kind() == Kind::Category && category::names_rows(view);
            if names_rows {
                left_out.push(LeftOut {
                    column: view.name().to_owned(),
                    reason: "nearly every row has a text of its own".to_owned(),
                });
            }
            !names_rows
        });
        if views.is_empty() {
            return Err(Error::NoColumns);
        }
        let folds = target.folds(data.rows());
        let done = parallel::map(views.len(), threads, |place| {
            let view = &views[place];
            if view.kind() == Kind::Category {
                let task = CategoryTask {
                    params,
                    target,
                    folds: &folds,
                };
                let (step, columns) = Categories::fit(&task, view);
                (Step::Category(step), columns)
            } else {
                let (step, columns) = Number::fit(params, view);
                (Step::Number(step), columns)
            }
        });
        let mut this = Self {
            inputs: views
                .iter()
                .map(|view| Input {
                    name: view.name().to_owned(),
                    kind: view.kind(),
                })
                .collect(),
            steps: Vec::with_capacity(done.len()),
            names: Arc::from([]),
            sources: Vec::new(),
            left_out,
        };
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for (place, (step, made)) in done.into_iter().enumerate() {
            step.names(views[place].name(), target.names(), &mut names);
            this.sources.resize(names.len(), place as u32);
            this.steps.push(step);
            columns.extend(made);
        }
        this.names = names.into();
        let features = Features::new(Arc::clone(&this.names), columns, data.rows());
        Ok((this, features))
    }

    /// Makes numbers of a table's rows.
    pub(crate) fn transform(&self, data: &Dataset, threads: usize) -> Result<Features, Error> {
        let mut missing = Vec::new();
        let mut views = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            match data.column(&input.name) {
                Some(view) => views.push(view),
                None => missing.push(input.name.clone()),
            }
        }
        if !missing.is_empty() {
            return Err(Error::MissingColumns { columns: missing });
        }
        for (view, input) in views.iter().zip(&self.inputs) {
            if input.kind != Kind::Category
                && view.kind() == Kind::Category
                && !view.categories().is_empty()
            {
                return Err(Error::ColumnKind {
                    column: input.name.clone(),
                    found: "text",
                    wanted: "numbers",
                });
            }
        }
        let columns = parallel::map(views.len(), threads, |place| match &self.steps[place] {
            Step::Number(step) => step.transform(&views[place]),
            Step::Category(step) => step.transform(&views[place]),
        });
        Ok(Features::new(
            Arc::clone(&self.names),
            columns.into_iter().flatten().collect(),
            data.rows(),
        ))
    }

    /// What is done to each column.
    pub(crate) fn describe(&self) -> Vec<Described<'_>> {
        self.inputs
            .iter()
            .zip(&self.steps)
            .map(|(input, step)| Described {
                name: &input.name,
                step: match step {
                    Step::Number(step) => StepView::Number(step.describe()),
                    Step::Category(step) => StepView::Category(step.describe()),
                },
            })
            .collect()
    }

    /// The columns that it needs.
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Names of what comes out.
    pub(crate) fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// The number of the input that each column is made from.
    pub(crate) fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Columns that it does not use, and why.
    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Whether what was read from a file holds together.
    pub(crate) fn is_sound(&self) -> bool {
        let widths: Vec<usize> = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Number(step) => step.width(),
                Step::Category(step) => step.width(),
            })
            .collect();
        self.steps.len() == self.inputs.len()
            && widths.iter().sum::<usize>() == self.names.len()
            && self.sources.len() == self.names.len()
            && self
                .sources
                .iter()
                .all(|&source| (source as usize) < self.inputs.len())
            && self.steps.iter().all(|step| match step {
                Step::Number(_) => true,
                Step::Category(step) => step.is_sound(),
            })
    }
}

impl Step {
    fn names(&self, column: &str, classes: &[String], names: &mut Vec<String>) {
        match self {
            Self::Number(step) => step.names(column, names),
            Self::Category(step) => step.names(column, classes, names),
        }
    }
}

#[cfg(test)]
mod tests;
