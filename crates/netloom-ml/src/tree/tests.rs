use super::*;
use crate::chance::Chance;
use crate::numeric::Features;
use proptest::prelude::*;

fn features(columns: Vec<Vec<f64>>) -> Features {
    let rows = columns[0].len();
    let names = (0..columns.len()).map(|c| format!("c{c}")).collect();
    Features::new(names, columns.into_iter().map(Into::into).collect(), rows)
}

fn plain() -> Grow {
    Grow {
        criterion: Criterion::Gini,
        max_depth: usize::MAX,
        min_samples_split: 2,
        min_samples_leaf: 1,
        min_impurity_decrease: 0.0,
        max_features: usize::MAX,
        random_cuts: false,
    }
}

fn grow(params: &Grow, features: &Features, codes: &[u32], classes: usize) -> Tree {
    let sample = Sample {
        rows: &Rows::new(features),
        binned: &bin_columns(features, 1),
        codes,
        weights: &vec![1.0; codes.len()],
        classes,
    };
    params.tree(&sample, Chance::new(1))
}

fn answers(tree: &Tree, features: &Features) -> Vec<f64> {
    let mut sums = vec![0.0; features.rows() * tree.width()];
    tree.add_answers(&Rows::new(features), &mut sums);
    sums
}

/// Columns of mixed kinds, with missing values.
fn random_table(seed: u64, rows: usize) -> (Features, Vec<u32>) {
    let mut chance = Chance::new(seed);
    let columns = (0..5)
        .map(|column| {
            (0..rows)
                .map(|_| match column {
                    0 => chance.unit(),
                    1 => chance.below(4) as f64,
                    2 if chance.below(5) == 0 => f64::NAN,
                    2 => (chance.unit() * 20.0).exp(),
                    3 => 7.0,
                    _ => chance.normal(),
                })
                .collect()
        })
        .collect();
    let codes = (0..rows).map(|_| chance.below(3) as u32).collect();
    (features(columns), codes)
}

#[test]
fn the_cut_of_a_textbook() {
    let table = features(vec![
        vec![2.0, 1.0, 4.0, 3.0, 10.0, 12.0],
        vec![5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    ]);
    let codes = [0, 0, 0, 0, 1, 1];
    let tree = grow(&plain(), &table, &codes, 2);
    assert_eq!(
        tree.step(0),
        Step::Split(
            Question {
                feature: 0,
                threshold: 7.0,
                missing_left: true,
            },
            [1, 2]
        )
    );
    assert_eq!(tree.step(1), Step::Leaf(&[1.0, 0.0]));
    assert_eq!(tree.step(2), Step::Leaf(&[0.0, 1.0]));
    let text = draw(&tree, table.names(), 5, |answer| {
        format!("class {}", answer[1])
    });
    assert_eq!(
        text,
        "c0 ≤ 7? (missing: yes)\n├─ yes: class 0 (4 rows)\n└─ no: class 1 (2 rows)\n"
    );
}

#[test]
fn grown_to_the_end_it_knows_every_row() {
    for rows in [2, 50, 127, 128, 1000, 5000] {
        let (table, codes) = random_table(rows as u64, rows);
        for random_cuts in [false, true] {
            for max_features in [1, 5] {
                let params = Grow {
                    max_features,
                    random_cuts,
                    ..plain()
                };
                let tree = grow(&params, &table, &codes, 3);
                assert!(tree.is_sound(5));
                let told = answers(&tree, &table);
                for (row, code) in codes.iter().enumerate() {
                    assert_eq!(
                        told[row * 3 + *code as usize],
                        1.0,
                        "{rows} rows, row {row}"
                    );
                }
            }
        }
    }
}

#[test]
fn limits_hold() {
    let (table, codes) = random_table(3, 2000);
    let params = Grow {
        min_samples_leaf: 40,
        max_depth: 4,
        ..plain()
    };
    let tree = grow(&params, &table, &codes, 3);
    let mut stack = vec![(0, 0)];
    let mut rows = 0.0;
    while let Some((node, depth)) = stack.pop() {
        assert!(depth <= 4);
        match tree.step(node) {
            Step::Leaf(_) => {
                assert!(tree.cover(node) >= 40.0);
                rows += tree.cover(node);
            }
            Step::Split(_, [left, right]) => {
                stack.extend([(left, depth + 1), (right, depth + 1)]);
            }
        }
    }
    assert_eq!(rows, 2000.0);
}

#[test]
fn missing_values_may_go_either_way() {
    // Class 1 is what is missing or small.
    let mut values = vec![f64::NAN; 50];
    values.extend((0..50).map(f64::from));
    let codes: Vec<u32> = (0..100).map(|row| u32::from(row < 60)).collect();
    for random_cuts in [false, true] {
        let params = Grow {
            random_cuts,
            ..plain()
        };
        let table = features(vec![values.clone()]);
        let tree = grow(&params, &table, &codes, 2);
        let told = answers(&tree, &table);
        for (row, code) in codes.iter().enumerate() {
            assert_eq!(told[row * 2 + *code as usize], 1.0, "row {row}");
        }
        if !random_cuts {
            assert_eq!(tree.len(), 3, "one cut is enough");
        }
    }
}

/// Shapley values by their definition: all subsets of the columns.
fn by_definition(tree: &Tree, row: &[f32]) -> Vec<f64> {
    fn known(tree: &Tree, node: usize, row: &[f32], subset: u32, out: &mut [f64], share: f64) {
        match tree.step(node) {
            Step::Leaf(answer) => {
                for (sum, number) in out.iter_mut().zip(answer) {
                    *sum += share * number;
                }
            }
            Step::Split(question, [left, right]) => {
                let feature = question.feature;
                if subset >> feature & 1 == 1 {
                    let next = if question.goes_left(row[feature]) {
                        left
                    } else {
                        right
                    };
                    known(tree, next, row, subset, out, share);
                } else {
                    let (l, r) = (tree.cover(left), tree.cover(right));
                    known(tree, left, row, subset, out, share * l / (l + r));
                    known(tree, right, row, subset, out, share * r / (l + r));
                }
            }
        }
    }
    let columns = row.len();
    let width = tree.width();
    let worth: Vec<Vec<f64>> = (0..1 << columns)
        .map(|subset| {
            let mut out = vec![0.0; width];
            known(tree, 0, row, subset, &mut out, 1.0);
            out
        })
        .collect();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let mut sums = vec![0.0; columns * width];
    for feature in 0..columns {
        for subset in (0..1_usize << columns).filter(|s| s >> feature & 1 == 0) {
            let size = subset.count_ones() as usize;
            let weight = factorial(size) * factorial(columns - size - 1) / factorial(columns);
            for number in 0..width {
                sums[feature * width + number] +=
                    weight * (worth[subset | 1 << feature][number] - worth[subset][number]);
            }
        }
    }
    sums
}

#[test]
fn contributions_are_shapley_values() {
    for seed in 0..5 {
        let (table, codes) = random_table(seed, 300);
        let params = Grow {
            max_depth: 7,
            max_features: 2,
            ..plain()
        };
        let tree = grow(&params, &table, &codes, 3);
        let told = answers(&tree, &table);
        let base = expected(&tree);
        let rows = Rows::new(&table);
        for place in 0..20 {
            let row = rows.of(place as u32);
            let mut fast = vec![0.0; 15];
            contributions(&tree, row, &mut fast);
            for (fast, slow) in fast.iter().zip(by_definition(&tree, row)) {
                assert!((fast - slow).abs() < 1e-9, "{fast} {slow}");
            }
            for class in 0..3 {
                let sum: f64 = (0..5).map(|column| fast[column * 3 + class]).sum();
                let answer = told[place * 3 + class];
                assert!((base[class] + sum - answer).abs() < 1e-9);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_broken_tree_is_sound(place in 0_usize..1000, field in 0..3, value in any::<u32>()) {
        let (table, codes) = random_table(1, 60);
        let mut tree = grow(&plain(), &table, &codes, 3);
        let place = place % tree.len();
        match field {
            0 => tree.nodes[place].left = value,
            1 => tree.nodes[place].feature = value,
            _ => tree.nodes[place].threshold = f32::from_bits(value),
        }
        // Sound or not: what is sound can be walked without a panic.
        if tree.is_sound(5) {
            answers(&tree, &table);
        }
    }
}
