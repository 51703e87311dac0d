//! Interfaces whose packets count in no flow.

use netloom_packet::{CaptureInfo, Interface};

/// The interfaces that libpcap, which NFStream reads with, does not read packets of: it knows
/// those alone whose link type and snap length are the first one's, and takes their place among
/// those for their number.
pub(crate) fn refused(captures: &[CaptureInfo]) -> Vec<u32> {
    /// What it takes for no snap length.
    const MOST: u32 = 262_144;
    let snap_len = |interface: &Interface| match interface.snap_len {
        0 => MOST,
        len => len.min(MOST),
    };
    let mut refused = Vec::new();
    for capture in captures {
        let Some(first) = capture.interfaces.first() else {
            continue;
        };
        let known = capture.interfaces.iter().filter(|interface| {
            interface.link_type == first.link_type && snap_len(interface) == snap_len(first)
        });
        let unknown = capture.interfaces.iter().skip(known.count());
        refused.extend(unknown.map(|interface| interface.index));
    }
    refused
}
