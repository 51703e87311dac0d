//! TLS handshakes: rows of `tls`.

use netloom_decode::app::Context;
use netloom_decode::app::tls::Handshake;

use super::AppInfo;

/// A handshake: a row of `tls`, in the terms of Zeek's ssl.log and quic.log.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TlsRecord {}

/// The handshake of a flow as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Tracker {}

impl Tracker {
    /// A part of the handshake. `wanted`: whether records are asked for; what the flow itself
    /// should know goes to `info` in any case.
    pub(crate) fn handshake(
        &mut self,
        _context: &Context,
        _part: &Handshake<'_>,
        _info: &mut AppInfo,
        _wanted: bool,
        _out: &mut dyn FnMut(TlsRecord),
    ) {
    }

    /// The flow has ended: what is held back goes out.
    pub(crate) fn finish(&mut self, _info: &mut AppInfo, _out: &mut dyn FnMut(TlsRecord)) {}

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        0
    }
}
