//! Analyses a picture and prints what is known of it as JSON; writes the
//! outline beside it, and says what each stage costs.
//!
//! ```sh
//! cargo run --release -p vision --example analyse -- picture.png [mask.png]
//! ```

use std::time::Instant;

use media::face::Blendshape;
use vision::{Analyser, Image};

/// How often each stage is run to measure it.
const RUNS: u32 = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which picture?")?;
    let models = weights::Models::open(weights::directory())?;
    weights::runtime::init(&models.library(None)?)?;

    let start = Instant::now();
    let mut analyser = Analyser::load(&models)?;
    eprintln!(
        "loading        {:7.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );

    let picture = image::open(&path)?.into_rgb8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let picture = Image::new(width, height, picture.into_raw()).ok_or("an empty picture")?;

    let analysis = analyser.analyse(&picture)?;
    let mut time =
        |name: &str, work: &mut dyn FnMut(&mut Analyser) -> Result<(), vision::Error>| {
            let start = Instant::now();
            for _ in 0..RUNS {
                work(&mut analyser)?;
            }
            let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(RUNS);
            eprintln!("{name:<14} {each:7.1} ms");
            Ok::<_, vision::Error>(())
        };
    time("faces", &mut |analyser| {
        analyser.faces(&picture).map(|_| ())
    })?;
    time("person", &mut |analyser| {
        analyser.person(&picture).map(|_| ())
    })?;
    for (stage, milliseconds) in analyser.cost(&picture, RUNS)? {
        eprintln!("  {stage:<12} {milliseconds:7.1} ms");
    }

    let faces: Vec<_> = analysis
        .faces
        .iter()
        .map(|face| {
            let shapes: serde_json::Map<_, _> = Blendshape::ALL
                .into_iter()
                .map(|shape| (shape.name().to_owned(), face.shapes[shape.index()].into()))
                .collect();
            serde_json::json!({
                "score": face.score,
                "presence": face.presence,
                "pose": [face.pose.yaw, face.pose.pitch, face.pose.roll],
                "landmarks": face.landmarks.as_slice(),
                "shapes": shapes,
                "identity": face.identity.as_slice(),
            })
        })
        .collect();
    println!("{}", serde_json::json!({ "faces": faces }));
    if let Some(path) = arguments.next() {
        let mask = analysis.person;
        image::GrayImage::from_raw(mask.width as u32, mask.height as u32, mask.alpha)
            .ok_or("an empty mask")?
            .save(path)?;
    }
    Ok(())
}
