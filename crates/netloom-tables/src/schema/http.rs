//! The `http` table.

use netloom_flow::app::{AppRecord, AppRow, HttpRecord};

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `http` table: a row is a request with its response.
#[derive(Debug)]
pub enum Http {}

/// What a row of `http` is made from.
#[derive(Debug, Clone, Copy)]
pub struct HttpRow<'a> {
    /// The flow, and the packet that completed the exchange.
    pub app: &'a AppRecord,
    /// The exchange.
    pub record: &'a HttpRecord,
}

impl<'a> HttpRow<'a> {
    /// The row of a record, where it is one of this table.
    pub fn new(app: &'a AppRecord) -> Option<Self> {
        match &app.row {
            AppRow::Http(record) => Some(Self { app, record }),
            _ => None,
        }
    }
}

impl Table for Http {
    type Row<'a> = HttpRow<'a>;

    const NAME: &'static str = "http";
    const DOC: &'static str = "An HTTP request with its response, HTTP/2 in clear included, in \
        the order in which they were complete. SSDP is no HTTP here.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Http>) -> Column<Http> {
    column::column(name, make).requires(Requires::APPLICATIONS)
}

static COLUMNS: &[Column<Http>] = &[
    column("ts", Make::Time(|row| Some(row.record.ts)))
        .required()
        .doc("When the request was captured; the response where no request was.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .ecs("@timestamp"),
    column("number", Make::U64(|row| Some(row.app.number)))
        .required()
        .doc("Number of the packet that completed the row: `number` of `packets`.")
        .ecs("event.sequence"),
    column(
        "flow_id",
        Make::Text(|row, out| text::some(row.app.flow_id().as_str(), out)),
    )
    .required()
    .identity(Identity::FlowId)
    .doc("The flow.")
    .zeek("uid"),
    column(
        "src_ip",
        Make::Ip(|row| Some(row.app.origin.src.0)),
    )
    .required()
    .address("ip")
    .doc("Originator of the flow.")
    .zeek("id.orig_h")
    .ecs("source.ip"),
    column("src_port", Make::U16(|row| Some(row.app.origin.src.1)))
        .required()
        .doc("Its port.")
        .zeek("id.orig_p")
        .ecs("source.port"),
    column(
        "dst_ip",
        Make::Ip(|row| Some(row.app.origin.dst.0)),
    )
    .required()
    .address("ip")
    .doc("Responder of the flow.")
    .zeek("id.resp_h")
    .ecs("destination.ip"),
    column("dst_port", Make::U16(|row| Some(row.app.origin.dst.1)))
        .required()
        .doc("Its port.")
        .zeek("id.resp_p")
        .ecs("destination.port"),
    column("trans_depth", Make::U32(|row| Some(row.record.trans_depth)))
        .required()
        .doc("Number of the exchange within its connection, from 1.")
        .zeek("trans_depth"),
    column(
        "method",
        Make::Text(|row, out| text::some(row.record.method.as_deref(), out)),
    )
    .of_nobody()
    .doc("Method; null where no request was seen.")
    .zeek("method")
    .ecs("http.request.method"),
    column(
        "host",
        Make::Text(|row, out| text::some(row.record.host.as_deref(), out)),
    )
    .identity(Identity::Name)
    .doc("Host that was asked for (Host, :authority, else the target's), without port.")
    .zeek("host")
    .ecs("url.domain"),
    column("host_port", Make::U16(|row| row.record.host_port()))
        .of_nobody()
        .doc("Port behind the host, where one was sent.")
        .ecs("url.port"),
    column(
        "uri",
        Make::Text(|row, out| text::some(row.record.uri.as_deref(), out)),
    )
    .identity(Identity::Uri)
    .doc("Request target as it was sent, percent codes included, but for passwords: *** stands in their place, here as in referrer, origin and location; at most 4096 bytes.")
    .zeek("uri")
    .ecs("url.original"),
    column(
        "referrer",
        Make::Text(|row, out| text::some(row.record.referrer.as_deref(), out)),
    )
    .identity(Identity::Uri)
    .doc("Page that led here, as the client says.")
    .zeek("referrer")
    .ecs("http.request.referrer"),
    column(
        "version",
        Make::Text(|row, out| text::some(row.record.version.as_deref(), out)),
    )
    .of_nobody()
    .doc("Version of the response, else of the request.")
    .zeek("version")
    .ecs("http.version"),
    column(
        "request_version",
        Make::Text(|row, out| text::some(row.record.request_version.as_deref(), out)),
    )
    .when_asked()
    .of_nobody()
    .doc("Version of the request, which the response may answer in another."),
    column(
        "user_agent",
        Make::Text(|row, out| text::some(row.record.user_agent.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Program of the client, in its own words.")
    .zeek("user_agent")
    .ecs("user_agent.original"),
    column(
        "origin",
        Make::Text(|row, out| text::some(row.record.origin.as_deref(), out)),
    )
    .identity(Identity::Uri)
    .doc("Site in whose name the request was made (Origin).")
    .zeek("origin"),
    column(
        "request_body_len",
        Make::U64(|row| Some(row.record.request_body_len)),
    )
    .requires(Requires::CONTENT)
    .required()
    .doc("Length of the request's body as it was seen, transfer coding and content coding (gzip, deflate) taken off.")
    .unit("bytes")
    .zeek("request_body_len")
    .ecs("http.request.body.bytes"),
    column(
        "response_body_len",
        Make::U64(|row| Some(row.record.response_body_len)),
    )
    .requires(Requires::CONTENT)
    .required()
    .doc("Length of the response's body as it was seen, transfer coding and content coding (gzip, deflate) taken off; what cannot be unpacked counts as it was sent, and so does what is left when the bodies of a flow have unpacked to 256 KiB and a hundred times their length.")
    .unit("bytes")
    .zeek("response_body_len"),
    column(
        "response_encoded_len",
        Make::U64(|row| Some(row.record.response_encoded_len)),
    )
    .required()
    .doc("Length of the response's body as it was sent, only transfer coding taken off.")
    .unit("bytes")
    .ecs("http.response.body.bytes"),
    column("status_code", Make::U16(|row| row.record.status_code))
        .doc("Status; null where no response was seen or it is no number, 0 for version 0.9, which has none.")
        .zeek("status_code")
        .ecs("http.response.status_code"),
    column(
        "status_msg",
        Make::Text(|row, out| text::some(row.record.status_msg.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Its reason phrase, with the status before it where that is no number.")
    .zeek("status_msg"),
    column("info_code", Make::U16(|row| row.record.info_code))
        .doc("Last informational (1xx) status before it.")
        .zeek("info_code"),
    column(
        "info_msg",
        Make::Text(|row, out| text::some(row.record.info_msg.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Its reason phrase.")
    .zeek("info_msg"),
    column(
        "username",
        Make::Text(|row, out| text::some(row.record.username.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("User of basic authentication. The password is never kept.")
    .zeek("username")
    .ecs("user.name"),
    column(
        "proxied",
        Make::TextList(|row, item| {
            for field in &row.record.proxied {
                item(format_args!("{field}"));
            }
            (!row.record.proxied.is_empty()).then_some(())
        }),
    )
    .identity(Identity::Text)
    .doc("Header fields of the request that proxies add, as `NAME -> value`.")
    .zeek("proxied"),
    column(
        "orig_filename",
        Make::Text(|row, out| text::some(row.record.orig_filename.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Name of the file that a form sends: of the first part of the request's body (Content-Disposition).")
    .zeek("orig_filenames"),
    column(
        "filename",
        Make::Text(|row, out| text::some(row.record.filename.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Name that the response gives its body (Content-Disposition).")
    .zeek("resp_filenames")
    .ecs("file.name"),
    column(
        "orig_mime_type",
        Make::Text(|row, out| text::some(row.record.orig_mime_type.as_deref(), out)),
    )
    .of_nobody()
    .doc("Media type of the request's body: by its first bytes, else by its header.")
    .zeek("orig_mime_types")
    .ecs("http.request.mime_type"),
    column(
        "resp_mime_type",
        Make::Text(|row, out| text::some(row.record.resp_mime_type.as_deref(), out)),
    )
    .of_nobody()
    .doc("Media type of the response's body: by its first bytes (unpacked, where packed), else by its header.")
    .zeek("resp_mime_types")
    .ecs("http.response.mime_type"),
    column(
        "resp_content_type",
        Make::Text(|row, out| text::some(row.record.resp_content_type.as_deref(), out)),
    )
    .of_nobody()
    .doc("Media type that the response's header names (Content-Type, without parameters), whatever the body looks like.")
    .when_asked(),
    column(
        "location",
        Make::Text(|row, out| text::some(row.record.location.as_deref(), out)),
    )
    .identity(Identity::Uri)
    .doc("Where the response leads to (Location).")
    .when_asked(),
    column(
        "server",
        Make::Text(|row, out| text::some(row.record.server.as_deref(), out)),
    )
    .identity(Identity::Text)
    .doc("Program of the server, in its own words."),
    column("complete", Make::Bool(|row| Some(row.record.complete)))
        .required()
        .doc("Whether the response was seen to its end."),
];
