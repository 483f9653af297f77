use proptest::prelude::*;

use super::*;

/// What is said, with marks at the words they follow.
fn said(text: &str) -> String {
    let mut said = String::new();
    for piece in normalise(text) {
        match piece {
            Piece::Word(word) => {
                if !said.is_empty() {
                    said.push(' ');
                }
                said.push_str(&word.spoken);
            }
            Piece::Mark { mark, .. } => said.push(mark),
        }
    }
    said
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(said(text), *expected, "of {text:?}");
    }
}

#[test]
fn numbers_and_measures() {
    check(&[
        (
            "It has 1,234 parts.",
            "It has one thousand two hundred thirty-four parts.",
        ),
        ("about -3.5 degrees", "about minus three point five degrees"),
        ("50% off", "fifty percent off"),
        ("a 10km run", "a ten kilometers run"),
        ("a 10 km run", "a ten kilometers run"),
        ("1 km", "one kilometer"),
        ("20°C outside", "twenty degrees Celsius outside"),
        ("16GB of RAM", "sixteen gigabytes of RAM"),
        ("in 5 in the box", "in five in the box"),
        ("the 21st floor", "the twenty-first floor"),
        ("pages 10-20", "pages ten to twenty"),
        ("1/2 cup, 3/4 cup", "one half cup, three quarters cup"),
        ("version 1.2.3", "version one point two point three"),
        ("v2.0", "version two point zero"),
        ("No. 5, room #12", "number five, room number twelve"),
        (
            "H264 and GPT-4 and A4",
            "H two sixty-four and GPT four and A four",
        ),
        ("7 × 6 = 42", "seven times six equals forty-two"),
        ("order 0042", "order zero zero four two"),
    ]);
}

#[test]
fn money() {
    check(&[
        ("It costs $5.30.", "It costs five dollars and thirty cents."),
        ("$1", "one dollar"),
        (
            "€1,200 or £3",
            "one thousand two hundred euros or three pounds",
        ),
        ("$3.5M", "three point five million dollars"),
        ("$2 billion", "two billion dollars"),
        ("-$7", "minus seven dollars"),
        ("$0.99", "ninety-nine cents"),
        ("5€", "five euros"),
    ]);
}

#[test]
fn times_and_dates() {
    check(&[
        ("at 5:30 today", "at five thirty today"),
        ("at 5:30 pm.", "at five thirty P.M.."),
        ("at 17:05", "at seventeen oh five"),
        ("at 9am sharp", "at nine A.M. sharp"),
        ("at 12:00", "at twelve o'clock"),
        ("in 1984", "in nineteen eighty-four"),
        ("the 1990s", "the nineteen nineties"),
        ("on 2024-03-05", "on March fifth , twenty twenty-four"),
        (
            "on 12/25/2024",
            "on December twenty-fifth , twenty twenty-four",
        ),
        ("1990-1995", "nineteen ninety to nineteen ninety-five"),
    ]);
}

#[test]
fn addresses_and_names() {
    check(&[
        (
            "Go to https://www.example.com/help.",
            "Go to example dot com slash help.",
        ),
        ("Mail info@example.com!", "Mail info at example dot com!"),
        ("see node.js", "see node dot js"),
        (
            "call 555-123-4567",
            "call five five five , one two three , four five six seven",
        ),
        (
            "Mr. Smith, e.g. Dr. Who",
            "Mister Smith, for example Doctor Who",
        ),
        ("St. John of Main St.", "Saint John of Main street"),
        ("the U.S. and the U.S.A.", "the U.S. and the U.S.A."),
        ("rock & roll", "rock and roll"),
        ("I don’t know; it’s Tom's", "I don't know; it's Tom's"),
        ("a well-known café", "a well known café"),
    ]);
}

#[test]
fn markup_is_not_read() {
    check(&[
        ("**Bold** and _soft_ `code`.", "Bold and soft code."),
        ("## Heading", "Heading"),
        ("- item one", "item one"),
        ("> quoted", "quoted"),
        ("[a link](https://example.com/a_b) here", "a link here"),
        ("<speak>Hi <break time=\"1s\"/>there</speak>", "Hi there"),
        ("a < b &amp; c", "a less than b and c"),
        ("| cell | cell |", "cell cell"),
        ("Great 🎉👍🏽 job ❤️!", "Great job!"),
        ("a\u{0}b\u{7} \u{202e}c\u{200b}d", "a b cd"),
        ("(really) \"so\"", "really, so"),
        ("Wait... no — yes", "Wait… no— yes"),
        ("Really?!", "Really?"),
    ]);
}

#[test]
fn other_scripts_are_left_out() {
    check(&[
        ("Hello мир and 世界 and عالم.", "Hello and and."),
        ("日本語", ""),
        ("🎉 ... !!", ""),
    ]);
}

#[test]
fn ranges_are_of_what_was_written() {
    let text = "**Pay** $5.30 at 5 pm, _now_.";
    let written: Vec<_> = normalise(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Word(word) => Some(&text[word.range]),
            Piece::Mark { .. } => None,
        })
        .collect();
    assert_eq!(written, ["Pay", "$5.30", "at", "5 pm", "now"]);
}

#[test]
fn a_megabyte_of_anything_is_read() {
    // Every repetition that a rule looks ahead over: quadratic time would not
    // come to an end here.
    let units = [
        "a", "a ", "9", "9 ", "9,", "<", "<a ", "](", "[](", "&", "*", ".", "@", "-", "🎉",
        "\u{202e}", "1-", "$", "a.", "://", "#", "é", "'", "½", "1/2",
    ];
    for unit in units {
        let text = unit.repeat(1_000_000 / unit.len());
        let pieces = normalise(&text);
        assert!(pieces.len() <= text.len());
    }
}

proptest! {
    #[test]
    fn ranges_are_sound_in_any_text(text in "(\\PC|[ -~]|[0-9.,:/$%-]|\u{0}|\u{202e}| ){0,80}") {
        let mut at = 0;
        for piece in normalise(&text) {
            let range = match &piece {
                Piece::Word(word) => {
                    prop_assert!(!word.spoken.trim().is_empty());
                    prop_assert!(!word.spoken.contains(|c: char| c.is_ascii_digit()));
                    word.range.clone()
                }
                Piece::Mark { mark, range } => {
                    prop_assert!(",.!?;:—…".contains(*mark));
                    range.clone()
                }
            };
            prop_assert!(text.get(range.clone()).is_some_and(|part| !part.is_empty()));
            if let Piece::Word(_) = piece {
                prop_assert!(range.start >= at, "{:?} after {}", range, at);
                at = range.end;
            }
        }
    }
}
