//! What a port stands for.

use std::sync::Arc;

use datafusion::arrow::array::StringBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use netloom_pipeline::decode::service::service_by_port;

use super::scalar::{Argument, Help, Numbers, Texts, coerce, is_text, result};

pub(crate) const HELP: Help = Help {
    name: "service_name",
    call: "service_name(port, protocol)",
    doc: "The service that a port stands for; protocol is the IANA number (6, 17, 132) or tcp, udp, sctp. A port is a hint: what a flow really speaks stands in its column service.",
};

/// `service_name(port, protocol)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServiceName {
    signature: Signature,
}

impl Default for ServiceName {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ServiceName {
    fn name(&self) -> &str {
        HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let protocol = match types.get(1) {
            Some(given) if is_text(given) && !given.is_null() => Argument::Text,
            _ => Argument::Number,
        };
        coerce(&HELP, types, &[Argument::Number, protocol])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let port = Numbers::of(args.args.first())?;
        let protocol = Protocols::of(args.args.get(1))?;
        let constant = port.is_constant() && protocol.is_constant();
        let rows = if constant { 1 } else { args.number_rows };
        let mut builder = StringBuilder::new();
        for row in 0..rows {
            let port = port.get(row).and_then(|port| u16::try_from(port).ok());
            let service = port
                .zip(protocol.get(row))
                .and_then(|(port, protocol)| service_by_port(protocol, port, port));
            builder.append_option(service);
        }
        result(Arc::new(builder.finish()), constant)
    }
}

/// Numbers, or names of transports.
enum Protocols {
    Numbers(Numbers),
    Texts(Texts),
}

impl Protocols {
    fn of(argument: Option<&ColumnarValue>) -> Result<Self> {
        let is_name = argument.is_some_and(|value| is_text(&value.data_type()));
        if !is_name {
            return Numbers::of(argument).map(Self::Numbers);
        }
        let texts = Texts::of(argument)?;
        if let Some(Some(constant)) = texts.constant()
            && transport(constant).is_none()
        {
            return plan_err!(
                "service_name: '{constant}' is no protocol with ports; write tcp, udp, sctp or a number"
            );
        }
        Ok(Self::Texts(texts))
    }

    fn is_constant(&self) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.is_constant(),
            Self::Texts(texts) => texts.is_constant(),
        }
    }

    fn get(&self, row: usize) -> Option<u8> {
        match self {
            Self::Numbers(numbers) => numbers.get(row).and_then(|number| number.try_into().ok()),
            Self::Texts(texts) => texts.get(row).and_then(transport),
        }
    }
}

/// The IANA number of a transport by its name.
fn transport(name: &str) -> Option<u8> {
    [("tcp", 6), ("udp", 17), ("sctp", 132), ("udplite", 136)]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, number)| number)
}
