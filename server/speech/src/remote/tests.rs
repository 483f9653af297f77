use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::testing::clause;

const KEY: &str = "sk-very-secret";

/// A service that answers one request with these parts, and gives the request.
fn service(parts: Vec<Vec<u8>>) -> (Service, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1/", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut request = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            let is_end = line.trim().is_empty();
            request.push_str(&line);
            if is_end {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        request.push_str(&String::from_utf8(body).unwrap());
        sender.send(request).unwrap();
        for part in parts {
            // The client may have had enough.
            if stream.write_all(&part).is_err() {
                return;
            }
            stream.flush().unwrap();
        }
    });
    let service = Service {
        base,
        model: "tts-1".into(),
        voice: "alloy".into(),
        key: Some(KEY.into()),
        patience: Duration::from_secs(10),
    };
    (service, receiver)
}

fn voice(service: Service) -> Remote {
    Remote::new(
        VoiceInfo {
            id: "remote".into(),
            name: "Remote".into(),
            language: "en".into(),
            licence: String::new(),
            origin: String::new(),
            sample_rate: 0,
            cost: 1.0,
            timing: TimingQuality::Exact,
        },
        service,
    )
}

fn head(status: &str, kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
}

fn pcm(samples: usize) -> Vec<u8> {
    (0..samples)
        .flat_map(|n| {
            let at = n as f32 / RATE as f32;
            let sample = 16_384.0 * (std::f32::consts::TAU * 200.0 * at).sin();
            (sample as i16).to_le_bytes()
        })
        .collect()
}

fn failure(voice: &Remote) -> String {
    match voice.begin(&clause("Hello.")) {
        Err(VoiceError::Remote(cause)) => cause.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it spoke"),
    }
}

#[test]
fn sound_is_played_while_it_arrives_whatever_its_pieces() {
    let sound = pcm(24_000);
    let mut parts = vec![head("200 OK", "audio/pcm")];
    // Odd pieces: samples are split between them.
    parts.extend(sound.chunks(4_801).map(<[u8]>::to_vec));
    let (service, requests) = service(parts);
    let voice = voice(service);
    let mut speaking = voice.begin(&clause("Say\u{7} hello, please.")).unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /v1/audio/speech HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains(&format!("Bearer {KEY}")));
    let body: serde_json::Value =
        serde_json::from_str(&request[request.find('{').unwrap()..]).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "model": "tts-1",
            "voice": "alloy",
            "input": "Say hello, please.",
            "response_format": "pcm",
        })
    );
    let timings = speaking.timings().clone();
    assert!(timings.phonemes.is_empty());
    let words: Vec<_> = timings
        .words
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    assert_eq!(words, ["Say", "hello", "please"]);
    let mut heard = Vec::new();
    while let Some(chunk) = speaking.next_chunk().unwrap() {
        heard.extend(chunk);
    }
    assert_eq!(
        heard.len(),
        48_000 + 12_000,
        "with the pause after a sentence"
    );
    let peak = heard.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    assert!((0.45..0.55).contains(&peak), "no sample was torn: {peak}");
    assert!(speaking.next_chunk().unwrap().is_none());
}

#[test]
fn refusals_say_why_without_the_key() {
    let long = format!("{{\"error\": \"bad key {KEY}\"}} {}", "x".repeat(100_000));
    let parts = vec![
        head("401 Unauthorized", "application/json"),
        long.into_bytes(),
    ];
    let (service, _requests) = service(parts);
    let said = failure(&voice(service));
    assert!(
        said.contains("401") && said.contains("bad key (key)"),
        "{said}"
    );
    assert!(said.len() < 3_000);
}

#[test]
fn answers_that_are_no_sound_are_refused() {
    let parts = vec![head("200 OK", "application/json"), b"{\"url\": 1}".to_vec()];
    let (other, _requests) = service(parts);
    assert!(failure(&voice(other)).contains("url"));
    let parts = vec![head("200 OK", "audio/wav"), b"RIFF....WAVEfmt ".to_vec()];
    let (other, _requests) = service(parts);
    let mut speaking = voice(other).begin(&clause("Hello.")).unwrap();
    let refused = speaking.next_chunk().unwrap_err();
    assert!(matches!(refused, VoiceError::Remote(cause) if cause.to_string().contains("WAV")));
}

#[test]
fn broken_and_missing_services_are_errors() {
    let broken = b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n\0\0\0\0".to_vec();
    let (other, _requests) = service(vec![broken]);
    let mut speaking = voice(other).begin(&clause("Hello.")).unwrap();
    let refused = std::iter::from_fn(|| speaking.next_chunk().transpose()).find_map(Result::err);
    assert!(matches!(refused, Some(VoiceError::Remote(_))));
    let (mut gone, _requests) = service(Vec::new());
    gone.base = "http://127.0.0.1:9/v1".into();
    assert!(failure(&voice(gone)).contains("no answer"));
    let (mut slow, _requests) = service(Vec::new());
    // A listener that never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    slow.base = format!("http://{}", listener.local_addr().unwrap());
    slow.patience = Duration::from_millis(50);
    assert!(failure(&voice(slow)).contains("no answer"));
}

#[test]
fn what_has_no_letters_is_not_sent() {
    let (service, requests) = service(Vec::new());
    let shown = format!("{service:?}");
    assert!(!shown.contains(KEY), "{shown}");
    let refused = voice(service).begin(&clause("🎉 ..."));
    assert!(matches!(refused, Err(VoiceError::NothingToSay)));
    assert!(requests.try_recv().is_err());
}
