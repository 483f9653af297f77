//! H.264 constrained Baseline by openh264.
//!
//! The settings are those that keep a gently moving face sharp: background
//! detection and adaptive quantisation would save half the time and freeze the
//! mouth (5 dB of PSNR), frame skipping would break the rule that each picture
//! becomes a packet.

mod bits;
mod decode;
mod still;

use bytes::Bytes;
use media::Picture;
use media::seam::{EncodeError, EncodedPicture, VideoEncoder};
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Level, Profile,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264_sys2 as sys;

pub use decode::{Decoder, rgb};

use crate::Error;
use still::Numbering;

/// Lowest and highest target rate, bit/s. The highest is what level 3.1 allows
/// (ITU-T H.264 table A-1), the level that browsers are offered.
pub const BITRATES: std::ops::RangeInclusive<u32> = 30_000..=14_000_000;

/// Largest width and height in macroblock-aligned pixels that are accepted:
/// full HD, either way up. Beyond it real time on a CPU is out of reach.
pub const LARGEST_SIDE: usize = 1_920;

/// How many pictures without any change are still coded, the others are merely
/// repeated. The picture that was moving a moment ago was coded in a hurry;
/// these give the encoder the chance to repair it. They are every second one,
/// so that a face drawn at half the rate is coded at half the cost.
const REPAIRS: u32 = 4;

/// Whether the `quiet`-th picture without change (counted from 1) is coded.
const fn is_repair(quiet: u32) -> bool {
    quiet.is_multiple_of(2) && quiet <= 2 * REPAIRS
}

/// What the encoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Width, pixels, even, 16..=1920. Default 512. The CPU time grows with
    /// the area.
    pub width: usize,
    /// Height, pixels, even, 16..=1920. Default 512.
    pub height: usize,
    /// Pictures a second that the rate is divided by, 1..=60. Default 25.
    pub fps: f32,
    /// Target rate, bit/s, within [`BITRATES`]. Default 1 000 000, which keeps
    /// a 512×512 face at about 45 dB. A lower rate costs slightly less CPU
    /// time.
    pub bitrate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self::for_size(512, 512)
    }
}

impl Settings {
    /// Settings for pictures of this size at 25 fps: 1 Mbit/s at 512×512,
    /// growing with the side, not the area, because larger pictures of a face
    /// hold little more detail per pixel.
    #[must_use]
    pub fn for_size(width: usize, height: usize) -> Self {
        let side = ((width * height) as f32).sqrt();
        let bitrate = (side / 512.0 * 1_000_000.0) as u32;
        Self {
            width,
            height,
            fps: 25.0,
            bitrate: bitrate.clamp(*BITRATES.start(), *BITRATES.end()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        for (what, side) in [
            ("the picture's width", self.width),
            ("the picture's height", self.height),
        ] {
            if !(16..=LARGEST_SIDE).contains(&side) || !side.is_multiple_of(2) {
                return Err(Error::Setting {
                    what,
                    range: "an even number of pixels in 16..=1920",
                    got: side as u64,
                });
            }
        }
        if !(1.0..=60.0).contains(&self.fps) {
            return Err(Error::Setting {
                what: "the picture rate",
                range: "1..=60 a second",
                got: self.fps as u64,
            });
        }
        check_bitrate(self.bitrate)
    }

    /// The lowest level that holds the picture size, but never one below 3.1:
    /// with a fixed level the parameter sets do not change with the rate.
    fn level(&self) -> Level {
        let macroblocks = self.width.div_ceil(16) * self.height.div_ceil(16);
        let per_second = macroblocks as f32 * self.fps;
        // MaxFS and MaxMBPS of table A-1.
        if macroblocks <= 3_600 && per_second <= 108_000.0 {
            Level::Level_3_1
        } else if macroblocks <= 8_192 && per_second <= 245_760.0 {
            Level::Level_4_0
        } else {
            Level::Level_5_1
        }
    }
}

fn check_bitrate(bitrate: u32) -> Result<(), Error> {
    if BITRATES.contains(&bitrate) {
        return Ok(());
    }
    Err(Error::Setting {
        what: "the H.264 bit rate",
        range: "30000..=14000000 bit/s",
        got: u64::from(bitrate),
    })
}

/// Pictures to H.264, one stream, one thread, no delay.
///
/// Key frames come when they are asked for, and only then (and at first), each
/// with its parameter sets in front. A picture whose [`Picture::changed`] is
/// empty is repeated for a fraction of the cost, but for a few at first that
/// are coded, so `changed` must tell what differs from the picture that was given to
/// the encoder before: whoever leaves a picture out must add up the rectangles.
pub struct Encoder {
    inner: openh264::encoder::Encoder,
    settings: Settings,
    /// The highest rate the library was told of; it refuses a target above it.
    ceiling: u32,
    numbering: Numbering,
    /// Pictures without change since the last with one; `None` before the
    /// first picture.
    quiet: Option<u32>,
}

impl Encoder {
    /// Makes an encoder.
    ///
    /// # Errors
    /// [`Error::Setting`] outside the documented ranges, [`Error::H264`] when
    /// the library refuses.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .profile(Profile::Baseline)
            .level(settings.level())
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(settings.bitrate))
            .max_frame_rate(FrameRate::from_hz(settings.fps))
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .long_term_reference(false)
            .intra_frame_period(IntraFramePeriod::auto())
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .num_threads(1)
            // Players guess BT.709 for large pictures unless they are told.
            .vui(VuiConfig::bt601());
        let api = openh264::OpenH264API::from_source();
        let mut encoder = Self {
            inner: openh264::encoder::Encoder::with_api_config(api, config)?,
            settings,
            ceiling: settings.bitrate,
            numbering: Numbering::default(),
            quiet: None,
        };
        encoder.be_quiet();
        Ok(encoder)
    }

    /// Keeps the library from warning on standard error, once per encoder, that
    /// a rate cannot be held without skipping pictures. It is held (see the
    /// tests), and errors come back as errors.
    fn be_quiet(&mut self) {
        let mut level = sys::WELS_LOG_QUIET;
        // SAFETY: the option's documented argument is a pointer to an int that
        // is read during the call, and it is allowed before initialisation. The
        // crate sets the same value later, at the first picture. A refusal
        // would only leave the warning in place.
        unsafe {
            self.inner
                .raw_api()
                .set_option(sys::ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast());
        }
    }

    fn code(&mut self, picture: &Picture, key: bool) -> Result<EncodedPicture, Error> {
        // The library is set up by its first picture, which is a key frame
        // anyway; it must not be called before. It codes that picture with a
        // guess at what it needs, which is too coarse for a face and shows for
        // half a second; the second time it knows.
        let first = self.quiet.is_none();
        if first {
            self.inner.encode(&Source(picture))?;
        }
        if key || first {
            self.inner.force_intra_frame();
        }
        let stream = self.inner.encode(&Source(picture))?;
        let kind = stream.frame_type();
        let data = stream.to_vec();
        if data.is_empty() {
            return Err(Error::NoPicture);
        }
        let key = matches!(kind, FrameType::IDR);
        let data = if key {
            self.numbering.learn(&data);
            data
        } else {
            self.numbering.renumber(data)
        };
        Ok(EncodedPicture {
            data: Bytes::from(data),
            key,
        })
    }

    fn option(&mut self, option: sys::ENCODER_OPTION, layer: sys::LAYER_NUM, rate: u32) -> bool {
        let mut info = sys::SBitrateInfo {
            iLayer: layer,
            iBitrate: rate as i32,
        };
        // SAFETY: the option's documented argument is a pointer to an
        // SBitrateInfo; the library reads it during the call and keeps nothing
        // of it. It is called on an encoder that was initialised, because
        // `quiet` is set by the first picture only, and the crate itself relies
        // on neither option.
        unsafe {
            self.inner
                .raw_api()
                .set_option(option, (&raw mut info).cast())
                == 0
        }
    }
}

impl VideoEncoder for Encoder {
    fn encode(&mut self, picture: &Picture, key: bool) -> Result<EncodedPicture, EncodeError> {
        let wanted = (self.settings.width, self.settings.height);
        let got = (picture.width(), picture.height());
        if wanted != got {
            return Err(Error::PictureSize { wanted, got }.into());
        }
        let quiet = match self.quiet {
            Some(quiet) if picture.changed.is_empty() && !key => quiet.saturating_add(1),
            _ => 0,
        };
        if quiet > 0
            && !is_repair(quiet)
            && let Some(data) = self.numbering.repeat()
        {
            self.quiet = Some(quiet);
            return Ok(EncodedPicture {
                data: Bytes::from(data),
                key: false,
            });
        }
        let coded = self.code(picture, key)?;
        self.quiet = Some(quiet);
        Ok(coded)
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        check_bitrate(bits_per_second)?;
        if self.quiet.is_none() {
            // Before the first picture there is nothing to change: begin anew.
            self.settings.bitrate = bits_per_second;
            *self = Self::new(self.settings)?;
            return Ok(());
        }
        let raised = bits_per_second <= self.ceiling
            || self.option(
                sys::ENCODER_OPTION_MAX_BITRATE,
                sys::SPATIAL_LAYER_0,
                bits_per_second,
            );
        if raised {
            self.ceiling = self.ceiling.max(bits_per_second);
        }
        let set = raised
            && self.option(
                sys::ENCODER_OPTION_BITRATE,
                sys::SPATIAL_LAYER_ALL,
                bits_per_second,
            );
        if !set {
            return Err(Error::Bitrate(bits_per_second).into());
        }
        self.settings.bitrate = bits_per_second;
        Ok(())
    }
}

struct Source<'a>(&'a Picture);

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.width(), self.0.height())
    }

    fn strides(&self) -> (usize, usize, usize) {
        let width = self.0.width();
        (width, width / 2, width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.0.y
    }

    fn u(&self) -> &[u8] {
        &self.0.u
    }

    fn v(&self) -> &[u8] {
        &self.0.v
    }
}

/// Whether openh264 was built with its assembly. Without (nasm was missing at
/// build, or the processor has no such code) encoding takes 2.5 times the CPU
/// time.
#[must_use]
pub fn has_assembly() -> bool {
    unsafe extern "C" {
        /// `uint32_t WelsCPUFeatureDetect(int32_t*)` of the library's
        /// `common/inc/cpu.h`, where it has C linkage.
        #[link_name = "WelsCPUFeatureDetect"]
        fn cpu_features(processors: *mut i32) -> u32;
    }
    let mut processors = 0;
    // SAFETY: the function writes one int through the pointer and returns a bit
    // set; it keeps nothing. Built without assembly it only returns 0.
    unsafe { cpu_features(&raw mut processors) != 0 }
}
