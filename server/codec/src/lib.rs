//! Pictures to H.264 and sound to Opus.
