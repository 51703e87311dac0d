//! Zeek's logs: `conn`, `dns`, `http` and `ssl`, with its columns in its order, as TSV with its
//! headers and as its JSON. They are what Zeek writes where flows are made under Zeek's rules.

mod conn;
mod dns;
mod http;
mod ssl;
mod write;

pub use conn::ZeekConn;
pub use dns::ZeekDns;
pub use http::ZeekHttp;
pub use ssl::ZeekSsl;
pub(crate) use write::epoch;
pub use write::{format_zeek_log, zeek_log_header};

/// The first columns of the logs whose rows come out of payloads.
macro_rules! app_ends {
    () => {
        vec![
            column("ts", Make::Time(|row| Some(row.record.ts)))
                .required()
                .doc("When it began.")
                .unit("s since 1970"),
            column(
                "uid",
                Make::Text(|row, out| text::some(row.app.flow_id().as_str(), out)),
            )
            .required()
            .doc("The flow: netloom's `flow_id`."),
            column("id.orig_h", Make::Ip(|row| Some(row.app.origin.src.0)))
                .required()
                .address("ip")
                .doc("Originator."),
            column("id.orig_p", Make::U16(|row| Some(row.app.origin.src.1)))
                .required()
                .doc("Its port."),
            column("id.resp_h", Make::Ip(|row| Some(row.app.origin.dst.0)))
                .required()
                .address("ip")
                .doc("Responder."),
            column("id.resp_p", Make::U16(|row| Some(row.app.origin.dst.1)))
                .required()
                .doc("Its port."),
        ]
    };
}
use app_ends;
