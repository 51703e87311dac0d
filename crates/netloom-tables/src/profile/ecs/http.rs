//! Documents about requests.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::super::objects::texts;
use super::super::said;
use super::{VERSION, constants, ends};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;
use crate::schema::{HttpRow, text};

/// Requests with their responses as documents.
#[derive(Debug)]
pub enum EcsHttp {}

impl Table for EcsHttp {
    type Row<'a> = HttpRow<'a>;

    const NAME: &'static str = "http";
    const DOC: &'static str = "A document about a row of http.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EcsHttp>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EcsHttp>, doc: &'static str) -> Column<EcsHttp> {
    column::column(name, make)
        .ecs(name)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EcsHttp>> {
    let mut columns: Vec<Column<EcsHttp>> = vec![
        app(
            "@timestamp",
            Make::Time(|row| Some(row.record.ts)),
            "When the request was captured.",
        )
        .required(),
    ];
    columns.extend(constants!("netloom.http", "connection" "protocol"));
    columns.extend(ends!());
    columns.push(
        app(
            "network.protocol",
            Make::Text(|_, out| text::some("http", out)),
            "Always http.",
        )
        .required(),
    );
    columns.extend(texts!(
        "http.version" version "Version of the response, else of the request."
        "http.request.method" method "Method."
        "http.request.referrer" referrer "Page that led here."
        "http.request.mime_type" orig_mime_type "Media type of the request's body."
        "http.response.mime_type" resp_mime_type "Media type of the response's body."
        "url.domain" host "Host that was asked for."
    ));
    columns.push(app(
        "url.port",
        Make::U16(|row| row.record.host_port()),
        "Port behind it, where one was sent.",
    ));
    columns.extend(texts!(
        "url.original" uri "Request target."
        "user_agent.original" user_agent "Program of the client."
        "user.name" username "User of basic authentication."
    ));
    columns.extend([
        app(
            "http.request.body.bytes",
            Make::U64(|row| Some(row.record.request_body_len)),
            "Length of the request's body.",
        )
        .requires(Requires::CONTENT)
        .required()
        .unit("bytes"),
        app(
            "http.response.status_code",
            Make::U16(|row| row.record.status_code),
            "Status.",
        ),
        app(
            "http.response.body.bytes",
            Make::U64(|row| Some(row.record.response_body_len)),
            "Length of the response's body.",
        )
        .requires(Requires::CONTENT)
        .required()
        .unit("bytes"),
        app(
            "url.path",
            Make::Text(|row, out| {
                let (path, _) = parts(row.record.uri.as_deref()?);
                text::some((!path.is_empty()).then_some(path), out)
            }),
            "Path of the request target.",
        ),
        app(
            "url.query",
            Make::Text(|row, out| text::some(parts(row.record.uri.as_deref()?).1?, out)),
            "What stands behind its question mark.",
        ),
    ]);
    columns
}

/// Path and query of a request target, which may be a whole URL.
fn parts(target: &str) -> (&str, Option<&str>) {
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    let (before, query) = match target.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (target, None),
    };
    let path = match before.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => before,
    };
    (path, query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_targets() {
        for (target, path, query) in [
            ("/a/b?c=d", "/a/b", Some("c=d")),
            ("/a", "/a", None),
            ("http://host/a?b?c", "/a", Some("b?c")),
            ("http://host", "", None),
            ("host:443", "host:443", None),
            ("/a#b?c", "/a", None),
            ("*", "*", None),
        ] {
            assert_eq!(parts(target), (path, query), "{target}");
        }
    }
}
