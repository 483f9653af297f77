//! The Visavis server.
fn main() {}
