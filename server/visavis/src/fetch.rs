//! `visavis models`.

use std::io;
use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use weights::fetch::{self, Options, Printer};
use weights::manifest::Group;
use weights::registry::Installed;
use weights::{Level, check};

use crate::config::Config;
use crate::rooms;

#[derive(Subcommand)]
pub enum Action {
    /// Fetches what is missing, with its licence
    Fetch {
        /// Groups of files, separated by commas
        #[arg(long = "group", value_delimiter = ',', default_value = "default")]
        groups: Vec<Group>,
        /// Folder that keeps downloaded packages for later runs
        #[arg(long, env = "VISAVIS_CACHE")]
        cache: Option<PathBuf>,
    },
    /// Lists files, licences and origins
    List,
    /// Checks all files that are there against the manifest
    Verify,
}

/// Fetches, lists or verifies.
pub fn run(config: &Config, action: &Action) -> anyhow::Result<()> {
    let models = rooms::models(config)?;
    match action {
        Action::Fetch { groups, cache } => {
            let options = Options {
                groups: groups.clone(),
                cache: cache.clone(),
            };
            let summary = fetch::run(&models, &Installed, &options, &mut Printer(io::stdout()))?;
            println!(
                "{} files fetched, {} were there already.",
                summary.placed, summary.present
            );
        }
        Action::List => weights::list(&models, &mut io::stdout())?,
        Action::Verify => {
            let findings = check(&models, config.ort_lib.as_deref());
            for finding in &findings {
                println!("{finding}");
            }
            if findings.iter().any(|f| f.level == Level::Problem) {
                bail!("some files are missing or wrong");
            }
        }
    }
    Ok(())
}
