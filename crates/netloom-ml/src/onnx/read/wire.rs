//! Protocol buffers as they are read: fields of a message, and the messages of `onnx.proto3`
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>) that a model is made of.
//!
//! Messages are read to a fixed depth, nothing calls itself, and what is kept points into the file.

use std::sync::Arc;

use super::OnnxImportError;
use super::tensor::{Data, Element, Tensor, elements};

/// A field's value.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Single(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message.
struct Fields<'a>(&'a [u8]);

fn damaged(what: &str) -> OnnxImportError {
    OnnxImportError::Damaged(what.to_owned())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, OnnxImportError> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes
            .split_first()
            .ok_or_else(|| damaged("it ends within a number"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(damaged("a number is too long"))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], OnnxImportError> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (part, rest) = bytes
        .split_at_checked(length)
        .ok_or_else(|| damaged("it ends within a field"))?;
    *bytes = rest;
    Ok(part)
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, OnnxImportError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Wire::Number(varint(&mut self.0)?),
            1 => Wire::Bytes(take(&mut self.0, 8)?),
            2 => {
                let length = varint(&mut self.0)?;
                Wire::Bytes(take(&mut self.0, length)?)
            }
            5 => {
                let bytes = take(&mut self.0, 4)?;
                Wire::Single(bytes.try_into().map_or(0, u32::from_le_bytes))
            }
            _ => return Err(damaged("a field has no known type")),
        };
        Ok(Some((key >> 3, value)))
    }
}

impl<'a> Wire<'a> {
    fn bytes(self) -> Result<&'a [u8], OnnxImportError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(damaged("a number stands where a message belongs")),
        }
    }

    fn text(self) -> Result<&'a str, OnnxImportError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| damaged("a name is no UTF-8"))
    }

    fn int(self) -> Result<i64, OnnxImportError> {
        match self {
            Self::Number(number) => Ok(number as i64),
            _ => Err(damaged("a message stands where a number belongs")),
        }
    }

    /// One number, or all of a packed field.
    fn ints(self, to: &mut Vec<i64>) -> Result<(), OnnxImportError> {
        match self {
            Self::Number(number) => to.push(number as i64),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    to.push(varint(&mut bytes)? as i64);
                }
            }
            Self::Single(_) => return Err(damaged("a whole number is none")),
        }
        Ok(())
    }

    fn floats(self, to: &mut Vec<f64>) -> Result<(), OnnxImportError> {
        match self {
            Self::Single(bits) => to.push(f64::from(f32::from_bits(bits))),
            Self::Bytes(bytes) => to.extend(singles(bytes)?),
            Self::Number(_) => return Err(damaged("a number of single precision is none")),
        }
        Ok(())
    }

    fn doubles(self, to: &mut Vec<f64>) -> Result<(), OnnxImportError> {
        to.extend(doubles(self.bytes()?)?);
        Ok(())
    }
}

fn singles(bytes: &[u8]) -> Result<impl Iterator<Item = f64> + '_, OnnxImportError> {
    let (parts, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(damaged("numbers are cut off"));
    }
    Ok(parts
        .iter()
        .map(|part| f64::from(f32::from_le_bytes(*part))))
}

fn doubles(bytes: &[u8]) -> Result<impl Iterator<Item = f64> + '_, OnnxImportError> {
    let (parts, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(damaged("numbers are cut off"));
    }
    Ok(parts.iter().map(|part| f64::from_le_bytes(*part)))
}

/// A value that goes into a graph or comes out.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    /// Type of its elements, as a tensor; 0 where it is none.
    pub(super) element: i64,
    /// Its sizes; none where any will do.
    pub(super) sizes: Vec<Option<usize>>,
}

/// A node.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// An attribute of a node.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: f64,
    pub(super) int: i64,
    pub(super) text: &'a [u8],
    pub(super) tensor: Option<Arc<Tensor>>,
    pub(super) floats: Vec<f64>,
    pub(super) ints: Vec<i64>,
    pub(super) texts: Vec<&'a [u8]>,
}

/// A model's graph, and what else is said of it.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) facts: Vec<(&'a str, &'a str)>,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) constants: Vec<(&'a str, Tensor)>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// Reads a model.
pub(super) fn model(bytes: &[u8]) -> Result<Model<'_>, OnnxImportError> {
    let mut fields = Fields(bytes);
    let mut model = Model::default();
    let mut graph = None;
    let mut opsets = 0;
    let not = |_| OnnxImportError::NotOnnx;
    while let Some((field, value)) = fields.next().map_err(not)? {
        match field {
            7 => graph = Some(value.bytes().map_err(not)?),
            8 => opsets += 1,
            14 => {
                let (mut key, mut said) = ("", "");
                let mut fact = Fields(value.bytes()?);
                while let Some((field, value)) = fact.next()? {
                    match field {
                        1 => key = value.text()?,
                        2 => said = value.text()?,
                        _ => {}
                    }
                }
                model.facts.push((key, said));
            }
            _ => {}
        }
    }
    // Any two bytes may be a field; a model has a graph and says what its operators are.
    let graph = graph
        .filter(|_| opsets > 0)
        .ok_or(OnnxImportError::NotOnnx)?;
    let mut fields = Fields(graph);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => model.nodes.push(node(value.bytes()?)?),
            5 => model.constants.push(tensor(value.bytes()?)?),
            11 => model.inputs.push(value_info(value.bytes()?)?),
            12 => model.outputs.push(value_info(value.bytes()?)?),
            15 => {
                return Err(OnnxImportError::Unsupported(
                    "weights in sparse form".to_owned(),
                ));
            }
            _ => {}
        }
    }
    Ok(model)
}

fn node(bytes: &[u8]) -> Result<Node<'_>, OnnxImportError> {
    let mut fields = Fields(bytes);
    let mut node = Node::default();
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => node.inputs.push(value.text()?),
            2 => node.outputs.push(value.text()?),
            3 => node.name = value.text()?,
            4 => node.operator = value.text()?,
            5 => node.attributes.push(attribute(value.bytes()?)?),
            7 => node.domain = value.text()?,
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(bytes: &[u8]) -> Result<Attribute<'_>, OnnxImportError> {
    let mut fields = Fields(bytes);
    let mut attribute = Attribute::default();
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, _) => attribute.name = value.text()?,
            (2, Wire::Single(bits)) => attribute.float = f64::from(f32::from_bits(bits)),
            (3, _) => attribute.int = value.int()?,
            (4, _) => attribute.text = value.bytes()?,
            (5, _) => attribute.tensor = Some(Arc::new(tensor(value.bytes()?)?.1)),
            (7, _) => value.floats(&mut attribute.floats)?,
            (8, _) => value.ints(&mut attribute.ints)?,
            (9, _) => attribute.texts.push(value.bytes()?),
            _ => {}
        }
    }
    Ok(attribute)
}

/// A tensor with its name.
fn tensor(bytes: &[u8]) -> Result<(&str, Tensor), OnnxImportError> {
    let mut fields = Fields(bytes);
    let (mut name, mut kind, mut raw) = ("", 0, None);
    let (mut sizes, mut ints, mut numbers, mut texts) = (vec![], vec![], vec![], vec![]);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => value.ints(&mut sizes)?,
            2 => kind = value.int()?,
            4 => value.floats(&mut numbers)?,
            5 | 7 => value.ints(&mut ints)?,
            6 => texts.push(Arc::<str>::from(String::from_utf8_lossy(value.bytes()?))),
            8 => name = value.text()?,
            9 => raw = Some(value.bytes()?),
            10 => value.doubles(&mut numbers)?,
            14 if value.int()? == 1 => {
                return Err(OnnxImportError::Unsupported(
                    "weights in a file of their own (export with external_data=False)".to_owned(),
                ));
            }
            _ => {}
        }
    }
    let element = element(kind)?;
    if let Some(raw) = raw {
        numbers = match kind {
            1 => singles(raw)?.collect(),
            11 => doubles(raw)?.collect(),
            _ => whole(kind, raw)?,
        };
    } else if !ints.is_empty() {
        numbers.extend(ints.iter().map(|number| *number as f64));
    }
    let sizes: Vec<usize> = sizes
        .iter()
        .map(|size| usize::try_from(*size).map_err(|_| damaged("a size is negative")))
        .collect::<Result<_, _>>()?;
    let data = if element == Element::Text {
        Data::Texts(texts)
    } else {
        Data::Numbers(numbers)
    };
    let found = data.len();
    if elements(&sizes) != Ok(found) {
        return Err(OnnxImportError::Damaged(format!(
            "the constant {name:?} has other sizes than values"
        )));
    }
    Ok((name, Tensor::new(element, sizes, data)))
}

/// Whole numbers in the bytes that their type has.
fn whole(kind: i64, raw: &[u8]) -> Result<Vec<f64>, OnnxImportError> {
    Ok(match kind {
        6 => raw
            .as_chunks::<4>()
            .0
            .iter()
            .map(|part| f64::from(i32::from_le_bytes(*part)))
            .collect(),
        7 => raw
            .as_chunks::<8>()
            .0
            .iter()
            .map(|part| i64::from_le_bytes(*part) as f64)
            .collect(),
        2 | 9 => raw.iter().map(|byte| f64::from(*byte)).collect(),
        3 => raw.iter().map(|byte| f64::from(*byte as i8)).collect(),
        _ => return Err(damaged("text stands as raw bytes")),
    })
}

/// The type of elements, from its number.
pub(super) fn element(kind: i64) -> Result<Element, OnnxImportError> {
    Ok(match kind {
        1 => Element::Float,
        11 => Element::Double,
        2 | 3 | 6 | 7 => Element::Int,
        8 => Element::Text,
        9 => Element::Bool,
        10 | 16 => {
            return Err(OnnxImportError::Unsupported(
                "numbers of half precision (export with single precision)".to_owned(),
            ));
        }
        other => {
            return Err(OnnxImportError::Unsupported(format!(
                "tensors of type {other}"
            )));
        }
    })
}

fn value_info(bytes: &[u8]) -> Result<ValueInfo<'_>, OnnxImportError> {
    let mut fields = Fields(bytes);
    let mut info = ValueInfo::default();
    let mut tensor = None;
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => info.name = value.text()?,
            2 => {
                let mut kinds = Fields(value.bytes()?);
                while let Some((field, value)) = kinds.next()? {
                    if field == 1 {
                        tensor = Some(value.bytes()?);
                    }
                }
            }
            _ => {}
        }
    }
    let mut fields = Fields(tensor.unwrap_or_default());
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => info.element = value.int()?,
            2 => {
                let mut sizes = Fields(value.bytes()?);
                while let Some((field, value)) = sizes.next()? {
                    if field != 1 {
                        continue;
                    }
                    let mut size = None;
                    let mut parts = Fields(value.bytes()?);
                    while let Some((field, value)) = parts.next()? {
                        if field == 1 {
                            size = usize::try_from(value.int()?).ok();
                        }
                    }
                    info.sizes.push(size);
                }
            }
            _ => {}
        }
    }
    Ok(info)
}
