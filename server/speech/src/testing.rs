//! What the tests of this room share: the real models, loaded once.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use media::Clause;
use ort::environment::Environment;

use crate::g2p::gru::Network;
use crate::g2p::{Accent, Phonemiser};

/// The folder of models. Tests fail when it is not filled: `visavis models
/// fetch` fills it.
pub fn models() -> PathBuf {
    match std::env::var_os(weights::DIRECTORY_VARIABLE) {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models"),
    }
}

pub fn environment() -> &'static Environment {
    let library = weights::runtime::locate(None, &models()).expect("the runtime was fetched");
    weights::runtime::init(&library).expect("the runtime loads")
}

pub fn phonemiser(accent: Accent) -> Arc<Phonemiser> {
    static NETWORK: LazyLock<Arc<Network>> = LazyLock::new(|| {
        let path = models().join("weights/g2p-en/checkpoint20.npz");
        Arc::new(Network::load(&path).expect("the weights were fetched"))
    });
    static AMERICAN: LazyLock<Arc<Phonemiser>> =
        LazyLock::new(|| Arc::new(Phonemiser::new(Accent::American, NETWORK.clone())));
    static BRITISH: LazyLock<Arc<Phonemiser>> =
        LazyLock::new(|| Arc::new(Phonemiser::new(Accent::British, NETWORK.clone())));
    match accent {
        Accent::American => AMERICAN.clone(),
        Accent::British => BRITISH.clone(),
    }
}

pub fn clause(text: &str) -> Clause {
    Clause {
        text: text.to_owned(),
        range: 0..text.len(),
        ends_sentence: true,
    }
}
