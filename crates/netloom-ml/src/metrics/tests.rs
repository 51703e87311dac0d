//! Values that scikit-learn 1.9.1 gives for the same data, which integer arithmetic makes here and
//! in Python alike:
//!
//! ```text
//! def lcg(n, seed):                       # the generator of ANSI C, upper bits
//!     out, x = [], seed
//!     for _ in range(n):
//!         x = (x * 1103515245 + 12345) % 2**31
//!         out.append(x >> 16)
//!     return np.array(out)
//! ```

use super::*;

const N: usize = 200;

fn lcg(count: usize, seed: u64) -> Vec<u64> {
    let mut x = seed;
    (0..count)
        .map(|_| {
            x = (x * 1_103_515_245 + 12_345) % (1 << 31);
            x >> 16
        })
        .collect()
}

/// `t = lcg(n, 1) % 7; where(t < 4, 0, where(t < 6, 1, 2))`, and probabilities: `lcg(3 n, 2) % 16
/// + 1`, 10 more for the true class, divided by the sum of the row.
fn three_classes() -> (Vec<u32>, Vec<f64>, Vec<u32>) {
    let truth: Vec<u32> = lcg(N, 1)
        .into_iter()
        .map(|x| match x % 7 {
            0..4 => 0,
            4..6 => 1,
            _ => 2,
        })
        .collect();
    let raw = lcg(3 * N, 2);
    let mut probabilities = Vec::new();
    let mut predicted = Vec::new();
    for (row, &truth) in raw.chunks(3).zip(&truth) {
        let mut row: Vec<f64> = row.iter().map(|x| (x % 16 + 1) as f64).collect();
        row[truth as usize] += 10.0;
        let sum: f64 = row.iter().sum();
        for x in &mut row {
            *x /= sum;
        }
        let best = (1..3).fold(
            0,
            |best, class| if row[class] > row[best] { class } else { best },
        );
        predicted.push(best as u32);
        probabilities.extend(row);
    }
    (truth, probabilities, predicted)
}

/// `t = lcg(n, 3) % 5 == 0; s = (lcg(n, 4) % 20 + 4 * t) / 24`: many ties.
fn two_classes() -> (Vec<bool>, Vec<f64>) {
    let truth: Vec<bool> = lcg(N, 3).into_iter().map(|x| x % 5 == 0).collect();
    let score = lcg(N, 4)
        .into_iter()
        .zip(&truth)
        .map(|(x, &truth)| (x % 20 + 4 * u64::from(truth)) as f64 / 24.0)
        .collect();
    (truth, score)
}

/// `w = lcg(n, 5) % 3`
fn weights() -> Vec<u32> {
    lcg(N, 5).into_iter().map(|x| (x % 3) as u32).collect()
}

#[track_caller]
fn close(ours: Option<f64>, theirs: f64) {
    let ours = ours.expect("a value");
    assert!((ours - theirs).abs() < 1e-12, "{ours} is not {theirs}");
}

#[test]
fn confusion_and_what_follows() {
    let (truth, _, predicted) = three_classes();
    let confusion = ConfusionMatrix::new(&truth, &predicted, 3);
    let rows: Vec<_> = confusion.rows().collect();
    assert_eq!(rows, [[103, 5, 4], [1, 49, 0], [2, 0, 36]]);
    close(confusion.accuracy(), 0.94);
    close(confusion.balanced_accuracy(), 0.949_003_759_398_496_2);
    close(confusion.precision(Average::Macro), 0.926_368_506_871_651_5);
    close(confusion.recall(Average::Macro), 0.949_003_759_398_496_2);
    close(confusion.f1(Average::Macro), 0.936_779_581_274_994_3);
    close(
        confusion.precision(Average::Weighted),
        0.942_002_795_248_078_3,
    );
    close(confusion.recall(Average::Weighted), 0.94);
    close(confusion.f1(Average::Weighted), 0.940_135_850_388_144);
    let expected = [
        (
            0.971_698_113_207_547_2,
            0.919_642_857_142_857_1,
            0.944_954_128_440_367,
            112,
        ),
        (0.907_407_407_407_407_4, 0.98, 0.942_307_692_307_692_3, 50),
        (0.9, 0.947_368_421_052_631_5, 0.923_076_923_076_923_1, 38),
    ];
    for (ours, (precision, recall, f1, support)) in confusion.per_class().iter().zip(expected) {
        close(Some(ours.precision), precision);
        close(Some(ours.recall), recall);
        close(Some(ours.f1), f1);
        assert_eq!(ours.support, support);
    }
    let weighted = ConfusionMatrix::weighted(&truth, &predicted, &weights(), 3);
    close(weighted.balanced_accuracy(), 0.963_351_151_172_134_2);
}

/// Classes 3 and 4 are known to the model but not there; class 2 is predicted without being there.
#[test]
fn classes_that_do_not_occur() {
    let confusion = ConfusionMatrix::new(&[0, 0, 1, 1], &[0, 2, 1, 1], 5);
    close(confusion.f1(Average::Macro), 0.555_555_555_555_555_5);
    close(confusion.balanced_accuracy(), 0.75);
    let empty = ConfusionMatrix::new(&[], &[], 2);
    assert_eq!(empty.accuracy(), None);
    assert_eq!(empty.balanced_accuracy(), None);
    assert_eq!(empty.f1(Average::Macro), None);
    assert_eq!(empty.f1(Average::Weighted), None);
}

#[test]
fn areas_under_curves() {
    let (truth, probabilities, _) = three_classes();
    close(
        roc_auc_ovr_macro(&truth, &probabilities, 3),
        0.979_981_777_184_262_6,
    );
    close(
        average_precision_macro(&truth, &probabilities, 3),
        0.958_361_890_040_029_1,
    );
    let (truth, score) = two_classes();
    let ranking = Ranking::new(&truth, &score);
    assert_eq!(ranking.totals(), (46, 154));
    close(ranking.roc_auc(), 0.674_760_022_586_109_5);
    close(ranking.average_precision(), 0.405_871_151_293_848_54);
    close(
        ranking.roc_auc_weighted(&weights()),
        0.580_061_983_471_074_3,
    );
    close(
        ranking.average_precision_weighted(&weights()),
        0.343_780_722_019_236_9,
    );
}

#[test]
fn recall_at_a_share_of_false_positives() {
    let (truth, score) = two_classes();
    let ranking = Ranking::new(&truth, &score);
    for (rate, recall) in [
        (0.0, 0.086_956_521_739_130_43),
        (0.05, 0.152_173_913_043_478_26),
        (0.1, 0.217_391_304_347_826_1),
        (0.3, 0.434_782_608_695_652_16),
        (1.0, 1.0),
    ] {
        close(ranking.recall_at_false_positive_rate(rate), recall);
        let point = ranking.at_false_positive_rate(rate).unwrap();
        assert!(point.false_positive_rate <= rate);
        let told = |positive: bool| {
            let rows = truth.iter().zip(&score);
            rows.filter(|(t, s)| **t == positive && **s >= point.threshold)
                .count() as u64
        };
        assert_eq!(
            (told(true), told(false)),
            (point.true_positives, point.false_positives)
        );
    }
    close(
        ranking.recall_at_false_positive_rate_weighted(0.1, &weights()),
        0.109_090_909_090_909_09,
    );
}

#[test]
fn curves_without_rows_of_a_kind() {
    let ranking = Ranking::new(&[true, true], &[0.5, 0.25]);
    assert_eq!(ranking.roc_auc(), None);
    assert_eq!(ranking.average_precision(), Some(1.0));
    assert_eq!(ranking.recall_at_false_positive_rate(0.1), None);
    let ranking = Ranking::new(&[false], &[0.5]);
    assert_eq!(ranking.average_precision(), None);
    let nothing = Ranking::new(&[], &[]);
    assert_eq!(nothing.roc_auc(), None);
    assert_eq!(nothing.curve().len(), 1);
    // What is no number ranks last, and both zeros are one score.
    let odd = Ranking::new(&[true, false, true, false], &[0.0, -0.0, 1.0, f64::NAN]);
    assert_eq!(odd.roc_auc(), Some(0.875));
    assert_eq!(roc_auc_ovr_macro(&[1, 1], &[0.5; 4], 2), None);
}

#[test]
fn a_chart_needs_fewer_points() {
    let positive: Vec<bool> = (0..10_000).map(|row| row % 3 == 0).collect();
    let score: Vec<f64> = (0..10_000)
        .map(|row| f64::from(row * 7919 % 10_007))
        .collect();
    let ranking = Ranking::new(&positive, &score);
    let (all, few) = (ranking.curve(), ranking.curve_for_chart(100));
    assert_eq!(all.len(), 10_001);
    assert!((50..800).contains(&few.len()), "{}", few.len());
    assert_eq!((all.first(), all.last()), (few.first(), few.last()));
}

#[test]
fn probabilities() {
    let (truth, probabilities, _) = three_classes();
    close(log_loss(&truth, &probabilities, 3), 0.638_346_070_261_070_5);
    close(
        brier_score_loss(&truth, &probabilities, 3),
        0.355_604_741_245_567_6,
    );
    let (positive, score) = two_classes();
    let truth: Vec<u32> = positive
        .iter()
        .map(|&positive| u32::from(positive))
        .collect();
    let both: Vec<f64> = score
        .iter()
        .flat_map(|&score| [1.0 - score, score])
        .collect();
    close(log_loss(&truth, &both, 2), 0.625_022_745_457_404_2);
    close(brier_score_loss(&truth, &both, 2), 0.224_487_847_222_222_2);
    // Sure and wrong: bounded, as in scikit-learn.
    close(
        log_loss(&[0, 1], &[0.0, 1.0, 1.0, 0.0], 2),
        36.043_653_389_117_15,
    );
    assert_eq!(log_loss(&[], &[], 2), None);
    assert_eq!(brier_score_loss(&[], &[], 2), None);
}

#[test]
fn calibration() {
    let (positive, score) = two_classes();
    let check = |strategy, observed: [f64; 5], predicted: [f64; 5]| {
        let bins = calibration_curve(&positive, &score, 5, strategy);
        assert_eq!(bins.len(), 5);
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<u64>(), N as u64);
        for ((bin, observed), predicted) in bins.iter().zip(observed).zip(predicted) {
            close(Some(bin.observed), observed);
            close(Some(bin.predicted), predicted);
        }
    };
    check(
        CalibrationStrategy::Uniform,
        [
            0.027_777_777_777_777_776,
            0.1875,
            0.290_909_090_909_090_9,
            0.280_701_754_385_964_9,
            1.0,
        ],
        [
            0.092_592_592_592_592_56,
            0.291_666_666_666_666_7,
            0.499_242_424_242_424_2,
            0.706_140_350_877_193_1,
            0.895_833_333_333_333_4,
        ],
    );
    check(
        CalibrationStrategy::Quantile,
        [
            0.022_727_272_727_272_728,
            0.225,
            0.318_181_818_181_818_2,
            0.255_319_148_936_170_2,
            0.4,
        ],
        [
            0.113_636_363_636_363_63,
            0.308_333_333_333_333_35,
            0.478_219_696_969_696_9,
            0.651_595_744_680_850_9,
            0.785,
        ],
    );
    let bins = [
        CalibrationBin {
            predicted: 0.2,
            observed: 0.1,
            rows: 30,
        },
        CalibrationBin {
            predicted: 0.8,
            observed: 1.0,
            rows: 10,
        },
    ];
    close(expected_calibration_error(&bins), 0.125);
    assert_eq!(expected_calibration_error(&[]), None);
    assert!(calibration_curve(&[], &[], 5, CalibrationStrategy::Quantile).is_empty());
}

/// `a = lcg(n, 6) % 4; b = where(lcg(n, 7) % 3 == 0, lcg(n, 8) % 5, a); c = lcg(n, 9) % 6`
#[test]
fn agreement_of_groupings() {
    let a: Vec<u32> = lcg(N, 6).iter().map(|x| (x % 4) as u32).collect();
    let b: Vec<u32> = (lcg(N, 7).iter().zip(lcg(N, 8)).zip(&a))
        .map(|((x, y), &a)| if x % 3 == 0 { (y % 5) as u32 } else { a })
        .collect();
    let c: Vec<u32> = lcg(N, 9).iter().map(|x| (x % 6) as u32).collect();
    close(Some(adjusted_rand_score(&a, &b)), 0.534_353_319_013_489_3);
    close(
        Some(normalized_mutual_info_score(&a, &b)),
        0.484_967_811_755_786_6,
    );
    close(
        Some(adjusted_rand_score(&a, &c)),
        -0.004_446_942_912_120_018,
    );
    close(
        Some(normalized_mutual_info_score(&a, &c)),
        0.017_782_634_093_245_705,
    );
    let renamed: Vec<u32> = a.iter().map(|group| 9 - group).collect();
    close(Some(adjusted_rand_score(&a, &renamed)), 1.0);
    close(Some(normalized_mutual_info_score(&a, &renamed)), 1.0);
    // One group against one, against many, and no rows at all.
    close(Some(adjusted_rand_score(&[0, 0], &[1, 1])), 1.0);
    close(Some(normalized_mutual_info_score(&[0, 0], &[1, 1])), 1.0);
    close(Some(adjusted_rand_score(&[0, 0, 0], &[0, 1, 2])), 0.0);
    close(
        Some(normalized_mutual_info_score(&[0, 0, 0], &[0, 1, 2])),
        0.0,
    );
    close(Some(adjusted_rand_score(&[], &[])), 1.0);
}

#[test]
fn load_of_alerts() {
    let load = alert_load(0.8, 0.001, 1_000_000.0, 0.0001);
    close(Some(load.alerts), 80.0 + 999.9);
    close(Some(load.false_alerts), 999.9);
    close(Some(load.missed), 20.0);
    close(Some(load.precision), 80.0 / 1079.9);
}
