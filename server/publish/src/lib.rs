//! Sessions published to other servers: [`whip`], one push to any WHIP
//! endpoint (RFC 9725).

#![forbid(unsafe_code)]

mod http;
#[cfg(test)]
mod tests;
pub mod whip;
