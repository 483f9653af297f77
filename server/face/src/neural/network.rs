//! A network in ONNX Runtime whose shapes were checked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use media::face::BLENDSHAPES;
use onnx::Survey;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use weights::lanes::Lanes;

use super::mel::{BANDS, SPECTRA, WINDOW};
use super::settings::Kind;
use super::{Error, MAX_NETWORK};

/// Sides of a crop, pixels. Below there is no mouth to see, above a picture is
/// never in time.
const SIDES: std::ops::RangeInclusive<i64> = 16..=512;
/// Most nodes of a model; the networks of this size that are in use have some
/// hundreds.
const MAX_NODES: usize = 4_096;
/// What a trial may take. It says what the network takes for one input on an
/// idle machine, no more: what later pictures take is watched by the presenter.
const PATIENCE: Duration = Duration::from_secs(2);
/// Copies of the network at most: as many threads draw at once.
const MAX_LANES: usize = 4;
/// Numbers of a pose.
pub(super) const POSE: usize = 6;

/// What a network is told of a moment. All colours are planes of RGB, 0..=1.
pub(super) struct Told<'a> {
    pub controls: &'a [f32; BLENDSHAPES],
    pub pose: &'a [f32; POSE],
    /// See [`super::mel`]; used by `wav2lip`.
    pub window: &'a [f32],
    /// `3 * height * width`.
    pub crop: &'a [f32],
}

/// What a network painted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Painted {
    /// Planes of RGB, `3 * height * width`.
    pub crop: Vec<f32>,
    /// `height * width`.
    pub alpha: Option<Vec<f32>>,
}

/// An input or output by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Controls,
    Pose,
    Crop,
    Window,
    Faces,
}

/// A network that keeps its contract. Shared by all sessions of its avatar;
/// several threads run at once, each in its own lane.
pub struct Network {
    lanes: Lanes<Session>,
    inputs: Vec<(String, Role)>,
    mouth: String,
    alpha: Option<String>,
    width: usize,
    height: usize,
    range: [f32; 2],
}

/// What a trial found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Width and height of the network's crop, pixels.
    pub size: (usize, usize),
    /// What a picture took, wall time.
    pub took: Duration,
}

fn shape(name: &str, found: &Outlet, wanted: &str) -> Error {
    Error::Shape {
        name: name.to_owned(),
        found: found.dtype().to_string(),
        wanted: wanted.to_owned(),
    }
}

/// Whether a value is of 32-bit floats in these dimensions. An open batch fits.
fn fits(value: &Outlet, wanted: &[i64]) -> bool {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return false;
    };
    *ty == TensorElementType::Float32
        && shape.len() == wanted.len()
        && shape
            .iter()
            .zip(wanted)
            .enumerate()
            .all(|(k, (&found, &wanted))| found == wanted || k == 0 && found == -1)
}

/// Width and height of a picture of so many channels, if it is one.
fn picture(value: &Outlet, channels: i64) -> Option<(usize, usize)> {
    let shape = value.dtype().tensor_shape()?;
    let &[_, _, height, width] = shape.get(..4)?.first_chunk::<4>()?;
    let sides = SIDES.contains(&height) && SIDES.contains(&width);
    let fits = sides && fits(value, &[1, channels, height, width]);
    fits.then_some((width as usize, height as usize))
}

fn find<'a>(values: &'a [Outlet], name: &str) -> Option<&'a Outlet> {
    values.iter().find(|value| value.name() == name)
}

fn missing(what: &str, values: &[Outlet]) -> Error {
    let names: Vec<_> = values.iter().map(Outlet::name).collect();
    Error::Missing {
        what: what.to_owned(),
        there: format!("there are: {}", names.join(", ")),
    }
}

/// That the model is of a usual size, has no loops and reads no other file.
fn check_model(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() as u64 > MAX_NETWORK {
        return Err(Error::TooLarge);
    }
    let survey = Survey::of(bytes).map_err(|e| Error::Load(e.to_string()))?;
    if survey.nested {
        return Err(Error::Refused(
            "it has branches, loops or functions of its own".into(),
        ));
    }
    if survey.external {
        return Err(Error::Refused(
            "its weights are in another file; export it as one".into(),
        ));
    }
    if survey.nodes > MAX_NODES {
        return Err(Error::Refused(format!(
            "it has {} nodes, at most {MAX_NODES} may be",
            survey.nodes
        )));
    }
    Ok(())
}

fn open(bytes: &[u8], level: GraphOptimizationLevel) -> Result<Session, Error> {
    let environment = weights::runtime::environment().map_err(|e| Error::Runtime(e.to_string()))?;
    Session::builder(environment)
        .and_then(|builder| Ok(builder.with_intra_threads(1)?))
        .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
        .and_then(|builder| Ok(builder.with_optimization_level(level)?))
        .and_then(|mut builder| builder.commit_from_memory(bytes))
        .map_err(|e| Error::Load(e.to_string()))
}

impl Network {
    /// Loads a model for sessions and checks it against the contract of its
    /// kind. ONNX Runtime must have been loaded by [`weights::runtime::init`].
    /// `range` is that of [`super::Settings`].
    ///
    /// # Errors
    /// [`Error`]: whatever breaks the contract or has loops is refused.
    pub fn load(bytes: &[u8], kind: Kind, range: [f32; 2]) -> Result<Self, Error> {
        check_model(bytes)?;
        let all = || open(bytes, GraphOptimizationLevel::All);
        let mut network = Self::of(all()?, kind, range)?;
        network.lanes.fill(MAX_LANES, all)?;
        Ok(network)
    }

    /// Checks a model as [`Network::load`] does and runs it.
    ///
    /// # Errors
    /// [`Error`]: also what takes more than two seconds or gives no numbers is
    /// refused.
    pub fn try_out(bytes: &[u8], kind: Kind, range: [f32; 2]) -> Result<Trial, Error> {
        check_model(bytes)?;
        // Loading computes what depends on no input, and nothing stops that.
        // Without optimisation it belongs to the run, which is stopped.
        let plain = open(bytes, GraphOptimizationLevel::Disable)?;
        Self::of(plain, kind, range)?.time()?;
        let network = Self::of(open(bytes, GraphOptimizationLevel::All)?, kind, range)?;
        Ok(Trial {
            size: network.size(),
            took: network.time()?,
        })
    }

    fn of(session: Session, kind: Kind, range: [f32; 2]) -> Result<Self, Error> {
        match kind {
            Kind::Controls => Self::of_controls(session, range),
            Kind::Wav2Lip => Self::of_wav2lip(session),
        }
    }

    fn of_controls(session: Session, range: [f32; 2]) -> Result<Self, Error> {
        let (inputs, outputs) = (session.inputs(), session.outputs());
        let crop = find(inputs, "crop").ok_or_else(|| missing("input 'crop'", inputs))?;
        let (width, height) = picture(crop, 3)
            .ok_or_else(|| shape("crop", crop, "f32 [1,3,H,W] with sides of 16 to 512"))?;
        let controls =
            find(inputs, "controls").ok_or_else(|| missing("input 'controls'", inputs))?;
        if !fits(controls, &[1, BLENDSHAPES as i64]) {
            return Err(shape("controls", controls, "f32 [1,52]"));
        }
        let mut roles = vec![
            ("controls".to_owned(), Role::Controls),
            ("crop".to_owned(), Role::Crop),
        ];
        for input in inputs {
            match input.name() {
                "controls" | "crop" => {}
                "pose" if fits(input, &[1, POSE as i64]) => {
                    roles.push(("pose".to_owned(), Role::Pose));
                }
                "pose" => return Err(shape("pose", input, "f32 [1,6]")),
                other => return Err(Error::Unknown(other.to_owned())),
            }
        }
        let (w, h) = (width as i64, height as i64);
        let mouth = find(outputs, "mouth").ok_or_else(|| missing("output 'mouth'", outputs))?;
        if !fits(mouth, &[1, 3, h, w]) {
            return Err(shape("mouth", mouth, &format!("f32 [1,3,{h},{w}]")));
        }
        let alpha = find(outputs, "alpha");
        if let Some(alpha) = alpha.filter(|alpha| !fits(alpha, &[1, 1, h, w])) {
            return Err(shape("alpha", alpha, &format!("f32 [1,1,{h},{w}]")));
        }
        let alpha = alpha.map(|alpha| alpha.name().to_owned());
        Ok(Self {
            lanes: Lanes::new(session),
            inputs: roles,
            mouth: "mouth".to_owned(),
            alpha,
            width,
            height,
            range,
        })
    }

    fn of_wav2lip(session: Session) -> Result<Self, Error> {
        const MEL: [i64; 4] = [1, 1, BANDS as i64, SPECTRA as i64];
        let (inputs, outputs) = (session.inputs(), session.outputs());
        let window = inputs
            .iter()
            .find(|input| fits(input, &MEL))
            .ok_or_else(|| missing("input of mel spectra, f32 [1,1,80,16]", inputs))?;
        let (faces, (width, height)) = inputs
            .iter()
            .find_map(|input| Some((input, picture(input, 6)?)))
            .ok_or_else(|| missing("input of faces, f32 [1,6,H,W]", inputs))?;
        let roles = vec![
            (window.name().to_owned(), Role::Window),
            (faces.name().to_owned(), Role::Faces),
        ];
        let known: BTreeSet<_> = roles.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(other) = inputs.iter().find(|i| !known.contains(i.name())) {
            return Err(Error::Unknown(other.name().to_owned()));
        }
        let wanted = [1, 3, height as i64, width as i64];
        let mouth = outputs
            .iter()
            .find(|output| fits(output, &wanted))
            .ok_or_else(|| missing(&format!("output f32 [1,3,{height},{width}]"), outputs))?;
        let mouth = mouth.name().to_owned();
        Ok(Self {
            lanes: Lanes::new(session),
            inputs: roles,
            mouth,
            alpha: None,
            width,
            height,
            range: [0.0, 1.0],
        })
    }

    /// Width and height of its crop, pixels.
    #[must_use]
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Runs it twice (the first run prepares the library) and says what the
    /// second took. A run that takes too long ends with the operator that it is
    /// in.
    fn time(&self) -> Result<Duration, Error> {
        let told = Told {
            controls: &[0.0; BLENDSHAPES],
            pose: &[0.0; POSE],
            window: &[0.0; WINDOW],
            crop: &vec![0.5; 3 * self.width * self.height],
        };
        let options = RunOptions::new().map_err(|e| Error::Run(e.to_string()))?;
        let options = Arc::new(options);
        let stop = options.clone();
        let (done, waiting) = channel::<()>();
        let watch = std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // The run then ends with an error.
                let _ = stop.terminate();
                return true;
            }
            false
        });
        let mut took = Duration::ZERO;
        let result = (0..2).try_for_each(|_| {
            let start = Instant::now();
            let result = self.run_with(&told, &options);
            took = start.elapsed();
            result.map(|_| ())
        });
        drop(done);
        if watch.join().unwrap_or(false) {
            return Err(Error::Slow(PATIENCE.as_millis()));
        }
        result.map(|()| took)
    }

    /// Paints a moment.
    pub(super) fn run(&self, told: &Told<'_>) -> Result<Painted, Error> {
        let options = RunOptions::new().map_err(|e| Error::Run(e.to_string()))?;
        self.run_with(told, &options)
    }

    fn run_with(&self, told: &Told<'_>, options: &RunOptions) -> Result<Painted, Error> {
        let failed = |e: ort::Error| Error::Run(e.to_string());
        let tensors: Vec<_> = self
            .inputs
            .iter()
            .map(|(name, role)| (name, self.tensor(*role, told)))
            .collect();
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(tensors.len());
        for (name, (shape, values)) in &tensors {
            let tensor = TensorRef::from_array_view((shape.as_slice(), values.as_slice()))
                .map_err(failed)?;
            inputs.push((name.as_str(), tensor.into()));
        }
        self.lanes.run(|session| {
            let out = session.run_with_options(inputs, options).map_err(failed)?;
            let values = |name: &str, channels: usize| {
                let (shape, values) = out[name].try_extract_tensor::<f32>().map_err(failed)?;
                let wanted = [1, channels as i64, self.height as i64, self.width as i64];
                // An open dimension may turn out as anything.
                if **shape != wanted {
                    return Err(Error::Shape {
                        name: name.to_owned(),
                        found: format!("{shape:?}"),
                        wanted: format!("{wanted:?}"),
                    });
                }
                if !values.iter().all(|v| v.is_finite()) {
                    return Err(Error::NotFinite(name.to_owned()));
                }
                Ok(values.to_vec())
            };
            let [low, high] = self.range;
            let mut crop = values(&self.mouth, 3)?;
            for value in &mut crop {
                *value = ((*value - low) / (high - low)).clamp(0.0, 1.0);
            }
            if self.hears() {
                swap_red_and_blue(&mut crop);
            }
            let alpha = self
                .alpha
                .as_ref()
                .map(|name| values(name, 1))
                .transpose()?;
            Ok(Painted { crop, alpha })
        })
    }

    fn hears(&self) -> bool {
        self.inputs.iter().any(|(_, role)| *role == Role::Faces)
    }

    /// Shape and values of an input.
    fn tensor(&self, role: Role, told: &Told<'_>) -> (Vec<i64>, Vec<f32>) {
        let (w, h) = (self.width as i64, self.height as i64);
        let [low, high] = self.range;
        match role {
            Role::Controls => (vec![1, BLENDSHAPES as i64], told.controls.to_vec()),
            Role::Pose => (vec![1, POSE as i64], told.pose.to_vec()),
            Role::Crop => {
                let values = told.crop.iter().map(|v| low + v * (high - low));
                (vec![1, 3, h, w], values.collect())
            }
            Role::Window => (
                vec![1, 1, BANDS as i64, SPECTRA as i64],
                told.window.to_vec(),
            ),
            Role::Faces => {
                let mut whole = told.crop.to_vec();
                swap_red_and_blue(&mut whole);
                let plane = self.width * self.height;
                let mut values = whole.clone();
                for channel in values.chunks_exact_mut(plane) {
                    channel[self.height / 2 * self.width..].fill(0.0);
                }
                values.append(&mut whole);
                (vec![1, 6, h, w], values)
            }
        }
    }
}

/// Exchanges the first and the last of three planes.
fn swap_red_and_blue(planes: &mut [f32]) {
    let plane = planes.len() / 3;
    let (first, rest) = planes.split_at_mut(plane);
    first.swap_with_slice(&mut rest[plane..]);
}
