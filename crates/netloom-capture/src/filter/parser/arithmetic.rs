//! Numbers: bytes of headers, lengths, and what is reckoned with them.

use super::super::error::Fault;
use super::super::keyword::Keyword;
use super::super::lexer::{Symbol, TokenKind};
use super::super::syntax::{Arithmetic, Node, Operator, Primitive, Relation};
use super::{MAX_DEPTH, Parser};

/// How strongly the operators bind. `%` and `^` have no rank in libpcap's grammar: they bind
/// to what stands before them, however weakly that is bound, and take all that follows.
const WEAKEST: u8 = 0;
const STRONGEST: u8 = 5;

fn rank(operator: Operator) -> Option<u8> {
    Some(match operator {
        Operator::Or => 0,
        Operator::And => 1,
        Operator::ShiftLeft | Operator::ShiftRight => 2,
        Operator::Add | Operator::Subtract => 3,
        Operator::Multiply | Operator::Divide => 4,
        Operator::Modulo | Operator::Xor => return None,
    })
}

fn operator(symbol: Symbol) -> Option<Operator> {
    Some(match symbol {
        Symbol::Plus => Operator::Add,
        Symbol::Minus => Operator::Subtract,
        Symbol::Star => Operator::Multiply,
        Symbol::Slash => Operator::Divide,
        Symbol::Percent => Operator::Modulo,
        Symbol::Ampersand => Operator::And,
        Symbol::Bar => Operator::Or,
        Symbol::Caret => Operator::Xor,
        Symbol::ShiftLeft => Operator::ShiftLeft,
        Symbol::ShiftRight => Operator::ShiftRight,
        _ => return None,
    })
}

impl Parser {
    /// A comparison; `left` began at the word `start`.
    pub(super) fn relation(&mut self, start: usize, left: Arithmetic) -> Result<Node, Fault> {
        let relation = self.compared();
        let Some(relation) = relation else {
            return Err(self.unexpected("a comparison: =, !=, <, <=, > or >="));
        };
        let right = self.arithmetic()?;
        let primitive = Primitive::Relation(left, relation, right);
        Ok(Node::Primitive(primitive, self.span_from(start)))
    }

    /// Takes a comparison sign.
    pub(super) fn compared(&mut self) -> Option<Relation> {
        let relation = match self.peek_symbol()? {
            Symbol::Equal => Relation::Equal,
            Symbol::NotEqual => Relation::NotEqual,
            Symbol::Greater => Relation::Greater,
            Symbol::GreaterEqual => Relation::GreaterEqual,
            Symbol::Less => Relation::Less,
            Symbol::LessEqual => Relation::LessEqual,
            _ => return None,
        };
        self.position += 1;
        Some(relation)
    }

    /// A number.
    pub(super) fn arithmetic(&mut self) -> Result<Arithmetic, Fault> {
        self.binary(WEAKEST).map(|(value, _)| value)
    }

    /// Operators that bind at least as strongly as `weakest`; with how deep the tree is.
    fn binary(&mut self, weakest: u8) -> Result<(Arithmetic, usize), Fault> {
        let start = self.position;
        let (mut left, mut depth) = self.deeper(Self::unary)?;
        while let Some(operator) = self.peek_symbol().and_then(operator) {
            let operator_span = self.span();
            let right = match rank(operator) {
                Some(rank) if rank < weakest => break,
                Some(rank) => {
                    self.position += 1;
                    self.deeper(|parser| parser.binary(rank + 1))?
                }
                None => {
                    self.position += 1;
                    self.deeper(|parser| parser.binary(WEAKEST))?
                }
            };
            depth = 1 + depth.max(right.1);
            if depth > MAX_DEPTH {
                return Err(Fault::new(
                    operator_span,
                    format!("more than {MAX_DEPTH} operators in a row"),
                ));
            }
            let span = self.span_from(start);
            left = Arithmetic::Binary(operator, Box::new(left), Box::new(right.0), span);
        }
        Ok((left, depth))
    }

    fn unary(&mut self) -> Result<(Arithmetic, usize), Fault> {
        if self.take(Symbol::Minus) {
            let (value, depth) = self.deeper(|parser| parser.binary(STRONGEST))?;
            return Ok((Arithmetic::Negate(Box::new(value)), depth + 1));
        }
        if self.take(Symbol::Open) {
            let value = self.deeper(|parser| parser.binary(WEAKEST))?;
            self.close()?;
            return Ok(value);
        }
        if self.take_keyword(Keyword::Len) {
            return Ok((Arithmetic::Len, 1));
        }
        if let Some(number) = self.take_number() {
            return Ok((Arithmetic::Number(number), 1));
        }
        self.load()
    }

    /// Bytes of a header: `tcp[12:2]`.
    fn load(&mut self) -> Result<(Arithmetic, usize), Fault> {
        let start = self.position;
        let Some(protocol) = self.protocol() else {
            return Err(self.unexpected("a number, or bytes of a header like `tcp[0:2]`"));
        };
        self.position += 1;
        if !self.take(Symbol::OpenBracket) {
            return Err(self.unexpected("`[` with the place of the bytes"));
        }
        let (offset, depth) = self.deeper(|parser| parser.binary(WEAKEST))?;
        let mut size = 1;
        if self.take(Symbol::Colon) {
            let span = self.span();
            let missing = self.unexpected("how many bytes: 1, 2 or 4");
            size = self.take_number().ok_or(missing)?;
            if !matches!(size, 1 | 2 | 4) {
                return Err(Fault::new(span, "1, 2 or 4 bytes can be read at once"));
            }
        }
        if !self.take(Symbol::CloseBracket) {
            return Err(self.unexpected("`]`"));
        }
        let span = self.span_from(start);
        let load = Arithmetic::Load(protocol, Box::new(offset), size, span);
        Ok((load, depth + 1))
    }

    /// Whether a number begins here that needs no look at what follows.
    pub(super) fn is_number_next(&self) -> bool {
        match self.peek() {
            Some(
                TokenKind::Number(_)
                | TokenKind::Keyword(Keyword::Len)
                | TokenKind::Symbol(Symbol::Minus),
            ) => true,
            Some(TokenKind::Keyword(Keyword::Protocol(_))) => {
                self.peek_at(1) == Some(&TokenKind::Symbol(Symbol::OpenBracket))
            }
            _ => false,
        }
    }
}
