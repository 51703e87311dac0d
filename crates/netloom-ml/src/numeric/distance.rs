//! Distances between rows.

/// The squared Euclidean distance, in lanes that the compiler can put side by side; the order of
/// the additions is always the same.
pub(crate) fn squared(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(x, y)| (x - y) * (x - y))
        .sum();
    for (x, y) in left.zip(right) {
        for lane in 0..8 {
            let d = x[lane] - y[lane];
            lanes[lane] += d * d;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_add_up() {
        let a: Vec<f32> = (0..19u8).map(f32::from).collect();
        let b = vec![1.0; 19];
        let plain: f32 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
        assert_eq!(squared(&a, &b), plain);
    }
}
