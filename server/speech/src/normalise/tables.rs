//! Abbreviations, units, currencies and symbols, and how they are said.

/// Abbreviations with their full stop, and single letters after numbers.
pub(super) fn abbreviation(word: &str) -> Option<&'static str> {
    Some(match word {
        "Mr." => "Mister",
        "Mrs." => "Missus",
        "Ms." => "Miz",
        "Dr." => "Doctor",
        "Prof." => "Professor",
        "Sr." => "Senior",
        "Jr." => "Junior",
        "St." => "Saint",
        "Mt." => "Mount",
        "Gen." => "General",
        "Sen." => "Senator",
        "Rev." => "Reverend",
        "Capt." => "Captain",
        "Lt." => "Lieutenant",
        "Col." => "Colonel",
        "Sgt." => "Sergeant",
        "Hon." => "Honorable",
        "e.g." | "eg." | "E.g." => "for example",
        "i.e." | "I.e." => "that is",
        "etc." => "et cetera",
        "vs." | "vs" => "versus",
        "approx." => "approximately",
        "dept." | "Dept." => "department",
        "est." => "estimated",
        "min." => "minutes",
        "Inc." => "incorporated",
        "Ltd." => "limited",
        "Corp." => "corporation",
        "Co." => "company",
        "No." => "number",
        "Fig." | "fig." => "figure",
        "Vol." | "vol." => "volume",
        "Ave." => "avenue",
        "Blvd." => "boulevard",
        "Jan." => "January",
        "Feb." => "February",
        "Aug." => "August",
        "Sept." | "Sep." => "September",
        "Oct." => "October",
        "Nov." => "November",
        "Dec." => "December",
        "w/" => "with",
        "w/o" => "without",
        _ => return None,
    })
}

/// A unit after a number: singular and plural.
pub(super) fn unit(unit: &str) -> Option<(&'static str, &'static str)> {
    Some(match unit {
        "km" => ("kilometer", "kilometers"),
        "m" => ("meter", "meters"),
        "cm" => ("centimeter", "centimeters"),
        "mm" => ("millimeter", "millimeters"),
        "mi" => ("mile", "miles"),
        "ft" => ("foot", "feet"),
        "in" => ("inch", "inches"),
        "yd" => ("yard", "yards"),
        "kg" => ("kilogram", "kilograms"),
        "g" => ("gram", "grams"),
        "mg" => ("milligram", "milligrams"),
        "lb" | "lbs" => ("pound", "pounds"),
        "oz" => ("ounce", "ounces"),
        "l" | "L" => ("liter", "liters"),
        "ml" | "mL" => ("milliliter", "milliliters"),
        "h" | "hr" | "hrs" => ("hour", "hours"),
        "min" | "mins" => ("minute", "minutes"),
        "s" | "sec" | "secs" => ("second", "seconds"),
        "ms" => ("millisecond", "milliseconds"),
        "kb" | "KB" | "kB" => ("kilobyte", "kilobytes"),
        "MB" => ("megabyte", "megabytes"),
        "GB" => ("gigabyte", "gigabytes"),
        "TB" => ("terabyte", "terabytes"),
        "Mbps" | "Mbit/s" => ("megabit per second", "megabits per second"),
        "Gbps" => ("gigabit per second", "gigabits per second"),
        "Hz" => ("hertz", "hertz"),
        "kHz" => ("kilohertz", "kilohertz"),
        "MHz" => ("megahertz", "megahertz"),
        "GHz" => ("gigahertz", "gigahertz"),
        "W" => ("watt", "watts"),
        "kW" => ("kilowatt", "kilowatts"),
        "kWh" => ("kilowatt hour", "kilowatt hours"),
        "V" => ("volt", "volts"),
        "mph" => ("mile per hour", "miles per hour"),
        "km/h" | "kph" => ("kilometer per hour", "kilometers per hour"),
        "m/s" => ("meter per second", "meters per second"),
        "fps" => ("frame per second", "frames per second"),
        "px" => ("pixel", "pixels"),
        "dB" => ("decibel", "decibels"),
        "°" => ("degree", "degrees"),
        "°C" | "℃" => ("degree Celsius", "degrees Celsius"),
        "°F" | "℉" => ("degree Fahrenheit", "degrees Fahrenheit"),
        "x" => ("times", "times"),
        "%" => ("percent", "percent"),
        _ => return None,
    })
}

/// A currency: singular, plural, and the plural of its hundredth.
pub(super) struct Currency {
    pub one: &'static str,
    pub many: &'static str,
    pub cent: &'static str,
    pub cents: &'static str,
}

/// The currency of a sign.
pub(super) fn currency(sign: char) -> Option<Currency> {
    let (one, many, cent, cents) = match sign {
        '$' => ("dollar", "dollars", "cent", "cents"),
        '€' => ("euro", "euros", "cent", "cents"),
        '£' => ("pound", "pounds", "penny", "pence"),
        '¥' => ("yen", "yen", "sen", "sen"),
        '₹' => ("rupee", "rupees", "paisa", "paise"),
        '₩' => ("won", "won", "jeon", "jeon"),
        '₽' => ("ruble", "rubles", "kopek", "kopeks"),
        _ => return None,
    };
    Some(Currency {
        one,
        many,
        cent,
        cents,
    })
}

/// A power of ten after an amount of money, as `M` or `million`.
pub(super) fn scale(word: &str) -> Option<&'static str> {
    Some(match word {
        "k" | "K" | "thousand" => "thousand",
        "m" | "M" | "mn" | "million" => "million",
        "b" | "B" | "bn" | "billion" => "billion",
        "t" | "T" | "tn" | "trillion" => "trillion",
        _ => return None,
    })
}

/// A symbol that is a word of its own.
pub(super) fn symbol(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '&' => "and",
        '+' => "plus",
        '=' => "equals",
        '%' => "percent",
        '@' => "at",
        '×' => "times",
        '÷' => "divided by",
        '±' => "plus or minus",
        '<' => "less than",
        '>' => "greater than",
        '≤' => "at most",
        '≥' => "at least",
        '≈' => "about",
        '°' => "degrees",
        '→' => "to",
        '½' => "one half",
        '¼' => "one quarter",
        '¾' => "three quarters",
        '§' => "section",
        '$' => "dollars",
        '€' => "euros",
        '£' => "pounds",
        _ => return None,
    })
}

/// A character of a web or mail address.
pub(super) fn address(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '.' => "dot",
        '/' => "slash",
        '-' => "dash",
        '_' => "underscore",
        '@' => "at",
        ':' => "colon",
        '?' => "question mark",
        '=' => "equals",
        '&' => "and",
        '#' => "hash",
        '+' => "plus",
        '%' => "percent",
        '~' => "tilde",
        _ => return None,
    })
}

/// The months, for dates in figures.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Endings by which an address without a scheme is known.
pub(super) const DOMAINS: [&str; 22] = [
    "com", "org", "net", "edu", "gov", "io", "dev", "ai", "app", "co", "uk", "de", "fr", "eu",
    "me", "info", "biz", "tv", "us", "ca", "ch", "jp",
];
