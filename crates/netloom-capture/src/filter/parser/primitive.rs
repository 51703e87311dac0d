//! The single tests.

use super::super::error::Fault;
use super::super::keyword::Keyword;
use super::super::lexer::Symbol;
use super::super::names;
use super::super::syntax::{
    AtmField, AtmType, ByteTest, Join, Llc, Mtp2, Mtp3Field, Node, Pf, Primitive, Relation,
};
use super::{Inherited, Parser, chain};

impl Parser {
    /// A single test, and the qualifiers that what follows inherits.
    pub(super) fn primitive(&mut self) -> Result<(Node, Inherited), Fault> {
        let start = self.position;
        if self.is_number_next() {
            let left = self.arithmetic()?;
            return Ok((self.relation(start, left)?, None));
        }
        if let Some(qualifiers) = self.qualifiers()? {
            let node = self.id(Some(qualifiers))?;
            return Ok((widen(node, self.span_from(start).start), Some(qualifiers)));
        }
        let protocol = self.protocol();
        self.position += usize::from(protocol.is_some());
        let primitive = match self.peek_keyword() {
            Some(Keyword::Broadcast) => {
                self.position += 1;
                Primitive::Broadcast(protocol)
            }
            Some(Keyword::Multicast) => {
                self.position += 1;
                Primitive::Multicast(protocol)
            }
            Some(Keyword::Type) => self.wlan_type()?,
            Some(Keyword::Subtype) => self.wlan_subtype()?,
            Some(Keyword::Dir) => self.wlan_direction()?,
            _ => match protocol {
                Some(protocol) => Primitive::Protocol(protocol),
                None => return self.keyword_test(start),
            },
        };
        Ok((Node::Primitive(primitive, self.span_from(start)), None))
    }

    /// A test that begins with a keyword of its own.
    fn keyword_test(&mut self, start: usize) -> Result<(Node, Inherited), Fault> {
        let Some(keyword) = self.peek_keyword() else {
            return Err(self.unexpected("a condition"));
        };
        self.position += 1;
        let primitive = match keyword {
            Keyword::Less => Primitive::Less(self.number("a length in bytes")?),
            Keyword::Greater => Primitive::Greater(self.number("a length in bytes")?),
            Keyword::Byte => self.byte_test()?,
            Keyword::Inbound => Primitive::Bound(false),
            Keyword::Outbound => Primitive::Bound(true),
            Keyword::IfIndex => Primitive::IfIndex(self.number("the index of an interface")?),
            Keyword::Vlan => Primitive::Vlan(self.optional_number()),
            Keyword::Mpls => Primitive::Mpls(self.optional_number()),
            Keyword::Pppoed => Primitive::Pppoed,
            Keyword::Pppoes => Primitive::Pppoes(self.optional_number()),
            Keyword::Geneve => Primitive::Geneve(self.optional_number()),
            Keyword::Llc => Primitive::Llc(self.llc()?),
            Keyword::IfName => Primitive::Pf(Pf::IfName(self.name("the name of an interface")?)),
            Keyword::RuleSet => Primitive::Pf(Pf::RuleSet(self.name("the name of a rule set")?)),
            Keyword::RuleNumber => Primitive::Pf(Pf::RuleNumber(self.number("a rule's number")?)),
            Keyword::SubRuleNumber => {
                Primitive::Pf(Pf::SubRuleNumber(self.number("a rule's number")?))
            }
            Keyword::Reason => Primitive::Pf(Pf::Reason(self.pf_reason()?)),
            Keyword::Action => Primitive::Pf(Pf::Action(self.pf_action()?)),
            Keyword::Vpi => return self.atm_field(start, AtmField::Vpi),
            Keyword::Vci => return self.atm_field(start, AtmField::Vci),
            Keyword::Sio => return self.mtp3_field(start, Mtp3Field::Sio, false),
            Keyword::Opc => return self.mtp3_field(start, Mtp3Field::Opc, false),
            Keyword::Dpc => return self.mtp3_field(start, Mtp3Field::Dpc, false),
            Keyword::Sls => return self.mtp3_field(start, Mtp3Field::Sls, false),
            Keyword::Hsio => return self.mtp3_field(start, Mtp3Field::Sio, true),
            Keyword::Hopc => return self.mtp3_field(start, Mtp3Field::Opc, true),
            Keyword::Hdpc => return self.mtp3_field(start, Mtp3Field::Dpc, true),
            Keyword::Hsls => return self.mtp3_field(start, Mtp3Field::Sls, true),
            other => {
                if let Some(primitive) = plain(other) {
                    primitive
                } else {
                    self.position -= 1;
                    return Err(self.unexpected("a condition"));
                }
            }
        };
        Ok((Node::Primitive(primitive, self.span_from(start)), None))
    }

    fn number(&mut self, expected: &str) -> Result<u32, Fault> {
        let missing = self.unexpected(expected);
        self.take_number().ok_or(missing)
    }

    fn name(&mut self, expected: &str) -> Result<String, Fault> {
        let missing = self.unexpected(expected);
        self.take_name().ok_or(missing)
    }

    /// A number that may follow, in brackets or not.
    fn optional_number(&mut self) -> Option<u32> {
        self.bracketed_number().map(|(number, _)| number)
    }

    fn byte_test(&mut self) -> Result<Primitive, Fault> {
        let offset = self.number("the place of a byte")?;
        let test = match self.peek_symbol() {
            Some(Symbol::Equal) => ByteTest::Equal,
            Some(Symbol::Less) => ByteTest::Less,
            Some(Symbol::Greater) => ByteTest::Greater,
            Some(Symbol::Ampersand) => ByteTest::And,
            Some(Symbol::Bar) => ByteTest::Or,
            _ => return Err(self.unexpected("one of =, <, >, & and |")),
        };
        self.position += 1;
        Ok(Primitive::Byte(offset, test, self.number("a number")?))
    }

    /// `type NAME [subtype NAME]`, of an 802.11 frame.
    fn wlan_type(&mut self) -> Result<Primitive, Fault> {
        self.position += 1;
        let span = self.span();
        let frame_type = if let Some(number) = self.take_number() {
            u8::try_from(number)
                .ok()
                .filter(|number| number & !names::WLAN_TYPE_MASK == 0)
                .ok_or_else(|| Fault::new(span, "not a type of 802.11 frames: 0, 4, 8 or 12"))?
        } else {
            let name = self.name("a type of frames: mgt, ctl or data")?;
            names::wlan_type(&name)
                .ok_or_else(|| Fault::new(span, "not a type of 802.11 frames: mgt, ctl or data"))?
        };
        if !self.take_keyword(Keyword::Subtype) {
            return Ok(Primitive::WlanType(frame_type, names::WLAN_TYPE_MASK));
        }
        let span = self.span();
        let subtype = if let Some(number) = self.take_number() {
            u8::try_from(number)
                .ok()
                .filter(|number| number & !names::WLAN_SUBTYPE_MASK == 0)
                .ok_or_else(|| {
                    Fault::new(
                        span,
                        "not a subtype of 802.11 frames: a multiple of 16 below 256",
                    )
                })?
        } else {
            let name = self.name("a subtype of frames")?;
            names::wlan_subtype(frame_type, &name)
                .ok_or_else(|| Fault::new(span, "no subtype of this type has this name"))?
        };
        Ok(Primitive::WlanType(
            frame_type | subtype,
            names::WLAN_TYPE_MASK | names::WLAN_SUBTYPE_MASK,
        ))
    }

    fn wlan_subtype(&mut self) -> Result<Primitive, Fault> {
        self.position += 1;
        let span = self.span();
        let name = self.name("the name of a subtype of frames")?;
        let value = names::wlan_any_subtype(&name)
            .ok_or_else(|| Fault::new(span, "no subtype of 802.11 frames has this name"))?;
        Ok(Primitive::WlanType(
            value,
            names::WLAN_TYPE_MASK | names::WLAN_SUBTYPE_MASK,
        ))
    }

    fn wlan_direction(&mut self) -> Result<Primitive, Fault> {
        self.position += 1;
        let span = self.span();
        let value = if let Some(number) = self.take_number() {
            Some(number)
        } else {
            let name = self.name("nods, tods, fromds or dstods")?;
            ["nods", "tods", "fromds", "dstods"]
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known))
                .map(|value| value as u32)
        };
        value.map(Primitive::WlanDir).ok_or_else(|| {
            Fault::new(
                span,
                "not a direction of 802.11 frames: nods, tods, fromds or dstods",
            )
        })
    }

    fn llc(&mut self) -> Result<Llc, Fault> {
        // This name is taken by pflog.
        if self.take_keyword(Keyword::RuleNumber) {
            return Ok(Llc::SupervisoryType(names::LLC_RNR));
        }
        let span = self.span();
        match self.take_name() {
            None => Ok(Llc::Any),
            Some(name) => {
                names::llc(&name).ok_or_else(|| Fault::new(span, "no type of LLC frames"))
            }
        }
    }

    fn pf_reason(&mut self) -> Result<u32, Fault> {
        let span = self.span();
        if let Some(number) = self.take_number() {
            return Ok(number);
        }
        let name = self.name("a reason")?;
        names::pf_reason(&name).ok_or_else(|| Fault::new(span, "not a reason that PF knows"))
    }

    fn pf_action(&mut self) -> Result<u32, Fault> {
        let span = self.span();
        let name = self.name("an action")?;
        names::pf_action(&name).ok_or_else(|| Fault::new(span, "not an action that PF knows"))
    }

    fn atm_field(&mut self, start: usize, field: AtmField) -> Result<(Node, Inherited), Fault> {
        self.field_values(start, |relation, number| {
            Primitive::AtmField(field, relation, number)
        })
    }

    fn mtp3_field(
        &mut self,
        start: usize,
        field: Mtp3Field,
        high_speed: bool,
    ) -> Result<(Node, Inherited), Fault> {
        self.field_values(start, |relation, number| {
            Primitive::Mtp3(field, high_speed, relation, number)
        })
    }

    /// What a field is compared with: `3`, `> 3` or `(3 or 4)`.
    fn field_values(
        &mut self,
        start: usize,
        test: impl Fn(Relation, u32) -> Primitive,
    ) -> Result<(Node, Inherited), Fault> {
        if self.peek_symbol() == Some(Symbol::Open) {
            self.position += 1;
            let mut values: Vec<Node> = Vec::new();
            loop {
                let number = self.number("a number")?;
                let span = self.span_from(self.position - 1);
                values.push(Node::Primitive(test(Relation::Equal, number), span));
                if !self.take(Symbol::Or) {
                    break;
                }
            }
            self.close()?;
            let mut values = values.into_iter();
            let Some(first) = values.next() else {
                return Err(self.unexpected("a number"));
            };
            let more = values.map(|node| (Join::Or, node)).collect();
            return Ok((chain(first, more), None));
        }
        let relation = self.compared().unwrap_or(Relation::Equal);
        let primitive = test(relation, self.number("a number")?);
        Ok((Node::Primitive(primitive, self.span_from(start)), None))
    }
}

/// A test that is a single keyword.
fn plain(keyword: Keyword) -> Option<Primitive> {
    Some(match keyword {
        Keyword::Lane => Primitive::Atm(AtmType::Lane),
        Keyword::Metac => Primitive::Atm(AtmType::Metac),
        Keyword::Bcc => Primitive::Atm(AtmType::Bcc),
        Keyword::OamF4Ec => Primitive::Atm(AtmType::OamF4Ec),
        Keyword::OamF4Sc => Primitive::Atm(AtmType::OamF4Sc),
        Keyword::Sc => Primitive::Atm(AtmType::Sc),
        Keyword::Ilmic => Primitive::Atm(AtmType::Ilmic),
        // Both are the flow cells F4 of virtual path 0.
        Keyword::Oam | Keyword::OamF4 => Primitive::Atm(AtmType::Oam),
        Keyword::ConnectMsg => Primitive::Atm(AtmType::ConnectMsg),
        Keyword::MetaConnect => Primitive::Atm(AtmType::MetaConnect),
        Keyword::Fisu => Primitive::Mtp2(Mtp2::Fisu),
        Keyword::Lssu => Primitive::Mtp2(Mtp2::Lssu),
        Keyword::Msu => Primitive::Mtp2(Mtp2::Msu),
        Keyword::Hfisu => Primitive::Mtp2(Mtp2::Hfisu),
        Keyword::Hlssu => Primitive::Mtp2(Mtp2::Hlssu),
        Keyword::Hmsu => Primitive::Mtp2(Mtp2::Hmsu),
        _ => return None,
    })
}

/// Lets the place of a single test begin where its qualifiers do.
fn widen(node: Node, start: usize) -> Node {
    match node {
        Node::Primitive(primitive, span) => Node::Primitive(primitive, start..span.end),
        other => other,
    }
}
