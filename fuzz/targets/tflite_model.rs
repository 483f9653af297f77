//! A TensorFlow Lite file on its way to an ONNX one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onnx::surgery::Model;

fuzz_target!(|tflite: &[u8]| {
    if let Ok(converted) = vision::convert::to_onnx(tflite) {
        Model::parse(&converted.bytes).expect("what was written can be read");
    }
});
