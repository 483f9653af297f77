//! Log lines.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging to standard error.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let directives = config.log.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(directives)
        .with_context(|| format!("'{directives}' does not say what to log"))?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_format.unwrap_or_default() {
        LogFormat::Pretty => logger.with_target(false).compact().init(),
        LogFormat::Json => logger.json().flatten_event(true).init(),
    }
    Ok(())
}
