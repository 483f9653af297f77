//! Flags that say how an avatar is shown.

use anyhow::Context;
use clap::Args;
use engine::background::Source;
use face::scene::{Framing, Shot};

#[derive(Args)]
pub struct Shown {
    /// How much of the person is seen: normal, `close_up` or circle
    #[arg(long, default_value = "normal", value_parser = shot)]
    shot: Shot,
    /// Size of the person relative to what the shot asks for, 0.5 to 2
    #[arg(long, default_value_t = 1.0)]
    scale: f32,
    /// Shift to the right and down, of width and height, such as 0.2,0
    #[arg(long, default_value = "0,0", value_parser = position, allow_hyphen_values = true)]
    position: (f32, f32),
    /// What is behind: a colour such as #204060, a PNG or JPEG file, or an MP4
    /// (H.264) or animated GIF, which is played over and over; or transparent,
    /// which makes PNG files in place of an MP4 [default: the avatar's own]
    #[arg(long)]
    background: Option<String>,
}

impl Shown {
    pub fn framing(&self) -> Framing {
        Framing {
            shot: self.shot,
            scale: self.scale,
            position: self.position,
        }
    }

    pub fn background(&self) -> anyhow::Result<Source> {
        let Some(text) = &self.background else {
            return Ok(Source::Own);
        };
        if text == "transparent" {
            return Ok(Source::Transparent);
        }
        if let Some(colour) = Source::colour(text) {
            return Ok(colour);
        }
        let bytes = std::fs::read(text).with_context(|| {
            format!("the background '{text}' is no colour like #204060, and cannot be read")
        })?;
        Ok(Source::file(bytes.into()))
    }
}

fn shot(text: &str) -> Result<Shot, String> {
    Shot::from_name(text).ok_or_else(|| {
        let known = Shot::ALL.map(|(name, _)| name).join(", ");
        format!("'{text}' is no shot; there are: {known}")
    })
}

fn position(text: &str) -> Result<(f32, f32), String> {
    let parse = || {
        let (across, down) = text.split_once(',')?;
        Some((across.trim().parse().ok()?, down.trim().parse().ok()?))
    };
    parse().ok_or_else(|| format!("'{text}' is no position; write it like 0.2,-0.1"))
}
