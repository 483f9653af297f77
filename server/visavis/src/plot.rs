//! `visavis lipsync plot`: what the mouth does with a clip, and why.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use lipsync::{Clip, Settings};

use crate::config::Config;
use crate::{rooms, say};

#[derive(Subcommand)]
pub enum Action {
    /// Draws waveform, visemes and curves of a WAV file
    Plot {
        /// The WAV file
        input: PathBuf,
        /// Where the PNG goes
        #[arg(short, long, default_value = "plot.png")]
        output: PathBuf,
    },
}

/// Draws the plot.
pub fn run(config: &Config, action: Action) -> anyhow::Result<()> {
    let Action::Plot { input, output } = action;
    let models = rooms::models(config)?;
    let model = rooms::mouth(config, &models)?;
    let sound = say::read_sound(&input)?;
    let clip = Clip::heard(&model, Settings::default(), &sound)?;
    lipsync::plot::render(&clip)
        .save(&output)
        .with_context(|| format!("{} cannot be written", output.display()))?;
    println!("{}", output.display());
    Ok(())
}
