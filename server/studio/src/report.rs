//! What is found about a picture, and what to do about it.

use serde::Serialize;

use crate::frame::Crop;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No avatar can be made.
    Error,
    /// The avatar will look worse than it could.
    Warning,
}

macro_rules! codes {
    ($($variant:ident = $code:literal, $level:ident, $advice:literal;)+) => {
        /// What was found. Codes are stable; new ones may be added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $advice] $variant),+
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// How much it matters.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level),+ }
            }

            /// What to do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice),+ }
            }
        }
    };
}

codes! {
    FileTooLarge = "file_too_large", Error, "The file is larger than 20 MB. Save the picture as JPEG, or make it smaller.";
    NotAPicture = "not_a_picture", Error, "This is no picture. Send a JPEG, PNG or WebP file.";
    UnsupportedFormat = "unsupported_format", Error, "This kind of picture cannot be read. Save it as JPEG, PNG or WebP.";
    Animated = "animated", Error, "This picture moves. Send a single still picture.";
    TooManyPixels = "too_many_pixels", Error, "The picture has more than 40 megapixels. Make it smaller; 2000 pixels a side are plenty.";
    Damaged = "damaged", Error, "The file is damaged or ends early. Save or upload the picture again.";
    NoFace = "no_face", Error, "No face was found. Use a picture of one person, upright, who looks into the camera.";
    SeveralFaces = "several_faces", Error, "There are several faces. Use a picture of one person, or crop it to one.";
    FaceTooSmall = "face_too_small", Error, "The face is too small. Come closer, or use a picture of higher resolution: the face should be at least 200 pixels high.";
    FaceSmall = "face_small", Warning, "The face is small and will look soft. A face of 350 pixels or more looks better.";
    FaceCut = "face_cut", Error, "The face is cut off by the edge. Leave room around the head.";
    Tight = "tight", Warning, "There is little room around the head. A picture with shoulders and some air above the hair looks better.";
    Drawing = "drawing", Warning, "This looks like a drawing. It can speak, but a photograph looks and moves more naturally.";
    Lying = "lying", Error, "The picture lies on its side. Turn it until the head is upright.";
    Profile = "profile", Error, "The head is turned away. Use a picture in which the person looks straight into the camera.";
    Turned = "turned", Warning, "The head is turned or tilted. It looks best when the person looks straight into the camera.";
    EyesClosed = "eyes_closed", Error, "The eyes are closed. Use a picture with open eyes.";
    EyesHidden = "eyes_hidden", Error, "The eyes cannot be seen. Take off sunglasses, and mind hair and shadows over the eyes.";
    Glasses = "glasses", Warning, "There seem to be glasses. Blinking and looking around will bend their frames; without them it looks better.";
    MouthOpen = "mouth_open", Warning, "The mouth is open. With closed lips and a calm face the mouth moves more naturally.";
    Expression = "expression", Warning, "The face is not at rest. A calm, friendly look with closed lips moves more naturally than a wide smile.";
    TooDark = "too_dark", Error, "The face is too dark. Turn it towards a window or a lamp.";
    Dark = "dark", Warning, "The face is rather dark. More light on it would help.";
    TooBright = "too_bright", Warning, "Parts of the face are burnt out. Use softer light, or expose less.";
    Uneven = "uneven", Warning, "One side of the face is much darker. Soft light from the front looks better.";
    Blurred = "blurred", Error, "The face is out of focus or shaken. Hold the camera still, and focus on the eyes.";
    Soft = "soft", Warning, "The face is not quite sharp.";
}

/// Something found about a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// Stable machine-readable name, see [`Code`].
    pub code: &'static str,
    /// What to do, for a person.
    pub advice: &'static str,
}

impl From<Code> for Finding {
    fn from(code: Code) -> Self {
        Self {
            level: code.level(),
            code: code.as_str(),
            advice: code.advice(),
        }
    }
}

/// Where the face is and how it is held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Left edge, pixels of the upright picture; of forehead to chin, without
    /// hair and ears.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Turned to the person's own left, degrees.
    pub yaw: f32,
    /// Raised, degrees.
    pub pitch: f32,
    /// Tilted towards the person's own left shoulder, degrees.
    pub roll: f32,
}

/// What a picture is good for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Whether an avatar can be made of it.
    pub usable: bool,
    /// Pixels across, once the picture is upright; 0 if it cannot be read.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// The face, if there is exactly one.
    pub face: Option<Seen>,
    /// The part of the picture that the avatar is made of.
    pub crop: Option<Crop>,
    /// What was found, errors first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report on a picture that cannot be used for this one reason.
    pub(crate) fn refusal(code: Code) -> Self {
        Self::default().with(&[code])
    }

    /// The report with these findings.
    pub(crate) fn with(mut self, codes: &[Code]) -> Self {
        self.findings = codes.iter().copied().map(Finding::from).collect();
        self.findings.sort_by_key(|finding| finding.level);
        let refused = self.errors().next().is_some();
        self.usable = !refused;
        self
    }

    /// The findings that prevent an avatar.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.level == Level::Error)
    }

    /// Whether this was found.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.code == code.as_str())
    }
}
