//! Written text to spoken words, each with the place it was written at.
//!
//! Numbers, money, times, dates, units, addresses and acronyms are written
//! out; Markdown, tags, emoji, control characters and scripts that the voices
//! cannot speak are left out. The rules are English.

mod numbers;
mod read;
mod tables;

use std::ops::Range;

use read::{Reading, read};

/// A written word and how it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What is said: words of letters and apostrophes, parted by spaces or
    /// hyphens. A word of letters with full stops (`U.S.A.`) is spelled; a
    /// comma that stands alone is a short pause.
    pub spoken: String,
    /// Byte range in the text that was normalised.
    pub range: Range<usize>,
}

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Something that is said.
    Word(Word),
    /// Something that is heard in the melody: one of `, . ! ? ; : — …`.
    Mark {
        /// The mark.
        mark: char,
        /// Byte range in the text that was normalised.
        range: Range<usize>,
    },
}

/// A run of characters between spaces, without those that are not read.
type Chunk = Vec<(usize, char)>;

/// Normalises one clause. Time grows linearly with its length.
#[must_use]
pub fn normalise(text: &str) -> Vec<Piece> {
    let chunks = chunks(text);
    let mut pieces = Vec::with_capacity(chunks.len());
    let mut index = 0;
    while let Some(chunk) = chunks.get(index) {
        let next = chunks.get(index + 1).map(Vec::as_slice);
        let after = chunks.get(index + 2).map(Vec::as_slice);
        index += 1 + clause_part(chunk, next, after, &mut pieces);
    }
    pieces
}

/// Longest tag such as `<break time="1s"/>` that is taken out, bytes. What is
/// longer is text with a less-than sign.
const LONGEST_TAG: usize = 256;

/// Longest target of a Markdown link, bytes.
const LONGEST_LINK: usize = 2_048;

/// Longest run without spaces that is looked at as a whole, characters. What
/// is longer is no word, number or address.
const LONGEST_CHUNK: usize = 256;

fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut chunk = Chunk::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let skipped = match letter {
            '<' => tag(rest),
            ']' => link(rest).or(Some(1)),
            '&' => entity(rest),
            _ => None,
        };
        if rest.starts_with(AMPERSAND) {
            chunk.push((at, letter));
            at += AMPERSAND.len();
            continue;
        }
        if let Some(length) = skipped {
            let is_link = letter == ']';
            at += length;
            if !is_link {
                chunks.extend(close(&mut chunk));
            }
            continue;
        }
        match role(letter) {
            Role::Read => chunk.push((at, letter)),
            Role::Drop => {}
            Role::Part => chunks.extend(close(&mut chunk)),
        }
        if chunk.len() == LONGEST_CHUNK {
            chunks.extend(close(&mut chunk));
        }
        at += letter.len_utf8();
    }
    chunks.extend(close(&mut chunk));
    chunks
}

fn close(chunk: &mut Chunk) -> Option<Chunk> {
    (!chunk.is_empty()).then(|| std::mem::take(chunk))
}

enum Role {
    /// Part of a word.
    Read,
    /// Not there: words go on around it.
    Drop,
    /// Parts words.
    Part,
}

fn role(letter: char) -> Role {
    if is_markup(letter) {
        Role::Drop
    } else if is_readable(letter) {
        Role::Read
    } else {
        // White space, controls, emoji, pictures, and scripts that no voice
        // here speaks.
        Role::Part
    }
}

/// Marks of Markdown emphasis and code; soft hyphens, zero-width characters,
/// direction marks, variation selectors and loose accents.
fn is_markup(letter: char) -> bool {
    matches!(letter,
        '*' | '`' | '~' | '\\' | '^' | '\u{ad}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{300}'..='\u{36f}')
}

/// Latin letters, digits, and the punctuation and symbols that are heard.
fn is_readable(letter: char) -> bool {
    match letter {
        '|' | '[' | '{' | '}' | '_' => false,
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => true,
        letter if letter.is_ascii() => letter.is_ascii_graphic(),
        letter => {
            "‘’“”„«»–—−…¿¡，。！？；：、℃℉".contains(letter)
                || tables::symbol(letter).is_some()
                || tables::currency(letter).is_some()
        }
    }
}

/// Length of the tag that the text begins with.
fn tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let opens = bytes
        .get(1)
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?'));
    let window = &bytes[1..bytes.len().min(LONGEST_TAG)];
    let end = window.iter().position(|b| matches!(b, b'>' | b'<'))?;
    (opens && window[end] == b'>').then_some(end + 2)
}

/// Length of the `](target)` that the text begins with.
fn link(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(1) != Some(&b'(') {
        return None;
    }
    let window = &bytes[..bytes.len().min(LONGEST_LINK)];
    let end = window
        .iter()
        .position(|b| *b == b')' || b.is_ascii_whitespace())?;
    (window[end] == b')').then_some(end + 1)
}

/// The entity that is said.
const AMPERSAND: &str = "&amp;";

/// Length of the character entity that the text begins with, of those that
/// are not said.
fn entity(text: &str) -> Option<usize> {
    const ENTITIES: [&str; 6] = ["&lt;", "&gt;", "&quot;", "&nbsp;", "&#39;", "&apos;"];
    ENTITIES
        .into_iter()
        .find(|entity| text.starts_with(entity))
        .map(str::len)
}

/// Reads one chunk and gives how many more were used with it.
fn clause_part(
    chunk: &[(usize, char)],
    next: Option<&[(usize, char)]>,
    after: Option<&[(usize, char)]>,
    pieces: &mut Vec<Piece>,
) -> usize {
    let mut core = chunk;
    let is_closing = chunk.iter().all(|(_, letter)| is_trailing(*letter));
    while let [(at, letter), rest @ ..] = core
        && !is_closing
    {
        let opening = match letter {
            '—' | '–' => Some('—'),
            '…' => Some('…'),
            '"' | '\'' | '‘' | '’' | '“' | '„' | '«' | '»' | '¿' | '¡' | '>' => None,
            '!' | '.' if !rest.first().is_some_and(|(_, next)| next.is_ascii_digit()) => None,
            '(' | ',' | ';' | ':' | '，' | '、' | '；' | '：' => Some(','),
            '?' | '？' | '！' | '。' => Some(*letter),
            // A bullet or a dash between words; before a figure it is a sign.
            '-' if !rest.first().is_some_and(|(_, next)| is_amount(*next)) => {
                rest.is_empty().then_some('—')
            }
            '#' if rest.first().is_none_or(|(_, next)| *next == '#') => None,
            _ => break,
        };
        // A greater-than sign between words is a symbol, at a line start a
        // quotation.
        if *letter == '>' && rest.is_empty() && !pieces.is_empty() {
            break;
        }
        if let Some(mark) = opening {
            mark_at(pieces, mark, *at, *letter);
        }
        core = rest;
    }
    let whole: String = core.iter().map(|(_, letter)| *letter).collect();
    let mut closing = Vec::new();
    if !read::keeps_full_stop(&whole) {
        while let [rest @ .., (at, letter)] = core {
            let is_closing = matches!(
                letter,
                '.' | ','
                    | '!'
                    | '?'
                    | ';'
                    | ':'
                    | '…'
                    | ')'
                    | '"'
                    | '”'
                    | '“'
                    | '»'
                    | '«'
                    | '’'
                    | '‘'
                    | '\''
                    | '—'
                    | '–'
                    | '，'
                    | '。'
                    | '！'
                    | '？'
                    | '；'
                    | '：'
                    | '、'
                    | '-'
                    | '/'
                    | '#'
            );
            if !is_closing {
                break;
            }
            closing.push((*at, *letter));
            core = rest;
        }
    }
    let mut used = 0;
    if let (Some((first, _)), Some((last, letter))) = (core.first(), core.last()) {
        let text: String = core.iter().map(|(_, letter)| straight(*letter)).collect();
        let followers = if closing.is_empty() {
            [next, after]
        } else {
            [None, None]
        };
        let followers = followers.map(|chunk| {
            chunk.map(|chunk| {
                chunk
                    .iter()
                    .map(|(_, letter)| straight(*letter))
                    .collect::<String>()
            })
        });
        let Reading { spoken, followed } = read(&text, followers.each_ref().map(Option::as_deref));
        let mut end = last + letter.len_utf8();
        if followed {
            // The follower's own punctuation stays behind as a mark.
            if let Some(follower) = next {
                let stop = follower
                    .iter()
                    .rposition(|(_, letter)| !is_trailing(*letter))
                    .map_or(0, |stop| stop + 1);
                if let Some((at, letter)) = follower[..stop].last() {
                    end = at + letter.len_utf8();
                }
                closing.extend(follower[stop..].iter().rev());
                used = 1;
            }
        }
        if !spoken.is_empty() {
            pieces.push(Piece::Word(Word {
                spoken,
                range: *first..end,
            }));
        }
    }
    close_with(&closing, pieces);
    used
}

/// Whether an amount can begin with this, so that a hyphen before it is a
/// minus.
fn is_amount(letter: char) -> bool {
    letter.is_ascii_digit() || tables::currency(letter).is_some()
}

fn is_trailing(letter: char) -> bool {
    matches!(
        letter,
        '.' | ',' | '!' | '?' | ';' | ':' | '…' | ')' | '"' | '”' | '’' | '\''
    )
}

fn straight(letter: char) -> char {
    match letter {
        '’' | '‘' => '\'',
        '−' | '–' => '-',
        letter => letter,
    }
}

/// The one mark that is heard of the punctuation after a word, which comes in
/// reverse order.
fn close_with(closing: &[(usize, char)], pieces: &mut Vec<Piece>) {
    let stops = closing.iter().filter(|(_, mark)| *mark == '.').count();
    let heard = closing
        .iter()
        .filter_map(|&(at, letter)| {
            let (rank, mark) = match letter {
                '?' | '？' => (7, '?'),
                '!' | '！' => (6, '!'),
                '.' if stops > 2 => (5, '…'),
                '…' => (5, '…'),
                '.' | '。' => (4, '.'),
                ';' | '；' => (3, ';'),
                ':' | '：' => (2, ':'),
                '—' | '–' => (1, '—'),
                ',' | ')' | '，' | '、' => (0, ','),
                _ => return None,
            };
            Some((rank, mark, at, letter))
        })
        .max_by_key(|(rank, ..)| *rank);
    if let Some((_, mark, at, letter)) = heard {
        mark_at(pieces, mark, at, letter);
    }
}

/// Adds a mark, unless nothing was said before it; of two in a row, one that
/// ends a sentence wins.
fn mark_at(pieces: &mut Vec<Piece>, mark: char, at: usize, letter: char) {
    let range = at..at + letter.len_utf8();
    let mark = match mark {
        '？' => '?',
        '！' => '!',
        '。' => '.',
        mark => mark,
    };
    match pieces.last_mut() {
        Some(Piece::Word(_)) => pieces.push(Piece::Mark { mark, range }),
        Some(Piece::Mark { mark: before, .. }) if !matches!(before, '.' | '!' | '?') => {
            *before = mark;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
