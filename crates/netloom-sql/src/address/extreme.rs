//! The first and the last of addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

/// The function of addresses in the place of `min` or `max`; `None` for other functions.
pub(super) fn instead_of(function: &str) -> Option<Arc<AggregateUDF>> {
    static MIN: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| Extreme::function(End::First));
    static MAX: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| Extreme::function(End::Last));
    match function {
        "min" => Some(Arc::clone(&MIN)),
        "max" => Some(Arc::clone(&MAX)),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    First,
    Last,
}

/// `min` and `max` of addresses.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    end: End,
    signature: Signature,
}

impl Extreme {
    fn function(end: End) -> Arc<AggregateUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(Self { end, signature }.into())
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &'static str {
        match self.end {
            End::First => "min_ip",
            End::Last => "max_ip",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, _: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// Still an address.
    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let metadata = fields.first().map(|field| field.metadata().clone());
        let field = Field::new(self.name(), DataType::Utf8, true);
        Ok(field.with_metadata(metadata.unwrap_or_default()).into())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One {
            end: self.end,
            address: None,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Field::new(args.name, DataType::Utf8, true).into()])
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Many {
            end: self.end,
            addresses: BTreeMap::new(),
        }))
    }
}

/// The addresses of a column of text; what is none is left out, as null is.
fn addresses(values: &[ArrayRef]) -> Result<Vec<IpAddr>> {
    let Some(values) = values.first() else {
        return exec_err!("an argument is missing");
    };
    let texts = cast(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    Ok(texts
        .iter()
        .flatten()
        .filter_map(|text| text.parse().ok())
        .collect())
}

fn value(address: Option<&IpAddr>) -> ScalarValue {
    ScalarValue::Utf8(address.map(ToString::to_string))
}

/// Keeps one address.
#[derive(Debug)]
struct One {
    end: End,
    address: Option<IpAddr>,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let all = addresses(values)?.into_iter().chain(self.address);
        self.address = match self.end {
            End::First => all.min(),
            End::Last => all.max(),
        };
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(value(self.address.as_ref()))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Keeps all addresses of a window, with how often each is there.
#[derive(Debug)]
struct Many {
    end: End,
    addresses: BTreeMap<IpAddr, usize>,
}

impl Accumulator for Many {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for address in addresses(values)? {
            *self.addresses.entry(address).or_default() += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for address in addresses(values)? {
            if let Some(count) = self.addresses.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    self.addresses.remove(&address);
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let end = match self.end {
            End::First => self.addresses.first_key_value(),
            End::Last => self.addresses.last_key_value(),
        };
        Ok(value(end.map(|(address, _)| address)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.addresses.len() * size_of::<(IpAddr, usize)>()
    }
}
