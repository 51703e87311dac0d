//! What Wireshark finds in each stream.

use std::collections::{BTreeSet, HashMap};

use super::Frame;

/// A stream: whether it is TCP's, and Wireshark's number of it.
type Stream = (bool, u32);

/// The protocols in all packets of a stream.
pub(crate) struct Streams {
    /// By packet number; several where one is inside the other.
    of_packets: HashMap<u64, Vec<Stream>>,
    layers: HashMap<Stream, BTreeSet<String>>,
}

impl Streams {
    pub(super) fn of(frames: &[Frame]) -> Self {
        let mut of_packets = HashMap::new();
        let mut layers: HashMap<Stream, BTreeSet<String>> = HashMap::new();
        for frame in frames {
            let mut streams = Vec::new();
            for (is_tcp, column) in [(true, "tcp.stream"), (false, "udp.stream")] {
                let numbers = frame.get(column).split(',');
                streams.extend(numbers.filter_map(|text| Some((is_tcp, text.parse().ok()?))));
            }
            for stream in &streams {
                let shown = frame.get("frame.protocols").split(':');
                let known = layers.entry(*stream).or_default();
                known.extend(shown.map(str::to_owned));
            }
            of_packets.insert(frame.number, streams);
        }
        Self { of_packets, layers }
    }

    /// The protocols in the streams that a packet belongs to.
    pub(crate) fn layers(&self, number: u64) -> BTreeSet<String> {
        let streams = self.of_packets.get(&number).into_iter().flatten();
        streams
            .filter_map(|stream| self.layers.get(stream))
            .flatten()
            .cloned()
            .collect()
    }
}
