//! The `join_request` parameter, as it stands in the query and packed by us.
#![no_main]

use libfuzzer_sys::fuzz_target;
use livekit::Join;

fuzz_target!(|text: &str| {
    let _ = Join::single(text);
});
