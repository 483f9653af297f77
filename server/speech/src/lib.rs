//! Text to sound: cutter, normaliser, phonemes, voices.
