//! How one run of characters between spaces is said.

use super::numbers::{
    MOST_DIGITS, cardinal, digits, is_digits, label, ordinal, plural, ungrouped, written, year,
};
use super::tables::{DOMAINS, MONTHS, abbreviation, address, currency, scale, symbol, unit};

/// What is said, and whether the next run is part of it.
pub(super) struct Reading {
    pub spoken: String,
    pub followed: bool,
}

impl Reading {
    fn alone(spoken: String) -> Self {
        Self {
            spoken,
            followed: false,
        }
    }
}

/// Whether the full stop at the end belongs to the word.
pub(super) fn keeps_full_stop(text: &str) -> bool {
    text.ends_with('.') && (abbreviation(text).is_some() || is_dotted_acronym(text))
        || matches!(text, "w/" | "w/o")
}

/// `U.S.`, `U.S.A.`, `a.m.`
fn is_dotted_acronym(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    letters > 1
        && text.split('.').enumerate().all(|(index, part)| {
            part.len() == 1 && part.bytes().all(|b| b.is_ascii_alphabetic())
                || (part.is_empty() && index > 0)
        })
        && text.len() >= 2 * letters - 1
}

/// Reads a run, given the two that follow it.
pub(super) fn read(text: &str, followers: [Option<&str>; 2]) -> Reading {
    let next = followers[0].map(|next| next.trim_end_matches(super::is_trailing));
    if text == "St." {
        let saint = next.is_some_and(|next| next.starts_with(char::is_uppercase));
        return Reading::alone(if saint { "Saint" } else { "street" }.to_owned());
    }
    if text == "No." && !next.is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())) {
        return Reading::alone("no".to_owned());
    }
    if let Some(words) = abbreviation(text) {
        return Reading::alone(words.to_owned());
    }
    if is_dotted_acronym(text) {
        return Reading::alone(text.to_uppercase());
    }
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return Reading::alone(web(text).unwrap_or_else(|| words(text)));
    }
    figure(text, next).unwrap_or_else(|| Reading::alone(web(text).unwrap_or_else(|| words(text))))
}

/// Runs with digits that mean something as a whole.
fn figure(text: &str, next: Option<&str>) -> Option<Reading> {
    if let Some(reading) = money(text, next) {
        return Some(reading);
    }
    if let Some(spoken) = time(text) {
        let half = next.and_then(half_of_day);
        return Some(Reading {
            followed: half.is_some(),
            spoken: match half {
                Some(half) => format!("{spoken} {half}"),
                None => spoken,
            },
        });
    }
    if let Some(spoken) = telephone(text)
        .or_else(|| date(text))
        .or_else(|| fraction(text))
        .or_else(|| range(text))
        .or_else(|| ordinal_figure(text))
        .or_else(|| decade(text))
        .or_else(|| dotted(text))
    {
        return Some(Reading::alone(spoken));
    }
    if let Some(rest) = text.strip_prefix('#').filter(|rest| is_digits(rest)) {
        return Some(Reading::alone(format!("number {}", written(rest)?)));
    }
    measure(text, next)
}

/// A number with what is measured: `10km`, `50%`, `20 °C`, `5 pm`, `1990`.
fn measure(text: &str, next: Option<&str>) -> Option<Reading> {
    let split = text
        .rfind(|c: char| c.is_ascii_digit())
        .map(|at| text.split_at(at + 1))?;
    let (figures, suffix) = split;
    let number = written(figures)?;
    if !suffix.is_empty() {
        if let Some(half) = half_of_day(suffix) {
            return Some(Reading::alone(format!("{number} {half}")));
        }
        if let Some(power) = scale(suffix).filter(|_| suffix != "m") {
            return Some(Reading::alone(format!("{number} {power}")));
        }
        let (one, many) = unit(suffix)?;
        let name = if figures == "1" { one } else { many };
        return Some(Reading::alone(format!("{number} {name}")));
    }
    if let Some(half) = next.and_then(half_of_day) {
        return Some(Reading {
            spoken: format!("{number} {half}"),
            followed: true,
        });
    }
    // Words such as "in", "m" and "s" after a number are rarely units.
    let ambiguous = |next: &str| {
        matches!(
            next,
            "in" | "m" | "s" | "h" | "l" | "g" | "x" | "V" | "W" | "L"
        )
    };
    if let Some((one, many)) = next.filter(|next| !ambiguous(next)).and_then(unit) {
        let name = if figures == "1" { one } else { many };
        return Some(Reading {
            spoken: format!("{number} {name}"),
            followed: true,
        });
    }
    let is_year =
        figures.len() == 4 && is_digits(figures) && next.is_none_or(|next| unit(next).is_none());
    if is_year && let Ok(number @ 1_100..=2_099) = figures.parse() {
        return Some(Reading::alone(year(number)));
    }
    Some(Reading::alone(number))
}

fn half_of_day(text: &str) -> Option<&'static str> {
    match text {
        "am" | "AM" | "a.m" | "a.m." | "A.M" | "A.M." => Some("A.M."),
        "pm" | "PM" | "p.m" | "p.m." | "P.M" | "P.M." => Some("P.M."),
        _ => None,
    }
}

/// `$5.30`, `€1,200`, `-$5`, `$3.5M`, `$2 billion`, `5€`.
fn money(text: &str, next: Option<&str>) -> Option<Reading> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("minus ", rest),
        None => ("", text),
    };
    let first = text.chars().next()?;
    let last = text.chars().next_back()?;
    let (money, amount) = match (currency(first), currency(last)) {
        (Some(money), _) => (money, &text[first.len_utf8()..]),
        (None, Some(money)) => (money, &text[..text.len() - last.len_utf8()]),
        _ => return None,
    };
    let figures = amount.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &amount[figures.len()..];
    let next_scale = next.filter(|_| suffix.is_empty()).and_then(scale);
    let next_scale = next_scale.filter(|_| next.is_some_and(|next| next.len() > 2));
    if let Some(power) = scale(suffix).or(next_scale) {
        return Some(Reading {
            spoken: format!("{sign}{} {power} {}", written(figures)?, money.many),
            followed: next_scale.is_some(),
        });
    }
    if !suffix.is_empty() {
        return None;
    }
    let (whole, cents) = match figures.split_once('.') {
        Some((whole, cents)) if cents.len() == 2 && is_digits(cents) => (whole, cents),
        Some(_) => {
            return Some(Reading::alone(format!(
                "{sign}{} {}",
                written(figures)?,
                money.many
            )));
        }
        None => (figures, "00"),
    };
    let plain = ungrouped(whole)?;
    if plain.len() > MOST_DIGITS {
        return Some(Reading::alone(format!(
            "{sign}{} {}",
            digits(&plain),
            money.many
        )));
    }
    let (whole, cents): (u64, u64) = (plain.parse().ok()?, cents.parse().ok()?);
    let count = |number, one, many| {
        format!(
            "{} {}",
            cardinal(number),
            if number == 1 { one } else { many }
        )
    };
    let spoken = match (whole, cents) {
        (_, 0) => count(whole, money.one, money.many),
        (0, _) => count(cents, money.cent, money.cents),
        _ => format!(
            "{} and {}",
            count(whole, money.one, money.many),
            count(cents, money.cent, money.cents)
        ),
    };
    Some(Reading::alone(format!("{sign}{spoken}")))
}

/// `5:30`, `17:05`, `5:30pm`, `12:00`.
fn time(text: &str) -> Option<String> {
    let figures = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let suffix = &text[figures.len()..];
    let half = match suffix {
        "" => None,
        suffix => Some(half_of_day(suffix)?),
    };
    let mut parts = figures.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next();
    let two = |part: &str| part.len() == 2 && is_digits(part);
    if parts.next().is_some() || hours.len() > 2 || !is_digits(hours) || !two(minutes) {
        return None;
    }
    let (hour, minute): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hour > 24 || minute > 59 {
        return None;
    }
    let mut spoken = match minute {
        0 if half.is_some() => cardinal(hour),
        0 if hour > 12 || hour == 0 => format!("{} hundred", cardinal(hour)),
        0 => format!("{} o'clock", cardinal(hour)),
        1..=9 => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        _ => format!("{} {}", cardinal(hour), cardinal(minute)),
    };
    if let Some(seconds) = seconds {
        if !two(seconds) {
            return None;
        }
        spoken = format!("{spoken} and {} seconds", cardinal(seconds.parse().ok()?));
    }
    if let Some(half) = half {
        spoken = format!("{spoken} {half}");
    }
    Some(spoken)
}

/// `2024-03-05`, `3/5/2024`, `05.03.2024`.
fn date(text: &str) -> Option<String> {
    let separator = ['-', '/', '.']
        .into_iter()
        .find(|c| text.matches(*c).count() == 2)?;
    let mut parts = text.split(separator);
    let parts: [&str; 3] = [parts.next()?, parts.next()?, parts.next()?];
    if !parts.iter().all(|part| is_digits(part)) {
        return None;
    }
    let (years, month, day) = match (separator, parts.map(str::len)) {
        (_, [4, 1..=2, 1..=2]) => (parts[0], parts[1], parts[2]),
        ('/', [1..=2, 1..=2, 2 | 4]) => (parts[2], parts[0], parts[1]),
        ('.', [1..=2, 1..=2, 4]) => (parts[2], parts[1], parts[0]),
        _ => return None,
    };
    let (mut month, mut day): (usize, usize) = (month.parse().ok()?, day.parse().ok()?);
    // 25/12/2024 can only be written the European way.
    if separator == '/' && month > 12 {
        (month, day) = (day, month);
    }
    let month = MONTHS.get(month.checked_sub(1)?)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    let year = match years.len() {
        4 => year(years.parse().ok()?),
        _ => label(years),
    };
    Some(format!("{month} {} , {year}", ordinal(day as u64)))
}

/// `1/2`, `3/4`; other than small ones are read "over".
fn fraction(text: &str) -> Option<String> {
    let (top, bottom) = text.split_once('/')?;
    if !is_digits(top) || !is_digits(bottom) || top.len() > 4 || bottom.len() > 4 {
        return None;
    }
    let (top, bottom): (u64, u64) = (top.parse().ok()?, bottom.parse().ok()?);
    let name = match bottom {
        2 => ["half", "halves"].map(str::to_owned),
        4 => ["quarter", "quarters"].map(str::to_owned),
        3 | 5..=10 => {
            let name = ordinal(bottom);
            [name.clone(), format!("{name}s")]
        }
        _ => return Some(format!("{} over {}", cardinal(top), cardinal(bottom))),
    };
    let [one, many] = name;
    Some(match top {
        1 => format!("one {one}"),
        24 if bottom == 7 => "twenty-four seven".to_owned(),
        _ => format!("{} {many}", cardinal(top)),
    })
}

/// `10-20`, `1990–1995`, `10-20%`.
fn range(text: &str) -> Option<String> {
    let (from, to) = text.split_once('-')?;
    let from_years = from.len() == 4 && to.len() == 4;
    if !is_digits(from) || to.len() > 12 || from.len() > 12 {
        return None;
    }
    let to = measure(to, None)?.spoken;
    let from = if from_years {
        measure(from, None)?.spoken
    } else {
        written(from)?
    };
    Some(format!("{from} to {to}"))
}

/// Seven digits or more in groups: digit by digit, with short pauses.
fn telephone(text: &str) -> Option<String> {
    const FEWEST: usize = 7;
    const MOST: usize = 15;
    let count = text.bytes().filter(u8::is_ascii_digit).count();
    let grouped = text.contains(['-', '(', ')', '.']) || text.starts_with('+');
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'(' | b')' | b'.'));
    if !plain || !grouped || !(FEWEST..=MOST).contains(&count) || date(text).is_some() {
        return None;
    }
    let groups: Vec<&str> = text
        .split(['-', '(', ')', '.', '+'])
        .filter(|group| !group.is_empty())
        .collect();
    // One point only is a decimal number; year ranges are ranges.
    if !text.starts_with('+')
        && (groups.len() < 3 && text.contains('.') || groups.iter().all(|group| group.len() == 4))
    {
        return None;
    }
    let spoken: Vec<String> = groups.into_iter().map(digits).collect();
    let plus = if text.starts_with('+') { "plus " } else { "" };
    Some(format!("{plus}{}", spoken.join(" , ")))
}

/// `1st`, `22nd`.
fn ordinal_figure(text: &str) -> Option<String> {
    let figures = ["st", "nd", "rd", "th"]
        .into_iter()
        .find_map(|suffix| text.strip_suffix(suffix))?;
    let plain = ungrouped(figures).filter(|plain| plain.len() <= MOST_DIGITS)?;
    plain.parse().ok().map(ordinal)
}

/// `1990s`, `90s`, `'90s`.
fn decade(text: &str) -> Option<String> {
    let figures = text.strip_suffix("'s").or_else(|| text.strip_suffix('s'))?;
    if !is_digits(figures) || !matches!(figures.len(), 2 | 4) || !figures.ends_with('0') {
        return None;
    }
    let number = figures.parse().ok()?;
    Some(plural(&if figures.len() == 4 {
        year(number)
    } else {
        cardinal(number)
    }))
}

/// Versions and network addresses: `1.2.3`, `v2.0`.
fn dotted(text: &str) -> Option<String> {
    let (prefix, figures) = match text.strip_prefix(['v', 'V']) {
        Some(rest) => ("version ", rest),
        None => ("", text),
    };
    let parts: Vec<&str> = figures.split('.').collect();
    if !parts.iter().all(|part| is_digits(part) && part.len() <= 4)
        || (parts.len() < 3 && prefix.is_empty())
    {
        return None;
    }
    let spoken: Vec<String> = parts
        .into_iter()
        .map(|part| part.parse().map_or_else(|_| digits(part), cardinal))
        .collect();
    Some(format!("{prefix}{}", spoken.join(" point ")))
}

/// Web and mail addresses.
fn web(text: &str) -> Option<String> {
    /// Paths longer than this are not worth hearing, bytes.
    const LONGEST_PATH: usize = 40;
    let schemeless = ["https://", "http://", "ftp://", "mailto:"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let bare = schemeless.unwrap_or(text);
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    let host_end = bare.find(['/', '?', '#', ':']).unwrap_or(bare.len());
    let (host, path) = bare.split_at(host_end);
    let domain = host.rsplit('@').next()?;
    let mail = host.len() > domain.len() + 1;
    let ending = domain.rsplit('.').next()?;
    let known = domain.contains('.') && DOMAINS.contains(&ending.to_ascii_lowercase().as_str());
    let sound = !domain.is_empty()
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && domain.split('.').all(|part| !part.is_empty());
    if !sound || !(schemeless.is_some() || known || (mail && domain.contains('.'))) {
        return None;
    }
    let path = path.trim_end_matches('/');
    let path = if path.len() > LONGEST_PATH { "" } else { path };
    let mut spoken = Vec::new();
    for part in parts(&format!("{host}{path}")) {
        match part {
            Part::Letters(letters) => spoken.push(letters.to_owned()),
            Part::Digits(figures) => spoken.push(label(figures)),
            Part::Symbol(symbol) => spoken.extend(address(symbol).map(str::to_owned)),
        }
    }
    Some(spoken.join(" "))
}

/// Anything else: its words, its numbers, and the symbols that are said.
fn words(text: &str) -> String {
    let mut spoken: Vec<String> = Vec::new();
    let parts: Vec<Part<'_>> = parts(text).collect();
    for (index, part) in parts.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| &parts[index]);
        let after = parts.get(index + 1);
        match *part {
            Part::Letters(letters) => {
                let letters = letters.trim_matches('\'');
                let plural = letters == "s" && matches!(before, Some(Part::Digits(_)));
                match spoken.last_mut() {
                    Some(last) if plural => last.push_str("'s"),
                    _ if letters.is_empty() => {}
                    _ => spoken.push(letters.to_owned()),
                }
            }
            Part::Digits(figures) => spoken.push(label(figures)),
            Part::Symbol(sign) => {
                let between = before.is_some() && after.is_some();
                let letters = |part: Option<&Part<'_>>| matches!(part, Some(Part::Letters(_)));
                spoken.extend(match sign {
                    '.' if between => Some("dot".to_owned()),
                    // C++ and the like, and "a+b".
                    '#' if letters(before) && after.is_none() => Some("sharp".to_owned()),
                    '@' | '&' | '+' | '=' | '%' | '<' | '>' => symbol(sign).map(str::to_owned),
                    sign if !sign.is_ascii() => symbol(sign).map(str::to_owned),
                    sign => currency(sign)
                        .filter(|_| !between)
                        .map(|money| money.many.to_owned()),
                });
            }
        }
    }
    spoken.join(" ")
}

enum Part<'a> {
    Letters(&'a str),
    Digits(&'a str),
    Symbol(char),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let run = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
        let (part, length) = if is_letter(first) {
            let end = run(is_letter);
            (Part::Letters(&rest[..end]), end)
        } else if first.is_ascii_digit() {
            let end = run(|c| c.is_ascii_digit());
            (Part::Digits(&rest[..end]), end)
        } else {
            (Part::Symbol(first), first.len_utf8())
        };
        rest = &rest[length..];
        Some(part)
    })
}

fn is_letter(letter: char) -> bool {
    letter == '\'' || letter.is_alphabetic()
}
