//! Cisco Meraki's devices and the cloud that manages them.

use super::wire::{u16_at, u32_at};
use super::{Category, Detector, Guess, Over, Protocol};

/// The management protocol of Meraki's devices.
pub static PROTOCOL: Protocol = Protocol {
    name: "merakicloud",
    title: "Meraki Cloud",
    category: Category::Management,
};

/// Recognises it by its first word and its length.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[7351],
    probe: |probe| {
        let length = u16_at(probe.data, 6).map(usize::from);
        if u32_at(probe.data, 0) == Some(0xfef7_2891) && length == Some(probe.wire_len) {
            Guess::Certain
        } else {
            Guess::No
        }
    },
    parser: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::guess;

    #[test]
    fn its_first_word_and_length() {
        let bytes = [0xfe, 0xf7, 0x28, 0x91, 0x0d, 1, 0, 12, 6, 0, 0, 2];
        assert_eq!(guess(&DETECTOR, &bytes), Guess::Certain);
        assert_eq!(guess(&DETECTOR, &bytes[..11]), Guess::No);
    }
}
