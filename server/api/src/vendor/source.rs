//! Who asked for a segment.

/// Where a segment came from, as its client names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// The client's name for it, if it gave one.
    pub(crate) name: Option<String>,
    /// Whether its words are known: text, not sound.
    pub(crate) text: bool,
}

impl Source {
    /// Sound of a client.
    pub(crate) const fn sound(name: Option<String>) -> Self {
        Self { name, text: false }
    }

    /// Text of a client.
    pub(crate) const fn text(name: Option<String>) -> Self {
        Self { name, text: true }
    }

    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self::sound(Some(name.to_owned()))
    }
}
