//! What the standard operators do with tensors.

use std::sync::Arc;

use super::axes::{arg, batch_normalization, layer_normalization, reduce, softmax};
use super::operator::Operator;
use super::shape::{concat, gather, positive, reshape, slice, take, transpose};
use super::tensor::{Data, Element, Tensor, Trouble, axis, elements, places, stretched};

/// Inputs of a node; none where one is left out.
pub(super) struct Inputs<'a>(pub(super) &'a [Option<Arc<Tensor>>]);

impl Inputs<'_> {
    pub(super) fn get(&self, place: usize) -> Option<&Arc<Tensor>> {
        self.0.get(place)?.as_ref()
    }

    pub(super) fn need(&self, place: usize) -> Result<&Arc<Tensor>, Trouble> {
        self.get(place)
            .ok_or_else(|| format!("input {place} is missing"))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Tensor>> {
        self.0.iter().flatten()
    }

    /// Whole numbers of an input, or of the attribute that they once were.
    pub(super) fn ints(
        &self,
        place: usize,
        attribute: Option<&[i64]>,
    ) -> Result<Option<Vec<i64>>, Trouble> {
        match (attribute, self.get(place)) {
            (Some(said), _) => Ok(Some(said.to_vec())),
            (None, Some(tensor)) => tensor.ints().map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Elementary steps that rows may still cost.
pub(super) struct Budget(pub(super) u64);

impl Budget {
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Trouble> {
        self.0 = self
            .0
            .checked_sub(steps as u64)
            .ok_or("it computes more than any model of its kind needs")?;
        Ok(())
    }
}

/// What comes out of a node.
pub(super) fn run(
    operator: &Operator,
    inputs: &Inputs<'_>,
    budget: &mut Budget,
) -> Result<Vec<Arc<Tensor>>, Trouble> {
    for input in inputs.all() {
        budget.spend(input.len() + 1)?;
    }
    let one = match operator {
        Operator::Identity => return Ok(vec![Arc::clone(inputs.need(0)?)]),
        Operator::Constant(tensor) => return Ok(vec![Arc::clone(tensor)]),
        Operator::Unary(of) => each(inputs.need(0)?, of)?,
        Operator::Elu(alpha) => each(inputs.need(0)?, |x| {
            if x < 0.0 { alpha * x.exp_m1() } else { x }
        })?,
        Operator::LeakyRelu(alpha) => {
            each(inputs.need(0)?, |x| if x < 0.0 { alpha * x } else { x })?
        }
        Operator::Test(of) => {
            let input = inputs.need(0)?;
            let numbers = input.values()?.iter().map(|x| f64::from(u8::from(of(*x))));
            Tensor::numbers(Element::Bool, input.sizes.clone(), numbers)
        }
        Operator::Binary(of) => fold(inputs, of, budget)?,
        Operator::Mean => {
            let count = inputs.all().count() as f64;
            each(&fold(inputs, &|a, b| a + b, budget)?, |x| x / count)?
        }
        Operator::Div => pair(inputs.need(0)?, inputs.need(1)?, None, budget, |a, b| a / b)?,
        Operator::Compare(of) => {
            let of = |a, b| f64::from(u8::from(of(a, b)));
            pair(
                inputs.need(0)?,
                inputs.need(1)?,
                Some(Element::Bool),
                budget,
                of,
            )?
        }
        Operator::Equal => equal(inputs.need(0)?, inputs.need(1)?, budget)?,
        Operator::Where => choose(inputs.need(0)?, inputs.need(1)?, inputs.need(2)?, budget)?,
        Operator::Cast(to) => cast(inputs.need(0)?, *to)?,
        Operator::Clip { low, high } => {
            let bound = |place: usize, said: Option<f64>| match inputs.get(place) {
                Some(bound) => bound.values().map(|bound| bound.first().copied()),
                None => Ok(said),
            };
            let low = bound(1, *low)?.unwrap_or(f64::NEG_INFINITY);
            let high = bound(2, *high)?.unwrap_or(f64::INFINITY);
            each(inputs.need(0)?, |x| {
                let x = if x < low { low } else { x };
                if x > high { high } else { x }
            })?
        }
        Operator::MatMul => multiply(inputs.need(0)?, inputs.need(1)?, budget)?,
        Operator::Gemm {
            alpha,
            beta,
            turn_a,
            turn_b,
        } => {
            let turned = |tensor: &Arc<Tensor>, turn: bool| {
                if turn {
                    transpose(tensor, None).map(Arc::new)
                } else {
                    Ok(Arc::clone(tensor))
                }
            };
            let (a, b) = (
                turned(inputs.need(0)?, *turn_a)?,
                turned(inputs.need(1)?, *turn_b)?,
            );
            let product = each(&multiply(&a, &b, budget)?, |x| alpha * x)?;
            match inputs.get(2) {
                None => product,
                Some(constant) => {
                    if stretched(&product.sizes, &constant.sizes)? != product.sizes {
                        return Err("the constant is larger than the product".to_owned());
                    }
                    pair(&product, constant, None, budget, |x, c| x + beta * c)?
                }
            }
        }
        Operator::Reduce {
            kind,
            axes,
            keep,
            none_is_none,
        } => {
            let axes = inputs.ints(1, axes.as_deref())?.unwrap_or_default();
            if axes.is_empty() && *none_is_none {
                return Ok(vec![Arc::clone(inputs.need(0)?)]);
            }
            reduce(inputs.need(0)?, *kind, &axes, *keep)?
        }
        Operator::Arg {
            largest,
            axis,
            keep,
            last,
        } => arg(inputs.need(0)?, *largest, *axis, *keep, *last)?,
        Operator::Softmax { axis, log } => softmax(inputs.need(0)?, *axis, *log)?,
        Operator::Reshape {
            sizes,
            zero_is_zero,
        } => {
            let sizes = inputs
                .ints(1, sizes.as_deref())?
                .ok_or("it is not told any sizes")?;
            reshape(inputs.need(0)?, &sizes, *zero_is_zero)?
        }
        Operator::Flatten { axis: at } => {
            let input = inputs.need(0)?;
            let rank = input.sizes.len();
            let at = if *at == rank as i64 {
                rank
            } else {
                axis(*at, rank)?
            };
            let before: usize = input.sizes.iter().take(at).product();
            let after: usize = input.sizes.iter().skip(at).product();
            input.with_sizes(vec![before, after])?
        }
        Operator::Concat { axis } => concat(inputs, *axis)?,
        Operator::Gather { axis } => gather(inputs.need(0)?, inputs.need(1)?, *axis)?,
        Operator::Slice { starts, ends, axes } => slice(inputs, starts, ends, axes.as_deref())?,
        Operator::Squeeze(axes) => {
            let input = inputs.need(0)?;
            let axes = inputs.ints(1, axes.as_deref())?;
            let out = axes
                .map(|axes| axes.iter().map(|at| axis(*at, input.sizes.len())).collect())
                .transpose()?;
            let out: Option<Vec<usize>> = out;
            let kept = input
                .sizes
                .iter()
                .enumerate()
                .filter(|(place, size)| match &out {
                    None => **size != 1,
                    Some(out) => !out.contains(place),
                });
            input.with_sizes(kept.map(|(_, size)| *size).collect())?
        }
        Operator::Unsqueeze(axes) => {
            let input = inputs.need(0)?;
            let axes = inputs
                .ints(1, axes.as_deref())?
                .ok_or("it is not told any axes")?;
            let rank = input.sizes.len() + axes.len();
            let mut sizes = input.sizes.clone();
            let mut axes: Vec<usize> = axes
                .iter()
                .map(|at| axis(*at, rank))
                .collect::<Result<_, _>>()?;
            axes.sort_unstable();
            for at in axes {
                if at > sizes.len() {
                    return Err("an axis is named twice".to_owned());
                }
                sizes.insert(at, 1);
            }
            input.with_sizes(sizes)?
        }
        Operator::Transpose(order) => transpose(inputs.need(0)?, order.as_deref())?,
        Operator::Shape => {
            let sizes = &inputs.need(0)?.sizes;
            let numbers = sizes.iter().map(|size| *size as f64);
            Tensor::numbers(Element::Int, vec![sizes.len()], numbers)
        }
        Operator::ConstantOfShape(value) => {
            let sizes = positive(&inputs.need(0)?.ints()?)?;
            let count = elements(&sizes)?;
            budget.spend(count)?;
            value.pick(sizes, std::iter::repeat_n(0, count))?
        }
        Operator::Expand => {
            let input = inputs.need(0)?;
            let sizes = stretched(&input.sizes, &positive(&inputs.need(1)?.ints()?)?)?;
            budget.spend(elements(&sizes)?)?;
            let from = places(&input.sizes, &sizes);
            input.pick(sizes, from)?
        }
        Operator::BatchNormalization { epsilon } => batch_normalization(inputs, *epsilon)?,
        Operator::LayerNormalization { axis: at, epsilon } => {
            layer_normalization(inputs, *at, *epsilon)?
        }
        Operator::ArrayFeatureExtractor => {
            let (input, wanted) = (inputs.need(0)?, inputs.need(1)?.ints()?);
            let at = input
                .sizes
                .len()
                .checked_sub(1)
                .ok_or("there are no columns")?;
            let mut sizes = input.sizes.clone();
            if sizes.len() == 1 {
                sizes.insert(0, 1);
            }
            take(input, at, &wanted).and_then(|found| {
                if let Some(last) = sizes.last_mut() {
                    *last = wanted.len();
                }
                found.with_sizes(sizes)
            })?
        }
        Operator::FeatureVectorizer => cast(&concat(inputs, 1)?, Element::Float)?,
        Operator::Normalizer(norm) => norm.run(inputs.need(0)?)?,
        Operator::Binarizer(binarizer) => binarizer.run(inputs.need(0)?)?,
        Operator::Scaler(scaler) => scaler.run(inputs.need(0)?)?,
        Operator::Imputer(imputer) => imputer.run(inputs.need(0)?)?,
        Operator::OneHot(encoder) => encoder.run(inputs.need(0)?)?,
        Operator::LabelEncoder(encoder) => encoder.run(inputs.need(0)?)?,
        Operator::Linear(linear) => {
            let input = inputs.need(0)?;
            budget.spend(input.rows().0.saturating_mul(linear.work()))?;
            elements(&[input.rows().0, linear.width()])?;
            return Ok(linear.run(input)?.into_iter().map(Arc::new).collect());
        }
        Operator::Trees(trees) => {
            let input = inputs.need(0)?;
            budget.spend(input.rows().0.saturating_mul(trees.trees() + trees.width()))?;
            elements(&[input.rows().0, trees.width()])?;
            return Ok(trees.run(input)?.into_iter().map(Arc::new).collect());
        }
    };
    budget.spend(one.len())?;
    Ok(vec![Arc::new(one)])
}

fn each(input: &Tensor, of: impl Fn(f64) -> f64) -> Result<Tensor, Trouble> {
    let numbers = input.values()?.iter().map(|number| of(*number));
    Ok(Tensor::numbers(input.element, input.sizes.clone(), numbers))
}

fn pair(
    a: &Tensor,
    b: &Tensor,
    element: Option<Element>,
    budget: &mut Budget,
    of: impl Fn(f64, f64) -> f64,
) -> Result<Tensor, Trouble> {
    let sizes = stretched(&a.sizes, &b.sizes)?;
    budget.spend(elements(&sizes)?)?;
    let (x, y) = (a.values()?, b.values()?);
    let pairs = places(&a.sizes, &sizes).zip(places(&b.sizes, &sizes));
    let numbers = pairs.map(|(at_a, at_b)| match (x.get(at_a), y.get(at_b)) {
        (Some(a), Some(b)) => of(*a, *b),
        _ => f64::NAN,
    });
    Ok(Tensor::numbers(
        element.unwrap_or(a.element),
        sizes,
        numbers,
    ))
}

fn fold(
    inputs: &Inputs<'_>,
    of: &dyn Fn(f64, f64) -> f64,
    budget: &mut Budget,
) -> Result<Tensor, Trouble> {
    let mut all = inputs.all();
    let mut sum = Tensor::clone(all.next().ok_or("it has no inputs")?);
    for next in all {
        sum = pair(&sum, next, None, budget, of)?;
    }
    sum.values()?;
    Ok(sum)
}

fn equal(a: &Tensor, b: &Tensor, budget: &mut Budget) -> Result<Tensor, Trouble> {
    let (Data::Texts(x), Data::Texts(y)) = (&a.data, &b.data) else {
        return pair(a, b, Some(Element::Bool), budget, |a, b| {
            f64::from(u8::from(a == b))
        });
    };
    let sizes = stretched(&a.sizes, &b.sizes)?;
    budget.spend(elements(&sizes)?)?;
    let pairs = places(&a.sizes, &sizes).zip(places(&b.sizes, &sizes));
    let numbers = pairs.map(|(at_a, at_b)| f64::from(u8::from(x.get(at_a) == y.get(at_b))));
    Ok(Tensor::numbers(Element::Bool, sizes, numbers))
}

fn choose(
    condition: &Tensor,
    yes: &Tensor,
    no: &Tensor,
    budget: &mut Budget,
) -> Result<Tensor, Trouble> {
    let sizes = stretched(&stretched(&condition.sizes, &yes.sizes)?, &no.sizes)?;
    budget.spend(elements(&sizes)?)?;
    let asked = condition.values()?;
    let places = places(&condition.sizes, &sizes)
        .zip(places(&yes.sizes, &sizes).zip(places(&no.sizes, &sizes)));
    // Both kinds one after the other, so that what is chosen is a place in one list.
    let first = yes.len();
    let both = match (&yes.data, &no.data) {
        (Data::Numbers(yes), Data::Numbers(no)) => Data::Numbers([&yes[..], no].concat()),
        (Data::Texts(yes), Data::Texts(no)) => Data::Texts([&yes[..], no].concat()),
        _ => return Err("it chooses between text and numbers".to_owned()),
    };
    let both = Tensor::new(yes.element, vec![both.len()], both);
    both.pick(
        sizes,
        places.map(|(at, (yes, no))| {
            if asked.get(at).is_some_and(|asked| *asked != 0.0) {
                yes
            } else {
                first + no
            }
        }),
    )
}

fn cast(input: &Tensor, to: Element) -> Result<Tensor, Trouble> {
    match (&input.data, to) {
        (Data::Texts(_), Element::Text) => Ok(input.clone()),
        (Data::Numbers(numbers), Element::Text) => {
            let texts = numbers
                .iter()
                .map(|number| number.to_string().into())
                .collect();
            Ok(Tensor::new(to, input.sizes.clone(), Data::Texts(texts)))
        }
        (Data::Texts(texts), _) => {
            let numbers = texts
                .iter()
                .map(|text| {
                    text.trim()
                        .parse()
                        .map_err(|_| format!("{text:?} is no number"))
                })
                .collect::<Result<Vec<f64>, _>>()?;
            Ok(Tensor::numbers(to, input.sizes.clone(), numbers))
        }
        (Data::Numbers(numbers), _) => Ok(Tensor::numbers(
            to,
            input.sizes.clone(),
            numbers.iter().copied(),
        )),
    }
}

/// A product of matrices; of more dimensions those before the last two are rows too.
fn multiply(a: &Tensor, b: &Tensor, budget: &mut Budget) -> Result<Tensor, Trouble> {
    let inner = a
        .sizes
        .last()
        .copied()
        .ok_or("it multiplies a single number")?;
    let (height, columns) = match b.sizes[..] {
        [height] => (height, 1),
        [height, columns] => (height, columns),
        _ => return Err(format!("products with {:?} are not supported", b.sizes)),
    };
    if height != inner {
        return Err(format!(
            "{:?} and {:?} cannot be multiplied",
            a.sizes, b.sizes
        ));
    }
    let rows: usize = a.sizes.iter().rev().skip(1).product();
    let mut sizes: Vec<usize> = a.sizes.iter().rev().skip(1).rev().copied().collect();
    if b.sizes.len() == 2 {
        sizes.push(columns);
    }
    let count = elements(&sizes)?;
    budget.spend(rows.saturating_mul(inner).saturating_mul(columns))?;
    let (x, y) = (a.values()?, b.values()?);
    let mut sums = vec![0.0; count];
    if inner > 0 && columns > 0 {
        for (row, sums) in x.chunks_exact(inner).zip(sums.chunks_exact_mut(columns)) {
            for (x, weights) in row.iter().zip(y.chunks_exact(columns)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += x * weight;
                }
            }
        }
    }
    Ok(Tensor::numbers(a.element, sizes, sums))
}
