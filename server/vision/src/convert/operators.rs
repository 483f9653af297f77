//! One TensorFlow Lite operator to ONNX nodes.

use onnx::Attribute;

use super::{Converter, Error, TO_PLANAR, permute, unsupported};
use crate::tflite::{Element, Malformed, Operator};

/// `BuiltinOperator` of the schema.
mod code {
    pub const ADD: i64 = 0;
    pub const AVERAGE_POOL: i64 = 1;
    pub const CONCATENATION: i64 = 2;
    pub const CONVOLUTION: i64 = 3;
    pub const DEPTHWISE_CONVOLUTION: i64 = 4;
    pub const DEQUANTIZE: i64 = 6;
    pub const LOGISTIC: i64 = 14;
    pub const MAX_POOL: i64 = 17;
    pub const MULTIPLY: i64 = 18;
    pub const RELU: i64 = 19;
    pub const RESHAPE: i64 = 22;
    pub const RESIZE_BILINEAR: i64 = 23;
    pub const PAD: i64 = 34;
    pub const TRANSPOSE: i64 = 39;
    pub const MEAN: i64 = 40;
    pub const SUBTRACT: i64 = 41;
    pub const DIVIDE: i64 = 42;
    pub const STRIDED_SLICE: i64 = 45;
    pub const PRELU: i64 = 54;
    pub const NEGATE: i64 = 59;
    pub const SUM: i64 = 74;
    pub const SQUARE_ROOT: i64 = 75;
    pub const RECIPROCAL_ROOT: i64 = 76;
    pub const SQUARED_DIFFERENCE: i64 = 99;
    pub const HARD_SWISH: i64 = 117;
}

/// `ActivationFunctionType`: what an operator applies to its own result.
const NO_ACTIVATION: i64 = 0;
const RELU: i64 = 1;
const RELU6: i64 = 3;

/// `Padding`: as much as keeps the size (divided by the stride), or none.
const SAME: i64 = 0;
const VALID: i64 = 1;

/// Along one axis: input and output size, kernel, stride and dilation.
struct Axis {
    from: i64,
    to: i64,
    kernel: i64,
    stride: i64,
    dilation: i64,
}

impl Axis {
    /// Padding before and after, as TensorFlow Lite computes it: the odd one
    /// goes to the end.
    fn pads(&self, padding: i64) -> Result<[i64; 2], Error> {
        let sizes = [self.from, self.to, self.kernel, self.stride, self.dilation];
        if sizes.iter().any(|&size| !(1..=1 << 20).contains(&size)) {
            return Err(Malformed("a picture operator has no sound size").into());
        }
        match padding {
            SAME => {
                let covered = (self.to - 1) * self.stride + (self.kernel - 1) * self.dilation + 1;
                let pads = (covered - self.from).max(0);
                Ok([pads / 2, pads - pads / 2])
            }
            VALID => Ok([0, 0]),
            _ => unsupported("an unknown kind of padding"),
        }
    }
}

impl Converter<'_> {
    pub(super) fn builtin(&mut self, code: i64, operator: &Operator<'_>) -> Result<(), Error> {
        match code {
            code::ADD => self.arithmetic("Add", operator),
            code::MULTIPLY => self.arithmetic("Mul", operator),
            code::SUBTRACT => self.arithmetic("Sub", operator),
            code::DIVIDE => self.arithmetic("Div", operator),
            code::PRELU => self.elementwise("PRelu", operator),
            code::LOGISTIC => self.elementwise("Sigmoid", operator),
            code::RELU => self.elementwise("Relu", operator),
            code::NEGATE => self.elementwise("Neg", operator),
            code::SQUARE_ROOT => self.elementwise("Sqrt", operator),
            code::HARD_SWISH => self.elementwise("HardSwish", operator),
            code::RECIPROCAL_ROOT => self.then("Sqrt", operator, |own, from, to| {
                own.graph.node("Reciprocal", &[from], &[to], &[]);
                Ok(())
            }),
            code::SQUARED_DIFFERENCE => self.then("Sub", operator, |own, from, to| {
                own.graph.node("Mul", &[from, from], &[to], &[]);
                Ok(())
            }),
            code::DEQUANTIZE => self.unpack(operator),
            code::CONVOLUTION => self.convolution(operator, false),
            code::DEPTHWISE_CONVOLUTION => self.convolution(operator, true),
            code::AVERAGE_POOL => self.pool("AveragePool", operator),
            code::MAX_POOL => self.pool("MaxPool", operator),
            code::RESIZE_BILINEAR => self.resize(operator),
            code::PAD => self.pad(operator),
            code::RESHAPE => self.reshape(operator),
            code::TRANSPOSE => self.reorder(operator),
            code::MEAN => self.reduce("ReduceMean", operator),
            code::SUM => self.reduce("ReduceSum", operator),
            code::CONCATENATION => self.concatenate(operator),
            code::STRIDED_SLICE => self.slice(operator),
            code => unsupported(format!("the operator with number {code}")),
        }
    }

    /// Writes the operator `name` on all inputs, in whichever form they are;
    /// `finish` makes the result out of its output.
    fn then(
        &mut self,
        name: &str,
        operator: &Operator<'_>,
        finish: impl FnOnce(&mut Self, &str, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let inputs = (0..operator.inputs.len())
            .map(|index| input(operator, index))
            .collect::<Result<Vec<usize>, _>>()?;
        let planar = self.stays_planar(&inputs);
        let mut names = Vec::with_capacity(inputs.len());
        for &input in &inputs {
            names.push(if planar {
                self.planar(input)?
            } else {
                self.plain(input)?
            });
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let between = self.fresh();
        self.graph.node(name, &names, &[&between], &[]);
        let result = output(operator)?;
        let to = if planar {
            self.computed_planar(result)?
        } else {
            self.computed_plain(result)?
        };
        finish(self, &between, &to)
    }

    fn elementwise(&mut self, name: &str, operator: &Operator<'_>) -> Result<(), Error> {
        self.then(name, operator, |own, from, to| {
            own.activate(from, NO_ACTIVATION, to)
        })
    }

    /// An operator whose only option is its activation.
    fn arithmetic(&mut self, name: &str, operator: &Operator<'_>) -> Result<(), Error> {
        let activation = operator.options.byte(0, NO_ACTIVATION)?;
        self.then(name, operator, |own, from, to| {
            own.activate(from, activation, to)
        })
    }

    /// Makes `to` of `from`.
    fn activate(&mut self, from: &str, activation: i64, to: &str) -> Result<(), Error> {
        match activation {
            NO_ACTIVATION => self.graph.node("Identity", &[from], &[to], &[]),
            RELU => self.graph.node("Relu", &[from], &[to], &[]),
            RELU6 => {
                let low = self.constant(&[], &[0.0])?;
                let high = self.constant(&[], &[6.0])?;
                self.graph.node("Clip", &[from, &low, &high], &[to], &[]);
            }
            other => return unsupported(format!("the activation with number {other}")),
        }
        Ok(())
    }

    /// Weights are stored in 16 bits and unpacked by an operator of their own.
    fn unpack(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        if self.model.tensors[from].element != Element::Half || self.floats(from).is_none() {
            return unsupported("unpacking of anything but constants of 16 bits");
        }
        if self.shape(from) != self.shape(to) {
            return Err(Malformed("a constant changes its shape").into());
        }
        self.claim(to)?;
        self.aliases.insert(to, from);
        Ok(())
    }

    fn convolution(&mut self, operator: &Operator<'_>, depthwise: bool) -> Result<(), Error> {
        let (from, kernel) = (input(operator, 0)?, input(operator, 1)?);
        let to = output(operator)?;
        // The depthwise one has an option more, its multiplier, before these.
        let after = if depthwise { 4 } else { 3 };
        let options = &operator.options;
        let strides = [options.int(2, 1)?, options.int(1, 1)?];
        let activation = options.byte(after, NO_ACTIVATION)?;
        let dilations = [options.int(after + 2, 1)?, options.int(after + 1, 1)?];
        let (input_shape, output_shape) = (self.spatial(from)?, self.spatial(to)?);
        let kernel_shape = self.spatial(kernel)?;
        let pads = window(
            [input_shape, output_shape, kernel_shape],
            strides,
            dilations,
            options.byte(0, SAME)?,
        )?;

        let [first, height, width, last] = kernel_shape;
        // Kernels are [out, h, w, in], depthwise ones [1, h, w, out].
        let (order, shape, groups) = if depthwise {
            ([3, 0, 1, 2], [last, first, height, width], input_shape[3])
        } else {
            (TO_PLANAR, [first, last, height, width], 1)
        };
        if shape[0] != output_shape[3] || shape[1].checked_mul(groups) != Some(input_shape[3]) {
            return Err(Malformed("a convolution has other channels than its input").into());
        }
        let weights = permute(&self.weights_of(kernel)?, kernel_shape, order);
        let weights = self.constant(&shape, &weights)?;
        let mut names = vec![self.planar(from)?, weights];
        if let Some(&Some(bias)) = operator.inputs.get(2) {
            names.push(self.plain(bias)?);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let between = self.fresh();
        self.graph.node(
            "Conv",
            &names,
            &[&between],
            &[
                ("group", Attribute::Integer(groups)),
                ("kernel_shape", Attribute::Integers(&[height, width])),
                ("strides", Attribute::Integers(&strides)),
                ("dilations", Attribute::Integers(&dilations)),
                ("pads", Attribute::Integers(&pads)),
            ],
        );
        let to = self.computed_planar(to)?;
        self.activate(&between, activation, &to)
    }

    fn weights_of(&self, kernel: usize) -> Result<Vec<f32>, Error> {
        match self.floats(kernel) {
            Some(weights) => Ok(weights),
            None => unsupported("a convolution whose weights are computed"),
        }
    }

    /// `MediaPipe`'s own operator: a transposed convolution with a bias. Its
    /// options are `TfLiteTransposeConvParams`: padding, stride across, stride
    /// down, 32 bits each.
    pub(super) fn transposed_convolution(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, kernel) = (input(operator, 0)?, input(operator, 1)?);
        let (bias, to) = (input(operator, 2)?, output(operator)?);
        let (options, _) = operator.custom_options.as_chunks::<4>();
        let [_, across, down] = *options else {
            return unsupported("a transposed convolution with other options");
        };
        let strides = [down, across].map(|stride| i64::from(i32::from_le_bytes(stride)));
        let (input_shape, output_shape) = (self.spatial(from)?, self.spatial(to)?);
        let kernel_shape = self.spatial(kernel)?;
        let [out, height, width, into] = kernel_shape;
        // Only blocks that lie side by side; then there is nothing to pad.
        let tiles = strides == [height, width]
            && Some(output_shape[1]) == input_shape[1].checked_mul(height)
            && Some(output_shape[2]) == input_shape[2].checked_mul(width);
        if !tiles || out != output_shape[3] || into != input_shape[3] {
            return unsupported("a transposed convolution whose blocks overlap");
        }
        let weights = permute(&self.weights_of(kernel)?, kernel_shape, [3, 0, 1, 2]);
        let weights = self.constant(&[into, out, height, width], &weights)?;
        let (from, bias) = (self.planar(from)?, self.plain(bias)?);
        let to = self.computed_planar(to)?;
        let strides = [("strides", Attribute::Integers(&strides))];
        self.graph
            .node("ConvTranspose", &[&from, &weights, &bias], &[&to], &strides);
        Ok(())
    }

    fn pool(&mut self, name: &str, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let options = &operator.options;
        let strides = [options.int(2, 0)?, options.int(1, 0)?];
        let kernel = [options.int(4, 0)?, options.int(3, 0)?];
        let shapes = [
            self.spatial(from)?,
            self.spatial(to)?,
            [1, kernel[0], kernel[1], 1],
        ];
        let pads = window(shapes, strides, [1, 1], options.byte(0, SAME)?)?;
        let from = self.planar(from)?;
        let between = self.fresh();
        self.graph.node(
            name,
            &[&from],
            &[&between],
            &[
                ("kernel_shape", Attribute::Integers(&kernel)),
                ("strides", Attribute::Integers(&strides)),
                ("pads", Attribute::Integers(&pads)),
            ],
        );
        let to = self.computed_planar(to)?;
        self.activate(&between, options.byte(5, NO_ACTIVATION)?, &to)
    }

    fn resize(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let corners = operator.options.byte(2, 0)? != 0;
        let centres = operator.options.byte(3, 0)? != 0;
        let mode = match (corners, centres) {
            (false, false) => "asymmetric",
            (false, true) => "half_pixel",
            (true, false) => "align_corners",
            (true, true) => return unsupported("a resizing with contradicting options"),
        };
        let [batch, height, width, channels] = self.spatial(to)?;
        let from = self.planar(from)?;
        let sizes = self.list(&[batch, channels, height, width]);
        let to = self.computed_planar(to)?;
        self.graph.node(
            "Resize",
            &[&from, "", "", &sizes],
            &[&to],
            &[
                ("mode", Attribute::Text("linear")),
                ("coordinate_transformation_mode", Attribute::Text(mode)),
            ],
        );
        Ok(())
    }

    fn pad(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let amounts = self.integers(input(operator, 1)?)?;
        let (amounts, _) = amounts.as_chunks::<2>();
        if amounts.len() != self.shape(from).len() {
            return Err(Malformed("a padding has another rank than its tensor").into());
        }
        let planar = self.stays_planar(&[from]);
        let (from, to) = if planar {
            (self.planar(from)?, self.computed_planar(to)?)
        } else {
            (self.plain(from)?, self.computed_plain(to)?)
        };
        let amounts: Vec<[i64; 2]> = match *amounts {
            [n, h, w, c] if planar => vec![n, c, h, w],
            _ => amounts.to_vec(),
        };
        let before = amounts.iter().map(|pad| pad[0]);
        let pads: Vec<i64> = before.chain(amounts.iter().map(|pad| pad[1])).collect();
        let pads = self.list(&pads);
        self.graph.node("Pad", &[&from, &pads], &[&to], &[]);
        Ok(())
    }

    fn reshape(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let (from, shape) = (self.plain(from)?, self.shape(to).to_vec());
        let shape = self.list(&shape);
        let to = self.computed_plain(to)?;
        self.graph.node("Reshape", &[&from, &shape], &[&to], &[]);
        Ok(())
    }

    fn reorder(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let order = self.integers(input(operator, 1)?)?;
        let from = self.plain(from)?;
        let to = self.computed_plain(to)?;
        self.transpose(&from, &order, &to);
        Ok(())
    }

    fn reduce(&mut self, name: &str, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let axes = self.integers(input(operator, 1)?)?;
        let keep = operator.options.byte(0, 0)?;
        let (from, axes) = (self.plain(from)?, self.list(&axes));
        let to = self.computed_plain(to)?;
        let keep = [("keepdims", Attribute::Integer(keep))];
        self.graph.node(name, &[&from, &axes], &[&to], &keep);
        Ok(())
    }

    fn concatenate(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let mut names = Vec::new();
        for index in 0..operator.inputs.len() {
            names.push(self.plain(input(operator, index)?)?);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let axis = [("axis", Attribute::Integer(operator.options.int(0, 0)?))];
        let between = self.fresh();
        self.graph.node("Concat", &names, &[&between], &axis);
        let to = self.computed_plain(output(operator)?)?;
        self.activate(&between, operator.options.byte(1, NO_ACTIVATION)?, &to)
    }

    fn slice(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let (from, to) = (input(operator, 0)?, output(operator)?);
        let mut starts = self.integers(input(operator, 1)?)?;
        let mut ends = self.integers(input(operator, 2)?)?;
        let steps = self.integers(input(operator, 3)?)?;
        let options = &operator.options;
        let [open_starts, open_ends] = [options.int(0, 0)?, options.int(1, 0)?];
        if options.int(2, 0)? != 0 || options.int(3, 0)? != 0 {
            return unsupported("a slice that adds axes");
        }
        let dropped = options.int(4, 0)?;
        let shape = self.shape(from);
        let rank = shape.len();
        if [starts.len(), ends.len(), steps.len()] != [rank; 3]
            || steps.iter().any(|&step| step < 1)
        {
            return unsupported("a slice that runs backwards or skips axes");
        }
        for axis in 0..rank {
            if open_starts >> axis & 1 == 1 {
                starts[axis] = 0;
            }
            if dropped >> axis & 1 == 1 {
                // One place of this axis, which then has no length of its own.
                starts[axis] = starts[axis].clamp(0, shape[axis] - 1);
                ends[axis] = starts[axis] + 1;
            } else if open_ends >> axis & 1 == 1 {
                ends[axis] = shape[axis];
            }
        }
        let axes: Vec<i64> = (0..rank as i64).collect();
        let from = self.plain(from)?;
        let lists = [starts, ends, axes, steps].map(|values| self.list(&values));
        let [starts, ends, axes, steps] = &lists;
        let between = self.fresh();
        self.graph.node(
            "Slice",
            &[&from, starts, ends, axes, steps],
            &[&between],
            &[],
        );
        let shape = self.shape(to).to_vec();
        let shape = self.list(&shape);
        let to = self.computed_plain(to)?;
        self.graph.node("Reshape", &[&between, &shape], &[&to], &[]);
        Ok(())
    }
}

/// Padding (top, left, bottom, right) of a window that moves over a picture;
/// `shapes` are those of input, output and kernel.
fn window(
    [from, to, kernel]: [[i64; 4]; 3],
    strides: [i64; 2],
    dilations: [i64; 2],
    padding: i64,
) -> Result<[i64; 4], Error> {
    let pads = |axis: usize| {
        Axis {
            from: from[axis],
            to: to[axis],
            kernel: kernel[axis],
            stride: strides[axis - 1],
            dilation: dilations[axis - 1],
        }
        .pads(padding)
    };
    let [[top, bottom], [left, right]] = [pads(1)?, pads(2)?];
    Ok([top, left, bottom, right])
}

fn input(operator: &Operator<'_>, index: usize) -> Result<usize, Malformed> {
    operator
        .inputs
        .get(index)
        .copied()
        .flatten()
        .ok_or(Malformed("an operator lacks an input"))
}

fn output(operator: &Operator<'_>) -> Result<usize, Malformed> {
    operator
        .outputs
        .first()
        .copied()
        .ok_or(Malformed("an operator lacks its output"))
}
