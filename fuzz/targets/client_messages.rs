//! What clients of the LiveAvatar API say: JSON at the WebSocket of LITE
//! sessions, JSON on the data channel of FULL ones, sound in either.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::realtime::Message;

fuzz_target!(|data: &[u8]| {
    let (command, name) = wire::control::parse(data);
    assert!(command.is_ok() || command.is_err_and(|refusal| !refusal.message.is_empty()));
    assert!(name.is_none_or(|name| name.len() <= 400));
    if let Ok(text) = std::str::from_utf8(data) {
        let (message, _) = wire::realtime::parse(text);
        match message {
            // Base64 holds less than it takes, other text at most as much.
            Ok(Message::Speak(sound)) => assert!(sound.len() <= text.len()),
            Ok(Message::Unknown(kind)) => assert!(kind.chars().count() <= 61),
            Ok(_) => {}
            Err(refusal) => assert!(refusal.message.len() < 1_000),
        }
        let _ = wire::audio::decode(text);
    }
});
