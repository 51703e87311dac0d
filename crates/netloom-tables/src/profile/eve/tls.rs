//! `tls` events.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_decode::app::tls::Carrier;
use netloom_packet::Timestamp;

use super::super::objects::texts;
use super::super::said;
use super::{head, number, proto, time};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{TlsRow, text};

/// Handshakes as EVE events.
#[derive(Debug)]
pub enum EveTls {}

impl Table for EveTls {
    type Row<'a> = TlsRow<'a>;

    const NAME: &'static str = "tls";
    const DOC: &'static str = "An EVE event about a row of tls.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EveTls>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EveTls>, doc: &'static str) -> Column<EveTls> {
    column::column(name, make)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EveTls>> {
    let mut columns: Vec<Column<EveTls>> = head!("tls");
    columns.extend([
        app(
            "tls.subject",
            Make::Text(|row, out| filled(&row.record.certificate.as_deref()?.subject, out)),
            "Whose the server's certificate is.",
        ),
        app(
            "tls.issuerdn",
            Make::Text(|row, out| filled(&row.record.certificate.as_deref()?.issuer, out)),
            "Who signed it.",
        ),
        app(
            "tls.subjectaltname",
            Make::TextList(|row, item| {
                let names = &row.record.certificate.as_deref()?.san_dns;
                for name in names {
                    item(format_args!("{name}"));
                }
                (!names.is_empty()).then_some(())
            }),
            "Names of hosts in it.",
        ),
        app(
            "tls.serial",
            Make::Text(|row, out| {
                colons(
                    &row.record.certificate.as_deref()?.serial.to_uppercase(),
                    out,
                )
            }),
            "Its serial number.",
        ),
        app(
            "tls.fingerprint",
            Make::Text(|row, out| colons(&row.record.certificate.as_deref()?.sha1, out)),
            "Its SHA-1.",
        )
        .requires(Requires::HASHES),
        app(
            "tls.sni",
            Make::Text(|row, out| text::some(row.record.server_name.as_deref(), out)),
            "Name that the client asked for.",
        ),
        app(
            "tls.version",
            Make::Text(|row, out| version(row.record.version.as_deref()?, out)),
            "Version that the server chose.",
        ),
        app(
            "tls.notbefore",
            Make::Text(|row, out| second(row.record.certificate.as_deref()?.not_before?, out)),
            "The server's certificate is valid from.",
        ),
        app(
            "tls.notafter",
            Make::Text(|row, out| second(row.record.certificate.as_deref()?.not_after?, out)),
            "The server's certificate is valid to.",
        ),
        app(
            "tls.session_resumed",
            Make::Bool(|row| row.record.resumed.then_some(true)),
            "Whether an earlier session went on.",
        ),
        app(
            "tls.client_alpns",
            Make::TextList(|row, item| {
                for name in &row.record.client_alpns {
                    item(format_args!("{name}"));
                }
                (!row.record.client_alpns.is_empty()).then_some(())
            }),
            "Application protocols that the client offered.",
        ),
        app(
            "tls.server_alpns",
            Make::TextList(|row, item| {
                item(format_args!("{}", row.record.next_protocol.as_deref()?));
                Some(())
            }),
            "The one that the server chose.",
        ),
    ]);
    columns.extend(
        texts!(
            "tls.ja3.hash" ja3 "JA3 of the client."
            "tls.ja3.string" ja3_text "What it is the MD5 of."
            "tls.ja3s.hash" ja3s "JA3S of the server."
            "tls.ja3s.string" ja3s_text "What it is the MD5 of."
        )
        .map(|column| column.requires(Requires::HASHES)),
    );
    columns.extend(
        texts!("tls.ja4" ja4 "JA4 of the client.").map(|column| column.requires(Requires::JA4)),
    );
    columns.push(app(
        "tls.quic",
        Make::Bool(|row| (row.record.carrier == Carrier::Quic).then_some(true)),
        "Whether it was over QUIC, of which Suricata has events of their own.",
    ));
    columns
}

/// A text; null where it is empty.
fn filled(text: &str, out: &mut String) -> Option<()> {
    text::some((!text.is_empty()).then_some(text), out)
}

/// Hexadecimal digits in pairs with colons between.
fn colons(digits: &str, out: &mut String) -> Option<()> {
    (!digits.is_empty()).then_some(())?;
    if digits.len() % 2 == 1 {
        out.push('0');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(2) {
            out.push(':');
        }
        out.push(digit);
    }
    Some(())
}

/// `TLS 1.2` for `TLSv12`.
fn version(name: &str, out: &mut String) -> Option<()> {
    let (kind, number) = name.split_once('v')?;
    out.push_str(kind);
    out.push(' ');
    if let [major, minor] = number.as_bytes() {
        write!(out, "{}.{}", char::from(*major), char::from(*minor)).ok()
    } else {
        text::some(number, out)
    }
}

/// `2017-07-03T14:55:58`.
fn second(at: Timestamp, out: &mut String) -> Option<()> {
    let text = at.to_string();
    out.push_str(text.get(..19)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl Fn(&mut String) -> Option<()>) -> String {
        let mut out = String::new();
        make(&mut out).unwrap();
        out
    }

    #[test]
    fn values_look_as_they_do_there() {
        let at = Timestamp::from_nanos(1_499_093_758_000_001_999);
        assert_eq!(made(|out| second(at, out)), "2017-07-03T14:55:58");
        assert_eq!(made(|out| colons("abc", out)), "0a:bc");
        assert_eq!(made(|out| colons("00ab", out)), "00:ab");
        assert_eq!(made(|out| version("TLSv12", out)), "TLS 1.2");
        assert_eq!(made(|out| version("DTLSv13", out)), "DTLS 1.3");
        assert_eq!(made(|out| version("SSLv3", out)), "SSL 3");
    }
}
