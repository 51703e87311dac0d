//! From words to what they say.
//!
//! Accepts what libpcap's grammar accepts. Two things make it more than a plain grammar of
//! conditions: a name or number inherits the qualifiers of the one before it (`host a or b`),
//! and a bracket can hold numbers, names or conditions, which shows only further on.

mod arithmetic;
mod primitive;

use std::ops::Range;

use super::error::Fault;
use super::keyword::{self, Keyword};
use super::lexer::{self, Symbol, Token, TokenKind};
use super::syntax::{Direction, Id, IdKind, Join, Node, Primitive, Protocol, Qualifiers};

/// Brackets within brackets, and operators within operators. Bounds the stack, here and where
/// the tree is walked.
const MAX_DEPTH: usize = 200;

/// What an expression says; `None` for an empty one, which every packet matches.
pub(super) fn parse(expression: &str) -> Result<Option<Node>, Fault> {
    let tokens = lexer::tokens(expression)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        tokens,
        position: 0,
        end: expression.trim_end().len(),
        depth: 0,
    };
    let (node, _) = parser.conditions(None)?;
    match parser.peek() {
        None => Ok(Some(node)),
        Some(TokenKind::Symbol(Symbol::Close)) => Err(parser.fault("this bracket closes nothing")),
        Some(_) => Err(parser.unexpected("`and` or `or` before the next condition")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    /// Where the expression ends, for what is missing there.
    end: usize,
    depth: usize,
}

/// Qualifiers that a name without any inherits; `None` after a condition that has none.
type Inherited = Option<Qualifiers>;

impl Parser {
    fn peek(&self) -> Option<&TokenKind> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&TokenKind> {
        self.tokens
            .get(self.position + ahead)
            .map(|token| &token.kind)
    }

    fn peek_symbol(&self) -> Option<Symbol> {
        match self.peek() {
            Some(TokenKind::Symbol(symbol)) => Some(*symbol),
            _ => None,
        }
    }

    fn peek_keyword(&self) -> Option<Keyword> {
        match self.peek() {
            Some(TokenKind::Keyword(keyword)) => Some(*keyword),
            _ => None,
        }
    }

    /// Takes the next word if it is this symbol.
    fn take(&mut self, symbol: Symbol) -> bool {
        let found = self.peek_symbol() == Some(symbol);
        self.position += usize::from(found);
        found
    }

    fn take_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.peek_keyword() == Some(keyword);
        self.position += usize::from(found);
        found
    }

    fn take_number(&mut self) -> Option<u32> {
        let Some(TokenKind::Number(number)) = self.peek() else {
            return None;
        };
        let number = *number;
        self.position += 1;
        Some(number)
    }

    fn take_name(&mut self) -> Option<String> {
        let Some(TokenKind::Name(name)) = self.peek() else {
            return None;
        };
        let name = name.clone();
        self.position += 1;
        Some(name)
    }

    /// Where the next word stands.
    fn span(&self) -> Range<usize> {
        self.tokens
            .get(self.position)
            .map_or(self.end..self.end, |token| token.span.clone())
    }

    /// From the word at `start` to the last one that was taken.
    fn span_from(&self, start: usize) -> Range<usize> {
        let first = self
            .tokens
            .get(start)
            .map_or(self.end, |token| token.span.start);
        let last = self
            .position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        first..last.map_or(self.end, |token| token.span.end).max(first)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.span(), message)
    }

    /// The fault that something else should stand here.
    fn unexpected(&self, expected: &str) -> Fault {
        let Some(kind) = self.peek() else {
            return self.fault(format!("the filter ends where there should be {expected}"));
        };
        let fault = self.fault(format!("here should be {expected}"));
        let TokenKind::Name(name) = kind else {
            return fault;
        };
        if let Some(meant) = keyword::similar(name) {
            return fault.hint(format!("is `{meant}` meant?"));
        }
        match name.as_str() {
            "vxlan" => fault.hint("VXLAN is `udp port 4789`"),
            "dns" => fault.hint("DNS is `port 53`"),
            "http" | "https" | "ssh" | "ftp" | "smtp" | "ntp" | "dhcp" => {
                fault.hint("a service is written with its port: `port http`")
            }
            "ipv6" => fault.hint("IPv6 is `ip6`"),
            "ipv4" => fault.hint("IPv4 is `ip`"),
            _ => fault.hint("a name is written with what it names: `host NAME`, `port NAME`"),
        }
    }

    /// Goes one bracket or operator deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(format!("brackets are more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.take(Symbol::Close) {
            Ok(())
        } else {
            Err(self.unexpected("a closing bracket"))
        }
    }

    fn join(&mut self) -> Option<Join> {
        if self.take(Symbol::And) {
            Some(Join::And)
        } else if self.take(Symbol::Or) {
            Some(Join::Or)
        } else {
            None
        }
    }

    /// Conditions joined by `and` and `or`, and the qualifiers that what follows inherits.
    fn conditions(&mut self, inherited: Inherited) -> Result<(Node, Inherited), Fault> {
        let (first, mut last) = self.condition(inherited)?;
        let mut more = Vec::new();
        while let Some(join) = self.join() {
            let (node, qualifiers) = self.id_or_condition(last)?;
            last = qualifiers;
            more.push((join, node));
        }
        Ok((chain(first, more), last))
    }

    /// How often what follows is negated, as odd or even.
    fn negations(&mut self) -> bool {
        let mut odd = false;
        while self.take(Symbol::Not) {
            odd = !odd;
        }
        odd
    }

    /// What stands after `and` or `or`: a name that inherits its qualifiers, or a condition.
    fn id_or_condition(&mut self, inherited: Inherited) -> Result<(Node, Inherited), Fault> {
        let start = self.position;
        let odd = self.negations();
        if self.is_id_next() {
            let node = self.id(inherited)?;
            return Ok((negate(node, odd), inherited));
        }
        self.position = start;
        self.condition(inherited)
    }

    /// Whether a name, number or address comes next, or a bracket with some.
    fn is_id_next(&mut self) -> bool {
        let start = self.position;
        let mut depth = 0_usize;
        // The first word that is neither a bracket nor a negation decides.
        loop {
            if self.take(Symbol::Open) {
                depth += 1;
            } else if depth == 0 || !self.take(Symbol::Not) {
                break;
            }
        }
        let is_id = match self.peek() {
            Some(
                TokenKind::Name(_)
                | TokenKind::Dotted(_)
                | TokenKind::V6(..)
                | TokenKind::Mac(_)
                | TokenKind::Arcnet(_),
            ) => true,
            Some(TokenKind::Number(_)) => {
                self.position += 1;
                while depth > 0 && self.take(Symbol::Close) {
                    depth -= 1;
                }
                // A number that is reckoned with or compared is none of its own.
                !self.is_arithmetic_next()
            }
            _ => false,
        };
        self.position = start;
        is_id
    }

    /// Whether an operator or a comparison comes next.
    fn is_arithmetic_next(&self) -> bool {
        matches!(
            self.peek_symbol(),
            Some(
                Symbol::Plus
                    | Symbol::Minus
                    | Symbol::Star
                    | Symbol::Slash
                    | Symbol::Percent
                    | Symbol::Ampersand
                    | Symbol::Bar
                    | Symbol::Caret
                    | Symbol::ShiftLeft
                    | Symbol::ShiftRight
                    | Symbol::Less
                    | Symbol::Greater
                    | Symbol::LessEqual
                    | Symbol::GreaterEqual
                    | Symbol::Equal
                    | Symbol::NotEqual
            )
        )
    }

    /// A name, number or address with these qualifiers, or several in a bracket.
    fn id(&mut self, qualifiers: Inherited) -> Result<Node, Fault> {
        let odd = self.negations();
        if self.peek_symbol() == Some(Symbol::Open) {
            if let Some((number, span)) = self.bracketed_number() {
                let node = qualified(qualifiers, Id::Number(number), span)?;
                return Ok(negate(node, odd));
            }
            let node = self.deeper(|parser| {
                parser.position += 1;
                let node = parser.ids(qualifiers)?;
                parser.close()?;
                Ok(node)
            })?;
            return Ok(negate(node, odd));
        }
        let (id, span) = self.single_id()?;
        Ok(negate(qualified(qualifiers, id, span)?, odd))
    }

    /// What a bracket after qualifiers holds. It may not begin with a bracket of its own.
    fn ids(&mut self, qualifiers: Inherited) -> Result<Node, Fault> {
        let first = if let Some((number, span)) = self.bracketed_number() {
            qualified(qualifiers, Id::Number(number), span)?
        } else if self.peek_symbol() == Some(Symbol::Open) {
            return Err(self
                .unexpected("a name or an address")
                .hint("leave the second bracket out"));
        } else {
            self.id(qualifiers)?
        };
        let mut more = Vec::new();
        while let Some(join) = self.join() {
            more.push((join, self.id(qualifiers)?));
        }
        Ok(chain(first, more))
    }

    /// A number, in brackets or not, if there is one; it is taken then.
    fn bracketed_number(&mut self) -> Option<(u32, Range<usize>)> {
        let start = self.position;
        let mut depth = 0;
        while self.take(Symbol::Open) {
            depth += 1;
        }
        let number = self.take_number();
        let closed = number.is_some() && (0..depth).all(|_| self.take(Symbol::Close));
        if let (Some(number), true) = (number, closed) {
            return Some((number, self.span_from(start)));
        }
        self.position = start;
        None
    }

    /// A name, number or address.
    fn single_id(&mut self) -> Result<(Id, Range<usize>), Fault> {
        let start = self.position;
        let Some(kind) = self.peek().cloned() else {
            return Err(self.unexpected("a name, a number or an address"));
        };
        let id = match kind {
            TokenKind::Name(name) => {
                self.position += 1;
                Id::Name(name)
            }
            TokenKind::Number(number) => {
                self.position += 1;
                Id::Number(number)
            }
            TokenKind::Dotted(address) => {
                self.position += 1;
                if self.take(Symbol::Slash) {
                    let length = self.prefix_length()?;
                    Id::DottedPrefix(address, length)
                } else if self.take_keyword(Keyword::Mask) {
                    let Some(TokenKind::Dotted(mask)) = self.peek().cloned() else {
                        return Err(self.unexpected("a mask like 255.255.0.0"));
                    };
                    self.position += 1;
                    Id::DottedMask(address, mask)
                } else {
                    Id::Dotted(address)
                }
            }
            TokenKind::V6(address) => {
                self.position += 1;
                if self.take(Symbol::Slash) {
                    Id::V6(address, self.prefix_length()?)
                } else {
                    Id::V6(address, 128)
                }
            }
            TokenKind::Mac(address) => {
                self.position += 1;
                Id::Mac(address)
            }
            TokenKind::Arcnet(address) => {
                self.position += 1;
                Id::Arcnet(address)
            }
            TokenKind::Keyword(_) => {
                let fault = self.unexpected("a name, a number or an address");
                let said = "a keyword that is meant as a name stands after a backslash: `\\tcp`";
                return Err(fault.hint(said));
            }
            TokenKind::Symbol(_) => {
                return Err(self.unexpected("a name, a number or an address"));
            }
        };
        Ok((id, self.span_from(start)))
    }

    fn prefix_length(&mut self) -> Result<u32, Fault> {
        let missing = self.unexpected("the length of the prefix, a number");
        self.take_number().ok_or(missing)
    }

    /// A condition that says itself what it tests.
    fn condition(&mut self, inherited: Inherited) -> Result<(Node, Inherited), Fault> {
        let odd = self.negations();
        if self.peek_symbol() == Some(Symbol::Open) {
            if let Some(node) = self.bracketed_relation()? {
                return Ok((negate(node, odd), None));
            }
            let node = self.deeper(|parser| {
                parser.position += 1;
                let (node, _) = parser.conditions(inherited)?;
                parser.close()?;
                Ok(node)
            })?;
            // What follows a bracket inherits what was before it.
            return Ok((negate(node, odd), inherited));
        }
        let (node, qualifiers) = self.primitive()?;
        Ok((negate(node, odd), qualifiers))
    }

    /// A comparison whose left side begins with a bracket, if that is what comes.
    fn bracketed_relation(&mut self) -> Result<Option<Node>, Fault> {
        let start = self.position;
        let depth = self.depth;
        let left = self.arithmetic();
        self.depth = depth;
        match left {
            Ok(left) if self.is_arithmetic_next() => self.relation(start, left).map(Some),
            _ => {
                self.position = start;
                Ok(None)
            }
        }
    }

    /// The qualifiers that come next, if any do: `src host`, `tcp port`.
    fn qualifiers(&mut self) -> Result<Inherited, Fault> {
        let start = self.position;
        let protocol = match self.peek_keyword() {
            Some(Keyword::Protocol(protocol)) => {
                self.position += 1;
                Some(protocol)
            }
            _ => None,
        };
        let direction = self.direction()?;
        let kind = match self.peek_keyword() {
            Some(Keyword::Host) => Some(IdKind::Host),
            Some(Keyword::Net) => Some(IdKind::Net),
            Some(Keyword::Port) => Some(IdKind::Port),
            Some(Keyword::PortRange) => Some(IdKind::PortRange),
            // These take no direction.
            Some(Keyword::Proto) if direction.is_none() => Some(IdKind::Proto),
            Some(Keyword::ProtoChain) if direction.is_none() => Some(IdKind::ProtoChain),
            Some(Keyword::Gateway) if direction.is_none() => Some(IdKind::Gateway),
            _ => None,
        };
        if kind.is_none() && direction.is_none() {
            self.position = start;
            return Ok(None);
        }
        self.position += usize::from(kind.is_some());
        Ok(Some(Qualifiers {
            protocol,
            direction,
            kind: kind.unwrap_or(IdKind::Default),
        }))
    }

    fn direction(&mut self) -> Result<Option<Direction>, Fault> {
        let Some(keyword) = self.peek_keyword() else {
            return Ok(None);
        };
        let (direction, other) = match keyword {
            Keyword::Src => (Direction::Src, Some(Keyword::Dst)),
            Keyword::Dst => (Direction::Dst, Some(Keyword::Src)),
            Keyword::Addr1 => (Direction::Addr1, None),
            Keyword::Addr2 => (Direction::Addr2, None),
            Keyword::Addr3 => (Direction::Addr3, None),
            Keyword::Addr4 => (Direction::Addr4, None),
            Keyword::Ra => (Direction::Ra, None),
            Keyword::Ta => (Direction::Ta, None),
            _ => return Ok(None),
        };
        self.position += 1;
        let Some(other) = other else {
            return Ok(Some(direction));
        };
        let Some(join) = self.join() else {
            return Ok(Some(direction));
        };
        if !self.take_keyword(other) {
            let other = if other == Keyword::Src {
                "`src`"
            } else {
                "`dst`"
            };
            return Err(self.unexpected(other));
        }
        Ok(Some(match join {
            Join::And => Direction::Both,
            Join::Or => Direction::Either,
        }))
    }

    /// The protocol keyword that comes next.
    fn protocol(&self) -> Option<Protocol> {
        match self.peek_keyword() {
            Some(Keyword::Protocol(protocol)) => Some(protocol),
            _ => None,
        }
    }
}

/// A name with its qualifiers.
fn qualified(qualifiers: Inherited, id: Id, span: Range<usize>) -> Result<Node, Fault> {
    match qualifiers {
        Some(qualifiers) => Ok(Node::Primitive(Primitive::Id(qualifiers, id), span)),
        None => Err(
            Fault::new(span, "it is not said what this is: a host, a net, a port?")
                .hint("the condition before it has nothing that it could take over"),
        ),
    }
}

fn negate(node: Node, odd: bool) -> Node {
    if odd { Node::Not(Box::new(node)) } else { node }
}

fn chain(first: Node, more: Vec<(Join, Node)>) -> Node {
    if more.is_empty() {
        first
    } else {
        Node::Chain(Box::new(first), more)
    }
}

#[cfg(test)]
mod tests;
