//! Settings of the engine.

use std::num::NonZeroUsize;

use session::Limits;

/// Settings of the engine. Each says its unit, default and cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that step live sessions. Default: one for each core. More only
    /// adds switching: a hop never waits.
    pub workers: NonZeroUsize,
    /// Clauses whose voice may compute at the same time. Default: one for each
    /// core. Fewer protects the pictures of running sessions on a full
    /// machine; first words then wait for each other.
    pub voices_at_once: NonZeroUsize,
    /// Open sessions. Default 32; further ones are refused with 503. A session
    /// costs 4-15 MB and the CPU that the bench prints.
    pub max_sessions: usize,
    /// Limits of a session where its request names none.
    pub limits: Limits,
    /// Video rate of a session, bit/s, where its request names none. Default
    /// 1 000 000, which leaves a talking face of 512x512 free of artefacts.
    pub bitrate: u32,
    /// Avatar of sessions that name none.
    pub default_avatar: String,
    /// Voice of sessions that name none.
    pub default_voice: String,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            workers: cores,
            voices_at_once: cores,
            max_sessions: 32,
            limits: Limits::default(),
            bitrate: 1_000_000,
            default_avatar: "leo".into(),
            default_voice: "joe".into(),
        }
    }
}
