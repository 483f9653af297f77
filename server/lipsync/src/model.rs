//! The viseme network: one file shared by all sessions, one small state for
//! each.

use std::path::{Path, PathBuf};

use media::Viseme;
use media::face::VISEMES;
use ort::session::Session;
use ort::value::TensorRef;
use thiserror::Error;
use weights::lanes::Lanes;

use crate::features::{BANDS, FRAMES, HopFeatures};

/// Heads of the network, by delay: 0, 20, 40, 60 and 80 ms.
pub const HEADS: usize = 5;

/// Delay between two heads, hops.
pub const HEAD_STEP: usize = 1;

/// Copies of the network at most: it is small, but more threads than this do
/// not step sessions.
const MAX_LANES: usize = 8;

/// Viseme weights of one frame of 10 ms, by [`media::Viseme::index`], sum 1.
pub type Visemes = [f32; VISEMES];

/// What the network says at one hop: for each head the two frames that ended
/// its delay ago.
pub type Heads = [[Visemes; FRAMES]; HEADS];

/// No voice at all.
pub const SILENT: Visemes = pure(Viseme::Sil);

/// This viseme and no other.
#[must_use]
pub const fn pure(viseme: Viseme) -> Visemes {
    let mut weights = [0.0; VISEMES];
    weights[viseme.index()] = 1.0;
    weights
}

/// Why the network cannot be loaded or run.
#[derive(Debug, Error)]
pub enum Error {
    /// ONNX Runtime is not there.
    #[error(transparent)]
    Runtime(#[from] weights::runtime::Error),
    /// The file is missing or is not a network that ONNX Runtime can load.
    #[error("cannot load the lip-sync network {path}: {reason}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// The file holds another network.
    #[error("{path} is not a lip-sync network of this version: {reason}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: &'static str,
    },
    /// Inference failed.
    #[error("the lip-sync network failed: {0}")]
    Run(#[from] ort::Error),
}

/// One ONNX session with the rows of a batch.
struct Lane {
    session: Session,
    mel: Vec<f32>,
    state: Vec<f32>,
}

/// The network. Shared by all streams; several threads run at once, each in
/// its own lane.
pub struct Model {
    lanes: Lanes<Lane>,
    state_size: usize,
}

/// What one stream carries from hop to hop.
#[derive(Clone, Debug)]
pub struct Stream {
    state: Vec<f32>,
    /// The answer to the last hop.
    pub heads: Heads,
}

impl Stream {
    /// Forgets all that was heard.
    pub fn reset(&mut self) {
        self.state.fill(0.0);
        self.heads = [[SILENT; FRAMES]; HEADS];
    }
}

impl Model {
    /// Loads the network from an ONNX file; ONNX Runtime must have been loaded
    /// by [`weights::runtime::init`].
    ///
    /// # Errors
    /// [`Error`] when the runtime, the file or its shape is not right.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let environment = weights::runtime::environment()?;
        let failed = |error: String| Error::Load {
            path: path.to_path_buf(),
            reason: error,
        };
        let open = || -> Result<Session, Error> {
            Session::builder(environment)
                .and_then(|builder| Ok(builder.with_intra_threads(1)?))
                .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
                .and_then(|mut builder| builder.commit_from_file(path))
                .map_err(|error| failed(error.to_string()))
        };
        let session = open()?;
        let shape = |reason| Error::Shape {
            path: path.to_path_buf(),
            reason,
        };
        let state_size = session
            .inputs()
            .iter()
            .find(|input| input.name() == "state")
            .and_then(|input| input.dtype().tensor_shape())
            .and_then(|dimensions| dimensions.last().copied())
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| shape("it has no state of known size"))?;
        if !session.inputs().iter().any(|input| input.name() == "mel")
            || !session.outputs().iter().any(|out| out.name() == "visemes")
            || !session
                .outputs()
                .iter()
                .any(|out| out.name() == "next_state")
        {
            return Err(shape("its inputs and outputs have other names"));
        }
        let lane = |session| Lane {
            session,
            mel: Vec::new(),
            state: Vec::new(),
        };
        let mut lanes = Lanes::new(lane(session));
        lanes.fill(MAX_LANES, || open().map(lane))?;
        Ok(Self { lanes, state_size })
    }

    /// A stream that has heard nothing yet.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream {
            state: vec![0.0; self.state_size],
            heads: [[SILENT; FRAMES]; HEADS],
        }
    }

    /// Takes one hop of one stream.
    ///
    /// # Errors
    /// [`Error::Run`].
    pub fn advance(&self, mel: &HopFeatures, stream: &mut Stream) -> Result<(), Error> {
        self.advance_all(&mut [(mel, stream)])
    }

    /// Takes one hop of many streams in one call of the network.
    ///
    /// # Errors
    /// [`Error::Run`]; the streams are then as before.
    pub fn advance_all(&self, jobs: &mut [(&HopFeatures, &mut Stream)]) -> Result<(), Error> {
        if jobs.is_empty() {
            return Ok(());
        }
        self.lanes.run(|lane| {
            let batch = jobs.len();
            lane.mel.clear();
            lane.state.clear();
            for (mel, stream) in jobs.iter() {
                lane.mel.extend_from_slice(*mel);
                lane.state.extend_from_slice(&stream.state);
            }
            let mel = TensorRef::from_array_view(([batch, FRAMES, BANDS], lane.mel.as_slice()))?;
            let state =
                TensorRef::from_array_view(([batch, self.state_size], lane.state.as_slice()))?;
            let out = lane
                .session
                .run(ort::inputs!["mel" => mel, "state" => state])?;
            let (_, visemes) = out["visemes"].try_extract_tensor::<f32>()?;
            let (_, next) = out["next_state"].try_extract_tensor::<f32>()?;
            let rows = visemes
                .chunks_exact(HEADS * FRAMES * VISEMES)
                .zip(next.chunks_exact(self.state_size));
            for ((_, stream), (visemes, next)) in jobs.iter_mut().zip(rows) {
                stream.state.copy_from_slice(next);
                let frames = stream.heads.iter_mut().flatten();
                for (frame, weights) in frames.zip(visemes.chunks_exact(VISEMES)) {
                    frame.copy_from_slice(weights);
                }
            }
            Ok(())
        })
    }
}
