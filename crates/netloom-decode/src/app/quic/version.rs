//! Versions of QUIC and what differs between them.

use std::borrow::Cow;

/// QUIC version 1 (RFC 9000).
const V1: u32 = 0x0000_0001;
/// QUIC version 2 (RFC 9369), and its number before it was settled.
const V2: u32 = 0x6b33_43cf;
const V2_DRAFT: u32 = 0x709a_50c4;

/// Salt of the Initial secrets (RFC 9001, section 5.2; RFC 9369, section 3.3.1; the drafts).
pub(super) type Salt = [u8; 20];

const SALT_V1: Salt = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
const SALT_V2: Salt = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];
const SALT_V2_DRAFT: Salt = [
    0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d, 0x62, 0xca, 0x57, 0x04, 0x06, 0xea,
    0x7a, 0xe3, 0xe5, 0xd3,
];
const SALT_DRAFT_29: Salt = [
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
    0x43, 0x90, 0xa8, 0x99,
];
const SALT_DRAFT_23: Salt = [
    0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
    0xbe, 0xf9, 0xf5, 0x02,
];
const SALT_DRAFT_22: Salt = [
    0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd,
    0x7a, 0x02, 0x64, 0x4a,
];
const SALT_Q050: Salt = [
    0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0,
    0xd3, 0xb5, 0x6b, 0x45,
];
const SALT_T050: Salt = [
    0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c,
    0x60, 0x48, 0x83, 0x10,
];
const SALT_T051: Salt = [
    0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc,
    0xda, 0x6e, 0x03, 0x3d,
];

/// A version as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version(pub u32);

impl Version {
    /// Version Negotiation in place of a version (RFC 9000, section 17.2.1).
    pub(super) const NEGOTIATION: Self = Self(0);

    /// Salts to try, the likeliest first; none for a version whose Initial packets cannot be read.
    pub(super) const fn salts(self) -> &'static [Salt] {
        match self.0 {
            V1 | 0xff00_0021 | 0xff00_0022 => &[SALT_V1],
            V2 => &[SALT_V2],
            V2_DRAFT => &[SALT_V2_DRAFT],
            0xff00_001d..=0xff00_0020 => &[SALT_DRAFT_29],
            0xff00_0017..=0xff00_001c | 0xface_b002 => &[SALT_DRAFT_23],
            // mvfst follows the drafts, the later ones without saying which.
            0xff00_0015 | 0xff00_0016 | 0xface_b001 => &[SALT_DRAFT_22],
            0xface_b000..=0xface_b0ff => &[SALT_V1, SALT_DRAFT_29, SALT_DRAFT_23, SALT_DRAFT_22],
            // Sent to be refused: protected as the sender's own version is.
            _ if self.is_grease() => &[SALT_V1, SALT_DRAFT_29, SALT_DRAFT_23],
            0x5130_3530 => &[SALT_Q050],
            0x5430_3530 => &[SALT_T050],
            0x5430_3531 => &[SALT_T051],
            _ => &[],
        }
    }

    /// Whether labels and packet types are those of version 2.
    pub(super) const fn is_v2(self) -> bool {
        matches!(self.0, V2 | V2_DRAFT)
    }

    /// Google's QUIC from before TLS: its Initial packets begin with a `CHLO` in clear or, from
    /// Q050 on, behind Initial protection.
    pub(super) const fn is_google(self) -> bool {
        matches!(self.0 >> 16, 0x5130 | 0x5430)
    }

    /// Reserved to make peers negotiate (RFC 9000, section 15).
    pub(super) const fn is_grease(self) -> bool {
        self.0 & 0x0f0f_0f0f == 0x0a0a_0a0a
    }

    /// Whether its long header has the form of RFC 9000 and its Initial packets can be read.
    pub(super) const fn is_known(self) -> bool {
        !self.salts().is_empty()
    }

    /// Name: `1`, `quicv2`, `draft-29`, `mvfst-...` as Zeek has them, `Q046` as Google wrote them.
    pub fn name(self) -> Cow<'static, str> {
        match self.0 {
            V1 => "1".into(),
            V2 => "quicv2".into(),
            V2_DRAFT => "quicv2-draft".into(),
            0xff00_0000..=0xff00_00ff => format!("draft-{}", self.0 & 0xff).into(),
            0xface_b001 => "mvfst-22".into(),
            0xface_b002 => "mvfst-27".into(),
            0xface_b00e => "mvfst-exp".into(),
            0xface_b000..=0xface_b0ff => format!("mvfst-{:x}", self.0 & 0xff).into(),
            _ if self.is_google() => {
                let bytes = self.0.to_be_bytes();
                crate::app::text::display(&bytes).into_owned().into()
            }
            other => format!("unknown-{other:x}").into(),
        }
    }
}
