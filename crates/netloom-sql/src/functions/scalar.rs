//! What functions over rows have in common.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, StringArray, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// What is told of a function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Help {
    pub(crate) name: &'static str,
    /// How it is called, with the names of its arguments.
    pub(crate) call: &'static str,
    pub(crate) doc: &'static str,
}

/// What a function makes of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Make {
    Truth(fn(&str) -> Option<bool>),
    Number(fn(&str) -> Option<f64>),
    Text(for<'a> fn(&'a str) -> Option<Cow<'a, str>>),
}

/// A function of one text.
#[derive(Debug)]
pub(crate) struct TextDef {
    pub(crate) help: Help,
    pub(crate) make: Make,
    /// What a constant must be, and whether it is; others are errors.
    pub(crate) check: Option<Check>,
}

/// What a text must be, in words, and whether it is.
pub(crate) type Check = (&'static str, fn(&str) -> bool);

/// A function of one text as DataFusion sees it.
#[derive(Debug)]
pub(crate) struct TextFunction {
    def: &'static TextDef,
    signature: Signature,
}

impl PartialEq for TextFunction {
    fn eq(&self, other: &Self) -> bool {
        self.def.help == other.def.help
    }
}

impl Eq for TextFunction {}

impl std::hash::Hash for TextFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.def.help.hash(state);
    }
}

impl TextFunction {
    pub(crate) fn new(def: &'static TextDef) -> Self {
        Self {
            def,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        self.def.help.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(&self.def.help, types, &[Argument::Text])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.def.make {
            Make::Truth(_) => DataType::Boolean,
            Make::Number(_) => DataType::Float64,
            Make::Text(_) => DataType::Utf8,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = Texts::of(args.args.first())?;
        if let Some((what, is_one)) = self.def.check
            && let Some(Some(constant)) = text.constant()
            && !is_one(constant)
        {
            return plan_err!("{}: '{constant}' is not {what}", self.name());
        }
        let rows = text.rows(args.number_rows);
        let values = (0..rows).map(|row| text.get(row));
        let array: ArrayRef = match self.def.make {
            Make::Truth(make) => {
                let mut builder = BooleanBuilder::with_capacity(rows);
                values.for_each(|value| builder.append_option(value.and_then(make)));
                Arc::new(builder.finish())
            }
            Make::Number(make) => {
                let mut builder = Float64Builder::with_capacity(rows);
                values.for_each(|value| builder.append_option(value.and_then(make)));
                Arc::new(builder.finish())
            }
            Make::Text(make) => {
                let mut builder = StringBuilder::new();
                values.for_each(|value| builder.append_option(value.and_then(make)));
                Arc::new(builder.finish())
            }
        };
        result(array, text.is_constant())
    }
}

/// What an argument has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    Text,
    Number,
}

/// The types that arguments are turned into.
pub(crate) fn coerce(
    help: &Help,
    types: &[DataType],
    arguments: &[Argument],
) -> Result<Vec<DataType>> {
    if types.len() != arguments.len() {
        return plan_err!(
            "{} takes {}, not {}: {}",
            help.name,
            count(arguments.len()),
            types.len(),
            help.call
        );
    }
    types
        .iter()
        .zip(arguments)
        .enumerate()
        .map(|(place, (data_type, argument))| match argument {
            Argument::Text if is_text(data_type) => Ok(DataType::Utf8),
            Argument::Number if is_number(data_type) => Ok(DataType::Int64),
            Argument::Text => wrong(help, place, data_type, "a text"),
            Argument::Number => wrong(help, place, data_type, "a number"),
        })
        .collect()
}

/// The error of an argument of another type.
pub(crate) fn wrong<T>(help: &Help, place: usize, given: &DataType, wanted: &str) -> Result<T> {
    plan_err!(
        "argument {} of {} is {given}, not {wanted}: {}",
        place + 1,
        help.name,
        help.call
    )
}

fn count(arguments: usize) -> String {
    match arguments {
        1 => "one argument".to_owned(),
        more => format!("{more} arguments"),
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_null()
}

/// An argument that is text: of each row its own, or one of all rows.
pub(crate) struct Texts {
    array: StringArray,
    constant: bool,
}

impl Texts {
    pub(crate) fn of(argument: Option<&ColumnarValue>) -> Result<Self> {
        let (array, constant) = match argument {
            Some(ColumnarValue::Array(array)) => (Arc::clone(array), false),
            Some(ColumnarValue::Scalar(scalar)) => (scalar.to_array()?, true),
            None => return exec_err!("an argument is missing"),
        };
        let array = if array.data_type() == &DataType::Utf8 {
            array
        } else {
            cast(&array, &DataType::Utf8)?
        };
        Ok(Self {
            array: array.as_string::<i32>().clone(),
            constant,
        })
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    /// The text of all rows, if there is one.
    #[expect(clippy::option_option, reason = "a constant can be null")]
    pub(crate) fn constant(&self) -> Option<Option<&str>> {
        self.constant.then(|| self.get(0))
    }

    /// Of a row; null is `None`.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let row = if self.constant { 0 } else { row };
        (row < self.array.len() && self.array.is_valid(row)).then(|| self.array.value(row))
    }

    /// How many values there are to make where only this argument counts.
    pub(crate) fn rows(&self, rows: usize) -> usize {
        if self.constant { 1 } else { rows }
    }
}

/// An argument that is a number.
pub(crate) struct Numbers {
    array: ArrayRef,
    constant: bool,
}

impl Numbers {
    pub(crate) fn of(argument: Option<&ColumnarValue>) -> Result<Self> {
        let (array, constant) = match argument {
            Some(ColumnarValue::Array(array)) => (Arc::clone(array), false),
            Some(ColumnarValue::Scalar(scalar)) => (scalar.to_array()?, true),
            None => return exec_err!("an argument is missing"),
        };
        Ok(Self {
            array: cast(&array, &DataType::Int64)?,
            constant,
        })
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        use datafusion::arrow::datatypes::Int64Type;
        let row = if self.constant { 0 } else { row };
        let array = self.array.as_primitive::<Int64Type>();
        (row < array.len() && array.is_valid(row)).then(|| array.value(row))
    }
}

/// What a function gives: one value where all arguments were constants.
pub(crate) fn result(array: ArrayRef, constant: bool) -> Result<ColumnarValue> {
    if constant {
        ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
    } else {
        Ok(ColumnarValue::Array(array))
    }
}
