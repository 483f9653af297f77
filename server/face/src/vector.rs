//! Flat-vector presenters, drawn from code at any size.
//!
//! What does not change is painted once for each avatar and size: backdrop,
//! body and head. At each picture the head is warped to its pose, eyes, brows
//! and mouth are drawn on it as curves computed from the weights, and only the
//! rectangle that changed is converted to I420.

mod brush;
mod eyes;
mod layers;
mod leo;
mod lips;
mod look;
mod mouth;
mod nora;
mod portrait;
mod presenter;
mod warp;
mod waves;

pub(crate) use layers::Layers;
pub(crate) use presenter::Presenter;

/// The vector presenters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    Nora,
    Leo,
}

impl Cast {
    fn look(self) -> &'static look::Look {
        match self {
            Self::Nora => &nora::LOOK,
            Self::Leo => &leo::LOOK,
        }
    }
}
