use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// 1,000 harmless rows with scores 0, 1, … 999 thousandths, 100 attacks with scores from 900.5 on.
fn detector() -> (Vec<u32>, Vec<u32>, Vec<f64>) {
    let mut truth = vec![0; 1000];
    truth.extend(vec![1; 100]);
    let scores: Vec<f64> = (0..1000)
        .map(f64::from)
        .chain((900..1000).map(|score| f64::from(score) + 0.5))
        .map(|score| score / 1000.0)
        .collect();
    let predicted = scores
        .iter()
        .map(|&score| u32::from(score >= 0.95))
        .collect();
    let probabilities = scores
        .iter()
        .flat_map(|score| [1.0 - score, *score])
        .collect();
    (truth, predicted, probabilities)
}

#[test]
fn a_detector_is_held_to_its_false_alarms() {
    let (truth, predicted, probabilities) = detector();
    let classes = names(&["benign", "attack"]);
    let predictions = Predictions {
        truth: &truth,
        predicted: &predicted,
        probabilities: &probabilities,
        classes: &classes,
        groups: None,
    };
    let options = EvaluationOptions {
        negative: Some(0),
        workload: Workload {
            rows_per_day: 1e6,
            base_rate: 1e-4,
        },
        seed: 1,
        threads: 2,
    };
    let evaluation = Evaluation::new(&predictions, &options);
    assert_eq!(evaluation.confusion, [[950, 50], [50, 50]]);
    let detection = evaluation.detection.as_ref().unwrap();
    assert_eq!((detection.positives, detection.negatives), (100, 1000));
    // At one false alarm of a thousand: the attacks above the second-highest harmless row.
    let [strict, loose] = &detection.operating_points[..] else {
        panic!("two points")
    };
    assert_eq!(strict.recall.value, Some(0.02));
    assert!((strict.false_positive_rate - 0.001).abs() < 1e-12);
    assert_eq!(loose.recall.value, Some(0.11));
    // A million rows a day of which a hundred are attacks.
    assert!(
        (loose.alerts_per_day - (11.0 + 9999.0)).abs() < 1e-6,
        "{loose:?}"
    );
    assert!((loose.precision_at_base_rate.unwrap() - 11.0 / 10_010.0).abs() < 1e-9);
    assert!(loose.recall.low.unwrap() < 0.11 && loose.recall.high.unwrap() > 0.11);
    // With two classes the areas over all classes are those of the attacks.
    assert_eq!(evaluation.scores.roc_auc.value, detection.roc_auc.value);
    assert_eq!(evaluation.scores.pr_auc.value, detection.pr_auc.value);
    for (name, estimate) in evaluation.scores.named() {
        let (low, high) = (estimate.low.unwrap(), estimate.high.unwrap());
        let value = estimate.value.unwrap();
        assert!(
            low <= value && value <= high && low < high,
            "{name}: {estimate:?}"
        );
    }
    assert_eq!(evaluation.intervals_over, "rows");
    // Stored and read again, nothing changes.
    let json = serde_json::to_string(&evaluation).unwrap();
    assert!(serde_json::from_str::<Evaluation>(&json).unwrap() == evaluation);
}

/// The positive class may be the first one.
#[test]
fn the_order_of_the_classes_does_not_matter() {
    let (truth, predicted, probabilities) = detector();
    let flip = |classes: &[u32]| classes.iter().map(|class| 1 - class).collect::<Vec<_>>();
    let (flipped_truth, flipped_predicted) = (flip(&truth), flip(&predicted));
    let flipped: Vec<f64> = probabilities
        .chunks(2)
        .flat_map(|row| [row[1], row[0]])
        .collect();
    let of = |truth: &[u32], predicted: &[u32], probabilities: &[f64], negative| {
        let predictions = Predictions {
            truth,
            predicted,
            probabilities,
            classes: &names(&["a", "b"]),
            groups: None,
        };
        let options = EvaluationOptions {
            negative: Some(negative),
            ..Default::default()
        };
        let evaluation = Evaluation::new(&predictions, &options);
        (evaluation.scores.pr_auc, evaluation.detection.unwrap().roc)
    };
    let (area, roc) = of(&truth, &predicted, &probabilities, 0);
    let (flipped_area, flipped_roc) = of(&flipped_truth, &flipped_predicted, &flipped, 1);
    assert_eq!((area, roc.len()), (flipped_area, flipped_roc.len()));
}

/// Nine hosts, one of which is told wrong in all its rows: the interval is that of nine draws.
#[test]
fn groups_are_drawn_where_they_are_known() {
    let groups: Vec<u32> = (0..900).map(|row| row % 9).collect();
    let truth: Vec<u32> = (0..900).map(|row| row / 9 % 2).collect();
    let predicted: Vec<u32> = truth
        .iter()
        .zip(&groups)
        .map(|(t, g)| if *g == 0 { 1 - t } else { *t })
        .collect();
    let probabilities: Vec<f64> = predicted
        .iter()
        .flat_map(|p| [1.0 - f64::from(*p), f64::from(*p)])
        .collect();
    let classes = names(&["a", "b"]);
    let evaluate = |groups: Option<&[u32]>| {
        Evaluation::new(
            &Predictions {
                truth: &truth,
                predicted: &predicted,
                probabilities: &probabilities,
                classes: &classes,
                groups,
            },
            &EvaluationOptions::default(),
        )
    };
    let (by_row, by_group) = (evaluate(None), evaluate(Some(&groups)));
    assert_eq!(by_group.intervals_over, "groups");
    let width = |e: &Evaluation| e.scores.accuracy.high.unwrap() - e.scores.accuracy.low.unwrap();
    assert!(width(&by_group) > 3.0 * width(&by_row));
    // Five hosts are too few to say how hosts differ.
    let few: Vec<u32> = groups.iter().map(|group| group % 5).collect();
    assert_eq!(evaluate(Some(&few)).intervals_over, "rows");
}

#[test]
fn classes_that_are_not_there_have_no_score() {
    let classes = names(&["a", "b", "c"]);
    let predictions = Predictions {
        truth: &[0, 0, 1],
        predicted: &[0, 0, 1],
        probabilities: &[0.8, 0.1, 0.1, 0.9, 0.1, 0.0, 0.1, 0.9, 0.0],
        classes: &classes,
        groups: None,
    };
    let evaluation = Evaluation::new(&predictions, &EvaluationOptions::default());
    assert_eq!(evaluation.per_class[2].roc_auc, None);
    assert_eq!(evaluation.scores.f1_macro.value, Some(1.0));
    assert_eq!(evaluation.scores.roc_auc.value, Some(1.0));
    assert!(evaluation.detection.is_none());
    let nothing = Predictions {
        truth: &[],
        predicted: &[],
        probabilities: &[],
        classes: &classes,
        groups: None,
    };
    let options = EvaluationOptions {
        negative: Some(2),
        ..Default::default()
    };
    let evaluation = Evaluation::new(&nothing, &options);
    assert_eq!(evaluation.scores.accuracy, Estimate::default());
    let detection = evaluation.detection.unwrap();
    assert!(detection.roc.is_empty() && detection.operating_points.is_empty());
}
