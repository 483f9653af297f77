//! Draws what the mouth does with a WAV file.
//!
//! ```text
//! cargo run --release -p lipsync --example plot -- in.wav out.png
//! ```

use std::error::Error;
use std::fs;
use std::sync::Arc;

use lipsync::{Clip, Model, Settings, plot, sound};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wav, png] = arguments.as_slice() else {
        return Err("usage: plot IN.wav OUT.png".into());
    };
    let models = weights::directory();
    weights::runtime::init(&weights::runtime::locate(None, &models)?)?;
    let model = Arc::new(Model::load(&models.join("lipsync/lipsync.onnx"))?);
    let sound = sound::read_wav(&fs::read(wav)?)?;
    let clip = Clip::heard(&model, Settings::default(), &sound)?;
    plot::render(&clip).save(png)?;
    Ok(())
}
