//! An ONNX file that is looked through, as users' networks are, and taken apart,
//! as those of voices are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onnx::Survey;
use onnx::graph::Element;
use onnx::surgery::{Model, Port};

fuzz_target!(|bytes: &[u8]| {
    let _ = Survey::of(bytes);
    if let Ok(mut model) = Model::parse(bytes) {
        let outputs: Vec<String> = model.outputs().map(str::to_owned).collect();
        model.supply_noise();
        let ports: Vec<_> = outputs
            .iter()
            .map(|name| Port {
                name,
                element: Element::Float,
                rank: 1,
            })
            .collect();
        let _ = model.extract(&[], &ports);
    }
});
