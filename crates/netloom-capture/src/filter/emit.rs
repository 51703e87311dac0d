//! Instructions for a graph of tests: which registers and which words of memory hold what, and
//! jumps.

use super::condition::{Comparison, Operand, Test};
use super::graph::{Graph, Target};
use super::program::{Instruction, MAX_INSTRUCTIONS, MEMORY, code};
use super::syntax::Operator;
use super::value::{Size, Value, ValueId, Values};

/// Why no instructions can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmitError {
    /// More than a program may have.
    TooLong,
    /// An expression needs more words of memory than there are.
    TooComplex,
}

/// What registers and memory hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    a: Option<ValueId>,
    x: Option<ValueId>,
    /// Which shared numbers are in memory, a bit each.
    memory: u32,
}

impl State {
    /// What holds on both ways.
    fn common(self, other: Self) -> Self {
        Self {
            a: self.a.filter(|_| self.a == other.a),
            x: self.x.filter(|_| self.x == other.x),
            memory: self.memory & other.memory,
        }
    }
}

/// Instructions that compute a test's number, and the jump.
struct Block {
    body: Vec<Instruction>,
    jump: u16,
    operand: u32,
    yes: Target,
    no: Target,
}

/// Instructions for a graph; `accepted` is what the program returns for packets that match.
pub(super) fn emit(
    graph: &Graph,
    values: &Values,
    accepted: u32,
) -> Result<Vec<Instruction>, EmitError> {
    if values.shared() > MEMORY {
        return Err(EmitError::TooComplex);
    }
    let order = order(graph);
    let mut states: Vec<Option<State>> = vec![None; graph.branches.len()];
    if let Target::Test(start) = graph.start
        && let Some(place) = states.get_mut(start)
    {
        *place = Some(State::default());
    }
    let mut blocks = Vec::with_capacity(order.len());
    let mut length = 0;
    for &index in &order {
        let Some(branch) = graph.branches.get(index) else {
            continue;
        };
        let mut emitter = Emitter {
            values,
            code: Vec::new(),
            state: states.get(index).copied().flatten().unwrap_or_default(),
            temporaries: values.shared(),
        };
        let (jump, operand) = emitter.test(branch.test)?;
        let end = emitter.state;
        for target in [branch.yes, branch.no] {
            if let Target::Test(to) = target
                && let Some(place) = states.get_mut(to)
            {
                *place = Some(place.map_or(end, |other| other.common(end)));
            }
        }
        length += emitter.code.len() + 1;
        if length > MAX_INSTRUCTIONS {
            return Err(EmitError::TooLong);
        }
        blocks.push(Block {
            body: emitter.code,
            jump,
            operand,
            yes: branch.yes,
            no: branch.no,
        });
    }
    let program = Layout::new(&order, &blocks, graph).link(accepted);
    if program.len() > MAX_INSTRUCTIONS {
        return Err(EmitError::TooLong);
    }
    Ok(program)
}

/// The tests in the order of their instructions: each before those it leads to, and what it
/// leads to if it holds right after it where that is possible.
fn order(graph: &Graph) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = vec![false; graph.branches.len()];
    let mut stack = vec![(graph.start, false)];
    while let Some((target, done)) = stack.pop() {
        let Target::Test(index) = target else {
            continue;
        };
        if done {
            order.push(index);
            continue;
        }
        let (Some(seen), Some(branch)) = (seen.get_mut(index), graph.branches.get(index)) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        stack.push((target, true));
        stack.push((branch.yes, false));
        stack.push((branch.no, false));
    }
    order.reverse();
    order
}

/// Makes the instructions of one test.
struct Emitter<'a> {
    values: &'a Values,
    code: Vec<Instruction>,
    state: State,
    /// The next word of memory for what is needed only inside this test.
    temporaries: usize,
}

impl Emitter<'_> {
    fn push(&mut self, code: u16, k: u32) {
        self.code.push(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        });
    }

    /// Computes what is compared; the jump and its constant.
    fn test(&mut self, test: Test) -> Result<(u16, u32), EmitError> {
        let jump = code::JMP
            | match test.comparison {
                Comparison::Equal => code::JEQ,
                Comparison::Greater => code::JGT,
                Comparison::GreaterEqual => code::JGE,
                Comparison::AnyBit => code::JSET,
            };
        match test.operand {
            Operand::Number(number) => {
                self.load_a(test.value)?;
                Ok((jump | code::K, number))
            }
            Operand::Value(other) => {
                self.load_both(test.value, other)?;
                Ok((jump | code::X, 0))
            }
        }
    }

    /// Computes a number into A.
    fn load_a(&mut self, id: ValueId) -> Result<(), EmitError> {
        if self.state.a == Some(id) {
            return Ok(());
        }
        if self.state.x == Some(id) {
            self.push(code::MISC | code::TXA, 0);
            self.state.a = Some(id);
            return Ok(());
        }
        let slot = self.values.memory(id);
        if let Some(slot) = slot
            && self.state.memory & (1 << slot) != 0
        {
            self.push(code::LD | code::MEM, slot as u32);
            self.state.a = Some(id);
            return Ok(());
        }
        match self.values.get(id) {
            Value::Const(number) => self.push(code::LD | code::IMM, number),
            Value::Len => self.push(code::LD | code::LEN, 0),
            Value::Load { size, base, offset } => {
                let size = match size {
                    Size::Byte => code::B,
                    Size::Half => code::H,
                    Size::Word => code::W,
                };
                let mode = match base {
                    Some(base) => {
                        self.load_x(base)?;
                        code::IND
                    }
                    None => code::ABS,
                };
                self.push(code::LD | size | mode, offset);
            }
            Value::HeaderLength(_) => {
                self.load_x(id)?;
                self.push(code::MISC | code::TXA, 0);
            }
            Value::Negate(inner) => {
                self.load_a(inner)?;
                self.push(code::ALU | code::NEG, 0);
            }
            Value::Binary(operator, left, right) => {
                let operation = code::ALU | operation(operator);
                if let Some(number) = self.immediate(operator, right) {
                    self.load_a(left)?;
                    self.push(operation | code::K, number);
                } else {
                    self.load_both(left, right)?;
                    self.push(operation | code::X, 0);
                }
            }
        }
        self.state.a = Some(id);
        if let Some(slot) = slot {
            self.push(code::ST, slot as u32);
            self.state.memory |= 1 << slot;
        }
        Ok(())
    }

    /// Computes a number into X; A may change.
    fn load_x(&mut self, id: ValueId) -> Result<(), EmitError> {
        if self.state.x == Some(id) {
            return Ok(());
        }
        let slot = self.values.memory(id);
        match (slot, self.values.get(id)) {
            (Some(slot), _) if self.state.memory & (1 << slot) != 0 => {
                self.push(code::LDX | code::MEM, slot as u32);
            }
            (None, Value::Const(number)) => self.push(code::LDX | code::IMM, number),
            (None, Value::Len) => self.push(code::LDX | code::LEN, 0),
            (None, Value::HeaderLength(offset)) => {
                self.push(code::LDX | code::B | code::MSH, offset);
            }
            _ => {
                self.load_a(id)?;
                self.push(code::MISC | code::TAX, 0);
            }
        }
        self.state.x = Some(id);
        Ok(())
    }

    /// Whether a number surely gets into A without a change of X, whatever A holds.
    fn leaves_x(&self, id: ValueId) -> bool {
        if self.is_in_memory(id) {
            return true;
        }
        match self.values.get(id) {
            Value::Const(_) | Value::Len => true,
            Value::Load { base, .. } => base.is_none(),
            Value::HeaderLength(_) => false,
            Value::Negate(inner) => self.leaves_x(inner),
            Value::Binary(operator, left, right) => {
                self.immediate(operator, right).is_some() && self.leaves_x(left)
            }
        }
    }

    /// Whether a number surely gets into X without a change of A, whatever X holds.
    fn leaves_a(&self, id: ValueId) -> bool {
        if self.values.memory(id).is_some() {
            return self.is_in_memory(id);
        }
        matches!(
            self.values.get(id),
            Value::Const(_) | Value::Len | Value::HeaderLength(_)
        )
    }

    fn is_in_memory(&self, id: ValueId) -> bool {
        self.values
            .memory(id)
            .is_some_and(|slot| self.state.memory & (1 << slot) != 0)
    }

    /// The constant of an operation that may stand in its instruction. A division by zero or a
    /// shift by too much may not; they come out at run time.
    fn immediate(&self, operator: Operator, right: ValueId) -> Option<u32> {
        let number = self.values.as_constant(right)?;
        let refused = matches!(
            (operator, number),
            (Operator::Divide | Operator::Modulo, 0)
                | (Operator::ShiftLeft | Operator::ShiftRight, 32..)
        );
        (!refused).then_some(number)
    }

    /// Computes one number into A and another into X.
    fn load_both(&mut self, a: ValueId, x: ValueId) -> Result<(), EmitError> {
        if self.leaves_a(x) {
            self.load_a(a)?;
            return self.load_x(x);
        }
        if self.leaves_x(a) {
            self.load_x(x)?;
            return self.load_a(a);
        }
        let slot = self.temporaries;
        if slot >= MEMORY {
            return Err(EmitError::TooComplex);
        }
        self.load_a(x)?;
        self.push(code::ST, slot as u32);
        self.temporaries += 1;
        self.load_a(a)?;
        self.temporaries -= 1;
        self.push(code::LDX | code::MEM, slot as u32);
        self.state.x = Some(x);
        Ok(())
    }
}

fn operation(operator: Operator) -> u16 {
    match operator {
        Operator::Add => code::ADD,
        Operator::Subtract => code::SUB,
        Operator::Multiply => code::MUL,
        Operator::Divide => code::DIV,
        Operator::Modulo => code::MOD,
        Operator::And => code::AND,
        Operator::Or => code::OR,
        Operator::Xor => code::XOR,
        Operator::ShiftLeft => code::LSH,
        Operator::ShiftRight => code::RSH,
    }
}

/// Where the instructions of each test stand.
struct Layout<'a> {
    blocks: &'a [Block],
    start: Target,
    /// Position in `blocks` of each test.
    position: Vec<usize>,
    /// Which ways of a block need a jump of their own, as they lead too far.
    long: Vec<[bool; 2]>,
    /// First instruction of each block, and of the returns after them.
    address: Vec<usize>,
    rejects: bool,
    accepts: bool,
}

impl<'a> Layout<'a> {
    fn new(order: &[usize], blocks: &'a [Block], graph: &Graph) -> Self {
        let mut position = vec![0; graph.branches.len()];
        for (place, index) in order.iter().enumerate() {
            if let Some(position) = position.get_mut(*index) {
                *position = place;
            }
        }
        let ends = |end: Target| {
            graph.start == end
                || blocks
                    .iter()
                    .any(|block| block.yes == end || block.no == end)
        };
        let mut layout = Self {
            blocks,
            start: graph.start,
            position,
            long: vec![[false; 2]; blocks.len()],
            address: Vec::new(),
            rejects: ends(Target::Reject),
            accepts: ends(Target::Accept),
        };
        // A way that got a jump keeps it, so this ends.
        loop {
            layout.assign();
            if !layout.lengthen() {
                return layout;
            }
        }
    }

    fn assign(&mut self) {
        self.address.clear();
        let mut next = 0;
        for (block, long) in self.blocks.iter().zip(&self.long) {
            self.address.push(next);
            next += block.body.len() + 1 + long.iter().filter(|long| **long).count();
        }
        self.address.push(next);
    }

    fn address_of(&self, target: Target) -> usize {
        let end = self.address.last().copied().unwrap_or(0);
        match target {
            Target::Accept => end,
            Target::Reject => end + usize::from(self.accepts),
            Target::Test(index) => {
                let place = self.position.get(index).copied().unwrap_or(0);
                self.address.get(place).copied().unwrap_or(0)
            }
        }
    }

    /// The instruction after a block's jump.
    fn after_jump(&self, place: usize) -> usize {
        let start = self.address.get(place).copied().unwrap_or(0);
        start + self.blocks.get(place).map_or(0, |block| block.body.len()) + 1
    }

    fn lengthen(&mut self) -> bool {
        let mut changed = false;
        for (place, block) in self.blocks.iter().enumerate() {
            let after = self.after_jump(place);
            for (way, target) in [block.yes, block.no].into_iter().enumerate() {
                let far = self.address_of(target) - after > usize::from(u8::MAX);
                if let Some(long) = self.long.get_mut(place).and_then(|long| long.get_mut(way))
                    && far
                    && !*long
                {
                    *long = true;
                    changed = true;
                }
            }
        }
        changed
    }

    fn link(&self, accepted: u32) -> Vec<Instruction> {
        let mut program = Vec::new();
        let plain = |code, k| Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        };
        // The first test of the order is the start.
        debug_assert!(self.blocks.is_empty() || self.address_of(self.start) == 0);
        for (place, block) in self.blocks.iter().enumerate() {
            program.extend_from_slice(&block.body);
            let after = self.after_jump(place);
            let long = self.long.get(place).copied().unwrap_or_default();
            let mut jumps = Vec::new();
            let mut skip = [0_u8; 2];
            for (way, target) in [block.yes, block.no].into_iter().enumerate() {
                let far = long.get(way).copied().unwrap_or(false);
                let distance = self.address_of(target) - after;
                let distance = if far {
                    let own = jumps.len();
                    jumps.push(plain(code::JMP | code::JA, (distance - own - 1) as u32));
                    own
                } else {
                    distance
                };
                if let Some(skip) = skip.get_mut(way) {
                    *skip = distance as u8;
                }
            }
            let [jt, jf] = skip;
            program.push(Instruction {
                code: block.jump,
                jt,
                jf,
                k: block.operand,
            });
            program.append(&mut jumps);
        }
        if self.accepts {
            program.push(plain(code::RET | code::K, accepted));
        }
        if self.rejects {
            program.push(plain(code::RET | code::K, 0));
        }
        program
    }
}
