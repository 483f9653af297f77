//! Surgery on ONNX graphs at load time: cutting a part out of a model, adding
//! outputs, and turning its random generators into inputs.
//!
//! Works on the protobuf wire format (`onnx.proto3` of the ONNX repository
//! names the fields) without decoding the weights.

use std::collections::{HashMap, HashSet};

use crate::graph::{self, Attribute, Element};
use crate::wire::{Field, Fields, put_bytes, put_header};
use crate::{Malformed, field};

/// A tensor that becomes an input or output of a cut graph. Its dimensions are
/// left open.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Name of the tensor in the graph.
    pub name: &'a str,
    /// Element type.
    pub element: Element,
    /// Number of dimensions.
    pub rank: usize,
}

#[derive(Debug)]
struct Node<'a> {
    raw: std::borrow::Cow<'a, [u8]>,
    name: String,
    operator: String,
    /// Its inputs, and whatever its subgraphs read.
    inputs: Vec<String>,
    outputs: Vec<String>,
}

#[derive(Debug)]
struct Initializer<'a> {
    name: &'a str,
    raw: &'a [u8],
    dimensions: Vec<i64>,
}

/// A model whose graph can be cut. Borrows the bytes of the file.
#[derive(Debug)]
pub struct Model<'a> {
    /// All fields of the model but its graph.
    frame: Vec<&'a [u8]>,
    name: &'a str,
    nodes: Vec<Node<'a>>,
    initializers: Vec<Initializer<'a>>,
    added_initializers: Vec<(String, Vec<u8>)>,
    inputs: Vec<(&'a str, &'a [u8])>,
    outputs: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Model<'a> {
    /// Reads a model.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut model = Self {
            frame: Vec::new(),
            name: "graph",
            nodes: Vec::new(),
            initializers: Vec::new(),
            added_initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let mut graph = None;
        for each in Fields(bytes) {
            let each = each?;
            if each.number == field::MODEL_GRAPH {
                graph = Some(each.payload);
            } else {
                model.frame.push(each.raw);
            }
        }
        for each in Fields(graph.ok_or(Malformed("it has no graph"))?) {
            let each = each?;
            match each.number {
                field::GRAPH_NODE => model.nodes.push(Node::parse(each.payload)?),
                field::GRAPH_NAME => model.name = each.text()?,
                field::GRAPH_INITIALIZER => {
                    model.initializers.push(Initializer::parse(each.payload)?);
                }
                field::GRAPH_INPUT => model.inputs.push((value_name(each)?, each.payload)),
                field::GRAPH_OUTPUT => model.outputs.push((value_name(each)?, each.payload)),
                // Documentation and shape annotations of tensors that may be
                // cut away; the runtime infers shapes itself.
                _ => {}
            }
        }
        Ok(model)
    }

    /// Names of the graph's outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.outputs.iter().map(|(name, _)| *name)
    }

    /// Whether the graph has an input of this name.
    #[must_use]
    pub fn has_input(&self, name: &str) -> bool {
        self.inputs.iter().any(|(input, _)| *input == name)
    }

    /// Inputs of the first node of this operator whose name ends with `suffix`.
    #[must_use]
    pub fn node_inputs(&self, operator: &str, suffix: &str) -> Option<&[String]> {
        self.find(operator, suffix)
            .map(|node| node.inputs.as_slice())
    }

    /// Outputs of the first node of this operator whose name ends with
    /// `suffix`.
    #[must_use]
    pub fn node_outputs(&self, operator: &str, suffix: &str) -> Option<&[String]> {
        self.find(operator, suffix)
            .map(|node| node.outputs.as_slice())
    }

    fn find(&self, operator: &str, suffix: &str) -> Option<&Node<'a>> {
        self.nodes
            .iter()
            .find(|node| node.operator == operator && node.name.ends_with(suffix))
    }

    /// Dimensions of a constant tensor.
    #[must_use]
    pub fn dimensions(&self, name: &str) -> Option<&[i64]> {
        self.initializers
            .iter()
            .find(|tensor| tensor.name == name)
            .map(|tensor| tensor.dimensions.as_slice())
    }

    /// Replaces every `RandomNormalLike` (of rank 3) by a new input of shape
    /// `[1, channels, length]`, any length: along both axes the input is
    /// repeated or cut to the shape that is asked for. So the caller supplies
    /// the noise, and the model becomes a function of its inputs.
    ///
    /// Returns, in graph order, the names of the nodes replaced and of their
    /// inputs.
    pub fn supply_noise(&mut self) -> Vec<(String, String)> {
        let mut supplied = Vec::new();
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in std::mem::take(&mut self.nodes) {
            let (Some(like), Some(output)) = (node.inputs.first(), node.outputs.first()) else {
                nodes.push(node);
                continue;
            };
            if node.operator != "RandomNormalLike" {
                nodes.push(node);
                continue;
            }
            let index = supplied.len();
            if index == 0 {
                for value in 0..3 {
                    self.added_initializers
                        .push((scalar_name(value), scalar(value)));
                }
            }
            let noise = format!("noise_{index}");
            let part = |part: &str| format!("{noise}/{part}");
            nodes.push(Node::new("Shape", &[like], &part("wanted"), None));
            nodes.push(Node::new("Shape", &[&noise], &part("given"), None));
            let mut current = noise.clone();
            for axis in 1..3_u8 {
                let step = |step: &str| part(&format!("{step}_{axis}"));
                let at = scalar_name(axis);
                let (zero, one) = (scalar_name(0), scalar_name(1));
                nodes.push(Node::new(
                    "Gather",
                    &[&part("wanted"), &at],
                    &step("size"),
                    None,
                ));
                nodes.push(Node::new(
                    "Gather",
                    &[&part("given"), &at],
                    &step("period"),
                    None,
                ));
                nodes.push(Node::new(
                    "Range",
                    &[&zero, &step("size"), &one],
                    &step("range"),
                    None,
                ));
                nodes.push(Node::new(
                    "Mod",
                    &[&step("range"), &step("period")],
                    &step("index"),
                    None,
                ));
                let next = if axis == 2 {
                    output.clone()
                } else {
                    step("taken")
                };
                nodes.push(Node::new(
                    "Gather",
                    &[&current, &step("index")],
                    &next,
                    Some(("axis", axis)),
                ));
                current = next;
            }
            supplied.push((node.name, noise));
        }
        self.nodes = nodes;
        supplied
    }

    /// Writes the part of the model that computes `outputs` from its own
    /// inputs and from `ports`, which are taken as given.
    ///
    /// # Errors
    /// [`Malformed`] when an output cannot be reached from the inputs.
    pub fn extract(&self, ports: &[Port<'_>], outputs: &[Port<'_>]) -> Result<Vec<u8>, Malformed> {
        let mut producers = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                producers.insert(output.as_str(), index);
            }
        }
        let given: HashSet<&str> = ports.iter().map(|port| port.name).collect();
        let mut wanted: Vec<&str> = outputs.iter().map(|port| port.name).collect();
        let mut seen: HashSet<&str> = wanted.iter().copied().collect();
        let mut kept = vec![false; self.nodes.len()];
        while let Some(name) = wanted.pop() {
            if given.contains(name) {
                continue;
            }
            let Some(&index) = producers.get(name) else {
                continue;
            };
            if !std::mem::replace(&mut kept[index], true) {
                for input in &self.nodes[index].inputs {
                    if seen.insert(input) {
                        wanted.push(input);
                    }
                }
            }
        }
        if outputs
            .iter()
            .any(|port| !producers.contains_key(port.name))
        {
            return Err(Malformed("a tensor to cut at is missing"));
        }

        let mut small = Vec::new();
        put_bytes(&mut small, field::GRAPH_NAME, self.name.as_bytes());
        for (node, _) in self.nodes.iter().zip(&kept).filter(|(_, kept)| **kept) {
            put_bytes(&mut small, field::GRAPH_NODE, &node.raw);
        }
        for (name, raw) in &self.added_initializers {
            if seen.contains(name.as_str()) {
                put_bytes(&mut small, field::GRAPH_INITIALIZER, raw);
            }
        }
        for (name, raw) in &self.inputs {
            if seen.contains(name) && !given.contains(name) {
                put_bytes(&mut small, field::GRAPH_INPUT, raw);
            }
        }
        for port in ports.iter().filter(|port| seen.contains(port.name)) {
            put_bytes(&mut small, field::GRAPH_INPUT, &port.value_info());
        }
        for port in outputs {
            let declared = self.outputs.iter().find(|(name, _)| *name == port.name);
            match declared {
                Some((_, raw)) => put_bytes(&mut small, field::GRAPH_OUTPUT, raw),
                None => put_bytes(&mut small, field::GRAPH_OUTPUT, &port.value_info()),
            }
        }

        let weights: Vec<&[u8]> = self
            .initializers
            .iter()
            .filter(|tensor| seen.contains(tensor.name) && !given.contains(tensor.name))
            .map(|tensor| tensor.raw)
            .collect();
        let mut header = Vec::new();
        let mut length = small.len();
        for raw in &weights {
            header.clear();
            put_header(&mut header, field::GRAPH_INITIALIZER, raw.len());
            length += header.len() + raw.len();
        }
        let frame: usize = self.frame.iter().map(|raw| raw.len()).sum();
        let mut out = Vec::with_capacity(frame + length + 16);
        for raw in &self.frame {
            out.extend_from_slice(raw);
        }
        put_header(&mut out, field::MODEL_GRAPH, length);
        out.extend_from_slice(&small);
        for raw in weights {
            put_bytes(&mut out, field::GRAPH_INITIALIZER, raw);
        }
        Ok(out)
    }
}

impl<'a> Node<'a> {
    fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let mut node = Self {
            raw: raw.into(),
            name: String::new(),
            operator: String::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        for each in Fields(raw) {
            let each = each?;
            match each.number {
                field::NODE_INPUT => node.inputs.push(each.text()?.to_owned()),
                field::NODE_OUTPUT => node.outputs.push(each.text()?.to_owned()),
                field::NODE_NAME => each.text()?.clone_into(&mut node.name),
                field::NODE_OPERATOR => each.text()?.clone_into(&mut node.operator),
                field::NODE_ATTRIBUTE => captured(each.payload, 0, &mut node.inputs)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn new(operator: &str, inputs: &[&str], output: &str, attribute: Option<(&str, u8)>) -> Self {
        let attribute = attribute.map(|(name, value)| (name, Attribute::Integer(value.into())));
        let raw = graph::node(operator, inputs, &[output], attribute.as_slice());
        Self {
            raw: raw.into(),
            name: output.to_owned(),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: vec![output.to_owned()],
        }
    }
}

/// Subgraphs (of `If`, `Loop`) may read any tensor of the graphs around them.
/// Deeper nesting than this is not in any voice and would be an attack.
const DEEPEST_SUBGRAPH: usize = 8;

fn captured(attribute: &[u8], depth: usize, inputs: &mut Vec<String>) -> Result<(), Malformed> {
    if depth > DEEPEST_SUBGRAPH {
        return Err(Malformed("its subgraphs are nested too deeply"));
    }
    for each in Fields(attribute) {
        let each = each?;
        if !matches!(
            each.number,
            field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS
        ) {
            continue;
        }
        for inner in Fields(each.payload) {
            let inner = inner?;
            if inner.number == field::GRAPH_OUTPUT {
                inputs.push(value_name(inner)?.to_owned());
            }
            if inner.number != field::GRAPH_NODE {
                continue;
            }
            for part in Fields(inner.payload) {
                let part = part?;
                match part.number {
                    field::NODE_INPUT => inputs.push(part.text()?.to_owned()),
                    field::NODE_ATTRIBUTE => captured(part.payload, depth + 1, inputs)?,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

impl<'a> Initializer<'a> {
    fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let mut tensor = Self {
            name: "",
            raw,
            dimensions: Vec::new(),
        };
        for each in Fields(raw) {
            let each = each?;
            match each.number {
                field::TENSOR_NAME => tensor.name = each.text()?,
                field::TENSOR_DIMENSIONS => tensor.dimensions.extend(each.integers()?),
                _ => {}
            }
        }
        Ok(tensor)
    }
}

impl Port<'_> {
    /// `ValueInfoProto` with open dimensions.
    fn value_info(&self) -> Vec<u8> {
        graph::value_info(self.name, self.element, &vec![None; self.rank])
    }
}

fn value_name(value: Field<'_>) -> Result<&str, Malformed> {
    for each in Fields(value.payload) {
        let each = each?;
        if each.number == field::VALUE_NAME {
            return each.text();
        }
    }
    Err(Malformed("an input or output has no name"))
}

fn scalar_name(value: u8) -> String {
    format!("noise/scalar_{value}")
}

fn scalar(value: u8) -> Vec<u8> {
    graph::tensor(
        &scalar_name(value),
        Element::Integer,
        &[],
        &i64::from(value).to_le_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(nodes: &[Node<'_>], input: &str, output: &str) -> Vec<u8> {
        let mut graph = Vec::new();
        for node in nodes {
            put_bytes(&mut graph, field::GRAPH_NODE, &node.raw);
        }
        let port = |name| Port {
            name,
            element: Element::Float,
            rank: 3,
        };
        put_bytes(&mut graph, field::GRAPH_INPUT, &port(input).value_info());
        put_bytes(&mut graph, field::GRAPH_OUTPUT, &port(output).value_info());
        let mut bytes = Vec::new();
        crate::wire::put_integer(&mut bytes, 1, 8);
        put_bytes(&mut bytes, field::MODEL_GRAPH, &graph);
        bytes
    }

    fn chain() -> Vec<u8> {
        model(
            &[
                Node::new("Relu", &["x"], "a", None),
                Node::new("Neg", &["a"], "b", None),
                Node::new("Neg", &["x"], "unused", None),
                Node::new("Abs", &["b"], "y", None),
            ],
            "x",
            "y",
        )
    }

    fn port(name: &str) -> Port<'_> {
        Port {
            name,
            element: Element::Float,
            rank: 3,
        }
    }

    #[test]
    fn both_sides_of_a_cut_hold_their_own_nodes_only() {
        let bytes = chain();
        let whole = Model::parse(&bytes).unwrap();
        let front = whole.extract(&[], &[port("a")]).unwrap();
        let front = Model::parse(&front).unwrap();
        assert_eq!(front.nodes.len(), 1);
        assert!(front.has_input("x"));
        assert_eq!(front.outputs().collect::<Vec<_>>(), ["a"]);
        let back = whole.extract(&[port("a")], &[port("y")]).unwrap();
        let back = Model::parse(&back).unwrap();
        assert_eq!(back.nodes.len(), 2);
        assert!(back.has_input("a") && !back.has_input("x"));
        assert_eq!(back.frame, whole.frame, "other fields are kept");
    }

    #[test]
    fn a_missing_tensor_is_an_error() {
        let bytes = chain();
        let whole = Model::parse(&bytes).unwrap();
        assert!(whole.extract(&[], &[port("nowhere")]).is_err());
    }

    #[test]
    fn random_nodes_become_inputs() {
        let bytes = model(
            &[
                Node::new("RandomNormalLike", &["x"], "r", None),
                Node::new("Neg", &["r"], "y", None),
            ],
            "x",
            "y",
        );
        let mut whole = Model::parse(&bytes).unwrap();
        assert_eq!(whole.supply_noise(), [("r".into(), "noise_0".into())]);
        let cut = whole.extract(&[port("noise_0")], &[port("y")]).unwrap();
        let cut = Model::parse(&cut).unwrap();
        assert!(cut.has_input("noise_0"));
        assert!(cut.find("RandomNormalLike", "").is_none());
        assert_eq!(cut.initializers.len(), 3);
    }

    #[test]
    fn garbage_is_refused() {
        assert!(Model::parse(b"").is_err());
        assert!(Model::parse(&[0xff; 64]).is_err());
        let bytes = chain();
        assert!(Model::parse(&bytes[..bytes.len() / 2]).is_err());
    }
}
