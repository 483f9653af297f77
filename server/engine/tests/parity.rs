//! The two mouths of our own voices agree: the one that knows the phonemes and
//! the one that hears the sound.

mod spoken;

use spoken::{SENTENCES, Spoken, correlation};

/// Least correlation of the jaws. These sentences reach .946 (`joe`), .937
/// (`af_heart`) and .914 (`bf_emma`); the rest is for other processors, on
/// which Kokoro's eight-bit network rounds differently.
const BAR: f32 = 0.9;

fn jaws_agree(voice: &str, sentences: &[&str]) {
    let rooms = spoken::rooms().expect("the models were fetched");
    let voice = rooms.voice(voice).expect("the voice was fetched");
    let (mut planned, mut heard) = (Vec::new(), Vec::new());
    for text in sentences {
        let spoken = Spoken::new(voice.as_ref(), text).expect("it speaks");
        planned.extend(spoken.planned(&rooms.mouth).expect("it moves"));
        heard.extend(spoken.heard(&rooms.mouth).expect("it listens"));
    }
    let r = correlation(&planned, &heard);
    println!("{}: the jaws correlate by {r:.3}", voice.info().id);
    assert!(r > BAR, "the jaws correlate by {r}");
    for (a, b) in [(&planned, &heard), (&heard, &planned)] {
        let late = correlation(&a[..a.len() - 1], &b[1..]);
        assert!(r > late, "one lags by a hop: {late} against {r}");
    }
}

#[test]
fn jaws_of_piper_agree() {
    jaws_agree("joe", &SENTENCES);
}

// Kokoro takes six times as long, so each voice says a third.

#[test]
fn jaws_of_an_american_of_kokoro_agree() {
    jaws_agree("af_heart", &SENTENCES[..8]);
}

#[test]
fn jaws_of_a_briton_of_kokoro_agree() {
    jaws_agree("bf_emma", &SENTENCES[8..16]);
}
