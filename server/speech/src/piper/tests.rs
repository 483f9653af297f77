use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::thread;

use media::speech::TimingQuality;

use super::*;
use crate::testing::{clause, environment, models, phonemiser};

fn info() -> VoiceInfo {
    VoiceInfo {
        id: "joe".into(),
        name: "Joe".into(),
        language: "en-US".into(),
        licence: String::new(),
        origin: String::new(),
        sample_rate: 0,
        cost: Piper::COST,
        timing: TimingQuality::Estimated,
    }
}

fn weights(tuning: Tuning) -> Weights {
    let path = models().join("weights/piper-joe/en_US-joe-medium.onnx");
    Weights::load(environment(), &path, tuning).expect("the voice was fetched")
}

fn joe() -> Piper {
    Piper::new(
        info(),
        Arc::new(weights(Tuning::default())),
        phonemiser(Accent::American),
        0,
    )
}

fn say(voice: &Piper, text: &str) -> (Timings, Vec<f32>) {
    let mut speaking = voice.begin(&clause(text)).unwrap();
    let timings = speaking.timings().clone();
    let mut sound = Vec::new();
    while let Some(chunk) = speaking.next_chunk().unwrap() {
        sound.extend(chunk);
    }
    (timings, sound)
}

const TEXT: &str = "Thanks for calling, I can help you reset your password right now.";

#[test]
fn chunks_equal_the_whole_and_noise_is_an_input() {
    let weights = weights(Tuning {
        noise_scale: Some(0.0),
        ..Tuning::default()
    });
    let ids: Vec<i64> = (0..141)
        .map(|n| if n % 2 == 0 { 0 } else { 14 + n / 8 })
        .collect();
    let latent = weights.encode(ids, 0, &mut Noise::of("")).unwrap();
    let whole = weights
        .decode(&latent.values, latent.frames, 0..latent.frames, 0)
        .unwrap();
    let mut pieces = Vec::new();
    let mut at = 0;
    for length in [16, 32].into_iter().chain([48; 100]) {
        let end = (at + length).min(latent.frames);
        pieces.extend(
            weights
                .decode(&latent.values, latent.frames, at..end, 0)
                .unwrap(),
        );
        at = end;
        if at == latent.frames {
            break;
        }
    }
    assert_eq!(pieces.len(), whole.len());
    let signal: f64 = whole.iter().map(|x| f64::from(x * x)).sum();
    let error: f64 = whole
        .iter()
        .zip(&pieces)
        .map(|(a, b)| f64::from((a - b) * (a - b)))
        .sum();
    let ratio = 10.0 * (signal / error.max(1e-30)).log10();
    assert!(signal > 1.0 && ratio > 60.0, "{ratio} dB");
}

#[test]
fn the_same_text_gives_the_same_samples() {
    let voice = joe();
    let (_, first) = say(&voice, TEXT);
    let (_, second) = say(&voice, TEXT);
    assert_eq!(first, second);
    let (_, fresh) = say(&joe(), TEXT);
    assert_eq!(first, fresh);
}

#[test]
fn timings_cover_the_sound_and_name_the_words() {
    let (timings, sound) = say(&joe(), TEXT);
    assert_eq!(
        timings.phonemes.last().map(|p| p.end),
        Some(sound.len() as i64)
    );
    assert_eq!(timings.phonemes[0].start, 0);
    for pair in timings.phonemes.windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
    }
    let words: Vec<_> = timings
        .words
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    assert_eq!(
        words.join(" "),
        "Thanks for calling I can help you reset your password right now"
    );
    for word in &timings.words {
        assert_eq!(TEXT[word.range.clone()], word.text);
        assert!(word.start < word.end);
    }
    // Speech is loud where words are and quiet at the end.
    let power = |range: std::ops::Range<i64>| {
        let part = &sound[range.start as usize..range.end as usize];
        part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32
    };
    let (first, last) = (&timings.words[0], &timings.words[11]);
    let total = sound.len() as i64;
    assert!(power(first.start..last.end) > 1e-4);
    assert!(power(total - 4_800..total) < 1e-6);
    assert!(sound.iter().all(|x| x.abs() <= 1.0));
    let seconds = sound.len() as f64 / 48_000.0;
    assert!((2.5..6.0).contains(&seconds), "{seconds} s");
}

#[test]
fn nothing_to_say_is_said() {
    let voice = joe();
    for text in [
        "",
        "   ",
        "🎉🎉",
        "...",
        "日本語",
        "<break/>",
        "\u{202e}\u{7}",
    ] {
        let refused = voice.begin(&clause(text));
        assert!(matches!(refused, Err(VoiceError::NothingToSay)), "{text:?}");
    }
}

#[test]
fn endless_clauses_are_cut_off() {
    let voice = joe();
    let unit = "never ending ";
    let speaking = voice.begin(&clause(&unit.repeat(1_000_000 / unit.len())));
    let timings = speaking.unwrap().timings().clone();
    assert!(
        (20..200).contains(&timings.words.len()),
        "{}",
        timings.words.len()
    );
}

#[test]
fn closures_of_lips_are_where_their_labels_are() {
    // In "mamama" the lips close on m: less energy in the high band than in
    // the vowels around it. Measured on p and b, whose closure is silent.
    let (timings, sound) = say(&joe(), "Papa bought a paper box, a baby opened it.");
    let energy = |range: std::ops::Range<i64>| {
        let part = &sound[range.start.max(0) as usize..(range.end as usize).min(sound.len())];
        part.iter().map(|x| x * x).sum::<f32>() / part.len().max(1) as f32
    };
    let mut hits = 0;
    let mut closures = 0;
    for pair in timings.phonemes.windows(2) {
        if !matches!(pair[1].ipa.as_str(), "p" | "b") || pair[0].ipa.is_empty() {
            continue;
        }
        closures += 1;
        let stop = &pair[1];
        let quietest = (-8..=8)
            .min_by(|a, b| {
                let window = |step: i32| {
                    let middle = i64::midpoint(stop.start, stop.end) + i64::from(step) * 480;
                    energy(middle - 240..middle + 240)
                };
                window(*a).total_cmp(&window(*b))
            })
            .unwrap();
        if (-5..=5).contains(&quietest) {
            hits += 1;
        }
    }
    assert!(closures >= 6, "{closures}");
    assert!(hits * 3 >= closures * 2, "{hits} of {closures}");
}

#[test]
fn foreign_files_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("voice.onnx");
    let refused = |model: &Path| Weights::load(environment(), model, Tuning::default()).err();
    assert!(matches!(refused(&model), Some(LoadError::Read(..))));
    std::fs::write(folder.path().join("voice.onnx.json"), "{}").unwrap();
    assert!(matches!(refused(&model), Some(LoadError::Config(..))));
    let config = |voice: &str| {
        format!(
            r#"{{"audio": {{"sample_rate": 22050}}, "espeak": {{"voice": "{voice}"}}, "phoneme_id_map": {{"_": [0]}}}}"#
        )
    };
    std::fs::write(folder.path().join("voice.onnx.json"), config("de")).unwrap();
    assert!(matches!(refused(&model), Some(LoadError::Language(..))));
    std::fs::write(folder.path().join("voice.onnx.json"), config("en-us")).unwrap();
    std::fs::write(&model, b"\x3a\x00not a model").unwrap();
    assert!(matches!(refused(&model), Some(LoadError::Model(..))));
    std::fs::write(&model, b"\x08\x08\x3a\x00").unwrap();
    assert!(matches!(refused(&model), Some(LoadError::Foreign(..))));
}

fn fingerprint(sound: &[f32]) -> String {
    let mut hasher = DefaultHasher::new();
    for sample in sound {
        sample.to_bits().hash(&mut hasher);
    }
    format!("heard {:016x}", hasher.finish())
}

#[test]
fn another_process_gives_the_same_samples() {
    const CHILD: &str = "SPEECH_TEST_CHILD";
    const NAME: &str = "piper::tests::another_process_gives_the_same_samples";
    let heard = fingerprint(&say(&joe(), TEXT).1);
    if std::env::var_os(CHILD).is_some() {
        println!("{heard}");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains(&heard), "{said}");
}

#[test]
fn speakers_at_once_do_not_disturb_each_other() {
    let voice = joe();
    let texts = [TEXT, "A different sentence, said at the same time."];
    let alone = texts.map(|text| say(&voice, text).1);
    let together = thread::scope(|scope| {
        texts
            .map(|text| scope.spawn(|| say(&voice, text).1))
            .map(|speaker| speaker.join().unwrap())
    });
    assert!(alone == together);
}
