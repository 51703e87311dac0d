//! ONNX graphs: nodes, constants, inputs and outputs.
//!
//! Field numbers are those of `onnx.proto3` (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>).

use super::proto::Message;

/// Version of the standard operators that are used.
const OPSET: i64 = 17;
/// Version of the operators for classical models.
const ML_OPSET: i64 = 3;
const ML: &str = "ai.onnx.ml";
/// Version of the format that goes with them.
const IR_VERSION: i64 = 8;

/// Types of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Float = 1,
    Int64 = 7,
    String = 8,
    Double = 11,
}

/// A value in the graph, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value(pub(super) String);

/// A graph that is being built.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    names: usize,
}

/// An attribute of a node.
#[derive(Debug, Clone)]
pub(super) struct Attribute(Message);

impl Attribute {
    pub(super) fn int(name: &str, value: i64) -> Self {
        Self(Message::new().bytes(1, name).int(3, value).int(20, 2))
    }

    pub(super) fn float(name: &str, value: f32) -> Self {
        Self(Message::new().bytes(1, name).float(2, value).int(20, 1))
    }

    pub(super) fn text(name: &str, value: &str) -> Self {
        Self(Message::new().bytes(1, name).bytes(4, value).int(20, 3))
    }

    pub(super) fn ints(name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        Self(Message::new().bytes(1, name).ints(8, values).int(20, 7))
    }

    pub(super) fn texts<S: AsRef<[u8]>>(name: &str, values: impl IntoIterator<Item = S>) -> Self {
        let message = values
            .into_iter()
            .fold(Message::new().bytes(1, name), |message, value| {
                message.bytes(9, value)
            });
        Self(message.int(20, 8))
    }

    pub(super) fn floats(name: &str, values: &[f32]) -> Self {
        let packed: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        Self(Message::new().bytes(1, name).bytes(7, packed).int(20, 6))
    }
}

impl Graph {
    /// A name that no other value has.
    fn name(&mut self, operator: &str) -> Value {
        self.names += 1;
        Value(format!("{operator}_{}", self.names))
    }

    /// What goes in: `rows` × 1.
    pub(super) fn input(&mut self, name: &str, kind: Type) -> Value {
        self.inputs.push(value_info(name, kind, &[1]));
        Value(name.to_owned())
    }

    /// What comes out: `rows`, and further sizes.
    pub(super) fn output(&mut self, value: &Value, name: &str, kind: Type, sizes: &[usize]) {
        let node = Message::new()
            .bytes(1, &value.0)
            .bytes(2, name)
            .bytes(3, name)
            .bytes(4, "Identity");
        self.nodes.push(node);
        self.outputs.push(value_info(name, kind, sizes));
    }

    pub(super) fn doubles(&mut self, sizes: &[usize], values: &[f64]) -> Value {
        self.constant(sizes, Type::Double, |bytes| {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    pub(super) fn floats(&mut self, sizes: &[usize], values: &[f32]) -> Value {
        self.constant(sizes, Type::Float, |bytes| {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    pub(super) fn ints(&mut self, sizes: &[usize], values: &[i64]) -> Value {
        self.constant(sizes, Type::Int64, |bytes| {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        })
    }

    pub(super) fn texts(&mut self, values: &[String]) -> Value {
        let name = self.name("constant");
        let message = Message::new()
            .ints(1, [values.len() as i64])
            .int(2, Type::String as i64);
        let message = values
            .iter()
            .fold(message, |message, value| message.bytes(6, value));
        self.constants.push(message.bytes(8, &name.0));
        name
    }

    fn constant(&mut self, sizes: &[usize], kind: Type, fill: impl FnOnce(&mut Vec<u8>)) -> Value {
        let name = self.name("constant");
        self.constants.push(tensor(&name.0, sizes, kind, fill));
        name
    }

    /// A node with a standard operator; what comes out of it.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Value {
        self.push(operator, "", inputs, attributes)
    }

    /// A node with an operator for classical models.
    pub(super) fn ml_node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Value {
        self.push(operator, ML, inputs, attributes)
    }

    fn push(
        &mut self,
        operator: &str,
        domain: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Value {
        let output = self.name(operator);
        let mut node = Message::new();
        for input in inputs {
            node = node.bytes(1, &input.0);
        }
        node = node
            .bytes(2, &output.0)
            .bytes(3, &output.0)
            .bytes(4, operator);
        for attribute in attributes {
            node = node.message(5, &attribute.0);
        }
        self.nodes.push(node.bytes(7, domain));
        output
    }

    pub(super) fn cast(&mut self, value: &Value, to: Type) -> Value {
        self.node("Cast", &[value], [Attribute::int("to", to as i64)])
    }

    /// The model, with facts about it.
    pub(super) fn finish(self, name: &str, facts: &[(String, String)]) -> Vec<u8> {
        let mut graph = Message::new();
        for node in &self.nodes {
            graph = graph.message(1, node);
        }
        graph = graph.bytes(2, name);
        for constant in &self.constants {
            graph = graph.message(5, constant);
        }
        for input in &self.inputs {
            graph = graph.message(11, input);
        }
        for output in &self.outputs {
            graph = graph.message(12, output);
        }
        let opset = |domain: &str, version| Message::new().bytes(1, domain).int(2, version);
        let mut model = Message::new()
            .int(1, IR_VERSION)
            .bytes(2, "netloom")
            .bytes(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &opset("", OPSET))
            .message(8, &opset(ML, ML_OPSET));
        for (key, value) in facts {
            model = model.message(14, &Message::new().bytes(1, key).bytes(2, value));
        }
        model.into_bytes()
    }
}

fn tensor(name: &str, sizes: &[usize], kind: Type, fill: impl FnOnce(&mut Vec<u8>)) -> Message {
    let mut bytes = Vec::new();
    fill(&mut bytes);
    Message::new()
        .ints(1, sizes.iter().map(|&size| size as i64))
        .int(2, kind as i64)
        .bytes(8, name)
        .bytes(9, bytes)
}

/// A value of any number of rows, and of further sizes.
fn value_info(name: &str, kind: Type, sizes: &[usize]) -> Message {
    let mut shape = Message::new().message(1, &Message::new().bytes(2, "rows"));
    for &size in sizes {
        shape = shape.message(1, &Message::new().int(1, size as i64));
    }
    let tensor = Message::new().int(1, kind as i64).message(2, &shape);
    Message::new()
        .bytes(1, name)
        .message(2, &Message::new().message(1, &tensor))
}
