//! The link-type field of a file, and the DLT_ values that some systems wrote into it.

use netloom_packet::LinkType;

/// Flag of a pcap file header's link-type field: the four bits on top hold a length.
const FCS_LENGTH_PRESENT: u32 = 0x0400_0000;

/// The LINKTYPE_ value for what a file has in its link-type field.
///
/// Files should hold LINKTYPE_ values, but old ones hold the writer's DLT_ values, which
/// differ between systems below 100. Those that no LINKTYPE_ value collides with are mapped,
/// to what libpcap and Wireshark take them for (<https://www.tcpdump.org/linktypes.html>).
pub(super) const fn from_file(value: u16) -> LinkType {
    LinkType(match value {
        // DLT_ATM_RFC1483: 11 on most systems, 13 on BSD/OS.
        11 | 13 => 100,
        // DLT_RAW: 12 on most systems, 14 on OpenBSD.
        12 | 14 => 101,
        // DLT_SLIP_BSDOS and DLT_PPP_BSDOS.
        15 => 102,
        16 => 103,
        // DLT_ATM_CLIP of Linux.
        19 => 106,
        other => other,
    })
}

/// Splits the 32-bit field of a pcap file header into the link type and the bytes of frame
/// check sequence that end each packet, where the field says so.
pub(super) const fn from_pcap_header(field: u32) -> (LinkType, Option<u8>) {
    let fcs = if field & FCS_LENGTH_PRESENT == 0 {
        None
    } else {
        // In units of 16 bits.
        Some((field >> 28) as u8 * 2)
    };
    (from_file(field as u16), fcs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_bits_are_no_link_type() {
        assert_eq!(from_pcap_header(1), (LinkType::ETHERNET, None));
        assert_eq!(from_pcap_header(0x2400_0001), (LinkType::ETHERNET, Some(4)));
        // A length without the flag does not count.
        assert_eq!(from_pcap_header(0x2000_0069), (LinkType::IEEE802_11, None));
    }

    #[test]
    fn dlt_values_of_other_systems() {
        for (field, link_type) in [(12, LinkType::RAW), (14, LinkType::RAW)] {
            assert_eq!(from_file(field), link_type);
        }
        assert_eq!(from_file(11), LinkType::ATM_RFC1483);
        assert_eq!(from_file(13), LinkType::ATM_RFC1483);
        assert_eq!(from_file(10), LinkType::FDDI);
        assert_eq!(from_file(19), LinkType(106));
    }
}
