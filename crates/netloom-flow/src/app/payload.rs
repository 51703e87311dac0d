//! How far the payload of a flow has been read.

use super::{AppFlow, AppInfo};

/// What a flow's payload has said so far. A flow has it on the side, and only while it is read:
/// most flows are told by a few packets, and many have no payload at all.
#[derive(Debug, Default)]
pub(crate) enum Payload {
    /// There was none yet.
    #[default]
    Unseen,
    /// It is being looked at.
    Read {
        app: Box<AppFlow>,
        /// Bytes on the heap; as of the last payload.
        heap: u32,
        /// TCP: bytes wait behind a hole, so acknowledgments matter.
        has_hole: bool,
        /// TCP: nobody wants what the client, the server sends.
        quiet: [bool; 2],
    },
    /// Nothing further can be learned, but rows are held back until the end of the flow.
    Held { app: Box<AppFlow>, heap: u32 },
    /// Nothing further can be learned.
    Over {
        info: Option<Box<AppInfo>>,
        /// Bytes on the heap.
        heap: u32,
    },
}

impl Payload {
    /// What was learned.
    pub(crate) fn info(&self) -> Option<&AppInfo> {
        match self {
            Self::Unseen => None,
            Self::Read { app, .. } | Self::Held { app, .. } => app.told.info.as_deref(),
            Self::Over { info, .. } => info.as_deref(),
        }
    }

    /// What was learned, of a flow that has ended.
    pub(crate) fn into_info(self) -> Option<Box<AppInfo>> {
        let info = match self {
            Self::Unseen => None,
            Self::Read { app, .. } | Self::Held { app, .. } => app.told.info,
            Self::Over { info, .. } => info,
        };
        info.filter(|info| **info != AppInfo::default())
    }

    /// Bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Unseen => 0,
            Self::Read { heap, .. } | Self::Held { heap, .. } | Self::Over { heap, .. } => {
                *heap as usize
            }
        }
    }
}
