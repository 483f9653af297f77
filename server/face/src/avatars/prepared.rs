//! What is prepared once for an avatar and a scene, and shared by all renderers
//! that show it alike for as long as one of them does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::neural::{self, Network};
use crate::package::{Package, Portrait};
use crate::photo::Figure;
use crate::scene::Scene;
use crate::vector::{Cast, Layers};

enum Kept {
    Layers((Cast, Scene), Weak<Layers>),
    Figure((String, Scene), Weak<Figure>),
    /// By the package's id and the portrait that it was read with.
    Network((String, Weak<Portrait>), Weak<Network>),
}

#[derive(Default)]
pub(super) struct Prepared(Mutex<Vec<Kept>>);

impl Prepared {
    pub fn layers(&self, cast: Cast, scene: &Scene) -> Arc<Layers> {
        let key = (cast, scene.clone());
        let mut kept = self.kept();
        let found = kept.iter().find_map(|entry| match entry {
            Kept::Layers(k, layers) if *k == key => layers.upgrade(),
            _ => None,
        });
        found.unwrap_or_else(|| {
            let layers = Arc::new(Layers::paint(cast, scene));
            kept.push(Kept::Layers(key, Arc::downgrade(&layers)));
            layers
        })
    }

    pub fn figure(&self, package: &Package, scene: &Scene) -> Arc<Figure> {
        let key = (package.meta().id.clone(), scene.clone());
        let mut kept = self.kept();
        let found = kept.iter().find_map(|entry| match entry {
            Kept::Figure(k, figure) if *k == key => figure
                .upgrade()
                .filter(|figure| figure.is_of(package.portrait())),
            _ => None,
        });
        found.unwrap_or_else(|| {
            let figure = Arc::new(Figure::new(package.portrait(), scene));
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
        let found = self.kept().iter().find_map(|entry| match entry {
            Kept::Network((k, of), network) if k == id && of.as_ptr() == Arc::as_ptr(portrait) => {
                network.upgrade()
            }
            _ => None,
        });
        if let Some(network) = found {
            return Ok(network);
        }
        // Not under the lock: it may take seconds. Two that load at the same
        // time each keep theirs.
        let network = Arc::new(Network::load(bytes, settings.kind, settings.range)?);
        let key = (id.clone(), Arc::downgrade(portrait));
        self.kept()
            .push(Kept::Network(key, Arc::downgrade(&network)));
        Ok(network)
    }

    /// What is still in use.
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        // A panic while preparing leaves the list as it was.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| match entry {
            Kept::Layers(_, layers) => layers.strong_count() > 0,
            Kept::Figure(_, figure) => figure.strong_count() > 0,
            Kept::Network(_, network) => network.strong_count() > 0,
        });
        kept
    }
}
