//! Runs session pipelines on a live or a virtual clock.
