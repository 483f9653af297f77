//! Numbers in words.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

const SCALES: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];

/// Longer runs of digits are read digit by digit.
pub(super) const MOST_DIGITS: usize = 15;

/// `1234` as "one thousand two hundred thirty-four".
pub(super) fn cardinal(mut number: u64) -> String {
    if number == 0 {
        return SMALL[0].to_owned();
    }
    let mut words = Vec::new();
    for (scale, name) in SCALES {
        if number >= scale {
            words.push(cardinal(number / scale));
            words.push(name.to_owned());
            number %= scale;
        }
    }
    if number >= 100 {
        words.push(SMALL[(number / 100) as usize].to_owned());
        words.push("hundred".to_owned());
        number %= 100;
    }
    if number >= 20 {
        let tens = TENS[(number / 10) as usize];
        words.push(match number % 10 {
            0 => tens.to_owned(),
            unit => format!("{tens}-{}", SMALL[unit as usize]),
        });
    } else if number > 0 {
        words.push(SMALL[number as usize].to_owned());
    }
    words.join(" ")
}

/// `21` as "twenty-first".
pub(super) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let at = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(at);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        other => match other.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{other}th"),
        },
    };
    format!("{head}{last}")
}

/// Digit by digit; whatever is no digit is skipped.
pub(super) fn digits(text: &str) -> String {
    let words: Vec<&str> = text
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .map(|digit| SMALL[digit as usize])
        .collect();
    words.join(" ")
}

/// A year: `1984` as "nineteen eighty-four", `2005` as "two thousand five".
pub(super) fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (century, rest) {
        (20, 0..=9) | (_, 0) if century % 10 == 0 => cardinal(number),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// A run of digits as part of a name, such as the 264 of H264: in pairs.
pub(super) fn label(text: &str) -> String {
    match (text.len(), text.parse::<u64>()) {
        (1 | 2, Ok(number)) if !text.starts_with('0') || text == "0" => cardinal(number),
        (3, Ok(number)) if number >= 100 && number % 100 >= 10 => {
            format!("{} {}", cardinal(number / 100), cardinal(number % 100))
        }
        (3, Ok(number)) if number >= 100 && number % 100 == 0 => cardinal(number),
        (4, Ok(number)) if number >= 1_000 => year(number),
        _ => digits(text),
    }
}

/// The plural of a number word: "nineties".
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// A written number: digits with thousands commas and a decimal point, with a
/// sign. `None` when it is not one.
pub(super) fn written(text: &str) -> Option<String> {
    let (sign, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("minus ", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole = integer(whole, fraction.is_some())?;
    let fraction = match fraction {
        Some(fraction) if is_digits(fraction) => format!(" point {}", digits(fraction)),
        Some(_) => return None,
        None => String::new(),
    };
    Some(format!("{sign}{whole}{fraction}"))
}

fn integer(text: &str, may_be_empty: bool) -> Option<String> {
    if text.is_empty() {
        return may_be_empty.then(|| SMALL[0].to_owned());
    }
    let plain = ungrouped(text)?;
    let codes = plain.len() > 1 && plain.starts_with('0');
    if codes || plain.len() > MOST_DIGITS {
        return Some(digits(&plain));
    }
    plain.parse().ok().map(cardinal)
}

/// Digits without their thousands commas; `None` when the commas are not where
/// thousands are.
pub(super) fn ungrouped(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next().filter(|first| is_digits(first))?;
    let mut plain = first.to_owned();
    for group in groups {
        if first.len() > 3 || group.len() != 3 || !is_digits(group) {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain)
}

/// Whether the text is ASCII digits only, and not empty.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(1_234), "one thousand two hundred thirty-four");
        assert_eq!(cardinal(1_000_015), "one million fifteen");
        assert_eq!(ordinal(21), "twenty-first");
        assert_eq!(ordinal(12), "twelfth");
        assert_eq!(ordinal(40), "fortieth");
        assert_eq!(ordinal(100), "one hundredth");
    }

    #[test]
    fn years_in_words() {
        assert_eq!(year(1984), "nineteen eighty-four");
        assert_eq!(year(2024), "twenty twenty-four");
        assert_eq!(year(2005), "two thousand five");
        assert_eq!(year(2000), "two thousand");
        assert_eq!(year(1900), "nineteen hundred");
        assert_eq!(year(1905), "nineteen oh five");
    }

    #[test]
    fn written_numbers() {
        assert_eq!(
            written("1,234.50").unwrap(),
            "one thousand two hundred thirty-four point five zero"
        );
        assert_eq!(written("-3").unwrap(), "minus three");
        assert_eq!(written(".5").unwrap(), "zero point five");
        assert_eq!(written("007").unwrap(), "zero zero seven");
        assert_eq!(written("1,23"), None);
        assert_eq!(written("1.2.3"), None);
        assert_eq!(written(""), None);
        let endless = "9".repeat(1_000);
        assert_eq!(written(&endless).unwrap().split(' ').count(), 1_000);
    }

    #[test]
    fn labels_in_pairs() {
        assert_eq!(label("264"), "two sixty-four");
        assert_eq!(label("4"), "four");
        assert_eq!(label("1080"), "ten eighty");
        assert_eq!(label("007"), "zero zero seven");
    }
}
