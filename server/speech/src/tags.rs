//! Tags in a text: `[happy]`, `[serious:0.5]`, `[nod]`. They are cut out before
//! a voice sees the text and become cues at the place where they stood.
//!
//! What is no tag stays text: `[1]`, `[sic]`, an open bracket.

use media::{Cue, Emotion, Gesture, Mood};

/// Longest text between brackets, bytes: longer than any tag.
const LONGEST: usize = 24;

/// A piece of text without its tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// The cues, each with the byte at which it stood, counted in the whole
    /// text without tags.
    pub cues: Vec<(usize, Cue)>,
}

/// Finds the tags of one turn's text, which may come in pieces cut anywhere.
#[derive(Debug, Default)]
pub struct Tags {
    /// An open bracket and what followed it, as long as it may be a tag.
    held: String,
    /// Bytes of text given so far.
    given: usize,
    /// Whether white space stood before the tag that was cut last, or nothing:
    /// the space behind it is then cut too.
    skip_space: bool,
    after_space: bool,
    started: bool,
}

impl Tags {
    /// For a new text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more text.
    pub fn push(&mut self, text: &str) -> Piece {
        let mut piece = Piece::default();
        for c in text.chars() {
            if self.held.is_empty() {
                if c == '[' {
                    self.held.push(c);
                } else {
                    self.give(c, &mut piece);
                }
                continue;
            }
            if c == ']' {
                let held = std::mem::take(&mut self.held);
                if let Some(cue) = parse(&held[1..]) {
                    piece.cues.push((self.given, cue));
                    self.skip_space = self.after_space || !self.started;
                } else {
                    self.give_all(&held, &mut piece);
                    self.give(c, &mut piece);
                }
                continue;
            }
            let part_of_a_tag = c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
            if part_of_a_tag && self.held.len() < LONGEST {
                self.held.push(c);
            } else {
                let held = std::mem::take(&mut self.held);
                self.give_all(&held, &mut piece);
                if c == '[' {
                    self.held.push(c);
                } else {
                    self.give(c, &mut piece);
                }
            }
        }
        piece
    }

    /// Ends the text: a bracket that was never closed was text.
    pub fn finish(&mut self) -> Piece {
        let mut piece = Piece::default();
        let held = std::mem::take(&mut self.held);
        self.give_all(&held, &mut piece);
        piece
    }

    fn give_all(&mut self, text: &str, piece: &mut Piece) {
        for c in text.chars() {
            self.give(c, piece);
        }
    }

    fn give(&mut self, c: char, piece: &mut Piece) {
        if std::mem::take(&mut self.skip_space) && c == ' ' {
            return;
        }
        self.started = true;
        self.after_space = c.is_whitespace();
        piece.text.push(c);
        self.given += c.len_utf8();
    }
}

/// The cue of what stands between brackets.
fn parse(tag: &str) -> Option<Cue> {
    let (name, intensity) = match tag.split_once(':') {
        Some((name, number)) => (name, Some(number.parse::<f32>().ok()?)),
        None => (tag, None),
    };
    let name = name.to_ascii_lowercase();
    if let Some(emotion) = Emotion::from_name(&name) {
        let intensity = intensity.unwrap_or(1.0);
        return (0.0..=1.0)
            .contains(&intensity)
            .then(|| Cue::Mood(Mood::new(emotion, intensity)));
    }
    let gesture = Gesture::from_name(&name)?;
    intensity.is_none().then_some(Cue::Gesture(gesture))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Piece {
        let mut tags = Tags::new();
        let mut piece = tags.push(text);
        piece.text += &tags.finish().text;
        piece
    }

    fn mood(emotion: Emotion, intensity: f32) -> Cue {
        Cue::Mood(Mood::new(emotion, intensity))
    }

    #[test]
    fn tags_become_cues_where_they_stood() {
        let piece = whole("[happy] Hello [nod] there, [serious:0.4]but [Wink] no.");
        assert_eq!(piece.text, "Hello there, but no.");
        assert_eq!(
            piece.cues,
            [
                (0, mood(Emotion::Happy, 1.0)),
                (6, Cue::Gesture(Gesture::Nod)),
                (13, mood(Emotion::Serious, 0.4)),
                (17, Cue::Gesture(Gesture::Wink)),
            ]
        );
    }

    #[test]
    fn what_is_no_tag_stays_text() {
        for text in [
            "See [1] and [sic].",
            "an open [ bracket",
            "[happy",
            "[happy:2] [nod:0.5] [happy:x] []",
            "[[",
            "[a very long remark that nobody would take for a tag]",
            "[ happy ]",
        ] {
            let piece = whole(text);
            assert_eq!(piece.text, text);
            assert!(piece.cues.is_empty());
        }
        assert_eq!(whole("[[nod]").text, "[");
        assert_eq!(whole("word[nod] word").text, "word word");
    }

    #[test]
    fn a_text_of_tags_alone_has_no_words() {
        let piece = whole("[happy] [nod]");
        assert_eq!(piece.text, "");
        assert_eq!(piece.cues.len(), 2);
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in r"(\[(happy|nod|x|1)\]|[a-z \[\]é]){0,12}", size in 1usize..5) {
            let mut tags = Tags::new();
            let mut all = Piece::default();
            let chars: Vec<char> = text.chars().collect();
            for piece in chars.chunks(size) {
                let piece = tags.push(&piece.iter().collect::<String>());
                all.text += &piece.text;
                all.cues.extend(piece.cues);
            }
            all.text += &tags.finish().text;
            let expected = whole(&text);
            prop_assert_eq!(&all, &expected);
            for (at, _) in all.cues {
                prop_assert!(all.text.is_char_boundary(at));
            }
        }
    }
}
