//! Fragments of `application/trickle-ice-sdpfrag` (RFC 8840 §9).

use super::read::credentials;
use super::{Credentials, attribute, is_ice_token, lines};
use crate::error::FragmentError;

/// Longest fragment that is read; some dozen candidates are usual.
const LONGEST: usize = 16 * 1024;

/// What a fragment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    ufrag: Option<String>,
    pwd: Option<String>,
    /// How many candidates it names.
    pub candidates: usize,
}

impl Fragment {
    pub(crate) fn parse(text: &str) -> Result<Self, FragmentError> {
        let malformed = |what: &str| FragmentError::Malformed(what.to_owned());
        if text.len() > LONGEST {
            return Err(malformed("it is too long"));
        }
        let mut fragment = Self {
            ufrag: None,
            pwd: None,
            candidates: 0,
        };
        for line in lines(text) {
            if line.starts_with("m=") {
                continue;
            }
            let (name, value) =
                attribute(line).ok_or_else(|| malformed("a line begins neither with a= nor m="))?;
            match name {
                "ice-ufrag" if !is_ice_token(value, 4) => return Err(malformed("a=ice-ufrag")),
                "ice-pwd" if !is_ice_token(value, 22) => return Err(malformed("a=ice-pwd")),
                "ice-ufrag" => fragment.ufrag = Some(value.to_owned()),
                "ice-pwd" => fragment.pwd = Some(value.to_owned()),
                "candidate" => {
                    // foundation component transport priority address port typ type
                    if value.split(' ').nth(6) != Some("typ") {
                        return Err(malformed("a=candidate"));
                    }
                    fragment.candidates += 1;
                }
                _ => {}
            }
        }
        Ok(fragment)
    }

    /// Whether it belongs to the ICE session with this fragment of the
    /// player. One that names none belongs to the present one.
    pub(crate) fn is_for(&self, ufrag: &str) -> bool {
        self.ufrag.as_deref().is_none_or(|u| u == ufrag)
    }

    /// The credentials of a restart.
    pub(crate) fn credentials(&self) -> Result<Credentials, FragmentError> {
        credentials(self.ufrag.as_deref(), self.pwd.as_deref()).map_err(FragmentError::Malformed)
    }
}
