//! The least of a smooth function: limited-memory BFGS.
//!
//! Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5 (directions from the
//! last ten steps), 3.5 and 3.6 (a step that meets the strong Wolfe conditions).

/// Steps that are remembered.
const MEMORY: usize = 10;
/// A step must lower the function by this share of what its slope promises …
const DECREASE: f64 = 1e-3;
/// … and leave this share of the slope at most.
const CURVATURE: f64 = 0.9;
/// Places that are tried on one line.
const TRIES: usize = 50;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) iterations: usize,
    /// No part of the gradient is larger than this.
    pub(super) gradient: f64,
    /// A step changes the function by less than this share.
    pub(super) change: f64,
}

/// A place with the function's value and gradient there.
struct Place {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// The place where `function` (its value, and its gradient written over what is given) is least,
/// as far as it was found, and the iterations that it took.
pub(super) fn minimise(
    start: Vec<f64>,
    stop: Stop,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> (Vec<f64>, usize) {
    let mut gradient = vec![0.0; start.len()];
    let value = function(&start, &mut gradient);
    let mut here = Place {
        x: start,
        value,
        gradient,
    };
    // Steps, changes of the gradient, and the inverse of their product; the oldest first.
    let mut memory: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for iteration in 0..stop.iterations {
        if here.gradient.iter().all(|part| part.abs() <= stop.gradient) {
            return (here.x, iteration);
        }
        let mut direction = direction(&here.gradient, &memory);
        if dot(&direction, &here.gradient) >= 0.0 {
            // What is remembered leads uphill: begin anew.
            memory.clear();
            direction = here.gradient.iter().map(|part| -part).collect();
        }
        let first = if memory.is_empty() {
            1.0 / dot(&here.gradient, &here.gradient).sqrt().max(1.0)
        } else {
            1.0
        };
        let Some(next) = search(&here, &direction, first, &mut function) else {
            return (here.x, iteration);
        };
        let step: Vec<f64> = next.x.iter().zip(&here.x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next
            .gradient
            .iter()
            .zip(&here.gradient)
            .map(|(a, b)| a - b)
            .collect();
        let product = dot(&step, &change);
        if product > f64::EPSILON * dot(&change, &change) {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push((step, change, 1.0 / product));
        }
        let size = here.value.abs().max(next.value.abs()).max(1.0);
        let done = here.value - next.value <= stop.change * size;
        here = next;
        if done {
            return (here.x, iteration + 1);
        }
    }
    (here.x, stop.iterations)
}

/// Downhill, as far as the remembered steps know the curvature.
fn direction(gradient: &[f64], memory: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut factors = Vec::with_capacity(memory.len());
    for (step, change, inverse) in memory.iter().rev() {
        let factor = inverse * dot(step, &q);
        add(&mut q, change, -factor);
        factors.push(factor);
    }
    if let Some((_, change, inverse)) = memory.last() {
        let scale = 1.0 / (inverse * dot(change, change));
        for part in &mut q {
            *part *= scale;
        }
    }
    for ((step, change, inverse), factor) in memory.iter().zip(factors.iter().rev()) {
        let other = inverse * dot(change, &q);
        add(&mut q, step, factor - other);
    }
    for part in &mut q {
        *part = -*part;
    }
    q
}

/// A place on the line that is low and flat enough; none if there is none.
fn search(
    here: &Place,
    direction: &[f64],
    first: f64,
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Place> {
    let slope = dot(&here.gradient, direction);
    let mut tried = 0;
    let mut at = |length: f64| {
        let x: Vec<f64> = here
            .x
            .iter()
            .zip(direction)
            .map(|(x, d)| x + length * d)
            .collect();
        let mut gradient = vec![0.0; x.len()];
        let value = function(&x, &mut gradient);
        Place { x, value, gradient }
    };
    let low_enough =
        |place: &Place, length: f64| place.value <= here.value + DECREASE * length * slope;
    let flat_enough = |place: &Place| dot(&place.gradient, direction).abs() <= -CURVATURE * slope;
    // The lower end of where a good place is, with value and slope; its upper end.
    let mut low = (0.0, here.value, slope);
    let mut best: Option<Place> = None;
    let mut high: Option<(f64, f64, f64)> = None;
    let mut length = first;
    while tried < TRIES {
        tried += 1;
        let place = at(length);
        let turned = dot(&place.gradient, direction);
        let here_is = (length, place.value, turned);
        if !place.value.is_finite()
            || !low_enough(&place, length)
            || place.value >= low.1 && tried > 1
        {
            high = Some(here_is);
        } else {
            if flat_enough(&place) {
                return Some(place);
            }
            let beyond = match high {
                None => turned >= 0.0,
                Some((other, ..)) => turned * (other - low.0) >= 0.0,
            };
            if beyond {
                high = Some(low);
            }
            low = here_is;
            best = Some(place);
        }
        length = match high {
            // Not yet enclosed: further out.
            None => length * 2.0,
            Some(high) => between(low, high),
        };
        if high.is_some_and(|(other, ..)| (other - low.0).abs() < 1e-14 * other.abs().max(low.0)) {
            break;
        }
    }
    best
}

/// Where a cubic through both ends is least, but not too near to either.
fn between(a: (f64, f64, f64), b: (f64, f64, f64)) -> f64 {
    let (from, to) = (a.0.min(b.0), a.0.max(b.0));
    let margin = 0.1 * (to - from);
    let d1 = a.2 + b.2 - 3.0 * (a.1 - b.1) / (a.0 - b.0);
    let d2 = (d1 * d1 - a.2 * b.2).sqrt() * (b.0 - a.0).signum();
    let least = b.0 - (b.0 - a.0) * (b.2 + d2 - d1) / (b.2 - a.2 + 2.0 * d2);
    if least.is_finite() && least >= from + margin && least <= to - margin {
        least
    } else {
        f64::midpoint(from, to)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &mut [f64], b: &[f64], factor: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_rosenbrock() {
        let stop = Stop {
            iterations: 200,
            gradient: 1e-8,
            change: 0.0,
        };
        let (x, iterations) = minimise(vec![-1.2, 1.0], stop, |x, gradient| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            gradient[0] = -2.0 * a - 400.0 * x[0] * b;
            gradient[1] = 200.0 * b;
            a * a + 100.0 * b * b
        });
        assert!(
            (x[0] - 1.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6,
            "{x:?}"
        );
        assert!(iterations < 60, "{iterations}");
    }
}
