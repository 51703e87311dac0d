//! The one way of writing an address, for texts that may be written in others.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::{Kind, METADATA};
use crate::functions::{Texts, address_of_key, is_text, result};

/// An address as tables have it; `None` for what is none.
pub(super) fn canonical_form(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Ip => text.parse::<IpAddr>().ok().map(|ip| ip.to_string()),
        Kind::Mac => canonical_mac(text),
    }
}

/// Pairs of hexadecimal digits with colons or dashes between them, as `aa:bb:cc:dd:ee:ff`.
fn canonical_mac(text: &str) -> Option<String> {
    let pairs: Vec<&str> = text.split([':', '-']).collect();
    let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    (pairs.len() > 1 && pairs.iter().all(is_pair)).then(|| pairs.join(":").to_ascii_lowercase())
}

/// The function that brings texts to that form, for plans that are rewritten. What is no address
/// stays as it is: it equals none.
pub(super) fn canonical(kind: Kind) -> Arc<ScalarUDF> {
    static IP: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Form::function(What::Canonical(Kind::Ip)));
    static MAC: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Form::function(What::Canonical(Kind::Mac)));
    Arc::clone(match kind {
        Kind::Ip => &IP,
        Kind::Mac => &MAC,
    })
}

/// The function that makes an address of its key.
pub(super) fn key_ip() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Form::function(What::OfKey));
    Arc::clone(&FUNCTION)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Canonical(Kind),
    OfKey,
}

/// What gives addresses.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Form {
    what: What,
    signature: Signature,
}

impl Form {
    fn function(what: What) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(Self { what, signature }.into())
    }
}

impl ScalarUDFImpl for Form {
    fn name(&self) -> &'static str {
        match self.what {
            What::Canonical(Kind::Ip) => "canonical_ip",
            What::Canonical(Kind::Mac) => "canonical_mac",
            What::OfKey => "key_ip",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.what, types) {
            (What::Canonical(_), [text]) if is_text(text) => Ok(vec![DataType::Utf8]),
            (What::OfKey, [DataType::Binary | DataType::Null]) => Ok(vec![DataType::Binary]),
            _ => plan_err!("{} does not take {types:?}", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// An address.
    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kind = match self.what {
            What::Canonical(Kind::Ip) | What::OfKey => "ip",
            What::Canonical(Kind::Mac) => "mac",
        };
        let field = Field::new(self.name(), DataType::Utf8, true);
        Ok(field
            .with_metadata([(METADATA.to_owned(), kind.to_owned())].into())
            .into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut builder = StringBuilder::new();
        let constant = match self.what {
            What::Canonical(kind) => {
                let text = Texts::of(args.args.first())?;
                for row in 0..text.rows(args.number_rows) {
                    match text.get(row) {
                        None => builder.append_null(),
                        Some(text) => match canonical_form(kind, text) {
                            Some(form) => builder.append_value(form),
                            None => builder.append_value(text),
                        },
                    }
                }
                text.is_constant()
            }
            What::OfKey => {
                let (keys, constant) = match args.args.first() {
                    Some(ColumnarValue::Array(keys)) => (Arc::clone(keys), false),
                    Some(ColumnarValue::Scalar(key)) => (key.to_array()?, true),
                    None => return exec_err!("an argument is missing"),
                };
                let keys = cast(&keys, &DataType::Binary)?;
                for key in keys.as_binary::<i32>() {
                    let address = key.and_then(address_of_key);
                    builder.append_option(address.map(|address| address.to_string()));
                }
                constant
            }
        };
        result(Arc::new(builder.finish()), constant)
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_mac;

    #[test]
    fn hardware_addresses() {
        let canonical = Some("00:1b:44:11:3a:b7".to_owned());
        for same in ["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7"] {
            assert_eq!(canonical_mac(same), canonical);
        }
        for none in ["", "00", "00:1", "00:1b:44:11:3a:zz", "10.0.0.1"] {
            assert_eq!(canonical_mac(none), None, "{none}");
        }
    }
}
