//! `ssl.log`.

use std::sync::LazyLock;

use netloom_flow::app::CertificateRecord;

use super::super::said;
use super::app_ends;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{TlsRow, text};

/// Handshakes with the columns of Zeek's `ssl.log`.
#[derive(Debug)]
pub enum ZeekSsl {}

impl Table for ZeekSsl {
    type Row<'a> = TlsRow<'a>;

    const NAME: &'static str = "tls";
    const DOC: &'static str = "A handshake as Zeek's ssl.log has it.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<ZeekSsl>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this log; see [`column::column`].
const fn column(name: &'static str, make: Make<ZeekSsl>) -> Column<ZeekSsl> {
    column::column(name, make)
        .zeek(name)
        .requires(Requires::APPLICATIONS)
}

macro_rules! texts {
    ($($name:literal $field:ident $doc:literal)+) => {
        [$(column($name, Make::Text(|row, out| text::some(row.record.$field.as_deref(), out))).doc($doc)),+]
    };
}

/// Hashes of the certificates of one side; unset where neither had any.
fn chain(
    own: Option<&CertificateRecord>,
    other: Option<&CertificateRecord>,
    item: &mut dyn FnMut(std::fmt::Arguments<'_>),
) -> Option<()> {
    own.or(other)?;
    for print in own.map_or(&[][..], |own| &own.fingerprints) {
        item(format_args!("{print}"));
    }
    Some(())
}

/// A text; unset where it is empty.
fn filled(text: &str, out: &mut String) -> Option<()> {
    text::some((!text.is_empty()).then_some(text), out)
}

fn columns() -> Vec<Column<ZeekSsl>> {
    let mut columns: Vec<Column<ZeekSsl>> = app_ends!();
    columns.extend(texts!(
        "version" version "Version that the server chose."
        "cipher" cipher "Cipher suite that the server chose."
        "curve" curve "Group of the key exchange."
        "server_name" server_name "Name that the client asked for (SNI)."
    ));
    columns.push(
        column("resumed", Make::Bool(|row| Some(row.record.resumed)))
            .required()
            .doc("Whether an earlier session went on."),
    );
    columns.extend(texts!(
        "last_alert" last_alert "The last alert in clear."
        "next_protocol" next_protocol "Application protocol that the server chose (ALPN)."
    ));
    columns.extend([
        column(
            "established",
            Make::Bool(|row| Some(row.record.established)),
        )
        .required()
        .doc("Whether both sides went over to encryption."),
        column(
            "ssl_history",
            Make::Text(|row, out| filled(&row.record.ssl_history, out)),
        )
        .doc("A letter for each message."),
        column(
            "cert_chain_fps",
            Make::TextList(|row, item| {
                let (own, other) = (&row.record.certificate, &row.record.client_certificate);
                chain(own.as_deref(), other.as_deref(), item)
            }),
        )
        .requires(Requires::HASHES)
        .doc("SHA-256 of each certificate of the server; empty where only the client had one."),
        column(
            "client_cert_chain_fps",
            Make::TextList(|row, item| {
                let (own, other) = (&row.record.client_certificate, &row.record.certificate);
                chain(own.as_deref(), other.as_deref(), item)
            }),
        )
        .requires(Requires::HASHES)
        .doc("SHA-256 of each certificate of the client; empty where only the server had one."),
        column(
            "sni_matches_cert",
            Make::Bool(|row| row.record.sni_matches_cert),
        )
        .doc("Whether the server's certificate is for `server_name`."),
        column(
            "subject",
            Make::Text(|row, out| filled(&row.record.certificate.as_deref()?.subject, out)),
        )
        .when_asked()
        .doc("Whose the server's certificate is."),
        column(
            "issuer",
            Make::Text(|row, out| filled(&row.record.certificate.as_deref()?.issuer, out)),
        )
        .when_asked()
        .doc("Who signed it."),
        column(
            "client_subject",
            Make::Text(|row, out| filled(&row.record.client_certificate.as_deref()?.subject, out)),
        )
        .when_asked()
        .doc("Whose the client's certificate is."),
        column(
            "client_issuer",
            Make::Text(|row, out| filled(&row.record.client_certificate.as_deref()?.issuer, out)),
        )
        .when_asked()
        .doc("Who signed it."),
    ]);
    for (name, make, requires, doc) in [
        (
            "ja3",
            Make::Text(|row: &TlsRow<'_>, out: &mut String| {
                text::some(row.record.ja3.as_deref(), out)
            }),
            Requires::HASHES,
            "JA3 of the client, as the package ja3 adds it.",
        ),
        (
            "ja3s",
            Make::Text(|row: &TlsRow<'_>, out: &mut String| {
                text::some(row.record.ja3s.as_deref(), out)
            }),
            Requires::HASHES,
            "JA3S of the server.",
        ),
        (
            "ja4",
            Make::Text(|row: &TlsRow<'_>, out: &mut String| {
                text::some(row.record.ja4.as_deref(), out)
            }),
            Requires::JA4,
            "JA4 of the client.",
        ),
    ] {
        columns.push(column(name, make).requires(requires).when_asked().doc(doc));
    }
    columns
}
