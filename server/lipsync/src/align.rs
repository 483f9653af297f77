//! Where a voice's phonemes are in its sound.
//!
//! A voice says how long each phoneme will be before it speaks, and its decoder
//! does not quite keep to that: boundaries of the voices here are off by 25 ms
//! (standard deviation), and a vowel that is written in full may be spoken as
//! little more than a schwa. Both are seen. So, as soon as a piece of sound is
//! there, the network listens to it: boundaries move to where it hears them
//! (forced alignment by dynamic programming), and a vowel is shown by the
//! viseme that it sounds like. What is said is never in doubt: no phoneme comes
//! or goes, consonants stay what they are, and lips that round stay round.
//!
//! A piece of sound is listened to before it is handed on, the first one too:
//! that delays it by about one hundredth of its own length. Its last 60 to
//! 80 ms are heard with the piece that follows; until then they are where the
//! voice said.

use std::sync::Arc;

use media::{HOP, Phoneme, Timings, Viseme};

use crate::features::{BANDS, FRAMES, Features, HopFeatures};
use crate::model::{Error, Model, Stream, Visemes};
use crate::plan::FRAME;

/// How far a boundary may move, frames. The voices are rarely further off, and
/// a neighbouring syllable is.
const REACH: usize = 7;

/// Places of a boundary.
const PLACES: usize = 2 * REACH + 1;

/// What it costs to move a boundary by one frame, squared, nats. Small against
/// a frame that is heard clearly (about 2), so it counts where nothing is.
const PULL: f32 = 0.06;

/// A posterior below this says no more than that the viseme is not heard.
const LEAST: f32 = 1e-3;

/// A frame of a sound that takes the shape of its neighbours (`h`): any
/// viseme will do, none is expected.
const SHAPELESS: f32 = 0.3;

/// The head that is listened to: 60 ms of delay.
const HEAD: usize = 3;

/// The score of what cannot be.
const NEVER: f32 = -1e9;

/// Aligns one clause while it is being spoken.
pub struct Aligner {
    model: Arc<Model>,
    features: Features,
    mel: HopFeatures,
    stream: Stream,
    /// Sound of the hop that is not complete.
    hop: Vec<f32>,
    /// Hops whose answer lies before the sound began.
    early: usize,
    /// Posteriors of each frame that was heard.
    heard: Vec<Visemes>,
    said: Timings,
    timings: Timings,
}

impl Aligner {
    /// For a clause of which the voice has said this.
    #[must_use]
    pub fn new(model: Arc<Model>, said: Timings) -> Self {
        Self {
            stream: model.stream(),
            model,
            features: Features::new(),
            mel: [0.0; FRAMES * BANDS],
            hop: Vec::with_capacity(HOP),
            early: HEAD,
            heard: Vec::new(),
            timings: said.clone(),
            said,
        }
    }

    /// Timings as far as they are known by now. Words keep the times that the
    /// voice gave them.
    #[must_use]
    pub const fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Listens to the next piece of the clause, 48 kHz.
    ///
    /// # Errors
    /// [`Error::Run`] when the network fails; the timings stay as they were.
    pub fn hear(&mut self, mut sound: &[f32]) -> Result<(), Error> {
        while !sound.is_empty() {
            let (piece, rest) = sound.split_at(sound.len().min(HOP - self.hop.len()));
            self.hop.extend_from_slice(piece);
            sound = rest;
            let Ok(hop) = <&[f32; HOP]>::try_from(self.hop.as_slice()) else {
                break;
            };
            self.features.push(hop, &mut self.mel);
            self.hop.clear();
            self.model.advance(&self.mel, &mut self.stream)?;
            if self.early > 0 {
                self.early -= 1;
            } else {
                self.heard.extend(self.stream.heads[HEAD]);
            }
        }
        if let Some(edges) = boundaries(&self.said.phonemes, &self.heard) {
            self.move_to(&edges);
        }
        Ok(())
    }

    /// Puts the phonemes between these edges, frames.
    fn move_to(&mut self, edges: &[usize]) {
        let last = self.said.phonemes.len() - 1;
        for (i, (phoneme, said)) in (self.timings.phonemes.iter_mut())
            .zip(&self.said.phonemes)
            .enumerate()
        {
            // The ends of the clause stay what they are, to the sample.
            if i > 0 {
                phoneme.start = edges[i] as i64 * FRAME;
            }
            if i < last {
                phoneme.end = edges[i + 1] as i64 * FRAME;
            }
            let end = edges[i + 1].min(self.heard.len());
            phoneme.viseme = match self.heard.get(edges[i]..end) {
                // What has begun and not ended may yet sound different.
                Some(frames) if edges[i + 1] == end && !frames.is_empty() => shape(said, frames),
                _ => said.viseme,
            };
        }
    }
}

/// The frame at which each phoneme begins, and the end of the last; `None` when
/// the phonemes cannot be laid along what was heard.
fn boundaries(phonemes: &[Phoneme], heard: &[Visemes]) -> Option<Vec<usize>> {
    let count = phonemes.len();
    if count == 0 {
        return None;
    }
    let said: Vec<i64> = phonemes
        .iter()
        .map(|phoneme| phoneme.start)
        .chain(phonemes.last().map(|last| last.end))
        .map(|at| (at + FRAME / 2) / FRAME)
        .collect();
    let place = |edge: usize, k: usize| said[edge] + k as i64 - REACH as i64;
    let cost: [f32; PLACES] = std::array::from_fn(|k| PULL * (k as f32 - REACH as f32).powi(2));
    // A frame that was heard, or the end of what was.
    let clamped = |frame: i64| usize::try_from(frame).unwrap_or(0).min(heard.len());
    // What a phoneme gains from `first`, the earliest frame it can begin at, up
    // to each frame that it can reach; nothing from those not heard yet.
    let mut gain = Vec::new();
    let mut score = [NEVER; PLACES];
    score[REACH] = 0.0;
    let mut came = Vec::with_capacity(count);
    for (i, phoneme) in phonemes.iter().enumerate() {
        let first = clamped(place(i, 0));
        let last = clamped(place(i + 1, PLACES - 1)).max(first);
        gain.clear();
        gain.push(0.0);
        let mut sum = 0.0;
        gain.extend(heard[first..last].iter().map(|weights| {
            sum += fit(phoneme, weights);
            sum
        }));
        let up_to = |frame: i64| gain[clamped(frame).clamp(first, last) - first];
        let mut next = [NEVER; PLACES];
        let mut from = [0_u8; PLACES];
        let is_last = i + 1 == count;
        for (k, (next, from)) in next.iter_mut().zip(&mut from).enumerate() {
            if is_last && k != REACH {
                continue;
            }
            let end = place(i + 1, k);
            for (j, before) in score.iter().enumerate() {
                let start = place(i, j);
                if end <= start {
                    break;
                }
                let total = before + up_to(end) - up_to(start);
                if total > *next {
                    (*next, *from) = (total, j as u8);
                }
            }
            if !is_last {
                *next -= cost[k];
            }
        }
        score = next;
        came.push(from);
    }
    if score[REACH] <= NEVER / 2.0 {
        return None;
    }
    let mut edges = vec![0; count + 1];
    let mut k = REACH;
    for (i, edge) in edges.iter_mut().enumerate().rev() {
        *edge = usize::try_from(place(i, k)).ok()?;
        if i > 0 {
            k = usize::from(came[i - 1][k]);
        }
    }
    Some(edges)
}

/// How well a frame fits a phoneme, nats.
fn fit(phoneme: &Phoneme, weights: &Visemes) -> f32 {
    if phoneme.ipa == "h" {
        SHAPELESS.ln()
    } else {
        weights[phoneme.viseme.index()].max(LEAST).ln()
    }
}

/// The viseme that shows a phoneme of which these frames were heard.
fn shape(phoneme: &Phoneme, heard: &[Visemes]) -> Viseme {
    use Viseme::{Aa, E, Ih, Oh, Ou, Rr};
    let choice: &[Viseme] = match phoneme.viseme {
        // A weak vowel is coloured by what stands around it.
        _ if phoneme.ipa.starts_with(['ə', 'ɐ', 'ᵊ', 'ɪ', 'ᵻ', 'h']) => {
            &[E, Ih, Rr, Aa, Oh, Ou]
        }
        Aa | E | Ih => &[Aa, E, Ih, Rr],
        // The vowel of "thought" is as open as that of "lot" for many speakers.
        Oh => &[Oh, Aa, Ou],
        Ou if !phoneme.ipa.starts_with('w') => &[Ou, Oh],
        _ => return phoneme.viseme,
    };
    let weight = |viseme: &Viseme| -> f32 { heard.iter().map(|w| w[viseme.index()]).sum() };
    let best = choice
        .iter()
        .copied()
        .max_by(|a, b| weight(a).total_cmp(&weight(b)));
    best.unwrap_or(phoneme.viseme)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SILENT, pure};

    /// Phonemes of `(ipa, viseme, frames)`, one after the other.
    fn said(spans: &[(&str, Viseme, i64)]) -> Vec<Phoneme> {
        let mut at = 0;
        spans
            .iter()
            .map(|&(ipa, viseme, frames)| {
                let start = at;
                at += frames * FRAME;
                Phoneme {
                    ipa: ipa.into(),
                    viseme,
                    start,
                    end: at,
                    stress: 0,
                }
            })
            .collect()
    }

    fn frames(spans: &[(Viseme, usize)]) -> Vec<Visemes> {
        let spans = spans.iter();
        spans
            .flat_map(|&(viseme, count)| std::iter::repeat_n(pure(viseme), count))
            .collect()
    }

    const MAMA: [(&str, Viseme, i64); 5] = [
        ("", Viseme::Sil, 10),
        ("m", Viseme::Pp, 8),
        ("a", Viseme::Aa, 12),
        ("s", Viseme::Ss, 10),
        ("", Viseme::Sil, 10),
    ];

    #[test]
    fn boundaries_move_to_where_they_are_heard_and_ends_stay() {
        let heard = frames(&[
            (Viseme::Sil, 13),
            (Viseme::Pp, 6),
            (Viseme::Aa, 8),
            (Viseme::Ss, 15),
            (Viseme::Sil, 8),
        ]);
        let edges = boundaries(&said(&MAMA), &heard).unwrap();
        assert_eq!(edges, [0, 13, 19, 27, 42, 50]);
    }

    #[test]
    fn nothing_moves_that_is_not_heard_or_not_clear() {
        let labels = [0, 10, 18, 30, 40, 50];
        assert_eq!(boundaries(&said(&MAMA), &[]).unwrap(), labels);
        let vague = vec![[1.0 / 15.0; 15]; 50];
        assert_eq!(boundaries(&said(&MAMA), &vague).unwrap(), labels);
        // What is heard so far moves only what lies there.
        let begun = frames(&[(Viseme::Sil, 13), (Viseme::Pp, 3)]);
        assert_eq!(
            boundaries(&said(&MAMA), &begun).unwrap(),
            [0, 13, 18, 30, 40, 50]
        );
    }

    #[test]
    fn no_boundary_moves_further_than_its_reach_or_past_another() {
        let silence = vec![SILENT; 50];
        let edges = boundaries(&said(&MAMA), &silence).unwrap();
        for (edge, label) in edges.iter().zip([0, 10, 18, 30, 40, 50_usize]) {
            assert!(edge.abs_diff(label) <= REACH, "{edges:?}");
        }
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{edges:?}");
        assert_eq!(boundaries(&[], &silence), None);
    }

    #[test]
    fn what_cannot_be_laid_along_the_sound_is_left_alone() {
        let silence = vec![SILENT; 50];
        // More phonemes than frames.
        let crowd = said(&[
            ("s", Viseme::Ss, 0),
            ("a", Viseme::Aa, 1),
            ("s", Viseme::Ss, 0),
        ]);
        assert_eq!(boundaries(&crowd, &silence), None);
        // An end far before the beginning.
        let mut mixed = said(&MAMA);
        mixed[1].start = 45 * FRAME;
        mixed[2].start = 2 * FRAME;
        assert_eq!(boundaries(&mixed, &silence), None);
    }

    #[test]
    fn a_phoneme_is_sought_everywhere_within_its_reach_and_nowhere_else() {
        let reach = REACH as i64;
        for off in -reach - 3..=reach + 3 {
            let first = (20 + off) as usize;
            let heard = frames(&[(Viseme::Sil, first), (Viseme::Aa, 60 - first)]);
            let plain = said(&[("", Viseme::Sil, 20), ("a", Viseme::Aa, 40)]);
            let edges = boundaries(&plain, &heard).unwrap();
            assert_eq!(edges, [0, (20 + off.clamp(-reach, reach)) as usize, 60]);
        }
    }

    #[test]
    fn vowels_are_seen_as_they_sound_and_consonants_as_they_are() {
        let show = |ipa: &str, viseme, heard| {
            let phoneme = &said(&[(ipa, viseme, 4)])[0];
            shape(phoneme, &frames(&[(heard, 4)]))
        };
        assert_eq!(show("ʌ", Viseme::Aa, Viseme::E), Viseme::E);
        assert_eq!(show("ə", Viseme::E, Viseme::Ou), Viseme::Ou);
        assert_eq!(show("ɔ", Viseme::Oh, Viseme::Aa), Viseme::Aa);
        assert_eq!(show("m", Viseme::Pp, Viseme::Nn), Viseme::Pp);
        assert_eq!(show("w", Viseme::Ou, Viseme::Oh), Viseme::Ou);
        assert_ne!(
            show("u", Viseme::Ou, Viseme::Ih),
            Viseme::Ih,
            "lips stay round"
        );
        assert_ne!(show("i", Viseme::Ih, Viseme::Ou), Viseme::Ou, "and spread");
    }
}
