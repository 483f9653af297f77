//! All networks together.

use std::io::Read;
use std::path::{Path, PathBuf};

use media::face::BLENDSHAPES;
use weights::Models;

use crate::convert;
use crate::detector::Detector;
use crate::expression::Expression;
use crate::identity::{Identity, Recogniser};
use crate::image::{Image, Mask, Pyramid, Rect};
use crate::mesh::{self, Landmarks, Mesh};
use crate::outline::Outline;
use crate::pose::{Canonical, Pose};

/// Names of the weights in the manifest.
const LANDMARKER: &str = "face/face_landmarker.task";
const OUTLINE: &str = "face/selfie_segmentation.tflite";
const IDENTITY: &str = "face/face_recognition_model.bin";
const IDENTITY_DESCRIPTION: &str = "face/face_recognition_model.json";

/// Below this there is no face in the landmarks; as in `MediaPipe`.
const LEAST_PRESENCE: f32 = 0.5;

/// Two detections that lead to landmarks overlapping this much are one face.
const SAME: f32 = 0.5;

/// Smaller copies of a picture are made down to this size, which is what the
/// largest views need.
const LEAST_COPY: usize = 256;

/// Why a picture cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Weights are missing or not the ones listed.
    #[error(transparent)]
    Weights(#[from] weights::Error),
    /// ONNX Runtime is not loaded.
    #[error(transparent)]
    Runtime(#[from] weights::runtime::Error),
    /// A file of weights cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A network cannot be converted.
    #[error("the network for {name}: {source}")]
    Convert {
        /// Which network.
        name: &'static str,
        /// Why.
        source: convert::Error,
    },
    /// A network cannot be opened.
    #[error("the network for {name} cannot be loaded: {source}")]
    Load {
        /// Which network.
        name: &'static str,
        /// What ONNX Runtime said.
        source: ort::Error,
    },
    /// A file holds another network than it should.
    #[error("the file for {0} holds another network")]
    Shape(&'static str),
    /// Inference failed.
    #[error("a network failed: {0}")]
    Run(#[from] ort::Error),
}

/// One face.
#[derive(Clone, Debug)]
pub struct Face {
    /// Around the landmarks, so without hair and ears; pixels.
    pub bounds: Rect,
    /// How sure the detector was, 0..=1.
    pub score: f32,
    /// How sure the landmarks are of a face, 0..=1.
    pub presence: f32,
    /// Where its parts are.
    pub landmarks: Box<Landmarks>,
    /// Expression: weights by [`media::face::Blendshape::index`], 0..=1. The tongue is
    /// not seen and stays 0.
    pub shapes: [f32; BLENDSHAPES],
    /// How the head is held.
    pub pose: Pose,
    /// Who it is.
    pub identity: Identity,
}

/// What a picture shows.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The faces, largest first, at most eight.
    pub faces: Vec<Face>,
    /// The people against the background, as large as the picture.
    pub person: Mask,
}

/// The networks, loaded. One thread at a time.
pub struct Analyser {
    detector: Detector,
    mesh: Mesh,
    expression: Expression,
    canonical: Canonical,
    recogniser: Recogniser,
    outline: Outline,
}

impl std::fmt::Debug for Analyser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyser").finish_non_exhaustive()
    }
}

impl Analyser {
    /// Loads and converts all networks; some hundred milliseconds, some 60 MB.
    ///
    /// # Errors
    /// [`Error`] when weights are missing, or ONNX Runtime is not loaded.
    pub fn load(models: &Models) -> Result<Self, Error> {
        let mut task = Task::open(&models.file(LANDMARKER)?)?;
        let metadata = task.member("geometry_pipeline_metadata_landmarks.binarypb")?;
        let recogniser = Recogniser::load(
            &read(&models.file(IDENTITY)?)?,
            &read(&models.file(IDENTITY_DESCRIPTION)?)?,
        )?;
        Ok(Self {
            detector: Detector::load(&task.member("face_detector.tflite")?)?,
            mesh: Mesh::load(&task.member("face_landmarks_detector.tflite")?)?,
            expression: Expression::load(&task.member("face_blendshapes.tflite")?)?,
            canonical: Canonical::parse(&metadata).map_err(|_| Error::Shape("head pose"))?,
            recogniser,
            outline: Outline::load(&read(&models.file(OUTLINE)?)?)?,
        })
    }

    /// Finds out everything about a picture.
    ///
    /// # Errors
    /// [`Error::Run`] when a network fails; that no one is in the picture is no
    /// error.
    pub fn analyse(&mut self, image: &Image) -> Result<Analysis, Error> {
        Ok(Analysis {
            faces: self.faces(image)?,
            person: self.person(image)?,
        })
    }

    /// The faces alone, largest first, at most eight.
    ///
    /// # Errors
    /// [`Error::Run`].
    pub fn faces(&mut self, image: &Image) -> Result<Vec<Face>, Error> {
        let pyramid = Pyramid::new(image, LEAST_COPY);
        let mut faces: Vec<Face> = Vec::new();
        for found in self.detector.find(&pyramid)? {
            let (first, presence) = self.mesh.find(&pyramid, found.square())?;
            if presence < LEAST_PRESENCE {
                continue;
            }
            // The detector's square is rough; a second look, from where the
            // landmarks are, is what they were trained on in videos.
            let (landmarks, presence) = self.mesh.find(&pyramid, mesh::square(&first))?;
            let bounds = mesh::bounds(&landmarks);
            let known = faces.iter().any(|face| face.bounds.overlap(&bounds) > SAME);
            if presence < LEAST_PRESENCE || known {
                continue;
            }
            faces.push(Face {
                bounds,
                score: found.score,
                presence,
                shapes: self.expression.read(&landmarks)?,
                pose: self.canonical.fit(&landmarks),
                identity: self.recogniser.read(&pyramid, &landmarks)?,
                landmarks,
            });
        }
        let area = |face: &Face| face.bounds.width * face.bounds.height;
        faces.sort_by(|a, b| area(b).total_cmp(&area(a)));
        Ok(faces)
    }

    /// What each stage costs on this picture: the mean of `runs`, in
    /// milliseconds. Stages that need a face are left out without one.
    ///
    /// # Errors
    /// [`Error::Run`].
    pub fn cost(&mut self, image: &Image, runs: u32) -> Result<Vec<(&'static str, f64)>, Error> {
        let mut costs = Vec::new();
        let mut time = |stage, work: &mut dyn FnMut() -> Result<(), Error>| {
            let start = std::time::Instant::now();
            for _ in 0..runs {
                work()?;
            }
            let total = start.elapsed().as_secs_f64() * 1e3;
            costs.push((stage, total / f64::from(runs.max(1))));
            Ok::<_, Error>(())
        };
        let pyramid = Pyramid::new(image, LEAST_COPY);
        time("copies", &mut || {
            Pyramid::new(image, LEAST_COPY);
            Ok(())
        })?;
        time("detector", &mut || self.detector.find(&pyramid).map(drop))?;
        if let Some(found) = self.detector.find(&pyramid)?.first() {
            let square = found.square();
            time("landmarks", &mut || {
                self.mesh.find(&pyramid, square).map(drop)
            })?;
            let (landmarks, _) = self.mesh.find(&pyramid, square)?;
            time("expression", &mut || {
                self.expression.read(&landmarks).map(drop)
            })?;
            time("pose", &mut || {
                self.canonical.fit(&landmarks);
                Ok(())
            })?;
            time("identity", &mut || {
                self.recogniser.read(&pyramid, &landmarks).map(drop)
            })?;
        }
        time("outline", &mut || self.outline.find(&pyramid).map(drop))?;
        Ok(costs)
    }

    /// The people against the background alone.
    ///
    /// # Errors
    /// [`Error::Run`].
    pub fn person(&mut self, image: &Image) -> Result<Mask, Error> {
        self.outline.find(&Pyramid::new(image, LEAST_COPY))
    }
}

/// `MediaPipe`'s bundle of networks, a zip.
pub(crate) struct Task {
    path: PathBuf,
    archive: zip::ZipArchive<std::io::Cursor<Vec<u8>>>,
}

impl Task {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let archive = zip::ZipArchive::new(std::io::Cursor::new(read(path)?))
            .map_err(|_| Error::Shape("faces"))?;
        Ok(Self {
            path: path.to_path_buf(),
            archive,
        })
    }

    pub fn member(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        let member = self
            .archive
            .by_name(name)
            .map_err(|_| Error::Shape("faces"))?;
        let mut bytes = Vec::new();
        member
            .take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })?;
        Ok(bytes)
    }
}

/// The largest of these files has 6.4 MB.
const MOST_BYTES: u64 = 64 << 20;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
        .map_err(|source| Error::Read {
            path: path.to_path_buf(),
            source,
        })?;
    Ok(bytes)
}
