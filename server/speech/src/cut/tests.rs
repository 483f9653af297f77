use proptest::prelude::*;

use super::*;

fn texts(clauses: &[Clause]) -> Vec<&str> {
    clauses.iter().map(|clause| clause.text.as_str()).collect()
}

fn cut(text: &str) -> Vec<Clause> {
    let mut cutter = Cutter::new();
    let mut clauses = cutter.push(text);
    clauses.extend(cutter.finish());
    clauses
}

/// Every character that is not white space is in exactly one clause.
fn assert_covers(text: &str, clauses: &[Clause]) {
    let mut at = 0;
    for clause in clauses {
        assert!(
            text[at..clause.range.start].trim().is_empty(),
            "lost {:?}",
            &text[at..clause.range.start]
        );
        assert_eq!(&text[clause.range.clone()], clause.text);
        assert!(!clause.text.is_empty());
        at = clause.range.end;
    }
    assert!(
        text[at..].trim().is_empty(),
        "lost the end {:?}",
        &text[at..]
    );
}

#[test]
fn sentences_end_where_they_end() {
    let cases: [(&str, &[&str]); 14] = [
        (
            "Hello there. How are you?",
            &["Hello there.", "How are you?"],
        ),
        (
            "Mr. Smith met Dr. Jones. They left.",
            &["Mr. Smith met Dr. Jones.", "They left."],
        ),
        (
            "It costs 3.50 dollars. Cheap!",
            &["It costs 3.50 dollars.", "Cheap!"],
        ),
        (
            "Tools, e.g. hammers, help. Yes.",
            &["Tools, e.g. hammers, help.", "Yes."],
        ),
        (
            "Visit www.example.com. It is good.",
            &["Visit www.example.com.", "It is good."],
        ),
        (
            "He left at 5 p.m. Then it rained.",
            &["He left at 5 p.m.", "Then it rained."],
        ),
        (
            "He left at 5 p.m. because it rained.",
            &["He left at 5 p.m. because it rained."],
        ),
        ("Wait... what? Really?!", &["Wait... what?", "Really?!"]),
        ("Well... Yes.", &["Well...", "Yes."]),
        (
            "\"Stop!\" he said. (Not loud.) Then",
            &["\"Stop!\"", "he said.", "(Not loud.)", "Then"],
        ),
        (
            "1. Open it.\n2. Close it.",
            &["1. Open it.", "2. Close it."],
        ),
        (
            "Steps:\n- one\n- two\n\nDone",
            &["Steps:", "- one", "- two", "Done"],
        ),
        ("今日は。元気？はい", &["今日は。", "元気？", "はい"]),
        ("Great! 🎉 Next one.", &["Great!", "🎉 Next one."]),
    ];
    for (text, expected) in cases {
        let clauses = cut(text);
        assert_eq!(texts(&clauses), expected);
        assert!(clauses.iter().all(|clause| clause.ends_sentence), "{text}");
        assert_covers(text, &clauses);
    }
}

#[test]
fn the_first_piece_is_short_and_later_ones_are_not() {
    let text = "When you are ready, just tell me, and we begin. \
                After that is done, I wait, and you speak.";
    let clauses = cut(text);
    assert_eq!(
        texts(&clauses),
        [
            "When you are ready,",
            "just tell me, and we begin.",
            "After that is done, I wait, and you speak."
        ]
    );
    assert!(!clauses[0].ends_sentence);
}

#[test]
fn long_sentences_are_cut_at_marks_then_joints_then_words() {
    let many = |n: usize| vec!["word"; n].join(" ");
    let clauses = cut(&format!("Short. {} tail, {}", many(10), many(20)));
    assert_eq!(texts(&clauses)[1], format!("{} tail,", many(10)));
    let clauses = cut(&format!("Short. {} and {}", many(12), many(20)));
    assert_eq!(texts(&clauses)[1], many(12));
    let clauses = cut(&format!("Short. {}", many(60)));
    assert_eq!(texts(&clauses)[1], many(25));
    let clauses = cut(&many(60));
    assert_eq!(texts(&clauses)[0], many(15));
}

#[test]
fn a_clause_comes_as_soon_as_it_is_certain() {
    let mut cutter = Cutter::new();
    assert!(cutter.push("Hello there").is_empty());
    assert!(cutter.push(".").is_empty(), "it may be a name");
    assert_eq!(texts(&cutter.push(" ")), ["Hello there."]);
    assert!(cutter.push("I met Dr. ").is_empty());
    assert_eq!(texts(&cutter.finish()), ["I met Dr."]);
}

#[test]
fn a_pause_flushes_whole_words_only() {
    let mut cutter = Cutter::new();
    cutter.push("Let me see if I can fin");
    assert!(cutter.flush_ready(PAUSE_MS - 1).is_empty());
    assert_eq!(
        texts(&cutter.flush_ready(PAUSE_MS)),
        ["Let me see if I can"]
    );
    assert!(cutter.flush_ready(PAUSE_MS).is_empty());
    let rest = cutter.push("d it. ");
    assert_eq!(texts(&rest), ["find it."]);
    assert_eq!(rest[0].range, 20..28);
    cutter.push("Done.");
    assert_eq!(texts(&cutter.flush_ready(PAUSE_MS)), ["Done."]);
    cutter.push("Half");
    assert_eq!(texts(&cutter.flush_ready(LONG_PAUSE_MS)), ["Half"]);
}

#[test]
fn endless_text_is_bounded() {
    for unit in [
        "a", "a ", ".", " ", "漢", "🎉", "\u{202e}", "(", "1.", "\n", "\t-", "…", "\".",
    ] {
        let text = unit.repeat(1_000_000 / unit.len());
        let mut cutter = Cutter::new();
        let mut clauses = Vec::new();
        for start in (0..text.len()).step_by(60_000) {
            // A step that may fall inside a letter is moved to its start.
            let from = text.floor_char_boundary(start);
            let to = text.floor_char_boundary((start + 60_000).min(text.len()));
            clauses.extend(cutter.push(&text[from..to]));
            assert!(
                cutter.pending() < 2_000,
                "{unit:?} waits with {}",
                cutter.pending()
            );
        }
        clauses.extend(cutter.finish());
        assert_covers(&text, &clauses);
        assert!(clauses.iter().all(|clause| clause.text.len() < 2_000));
    }
}

proptest! {
    #[test]
    fn splits_do_not_matter_and_nothing_is_lost(
        text in "(([A-Z]?[a-z]{1,8}|[0-9]{1,4}|Mr|e\\.g|and|漢字|é|🎉|\\PC)([.,!?;:…—。]{0,3}|\\)|\")([ \n]{0,3}| - )){0,60}",
        splits in prop::collection::vec(1usize..9, 0..400),
    ) {
        let whole = cut(&text);
        assert_covers(&text, &whole);
        let mut cutter = Cutter::new();
        let mut clauses = Vec::new();
        let mut at = 0;
        for step in splits {
            let to = text.floor_char_boundary((at + step).min(text.len()));
            clauses.extend(cutter.push(&text[at..to]));
            at = to;
        }
        clauses.extend(cutter.push(&text[at..]));
        clauses.extend(cutter.finish());
        prop_assert_eq!(clauses, whole);
    }
}
