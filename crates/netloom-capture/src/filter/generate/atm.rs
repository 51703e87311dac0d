//! ATM cells and messages behind SunATM's header, and signalling system 7.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::syntax::{AtmField, AtmType, Join, Mtp2, Mtp3Field, Operator, Relation};
use super::super::value::Size;
use super::link::{ERF, MTP2, MTP2_WITH_PHDR, Offset, Place};
use super::{Generator, Made, compare};

/// Where SunATM's header has its fields: kind of traffic, virtual path and circuit; the packet
/// follows.
const VPI: u32 = 1;
const VCI: u32 = 2;
const PACKET: u32 = 4;

/// Message types of Q.2931 (ITU-T Q.2931, 4.4).
const SETUP: u32 = 0x05;
const CALL_PROCEEDING: u32 = 0x02;
const CONNECT: u32 = 0x07;
const CONNECT_ACKNOWLEDGE: u32 = 0x0f;
const RELEASE: u32 = 0x4d;
const RELEASE_COMPLETE: u32 = 0x5a;

impl Generator<'_> {
    /// Cells and messages of ATM.
    pub(super) fn atm(&mut self, cells: AtmType) -> Made {
        if self.layer.outermost != LinkType::SUNATM {
            return Err(self.unsupported("ATM headers"));
        }
        Ok(match cells {
            AtmType::Lane => {
                let value = self.load(Place::Link, 0, Size::Byte);
                let value = self.values.with(Operator::And, value, 0x0f);
                let condition = compare(value, Relation::Equal, 1);
                // Ethernet follows two bytes of LANE.
                let header = Offset {
                    constant: PACKET + 2,
                    variable: None,
                };
                self.push_header(LinkType::ETHERNET, header);
                self.layer.type_at.constant = header.constant + 12;
                self.layer.payload.constant = header.constant + 14;
                self.layer.network = 0;
                self.layer.network_no_snap = 3;
                condition
            }
            AtmType::Metac => self.circuit(1),
            AtmType::Bcc => self.circuit(2),
            AtmType::OamF4Sc => self.circuit(3),
            AtmType::OamF4Ec => self.circuit(4),
            AtmType::Sc => self.circuit(5),
            AtmType::Ilmic => self.circuit(16),
            AtmType::Oam => {
                let path = self.equal(Place::Link, VPI, Size::Byte, 0);
                let segment = self.equal(Place::Link, VCI, Size::Half, 3);
                let end = self.equal(Place::Link, VCI, Size::Half, 4);
                path.and(segment.or(end))
            }
            AtmType::ConnectMsg => {
                let circuit = self.circuit(5);
                circuit.and(self.message(&[
                    RELEASE_COMPLETE,
                    RELEASE,
                    CONNECT_ACKNOWLEDGE,
                    CONNECT,
                    SETUP,
                    CALL_PROCEEDING,
                ]))
            }
            AtmType::MetaConnect => {
                let circuit = self.circuit(1);
                circuit.and(self.message(&[
                    RELEASE_COMPLETE,
                    RELEASE,
                    CONNECT,
                    SETUP,
                    CALL_PROCEEDING,
                ]))
            }
        })
    }

    /// A circuit of virtual path 0.
    fn circuit(&mut self, number: u32) -> Condition {
        let path = self.equal(Place::Link, VPI, Size::Byte, 0);
        path.and(self.equal(Place::Link, VCI, Size::Half, number))
    }

    /// One of these messages of Q.2931.
    fn message(&mut self, types: &[u32]) -> Condition {
        let mut links = Vec::new();
        for number in types {
            links.push((
                Join::Or,
                self.equal(Place::Link, PACKET + 5, Size::Byte, *number),
            ));
        }
        Condition::Chain(links)
    }

    /// A virtual path or circuit.
    pub(super) fn atm_field(&mut self, field: AtmField, relation: Relation, number: u32) -> Made {
        if self.layer.outermost != LinkType::SUNATM {
            return Err(self.unsupported("ATM headers"));
        }
        let value = match field {
            AtmField::Vpi => self.load(Place::Link, VPI, Size::Byte),
            AtmField::Vci => self.load(Place::Link, VCI, Size::Half),
        };
        Ok(compare(value, relation, number))
    }

    /// Where the signal unit of a packet begins: after what stands before its first byte.
    fn ss7(&self, what: &str) -> Result<u32, super::Fault> {
        match self.layer.outermost {
            MTP2 => Ok(0),
            MTP2_WITH_PHDR => Ok(4),
            ERF => Ok(20),
            _ => Err(self.unsupported(what)),
        }
    }

    /// Signal units of MTP2: told apart by their length indicator.
    pub(super) fn mtp2(&mut self, units: Mtp2) -> Made {
        let start = self.ss7("signal units of MTP2")?;
        let high_speed = matches!(units, Mtp2::Hfisu | Mtp2::Hlssu | Mtp2::Hmsu);
        let value = if high_speed {
            let value = self.load(Place::Packet, start + 4, Size::Half);
            self.values.with(Operator::And, value, 0xff80)
        } else {
            let value = self.load(Place::Packet, start + 2, Size::Byte);
            self.values.with(Operator::And, value, 0x3f)
        };
        let status = if high_speed { 0x0100 } else { 2 };
        Ok(match units {
            Mtp2::Fisu | Mtp2::Hfisu => compare(value, Relation::Equal, 0),
            Mtp2::Lssu | Mtp2::Hlssu => {
                let some = compare(value, Relation::Greater, 0);
                some.and(compare(value, Relation::LessEqual, status))
            }
            Mtp2::Msu | Mtp2::Hmsu => compare(value, Relation::Greater, status),
        })
    }

    /// Fields of MTP3, whose bits are spread over its routing label.
    pub(super) fn mtp3(
        &mut self,
        field: Mtp3Field,
        high_speed: bool,
        relation: Relation,
        number: u32,
    ) -> Made {
        let start = self.ss7("fields of MTP3")? + if high_speed { 3 } else { 0 };
        let largest = match field {
            Mtp3Field::Sio => 0xff,
            Mtp3Field::Opc | Mtp3Field::Dpc => 0x3fff,
            Mtp3Field::Sls => 0x0f,
        };
        if number > largest {
            return Err(self.fault(format!("the largest value of this field is {largest}")));
        }
        let (offset, size, mask, number) = match field {
            Mtp3Field::Sio => (3, Size::Byte, u32::MAX, number),
            Mtp3Field::Opc => {
                let spread =
                    ((number & 0x3c00) >> 10) + ((number & 0x03fc) << 6) + ((number & 3) << 22);
                (4, Size::Word, 0x00c0_ff0f, spread)
            }
            Mtp3Field::Dpc => {
                let spread = ((number & 0xff) << 24) + ((number & 0x3f00) << 8);
                (4, Size::Word, 0xff3f_0000, spread)
            }
            Mtp3Field::Sls => (7, Size::Byte, 0xf0, number << 4),
        };
        let value = self.load(Place::Packet, start + offset, size);
        let value = self.values.with(Operator::And, value, mask);
        Ok(compare(value, relation, number))
    }
}
