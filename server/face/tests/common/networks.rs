//! Small networks, written node by node.

use onnx::{Attribute, Element, Graph};

/// Side of their crops.
pub const CROP: usize = 64;

const SIDES: [Option<i64>; 2] = [Some(CROP as i64); 2];

/// A `controls` network with its inputs.
pub struct Net {
    pub graph: Graph,
}

impl Net {
    pub fn new() -> Self {
        Self::named(&[])
    }

    /// With other names for some of its inputs.
    pub fn named(names: &[(&str, &str)]) -> Self {
        let name = |name: &'static str| {
            let other = names.iter().find(|(from, _)| *from == name);
            other.map_or(name.to_owned(), |(_, to)| (*to).to_owned())
        };
        let mut graph = Graph::new("mouth");
        graph.input(&name("controls"), Element::Float, &[Some(1), Some(52)]);
        // An open batch, as exporters write it.
        let crop = [None, Some(3), SIDES[0], SIDES[1]];
        graph.input(&name("crop"), Element::Float, &crop);
        Self { graph }
    }

    /// Adds an output of so many channels.
    pub fn output(&mut self, name: &str, channels: i64) {
        let shape = [Some(1), Some(channels), SIDES[0], SIDES[1]];
        self.graph.output(name, Element::Float, &shape);
    }

    /// Paints one colour everywhere.
    pub fn paint(&mut self, colour: [f32; 3]) {
        let values: Vec<f32> = colour
            .into_iter()
            .flat_map(|value| [value; CROP * CROP])
            .collect();
        let shape = [1, 3, CROP as i64, CROP as i64];
        self.graph.floats("colour", &shape, &values);
        self.graph.node("Identity", &["colour"], &["mouth"], &[]);
        self.output("mouth", 3);
    }

    /// `jaw` becomes the weight of jawOpen, `[1,1,1,1]`.
    fn jaw(&mut self) {
        let mut pick = [0.0; 52];
        pick[media::Blendshape::JawOpen.index()] = 1.0;
        self.graph.floats("pick", &[52, 1], &pick);
        self.graph
            .node("MatMul", &["controls", "pick"], &["flat"], &[]);
        self.graph.integers("ones", &[4], &[1, 1, 1, 1]);
        self.graph.node("Reshape", &["flat", "ones"], &["jaw"], &[]);
    }

    pub fn finish(self) -> Vec<u8> {
        self.graph.finish()
    }
}

/// Mixes the crop with green, the more the wider the jaw is open.
pub fn tint() -> Vec<u8> {
    let mut net = Net::new();
    net.jaw();
    net.graph.floats("green", &[1, 3, 1, 1], &[0.0, 1.0, 0.0]);
    net.graph.node("Sub", &["green", "crop"], &["way"], &[]);
    net.graph.node("Mul", &["way", "jaw"], &["step"], &[]);
    net.graph.node("Add", &["crop", "step"], &["mouth"], &[]);
    net.output("mouth", 3);
    net.finish()
}

/// A black mouth; the logarithm of 0.5 - jaw is no number from 0.5 on.
pub fn breaks_with_nan() -> Vec<u8> {
    let mut net = Net::new();
    net.jaw();
    net.graph.floats("half", &[1], &[0.5]);
    net.graph.node("Sub", &["half", "jaw"], &["rest"], &[]);
    net.graph.node("Log", &["rest"], &["log"], &[]);
    net.graph.floats("nothing", &[1], &[0.0]);
    net.graph.node("Mul", &["log", "nothing"], &["none"], &[]);
    net.graph.node("Mul", &["crop", "nothing"], &["dark"], &[]);
    net.graph.node("Add", &["dark", "none"], &["mouth"], &[]);
    net.output("mouth", 3);
    net.finish()
}

/// A black mouth; from a jaw of 0.5 on an index is out of its range.
pub fn breaks_with_error() -> Vec<u8> {
    let mut net = Net::new();
    net.jaw();
    net.graph.node("Round", &["jaw"], &["whole"], &[]);
    let long = Attribute::Integer(Element::Integer as i64);
    net.graph
        .node("Cast", &["whole"], &["index"], &[("to", long)]);
    net.graph.floats("one", &[1], &[0.0]);
    net.graph.node("Gather", &["one", "index"], &["none"], &[]);
    net.graph.node("Mul", &["crop", "none"], &["mouth"], &[]);
    net.output("mouth", 3);
    net.finish()
}

fn lip_inputs(mel: &str, faces: &str) -> Graph {
    let mut graph = Graph::new("wav2lip");
    graph.input(mel, Element::Float, &[None, Some(1), Some(80), Some(16)]);
    graph.input(faces, Element::Float, &[None, Some(6), SIDES[0], SIDES[1]]);
    graph
}

/// Shaped like `Wav2Lip`: black in silence, the brighter the larger the mean of
/// the mel window.
pub fn wav2lip(mel: &str, faces: &str) -> Vec<u8> {
    let mut graph = lip_inputs(mel, faces);
    graph.node("ReduceMean", &[mel], &["level"], &[]);
    graph.floats("scale", &[1], &[0.5]);
    graph.node("Mul", &["level", "scale"], &["small"], &[]);
    graph.floats("silent", &[1], &[2.0]);
    graph.node("Add", &["small", "silent"], &["grey"], &[]);
    let slice = ["first", "last", "axis"];
    graph.integers("first", &[1], &[3]);
    graph.integers("last", &[1], &[6]);
    graph.integers("axis", &[1], &[1]);
    graph.node(
        "Slice",
        &[faces, slice[0], slice[1], slice[2]],
        &["whole"],
        &[],
    );
    graph.floats("nothing", &[1], &[0.0]);
    graph.node("Mul", &["whole", "nothing"], &["dark"], &[]);
    graph.node("Add", &["dark", "grey"], &["painted"], &[]);
    graph.output(
        "painted",
        Element::Float,
        &[None, Some(3), SIDES[0], SIDES[1]],
    );
    graph.finish()
}

/// Shaped like `Wav2Lip`: paints one of its six channels in grey.
pub fn wav2lip_channel(channel: i64) -> Vec<u8> {
    let mut graph = lip_inputs("mel", "faces");
    graph.integers("which", &[3], &[channel; 3]);
    graph.node(
        "Gather",
        &["faces", "which"],
        &["grey"],
        &[("axis", Attribute::Integer(1))],
    );
    // The sound is there but of no use.
    graph.node("ReduceMean", &["mel"], &["level"], &[]);
    graph.floats("nothing", &[1], &[0.0]);
    graph.node("Mul", &["level", "nothing"], &["none"], &[]);
    graph.node("Add", &["grey", "none"], &["painted"], &[]);
    graph.output(
        "painted",
        Element::Float,
        &[None, Some(3), SIDES[0], SIDES[1]],
    );
    graph.finish()
}
