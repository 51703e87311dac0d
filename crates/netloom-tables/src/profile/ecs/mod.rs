//! The Elastic Common Schema, 8.17: one document a row, as objects in one another. A name with
//! points is where a value stands.

mod dns;
mod flows;
mod http;
mod tls;

pub use dns::EcsDns;
pub use flows::EcsFlows;
pub use http::EcsHttp;
pub use tls::EcsTls;

/// The version of the schema.
const VERSION: &str = "8.17.0";

/// What every document of a kind says: its data set, and types of event.
macro_rules! constants {
    ($dataset:literal, $($type:literal)+) => {
        [
            app("ecs.version", Make::Text(|_, out| text::some(VERSION, out)), "Version of the schema.").required(),
            app("event.kind", Make::Text(|_, out| text::some("event", out)), "Always event.").required(),
            app("event.category", Make::TextList(|_, item| {
                item(format_args!("network"));
                Some(())
            }), "Always network.").required(),
            app("event.type", Make::TextList(|_, item| {
                $(item(format_args!($type));)+
                Some(())
            }), "What kind of event it is.").required(),
            app("event.module", Make::Text(|_, out| text::some("netloom", out)), "Always netloom.").required(),
            app("event.dataset", Make::Text(|_, out| text::some($dataset, out)), concat!("Always ", $dataset, ".")).required(),
        ]
    };
}

/// The ends of a flow out of whose payload a row comes.
macro_rules! ends {
    () => {
        [
            app(
                "event.id",
                Make::Text(|row, out| text::some(row.app.flow_id().as_str(), out)),
                "The flow: netloom's `flow_id`.",
            )
            .required(),
            app(
                "source.ip",
                Make::Ip(|row| Some(row.app.origin.src.0)),
                "Originator of the flow.",
            )
            .required()
            .address("ip"),
            app(
                "source.port",
                Make::U16(|row| Some(row.app.origin.src.1)),
                "Its port.",
            )
            .required(),
            app(
                "destination.ip",
                Make::Ip(|row| Some(row.app.origin.dst.0)),
                "Responder of the flow.",
            )
            .required()
            .address("ip"),
            app(
                "destination.port",
                Make::U16(|row| Some(row.app.origin.dst.1)),
                "Its port.",
            )
            .required(),
            app(
                "network.type",
                Make::Text(|row, out| {
                    text::some(
                        if row.app.origin.src.0.is_ipv6() {
                            "ipv6"
                        } else {
                            "ipv4"
                        },
                        out,
                    )
                }),
                "ipv4 or ipv6.",
            )
            .required(),
            app(
                "network.iana_number",
                Make::Text(|row, out| write!(out, "{}", row.app.origin.protocol).ok()),
                "Number of the protocol above IP.",
            )
            .required(),
            app(
                "network.transport",
                Make::Text(|row, out| text::some(protocol_name(row.app.origin.protocol), out)),
                "Its name.",
            ),
        ]
    };
}
use {constants, ends};
