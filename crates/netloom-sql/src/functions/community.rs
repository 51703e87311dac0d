//! The Community ID.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::StringBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use netloom_pipeline::flow::community_id;

use super::scalar::{Argument, Help, Numbers, Texts, coerce, result};

pub(crate) const HELP: Help = Help {
    name: "community_id",
    call: "community_id(src_ip, dst_ip, src_port, dst_port, protocol)",
    doc: "The Community ID (version 1, seed 0) of a flow, the same for both directions. Of ICMP the ports are type and code; of protocols without ports they may be null.",
};

/// `community_id(src_ip, dst_ip, src_port, dst_port, protocol)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CommunityId {
    signature: Signature,
}

impl Default for CommunityId {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for CommunityId {
    fn name(&self) -> &str {
        HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        use Argument::{Number, Text};
        coerce(&HELP, types, &[Text, Text, Number, Number, Number])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = |place: usize| Texts::of(args.args.get(place));
        let number = |place: usize| Numbers::of(args.args.get(place));
        let (src, dst) = (text(0)?, text(1)?);
        for address in [&src, &dst] {
            if let Some(Some(constant)) = address.constant()
                && constant.parse::<IpAddr>().is_err()
            {
                return plan_err!("community_id: '{constant}' is not an address");
            }
        }
        let (src_port, dst_port, protocol) = (number(2)?, number(3)?, number(4)?);
        let constant = src.is_constant()
            && dst.is_constant()
            && src_port.is_constant()
            && dst_port.is_constant()
            && protocol.is_constant();
        let rows = if constant { 1 } else { args.number_rows };
        let mut builder = StringBuilder::new();
        for row in 0..rows {
            let id = || {
                let protocol = u8::try_from(protocol.get(row)?).ok()?;
                let has_ports = matches!(protocol, 1 | 6 | 17 | 58 | 132);
                let port = |ports: &Numbers| match ports.get(row) {
                    Some(port) => u16::try_from(port).ok(),
                    None if has_ports => None,
                    None => Some(0),
                };
                Some(community_id(
                    src.get(row)?.parse().ok()?,
                    dst.get(row)?.parse().ok()?,
                    port(&src_port)?,
                    port(&dst_port)?,
                    protocol,
                ))
            };
            builder.append_option(id());
        }
        result(Arc::new(builder.finish()), constant)
    }
}
