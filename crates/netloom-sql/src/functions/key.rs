//! What addresses are sorted and compared by.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::BinaryBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::scalar::{Argument, Help, Texts, coerce, result};

pub(crate) const HELP: Help = Help {
    name: "ip_key",
    call: "ip_key(ip)",
    doc: "Bytes that sort as addresses do: by number, IPv4 before IPv6. Columns of addresses are sorted and compared by it without being told; for texts that netloom does not know to be addresses.",
};

/// The function, for plans that are rewritten.
pub(crate) fn ip_key() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(IpKey::default().into()));
    Arc::clone(&FUNCTION)
}

/// The key of an address: its version, then its bytes.
pub(crate) fn key(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => [&[4], &address.octets()[..]].concat(),
        IpAddr::V6(address) => [&[6], &address.octets()[..]].concat(),
    }
}

/// The address of a key.
pub(crate) fn address(key: &[u8]) -> Option<IpAddr> {
    match key.split_first()? {
        (4, bytes) => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        (6, bytes) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// `ip_key(ip)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct IpKey {
    signature: Signature,
}

impl Default for IpKey {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for IpKey {
    fn name(&self) -> &str {
        HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(&HELP, types, &[Argument::Text])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = Texts::of(args.args.first())?;
        if let Some(Some(constant)) = text.constant()
            && constant.parse::<IpAddr>().is_err()
        {
            return plan_err!("ip_key: '{constant}' is not an address");
        }
        let rows = text.rows(args.number_rows);
        let mut builder = BinaryBuilder::with_capacity(rows, 5 * rows);
        for row in 0..rows {
            builder.append_option(text.get(row).and_then(|text| text.parse().ok()).map(key));
        }
        result(Arc::new(builder.finish()), text.is_constant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn order_and_way_back(a: IpAddr, b: IpAddr) {
            assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            assert_eq!(address(&key(a)), Some(a));
        }
    }

    #[test]
    fn what_is_no_key() {
        for wrong in [&[][..], &[4, 1], &[5, 1, 2, 3, 4], &[6, 1, 2, 3, 4]] {
            assert_eq!(address(wrong), None);
        }
    }
}
