//! Tensors of a graph that is evaluated.
//!
//! All numbers stand as `f64`; a tensor of another type is rounded to it after each step. A sum,
//! difference, product, quotient or root of single-precision numbers that was computed in double
//! precision and then rounded is the number that single precision gives (Figueroa, "When is double
//! rounding innocuous?", 1995), so nothing is lost but whole numbers beyond 2^53.

use std::sync::Arc;

/// Dimensions of a tensor.
pub(super) const MAX_RANK: usize = 8;
/// Elements of a tensor.
pub(super) const MAX_ELEMENTS: usize = 1 << 24;

/// What a tensor is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float,
    Double,
    Int,
    Bool,
    Text,
}

/// The elements, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Numbers(Vec<f64>),
    Texts(Vec<Arc<str>>),
}

/// A tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) element: Element,
    pub(super) sizes: Vec<usize>,
    pub(super) data: Data,
}

/// What goes wrong in a node while rows go through.
pub(super) type Trouble = String;

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

impl Element {
    /// The number that a number becomes in this type.
    pub(super) fn round(self, number: f64) -> f64 {
        match self {
            Self::Float => f64::from(number as f32),
            Self::Int => number.trunc(),
            Self::Bool => f64::from(u8::from(number != 0.0)),
            Self::Double | Self::Text => number,
        }
    }
}

impl Tensor {
    /// As many elements as the sizes say: whoever calls sees to it.
    pub(super) fn new(element: Element, sizes: Vec<usize>, data: Data) -> Self {
        debug_assert_eq!(sizes.iter().product::<usize>(), data.len());
        Self {
            element,
            sizes,
            data,
        }
    }

    /// Numbers, rounded to the type.
    pub(super) fn numbers(
        element: Element,
        sizes: Vec<usize>,
        numbers: impl IntoIterator<Item = f64>,
    ) -> Self {
        let numbers = numbers.into_iter().map(|number| element.round(number));
        Self::new(element, sizes, Data::Numbers(numbers.collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// Its numbers.
    pub(super) fn values(&self) -> Result<&[f64], Trouble> {
        match &self.data {
            Data::Numbers(numbers) => Ok(numbers),
            Data::Texts(_) => Err("text stands where numbers belong".to_owned()),
        }
    }

    pub(super) fn texts(&self) -> Result<&[Arc<str>], Trouble> {
        match &self.data {
            Data::Texts(texts) => Ok(texts),
            Data::Numbers(_) => Err("numbers stand where text belongs".to_owned()),
        }
    }

    /// Its numbers as whole ones.
    pub(super) fn ints(&self) -> Result<Vec<i64>, Trouble> {
        Ok(self.values()?.iter().map(|number| *number as i64).collect())
    }

    /// The same elements in other sizes.
    pub(super) fn with_sizes(&self, sizes: Vec<usize>) -> Result<Self, Trouble> {
        if elements(&sizes)? != self.len() {
            return Err(format!("{:?} cannot become {sizes:?}", self.sizes));
        }
        Ok(Self {
            sizes,
            ..self.clone()
        })
    }

    /// The elements at places.
    pub(super) fn pick(
        &self,
        sizes: Vec<usize>,
        places: impl Iterator<Item = usize>,
    ) -> Result<Self, Trouble> {
        let outside = || "a place lies outside of its tensor".to_owned();
        let data = match &self.data {
            Data::Numbers(numbers) => Data::Numbers(
                places
                    .map(|place| numbers.get(place).copied().ok_or_else(outside))
                    .collect::<Result<_, _>>()?,
            ),
            Data::Texts(texts) => Data::Texts(
                places
                    .map(|place| texts.get(place).cloned().ok_or_else(outside))
                    .collect::<Result<_, _>>()?,
            ),
        };
        if elements(&sizes)? != data.len() {
            return Err("sizes do not fit".to_owned());
        }
        Ok(Self::new(self.element, sizes, data))
    }

    /// Rows and columns: what has one dimension is one row.
    pub(super) fn rows(&self) -> (usize, usize) {
        match self.sizes[..] {
            [] => (1, 1),
            [columns] => (1, columns),
            [rows, ref rest @ ..] => (rows, rest.iter().product()),
        }
    }
}

/// How many elements sizes stand for, if that is not too many.
pub(super) fn elements(sizes: &[usize]) -> Result<usize, Trouble> {
    if sizes.len() > MAX_RANK {
        return Err(format!("{} dimensions are too many", sizes.len()));
    }
    // A size of 0 must not hide others that are too large.
    sizes
        .iter()
        .try_fold(1_usize, |all, size| {
            all.checked_mul((*size).max(1))
                .filter(|all| *all <= MAX_ELEMENTS)
        })
        .ok_or_else(|| format!("a tensor of {sizes:?} is too large"))?;
    Ok(sizes.iter().product())
}

/// An axis as it was given, from the front.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Trouble> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|place| *place < rank)
        .ok_or_else(|| format!("there is no axis {axis} of {rank}"))
}

/// Elements before an axis, along it, and after it.
pub(super) fn around(sizes: &[usize], axis: usize) -> (usize, usize, usize) {
    let before = sizes.iter().take(axis).product();
    let after = sizes.iter().skip(axis + 1).product();
    (before, sizes.get(axis).copied().unwrap_or(1), after)
}

/// The sizes that both can be stretched to.
pub(super) fn stretched(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Trouble> {
    let rank = a.len().max(b.len());
    let at = |sizes: &[usize], place: usize| {
        (place + sizes.len())
            .checked_sub(rank)
            .and_then(|place| sizes.get(place).copied())
            .unwrap_or(1)
    };
    let sizes: Vec<usize> = (0..rank)
        .map(|place| match (at(a, place), at(b, place)) {
            (one, other) if one == other => Ok(one),
            (1, size) | (size, 1) => Ok(size),
            _ => Err(format!("{a:?} and {b:?} do not go together")),
        })
        .collect::<Result<_, _>>()?;
    elements(&sizes)?;
    Ok(sizes)
}

/// For each element of `to` the place of the element of `from` that is stretched there.
pub(super) fn places(from: &[usize], to: &[usize]) -> Places {
    let count: usize = to.iter().product();
    let own: usize = from.iter().product();
    if own == count {
        return Places::Same(0..count);
    }
    // What lacks leading axes only repeats.
    let leading = to.len().saturating_sub(from.len());
    if to.get(leading..) == Some(from) {
        return Places::Repeated(own.max(1), 0..count);
    }
    let mut steps = vec![0; to.len()];
    let mut step = 1;
    for (place, size) in from.iter().enumerate().rev() {
        if *size != 1
            && let Some(known) = steps.get_mut(leading + place)
        {
            *known = step;
        }
        step *= size;
    }
    Places::Steps(to.to_vec(), steps, 0..count)
}

/// Places of elements.
pub(super) enum Places {
    Same(std::ops::Range<usize>),
    Repeated(usize, std::ops::Range<usize>),
    Steps(Vec<usize>, Vec<usize>, std::ops::Range<usize>),
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Same(range) => range.next(),
            Self::Repeated(every, range) => range.next().map(|place| place % *every),
            Self::Steps(sizes, steps, range) => {
                let mut rest = range.next()?;
                let mut place = 0;
                for (size, step) in sizes.iter().zip(steps.iter()).rev() {
                    place += rest % size * step;
                    rest /= size;
                }
                Some(place)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Same(range) | Self::Repeated(_, range) | Self::Steps(_, _, range) => {
                range.size_hint()
            }
        }
    }
}
