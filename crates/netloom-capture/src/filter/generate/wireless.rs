//! 802.11 frames (IEEE 802.11, 9.2 and 9.3): which of their addresses is which depends on the
//! type of the frame and on its way to or from the distribution system.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::syntax::Direction;
use super::super::value::Size;
use super::link::Place;
use super::{Generator, Made};

/// Bits of the frame control's two bytes.
const TYPE: u32 = 0x0c;
const SUBTYPE: u32 = 0xf0;
const CONTROL: u32 = 0x04;
const CTS: u32 = 0xc0;
const ACK: u32 = 0xd0;
const DATA_BIT: u32 = 0x08;
const CONTROL_BIT: u32 = 0x04;
const TO_DS: u32 = 0x01;
const FROM_DS: u32 = 0x02;

impl Generator<'_> {
    fn goes_to_ds(&mut self) -> Condition {
        self.any_bit(Place::Link, 1, TO_DS)
    }

    fn comes_from_ds(&mut self) -> Condition {
        self.any_bit(Place::Link, 1, FROM_DS)
    }

    fn data_bit(&mut self) -> Condition {
        self.any_bit(Place::Link, 0, DATA_BIT)
    }

    fn not_control(&mut self) -> Condition {
        self.any_bit(Place::Link, 0, CONTROL_BIT).negate()
    }

    fn has_type(&mut self, number: u32, mask: u32) -> Condition {
        self.masked(Place::Link, 0, Size::Byte, number, mask)
    }

    /// An Ethernet address of a frame.
    pub(super) fn wlan_address(&mut self, direction: Option<Direction>, address: [u8; 6]) -> Made {
        Ok(match direction {
            Some(Direction::Src) => self.wlan_src(address),
            Some(Direction::Dst) => {
                self.wlan_dst(|this, offset| this.bytes(Place::Link, offset, &address))
            }
            Some(Direction::Both) => {
                let src = self.wlan_address(Some(Direction::Src), address)?;
                src.and(self.wlan_address(Some(Direction::Dst), address)?)
            }
            None | Some(Direction::Either) => {
                let src = self.wlan_address(Some(Direction::Src), address)?;
                src.or(self.wlan_address(Some(Direction::Dst), address)?)
            }
            Some(Direction::Addr1) => self.bytes(Place::Link, 4, &address),
            Some(Direction::Addr2) => {
                let has = self.has_second_address();
                has.and(self.bytes(Place::Link, 10, &address))
            }
            Some(Direction::Addr3) => {
                let has = self.has_type(CONTROL, TYPE).negate();
                has.and(self.bytes(Place::Link, 16, &address))
            }
            Some(Direction::Addr4) => {
                let has = self.masked(Place::Link, 1, Size::Byte, TO_DS | FROM_DS, TO_DS | FROM_DS);
                has.and(self.bytes(Place::Link, 24, &address))
            }
            Some(Direction::Ra) => {
                let has = self.data_bit();
                has.and(self.bytes(Place::Link, 4, &address))
            }
            Some(Direction::Ta) => {
                let has = self.data_bit().and(self.has_second_address());
                has.and(self.bytes(Place::Link, 10, &address))
            }
        })
    }

    /// All frames but CTS and ACK name their transmitter.
    fn has_second_address(&mut self) -> Condition {
        let no_control = self.has_type(CONTROL, TYPE).negate();
        let no_cts = self.has_type(CTS, SUBTYPE).negate();
        let no_ack = self.has_type(ACK, SUBTYPE).negate();
        no_control.or(no_cts.and(no_ack))
    }

    /// The source of a frame: address 2, or 3 of data from the distribution system, or 4 of data
    /// that goes to it as well.
    fn wlan_src(&mut self, address: [u8; 6]) -> Condition {
        let at = |this: &mut Self, offset| this.bytes(Place::Link, offset, &address);
        let not_control = self.not_control();
        let management = self.data_bit().negate().and(at(self, 10));
        let direct = self.comes_from_ds().negate().and(at(self, 10));
        let three = self.goes_to_ds().negate().and(at(self, 16));
        let four = self.goes_to_ds().and(at(self, 24));
        let from_ds = self.comes_from_ds().and(three.or(four));
        let data = self.data_bit().and(direct.or(from_ds));
        not_control.and(management.or(data))
    }

    /// The destination: address 1, or 3 of data to the distribution system.
    fn wlan_dst(&mut self, mut at: impl FnMut(&mut Self, u32) -> Condition) -> Condition {
        let not_control = self.not_control();
        let management = self.data_bit().negate().and(at(self, 4));
        let direct = self.goes_to_ds().negate().and(at(self, 4));
        let to_ds = self.goes_to_ds().and(at(self, 16));
        let data = self.data_bit().and(direct.or(to_ds));
        not_control.and(management.or(data))
    }

    /// Whether a frame's destination is a group.
    pub(super) fn wlan_multicast(&mut self) -> Condition {
        self.wlan_dst(|this, offset| this.any_bit(Place::Link, offset, 1))
    }

    /// A type and subtype of frames.
    pub(super) fn wlan_type(&mut self, bits: u8, mask: u8) -> Made {
        self.need_wlan()?;
        Ok(self.has_type(u32::from(bits), u32::from(mask)))
    }

    /// To and from the distribution system.
    pub(super) fn wlan_direction(&mut self, direction: u32) -> Made {
        self.need_wlan()?;
        Ok(self.masked(Place::Link, 1, Size::Byte, direction, TO_DS | FROM_DS))
    }

    fn need_wlan(&self) -> Result<(), super::Fault> {
        // Behind PPI it is not sure to be 802.11.
        if self.layer.is_wlan() && self.layer.link_type != LinkType::PPI {
            Ok(())
        } else {
            Err(self.unsupported("types and directions of 802.11 frames"))
        }
    }
}
