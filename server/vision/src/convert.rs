//! TensorFlow Lite models to ONNX, for the operators that the models of the
//! manifest use.
//!
//! TensorFlow Lite keeps channels last, ONNX convolves with channels first. So
//! a tensor of rank 4 may exist in two forms: *plain*, as the file has it, and
//! *planar*, with channels first. Convolutions and what follows them stay
//! planar; a transposition is written only where the form changes.

mod operators;

use std::collections::HashMap;

use onnx::{Attribute, Element, Graph};

use crate::tflite::{self, Code, Malformed, Model, Operator};

/// Why a model cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is damaged.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It uses something that the converter does not know.
    #[error("the model uses {0}, which this version does not know")]
    Unsupported(String),
    /// Its weights, unpacked, are larger than any model we use.
    #[error("the model is larger than {} MB", MOST_WEIGHTS * 4 / 1_000_000)]
    TooLarge,
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Unsupported(what.into()))
}

/// Constants that a model may hold, counted as often as they are written, so
/// that a small file whose operators share one constant stays small. The
/// largest of our models has 1.3 million.
const MOST_WEIGHTS: usize = 16_000_000;

/// A converted model.
#[derive(Debug)]
pub struct Converted {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// Names and shapes of the inputs, in the order of the file.
    pub inputs: Vec<(String, Vec<i64>)>,
    /// Names and shapes of the outputs.
    pub outputs: Vec<(String, Vec<i64>)>,
}

/// Converts a `.tflite` file.
///
/// # Errors
/// [`Error`]: what it lacks, or which of its operators is not known here.
pub fn to_onnx(bytes: &[u8]) -> Result<Converted, Error> {
    let model = Model::parse(bytes)?;
    let mut converter = Converter {
        model: &model,
        graph: Graph::new("model"),
        plain: HashMap::new(),
        planar: HashMap::new(),
        aliases: HashMap::new(),
        weights: 0,
        serial: 0,
    };
    let float = |index: usize| -> Result<Vec<i64>, Error> {
        let tensor = &model.tensors[index];
        match tensor.element {
            tflite::Element::Float => Ok(tensor.shape.clone()),
            _ => unsupported("inputs or outputs that are not 32-bit floats"),
        }
    };
    let mut inputs = Vec::new();
    for &index in &model.inputs {
        let (name, shape) = (format!("t{index}"), float(index)?);
        converter.graph.input(&name, Element::Float, &fixed(&shape));
        converter.plain.insert(index, name.clone());
        inputs.push((name, shape));
    }
    for operator in &model.operators {
        converter.operator(operator)?;
    }
    let mut outputs = Vec::new();
    for &index in &model.outputs {
        let (name, shape) = (converter.plain(index)?, float(index)?);
        converter
            .graph
            .output(&name, Element::Float, &fixed(&shape));
        outputs.push((name, shape));
    }
    Ok(Converted {
        bytes: converter.graph.finish(),
        inputs,
        outputs,
    })
}

fn fixed(shape: &[i64]) -> Vec<Option<i64>> {
    shape.iter().copied().map(Some).collect()
}

/// Order of axes that makes a plain tensor planar, and back.
const TO_PLANAR: [i64; 4] = [0, 3, 1, 2];
const TO_PLAIN: [i64; 4] = [0, 2, 3, 1];

struct Converter<'a> {
    model: &'a Model<'a>,
    graph: Graph,
    /// Names of tensors that have been written, in either form.
    plain: HashMap<usize, String>,
    planar: HashMap<usize, String>,
    /// Constants of 16 bits are unpacked by an operator; its output stands for
    /// its input.
    aliases: HashMap<usize, usize>,
    /// Elements of constants written so far.
    weights: usize,
    serial: usize,
}

impl Converter<'_> {
    fn shape(&self, index: usize) -> &[i64] {
        &self.model.tensors[index].shape
    }

    /// Height, width and channels of a plain tensor of rank 4.
    fn spatial(&self, index: usize) -> Result<[i64; 4], Error> {
        match *self.shape(index) {
            [batch, height, width, channels] => Ok([batch, height, width, channels]),
            _ => unsupported("a picture operator on a tensor that is no picture"),
        }
    }

    /// Elements of a constant; none if the tensor is computed.
    fn floats(&self, index: usize) -> Option<Vec<f32>> {
        let index = self.aliases.get(&index).copied().unwrap_or(index);
        self.model.tensors[index].floats()
    }

    fn integers(&self, index: usize) -> Result<Vec<i64>, Error> {
        match self.model.tensors[index].integers() {
            Some(values) => Ok(values),
            None => unsupported("a setting that is computed"),
        }
    }

    /// A name that no tensor has.
    fn fresh(&mut self) -> String {
        self.serial += 1;
        format!("v{}", self.serial)
    }

    /// Writes a constant and returns its name.
    fn constant(&mut self, shape: &[i64], values: &[f32]) -> Result<String, Error> {
        self.weights += values.len();
        if self.weights > MOST_WEIGHTS {
            return Err(Error::TooLarge);
        }
        let name = self.fresh();
        self.graph.floats(&name, shape, values);
        Ok(name)
    }

    /// Writes a list of integers and returns its name.
    fn list(&mut self, values: &[i64]) -> String {
        let name = self.fresh();
        self.graph.integers(&name, &[values.len() as i64], values);
        name
    }

    fn transpose(&mut self, from: &str, order: &[i64], to: &str) {
        let order = [("perm", Attribute::Integers(order))];
        self.graph.node("Transpose", &[from], &[to], &order);
    }

    /// The tensor in its plain form.
    fn plain(&mut self, index: usize) -> Result<String, Error> {
        if let Some(name) = self.plain.get(&index) {
            return Ok(name.clone());
        }
        let name = if let Some(planar) = self.planar.get(&index).cloned() {
            let name = format!("t{index}");
            self.transpose(&planar, &TO_PLAIN, &name);
            name
        } else if let Some(values) = self.floats(index) {
            let shape = self.shape(index).to_vec();
            self.constant(&shape, &values)?
        } else {
            return Err(Malformed("a tensor is read before it is computed").into());
        };
        self.plain.insert(index, name.clone());
        Ok(name)
    }

    /// The tensor with channels first; a constant of lower rank, which is
    /// stretched over pictures, too.
    fn planar(&mut self, index: usize) -> Result<String, Error> {
        if let Some(name) = self.planar.get(&index) {
            return Ok(name.clone());
        }
        let name = if let Some(values) = self.floats(index) {
            let given = self.shape(index);
            let mut shape = vec![1; 4_usize.saturating_sub(given.len())];
            shape.extend_from_slice(given);
            let [n, h, w, c] = shape[..] else {
                return unsupported("a tensor of more than four dimensions");
            };
            let planar = permute(&values, [n, h, w, c], TO_PLANAR);
            self.constant(&[n, c, h, w], &planar)?
        } else {
            self.spatial(index)?;
            let plain = self.plain(index)?;
            let name = format!("p{index}");
            self.transpose(&plain, &TO_PLANAR, &name);
            name
        };
        self.planar.insert(index, name.clone());
        Ok(name)
    }

    /// Names the result of an operator in planar form.
    fn computed_planar(&mut self, index: usize) -> Result<String, Error> {
        let name = format!("p{index}");
        self.claim(index)?;
        self.planar.insert(index, name.clone());
        Ok(name)
    }

    /// Names the result of an operator in plain form.
    fn computed_plain(&mut self, index: usize) -> Result<String, Error> {
        let name = format!("t{index}");
        self.claim(index)?;
        self.plain.insert(index, name.clone());
        Ok(name)
    }

    fn claim(&self, index: usize) -> Result<(), Error> {
        let taken = self.plain.contains_key(&index) || self.planar.contains_key(&index);
        if taken || self.aliases.contains_key(&index) {
            return Err(Malformed("a tensor is computed twice").into());
        }
        Ok(())
    }

    /// Whether an operator on these tensors should work with channels first:
    /// one of them is a picture that has that form already.
    fn stays_planar(&self, indices: &[usize]) -> bool {
        indices.iter().any(|index| self.planar.contains_key(index))
            && indices.iter().all(|&index| {
                let constant = self.floats(index).is_some();
                self.shape(index).len() == 4 || (constant && self.shape(index).len() < 4)
            })
    }
}

/// Reorders the axes of a tensor of rank 4.
fn permute(values: &[f32], shape: [i64; 4], order: [i64; 4]) -> Vec<f32> {
    let shape = shape.map(|size| size as usize);
    let strides = [
        shape[1] * shape[2] * shape[3],
        shape[2] * shape[3],
        shape[3],
        1,
    ];
    let [a, b, c, d] = order.map(|axis| axis as usize);
    let mut out = Vec::with_capacity(values.len());
    for i in 0..shape[a] {
        for j in 0..shape[b] {
            for k in 0..shape[c] {
                for l in 0..shape[d] {
                    let at = i * strides[a] + j * strides[b] + k * strides[c] + l * strides[d];
                    out.push(values[at]);
                }
            }
        }
    }
    out
}

impl Converter<'_> {
    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        match &operator.code {
            Code::Builtin(code) => self.builtin(*code, operator),
            Code::Custom(name) if name == "Convolution2DTransposeBias" => {
                self.transposed_convolution(operator)
            }
            Code::Custom(name) => unsupported(format!("the operator {name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_reordered_there_and_back() {
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let planar = permute(&values, [1, 2, 3, 4], TO_PLANAR);
        assert_eq!(planar[..3], [0.0, 4.0, 8.0]);
        assert_eq!(permute(&planar, [1, 4, 2, 3], TO_PLAIN), values);
    }
}
