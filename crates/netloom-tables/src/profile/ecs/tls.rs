//! Documents about handshakes.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_decode::app::tls::Carrier;

use super::super::objects::texts;
use super::super::said;
use super::{VERSION, constants, ends};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;
use crate::schema::{TlsRow, text};

/// Handshakes as documents.
#[derive(Debug)]
pub enum EcsTls {}

impl Table for EcsTls {
    type Row<'a> = TlsRow<'a>;

    const NAME: &'static str = "tls";
    const DOC: &'static str = "A document about a row of tls.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EcsTls>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EcsTls>, doc: &'static str) -> Column<EcsTls> {
    column::column(name, make)
        .ecs(name)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EcsTls>> {
    let mut columns: Vec<Column<EcsTls>> = vec![
        app(
            "@timestamp",
            Make::Time(|row| Some(row.record.ts)),
            "When the handshake began.",
        )
        .required(),
    ];
    columns.extend(constants!("netloom.tls", "connection" "protocol"));
    columns.extend(ends!());
    columns.extend([
        app(
            "network.protocol",
            Make::Text(|row, out| {
                text::some(
                    match row.record.carrier {
                        Carrier::Tcp => "tls",
                        Carrier::Quic => "quic",
                        Carrier::Dtls => "dtls",
                    },
                    out,
                )
            }),
            "tls, quic or dtls.",
        )
        .required(),
        app(
            "tls.version",
            Make::Text(|row, out| version(row.record.version.as_deref()?, out)),
            "Number of the version that the server chose.",
        ),
        app(
            "tls.version_protocol",
            Make::Text(|row, out| {
                let (kind, _) = row.record.version.as_deref()?.split_once('v')?;
                out.push_str(&kind.to_lowercase());
                Some(())
            }),
            "tls, dtls or ssl.",
        ),
        app(
            "tls.resumed",
            Make::Bool(|row| Some(row.record.resumed)),
            "Whether an earlier session went on.",
        )
        .required(),
        app(
            "tls.established",
            Make::Bool(|row| Some(row.record.established)),
            "Whether both sides went over to encryption.",
        )
        .required(),
    ]);
    columns.extend(texts!(
        "tls.cipher" cipher "Cipher suite that the server chose."
        "tls.curve" curve "Group of the key exchange."
        "tls.next_protocol" next_protocol "Application protocol that the server chose (ALPN)."
        "tls.client.server_name" server_name "Name that the client asked for (SNI)."
    ));
    columns.extend(
        texts!(
            "tls.client.ja3" ja3 "JA3 of the client."
            "tls.server.ja3s" ja3s "JA3S of the server."
        )
        .map(|column| column.requires(Requires::HASHES)),
    );
    columns.extend(certificates());
    columns
}

/// The leaves of the chains.
fn certificates() -> Vec<Column<EcsTls>> {
    macro_rules! filled {
        ($($name:literal $certificate:ident $field:ident $doc:literal)+) => {
            [$(
                app(
                    $name,
                    Make::Text(|row, out| {
                        let value = &*row.record.$certificate.as_deref()?.$field;
                        text::some((!value.is_empty()).then_some(value), out)
                    }),
                    $doc,
                ),
            )+]
        };
    }
    let mut columns = Vec::new();
    columns.extend(filled!(
        "tls.client.subject" client_certificate subject "Whose the client's certificate is."
        "tls.client.issuer" client_certificate issuer "Who signed it."
        "tls.server.subject" certificate subject "Whose the server's certificate is."
        "tls.server.issuer" certificate issuer "Who signed it."
        "tls.server.x509.serial_number" certificate serial "Its serial number."
        "tls.server.x509.public_key_algorithm" certificate key_alg "Kind of its key."
        "tls.server.x509.signature_algorithm" certificate sig_alg "How it was signed."
    ));
    columns.extend(
        filled!("tls.server.hash.sha1" certificate sha1 "Its SHA-1.")
            .map(|column| column.requires(Requires::HASHES)),
    );
    columns.extend([
        app(
            "tls.server.hash.sha256",
            Make::Text(|row, out| {
                let prints = &row.record.certificate.as_deref()?.fingerprints;
                text::some(&**prints.first()?, out)
            }),
            "Its SHA-256.",
        )
        .requires(Requires::HASHES),
        app(
            "tls.server.not_before",
            Make::Time(|row| row.record.certificate.as_deref()?.not_before),
            "It is valid from.",
        ),
        app(
            "tls.server.not_after",
            Make::Time(|row| row.record.certificate.as_deref()?.not_after),
            "It is valid to.",
        ),
        app(
            "tls.server.x509.public_key_size",
            Make::U32(|row| row.record.certificate.as_deref()?.key_length),
            "Length of its key.",
        )
        .unit("bits"),
        app(
            "tls.server.x509.public_key_curve",
            Make::Text(|row, out| {
                text::some(row.record.certificate.as_deref()?.key_curve.as_deref(), out)
            }),
            "Curve of its key.",
        ),
        app(
            "tls.server.x509.alternative_names",
            Make::TextList(|row, item| {
                let names = &row.record.certificate.as_deref()?.san_dns;
                for name in names {
                    item(format_args!("{name}"));
                }
                (!names.is_empty()).then_some(())
            }),
            "Names of hosts in it.",
        ),
    ]);
    columns
}

/// `1.2` for `TLSv12`.
fn version(name: &str, out: &mut String) -> Option<()> {
    let (_, number) = name.split_once('v')?;
    if let [major, minor] = number.as_bytes() {
        write!(out, "{}.{}", char::from(*major), char::from(*minor)).ok()
    } else {
        text::some(number, out)
    }
}
