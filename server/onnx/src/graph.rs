//! Writing a model: tensors, nodes, inputs and outputs, one after the other.

use crate::field;
use crate::wire::{put_bytes, put_header, put_integer, put_varint};

/// Version of the operators that [`Graph`] may use (`ai.onnx`), and of the file
/// format that came with it. ONNX Runtime reads them since 1.14.
const OPERATORS: u64 = 18;
const FORMAT: u64 = 8;

/// Element types of `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    Float = 1,
    /// 64-bit integer.
    Integer = 7,
}

/// Value of an attribute of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// `INT`
    Integer(i64),
    /// `FLOAT`
    Float(f32),
    /// `INTS`
    Integers(&'a [i64]),
    /// `STRING`
    Text(&'a str),
}

impl Attribute<'_> {
    /// `AttributeProto` with this name.
    fn encode(&self, name: &str) -> Vec<u8> {
        /// `AttributeProto.AttributeType`.
        const FLOAT: u64 = 1;
        const INT: u64 = 2;
        const STRING: u64 = 3;
        const INTS: u64 = 7;
        let mut out = Vec::new();
        put_bytes(&mut out, field::ATTRIBUTE_NAME, name.as_bytes());
        let kind = match *self {
            Self::Integer(value) => {
                put_integer(&mut out, field::ATTRIBUTE_INTEGER, value as u64);
                INT
            }
            Self::Float(value) => {
                /// Wire type of a number of 32 bits.
                const FIXED: u64 = 5;
                put_varint(&mut out, field::ATTRIBUTE_FLOAT << 3 | FIXED);
                out.extend_from_slice(&value.to_le_bytes());
                FLOAT
            }
            Self::Integers(values) => {
                for &value in values {
                    put_integer(&mut out, field::ATTRIBUTE_INTEGERS, value as u64);
                }
                INTS
            }
            Self::Text(text) => {
                put_bytes(&mut out, field::ATTRIBUTE_TEXT, text.as_bytes());
                STRING
            }
        };
        put_integer(&mut out, field::ATTRIBUTE_TYPE, kind);
        out
    }
}

/// A model being written. Names connect the parts; ONNX Runtime checks that
/// they fit when it loads the result.
#[derive(Debug, Default)]
pub struct Graph {
    graph: Vec<u8>,
}

impl Graph {
    /// An empty graph.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut graph = Vec::new();
        put_bytes(&mut graph, field::GRAPH_NAME, name.as_bytes());
        Self { graph }
    }

    /// Adds an input. `None` is an open dimension.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Option<i64>]) {
        let value = value_info(name, element, shape);
        put_bytes(&mut self.graph, field::GRAPH_INPUT, &value);
    }

    /// Makes a tensor an output. `None` is an open dimension.
    pub fn output(&mut self, name: &str, element: Element, shape: &[Option<i64>]) {
        let value = value_info(name, element, shape);
        put_bytes(&mut self.graph, field::GRAPH_OUTPUT, &value);
    }

    /// Adds a constant of 32-bit floats.
    pub fn floats(&mut self, name: &str, shape: &[i64], values: &[f32]) {
        let raw: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(name, Element::Float, shape, &raw);
    }

    /// Adds a constant of 64-bit integers.
    pub fn integers(&mut self, name: &str, shape: &[i64], values: &[i64]) {
        let raw: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(name, Element::Integer, shape, &raw);
    }

    fn constant(&mut self, name: &str, element: Element, shape: &[i64], raw: &[u8]) {
        let tensor = tensor(name, element, shape, raw);
        put_bytes(&mut self.graph, field::GRAPH_INITIALIZER, &tensor);
    }

    /// Adds a node. Nodes stand in the order in which they can be computed.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
    ) {
        let node = node(operator, inputs, outputs, attributes);
        put_bytes(&mut self.graph, field::GRAPH_NODE, &node);
    }

    /// The model file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut operators = Vec::new();
        put_integer(&mut operators, field::OPERATORS_VERSION, OPERATORS);
        let mut out = Vec::with_capacity(self.graph.len() + 64);
        put_integer(&mut out, field::MODEL_VERSION, FORMAT);
        put_bytes(&mut out, field::MODEL_PRODUCER, b"visavis");
        put_bytes(&mut out, field::MODEL_OPERATORS, &operators);
        put_header(&mut out, field::MODEL_GRAPH, self.graph.len());
        out.extend_from_slice(&self.graph);
        out
    }
}

/// `NodeProto`, named after its first output.
pub(crate) fn node(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[(&str, Attribute<'_>)],
) -> Vec<u8> {
    let mut out = Vec::new();
    for input in inputs {
        put_bytes(&mut out, field::NODE_INPUT, input.as_bytes());
    }
    for output in outputs {
        put_bytes(&mut out, field::NODE_OUTPUT, output.as_bytes());
    }
    if let Some(name) = outputs.first() {
        put_bytes(&mut out, field::NODE_NAME, name.as_bytes());
    }
    put_bytes(&mut out, field::NODE_OPERATOR, operator.as_bytes());
    for (name, attribute) in attributes {
        put_bytes(&mut out, field::NODE_ATTRIBUTE, &attribute.encode(name));
    }
    out
}

/// `TensorProto` of little-endian elements.
pub(crate) fn tensor(name: &str, element: Element, shape: &[i64], raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + name.len() + 32);
    for &size in shape {
        put_integer(&mut out, field::TENSOR_DIMENSIONS, size as u64);
    }
    put_integer(&mut out, field::TENSOR_TYPE, element as u64);
    put_bytes(&mut out, field::TENSOR_NAME, name.as_bytes());
    put_bytes(&mut out, field::TENSOR_RAW, raw);
    out
}

/// `ValueInfoProto`; `None` is an open dimension.
pub(crate) fn value_info(name: &str, element: Element, dimensions: &[Option<i64>]) -> Vec<u8> {
    /// `TypeProto.tensor_type`, `Tensor.elem_type`, `Tensor.shape`,
    /// `TensorShapeProto.dim` and `Dimension.dim_value`.
    const TENSOR: u64 = 1;
    const ELEMENT: u64 = 1;
    const SHAPE: u64 = 2;
    const DIMENSION: u64 = 1;
    const SIZE: u64 = 1;
    let mut shape = Vec::new();
    for dimension in dimensions {
        let mut out = Vec::new();
        if let Some(size) = dimension {
            put_integer(&mut out, SIZE, *size as u64);
        }
        put_bytes(&mut shape, DIMENSION, &out);
    }
    let mut tensor = Vec::new();
    put_integer(&mut tensor, ELEMENT, element as u64);
    put_bytes(&mut tensor, SHAPE, &shape);
    let mut kind = Vec::new();
    put_bytes(&mut kind, TENSOR, &tensor);
    let mut value = Vec::new();
    put_bytes(&mut value, field::VALUE_NAME, name.as_bytes());
    put_bytes(&mut value, field::VALUE_TYPE, &kind);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, Port};

    #[test]
    fn what_is_written_can_be_read_and_cut() {
        let mut graph = Graph::new("small");
        graph.input("x", Element::Float, &[Some(1), None]);
        graph.floats("w", &[2, 3], &[0.0; 6]);
        graph.node("MatMul", &["x", "w"], &["a"], &[]);
        graph.node(
            "Softmax",
            &["a"],
            &["y"],
            &[("axis", Attribute::Integer(-1))],
        );
        graph.output("y", Element::Float, &[Some(1), Some(3)]);
        let bytes = graph.finish();
        let model = Model::parse(&bytes).unwrap();
        assert!(model.has_input("x"));
        assert_eq!(model.outputs().collect::<Vec<_>>(), ["y"]);
        assert_eq!(model.dimensions("w"), Some([2, 3].as_slice()));
        assert_eq!(model.node_inputs("MatMul", "").unwrap(), ["x", "w"]);
        let port = Port {
            name: "a",
            element: Element::Float,
            rank: 2,
        };
        assert!(model.extract(&[port], &[]).is_ok());
    }
}
