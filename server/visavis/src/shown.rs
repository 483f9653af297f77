//! Flags that say how an avatar is shown.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use face::scene::{Background, Framing, Shot};

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
    /// What is behind: a colour such as #204060, a PNG or JPEG file, or an
    /// animated GIF [default: the avatar's own]
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

    pub fn background(&self) -> anyhow::Result<Background> {
        let Some(text) = &self.background else {
            return Ok(Background::Own);
        };
        if let Some(colour) = Background::colour(text) {
            return Ok(colour);
        }
        let bytes = std::fs::read(text).with_context(|| {
            format!("the background '{text}' is no colour like #204060, and cannot be read")
        })?;
        let moving = Path::new(text)
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gif"));
        let read = if moving {
            Background::clip(&bytes)
        } else {
            Background::image(&bytes)
        };
        read.with_context(|| format!("the background '{text}'"))
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
