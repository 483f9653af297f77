//! Where the next clause ends.
//!
//! [`next`] looks at a text from the start of a clause. It says where the
//! clause ends only when every continuation of the text would give the same
//! answer, or when told that there is none.

/// Words of a piece before which it is not cut at a clause mark.
const FEWEST_WORDS: usize = 4;

/// Words of the first piece of a turn. The voice's first half takes time that
/// grows with its text: 15 words are 0.1 s.
const FIRST_MOST_WORDS: usize = 15;

/// Words of later pieces.
const MOST_WORDS: usize = 25;

/// Bytes of a piece, for text without spaces. Longer than any 25 words.
const MOST_BYTES: usize = 600;

/// Bytes that are looked at, at most, so that time is linear: a piece and what
/// decides about its end. Whatever is still open then is not waited for.
const WINDOW: usize = 1_024;

/// Letters of a script without spaces that count as one word.
const LETTERS_PER_WORD: usize = 2;

/// A run of white space this long ends a sentence, whatever comes, bytes.
const LONGEST_SPACE: usize = 64;

/// Abbreviations whose full stop never ends a sentence.
const NEVER_LAST: [&str; 36] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "gen", "sen", "rep", "rev", "hon", "capt", "lt",
    "col", "sgt", "vs", "e.g", "i.e", "eg", "ie", "cf", "no", "fig", "vol", "approx", "dept",
    "est", "jan", "feb", "aug", "sept", "oct", "nov", "dec", "pp",
];

/// Abbreviations whose full stop ends a sentence when a capital follows.
const MAY_BE_LAST: [&str; 14] = [
    "etc", "inc", "ltd", "co", "corp", "jr", "sr", "a.m", "p.m", "u.s", "u.k", "u.s.a", "ave",
    "blvd",
];

/// Words before which a piece that must be cut is cut rather than elsewhere.
const JOINTS: [&str; 16] = [
    "and", "but", "or", "because", "which", "that", "so", "while", "when", "where", "if",
    "although", "though", "then", "with", "for",
];

/// The end of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes from the start of the clause, without the space after it.
    pub length: usize,
    pub ends_sentence: bool,
}

/// What the text says about its next end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(Cut),
    /// More text is needed.
    NotYet,
}

/// Bytes of white space that the text begins with.
pub(super) fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// End of the last word that is surely whole: white space or an end mark
/// follows it.
pub(super) fn last_whole_word(text: &str) -> usize {
    if text.ends_with(is_end_mark) {
        return text.len();
    }
    text.rfind(char::is_whitespace).map_or(0, |at| {
        let head = text[..at].trim_end();
        if head.is_empty() { 0 } else { at }
    })
}

/// Finds the end of the clause that `text` begins with. `text` does not begin
/// with white space.
pub(super) fn next(text: &str, is_first: bool, is_end: bool) -> Found {
    let is_full = text.len() >= WINDOW;
    let text = &text[..text.floor_char_boundary(WINDOW)];
    let is_end = is_end && !is_full;
    let most_words = if is_first {
        FIRST_MOST_WORDS
    } else {
        MOST_WORDS
    };
    let mut scan = Scan {
        text,
        words: 0,
        unspaced: 0,
        in_word: false,
        clause: None,
        joint: None,
        space: None,
    };
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let after = at + letter.len_utf8();
        match scan.step(at, after, letter, is_end) {
            Step::Sentence(length) => {
                return Found::At(Cut {
                    length,
                    ends_sentence: true,
                });
            }
            Step::Clause(length) if is_first && scan.words >= FEWEST_WORDS => {
                return cut_inside(length);
            }
            Step::Clause(length) => {
                if scan.words >= FEWEST_WORDS {
                    scan.clause = Some(length);
                }
            }
            Step::Wait if !is_full => return Found::NotYet,
            Step::Wait | Step::Go => {}
        }
        if scan.words > most_words || after > MOST_BYTES {
            return cut_inside(scan.forced(at));
        }
        at = after;
    }
    if is_end && !text.is_empty() {
        return Found::At(Cut {
            length: text.len(),
            ends_sentence: true,
        });
    }
    Found::NotYet
}

fn cut_inside(length: usize) -> Found {
    Found::At(Cut {
        length,
        ends_sentence: false,
    })
}

enum Step {
    Go,
    /// The answer depends on text that is not here yet.
    Wait,
    /// A sentence ends after so many bytes.
    Sentence(usize),
    /// A clause could end after so many bytes.
    Clause(usize),
}

struct Scan<'a> {
    text: &'a str,
    /// Words begun so far.
    words: usize,
    /// Letters of scripts without spaces in the current word.
    unspaced: usize,
    in_word: bool,
    /// End of the last clause that could be cut.
    clause: Option<usize>,
    /// Start of the last word that joins clauses.
    joint: Option<usize>,
    /// End of the last word.
    space: Option<usize>,
}

impl Scan<'_> {
    fn step(&mut self, at: usize, after: usize, letter: char, is_end: bool) -> Step {
        if letter.is_whitespace() {
            return self.white(at, is_end);
        }
        if is_wide_end(letter) {
            return match closers_end(self.text, after) {
                Some(end) => Step::Sentence(end),
                None if is_end => Step::Sentence(self.text.len()),
                None => Step::Wait,
            };
        }
        if matches!(letter, '，' | '、' | '；' | '：') {
            return Step::Clause(after);
        }
        if matches!(letter, '.' | '!' | '?' | '…') {
            self.in_word = true;
            return self.end_mark(at, letter, is_end);
        }
        if matches!(letter, ',' | ';' | ':') {
            return match self.text[after..].chars().next() {
                Some(next) if next.is_whitespace() => Step::Clause(after),
                Some(_) => Step::Go,
                None if is_end => Step::Go,
                None => Step::Wait,
            };
        }
        if letter == '—' {
            self.in_word = false;
            return Step::Clause(after);
        }
        if !self.in_word && letter.is_alphanumeric() {
            self.in_word = true;
            self.unspaced = 0;
            self.words += 1;
            if let Step::Wait = self.note_joint(at, is_end) {
                return Step::Wait;
            }
        }
        if is_unspaced(letter) {
            self.unspaced += 1;
            if self.unspaced > LETTERS_PER_WORD {
                self.unspaced = 1;
                self.words += 1;
                self.space = Some(at);
            }
        }
        Step::Go
    }

    /// Remembers where a joining word begins, once it is known to be whole.
    fn note_joint(&mut self, at: usize, is_end: bool) -> Step {
        const LONGEST: usize = 9;
        if self.words <= FEWEST_WORDS {
            return Step::Go;
        }
        let rest = &self.text[at..];
        let window = rest
            .char_indices()
            .nth(LONGEST)
            .map_or(rest, |(end, _)| &rest[..end]);
        match window.find(|c: char| !c.is_alphabetic()) {
            Some(end) if JOINTS.contains(&&window[..end]) => self.joint = Some(at),
            None if window.len() == rest.len() && !is_end => return Step::Wait,
            _ => {}
        }
        Step::Go
    }

    /// White space: the end of a word, and of a sentence when a list or a
    /// paragraph follows.
    fn white(&mut self, at: usize, is_end: bool) -> Step {
        if self.in_word {
            self.space = Some(at);
        }
        self.in_word = false;
        let gap_start = self.text[..at].trim_end().len();
        if gap_start != at {
            // Not the first of its run.
            return Step::Go;
        }
        let rest = &self.text[at..];
        let gap = leading_space(rest);
        if gap >= LONGEST_SPACE {
            return Step::Sentence(at);
        }
        let breaks = rest[..gap].matches('\n').count();
        let following = &rest[gap..];
        if breaks > 1 {
            return Step::Sentence(at);
        }
        if following.is_empty() {
            // The run of white space may go on.
            return if is_end { Step::Go } else { Step::Wait };
        }
        if breaks == 1 {
            match is_list_item(following) {
                Some(true) => return Step::Sentence(at),
                None if !is_end => return Step::Wait,
                _ => {}
            }
        }
        // A dash between spaces.
        if matches!(following.chars().next(), Some('-' | '–')) {
            let mut letters = following.chars();
            letters.next();
            match letters.next() {
                Some(next) if next.is_whitespace() => {
                    return Step::Clause(at);
                }
                None if !is_end => return Step::Wait,
                _ => {}
            }
        }
        Step::Go
    }

    /// A full stop, exclamation or question mark, or an ellipsis.
    fn end_mark(&mut self, at: usize, letter: char, is_end: bool) -> Step {
        let text = self.text;
        let run_start = text[..at].trim_end_matches(is_end_mark).len();
        if run_start != at {
            // Decided at the first mark of the run.
            return Step::Go;
        }
        let run = text[at..].find(|c| !is_end_mark(c));
        let Some(run) = run else {
            return if is_end { Step::Go } else { Step::Wait };
        };
        let marks = &text[at..at + run];
        let Some(end) = closers_end(text, at + run) else {
            return if is_end { Step::Go } else { Step::Wait };
        };
        let following = &text[end..];
        let gap = leading_space(following);
        let next = following[gap..].chars().next();
        if gap == 0 {
            // "3.5", "node.js", "Yahoo!s".
            return match next {
                None if !is_end => Step::Wait,
                _ => Step::Go,
            };
        }
        if gap >= LONGEST_SPACE {
            return Step::Sentence(end);
        }
        let is_ellipsis = letter == '…' || (marks.len() > 1 && marks.bytes().all(|b| b == b'.'));
        let is_stop = marks == ".";
        let word = &text[last_word_start(&text[..at])..at];
        let needs_next = is_ellipsis || (is_stop && may_be_last(word));
        if is_stop && never_last(word, at == word.len()) {
            return Step::Go;
        }
        if !needs_next {
            return Step::Sentence(end);
        }
        match next {
            Some(next) if next.is_lowercase() => {
                if is_ellipsis {
                    Step::Clause(end)
                } else {
                    Step::Go
                }
            }
            Some(_) => Step::Sentence(end),
            None if is_end => Step::Sentence(end),
            None => Step::Wait,
        }
    }

    /// Where to cut a piece that is too long, when the word at `at` is one too
    /// many.
    fn forced(&self, at: usize) -> usize {
        self.clause
            .or(self.joint)
            .or(self.space)
            .filter(|&end| end > 0)
            .unwrap_or(at)
    }
}

fn is_end_mark(letter: char) -> bool {
    matches!(letter, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

/// End marks of scripts that put no space after them.
fn is_wide_end(letter: char) -> bool {
    matches!(letter, '。' | '！' | '？')
}

/// Position after quotation marks and brackets that close; `None` when they
/// may go on.
fn closers_end(text: &str, from: usize) -> Option<usize> {
    text[from..]
        .find(|c| {
            !matches!(
                c,
                '"' | '\''
                    | '”'
                    | '’'
                    | ')'
                    | ']'
                    | '»'
                    | '*'
                    | '_'
                    | '」'
                    | '』'
                    | '）'
                    | '。'
                    | '！'
                    | '？'
            )
        })
        .map(|length| from + length)
}

/// Start of the word at the end of the text, without opening marks.
fn last_word_start(text: &str) -> usize {
    let start = text.rfind(char::is_whitespace).map_or(0, |at| {
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    });
    let opening = text[start..].len()
        - text[start..]
            .trim_start_matches(['(', '"', '\'', '“', '‘', '[', '*', '_'])
            .len();
    start + opening
}

/// Whether a full stop after the word ends no sentence. `is_start`: the word
/// is the first of the clause, so that a number is a list mark.
fn never_last(word: &str, is_start: bool) -> bool {
    if is_start && word.len() <= 3 && !word.is_empty() {
        let is_number = word.bytes().all(|b| b.is_ascii_digit());
        let is_letter = word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        if is_number || is_letter {
            return true;
        }
    }
    // An initial, as in "J. Smith". "I" is a word, and letters after a name
    // ("plan B.") are told by what is before them, which is not looked at.
    let mut letters = word.chars();
    let initial = letters
        .next()
        .filter(|letter| letters.next().is_none() && letter.is_uppercase() && *letter != 'I');
    initial.is_some() || NEVER_LAST.contains(&word.to_lowercase().as_str())
}

/// Whether it depends on the next letter if a full stop after the word ends a
/// sentence.
fn may_be_last(word: &str) -> bool {
    MAY_BE_LAST.contains(&word.to_lowercase().as_str())
}

/// Whether a line is an item of a list, a heading or a quotation; `None` when
/// it is too short to say.
fn is_list_item(line: &str) -> Option<bool> {
    let first = line.chars().next()?;
    match first {
        '•' | '#' | '>' => return Some(true),
        '-' | '*' | '+' => {
            return line.chars().nth(1).map(char::is_whitespace);
        }
        _ => {}
    }
    let marked = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - marked.len();
    if digits == 0 || digits > 3 {
        return Some(false);
    }
    let mut letters = marked.chars();
    match letters.next()? {
        '.' | ')' => letters.next().map(char::is_whitespace),
        _ => Some(false),
    }
}

/// Scripts that write no spaces between words.
fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}')
}
