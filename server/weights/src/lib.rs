//! The manifest of model weights: origin, licence, hash; fetching and verifying them.
