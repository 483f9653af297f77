//! `visavis avatar`: makes, lists and deletes avatars.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::Subcommand;
use face::avatars::Origin;
use studio::{Consent, Report, Request, Studio};

use crate::config::Config;
use crate::rooms;

/// What to do.
#[derive(Subcommand)]
pub enum Action {
    /// Makes an avatar of a picture of a person.
    Create {
        /// JPEG, PNG or WebP
        picture: PathBuf,
        /// Name shown to people
        #[arg(long)]
        name: String,
        /// What the person shown agreed to; kept with the avatar
        #[arg(long)]
        consent: String,
        /// Who says so [default: the name]
        #[arg(long)]
        consent_by: Option<String>,
        /// The voice that suits it best [default: the server's]
        #[arg(long)]
        suits: Option<String>,
    },
    /// Only says what a picture is good for.
    Check {
        /// JPEG, PNG or WebP
        picture: PathBuf,
    },
    /// Lists the avatars.
    List,
    /// Shows one avatar.
    Show {
        /// Its identifier
        id: String,
    },
    /// Deletes an avatar that was made of a picture.
    Delete {
        /// Its identifier
        id: String,
    },
}

/// Does it.
pub fn run(config: &Config, action: Action) -> anyhow::Result<()> {
    let avatars = Arc::new(rooms::avatars(config));
    match action {
        Action::Create {
            picture,
            name,
            consent,
            consent_by,
            suits,
        } => {
            let bytes = read(&picture)?;
            let consent = Consent {
                by: consent_by.unwrap_or_else(|| name.clone()),
                statement: consent,
                at: api::rfc3339(SystemTime::now()),
            };
            let created = studio(config, avatars)?.create(&Request {
                picture: &bytes,
                crop: None,
                name: &name,
                voice: suits.as_deref(),
                consent,
            })?;
            print(&created.report);
            println!(
                "{} is made: visavis say \"Hello.\" --avatar {}",
                name, created.avatar.id
            );
        }
        Action::Check { picture } => {
            let report = studio(config, avatars)?.check(&read(&picture)?, None)?;
            print(&report);
            if !report.usable {
                bail!("{} cannot be used", picture.display());
            }
            println!("{} can be used", picture.display());
        }
        Action::List => {
            for avatar in avatars.list() {
                let origin = origin(avatar.origin);
                println!(
                    "{:<20} {:<9} {:<7} {}",
                    avatar.id,
                    origin,
                    avatar.kind.name(),
                    avatar.name
                );
            }
        }
        Action::Show { id } => {
            let avatar = avatars.get(&id)?;
            println!("id           {}", avatar.id);
            println!("name         {}", avatar.name);
            println!("description  {}", avatar.description);
            println!(
                "kind         {}, {}",
                avatar.kind.name(),
                origin(avatar.origin)
            );
            println!("licence      {}", avatar.licence);
            println!("voices       {}", avatar.voices.join(", "));
        }
        Action::Delete { id } => {
            avatars.remove(&id)?;
            println!("{id} is deleted");
        }
    }
    Ok(())
}

fn studio(config: &Config, avatars: Arc<face::Avatars>) -> anyhow::Result<Studio> {
    let models = rooms::models(config)?;
    weights::runtime::init(&models.library(config.ort_lib.as_deref())?)?;
    Ok(Studio::new(Arc::new(models), avatars))
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn print(report: &Report) {
    for finding in &report.findings {
        let level = match finding.level {
            studio::Level::Error => "error",
            studio::Level::Warning => "warning",
        };
        println!("{level:<8} {}: {}", finding.code, finding.advice);
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "built-in",
        Origin::Stock => "stock",
        Origin::User => "user",
        _ => "other",
    }
}
