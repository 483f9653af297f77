//! ONNX model files without a protobuf library.
//!
//! - [`surgery`] cuts a part out of a model and turns its random generators
//!   into inputs, without decoding the weights;
//! - [`graph`] writes a new model;
//! - [`survey`] says what a model from outside is made of;
//! - [`wire`] is the protobuf wire format under all (`onnx.proto3` of the
//!   ONNX repository names the fields).

#![forbid(unsafe_code)]

pub mod graph;
pub mod surgery;
pub mod survey;
pub mod wire;

pub use graph::{Attribute, Element, Graph};
pub use surgery::{Model, Port};
pub use survey::Survey;

/// The file is not as the specification has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sound model file: {0}")]
pub struct Malformed(pub &'static str);

/// Field numbers of `ModelProto`, `GraphProto`, `NodeProto`, `TensorProto` and
/// `ValueInfoProto`, and of what they hold, as `onnx.proto3` names them.
mod field {
    pub const MODEL_VERSION: u64 = 1;
    pub const MODEL_PRODUCER: u64 = 2;
    pub const MODEL_OPERATORS: u64 = 8;
    pub const OPERATORS_VERSION: u64 = 2;
    pub const MODEL_GRAPH: u64 = 7;
    pub const MODEL_FUNCTIONS: u64 = 25;
    pub const GRAPH_NODE: u64 = 1;
    pub const GRAPH_NAME: u64 = 2;
    pub const GRAPH_INITIALIZER: u64 = 5;
    pub const GRAPH_SPARSE: u64 = 15;
    pub const GRAPH_INPUT: u64 = 11;
    pub const GRAPH_OUTPUT: u64 = 12;
    pub const NODE_INPUT: u64 = 1;
    pub const NODE_OUTPUT: u64 = 2;
    pub const NODE_NAME: u64 = 3;
    pub const NODE_OPERATOR: u64 = 4;
    pub const NODE_ATTRIBUTE: u64 = 5;
    pub const ATTRIBUTE_NAME: u64 = 1;
    pub const ATTRIBUTE_FLOAT: u64 = 2;
    pub const ATTRIBUTE_INTEGER: u64 = 3;
    pub const ATTRIBUTE_TEXT: u64 = 4;
    pub const ATTRIBUTE_TENSOR: u64 = 5;
    pub const ATTRIBUTE_GRAPH: u64 = 6;
    pub const ATTRIBUTE_INTEGERS: u64 = 8;
    pub const ATTRIBUTE_TENSORS: u64 = 10;
    pub const ATTRIBUTE_GRAPHS: u64 = 11;
    pub const ATTRIBUTE_TYPE: u64 = 20;
    pub const ATTRIBUTE_SPARSE: u64 = 22;
    pub const ATTRIBUTE_SPARSES: u64 = 23;
    pub const TENSOR_DIMENSIONS: u64 = 1;
    pub const TENSOR_TYPE: u64 = 2;
    pub const TENSOR_NAME: u64 = 8;
    pub const TENSOR_RAW: u64 = 9;
    pub const TENSOR_EXTERNAL: u64 = 13;
    pub const TENSOR_LOCATION: u64 = 14;
    pub const SPARSE_VALUES: u64 = 1;
    pub const SPARSE_INDICES: u64 = 2;
    pub const VALUE_NAME: u64 = 1;
    pub const VALUE_TYPE: u64 = 2;
}
