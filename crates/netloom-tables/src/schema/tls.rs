//! The `tls` table.

use netloom_decode::app::tls::Carrier;
use netloom_flow::app::{AppRecord, AppRow, CertificateRecord, QuicRecord, TlsRecord};

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `tls` table: a row is a TLS, DTLS or QUIC handshake.
#[derive(Debug)]
pub enum Tls {}

/// What a row of `tls` is made from.
#[derive(Debug, Clone, Copy)]
pub struct TlsRow<'a> {
    /// The flow, and the packet that completed the handshake.
    pub app: &'a AppRecord,
    /// The handshake.
    pub record: &'a TlsRecord,
}

impl<'a> TlsRow<'a> {
    /// The row of a record, where it is one of this table.
    pub fn new(app: &'a AppRecord) -> Option<Self> {
        match &app.row {
            AppRow::Tls(record) => Some(Self { app, record }),
            _ => None,
        }
    }

    fn certificate(&self) -> Option<&'a CertificateRecord> {
        self.record.certificate.as_deref()
    }

    fn client_certificate(&self) -> Option<&'a CertificateRecord> {
        self.record.client_certificate.as_deref()
    }

    fn quic(&self) -> Option<&'a QuicRecord> {
        self.record.quic.as_deref()
    }
}

impl Table for Tls {
    type Row<'a> = TlsRow<'a>;

    const NAME: &'static str = "tls";
    const DOC: &'static str = "A TLS, DTLS or QUIC handshake, as far as it is in clear, in the \
        order in which they were complete (a QUIC connection: when it ended).";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Tls>) -> Column<Tls> {
    column::column(name, make).requires(Requires::APPLICATIONS)
}

/// Texts of a list; null where it is empty.
fn list(texts: &[Box<str>], item: &mut dyn FnMut(std::fmt::Arguments<'_>)) -> Option<()> {
    for text in texts {
        item(format_args!("{text}"));
    }
    (!texts.is_empty()).then_some(())
}

/// A text; null where it is empty.
fn filled(text: &str, out: &mut String) -> Option<()> {
    text::some((!text.is_empty()).then_some(text), out)
}

static COLUMNS: &[Column<Tls>] = &[
    column("ts", Make::Time(|row| Some(row.record.ts)))
        .required()
        .doc("When the first packet of the handshake was captured.")
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
    column(
        "transport",
        Make::Text(|row, out| {
            out.push_str(match row.record.carrier {
                Carrier::Tcp => "tcp",
                Carrier::Quic => "quic",
                Carrier::Dtls => "dtls",
            });
            Some(())
        }),
    )
    .required()
    .of_nobody()
    .doc("What carried the handshake: tcp, quic or dtls."),
    column(
        "version",
        Make::Text(|row, out| text::some(row.record.version.as_deref(), out)),
    )
    .of_nobody()
    .doc("Version that the server chose: TLSv12, TLSv13, DTLSv12, SSLv3; null where it did not answer.")
    .zeek("version")
    .ecs("tls.version"),
    column(
        "cipher",
        Make::Text(|row, out| text::some(row.record.cipher.as_deref(), out)),
    )
    .of_nobody()
    .doc("Cipher suite that the server chose, IANA's name.")
    .zeek("cipher")
    .ecs("tls.cipher"),
    column(
        "curve",
        Make::Text(|row, out| text::some(row.record.curve.as_deref(), out)),
    )
    .of_nobody()
    .doc("Group of the key exchange, IANA's name.")
    .zeek("curve")
    .ecs("tls.curve"),
    column(
        "server_name",
        Make::Text(|row, out| text::some(row.record.server_name.as_deref(), out)),
    )
    .identity(Identity::Name)
    .doc("Name that the client asked for (SNI), as sent.")
    .zeek("server_name")
    .ecs("tls.client.server_name"),
    column("resumed", Make::Bool(|row| Some(row.record.resumed)))
        .required()
        .doc("Whether an earlier session went on: by its identifier, a ticket, or a pre-shared key.")
        .zeek("resumed")
        .ecs("tls.resumed"),
    column(
        "last_alert",
        Make::Text(|row, out| text::some(row.record.last_alert.as_deref(), out)),
    )
    .of_nobody()
    .doc("The last alert in clear.")
    .zeek("last_alert"),
    column(
        "next_protocol",
        Make::Text(|row, out| text::some(row.record.next_protocol.as_deref(), out)),
    )
    .of_nobody()
    .doc("Application protocol that the server chose (ALPN); encrypted from TLS 1.3 on.")
    .zeek("next_protocol")
    .ecs("tls.next_protocol"),
    column("established", Make::Bool(|row| Some(row.record.established)))
        .required()
        .doc("Whether both sides were seen to go over to encryption; never for QUIC, where that cannot be seen.")
        .zeek("established")
        .ecs("tls.established"),
    column(
        "ssl_history",
        Make::Text(|row, out| filled(&row.record.ssl_history, out)),
    )
    .of_nobody()
    .doc("A letter for each message, the client's in upper case: c client hello, s server hello, j hello retry, x certificate, k and g key exchange, i change of cipher, l alert, and so on; ^: the flow's responder is the client. At most 100.")
    .zeek("ssl_history"),
    column(
        "client_alpns",
        Make::TextList(|row, item| list(&row.record.client_alpns, item)),
    )
    .of_nobody()
    .doc("Application protocols that the client offered (ALPN), in its order.")
    .zeek("client_protocol"),
    column(
        "client_extensions",
        Make::TextList(|row, item| list(&row.record.client_extensions, item)),
    )
    .when_asked()
    .of_nobody()
    .doc("Extensions of the client's first hello, in its order, IANA's names; GREASE is one of them.")
    .zeek("ssl_client_exts"),
    column(
        "client_signature_algorithms",
        Make::U32List(|row, out| {
            let numbers = &row.record.client_signature_algorithms;
            out.extend(numbers.iter().map(|&number| u32::from(number)));
            (!numbers.is_empty()).then_some(())
        }),
    )
    .when_asked()
    .of_nobody()
    .doc("Signature algorithms of the client's first hello, in its order, IANA's numbers; GREASE is among them. What the last part of `ja4` is made of."),
    column(
        "server_extensions",
        Make::TextList(|row, item| list(&row.record.server_extensions, item)),
    )
    .when_asked()
    .of_nobody()
    .doc("Extensions of the server's hello in clear, in its order, IANA's names.")
    .zeek("ssl_server_exts"),
    column(
        "ja3",
        Make::Text(|row, out| text::some(row.record.ja3.as_deref(), out)),
    )
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("JA3 of the client's first hello; null where none was seen whole.")
    .zeek("ja3")
    .ecs("tls.client.ja3"),
    column(
        "ja3_text",
        Make::Text(|row, out| text::some(row.record.ja3_text.as_deref(), out)),
    )
    .requires(Requires::HASHES)
    .when_asked()
    .of_nobody()
    .doc("What `ja3` is the MD5 of: version, cipher suites, extensions, groups, point formats."),
    column(
        "ja3s",
        Make::Text(|row, out| text::some(row.record.ja3s.as_deref(), out)),
    )
    .requires(Requires::HASHES)
    .of_nobody()
    .doc("JA3S of the server's hello.")
    .zeek("ja3s")
    .ecs("tls.server.ja3s"),
    column(
        "ja3s_text",
        Make::Text(|row, out| text::some(row.record.ja3s_text.as_deref(), out)),
    )
    .requires(Requires::HASHES)
    .when_asked()
    .of_nobody()
    .doc("What `ja3s` is the MD5 of: version, cipher suite, extensions."),
    column(
        "cyu",
        Make::TextList(|row, item| list(&row.record.cyu, item)),
    )
    .requires(Requires::HASHES)
    .when_asked()
    .of_nobody()
    .doc("CYU of each hello of Google's QUIC, at most 8: a client that is refused says another."),
    column(
        "cyu_text",
        Make::TextList(|row, item| list(&row.record.cyu_text, item)),
    )
    .requires(Requires::HASHES)
    .when_asked()
    .of_nobody()
    .doc("What `cyu` are the MD5s of: version and tags (46,PAD-SNI-VER)."),
    column(
        "ja4",
        Make::Text(|row, out| text::some(row.record.ja4.as_deref(), out)),
    )
    .requires(Requires::JA4)
    .of_nobody()
    .doc("JA4 of the client's first hello; null where none was seen whole. Under the rules of nDPI and NFStream as nDPI makes it.")
    .zeek("ja4"),
    column("ech", Make::Bool(|row| Some(row.record.ech)))
        .required()
        .of_nobody()
        .doc("Whether the hello holds an encrypted one, or pretends to (ECH, ESNI): then `server_name` may not be the true one."),
    column(
        "subject",
        Make::Text(|row, out| filled(&row.certificate()?.subject, out)),
    )
    .identity(Identity::DistinguishedName)
    .doc("Whose the server's certificate is (RFC 2253, most exact part first).")
    .zeek("subject")
    .ecs("tls.server.subject"),
    column(
        "issuer",
        Make::Text(|row, out| filled(&row.certificate()?.issuer, out)),
    )
    .identity(Identity::DistinguishedName)
    .doc("Who signed the server's certificate.")
    .zeek("issuer")
    .ecs("tls.server.issuer"),
    column(
        "not_before",
        Make::Time(|row| row.certificate()?.not_before),
    )
    .doc("The server's certificate is valid from.")
    .unit("ns since 1970, UTC")
    .zeek("certificate.not_valid_before")
    .ecs("tls.server.not_before"),
    column("not_after", Make::Time(|row| row.certificate()?.not_after))
        .doc("The server's certificate is valid to.")
        .unit("ns since 1970, UTC")
        .zeek("certificate.not_valid_after")
        .ecs("tls.server.not_after"),
    column(
        "serial",
        Make::Text(|row, out| filled(&row.certificate()?.serial, out)),
    )
    .identity(Identity::Text)
    .doc("Serial number of the server's certificate, hexadecimal.")
    .zeek("certificate.serial")
    .ecs("tls.server.x509.serial_number"),
    column(
        "key_alg",
        Make::Text(|row, out| filled(&row.certificate()?.key_alg, out)),
    )
    .of_nobody()
    .doc("Kind of key in the server's certificate (rsaEncryption, id-ecPublicKey), or its object identifier.")
    .zeek("certificate.key_alg")
    .ecs("tls.server.x509.public_key_algorithm"),
    column("key_length", Make::U32(|row| row.certificate()?.key_length))
        .doc("Length of that key; null where its kind is not known.")
        .unit("bits")
        .zeek("certificate.key_length")
        .ecs("tls.server.x509.public_key_size"),
    column(
        "key_curve",
        Make::Text(|row, out| text::some(row.certificate()?.key_curve.as_deref(), out)),
    )
    .of_nobody()
    .doc("Curve of that key (prime256v1); null for others.")
    .zeek("certificate.curve")
    .ecs("tls.server.x509.public_key_curve"),
    column(
        "sig_alg",
        Make::Text(|row, out| filled(&row.certificate()?.sig_alg, out)),
    )
    .of_nobody()
    .doc("How the server's certificate was signed (sha256WithRSAEncryption), or its object identifier.")
    .zeek("certificate.sig_alg")
    .ecs("tls.server.x509.signature_algorithm"),
    column(
        "san_dns",
        Make::TextList(|row, item| list(&row.certificate()?.san_dns, item)),
    )
    .identity(Identity::Name)
    .doc("Names of hosts in the server's certificate, at most 100.")
    .zeek("san.dns")
    .ecs("tls.server.x509.alternative_names"),
    column(
        "san_ip",
        Make::TextList(|row, item| {
            let addresses = &row.certificate()?.san_ip;
            for address in addresses {
                item(format_args!("{address}"));
            }
            (!addresses.is_empty()).then_some(())
        }),
    )
    .identity(Identity::Address)
    .doc("Addresses in the server's certificate, at most 100.")
    .zeek("san.ip"),
    column("ca", Make::Bool(|row| row.certificate()?.ca))
        .doc("Whether the server's certificate may sign others; null where it does not say.")
        .zeek("basic_constraints.ca"),
    column(
        "cert_chain_fps",
        Make::TextList(|row, item| list(&row.certificate()?.fingerprints, item)),
    )
    .requires(Requires::HASHES)
    .identity(Identity::Text)
    .doc("SHA-256 of each certificate of the server, leaf first, at most 10.")
    .zeek("cert_chain_fps")
    .ecs("tls.server.hash.sha256"),
    column(
        "cert_sha1",
        Make::Text(|row, out| filled(&row.certificate()?.sha1, out)),
    )
    .requires(Requires::HASHES)
    .identity(Identity::Text)
    .doc("SHA-1 of the server's certificate.")
    .ecs("tls.server.hash.sha1"),
    column(
        "sni_matches_cert",
        Make::Bool(|row| row.record.sni_matches_cert),
    )
    .doc("Whether the server's certificate is for `server_name` (RFC 6125); null unless both are known.")
    .zeek("sni_matches_cert"),
    column(
        "client_subject",
        Make::Text(|row, out| filled(&row.client_certificate()?.subject, out)),
    )
    .identity(Identity::DistinguishedName)
    .doc("Whose the client's certificate is.")
    .zeek("client_subject")
    .ecs("tls.client.subject"),
    column(
        "client_issuer",
        Make::Text(|row, out| filled(&row.client_certificate()?.issuer, out)),
    )
    .identity(Identity::DistinguishedName)
    .doc("Who signed the client's certificate.")
    .zeek("client_issuer")
    .ecs("tls.client.issuer"),
    column(
        "client_cert_chain_fps",
        Make::TextList(|row, item| list(&row.client_certificate()?.fingerprints, item)),
    )
    .requires(Requires::HASHES)
    .identity(Identity::Text)
    .doc("SHA-256 of each certificate of the client, leaf first, at most 10.")
    .zeek("client_cert_chain_fps")
    .ecs("tls.client.hash.sha256"),
    column(
        "quic_version",
        Make::Text(|row, out| filled(&row.quic()?.version, out)),
    )
    .of_nobody()
    .doc("Version of QUIC: 1, quicv2, draft-29, mvfst-27, Q046; null for others.")
    .zeek("version"),
    column(
        "client_initial_dcid",
        Make::Text(|row, out| filled(&row.quic()?.client_initial_dcid, out)),
    )
    .identity(Identity::Text)
    .doc("QUIC: destination connection ID of the client's first packet, hexadecimal.")
    .zeek("client_initial_dcid"),
    column(
        "client_scid",
        Make::Text(|row, out| filled(&row.quic()?.client_scid, out)),
    )
    .identity(Identity::Text)
    .doc("QUIC: connection ID of the client, hexadecimal; null where it has none.")
    .zeek("client_scid"),
    column(
        "server_scid",
        Make::Text(|row, out| filled(&row.quic()?.server_scid, out)),
    )
    .identity(Identity::Text)
    .doc("QUIC: connection ID of the server, hexadecimal; null where it is not known.")
    .zeek("server_scid"),
    column(
        "retry_scid",
        Make::Text(|row, out| filled(&row.quic()?.retry_scid, out)),
    )
    .identity(Identity::Text)
    .doc("QUIC: connection ID with which a Retry made the client begin anew, hexadecimal; null where there was no Retry."),
    column(
        "quic_history",
        Make::Text(|row, out| filled(&row.quic()?.history, out)),
    )
    .of_nobody()
    .doc("QUIC: a letter for each packet, the client's in upper case: i initial, h handshake, z early data, r retry, s a hello, c close, u unknown version, x something that is no packet (padding behind one); o the first, second, fourth, eighth short packet. At most 100.")
    .zeek("history"),
];
