//! A network in ONNX Runtime: floats in, floats out.

use ort::session::Session;
use ort::value::TensorRef;

use crate::analyser::Error;
use crate::convert;

/// One network with one input.
pub(crate) struct Network {
    session: Session,
    input: String,
    shape: Vec<i64>,
    outputs: Vec<String>,
}

impl Network {
    /// Converts and opens a `.tflite` file. `shape` is that of its input and
    /// `outputs` the numbers of elements of its outputs that are used, so that
    /// another model in its place is noticed here and not later.
    pub fn from_tflite(
        name: &'static str,
        bytes: &[u8],
        shape: &[i64],
        outputs: &[usize],
    ) -> Result<Self, Error> {
        let converted =
            convert::to_onnx(bytes).map_err(|source| Error::Convert { name, source })?;
        let fits = match converted.inputs.as_slice() {
            [(_, given)] => given == shape,
            _ => false,
        };
        let sizes = converted
            .outputs
            .iter()
            .map(|(_, shape)| shape.iter().product::<i64>() as usize);
        if !fits
            || converted.outputs.len() < outputs.len()
            || !sizes.zip(outputs).all(|(a, &b)| a == b)
        {
            return Err(Error::Shape(name));
        }
        let (input, shape) = converted
            .inputs
            .into_iter()
            .next()
            .ok_or(Error::Shape(name))?;
        let outputs = converted
            .outputs
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        Self::open(name, &converted.bytes, input, shape, outputs)
    }

    /// Opens an ONNX file: one thread, no spinning, so that a core is used
    /// only while there is work.
    pub fn open(
        name: &'static str,
        onnx: &[u8],
        input: String,
        shape: Vec<i64>,
        outputs: Vec<String>,
    ) -> Result<Self, Error> {
        let environment = weights::runtime::environment()?;
        let session = Session::builder(environment)
            .and_then(|builder| Ok(builder.with_intra_threads(1)?))
            .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
            .and_then(|mut builder| builder.commit_from_memory(onnx))
            .map_err(|source| Error::Load { name, source })?;
        Ok(Self {
            session,
            input,
            shape,
            outputs,
        })
    }

    /// Runs it; `input` has as many elements as its shape says.
    pub fn run(&mut self, input: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let tensor = TensorRef::from_array_view((self.shape.clone(), input))?;
        let out = self
            .session
            .run(ort::inputs![self.input.as_str() => tensor])?;
        self.outputs
            .iter()
            .map(|name| {
                let (_, values) = out[name.as_str()].try_extract_tensor::<f32>()?;
                Ok(values.to_vec())
            })
            .collect()
    }
}
