//! `http.log`.

use std::sync::LazyLock;

use netloom_decode::app::text::display;

use super::super::said;
use super::app_ends;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{HttpRow, text};

/// Requests with their responses, with the columns of Zeek's `http.log`.
#[derive(Debug)]
pub enum ZeekHttp {}

impl Table for ZeekHttp {
    type Row<'a> = HttpRow<'a>;

    const NAME: &'static str = "http";
    const DOC: &'static str = "A request with its response as Zeek's http.log has it.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<ZeekHttp>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this log; see [`column::column`].
const fn column(name: &'static str, make: Make<ZeekHttp>) -> Column<ZeekHttp> {
    column::column(name, make)
        .zeek(name)
        .requires(Requires::APPLICATIONS)
}

/// A column that is always unset.
const fn unset(name: &'static str, doc: &'static str) -> Column<ZeekHttp> {
    column(name, Make::TextList(|_, _| None)).doc(doc)
}

macro_rules! texts {
    ($($name:literal $field:ident $doc:literal)+) => {
        [$(column($name, Make::Text(|row, out| text::some(row.record.$field.as_deref(), out))).doc($doc)),+]
    };
}

fn columns() -> Vec<Column<ZeekHttp>> {
    let mut columns: Vec<Column<ZeekHttp>> = app_ends!();
    columns.push(
        column(
            "trans_depth",
            Make::U64(|row| Some(row.record.trans_depth.into())),
        )
        .required()
        .doc("Number of the exchange within its connection, from 1."),
    );
    columns.extend(texts!(
        "method" method "Method."
    ));
    columns.push(
        column(
            "host",
            Make::Text(|row, out| {
                let record = &row.record;
                text::some(record.host_sent.as_deref().or(record.host.as_deref()), out)
            }),
        )
        .doc("Host that was asked for, with the port where one was sent."),
    );
    columns.push(
        column(
            "uri",
            Make::Text(|row, out| {
                unescaped(row.record.uri.as_deref()?, out);
                Some(())
            }),
        )
        .doc("Request target, percent codes taken off."),
    );
    columns.extend(texts!(
        "referrer" referrer "Page that led here."
        "version" version "Version of the response, else of the request."
        "user_agent" user_agent "Program of the client."
        "origin" origin "Site in whose name the request was made."
    ));
    columns.extend([
        column(
            "request_body_len",
            Make::U64(|row| Some(row.record.request_body_len)),
        )
        .requires(Requires::CONTENT)
        .required()
        .doc("Length of the request's body.")
        .unit("bytes"),
        column(
            "response_body_len",
            Make::U64(|row| Some(row.record.response_body_len)),
        )
        .requires(Requires::CONTENT)
        .required()
        .doc("Length of the response's body.")
        .unit("bytes"),
        column("status_code", Make::U16(|row| row.record.status_code)).doc("Status."),
    ]);
    columns.extend(texts!("status_msg" status_msg "Its reason phrase."));
    columns.push(
        column("info_code", Make::U16(|row| row.record.info_code))
            .doc("Last informational status."),
    );
    columns.extend(texts!("info_msg" info_msg "Its reason phrase."));
    columns.push(
        column("tags", Make::TextList(|_, _| Some(())))
            .required()
            .doc("Always empty: what Zeek's scripts for attacks mark."),
    );
    columns.extend(texts!("username" username "User of basic authentication."));
    columns.extend([
        column("password", Make::Text(|_, _| None)).doc("Always unset: passwords are never kept."),
        column(
            "proxied",
            Make::TextList(|row, item| {
                for field in &row.record.proxied {
                    item(format_args!("{field}"));
                }
                (!row.record.proxied.is_empty()).then_some(())
            }),
        )
        .doc("Header fields that proxies add."),
        unset("orig_fuids", "Always unset: there is no files.log."),
        column(
            "orig_filenames",
            Make::TextList(|row, item| {
                item(format_args!("{}", row.record.orig_filename.as_deref()?));
                Some(())
            }),
        )
        .doc("Name of the file that a form sends: of the first one."),
        column(
            "orig_mime_types",
            Make::TextList(|row, item| {
                let [sniffed, _] = row.record.sniffed;
                let kind = sniffed.or(row.record.orig_mime_type.as_deref());
                item(format_args!("{}", kind?));
                Some(())
            }),
        )
        .doc("Media type of the request's body."),
        unset("resp_fuids", "Always unset: there is no files.log."),
        column(
            "resp_filenames",
            Make::TextList(|row, item| {
                item(format_args!("{}", row.record.filename.as_deref()?));
                Some(())
            }),
        )
        .doc("Name that the response gives its body."),
        column(
            "resp_mime_types",
            Make::TextList(|row, item| {
                let [_, sniffed] = row.record.sniffed;
                let kind = sniffed.or(row.record.resp_mime_type.as_deref());
                item(format_args!("{}", kind?));
                Some(())
            }),
        )
        .doc("Media type of the response's body."),
    ]);
    columns
}

/// Percent codes taken off.
fn unescaped(text: &str, out: &mut String) {
    if !text.contains('%') {
        out.push_str(text);
        return;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%')
            .then(|| std::str::from_utf8(after.get(..2)?).ok())
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = code {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    out.push_str(&display(&bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_codes_are_taken_off() {
        for (sent, expected) in [
            ("/a%20b%2fc", "/a b/c"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%+1", "/%+1"),
            ("/%c3%a4", "/ä"),
        ] {
            let mut text = String::new();
            unescaped(sent, &mut text);
            assert_eq!(text, expected);
        }
    }
}
