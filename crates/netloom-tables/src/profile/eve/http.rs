//! `http` events.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::super::objects::texts;
use super::super::said;
use super::{head, number, proto, time};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{HttpRow, text};

/// Requests with their responses as EVE events.
#[derive(Debug)]
pub enum EveHttp {}

impl Table for EveHttp {
    type Row<'a> = HttpRow<'a>;

    const NAME: &'static str = "http";
    const DOC: &'static str = "An EVE event about a row of http.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EveHttp>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EveHttp>, doc: &'static str) -> Column<EveHttp> {
    column::column(name, make)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EveHttp>> {
    let mut columns: Vec<Column<EveHttp>> = head!("http");
    columns.push(
        app(
            "tx_id",
            Make::U64(|row| Some(u64::from(row.record.trans_depth.saturating_sub(1)))),
            "Number of the exchange within its connection, from 0.",
        )
        .required(),
    );
    columns.extend(texts!("http.hostname" host "Host that was asked for."));
    columns.push(app(
        "http.http_port",
        Make::U16(|row| row.record.host_port()),
        "Port behind it, where one was sent.",
    ));
    columns.extend(texts!(
        "http.url" uri "Request target."
        "http.http_user_agent" user_agent "Program of the client."
        "http.http_content_type" resp_mime_type "Media type of the response's body."
        "http.http_refer" referrer "Page that led here."
        "http.http_method" method "Method."
    ));
    columns.extend([
        app(
            "http.protocol",
            Make::Text(|row, out| {
                let version = row.record.request_version.as_deref()?;
                write!(out, "HTTP/{version}").ok()
            }),
            "Version of the request.",
        ),
        app(
            "http.status",
            Make::U16(|row| row.record.status_code),
            "Status.",
        ),
        app(
            "http.length",
            Make::U64(|row| Some(row.record.response_encoded_len)),
            "Length of the response's body, packed as it was sent.",
        )
        .requires(Requires::CONTENT)
        .required()
        .unit("bytes"),
    ]);
    columns
}
