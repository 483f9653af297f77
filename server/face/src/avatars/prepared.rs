//! What is prepared once for an avatar and a scene, and shared by all renderers
//! that show it alike for as long as one of them does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use crate::neural::{self, Network};
use crate::package::{Package, Portrait};
use crate::photo::Figure;
use crate::scene::Stage;
use crate::vector::{Cast, Layers};

enum Kept {
    Layers((Cast, Stage), Weak<Layers>),
    Figure((String, Stage), Weak<Figure>),
    /// By the package's id and the portrait that it was read with.
    Network((String, Weak<Portrait>), Arc<Slot<Network>>),
}

/// Something that takes long to make: once, however many ask at the same time.
struct Slot<T>(Mutex<Weak<T>>);

impl<T> Slot<T> {
    const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// What is in use, or a new one. Others who ask meanwhile wait for it.
    fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = slot.upgrade() {
            return Ok(made);
        }
        let made = Arc::new(make()?);
        *slot = Arc::downgrade(&made);
        Ok(made)
    }

    /// Whether it is being made or in use.
    fn is_used(&self) -> bool {
        match self.0.try_lock() {
            Ok(slot) => slot.strong_count() > 0,
            Err(TryLockError::Poisoned(slot)) => slot.into_inner().strong_count() > 0,
            Err(TryLockError::WouldBlock) => true,
        }
    }
}

#[derive(Default)]
pub(super) struct Prepared(Mutex<Vec<Kept>>);

impl Prepared {
    pub fn layers(&self, cast: Cast, stage: Stage) -> Arc<Layers> {
        let key = (cast, stage);
        let mut kept = self.kept();
        let found = kept.iter().find_map(|entry| match entry {
            Kept::Layers(k, layers) if *k == key => layers.upgrade(),
            _ => None,
        });
        found.unwrap_or_else(|| {
            let layers = Arc::new(Layers::paint(cast, &key.1));
            kept.push(Kept::Layers(key, Arc::downgrade(&layers)));
            layers
        })
    }

    pub fn figure(&self, package: &Package, stage: Stage) -> Arc<Figure> {
        let key = (package.meta().id.clone(), stage);
        let mut kept = self.kept();
        let found = kept.iter().find_map(|entry| match entry {
            Kept::Figure(k, figure) if *k == key => figure
                .upgrade()
                .filter(|figure| figure.is_of(package.portrait())),
            _ => None,
        });
        found.unwrap_or_else(|| {
            let figure = Arc::new(Figure::new(package.portrait(), &key.1));
            kept.push(Kept::Figure(key, Arc::downgrade(&figure)));
            figure
        })
    }

    pub fn network(
        &self,
        package: &Package,
        settings: &neural::Settings,
        bytes: &[u8],
    ) -> Result<Arc<Network>, neural::Error> {
        let portrait = package.portrait();
        let id = &package.meta().id;
        let mut kept = self.kept();
        let found = kept.iter().find_map(|entry| match entry {
            Kept::Network((k, of), slot) if k == id && of.as_ptr() == Arc::as_ptr(portrait) => {
                Some(slot.clone())
            }
            _ => None,
        });
        let slot = found.unwrap_or_else(|| {
            let slot = Arc::new(Slot::new());
            let key = (id.clone(), Arc::downgrade(portrait));
            kept.push(Kept::Network(key, slot.clone()));
            slot
        });
        drop(kept);
        // Not under the lock of the list: it may take seconds.
        slot.get(|| Network::load(bytes, settings.kind, settings.range))
    }

    /// What is still in use.
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        // A panic while preparing leaves the list as it was.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| match entry {
            Kept::Layers(_, layers) => layers.strong_count() > 0,
            Kept::Figure(_, figure) => figure.strong_count() > 0,
            // Whoever asks for it holds the slot.
            Kept::Network(_, slot) => Arc::strong_count(slot) > 1 || slot.is_used(),
        });
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_many_ask_for_at_once_is_made_once() {
        let (slot, made) = (Slot::new(), AtomicUsize::new(0));
        let (begin, end) = (Barrier::new(4), Barrier::new(4));
        let make = || Ok::<_, ()>(made.fetch_add(1, Ordering::SeqCst));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    begin.wait();
                    let held = slot.get(make).unwrap();
                    // All hold theirs before one lets go.
                    end.wait();
                    assert_eq!(*held, 0);
                });
            }
        });
        assert!(!slot.is_used());
        // What nobody holds any more is made again, and a failure keeps nothing.
        assert_eq!(slot.get(|| Err("broken")), Err("broken"));
        assert_eq!(*slot.get(make).unwrap(), 1);
    }
}
