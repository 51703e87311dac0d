//! Cells of a record batch as text.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, LargeStringArray, ListArray, PrimitiveArray, StringArray, StringViewArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};
use netloom_packet::Timestamp;

/// The cells of a column, its type known once and for all rows.
pub(crate) enum Cells<'a> {
    /// Nothing but nulls, or a type that has no text form here.
    Null,
    Bool(&'a BooleanArray),
    U8(&'a UInt8Array),
    U16(&'a UInt16Array),
    U32(&'a UInt32Array),
    U64(&'a UInt64Array),
    I8(&'a Int8Array),
    I16(&'a Int16Array),
    I32(&'a Int32Array),
    I64(&'a Int64Array),
    F32(&'a Float32Array),
    F64(&'a Float64Array),
    /// Values, and nanoseconds in one of them.
    Time(&'a [i64], i64),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    /// The lists and their items.
    List(&'a ListArray, Box<Column<'a>>),
}

/// A column of a batch, ready to be written cell by cell.
pub(crate) struct Column<'a> {
    pub(crate) cells: Cells<'a>,
    /// The array, where some of its cells are null.
    nulls: Option<&'a dyn Array>,
}

impl<'a> Column<'a> {
    pub(crate) fn new(array: &'a ArrayRef) -> Self {
        let times = |unit: i64| {
            let values: &[i64] = match array.data_type() {
                DataType::Timestamp(TimeUnit::Second, _) => {
                    values(array.as_primitive::<TimestampSecondType>())
                }
                DataType::Timestamp(TimeUnit::Millisecond, _) => {
                    values(array.as_primitive::<TimestampMillisecondType>())
                }
                DataType::Timestamp(TimeUnit::Microsecond, _) => {
                    values(array.as_primitive::<TimestampMicrosecondType>())
                }
                _ => values(array.as_primitive::<TimestampNanosecondType>()),
            };
            Cells::Time(values, unit)
        };
        let cells = match array.data_type() {
            DataType::Boolean => Cells::Bool(array.as_boolean()),
            DataType::UInt8 => Cells::U8(array.as_primitive::<UInt8Type>()),
            DataType::UInt16 => Cells::U16(array.as_primitive::<UInt16Type>()),
            DataType::UInt32 => Cells::U32(array.as_primitive::<UInt32Type>()),
            DataType::UInt64 => Cells::U64(array.as_primitive::<UInt64Type>()),
            DataType::Int8 => Cells::I8(array.as_primitive::<Int8Type>()),
            DataType::Int16 => Cells::I16(array.as_primitive::<Int16Type>()),
            DataType::Int32 => Cells::I32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Cells::I64(array.as_primitive::<Int64Type>()),
            DataType::Float32 => Cells::F32(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Cells::F64(array.as_primitive::<Float64Type>()),
            DataType::Timestamp(TimeUnit::Second, _) => times(1_000_000_000),
            DataType::Timestamp(TimeUnit::Millisecond, _) => times(1_000_000),
            DataType::Timestamp(TimeUnit::Microsecond, _) => times(1_000),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => times(1),
            DataType::Utf8 => Cells::Text(array.as_string()),
            DataType::LargeUtf8 => Cells::LargeText(array.as_string()),
            DataType::Utf8View => Cells::TextView(array.as_string_view()),
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                Cells::List(lists, Box::new(Self::new(lists.values())))
            }
            _ => Cells::Null,
        };
        Self {
            cells,
            nulls: (array.null_count() > 0).then(|| array.as_ref()),
        }
    }

    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.cells, Cells::Null) || self.nulls.is_some_and(|array| array.is_null(row))
    }

    /// The text of a cell that is not null, if it is text.
    #[inline]
    pub(crate) fn text(&self, row: usize) -> Option<&'a str> {
        match self.cells {
            Cells::Text(array) => Some(array.value(row)),
            Cells::LargeText(array) => Some(array.value(row)),
            Cells::TextView(array) => Some(array.value(row)),
            _ => None,
        }
    }
}

/// Whether [`Column`] knows the type.
pub(crate) fn has_text_form(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null
        | DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Timestamp(..)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => true,
        DataType::List(item) => has_text_form(item.data_type()),
        other => other.is_integer(),
    }
}

fn values<T: arrow_array::ArrowPrimitiveType<Native = i64>>(array: &PrimitiveArray<T>) -> &[i64] {
    array.values()
}

/// Appends a whole number.
#[inline]
pub(crate) fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the shortest text that reads back as the same float; `false`, and nothing, for
/// what is no number (NaN, infinities).
#[inline]
pub(crate) fn float(value: f64, out: &mut Vec<u8>) -> bool {
    if !value.is_finite() {
        return false;
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    true
}

/// As [`float`], for single precision.
#[inline]
pub(crate) fn float32(value: f32, out: &mut Vec<u8>) -> bool {
    if !value.is_finite() {
        return false;
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    true
}

/// Appends times as RFC 3339 in UTC with nanoseconds. Rows come nearly in the order of time,
/// so the text of the second is kept from one to the next.
///
/// Years that four digits do not hold have a sign and as many digits as they need (ISO 8601).
pub(crate) struct Times {
    /// The second whose text is kept.
    second: i64,
    /// `2023-11-14T22:13:20.` of that second.
    text: [u8; 20],
    /// What stands before it: the sign of a year, and its digits but for the last four.
    before: String,
}

/// Seconds after which the calendar repeats itself: 400 years.
const ROUND: i64 = 146_097 * 86_400;
/// 1800-01-01. The 400 years from then on are among those that nanoseconds reach.
const FIRST: i64 = -62_091 * 86_400;

impl Times {
    pub(crate) fn new() -> Self {
        let mut times = Self {
            second: 0,
            text: [0; 20],
            before: String::new(),
        };
        times.keep(0);
        times
    }

    fn keep(&mut self, second: i64) {
        let since = i128::from(second) - i128::from(FIRST);
        let (rounds, within) = (
            since.div_euclid(ROUND.into()),
            since.rem_euclid(ROUND.into()) as i64,
        );
        let (year, month, day, hour, minute, sec, _) =
            Timestamp::from_secs_nanos(FIRST + within, 0).to_civil();
        self.second = second;
        let year = i128::from(year) + 400 * rounds;
        self.before.clear();
        if !(0..=9999).contains(&year) {
            self.before.push(if year < 0 { '-' } else { '+' });
            let digits = year.unsigned_abs() / 10_000;
            if digits > 0 {
                self.before.push_str(&digits.to_string());
            }
        }
        let year = (year.unsigned_abs() % 10_000) as u32;
        self.text = *b"0000-00-00T00:00:00.";
        let mut put = |at: usize, value: u32| {
            self.text[at] = b'0' + (value / 10 % 10) as u8;
            self.text[at + 1] = b'0' + (value % 10) as u8;
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, month.into());
        put(8, day.into());
        put(11, hour.into());
        put(14, minute.into());
        put(17, sec.into());
    }

    /// A time since 1970; `unit` is how many nanoseconds one is.
    #[inline]
    pub(crate) fn append(&mut self, value: i64, unit: i64, out: &mut Vec<u8>) {
        let (second, rest) = if unit == 1 {
            // Nearly always, and dividing by what is known is quick.
            (
                value.div_euclid(1_000_000_000),
                value.rem_euclid(1_000_000_000),
            )
        } else {
            let each = 1_000_000_000 / unit.clamp(1, 1_000_000_000);
            (value.div_euclid(each), value.rem_euclid(each) * unit)
        };
        if second != self.second {
            self.keep(second);
        }
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        text[..20].copy_from_slice(&self.text);
        // Three groups of three digits that do not wait for each other.
        let rest = rest as u32;
        for (place, group) in
            text[20..29]
                .chunks_mut(3)
                .zip([rest / 1_000_000, rest / 1_000 % 1_000, rest % 1_000])
        {
            place[0] = b'0' + (group / 100) as u8;
            place[1] = b'0' + (group / 10 % 10) as u8;
            place[2] = b'0' + (group % 10) as u8;
        }
        out.extend_from_slice(self.before.as_bytes());
        out.extend_from_slice(&text);
    }
}
