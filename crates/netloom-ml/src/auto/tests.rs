//! What `auto` chooses, and how.

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

fn codes(data: &Dataset) -> Vec<u32> {
    data.class_codes().unwrap().into_owned()
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
    // Those that were judged on all parts first, the best of them at the front; the others were
    // far behind it on both parts that they were judged on.
    let judged = choice
        .tried
        .iter()
        .take_while(|t| t.scores.len() == 5)
        .count();
    let (judged, given_up) = choice.tried.split_at(judged);
    assert!(
        judged
            .windows(2)
            .all(|pair| pair[0].order(&pair[1]).is_le())
    );
    for tried in given_up {
        let best = judged[0].scores.iter().zip(&tried.scores);
        assert!(tried.scores.len() == 2 && best.clone().all(|(best, score)| best > score));
    }
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
        let (splits, how) = hold_out::hold_out(data, &data.class_codes().unwrap(), 3, 0);
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
fn of_equal_scores_the_surer_model_is_better() {
    let tried = |mean: f64, log_loss| Tried {
        model: String::new(),
        parameters: Vec::new(),
        scores: vec![mean],
        mean,
        log_loss,
    };
    assert!(tried(0.99996, 0.1).order(&tried(1.0, 0.2)).is_lt());
    assert!(tried(0.9998, 0.1).order(&tried(1.0, 0.2)).is_gt());
    assert!(tried(1.0, 0.1).order(&tried(1.0, 0.1)).is_eq());
}

#[test]
fn groups_of_one_class_each_judge_nothing() {
    let data = square(300);
    let groups: Vec<_> = (0..300)
        .map(|row| data.class_names()[codes(&data)[row] as usize].clone())
        .collect();
    let grouped = data.with_groups(groups).unwrap();
    let (splits, how) = hold_out::hold_out(&grouped, &codes(&grouped), 3, 0);
    assert_eq!(
        (splits.len(), how.as_str()),
        (3, "rows held out at random, 3 times")
    );
}

#[test]
fn rare_classes_are_tried_with_more_weight() {
    // One row in twenty is of the other class, and the two lie over each other.
    let rows = 2000_u32;
    let rare = |row: u32| row.is_multiple_of(20);
    let value = |row: u32| f64::from(row * 37 % 101) + if rare(row) { 50.0 } else { 0.0 };
    let data = Dataset::new(vec![("a", Values::numbers((0..rows).map(value)))])
        .unwrap()
        .with_classes((0..rows).map(|row| if rare(row) { "rare" } else { "usual" }))
        .unwrap();
    let params = |scoring, balance| AutoParams {
        models: ["logistic-regression", "naive-bayes"]
            .map(str::to_owned)
            .to_vec(),
        scoring: Some(scoring),
        balance,
        ..AutoParams::default()
    };
    let chosen = |params: AutoParams| params.fit(&data, RUN).unwrap().choice().unwrap().clone();
    let choice = chosen(params(Scoring::BalancedAccuracy, true));
    assert_eq!(choice.tried.len(), 3, "{choice}");
    assert_eq!(
        choice.tried[0].label(),
        "logistic-regression (class_weight=balanced)"
    );
    assert_eq!(choice.parameters, choice.tried[0].parameters);
    let without = chosen(params(Scoring::BalancedAccuracy, false));
    assert!(
        without.tried[0].mean < choice.tried[0].mean - 0.05,
        "{without}"
    );
    assert_eq!(chosen(params(Scoring::Accuracy, true)).tried.len(), 2);
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
