//! Who it is: 128 numbers that are close for pictures of one person, by dlib's
//! `ResNet` (Davis King, `dlib_face_recognition_resnet_model_v1`, public domain)
//! as face-api ships it, weights in 8 bits.

use onnx::{Attribute, Element, Graph};
use serde::Deserialize;

use crate::analyser::Error;
use crate::image::{Edge, Pyramid, Square};
use crate::mesh::Landmarks;
use crate::network::Network;

/// A face as a point; compare two with [`distance`].
pub type Identity = [f32; SIZE];

const SIZE: usize = 128;

/// Euclidean distance of two identities: below 0.40 it is the same person,
/// above 0.50 another one; in between a person should look. (dlib's own limit of
/// 0.6 takes many people for each other.)
#[must_use]
pub fn distance(a: &Identity, b: &Identity) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>().sqrt()
}

const NAME: &str = "face identity";

/// Side of the view.
const SIDE: usize = 150;

/// What the network was trained on is less this, red, green and blue.
const MEAN: [f32; 3] = [122.782, 117.001, 104.298];

/// The residual blocks in order, and whether each halves the picture.
const BLOCKS: [(&str, bool); 14] = [
    ("conv32_1", false),
    ("conv32_2", false),
    ("conv32_3", false),
    ("conv64_down", true),
    ("conv64_1", false),
    ("conv64_2", false),
    ("conv64_3", false),
    ("conv128_down", true),
    ("conv128_1", false),
    ("conv128_2", false),
    ("conv256_down", true),
    ("conv256_1", false),
    ("conv256_2", false),
    ("conv256_down_out", true),
];

/// Landmarks by which a face is brought to the place that the network expects,
/// and that place as a part of the view without its margin: corners of the
/// left and right eye, root of the nose (the means of dlib's 5-point
/// predictor).
const PLACES: [(usize, [f32; 2]); 5] = [
    (263, [0.859_567_46, 0.213_498_15]),
    (362, [0.646_060_5, 0.228_967_44]),
    (33, [0.120_575_06, 0.213_727_45]),
    (133, [0.334_085_06, 0.229_064_24]),
    (2, [0.490_112_3, 0.627_797_54]),
];

/// Margin of the view, as a part of the face.
const MARGIN: f32 = 0.25;

#[derive(Deserialize)]
struct Group {
    weights: Vec<Entry>,
}

/// One tensor in the file of weights; they follow each other.
#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    quantization: Option<Quantization>,
}

/// `value = byte × scale + min`
#[derive(Deserialize)]
struct Quantization {
    scale: f64,
    min: f64,
}

pub(crate) struct Recogniser {
    network: Network,
}

impl Recogniser {
    /// Builds the network from face-api's weights and their description.
    pub fn load(weights: &[u8], description: &[u8]) -> Result<Self, Error> {
        let tensors = Tensors::read(weights, description)?;
        let onnx = build(&tensors)?;
        let side = SIDE as i64;
        Ok(Self {
            network: Network::open(
                NAME,
                &onnx,
                "picture".to_owned(),
                vec![1, side, side, 3],
                vec!["identity".to_owned()],
            )?,
        })
    }

    pub fn read(
        &mut self,
        pyramid: &Pyramid<'_>,
        landmarks: &Landmarks,
    ) -> Result<Identity, Error> {
        self.look(pyramid.view(square(landmarks), SIDE, Edge::Repeat, 255.0, 0.0))
    }

    /// Runs the network on a view with values up to 255.
    pub(crate) fn look(&mut self, mut view: Vec<f32>) -> Result<Identity, Error> {
        for pixel in view.as_chunks_mut::<3>().0 {
            for (value, mean) in pixel.iter_mut().zip(MEAN) {
                *value = (*value - mean) / 255.0;
            }
        }
        let out = self.network.run(&view)?;
        out.first()
            .and_then(|numbers| numbers.as_slice().try_into().ok())
            .ok_or(Error::Shape(NAME))
    }
}

/// The turned square in which the landmarks lie at their [`PLACES`], by least
/// squares.
fn square(landmarks: &Landmarks) -> Square {
    let count = PLACES.len() as f32;
    let pairs = PLACES.map(|(landmark, place)| {
        let [x, y, _] = landmarks[landmark];
        let place = place.map(|at| (at + MARGIN) / (1.0 + 2.0 * MARGIN));
        (place, [x, y])
    });
    let mean = |points: [[f32; 2]; PLACES.len()]| {
        [0, 1].map(|axis: usize| points.iter().map(|point| point[axis]).sum::<f32>() / count)
    };
    let from = mean(pairs.map(|(place, _)| place));
    let to = mean(pairs.map(|(_, seen)| seen));
    // to = centre + size × turn × (from − mean), as complex numbers.
    let (mut real, mut imaginary, mut norm) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (ax, ay) = (a[0] - from[0], a[1] - from[1]);
        let (bx, by) = (b[0] - to[0], b[1] - to[1]);
        real += ax * bx + ay * by;
        imaginary += ax * by - ay * bx;
        norm += ax * ax + ay * ay;
    }
    let size = real.hypot(imaginary) / norm;
    let (sin, cos) = (imaginary / norm, real / norm);
    let (dx, dy) = (0.5 - from[0], 0.5 - from[1]);
    Square {
        centre: [to[0] + cos * dx - sin * dy, to[1] + sin * dx + cos * dy],
        size,
        angle: imaginary.atan2(real),
    }
}

/// The weights by name.
struct Tensors {
    all: Vec<(Entry, Vec<f32>)>,
}

impl Tensors {
    fn read(mut bytes: &[u8], description: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::Shape(NAME);
        let groups: Vec<Group> = serde_json::from_slice(description).map_err(|_| wrong())?;
        let mut all = Vec::new();
        for entry in groups.into_iter().flat_map(|group| group.weights) {
            let width = if entry.quantization.is_some() { 1 } else { 4 };
            let length = entry
                .shape
                .iter()
                .try_fold(width, |length: usize, &size| length.checked_mul(size))
                .ok_or_else(wrong)?;
            let (own, rest) = bytes.split_at_checked(length).ok_or_else(wrong)?;
            bytes = rest;
            let values = match &entry.quantization {
                Some(Quantization { scale, min }) => own
                    .iter()
                    .map(|&byte| (f64::from(byte) * scale + min) as f32)
                    .collect(),
                None => own
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&value| f32::from_le_bytes(value))
                    .collect(),
            };
            all.push((entry, values));
        }
        Ok(Self { all })
    }

    fn get(&self, name: &str) -> Result<(&[usize], &[f32]), Error> {
        self.all
            .iter()
            .find(|(entry, _)| entry.name == name)
            .map(|(entry, values)| (entry.shape.as_slice(), values.as_slice()))
            .ok_or(Error::Shape(NAME))
    }
}

/// Writes the network: a convolution, then [`BLOCKS`], the mean, a product.
fn build(tensors: &Tensors) -> Result<Vec<u8>, Error> {
    let side = Some(SIDE as i64);
    let mut net = Builder {
        tensors,
        graph: Graph::new("identity"),
        serial: 0,
    };
    net.graph
        .input("picture", Element::Float, &[Some(1), side, side, Some(3)]);
    let order = [("perm", Attribute::Integers(&[0, 3, 1, 2]))];
    let planar = net.node("Transpose", &["picture"], &order);
    let first = net.convolution(&planar, "conv32_down", 2)?;
    let first = net.node("Relu", &[&first], &[]);
    let mut current = net.pool("MaxPool", &first, 3);
    let mut side = halved(halved(SIDE, 7), 3);
    let mut channels = 32;
    for (block, halves) in BLOCKS {
        (current, side, channels) = if halves {
            net.halving(&current, block, side, channels)?
        } else {
            let inner = net.inner(&current, block, 1)?;
            let sum = net.node("Add", &[&inner, &current], &[]);
            (net.node("Relu", &[&sum], &[]), side, channels)
        };
    }
    let mean = net.node("GlobalAveragePool", &[&current], &[]);
    let flat = net.node("Flatten", &[&mean], &[]);
    let (shape, values) = tensors.get("fc")?;
    if shape != [channels, SIZE] {
        return Err(Error::Shape(NAME));
    }
    net.graph
        .floats("fc", &[channels as i64, SIZE as i64], values);
    net.graph.node("MatMul", &[&flat, "fc"], &["identity"], &[]);
    net.graph
        .output("identity", Element::Float, &[Some(1), Some(SIZE as i64)]);
    Ok(net.graph.finish())
}

/// Size after a window of `kernel` moved by two, without padding.
fn halved(size: usize, kernel: usize) -> usize {
    size.saturating_sub(kernel) / 2 + 1
}

struct Builder<'a> {
    tensors: &'a Tensors,
    graph: Graph,
    serial: usize,
}

impl Builder<'_> {
    fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute<'_>)],
    ) -> String {
        self.serial += 1;
        let name = format!("v{}", self.serial);
        self.graph.node(operator, inputs, &[&name], attributes);
        name
    }

    fn pool(&mut self, operator: &str, from: &str, kernel: i64) -> String {
        let attributes = [
            ("kernel_shape", Attribute::Integers(&[kernel, kernel])),
            ("strides", Attribute::Integers(&[2, 2])),
        ];
        self.node(operator, &[from], &attributes)
    }

    /// A convolution with the scale that follows it folded in. Without a
    /// stride it keeps the size; with one it is not padded.
    fn convolution(&mut self, from: &str, layer: &str, stride: i64) -> Result<String, Error> {
        let (shape, filters) = self.tensors.get(&format!("{layer}/conv/filters"))?;
        let &[height, width, into, out] = shape else {
            return Err(Error::Shape(NAME));
        };
        let vector = |part: &str| {
            let (shape, values) = self.tensors.get(&format!("{layer}/{part}"))?;
            if shape == [out] {
                Ok(values)
            } else {
                Err(Error::Shape(NAME))
            }
        };
        let (bias, scale, offset) = (
            vector("conv/bias")?,
            vector("scale/weights")?,
            vector("scale/biases")?,
        );
        let mut weights = Vec::with_capacity(filters.len());
        for channel in 0..out {
            for from in 0..into {
                for place in 0..height * width {
                    weights.push(filters[(place * into + from) * out + channel] * scale[channel]);
                }
            }
        }
        let bias: Vec<f32> = (0..out)
            .map(|at| bias[at] * scale[at] + offset[at])
            .collect();
        let names = [format!("{layer}/weights"), format!("{layer}/bias")];
        let shape = [out, into, height, width].map(|size| size as i64);
        self.graph.floats(&names[0], &shape, &weights);
        self.graph.floats(&names[1], &[out as i64], &bias);
        let [up, left] = [height, width].map(|size| if stride == 1 { size as i64 / 2 } else { 0 });
        let attributes = [
            ("strides", Attribute::Integers(&[stride, stride])),
            ("pads", Attribute::Integers(&[up, left, up, left])),
        ];
        Ok(self.node("Conv", &[from, &names[0], &names[1]], &attributes))
    }

    /// The two convolutions of a block.
    fn inner(&mut self, from: &str, block: &str, stride: i64) -> Result<String, Error> {
        let first = self.convolution(from, &format!("{block}/conv1"), stride)?;
        let first = self.node("Relu", &[&first], &[]);
        self.convolution(&first, &format!("{block}/conv2"), 1)
    }

    /// A block that halves the picture. Beside the convolutions goes a mean of
    /// four pixels, filled up with empty channels; where that is larger by a
    /// row and a column, the convolutions are filled up with zeros.
    fn halving(
        &mut self,
        from: &str,
        block: &str,
        side: usize,
        channels: usize,
    ) -> Result<(String, usize, usize), Error> {
        let (shape, _) = self.tensors.get(&format!("{block}/conv1/conv/filters"))?;
        let out = *shape.last().ok_or(Error::Shape(NAME))?;
        let (inner_side, beside_side) = (halved(side, 3), halved(side, 2));
        let inner = self.inner(from, block, 2)?;
        let inner = self.pad(&inner, 0, beside_side - inner_side);
        let beside = self.pool("AveragePool", from, 2);
        let beside = self.pad(&beside, out.saturating_sub(channels), 0);
        let sum = self.node("Add", &[&inner, &beside], &[]);
        Ok((self.node("Relu", &[&sum], &[]), beside_side, out))
    }

    /// Adds empty channels, and rows and columns of zeros at the end.
    fn pad(&mut self, from: &str, channels: usize, places: usize) -> String {
        if channels == 0 && places == 0 {
            return from.to_owned();
        }
        self.serial += 1;
        let name = format!("v{}", self.serial);
        let (channels, places) = (channels as i64, places as i64);
        self.graph
            .integers(&name, &[8], &[0, 0, 0, 0, 0, channels, places, places]);
        self.node("Pad", &[from, &name], &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_come_to_their_places() {
        let wanted = Square {
            centre: [200.0, 150.0],
            size: 120.0,
            angle: 0.3,
        };
        let mut landmarks = [[0.0; 3]; crate::LANDMARKS];
        for (landmark, place) in PLACES {
            let place = place.map(|at| (at + MARGIN) / (1.0 + 2.0 * MARGIN));
            let [x, y] = wanted.to_image(place);
            landmarks[landmark] = [x, y, 0.0];
        }
        let found = square(&landmarks);
        assert!((found.size - wanted.size).abs() < 0.01, "{found:?}");
        assert!((found.angle - wanted.angle).abs() < 1e-4, "{found:?}");
        assert!((found.centre[0] - 200.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn weights_that_end_early_are_refused() {
        let description =
            br#"[{"weights":[{"name":"fc","shape":[2,2],"quantization":{"scale":1,"min":0}}]}]"#;
        assert!(Tensors::read(&[0; 4], description).is_ok());
        assert!(Tensors::read(&[0; 3], description).is_err());
        assert!(Tensors::read(&[0; 4], b"{}").is_err());
    }
}
