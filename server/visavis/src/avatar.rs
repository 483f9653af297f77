//! `visavis avatar`: makes, lists and deletes avatars, and gives them networks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::Subcommand;
use face::avatars::Origin;
use face::neural::{Kind, Settings};
use studio::{Consent, Report, Request, Studio};
use weights::Models;

use crate::config::Config;
use crate::rooms;

/// A live session has so long for a picture, half of a picture's time: the rest
/// is for all other stages.
const LIVE_MS: f64 = 20.0;

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
    /// Gives an avatar of yours a network that repaints its mouth, and says
    /// what a picture of it takes. docs/neural.md tells what networks must be like.
    Attach {
        /// The avatar's identifier
        id: String,
        /// ONNX file
        network: PathBuf,
        /// What it is told: controls (blendshapes) or wav2lip (sound)
        #[arg(long, default_value = "controls", value_parser = network_kind)]
        kind: Kind,
        /// Where it paints: left,top,right,bottom in pixels of the portrait
        /// [default: found by the landmarks]
        #[arg(long, value_parser = numbers::<4>)]
        crop: Option<[f32; 4]>,
        /// What black and white are to a controls network
        #[arg(long, default_value = "0,1", value_parser = numbers::<2>, allow_hyphen_values = true)]
        range: [f32; 2],
        /// Width of the soft edge, of the crop's sides, 0 to 0.5 [default: 0.15]
        #[arg(long)]
        feather: Option<f32>,
    },
    /// Takes the network of an avatar away.
    Detach {
        /// The avatar's identifier
        id: String,
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
                group: None,
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
        Action::Attach {
            id,
            network,
            kind,
            crop,
            range,
            feather,
        } => {
            runtime(config, &rooms::models(config)?)?;
            let mut settings = Settings::new(kind);
            (settings.crop, settings.range) = (crop, range);
            settings.feather = feather.unwrap_or(settings.feather);
            let trial = avatars.attach(&id, Some((settings, read(&network)?)))?;
            if let Some(trial) = trial {
                let (width, height) = trial.size;
                let took = trial.took.as_secs_f64() * 1e3;
                println!(
                    "{id} has a network that repaints {width}x{height} pixels in {took:.1} ms: \
                     visavis say \"Hello.\" --avatar {id}"
                );
                if took > LIVE_MS {
                    println!(
                        "warning  a live session should take {LIVE_MS:.0} ms for this, and gives a \
                         network up that keeps taking 40 ms and more; videos are whole"
                    );
                }
            }
        }
        Action::Detach { id } => {
            avatars.attach(&id, None)?;
            println!("{id} has no network any more");
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
            if let Some(network) = avatar.network {
                println!("network      {}", network.name());
            }
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
    runtime(config, &models)?;
    Ok(Studio::new(Arc::new(models), avatars))
}

fn runtime(config: &Config, models: &Models) -> anyhow::Result<()> {
    weights::runtime::init(&models.library(config.ort_lib.as_deref())?)?;
    Ok(())
}

fn network_kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::name).join(", ");
        format!("'{text}' is no kind of network; there are: {known}")
    })
}

fn numbers<const N: usize>(text: &str) -> Result<[f32; N], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    numbers
        .ok()
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("'{text}' is not {N} numbers with commas between"))
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
