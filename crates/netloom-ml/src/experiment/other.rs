//! What a model is worth on data that has nothing to do with its making.

use crate::card::Baseline;
use crate::dataset::Dataset;
use crate::evaluation::{Evaluation, EvaluationOptions, Predictions, Workload};
use crate::metrics::{Average, ConfusionMatrix};
use crate::model::{Classifier, Run};

use super::{ExperimentError, negative};

/// An evaluation on other data.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherEvaluation {
    /// The scores.
    pub evaluation: Evaluation,
    /// Always telling the class that is most frequent in this data.
    pub majority: Baseline,
    /// Classes of the data that the model has not learned, with their rows.
    pub unknown: Vec<(String, u64)>,
    /// The class that was told of each row, as the number of its name in the evaluation.
    pub predicted: Vec<u32>,
}

/// Evaluates a model on labelled data. Classes that only the model or only the data knows are
/// part of the result.
///
/// # Errors
///
/// If the data lacks a column or has no classes, or there is no class called `negative`.
pub fn evaluate_model(
    model: &dyn Classifier,
    data: &Dataset,
    negative_name: Option<&str>,
    workload: Workload,
    run: Run,
) -> Result<OtherEvaluation, ExperimentError> {
    let codes = data.class_codes()?;
    let mut counts = vec![0_u64; data.class_names().len()];
    for &code in codes.iter() {
        counts[code as usize] += 1;
    }
    let unknown: Vec<(String, u64)> = data
        .class_names()
        .iter()
        .zip(&counts)
        .filter(|(name, rows)| **rows > 0 && !model.classes().contains(name))
        .map(|(name, rows)| (name.clone(), *rows))
        .collect();
    let mut names = model.classes().to_vec();
    names.extend(unknown.iter().map(|(name, _)| name.clone()));
    let place: Vec<u32> = data
        .class_names()
        .iter()
        .map(|name| names.iter().position(|known| known == name).unwrap_or(0) as u32)
        .collect();
    let truth: Vec<u32> = codes.iter().map(|&code| place[code as usize]).collect();
    let told = model.predict_proba(data, run.threads)?.align(&names);
    let predicted = told.predicted();
    let negative = negative::chosen(negative_name, &names, &truth)?;
    let groups = data.group_codes();
    let evaluation = Evaluation::new(
        &Predictions {
            truth: &truth,
            predicted: &predicted,
            probabilities: told.values(),
            classes: &names,
            groups: groups.as_deref(),
        },
        &EvaluationOptions {
            negative,
            workload,
            seed: run.seed,
            threads: run.threads,
        },
    );
    let most = (0..counts.len()).fold(0, |most, code| {
        if counts[code] > counts[most] {
            code
        } else {
            most
        }
    });
    let always = vec![place.get(most).copied().unwrap_or(0); truth.len()];
    let confusion = ConfusionMatrix::new(&truth, &always, names.len());
    let majority = Baseline {
        name: "majority".to_owned(),
        words: format!(
            "Majority: always '{}', the most frequent class here",
            data.class_names().get(most).map_or("", String::as_str)
        ),
        accuracy: confusion.accuracy(),
        balanced_accuracy: confusion.balanced_accuracy(),
        f1_macro: confusion.f1(Average::Macro),
        pr_auc: None,
    };
    Ok(OtherEvaluation {
        evaluation,
        majority,
        unknown,
        predicted,
    })
}
