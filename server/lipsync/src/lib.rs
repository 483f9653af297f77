//! Sound or phoneme timings to face controls.
