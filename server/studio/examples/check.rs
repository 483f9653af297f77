//! Says what pictures are good for.
//!
//! ```sh
//! cargo run --release -p studio --example check -- face.jpg …
//! ```

use std::sync::Arc;

use studio::Studio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let models = weights::Models::open(weights::directory())?;
    weights::runtime::init(&models.library(None)?)?;
    let studio = Studio::new(Arc::new(models), Arc::new(face::Avatars::new()));
    for path in std::env::args().skip(1) {
        let start = std::time::Instant::now();
        let report = studio.check(&std::fs::read(&path)?, None)?;
        println!(
            "{path}: usable {}, {:?}, {:.0?}",
            report.usable,
            report.crop,
            start.elapsed()
        );
        for finding in &report.findings {
            println!("  {:?} {}: {}", finding.level, finding.code, finding.advice);
        }
    }
    Ok(())
}
