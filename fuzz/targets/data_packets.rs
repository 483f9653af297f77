//! What a guest sends over its data channels.
#![no_main]

#[path = "guest.rs"]
mod guest;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut guest = guest::Guest::join();
    for packet in guest::pieces(data) {
        guest.packet(packet);
    }
});
