use super::*;

fn features(columns: Vec<Vec<f64>>) -> Features {
    let rows = columns[0].len();
    let names = (0..columns.len()).map(|c| format!("c{c}")).collect();
    Features::new(names, columns.into_iter().map(Into::into).collect(), rows)
}

/// A step, a missing value that means something, and a product of two columns.
fn table(rows: usize) -> (Features, Vec<f64>) {
    let mut chance = Chance::new(9);
    let mut columns = vec![Vec::new(); 3];
    let mut numbers = Vec::new();
    for _ in 0..rows {
        let (a, b, c) = (chance.unit(), chance.unit(), chance.unit());
        let missing = chance.below(4) == 0;
        columns[0].push(a);
        columns[1].push(b);
        columns[2].push(if missing { f64::NAN } else { c });
        let step = if a > 0.3 { 2.0 } else { 0.0 };
        numbers.push(step + a * b * 4.0 + if missing { 3.0 } else { c });
    }
    (features(columns), numbers)
}

#[test]
fn numbers_are_learned() {
    let (features, numbers) = table(4000);
    let weights = vec![1.0; numbers.len()];
    let loss = Loss::Numbers { numbers: &numbers };
    let told = |params: &GradientBoostingParams, threads| {
        params
            .boost(&features, &loss, &weights, 1, threads)
            .raw(&features, threads)
    };
    let error = |told: &[f64]| {
        told.iter()
            .zip(&numbers)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            / numbers.len() as f64
    };
    let params = GradientBoostingParams::default();
    let one = told(&params, 1);
    assert!(error(&one) < 0.01, "{}", error(&one));
    assert_eq!(one, told(&params, 3));
    let few = GradientBoostingParams {
        max_iter: 5,
        ..params
    };
    assert!(error(&told(&few, 1)) > 10.0 * error(&one));
}

#[test]
fn the_first_tree_by_hand() {
    // Squared error with one question: the means of both sides, at the place that parts them best.
    let features = features(vec![vec![1.0, 2.0, 3.0, 10.0]]);
    let numbers = [1.0, 1.0, 1.0, 5.0];
    let params = GradientBoostingParams {
        max_iter: 1,
        max_leaf_nodes: Some(2),
        min_samples_leaf: 1,
        learning_rate: 0.5,
        ..GradientBoostingParams::default()
    };
    let loss = Loss::Numbers { numbers: &numbers };
    let boosted = params.boost(&features, &loss, &[1.0; 4], 0, 1);
    assert_eq!(boosted.base, [2.0]);
    // Half way from the mean of all to the means of the sides.
    assert_eq!(boosted.raw(&features, 1), [1.5, 1.5, 1.5, 3.5]);
}

#[test]
fn it_stops_when_nothing_gets_better() {
    // Labels at random: what it learns does not help on rows that are held out.
    let (features, _) = table(2000);
    let mut chance = Chance::new(4);
    let codes: Vec<u32> = (0..2000).map(|_| chance.below(2) as u32).collect();
    let loss = Loss::Binary { codes: &codes };
    let params = GradientBoostingParams {
        early_stopping: EarlyStopping::On,
        max_iter: 1000,
        ..GradientBoostingParams::default()
    };
    let weights = vec![1.0; 2000];
    let boosted = params.boost(&features, &loss, &weights, 1, 1);
    assert!(boosted.trees.len() < 60, "{}", boosted.trees.len());
    let off = GradientBoostingParams {
        early_stopping: EarlyStopping::Off,
        max_iter: 70,
        ..params
    };
    assert_eq!(off.boost(&features, &loss, &weights, 1, 1).trees.len(), 70);
}

#[test]
fn leaves_have_the_rows_they_must_have() {
    let (features, numbers) = table(1000);
    let params = GradientBoostingParams {
        min_samples_leaf: 100,
        max_depth: Some(3),
        max_leaf_nodes: Some(6),
        max_iter: 10,
        max_features: 0.5,
        ..GradientBoostingParams::default()
    };
    let loss = Loss::Numbers { numbers: &numbers };
    let boosted = params.boost(&features, &loss, &vec![1.0; 1000], 1, 2);
    for tree in &boosted.trees {
        let leaves = (0..tree.len()).filter(|&node| matches!(tree.step(node), tree::Step::Leaf(_)));
        let rows: Vec<f64> = leaves.map(|leaf| tree.cover(leaf)).collect();
        assert!(
            rows.len() <= 6 && rows.iter().all(|rows| *rows >= 100.0),
            "{rows:?}"
        );
        assert_eq!(rows.iter().sum::<f64>(), 1000.0);
    }
    assert!(boosted.is_sound(3, 1));
}
