//! What the standard operators do with the shapes of tensors: their elements stay what they are.

use super::run::Inputs;
use super::tensor::{Data, Tensor, Trouble, around, axis, elements};

pub(super) fn positive(sizes: &[i64]) -> Result<Vec<usize>, Trouble> {
    let sizes = sizes.iter().map(|size| usize::try_from(*size));
    sizes
        .collect::<Result<_, _>>()
        .map_err(|_| "a size is negative".to_owned())
}

pub(super) fn reshape(
    input: &Tensor,
    wanted: &[i64],
    zero_is_zero: bool,
) -> Result<Tensor, Trouble> {
    let mut sizes = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (place, size) in wanted.iter().enumerate() {
        sizes.push(match *size {
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            0 if !zero_is_zero => input
                .sizes
                .get(place)
                .copied()
                .ok_or("there is no such axis to keep")?,
            size => usize::try_from(size).map_err(|_| "a size is negative".to_owned())?,
        });
    }
    if let Some(place) = open {
        let rest = elements(&sizes)?;
        let own = input.len().checked_div(rest).unwrap_or(0);
        if let Some(size) = sizes.get_mut(place) {
            *size = own;
        }
    }
    input.with_sizes(sizes)
}

pub(super) fn concat(inputs: &Inputs<'_>, at: i64) -> Result<Tensor, Trouble> {
    let first = inputs.need(0)?;
    let at = axis(at, first.sizes.len())?;
    let (before, _, _) = around(&first.sizes, at);
    let mut sizes = first.sizes.clone();
    let mut along = 0_usize;
    for input in inputs.all() {
        let same = input.sizes.len() == sizes.len()
            && (0..sizes.len()).all(|place| place == at || input.sizes[place] == sizes[place]);
        if !same {
            return Err(format!(
                "{:?} cannot stand beside {:?}",
                input.sizes, first.sizes
            ));
        }
        along += input.sizes.get(at).copied().unwrap_or(0);
    }
    if let Some(size) = sizes.get_mut(at) {
        *size = along;
    }
    let count = elements(&sizes)?;
    let parts = |input: &Tensor| input.len().checked_div(before).unwrap_or(0);
    let data = if let Data::Texts(_) = first.data {
        let mut texts = Vec::with_capacity(count);
        for one in 0..before {
            for input in inputs.all() {
                let part = parts(input);
                let own = input.texts()?.get(one * part..(one + 1) * part);
                texts.extend_from_slice(own.unwrap_or_default());
            }
        }
        Data::Texts(texts)
    } else {
        let mut numbers = Vec::with_capacity(count);
        for one in 0..before {
            for input in inputs.all() {
                let part = parts(input);
                let own = input.values()?.get(one * part..(one + 1) * part);
                numbers.extend_from_slice(own.unwrap_or_default());
            }
        }
        Data::Numbers(numbers)
    };
    if data.len() != count {
        return Err("sizes do not fit".to_owned());
    }
    Ok(Tensor::new(first.element, sizes, data))
}

/// Parts along an axis, by their numbers; the sizes are those of one list of them.
pub(super) fn take(input: &Tensor, at: usize, wanted: &[i64]) -> Result<Tensor, Trouble> {
    let (before, along, after) = around(&input.sizes, at);
    let wanted: Vec<usize> = wanted
        .iter()
        .map(|place| {
            axis(*place, along).map_err(|_| format!("there is no part {place} of {along}"))
        })
        .collect::<Result<_, _>>()?;
    let mut sizes = input.sizes.clone();
    if let Some(size) = sizes.get_mut(at) {
        *size = wanted.len();
    }
    elements(&sizes)?;
    let places = (0..before).flat_map(|one| {
        wanted.iter().flat_map(move |place| {
            let start = (one * along + place) * after;
            start..start + after
        })
    });
    input.pick(sizes, places)
}

pub(super) fn gather(input: &Tensor, wanted: &Tensor, at: i64) -> Result<Tensor, Trouble> {
    let at = axis(at, input.sizes.len())?;
    let found = take(input, at, &wanted.ints()?)?;
    let mut sizes = input.sizes.clone();
    sizes.splice(at..=at, wanted.sizes.iter().copied());
    found.with_sizes(sizes)
}

pub(super) fn slice(
    inputs: &Inputs<'_>,
    starts: &[i64],
    ends: &[i64],
    axes: Option<&[i64]>,
) -> Result<Tensor, Trouble> {
    let mut found = Tensor::clone(inputs.need(0)?);
    let said = |list: &[i64], place| match inputs.get(place) {
        Some(tensor) => tensor.ints(),
        None => Ok(list.to_vec()),
    };
    let (starts, ends) = (said(starts, 1)?, said(ends, 2)?);
    let axes = inputs
        .ints(3, axes)?
        .unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = inputs
        .ints(4, None)?
        .unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err("its starts, ends, axes and steps differ in number".to_owned());
    }
    for (((start, end), at), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let at = axis(*at, found.sizes.len())?;
        let size = found.sizes.get(at).copied().unwrap_or(0) as i64;
        let from_front = |place: i64| {
            if place < 0 {
                place.saturating_add(size)
            } else {
                place
            }
        };
        let step = usize::try_from(*step).ok().filter(|step| *step > 0);
        let step = step.ok_or("it goes backwards, which is not supported")?;
        let start = from_front(*start).clamp(0, size);
        let end = from_front(*end).clamp(0, size);
        let wanted: Vec<i64> = (start..end).step_by(step).collect();
        found = take(&found, at, &wanted)?;
    }
    Ok(found)
}

pub(super) fn transpose(input: &Tensor, order: Option<&[i64]>) -> Result<Tensor, Trouble> {
    let rank = input.sizes.len();
    let order: Vec<usize> = match order {
        None => (0..rank).rev().collect(),
        Some(order) => order
            .iter()
            .map(|at| axis(*at, rank))
            .collect::<Result<_, _>>()?,
    };
    let mut seen = order.clone();
    seen.sort_unstable();
    if seen.iter().copied().ne(0..rank) {
        return Err("its axes are not each named once".to_owned());
    }
    let sizes: Vec<usize> = order.iter().map(|at| input.sizes[*at]).collect();
    let steps: Vec<usize> = order
        .iter()
        .map(|at| input.sizes.iter().skip(at + 1).product())
        .collect();
    let places = (0..input.len()).map(|place| {
        let mut rest = place;
        let mut from = 0;
        for (size, step) in sizes.iter().zip(&steps).rev() {
            from += rest % size * step;
            rest /= size;
        }
        from
    });
    input.pick(sizes.clone(), places)
}
