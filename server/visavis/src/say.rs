//! `visavis say`: the same pipeline on a virtual clock.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use engine::assemble::{Plan, Request};
use engine::render::{self, Script};
use indicatif::{ProgressBar, ProgressStyle};
use media::{Emotion, Mood};
use session::Stage;
use session::pipeline::Meter;
use speech::wav::Wav;

use crate::config::Config;
use crate::output::Output;
use crate::rooms;
use crate::shown::Shown;

/// Seed of blinks and the like where none is named: any fixed number makes the
/// same text the same video.
const SEED: u64 = 1;

#[derive(Args)]
pub struct Say {
    /// What to say; `-` reads it from standard input
    #[arg(required_unless_present = "audio", conflicts_with = "audio")]
    text: Option<String>,
    /// Speak along with this WAV file instead of a voice
    #[arg(long)]
    audio: Option<PathBuf>,
    /// Where the MP4 goes [default: out.mp4]; with `--background transparent`
    /// the folder of PNG files and sound.wav, which must be new [default: out]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Picture size, such as 512x512 or 1280x720
    #[arg(long, default_value = "512x512", value_parser = size)]
    size: (usize, usize),
    /// Seed of blinks and the like
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// How it is said, on the face: neutral, happy, friendly, serious, concerned
    /// or excited
    #[arg(long, value_parser = emotion)]
    emotion: Option<Emotion>,
    /// How strongly, 0 to 1
    #[arg(long, default_value_t = 1.0, requires = "emotion", value_parser = intensity)]
    intensity: f32,
    #[command(flatten)]
    shown: Shown,
    /// Prints what was spent on each stage, as JSON
    #[arg(long)]
    stats: bool,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let parse = || {
        let (width, height) = text.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    };
    parse().ok_or_else(|| format!("'{text}' is no size; write it like 512x512"))
}

fn emotion(name: &str) -> Result<Emotion, String> {
    Emotion::from_name(name).ok_or_else(|| {
        let known = Emotion::ALL.map(Emotion::name).join(", ");
        format!("'{name}' is no emotion; there are: {known}")
    })
}

fn intensity(text: &str) -> Result<f32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| format!("'{text}' is no intensity; it may be 0 to 1"))
}

impl Say {
    fn output(&self, default: &str) -> PathBuf {
        self.output.clone().unwrap_or_else(|| default.into())
    }
}

/// Renders the video.
pub fn run(config: &Config, say: &Say) -> anyhow::Result<()> {
    let rooms = rooms::load(config)?;
    let plan = Plan::new(
        Request {
            width: Some(say.size.0),
            height: Some(say.size.1),
            seed: Some(say.seed),
            framing: say.shown.framing(),
            background: say.shown.background()?,
            ..Request::default()
        },
        &rooms,
        &config.engine(),
        say.seed,
    )?;
    let script = match (&say.audio, &say.text) {
        (Some(path), _) => Script::Sound(read_sound(path)?),
        (None, Some(text)) => Script::Text {
            text: read_text(text, plan.limits.max_text_bytes)?,
            voice: rooms.voice(&plan.voice)?,
        },
        (None, None) => bail!("say what? give a text, or --audio"),
    };
    let (parts, (output, sink)) = if plan.is_transparent() {
        (plan.files(&rooms)?, Output::folder(&say.output("out"))?)
    } else {
        let parts = plan.parts(&rooms)?;
        let pre_skip = parts.audio.pre_skip();
        (parts, Output::video(&say.output("out.mp4"), pre_skip)?)
    };

    let bar = ProgressBar::new(1_000).with_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}")
            .context("the progress bar's template is wrong")?,
    );
    let start = Instant::now();
    let mut costs = Costs::default();
    let mood = say.emotion.map(|e| Mood::new(e, say.intensity));
    let rendered = render::render(parts, script, mood, sink, &mut costs, |p| {
        bar.set_position((p.share * 1_000.0) as u64);
        bar.set_message(p.at.to_string());
    });
    bar.finish_and_clear();
    let (length, _) = rendered?;
    output.finish()?;
    let took = start.elapsed().as_secs_f64();
    let speed = length.as_secs_f64() / took;
    if say.stats {
        println!("{}", costs.json(length.as_secs_f64(), took));
    } else {
        println!(
            "{}: {length} in {took:.1}s ({speed:.1} times real time)",
            output.target().display()
        );
    }
    Ok(())
}

fn read_text(text: &str, most: usize) -> anyhow::Result<String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .context("standard input cannot be read")?;
    if bytes.len() > most {
        bail!("the text is longer than {most} bytes");
    }
    String::from_utf8(bytes).context("the text is not UTF-8")
}

pub fn read_sound(path: &Path) -> anyhow::Result<Vec<f32>> {
    let cannot = || format!("{} cannot be used as sound", path.display());
    let bytes = std::fs::read(path).with_context(cannot)?;
    let wav = Wav::read(&bytes).with_context(cannot)?;
    wav.on_clock().with_context(cannot)
}

/// Time of each stage.
#[derive(Default)]
struct Costs {
    seconds: [f64; Stage::ALL.len()],
    last: Option<Instant>,
}

impl Meter for Costs {
    fn start(&mut self) {
        self.last = Some(Instant::now());
    }

    fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.seconds[stage as usize] += (now - last).as_secs_f64();
        }
    }
}

impl Costs {
    /// Stage costs, seconds a second of video. What no stage took is the voice.
    fn json(&self, length: f64, took: f64) -> serde_json::Value {
        let stages: serde_json::Map<_, _> = Stage::ALL
            .iter()
            .map(|stage| {
                let cost = self.seconds[*stage as usize] / length;
                (stage.name().to_owned(), cost.into())
            })
            .collect();
        serde_json::json!({
            "length_s": length,
            "took_s": took,
            "speed": length / took,
            "stages": stages,
        })
    }
}
