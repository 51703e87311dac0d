//! Layers between the link and the network, after which what follows is looked at further on.

use netloom_packet::LinkType;

use super::super::condition::Condition;
use super::super::program::ancillary;
use super::super::syntax::{Operator, Relation};
use super::super::value::Size;
use super::link::{Offset, Place};
use super::link_type::MPLS;
use super::{Generator, Made, compare};

impl Generator<'_> {
    /// A VLAN tag (IEEE 802.1Q), with this number if one is given.
    pub(super) fn vlan(&mut self, id: Option<u32>) -> Made {
        if self.layer.labels > 0 {
            return Err(self.fault("behind an MPLS label no VLAN tag can be told"));
        }
        if !self.layer.is_ethernet() && (!self.layer.is_wlan() || self.is_ppi()) {
            return Err(self.unsupported("VLAN tags"));
        }
        if id.is_some_and(|id| id > 0x0fff) {
            return Err(self.fault("the number of a VLAN is at most 4095"));
        }
        let is_outermost = self.layer.is_ethernet()
            && self.layer.vlans == 0
            && self.layer.header.variable.is_none()
            && self.layer.header.constant == self.layer.outermost_header();
        let condition = if self.options.live && is_outermost {
            self.vlan_in_kernel(id)?
        } else {
            let tag = self.is_vlan()?;
            let condition = match id {
                Some(id) => tag.and(self.masked(Place::Payload, 0, Size::Half, id, 0x0fff)),
                None => tag,
            };
            self.layer.payload.constant = self.layer.payload.constant.wrapping_add(4);
            self.layer.type_at.constant = self.layer.type_at.constant.wrapping_add(4);
            condition
        };
        self.layer.vlans += 1;
        Ok(condition)
    }

    fn is_ppi(&self) -> bool {
        self.layer.link_type == LinkType::PPI
    }

    /// Whether the link layer names a tag: 802.1Q, 802.1ad, or the older number of the latter.
    fn is_vlan(&mut self) -> Made {
        let q = self.link_protocol(0x8100)?;
        let ad = self.link_protocol(0x88a8)?;
        Ok(q.or(ad).or(self.link_protocol(0x9100)?))
    }

    /// The kernel takes the outer tag off a packet before a filter sees it, and says so beside
    /// the packet. Some drivers leave it where it was; then it is looked for there.
    fn vlan_in_kernel(&mut self, id: Option<u32>) -> Made {
        let present = self
            .values
            .load(Size::Byte, None, ancillary::VLAN_TAG_PRESENT);
        let taken_off = compare(present, Relation::Equal, 1);
        let tag = self.is_vlan()?;
        let condition = match id {
            Some(id) => {
                let tci = self.values.load(Size::Byte, None, ancillary::VLAN_TAG);
                let number = self.values.with(Operator::And, tci, 0x0fff);
                let beside = compare(number, Relation::Equal, id);
                let inside = self.masked(Place::Payload, 0, Size::Half, id, 0x0fff);
                taken_off
                    .clone()
                    .and(beside)
                    .or(taken_off.negate().and(tag).and(inside))
            }
            None => taken_off.or(tag),
        };
        // Four bytes further on only where the tag is still there.
        let absent = self.values.with(Operator::Xor, present, 1);
        let further = self.values.with(Operator::ShiftLeft, absent, 2);
        let further = self.values.share(further);
        self.layer.payload.variable = Some(further);
        self.layer.type_at.variable = Some(further);
        Ok(condition)
    }

    /// An MPLS label (RFC 3032).
    pub(super) fn mpls(&mut self, label: Option<u32>) -> Made {
        let mut condition = if self.layer.labels > 0 {
            // The label before is not the last one.
            self.masked(Place::PreviousLabel, 2, Size::Byte, 0, 1)
        } else {
            match self.layer.link_type {
                LinkType::C_HDLC => self.link_protocol(MPLS)?,
                _ if self.layer.is_ethernet() => self.link_protocol(MPLS)?,
                LinkType::PPP => self.link_protocol(0x0281)?,
                _ => return Err(self.unsupported("MPLS labels")),
            }
        };
        if let Some(label) = label {
            if label > 0x000f_ffff {
                return Err(self.fault("an MPLS label is at most 1048575"));
            }
            let same = self.masked(Place::Network, 0, Size::Word, label << 12, 0xffff_f000);
            condition = condition.and(same);
        }
        self.layer.network = self.layer.network.wrapping_add(4);
        self.layer.network_no_snap = self.layer.network_no_snap.wrapping_add(4);
        self.layer.labels += 1;
        Ok(condition)
    }

    /// A PPPoE session (RFC 2516), with PPP in it.
    pub(super) fn pppoes(&mut self, session: Option<u32>) -> Made {
        let mut condition = self.link_protocol(0x8864)?;
        if let Some(session) = session {
            if session > 0xffff {
                return Err(self.fault("the number of a PPPoE session is at most 65535"));
            }
            let same = self.masked(Place::Network, 0, Size::Word, session, 0xffff);
            condition = condition.and(same);
        }
        let begin = self
            .layer
            .payload
            .constant
            .wrapping_add(self.layer.network)
            .wrapping_add(6);
        let header = Offset {
            constant: begin,
            variable: self.layer.payload.variable,
        };
        self.push_header(LinkType::PPP, header);
        self.layer.type_at = header;
        self.layer.payload = Offset {
            constant: begin.wrapping_add(2),
            ..header
        };
        self.layer.network = 0;
        self.layer.network_no_snap = 0;
        Ok(condition)
    }

    /// GENEVE (RFC 8926) over UDP, with Ethernet or a network layer in it.
    pub(super) fn geneve(&mut self, network: Option<u32>) -> Made {
        const PORT: u32 = 6081;
        if network.is_some_and(|network| network > 0x00ff_ffff) {
            return Err(self.fault("the number of a GENEVE network is at most 16777215"));
        }
        let mut sides = Vec::new();
        for (v6, place) in [(false, Place::Ipv4Payload), (true, Place::Ipv6Payload)] {
            let udp = self.udp_to(v6, PORT)?;
            let version = self.masked(place, 8, Size::Byte, 0, 0xc0);
            let mut condition = udp.and(version);
            if let Some(network) = network {
                let same = self.masked(place, 12, Size::Word, network << 8, 0xffff_ff00);
                condition = condition.and(same);
            }
            sides.push(condition);
        }
        let condition = sides
            .into_iter()
            .reduce(Condition::or)
            .unwrap_or(Condition::Constant(false));
        self.enter_geneve();
        Ok(condition)
    }

    /// Moves the offsets behind the GENEVE header that the packet has.
    fn enter_geneve(&mut self) {
        let (base, start) = self.layer.place(Place::Network, &mut self.values);
        let values = &mut self.values;
        // 40 bytes of IPv6, or as many as the IPv4 header says.
        let first = values.load(Size::Byte, base, start);
        let version = values.with(Operator::ShiftRight, first, 4);
        let is_v6 = values.is(version, 6);
        let words = values.with(Operator::And, first, 0x0f);
        let v4 = values.with(Operator::ShiftLeft, words, 2);
        let forty = values.constant(40);
        let more = values.binary(Operator::Subtract, forty, v4);
        let more = values.binary(Operator::Multiply, more, is_v6);
        let mut length = values.binary(Operator::Add, more, v4);
        if let Some(base) = base {
            length = values.binary(Operator::Add, length, base);
        }
        // The UDP header, too.
        let geneve = values.with(Operator::Add, length, start.wrapping_add(8));
        let geneve = values.share(geneve);
        let flags = values.load(Size::Byte, Some(geneve), 0);
        let options = values.with(Operator::And, flags, 0x3f);
        let options = values.with(Operator::ShiftLeft, options, 2);
        let header = values.binary(Operator::Add, options, geneve);
        let header = values.with(Operator::Add, header, 8);
        let header = values.share(header);
        let protocol = values.load(Size::Half, Some(geneve), 2);
        let is_ethernet = values.is(protocol, 0x6558);
        let is_ethernet = values.share(is_ethernet);
        let ethernet = values.with(Operator::Multiply, is_ethernet, 14);
        let payload = values.binary(Operator::Add, ethernet, header);
        let payload = values.share(payload);
        // Ethernet names what it carries in its own header, GENEVE otherwise: two bytes from the
        // begin of its header.
        let own = values.with(Operator::Add, geneve, 2);
        let inner = values.with(Operator::Add, header, 12);
        let further = values.binary(Operator::Subtract, inner, own);
        let further = values.binary(Operator::Multiply, further, is_ethernet);
        let type_at = values.binary(Operator::Add, further, own);
        let type_at = values.share(type_at);
        let at = |variable| Offset {
            constant: 0,
            variable: Some(variable),
        };
        self.push_header(LinkType::ETHERNET, at(header));
        self.layer.type_at = at(type_at);
        self.layer.payload = at(payload);
        self.layer.network = 0;
        self.layer.geneve_ethernet = Some(is_ethernet);
    }

    /// Goes from one link layer to the one inside of it.
    pub(super) fn push_header(&mut self, link_type: LinkType, header: Offset) {
        self.layer.previous_type = self.layer.link_type;
        self.layer.previous_header = self.layer.header;
        self.layer.link_type = link_type;
        self.layer.header = header;
        self.layer.geneve_ethernet = None;
    }
}
