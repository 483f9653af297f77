//! The Visavis server and its command line.

#![deny(unsafe_code)]

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the allocator's settings are the C library's")]
mod allocator;
mod avatar;
mod config;
mod doctor;
mod fetch;
mod logging;
mod output;
mod plot;
mod rooms;
mod say;
mod serve;
mod shown;
mod tls;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// A talking face from text or sound: live in the browser, or as a video.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The configuration: a file, and flags over it.
#[derive(Args)]
struct Configured {
    /// TOML file; flags and environment go over it [default: ./visavis.toml if it is there]
    #[arg(long = "config", env = "VISAVIS_CONFIG")]
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: Config,
}

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "visavis.toml";

impl Configured {
    fn read(self) -> anyhow::Result<Config> {
        let file = match &self.file {
            Some(path) => Config::read(path)?,
            None if std::path::Path::new(DEFAULT_FILE).is_file() => {
                Config::read(DEFAULT_FILE.as_ref())?
            }
            None => Config::default(),
        };
        Ok(self.flags.over(file))
    }
}

#[derive(Subcommand)]
enum Command {
    /// Serves live sessions.
    Serve {
        #[command(flatten)]
        config: Configured,
        /// Only says whether the configuration is good
        #[arg(long)]
        check: bool,
    },
    /// Renders a video of a face that says something.
    Say {
        #[command(flatten)]
        config: Configured,
        #[command(flatten)]
        say: say::Say,
    },
    /// Looks at this machine and says what to do.
    Doctor {
        #[command(flatten)]
        config: Configured,
    },
    /// The weights of the models.
    Models {
        #[command(flatten)]
        config: Configured,
        #[command(subcommand)]
        action: fetch::Action,
    },
    /// Avatars: made of pictures, listed, deleted.
    Avatar {
        #[command(flatten)]
        config: Configured,
        #[command(subcommand)]
        action: avatar::Action,
    },
    /// The mouth.
    Lipsync {
        #[command(flatten)]
        config: Configured,
        #[command(subcommand)]
        action: plot::Action,
    },
}

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    allocator::return_large_blocks();
    let result = match Cli::parse().command {
        Command::Serve { config, check } => config.read().and_then(|c| serve::run(&c, check)),
        Command::Say { config, say } => config.read().and_then(|c| say::run(&c, &say)),
        Command::Doctor { config } => config.read().and_then(|c| doctor::run(&c)),
        Command::Models { config, action } => config.read().and_then(|c| fetch::run(&c, &action)),
        Command::Avatar { config, action } => config.read().and_then(|c| avatar::run(&c, action)),
        Command::Lipsync { config, action } => config.read().and_then(|c| plot::run(&c, action)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("visavis: {error:#}");
            ExitCode::FAILURE
        }
    }
}
