//! Intervals of time.

use datafusion::arrow::array::types::IntervalMonthDayNanoType;
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit,
};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::scalar::{Help, is_text, wrong};

pub(crate) const HELP: Help = Help {
    name: "time_bucket",
    call: "time_bucket(interval, ts[, origin])",
    doc: "The beginning of the interval that a time is in: time_bucket('5 minutes', ts); also '30s', '1h', '1d' or an INTERVAL. Intervals of weeks begin on Mondays, of months on the first; or all are counted from a time of your own, the origin.",
};

/// 2000-01-03, a Monday, and 2000-01-01, in ns since 1970: where intervals are counted from, as
/// TimescaleDB does.
const MONDAY: i64 = 946_857_600_000_000_000;
const FIRST: i64 = 946_684_800_000_000_000;

/// `time_bucket(interval, ts[, origin])`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct TimeBucket {
    signature: Signature,
}

impl Default for TimeBucket {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &str {
        HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([interval, time] | [interval, time, _]) = types else {
            return plan_err!(
                "{} takes 2 or 3 arguments, not {}: {}",
                HELP.name,
                types.len(),
                HELP.call
            );
        };
        let interval = match interval {
            DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Duration(_) => DataType::Duration(TimeUnit::Nanosecond),
            text if is_text(text) => DataType::Utf8,
            other => return wrong(&HELP, 0, other, "an interval"),
        };
        let mut coerced = vec![interval, moment(1, time)?];
        if let [_, _, origin] = types {
            coerced.push(moment(2, origin)?);
        }
        Ok(coerced)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [_, time, ..] = types else {
            return plan_err!("{}", HELP.call);
        };
        Ok(time.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        // A wrong interval is told before anything is read.
        if let [Some(interval), ..] = args.scalar_arguments {
            stride(interval)?;
        }
        let types: Vec<_> = args
            .arg_fields
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        let field =
            datafusion::arrow::datatypes::Field::new(self.name(), self.return_type(&types)?, true);
        Ok(field.into())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(interval), time, origin @ ..] = args.args.as_slice() else {
            return plan_err!("time_bucket: the interval must be the same for all rows");
        };
        let own = match origin {
            [] => None,
            [ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(Some(nanos), _))] => {
                Some(*nanos)
            }
            [ColumnarValue::Scalar(_)] => return plan_err!("time_bucket: the origin is no time"),
            _ => return plan_err!("time_bucket: the origin must be the same for all rows"),
        };
        let Some(stride) = stride(interval)? else {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(
                &time.data_type(),
            )?));
        };
        let origin = own.unwrap_or(if stride.months == 0 { MONDAY } else { FIRST });
        let time = time.clone();
        args.args = vec![
            ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(stride))),
            time,
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(
                Some(origin),
                Some("+00:00".into()),
            )),
        ];
        date_bin().inner().invoke_with_args(args)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        Ok(match inputs {
            [interval, time, ..] if interval.sort_properties == SortProperties::Singleton => {
                time.sort_properties
            }
            _ => SortProperties::Unordered,
        })
    }
}

/// The type of an argument that is a time.
fn moment(argument: usize, given: &DataType) -> Result<DataType> {
    Ok(match given {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Nanosecond, None),
        text if is_text(text) => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        other => return wrong(&HELP, argument, other, "a time"),
    })
}

/// What a constant stands for; `None` for null.
fn stride(interval: &ScalarValue) -> Result<Option<IntervalMonthDayNano>> {
    let stride = match interval {
        ScalarValue::Null => return Ok(None),
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            match text {
                Some(text) => parse(text)?,
                None => return Ok(None),
            }
        }
        ScalarValue::DurationNanosecond(Some(nanos)) => IntervalMonthDayNano::new(0, 0, *nanos),
        other => {
            let array = cast(&other.to_array()?, &IntervalMonthDayNanoType::DATA_TYPE)?;
            match ScalarValue::try_from_array(&array, 0)? {
                ScalarValue::IntervalMonthDayNano(Some(stride)) => stride,
                _ => return Ok(None),
            }
        }
    };
    let positive = stride.months >= 0 && stride.days >= 0 && stride.nanoseconds >= 0;
    if !positive || stride == IntervalMonthDayNano::default() {
        return plan_err!("time_bucket: the interval must be longer than nothing");
    }
    if stride.months > 0 && (stride.days > 0 || stride.nanoseconds > 0) {
        return plan_err!("time_bucket: months and shorter times cannot be mixed");
    }
    Ok(Some(stride))
}

/// `5 minutes`, `1 month`, or `30s`, `5m`, `1h`, `1d`, `500ms` as elsewhere in netloom.
fn parse(text: &str) -> Result<IntervalMonthDayNano> {
    let trimmed = text.trim();
    let digits = trimmed
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let nanos = match unit.trim_start() {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000_i64,
        "d" => 86_400_000_000_000,
        _ => 0,
    };
    if nanos > 0
        && let Ok(number) = number.parse::<i64>()
        && let Some(nanos) = number.checked_mul(nanos)
    {
        return Ok(IntervalMonthDayNano::new(0, 0, nanos));
    }
    // A number alone would be months to the parser.
    if unit.is_empty() {
        return plan_err!("time_bucket: '{text}' has no unit; write '{text} seconds' or '{text}m'");
    }
    parse_interval_month_day_nano(trimmed).or_else(|_| {
        plan_err!("time_bucket: '{text}' is no interval; write '30s', '5 minutes' or '1 day'")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        let nanos = |n| IntervalMonthDayNano::new(0, 0, n);
        for (text, stride) in [
            ("30s", nanos(30_000_000_000)),
            ("5m", nanos(300_000_000_000)),
            ("500 ms", nanos(500_000_000)),
            ("5 minutes", nanos(300_000_000_000)),
            ("1 day", IntervalMonthDayNano::new(0, 1, 0)),
            ("1 week", IntervalMonthDayNano::new(0, 7, 0)),
            ("2 months", IntervalMonthDayNano::new(2, 0, 0)),
        ] {
            assert_eq!(parse(text).unwrap(), stride, "{text}");
        }
        for wrong in ["", "5", "soon", "5 parsecs", "99999999999999999999s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let text = |text: &str| stride(&ScalarValue::from(text));
        assert!(text("0s").is_err());
        assert!(text("-5 minutes").is_err());
        assert!(text("1 month 1 day").is_err());
        assert_eq!(stride(&ScalarValue::Null).unwrap(), None);
    }
}
