//! What guests send over their data channels.
#![no_main]

#[path = "guest.rs"]
mod guest;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut guests = guest::Guests::join();
    for piece in guest::pieces(data) {
        guests.act(piece, guest::Way::Packet);
    }
});
