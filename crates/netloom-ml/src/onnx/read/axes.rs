//! Operators that go along the axes of a tensor: sums, places, and what is brought to one scale.

use super::operator::Reduction;
use super::run::Inputs;
use super::tensor::{Element, Tensor, Trouble, around, axis, elements, places};

/// Elements along some axes become one.
pub(super) fn reduce(
    input: &Tensor,
    kind: Reduction,
    axes: &[i64],
    keep: bool,
) -> Result<Tensor, Trouble> {
    let rank = input.sizes.len();
    let mut out = vec![axes.is_empty(); rank];
    for at in axes {
        if let Some(out) = out.get_mut(axis(*at, rank)?) {
            *out = true;
        }
    }
    let ones: Vec<usize> = input
        .sizes
        .iter()
        .zip(&out)
        .map(|(size, out)| if *out { 1 } else { *size })
        .collect();
    let count = elements(&ones)?;
    let values = input.values()?;
    let to: Vec<usize> = places(&ones, &input.sizes).collect();
    let gather = |start: f64, add: &dyn Fn(f64, f64) -> f64| {
        let mut sums = vec![start; count];
        for (value, place) in values.iter().zip(&to) {
            if let Some(sum) = sums.get_mut(*place) {
                *sum = add(*sum, *value);
            }
        }
        sums
    };
    let largest = |a: f64, b: f64| if a >= b || a.is_nan() { a } else { b };
    let smallest = |a: f64, b: f64| if a <= b || a.is_nan() { a } else { b };
    let each = (values.len() / count.max(1)) as f64;
    let map = |numbers: Vec<f64>, of: fn(f64) -> f64| numbers.into_iter().map(of).collect();
    let numbers: Vec<f64> = match kind {
        Reduction::Sum => gather(0.0, &|sum, x| sum + x),
        Reduction::Mean => {
            let sums = gather(0.0, &|sum, x| sum + x);
            sums.into_iter().map(|sum| sum / each).collect()
        }
        Reduction::Max => gather(f64::NEG_INFINITY, &largest),
        Reduction::Min => gather(f64::INFINITY, &smallest),
        Reduction::Product => gather(1.0, &|product, x| product * x),
        Reduction::SumOfSquares => gather(0.0, &|sum, x| sum + x * x),
        Reduction::L1 => gather(0.0, &|sum, x| sum + x.abs()),
        Reduction::L2 => map(gather(0.0, &|sum, x| sum + x * x), f64::sqrt),
        Reduction::LogSum => map(gather(0.0, &|sum, x| sum + x), f64::ln),
        Reduction::LogSumExp => {
            let most = gather(f64::NEG_INFINITY, &largest);
            let mut sums = vec![0.0; count];
            for (value, place) in values.iter().zip(&to) {
                if let (Some(sum), Some(most)) = (sums.get_mut(*place), most.get(*place)) {
                    *sum += (value - most).exp();
                }
            }
            most.iter()
                .zip(sums)
                .map(|(most, sum)| most + f64::ln(sum))
                .collect()
        }
    };
    let sizes = if keep {
        ones
    } else {
        let kept = input.sizes.iter().zip(&out).filter(|(_, out)| !**out);
        kept.map(|(size, _)| *size).collect()
    };
    Ok(Tensor::numbers(input.element, sizes, numbers))
}

/// Where along an axis the largest or smallest stands.
pub(super) fn arg(
    input: &Tensor,
    largest: bool,
    at: i64,
    keep: bool,
    last: bool,
) -> Result<Tensor, Trouble> {
    let at = axis(at, input.sizes.len())?;
    let (before, along, after) = around(&input.sizes, at);
    let values = input.values()?;
    if along == 0 {
        return Err("there is nothing to choose from".to_owned());
    }
    let mut found = Vec::with_capacity(before * after);
    for one in 0..before {
        for other in 0..after {
            let value = |place: usize| {
                values
                    .get((one * along + place) * after + other)
                    .copied()
                    .unwrap_or(f64::NAN)
            };
            let mut best = 0;
            for place in 1..along {
                let (new, old) = (value(place), value(best));
                let better = if largest { new > old } else { new < old };
                if better || (last && new == old) {
                    best = place;
                }
            }
            found.push(best as f64);
        }
    }
    let mut sizes = input.sizes.clone();
    if keep {
        if let Some(size) = sizes.get_mut(at) {
            *size = 1;
        }
    } else {
        sizes.remove(at);
    }
    Ok(Tensor::numbers(Element::Int, sizes, found))
}

pub(super) fn softmax(input: &Tensor, at: i64, log: bool) -> Result<Tensor, Trouble> {
    let at = axis(at, input.sizes.len())?;
    let (before, along, after) = around(&input.sizes, at);
    let mut numbers = input.values()?.to_vec();
    for one in 0..before {
        for other in 0..after {
            let places = || (0..along).map(|place| (one * along + place) * after + other);
            let values = || places().filter_map(|place| input.values().ok()?.get(place).copied());
            let most = values().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = values().map(|value| (value - most).exp()).sum();
            for place in places() {
                if let Some(number) = numbers.get_mut(place) {
                    let above = *number - most;
                    *number = if log {
                        above - sum.ln()
                    } else {
                        above.exp() / sum
                    };
                }
            }
        }
    }
    Ok(Tensor::numbers(input.element, input.sizes.clone(), numbers))
}

pub(super) fn batch_normalization(inputs: &Inputs<'_>, epsilon: f64) -> Result<Tensor, Trouble> {
    let input = inputs.need(0)?;
    let channels = input.sizes.get(1).copied().ok_or("there are no columns")?;
    let after: usize = input.sizes.iter().skip(2).product();
    let list = |place: usize| -> Result<&[f64], Trouble> {
        let list = inputs.need(place)?.values()?;
        if list.len() == channels {
            Ok(list)
        } else {
            Err("it is of other columns".to_owned())
        }
    };
    let (scale, shift, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
    let numbers = input.values()?.iter().enumerate().map(|(place, number)| {
        let of = place / after.max(1) % channels.max(1);
        (number - mean[of]) / (variance[of] + epsilon).sqrt() * scale[of] + shift[of]
    });
    Ok(Tensor::numbers(input.element, input.sizes.clone(), numbers))
}

pub(super) fn layer_normalization(
    inputs: &Inputs<'_>,
    at: i64,
    epsilon: f64,
) -> Result<Tensor, Trouble> {
    let input = inputs.need(0)?;
    let at = axis(at, input.sizes.len())?;
    let width: usize = input.sizes.iter().skip(at).product();
    let scale = inputs.need(1)?.values()?;
    let shift = inputs.get(2).map(|shift| shift.values()).transpose()?;
    if scale.len() != width || shift.is_some_and(|shift| shift.len() != width) {
        return Err("it is of other columns".to_owned());
    }
    let mut numbers = input.values()?.to_vec();
    for row in numbers.chunks_exact_mut(width.max(1)) {
        let mean = row.iter().sum::<f64>() / width as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let deviation = (variance + epsilon).sqrt();
        for (place, (x, scale)) in row.iter_mut().zip(scale).enumerate() {
            let shift = shift
                .and_then(|shift| shift.get(place))
                .copied()
                .unwrap_or(0.0);
            *x = (*x - mean) / deviation * scale + shift;
        }
    }
    Ok(Tensor::numbers(input.element, input.sizes.clone(), numbers))
}
