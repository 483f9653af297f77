//! What a model that comes from outside is made of, before a runtime sees it.

use crate::wire::Fields;
use crate::{Malformed, field};

/// What a model is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Number of nodes of the graph.
    pub nodes: usize,
    /// Whether nodes hold graphs of their own (`If`, `Loop`, `Scan`) or the
    /// model defines functions: then there is more to run than these nodes.
    pub nested: bool,
    /// Whether a tensor says that its values are in another file.
    pub external: bool,
}

impl Survey {
    /// Walks a model file.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn of(model: &[u8]) -> Result<Self, Malformed> {
        let mut survey = Self::default();
        let mut graphs = 0;
        for each in Fields(model) {
            let each = each?;
            match each.number {
                field::MODEL_GRAPH => {
                    graphs += 1;
                    survey.graph(each.payload)?;
                }
                field::MODEL_FUNCTIONS => survey.nested = true,
                _ => {}
            }
        }
        // Readers of protobuf merge a field that comes twice.
        if graphs != 1 {
            return Err(Malformed("it does not have one graph"));
        }
        Ok(survey)
    }

    fn graph(&mut self, graph: &[u8]) -> Result<(), Malformed> {
        for each in Fields(graph) {
            let each = each?;
            match each.number {
                field::GRAPH_NODE => self.node(each.payload)?,
                field::GRAPH_INITIALIZER => self.tensor(each.payload)?,
                // Both tensors of a sparse one.
                field::GRAPH_SPARSE => self.sparse(each.payload)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &[u8]) -> Result<(), Malformed> {
        self.nodes += 1;
        for each in Fields(node) {
            let each = each?;
            if each.number == field::NODE_ATTRIBUTE {
                self.attribute(each.payload)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &[u8]) -> Result<(), Malformed> {
        for each in Fields(attribute) {
            let each = each?;
            match each.number {
                field::ATTRIBUTE_TENSOR | field::ATTRIBUTE_TENSORS => self.tensor(each.payload)?,
                field::ATTRIBUTE_SPARSE | field::ATTRIBUTE_SPARSES => self.sparse(each.payload)?,
                field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS => self.nested = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn sparse(&mut self, sparse: &[u8]) -> Result<(), Malformed> {
        for each in Fields(sparse) {
            let each = each?;
            if matches!(each.number, field::SPARSE_VALUES | field::SPARSE_INDICES) {
                self.tensor(each.payload)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &[u8]) -> Result<(), Malformed> {
        for each in Fields(tensor) {
            let each = each?;
            match each.number {
                field::TENSOR_EXTERNAL => self.external = true,
                field::TENSOR_LOCATION if each.integers()?.iter().any(|&v| v != 0) => {
                    self.external = true;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{put_bytes, put_integer};
    use crate::{Element, Graph};

    fn graph() -> Graph {
        let mut graph = Graph::new("small");
        graph.input("x", Element::Float, &[Some(1)]);
        graph.floats("w", &[1], &[0.5]);
        graph.node("Mul", &["x", "w"], &["a"], &[]);
        graph.node("Relu", &["a"], &["y"], &[]);
        graph.output("y", Element::Float, &[Some(1)]);
        graph
    }

    #[test]
    fn a_plain_model_is_counted() {
        let survey = Survey::of(&graph().finish()).unwrap();
        assert_eq!(survey.nodes, 2);
        assert!(!survey.nested && !survey.external);
    }

    #[test]
    fn nested_graphs_and_tensors_elsewhere_are_noticed() {
        let wrap = |number: u64, payload: &[u8]| {
            let mut out = Vec::new();
            put_bytes(&mut out, number, payload);
            out
        };
        let model = |graph: &[u8]| wrap(field::MODEL_GRAPH, graph);
        let attribute = |number: u64, payload: &[u8]| {
            let node = wrap(field::NODE_ATTRIBUTE, &wrap(number, payload));
            Survey::of(&model(&wrap(field::GRAPH_NODE, &node))).unwrap()
        };
        assert!(attribute(field::ATTRIBUTE_GRAPH, &[]).nested);
        let mut elsewhere = Vec::new();
        put_integer(&mut elsewhere, field::TENSOR_LOCATION, 1);
        assert!(attribute(field::ATTRIBUTE_TENSOR, &elsewhere).external);
        let named = wrap(field::TENSOR_EXTERNAL, b"");
        assert!(attribute(field::ATTRIBUTE_SPARSE, &wrap(field::SPARSE_VALUES, &named)).external);
        let survey = Survey::of(&model(&wrap(field::GRAPH_INITIALIZER, &elsewhere))).unwrap();
        assert!(survey.external);
        let functions = [model(&[]), wrap(field::MODEL_FUNCTIONS, &[])].concat();
        assert!(Survey::of(&functions).unwrap().nested);
    }

    #[test]
    fn what_is_no_model_is_an_error() {
        assert!(Survey::of(b"not a model").is_err());
        assert!(Survey::of(&[]).is_err());
        let twice = [graph().finish(), graph().finish()].concat();
        assert!(Survey::of(&twice).is_err());
    }
}
