//! The configuration: one struct for flags, environment and TOML.
//!
//! Every setting is an `Option`, so that a layer that does not name a setting
//! leaves the one below it alone: flags over environment over file over
//! default. Unknown keys of the file are refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;

/// Port of HTTP (TCP) and of media (UDP) when none is named.
pub const DEFAULT_PORT: u16 = 8747;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// A voice at a service that speaks OpenAI's `/audio/speech`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteVoice {
    /// Identifier in this server.
    pub id: String,
    /// Base URL, such as `http://localhost:8880/v1`.
    pub url: String,
    /// Model of the service.
    pub model: String,
    /// Voice of the service.
    pub voice: String,
    /// Name of the environment variable that holds the key, so that no secret
    /// needs to be in this file.
    pub key_env: Option<String>,
}

macro_rules! layers {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ } file { $($(#[$file_meta:meta])* $file_field:ident: $file_type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: Option<$type>,)+
            $($(#[$file_meta])* #[arg(skip)] pub $file_field: $file_type,)+
        }

        impl $name {
            /// This layer over another: what it does not name comes from below.
            #[must_use]
            pub fn over(self, below: Self) -> Self {
                Self {
                    $($field: self.$field.or(below.$field),)+
                    $($file_field: below.$file_field,)+
                }
            }
        }
    };
}

layers! {
    /// What can be configured. Flags are written `--like-this`, keys of the
    /// file `like_this`, environment variables `VISAVIS_LIKE_THIS`.
    Config {
        /// Address of the HTTP server [default: 127.0.0.1:8747]
        #[arg(long, env = "VISAVIS_LISTEN")]
        listen: SocketAddr,
        /// TLS certificate chain, PEM; with it `listen` speaks HTTPS only, unless `tls_listen` is set
        #[arg(long, env = "VISAVIS_TLS_CERT")]
        tls_cert: PathBuf,
        /// Key of the TLS certificate, PEM
        #[arg(long, env = "VISAVIS_TLS_KEY")]
        tls_key: PathBuf,
        /// Address of an HTTPS server beside the HTTP one of `listen`
        #[arg(long, env = "VISAVIS_TLS_LISTEN")]
        tls_listen: SocketAddr,
        /// UDP address of the media port that all sessions share [default: all addresses, the port of `listen`]
        #[arg(long, env = "VISAVIS_MEDIA_LISTEN")]
        media_listen: SocketAddr,
        /// Addresses to tell viewers, separated by commas [default: those of this machine]. Behind NAT: the public one
        #[arg(long, env = "VISAVIS_ADVERTISE", value_delimiter = ',')]
        advertise: Vec<IpAddr>,
        /// Address that people see in their browser, for links [default: from `listen`]
        #[arg(long, env = "VISAVIS_PUBLIC_URL")]
        public_url: String,
        /// Folder of the models [default: ./models]
        #[arg(long, env = "VISAVIS_MODELS")]
        models: PathBuf,
        /// ONNX Runtime library [default: <models>/lib]
        #[arg(long, env = "ORT_DYLIB_PATH")]
        ort_lib: PathBuf,
        /// Folder with further Piper voices (*.onnx and *.onnx.json) [default: <models>/voices]
        #[arg(long, env = "VISAVIS_VOICES")]
        voices: PathBuf,
        /// Use weights that are in no manifest
        #[arg(long, env = "VISAVIS_ALLOW_UNLISTED_WEIGHTS", num_args = 0..=1, default_missing_value = "true")]
        allow_unlisted_weights: bool,
        /// Folder of the avatars that users make [default: ./avatars]
        #[arg(long, env = "VISAVIS_AVATARS")]
        avatars: PathBuf,
        /// What is stated for every picture that clients of HeyGen's API make an avatar of: that the person shown agrees [default: none; then each request says so]
        #[arg(long, env = "VISAVIS_CONSENT")]
        consent: String,
        /// Who states it [default: the owner of the API key]
        #[arg(long, env = "VISAVIS_CONSENT_BY")]
        consent_by: String,
        /// Folder of the recordings [default: ./recordings]
        #[arg(long, env = "VISAVIS_RECORDINGS")]
        recordings: PathBuf,
        /// Whether sessions are recorded [default: true]
        #[arg(long, env = "VISAVIS_RECORD", num_args = 0..=1, default_missing_value = "true")]
        record: bool,
        /// Folder of the start page [default: client-js/dist]
        #[arg(long, env = "VISAVIS_PAGE")]
        page: PathBuf,
        /// Keys that clients must show, separated by commas [default: none; then only a loopback address is served]
        #[arg(long, env = "VISAVIS_API_KEYS", value_delimiter = ',', hide_env_values = true)]
        api_keys: Vec<String>,
        /// Secret of session tokens [default: a new one at each start]
        #[arg(long, env = "VISAVIS_TOKEN_SECRET", hide_env_values = true)]
        token_secret: String,
        /// Keys of LiveKit tokens, as ID:SECRET, separated by commas [default: one of its own]
        #[arg(long, env = "VISAVIS_LIVEKIT_KEYS", value_delimiter = ',', hide_env_values = true)]
        livekit_keys: Vec<String>,
        /// Seconds that a client of a room that vanished may come back [default: 10]
        #[arg(long, env = "VISAVIS_ROOM_GRACE_S")]
        room_grace_s: u64,
        /// Avatar of sessions that name none [default: maya]
        #[arg(long, env = "VISAVIS_AVATAR")]
        avatar: String,
        /// Voice of sessions that name none [default: joe]
        #[arg(long, env = "VISAVIS_VOICE")]
        voice: String,
        /// Seconds that a session of a vendor's API stays when its clients have gone [default: 3]
        #[arg(long, env = "VISAVIS_VENDOR_GRACE_S")]
        vendor_grace_s: u64,
        /// File that keeps contexts, what sessions open with [default: ./contexts.json]
        #[arg(long, env = "VISAVIS_CONTEXTS")]
        contexts: PathBuf,
        /// Video rate, bit/s [default: 1000000]
        #[arg(long, env = "VISAVIS_BITRATE")]
        bitrate: u32,
        /// Open sessions; further ones are refused [default: 32]
        #[arg(long, env = "VISAVIS_MAX_SESSIONS")]
        max_sessions: usize,
        /// Seconds after which an unused session closes [default: 300]
        #[arg(long, env = "VISAVIS_IDLE_TIMEOUT_S")]
        idle_timeout_s: u64,
        /// Longest duration of a session, seconds [default: 3600]
        #[arg(long, env = "VISAVIS_MAX_DURATION_S")]
        max_duration_s: u64,
        /// Longest text of one turn, bytes [default: 100000]
        #[arg(long, env = "VISAVIS_MAX_TEXT_BYTES")]
        max_text_bytes: usize,
        /// Threads that step live sessions [default: one for each core]
        #[arg(long, env = "VISAVIS_WORKERS")]
        workers: NonZeroUsize,
        /// Voices that may compute at once [default: one for each core]
        #[arg(long, env = "VISAVIS_VOICES_AT_ONCE")]
        voices_at_once: NonZeroUsize,
        /// Seconds that running sessions get to finish at shutdown [default: 10]
        #[arg(long, env = "VISAVIS_DRAIN_S")]
        drain_s: u64,
        /// Log lines for people or machines [default: pretty]
        #[arg(long, env = "VISAVIS_LOG_FORMAT", value_enum)]
        log_format: LogFormat,
        /// What is logged, such as `info` or `info,engine=debug` [default: info]
        #[arg(long, env = "VISAVIS_LOG")]
        log: String,
    }
    file {
        /// Voices of remote services (`[[remote_voices]]` in the file).
        remote_voices: Vec<RemoteVoice>,
    }
}

impl Config {
    /// Reads a layer from a TOML file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("the configuration {} is wrong", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Address of the HTTP server.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)))
    }

    /// Address of the media port.
    #[must_use]
    pub fn media_listen(&self) -> SocketAddr {
        self.media_listen
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.listen().port())))
    }

    /// Folder of the models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(weights::directory)
    }

    /// Folder of the user's own Piper voices.
    #[must_use]
    pub fn voices(&self) -> PathBuf {
        self.voices
            .clone()
            .unwrap_or_else(|| self.models().join("voices"))
    }

    /// Folder of the avatars that users make.
    #[must_use]
    pub fn avatars(&self) -> PathBuf {
        self.avatars.clone().unwrap_or_else(|| "avatars".into())
    }

    /// Folder of the recordings, unless nothing is recorded.
    #[must_use]
    pub fn recordings(&self) -> Option<PathBuf> {
        self.record.unwrap_or(true).then(|| {
            self.recordings
                .clone()
                .unwrap_or_else(|| "recordings".into())
        })
    }

    /// Folder of the start page.
    #[must_use]
    pub fn page(&self) -> PathBuf {
        self.page.clone().unwrap_or_else(|| "client-js/dist".into())
    }

    /// Keys that clients must show.
    #[must_use]
    pub fn api_keys(&self) -> Vec<String> {
        self.api_keys.clone().unwrap_or_default()
    }

    /// LiveKit rooms.
    #[must_use]
    pub fn livekit(&self) -> ::rooms::Settings {
        let default = ::rooms::Settings::default();
        ::rooms::Settings {
            keys: self.livekit_keys.clone().unwrap_or_default(),
            grace: self
                .room_grace_s
                .map_or(default.grace, std::time::Duration::from_secs),
            ..default
        }
    }

    /// Address for links.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let secure = self.tls_cert.is_some() && self.tls_listen.is_none();
            let scheme = if secure { "https" } else { "http" };
            format!("{scheme}://{}", self.listen())
        })
    }

    /// Whether only this machine can reach the server.
    #[must_use]
    pub fn loopback(&self) -> bool {
        let tls = self.tls_listen.is_none_or(|tls| tls.ip().is_loopback());
        self.listen().ip().is_loopback() && tls
    }

    /// Certificate and key of TLS, if it is spoken.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_cert.as_deref()?, self.tls_key.as_deref()?))
    }

    /// What is stated for pictures of vendors' clients.
    #[must_use]
    pub fn consent(&self) -> Option<api::Stated> {
        self.consent.clone().map(|statement| api::Stated {
            statement,
            by: self
                .consent_by
                .clone()
                .unwrap_or_else(|| api::KEY_OWNER.into()),
        })
    }

    /// File that keeps contexts.
    #[must_use]
    pub fn contexts(&self) -> PathBuf {
        self.contexts
            .clone()
            .unwrap_or_else(|| "contexts.json".into())
    }

    /// The engine's settings.
    #[must_use]
    pub fn engine(&self) -> engine::Settings {
        let default = engine::Settings::default();
        engine::Settings {
            workers: self.workers.unwrap_or(default.workers),
            voices_at_once: self.voices_at_once.unwrap_or(default.voices_at_once),
            max_sessions: self.max_sessions.unwrap_or(default.max_sessions),
            limits: session::Limits {
                idle_timeout_s: self.idle_timeout_s.unwrap_or(default.limits.idle_timeout_s),
                max_duration_s: self.max_duration_s.unwrap_or(default.limits.max_duration_s),
                max_text_bytes: self.max_text_bytes.unwrap_or(default.limits.max_text_bytes),
            },
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            default_avatar: self.avatar.clone().unwrap_or(default.default_avatar),
            default_voice: self.voice.clone().unwrap_or(default.default_voice),
        }
    }

    /// What can be refused without touching anything.
    pub fn check(&self) -> anyhow::Result<()> {
        let listen = self.listen();
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            bail!("TLS needs both --tls-cert and --tls-key");
        }
        if self.tls_listen.is_some() && self.tls().is_none() {
            bail!("--tls-listen needs --tls-cert and --tls-key");
        }
        if self.api_keys().is_empty() && !self.loopback() {
            let listen = self
                .tls_listen
                .filter(|_| listen.ip().is_loopback())
                .unwrap_or(listen);
            bail!(
                "{listen} can be reached from other machines, so clients must show a key: \
                 set --api-keys (or VISAVIS_API_KEYS), or listen on 127.0.0.1"
            );
        }
        if let Some(short) = self.api_keys().iter().find(|k| k.len() < 16) {
            bail!(
                "an API key has only {} characters; use at least 16, for example from `openssl rand -hex 16`",
                short.len()
            );
        }
        if self.token_secret.as_ref().is_some_and(|s| s.len() < 32) {
            bail!("the token secret needs at least 32 characters");
        }
        let bitrate = self.engine().bitrate;
        if !engine::assemble::BITRATES.contains(&bitrate) {
            bail!(
                "a bitrate of {bitrate} bit/s cannot be used; {} to {} can",
                engine::assemble::BITRATES.start(),
                engine::assemble::BITRATES.end()
            );
        }
        for (name, value) in [
            ("idle_timeout_s", self.idle_timeout_s),
            ("max_duration_s", self.max_duration_s),
        ] {
            if value == Some(0) {
                bail!("{name} is 0; a session could not live");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    fn flags(flags: &[&str]) -> Config {
        Cli::try_parse_from(std::iter::once(&"visavis").chain(flags))
            .unwrap()
            .config
    }

    #[test]
    fn a_flag_does_not_clobber_what_it_does_not_name() {
        let file = Config::parse("voice = 'af_heart'\nmax_sessions = 5\nrecord = false").unwrap();
        let config = flags(&["--max-sessions", "7"]).over(file);
        assert_eq!(config.engine().max_sessions, 7);
        assert_eq!(config.engine().default_voice, "af_heart");
        assert_eq!(config.recordings(), None);
        assert_eq!(flags(&["--record"]).over(config).record, Some(true));
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = Config::parse("max_session = 5").unwrap_err();
        assert!(error.to_string().contains("max_session"), "{error}");
        assert!(Config::parse("[[remote_voices]]\nid='x'\nuri='y'").is_err());
    }

    #[test]
    fn an_open_address_needs_keys() {
        let open = ["--listen", "0.0.0.0:80"];
        assert!(flags(&open).check().is_err());
        let with_key = [&open[..], &["--api-keys", "0123456789abcdef"]].concat();
        flags(&with_key).check().unwrap();
        flags(&[]).check().unwrap();
        assert!(flags(&["--api-keys", "short"]).check().is_err());
    }

    #[test]
    fn tls_needs_a_certificate_and_its_key() {
        let pair = ["--tls-cert", "a.pem", "--tls-key", "b.pem"];
        flags(&pair).check().unwrap();
        assert_eq!(flags(&pair).public_url(), "https://127.0.0.1:8747");
        assert!(flags(&pair[..2]).check().is_err());
        assert!(flags(&["--tls-listen", "127.0.0.1:1"]).check().is_err());
        let open = [&pair[..], &["--tls-listen", "0.0.0.0:443"]].concat();
        assert!(flags(&open).check().is_err(), "it can be reached");
        let keyed = [&open[..], &["--api-keys", "0123456789abcdef"]].concat();
        flags(&keyed).check().unwrap();
        assert_eq!(flags(&keyed).public_url(), "http://127.0.0.1:8747");
    }

    #[test]
    fn the_media_port_follows_the_http_port() {
        let config = flags(&["--listen", "127.0.0.1:9000"]);
        assert_eq!(config.media_listen(), "0.0.0.0:9000".parse().unwrap());
    }
}
