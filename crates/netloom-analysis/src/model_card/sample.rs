//! Cards to test with.

use netloom_ml::card::{
    Baseline, Candidate, ClassRows, ColumnFacts, Duplicates, Fold, Gap, Importance, ModelCard,
    SingleColumn, Source, Update, Weight,
};
use netloom_ml::dataset::LeftOut;
use netloom_ml::evaluation::{Estimate, Evaluation, EvaluationOptions, Predictions};

/// A detector of three classes, with everything that a card can hold.
pub(super) fn full(names: [&str; 3]) -> ModelCard {
    let classes: Vec<String> = names.map(str::to_owned).to_vec();
    let truth: Vec<u32> = (0..600).map(|row| [0, 0, 0, 1, 1, 2][row % 6]).collect();
    let probabilities: Vec<f64> = truth
        .iter()
        .enumerate()
        .flat_map(|(row, &truth)| {
            let mut p = [
                0.1 + (row % 7) as f64 * 0.05,
                0.1 + (row % 5) as f64 * 0.06,
                0.1,
            ];
            p[truth as usize] += (row % 11) as f64 * 0.1;
            let sum: f64 = p.iter().sum();
            p.map(|p| p / sum)
        })
        .collect();
    let predicted: Vec<u32> = probabilities
        .chunks(3)
        .map(|p| {
            (0..3_u32).fold(0, |best, c| {
                if p[c as usize] > p[best as usize] {
                    c
                } else {
                    best
                }
            })
        })
        .collect();
    let evaluation = Evaluation::new(
        &Predictions {
            truth: &truth,
            predicted: &predicted,
            probabilities: &probabilities,
            classes: &classes,
            groups: None,
        },
        &EvaluationOptions {
            negative: Some(0),
            ..EvaluationOptions::default()
        },
    );
    let [first, second, third] = names;
    let mut card = ModelCard::new("0.1.0");
    card.evaluation = Some(evaluation);
    card.model.algorithm = "random_forest".to_owned();
    card.model.seed = 7;
    card.model.parameters = vec![("n_estimators".to_owned(), "100".to_owned())];
    card.model.chosen = vec![Candidate {
        algorithm: "random_forest".to_owned(),
        score: Some(0.9),
        metric: "macro F1".to_owned(),
        note: String::new(),
        taken: true,
    }];
    card.model.drawing = Some(format!("bytes <= 10\n├─ yes: {first}\n└─ no: {second}"));
    card.data.sources = vec![Source {
        name: format!("{third}.pcap"),
        kind: "capture".to_owned(),
        rows: 2000,
    }];
    card.data.row = "flow".to_owned();
    card.data.rows = 2000;
    card.data.unlabelled = 3;
    card.data.label = format!("label {first}");
    card.data.classes = names
        .into_iter()
        .map(|class| ClassRows {
            class: class.to_owned(),
            train: 400,
            test: 200,
        })
        .collect();
    card.data.first = Some("2024-05-06T07:08:09Z".to_owned());
    card.data.last = Some("2024-05-06T08:08:09Z".to_owned());
    card.data.columns = vec![ColumnFacts {
        name: format!("column {second}"),
        kind: "number".to_owned(),
        missing: 0.25,
    }];
    card.data.left_out = vec![LeftOut {
        column: "src_ip".to_owned(),
        reason: "identifies a host".to_owned(),
    }];
    card.split.method = "time".to_owned();
    card.split.words =
        format!("the first 70 % of the time to learn from, {third} the rest to test on");
    card.split.train_rows = 1400;
    card.split.test_rows = 600;
    card.split.left_out_rows = 5;
    card.split.test_groups = Some(2);
    card.baselines = vec![
        Baseline {
            name: "majority".to_owned(),
            words: format!("Always {first}, the most frequent class"),
            accuracy: Some(0.5),
            balanced_accuracy: Some(1.0 / 3.0),
            f1_macro: Some(0.22),
            pr_auc: None,
        },
        Baseline {
            name: "single column".to_owned(),
            words: format!("A small tree that sees {second} only"),
            f1_macro: Some(0.5),
            ..Baseline::default()
        },
    ];
    card.folds = vec![Fold {
        test: third.to_owned(),
        test_rows: 100,
        f1_macro: Some(0.5),
        ..Fold::default()
    }];
    card.importances = vec![Importance {
        column: format!("column {second}"),
        mean: 0.3,
        deviation: 0.01,
    }];
    card.leakage.exact = Some(Duplicates {
        rows: 600,
        twins: 60,
        other_class: 2,
    });
    card.leakage.near = Some(Duplicates {
        rows: 600,
        twins: 90,
        other_class: 0,
    });
    card.leakage.ceiling = Some(0.99);
    card.leakage.columns = vec![SingleColumn {
        column: format!("column {second}"),
        balanced_accuracy: 0.8,
        used: true,
    }];
    card.leakage.gap = Some(Gap {
        metric: "macro F1".to_owned(),
        split: 0.8,
        random: 0.95,
    });
    card.leakage.identifiers = vec![format!("ip {first}")];
    card.updates = vec![Update {
        rows: 10,
        how: "continued".to_owned(),
        before: Estimate {
            value: Some(0.8),
            ..Estimate::default()
        },
        after: Estimate {
            value: Some(0.85),
            ..Estimate::default()
        },
        ..Update::default()
    }];
    card.warn(
        Weight::High,
        "leakage",
        format!("column {second} alone tells the label"),
        format!("Leave it out with --drop: {third}"),
    );
    card.warn(Weight::Low, "split", "class x is tested only", "");
    card
}
