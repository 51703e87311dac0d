//! What to be wary of, in words.

use crate::card::{ModelCard, Weight};
use crate::split::one_sided;

use super::plan::{Method, Plan};

/// Test rows of a class below which its scores say little.
const FEW_ROWS: u64 = 20;
/// Test rows below which all scores say little.
const FEW_TEST_ROWS: u64 = 100;

/// Adds all that the facts of the card give reason for.
pub(super) fn add(card: &mut ModelCard, plan: &Plan, classes: &[u32], names: &[String]) {
    split(card, plan, classes, names);
    rows(card, plan);
    columns(card);
    gap(card, plan);
    scores(card);
    detection(card);
}

fn split(card: &mut ModelCard, plan: &Plan, classes: &[u32], names: &[String]) {
    let folds = plan.splits.len() > 1;
    for side in one_sided(plan.first(), classes).iter().filter(|_| !folds) {
        let name = names.get(side.class as usize).map_or("", String::as_str);
        let by_time = matches!(plan.method(), Method::Time { per_class: false });
        let cure = if by_time {
            "Its rows are all of one time; --stratify cuts each class at a time of its own."
        } else {
            "Another seed, another share, or data of more groups may help."
        };
        if side.train == 0 {
            card.warn(
                Weight::High,
                "split",
                format!(
                    "'{name}' has no row to learn from, and {} to test on",
                    side.test
                ),
                format!("The model cannot tell it, so all of them count as wrong. {cure}"),
            );
        } else {
            card.warn(
                Weight::Medium,
                "split",
                format!("'{name}' has no row to test on"),
                format!("Nothing is known of how well it is told. {cure}"),
            );
        }
    }
    if card.split.left_out_rows > 0 {
        card.warn(
            Weight::Low,
            "split",
            format!(
                "{} rows have no time and are on neither side",
                card.split.left_out_rows
            ),
            "",
        );
    }
    if matches!(plan.method(), Method::Time { per_class: true }) {
        card.warn(
            Weight::Low,
            "split",
            "each class is cut at a time of its own",
            "A test row may be older than training rows of another class: less strict than one cut for all.",
        );
    }
    let few: Vec<String> = card
        .data
        .classes
        .iter()
        .filter(|class| class.test > 0 && class.test < FEW_ROWS)
        .map(|class| format!("'{}' ({})", class.class, class.test))
        .collect();
    if !few.is_empty() {
        card.warn(
            Weight::Low,
            "classes",
            format!("few rows to test on: {}", listed(&few)),
            "Their scores may be far off; look at the intervals.",
        );
    }
    if card.split.test_rows < FEW_TEST_ROWS {
        card.warn(
            Weight::Medium,
            "split",
            format!("only {} rows to test on", card.split.test_rows),
            "Any score of so few rows may be far off.",
        );
    }
}

fn rows(card: &mut ModelCard, plan: &Plan) {
    let cure = match plan.method() {
        Method::Random => {
            "Split by time, or by a group whose rows resemble each other: --split time, --split group:COLUMN."
        }
        Method::Time { .. } => {
            "Traffic that repeats itself looks like this, and so does a table with rows of one flow: then split by what they share, --split group:COLUMN."
        }
        _ => "The groups share rows: they may not be as apart as they seem.",
    };
    let exact = card.leakage.exact.unwrap_or_default();
    let near = card.leakage.near.unwrap_or_default();
    let share = exact.share();
    if share >= 0.01 {
        let weight = if share >= 0.5 {
            Weight::High
        } else if share >= 0.1 {
            Weight::Medium
        } else {
            Weight::Low
        };
        card.warn(
            weight,
            "leakage",
            format!(
                "{} of the test rows are the same as a training row in all columns",
                percent(share)
            ),
            format!("They are remembered, not told. {cure}"),
        );
    }
    if near.share() >= 0.25 && near.share() >= 1.5 * share {
        card.warn(
            if near.share() >= 0.75 {
                Weight::Medium
            } else {
                Weight::Low
            },
            "leakage",
            format!(
                "{} of the test rows are nearly the same as a training row",
                percent(near.share())
            ),
            format!("No column differs by more than 1 % of its spread. {cure}"),
        );
    }
    if let Some(ceiling) = card.leakage.ceiling.filter(|ceiling| *ceiling < 0.99) {
        card.warn(
            Weight::Medium,
            "classes",
            format!(
                "rows that are the same have different labels: at most {} can be told right",
                percent(ceiling)
            ),
            "The columns do not hold what tells them apart, or labels are wrong.",
        );
    }
}

fn columns(card: &mut ModelCard) {
    let telling: Vec<(String, f64)> = card
        .leakage
        .columns
        .iter()
        .filter(|column| column.used && column.balanced_accuracy >= 0.95)
        .map(|column| (column.column.clone(), column.balanced_accuracy))
        .collect();
    if let Some((first, best)) = telling.first().cloned() {
        let weight = if best >= 0.995 {
            Weight::High
        } else {
            Weight::Medium
        };
        let more = telling.len() - 1;
        let more = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        card.warn(
            weight,
            "leakage",
            format!("column '{first}'{more} alone tells the label: balanced accuracy {best:.3}"),
            "Ask how it came to be: a column made from the label, or from how the data was recorded, tells nothing where the model will be used. --exclude COLUMN leaves it out.",
        );
    }
    if !card.leakage.identifiers.is_empty() {
        card.warn(
            Weight::Medium,
            "columns",
            format!(
                "columns that identify are learned as asked: {}",
                card.leakage.identifiers.join(", ")
            ),
            "The model may learn who was attacked, or when, instead of what an attack looks like.",
        );
    }
}

fn gap(card: &mut ModelCard, plan: &Plan) {
    let random = *plan.method() == Method::Random;
    let Some(gap) = card.leakage.gap.clone() else {
        if random {
            card.warn(
                Weight::Medium,
                "split",
                "the split is random, and nothing in the data can show what that is worth",
                "Rows that resemble each other are on both sides. A column with the time (--time COLUMN) or with the host, capture or scenario (--split group:COLUMN) would allow an honest test.",
            );
        }
        return;
    };
    let difference = gap.random - gap.split;
    if random {
        let weight = match difference {
            d if d >= 0.1 => Weight::High,
            d if d >= 0.02 => Weight::Medium,
            _ => Weight::Low,
        };
        card.warn(
            weight,
            "split",
            format!(
                "the split is random: {} {:.3}; split by what the data knows of time or groups it is {:.3}",
                gap.metric, gap.random, gap.split
            ),
            "The second is what to expect on traffic that comes later.",
        );
    } else if difference >= 0.02 {
        card.warn(
            Weight::Low,
            "split",
            format!(
                "a random split would show {} {:.3} instead of {:.3}",
                gap.metric, gap.random, gap.split
            ),
            "That is what is lost by looking at other traffic than was learned; the lower score is the honest one.",
        );
    }
}

fn scores(card: &mut ModelCard) {
    let Some(evaluation) = &card.evaluation else {
        return;
    };
    let f1 = evaluation.scores.f1_macro.value;
    let best = card
        .baselines
        .iter()
        .filter_map(|baseline| Some((baseline.f1_macro?, baseline.name.clone())))
        .fold(None, |best: Option<(f64, String)>, one| match best {
            Some(best) if best.0 >= one.0 => Some(best),
            _ => Some(one),
        });
    let total: u64 = evaluation.per_class.iter().map(|class| class.support).sum();
    let largest = evaluation
        .per_class
        .iter()
        .max_by_key(|class| class.support);
    let one_sided = largest
        .map(|class| {
            (
                class.class.clone(),
                class.support as f64 / total.max(1) as f64,
            )
        })
        .filter(|(_, share)| *share >= 0.9);
    let off = evaluation
        .calibration
        .expected_calibration_error
        .filter(|error| *error >= 0.1);
    let calibrated = card.model.calibration.is_some();
    if let (Some(f1), Some((baseline, name))) = (f1, best)
        && f1 < baseline + 0.01
    {
        let what = if name == "majority" {
            "telling always the same class"
        } else {
            "a single column"
        };
        card.warn(
            Weight::High,
            "score",
            format!("the model is no better than {what}: macro F1 {f1:.3} against {baseline:.3}"),
            "There is nothing in the columns that it could learn, too little data, or one column does it all.",
        );
    }
    if let Some((class, share)) = one_sided {
        card.warn(
            Weight::Low,
            "classes",
            format!(
                "{} of the test rows are '{class}': accuracy says little",
                percent(share)
            ),
            "Look at macro F1, PR-AUC and the classes' own scores.",
        );
    }
    if let Some(off) = off {
        let cure = if calibrated {
            "The rows that the correction was fitted to differ from these."
        } else {
            "--calibrate isotonic (or sigmoid, for few rows) corrects them on rows held out."
        };
        card.warn(
            Weight::Low,
            "score",
            format!("probabilities are off by {off:.2} on average"),
            cure,
        );
    }
}

fn detection(card: &mut ModelCard) {
    let Some(detection) = card.evaluation.as_ref().and_then(|e| e.detection.as_ref()) else {
        return;
    };
    let (negatives, workload) = (detection.negatives, detection.workload);
    let negative = detection.negative.clone();
    let strict = detection.operating_points.first().copied();
    if negatives > 0 && negatives < 1000 {
        card.warn(
            Weight::Low,
            "score",
            format!(
                "{negatives} test rows of '{negative}' cannot show a false alarm rate of 0.1 %"
            ),
            "False alarms a day may be many more: see the upper end of their interval.",
        );
    }
    if let Some(point) = strict
        && let Some(right) = point.precision_at_base_rate.filter(|right| *right < 0.2)
    {
        card.warn(
            Weight::Medium,
            "score",
            format!(
                "of {:.0} alerts a day {} would be right",
                point.alerts_per_day,
                percent(right)
            ),
            format!(
                "At 0.1 % false alarms, {:.0} rows a day and {} of them not '{negative}' (--rows-per-day, --base-rate).",
                workload.rows_per_day,
                percent(workload.base_rate)
            ),
        );
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        format!("{percent:.3} %")
    } else if percent >= 10.0 {
        // Not all of it: rounding must not say so.
        format!(
            "{} %",
            (percent.min(if share < 1.0 { 99.4 } else { 100.0 })).round()
        )
    } else {
        format!("{percent:.1} %")
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
