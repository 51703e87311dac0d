//! Cells of a column as places in a dictionary of the values that it has.

use std::collections::HashMap;
use std::hash::Hash;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, StringArray};
use foldhash::fast::RandomState;

use super::value::Float;

/// Cells after which values must have repeated.
const SAMPLE: usize = 1 << 13;
/// How many cells there must be for each value of a dictionary, where a place takes much less than a value.
const WIDE: usize = 2;
/// The same where pages without a dictionary are small, and made quickly.
const NARROW: usize = 4;
/// Numbers below it are small.
const SMALL: usize = 1 << 12;
/// Bytes of a dictionary.
const MAX_BYTES: usize = 1 << 20;

/// The cells of a column that are not null.
pub(super) struct Interned<V> {
    /// Their values' places in the dictionary; none where there is one value.
    pub(super) keys: Vec<u32>,
    /// The values, in the order in which they came up first.
    pub(super) values: Vec<V>,
}

/// Where a value is in the dictionary.
trait Places<V> {
    /// Its place, or this one if it has none yet.
    fn place(&mut self, value: V, next: u32) -> u32;
}

impl<K: Hash + Eq> Places<K> for HashMap<K, u32, RandomState> {
    #[inline]
    fn place(&mut self, value: K, next: u32) -> u32 {
        *self.entry(value).or_insert(next)
    }
}

/// Of small numbers: one for each that there can be.
struct Table(Vec<u32>);

/// No place.
const NONE: u32 = u32::MAX;

impl Places<u32> for Table {
    #[inline]
    fn place(&mut self, value: u32, next: u32) -> u32 {
        let place = &mut self.0[value as usize];
        if *place == NONE {
            *place = next;
        }
        *place
    }
}

/// Of numbers most of which are small: a table for these.
struct Small {
    table: Table,
    others: HashMap<u64, u32, RandomState>,
}

impl Places<u64> for Small {
    #[inline]
    fn place(&mut self, value: u64, next: u32) -> u32 {
        if value < SMALL as u64 {
            self.table.place(value as u32, next)
        } else {
            self.others.place(value, next)
        }
    }
}

/// Takes cells one by one.
struct Interner<V, P> {
    interned: Interned<V>,
    places: P,
    /// How many cells there must be for each value.
    share: usize,
    bytes: usize,
    /// The last two: packets of a flow come in groups, one way and the other.
    recent: [u32; 2],
}

impl<V: Copy + PartialEq, P: Places<V>> Interner<V, P> {
    fn new(cells: usize, places: P, share: usize) -> Self {
        Self {
            interned: Interned {
                keys: Vec::with_capacity(cells),
                values: Vec::new(),
            },
            places,
            share,
            bytes: 0,
            recent: [NONE; 2],
        }
    }

    /// Takes a cell that takes so many bytes in a dictionary; `None` where a dictionary saves
    /// nothing.
    #[inline]
    fn push(&mut self, value: V, bytes: usize) -> Option<()> {
        let Interned { keys, values } = &mut self.interned;
        let is = |place: u32| values.get(place as usize) == Some(&value);
        let key = if is(self.recent[0]) {
            self.recent[0]
        } else if is(self.recent[1]) {
            self.recent.swap(0, 1);
            self.recent[0]
        } else {
            let next = values.len() as u32;
            let place = self.places.place(value, next);
            if place == next {
                values.push(value);
                self.bytes += bytes;
                let repeats = keys.len() < SAMPLE || values.len() <= keys.len() / self.share;
                if self.bytes > MAX_BYTES || !repeats {
                    return None;
                }
            }
            self.recent = [place, self.recent[0]];
            place
        };
        keys.push(key);
        Some(())
    }

    /// Takes the cells of an array that are not null.
    #[inline]
    fn fill(&mut self, array: &dyn Array, cell: impl Fn(usize) -> (V, usize)) -> Option<()> {
        let mut push = |place| {
            let (value, bytes) = cell(place);
            self.push(value, bytes)
        };
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => nulls.valid_indices().try_for_each(&mut push),
            None => (0..array.len()).try_for_each(&mut push),
        }
    }
}

impl<'a, P: Places<&'a [u8]>> Interner<&'a [u8], P> {
    /// Takes texts that are places among some: each of those is sought once.
    fn fill_places(
        &mut self,
        keys: &PrimitiveArray<UInt32Type>,
        values: &'a StringArray,
    ) -> Option<()> {
        let mut known = vec![NONE; values.len()];
        let mut push = |key: u32| {
            let place = &mut known[key as usize];
            if *place == NONE {
                let text = text(values, key as usize);
                self.push(text, 4 + text.len())?;
                *place = *self.interned.keys.last()?;
            } else {
                self.interned.keys.push(*place);
            }
            Some(())
        };
        let cells = keys.values();
        match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => nulls.valid_indices().try_for_each(|at| push(cells[at])),
            None => cells.iter().try_for_each(|&key| push(key)),
        }
    }
}

/// Texts; `None` where a dictionary saves nothing.
pub(super) fn texts(arrays: &[ArrayRef]) -> Option<Interned<&[u8]>> {
    let places = HashMap::with_hasher(RandomState::default());
    let mut interner = Interner::new(cells(arrays), places, WIDE);
    for array in arrays {
        if let Some((keys, values)) = places_of(array) {
            interner.fill_places(keys, values)?;
            continue;
        }
        let texts = array.as_string_opt::<i32>()?;
        interner.fill(array, |place| {
            let text = text(texts, place);
            (text, 4 + text.len())
        })?;
    }
    Some(interner.interned)
}

/// Texts as places among some.
pub(super) fn places_of(array: &ArrayRef) -> Option<(&PrimitiveArray<UInt32Type>, &StringArray)> {
    let array = array.as_dictionary_opt::<UInt32Type>()?;
    Some((array.keys(), array.values().as_string_opt::<i32>()?))
}

/// A text's bytes.
#[inline]
pub(super) fn text(texts: &StringArray, place: usize) -> &[u8] {
    let offsets = texts.value_offsets();
    &texts.value_data()[offsets[place] as usize..offsets[place + 1] as usize]
}

/// Numbers of 8 bits.
pub(super) fn u8s(arrays: &[ArrayRef]) -> Option<Interned<u32>> {
    small::<UInt8Type>(arrays, 1 << 8)
}

/// Numbers of 16 bits.
pub(super) fn u16s(arrays: &[ArrayRef]) -> Option<Interned<u32>> {
    small::<UInt16Type>(arrays, 1 << 16)
}

/// Numbers below a bound.
fn small<T>(arrays: &[ArrayRef], bound: usize) -> Option<Interned<u32>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<u32>,
{
    numbers::<T, _, _>(arrays, || Table(vec![NONE; bound]), Into::into, WIDE)
}

/// Numbers of 32 bits; `None` where a dictionary saves nothing.
pub(super) fn u32s(arrays: &[ArrayRef]) -> Option<Interned<u32>> {
    let places = HashMap::<_, _, RandomState>::default;
    numbers::<UInt32Type, _, _>(arrays, places, |number| number, NARROW)
}

/// Numbers of 64 bits; `None` where a dictionary saves nothing.
pub(super) fn u64s(arrays: &[ArrayRef]) -> Option<Interned<u64>> {
    let places = || Small {
        table: Table(vec![NONE; SMALL]),
        others: HashMap::default(),
    };
    numbers::<UInt64Type, _, _>(arrays, places, |number| number, NARROW)
}

/// Numbers of 64 bits with a sign; `None` where a dictionary saves nothing.
pub(super) fn i64s(arrays: &[ArrayRef]) -> Option<Interned<i64>> {
    let places = HashMap::<_, _, RandomState>::default;
    numbers::<Int64Type, _, _>(arrays, places, |number| number, NARROW)
}

/// Floats; `None` where a dictionary saves nothing.
pub(super) fn floats(arrays: &[ArrayRef]) -> Option<Interned<Float>> {
    let places = HashMap::<_, _, RandomState>::default;
    numbers::<Float64Type, _, _>(arrays, places, |float| Float(float.to_bits()), WIDE)
}

fn numbers<T: ArrowPrimitiveType, V: Copy + PartialEq, P: Places<V>>(
    arrays: &[ArrayRef],
    places: impl FnOnce() -> P,
    value: impl Fn(T::Native) -> V,
    share: usize,
) -> Option<Interned<V>> {
    if let Some(values) = constant::<T, V>(arrays, &value) {
        let keys = Vec::new();
        return Some(Interned { keys, values });
    }
    let mut interner = Interner::new(cells(arrays), places(), share);
    for array in arrays {
        let array = array.as_primitive_opt::<T>()?;
        let values = array.values();
        interner.fill(array, |place| (value(values[place]), size_of::<V>()))?;
    }
    Some(interner.interned)
}

/// The value that all cells have, where it is one, or none where all cells are null; of columns
/// with arrays that are null in part it is not known.
fn constant<T: ArrowPrimitiveType, V: Copy + PartialEq>(
    arrays: &[ArrayRef],
    value: impl Fn(T::Native) -> V,
) -> Option<Vec<V>> {
    let mut one = None;
    for array in arrays {
        let nulls = array.null_count();
        if nulls == array.len() {
            continue;
        }
        let values = array.as_primitive_opt::<T>()?.values();
        let of_all = *one.get_or_insert_with(|| value(values[0]));
        if nulls > 0 || !values.iter().all(|&cell| value(cell) == of_all) {
            return None;
        }
    }
    Some(one.into_iter().collect())
}

/// Cells of a column that are not null.
fn cells(arrays: &[ArrayRef]) -> usize {
    let valid = |array: &ArrayRef| array.len() - array.null_count();
    arrays.iter().map(valid).sum()
}
