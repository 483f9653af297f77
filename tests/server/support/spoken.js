/** Words as they are spoken, so that what was transcribed can be compared with what was said. */

const ONES =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
  "sixteen seventeen eighteen nineteen";
const SMALL = ONES.split(" ");
const TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

function number(value) {
  if (value < 20) return SMALL[value];
  if (value < 100) return `${TENS[Math.floor(value / 10)]} ${value % 10 ? SMALL[value % 10] : ""}`;
  if (value < 1_000) return `${SMALL[Math.floor(value / 100)]} hundred ${value % 100 ? number(value % 100) : ""}`;
  return `${number(Math.floor(value / 1_000))} thousand ${value % 1_000 ? number(value % 1_000) : ""}`;
}

const ORDINALS = { "1st": "first", "2nd": "second", "3rd": "third" };

/** The words of a text that writes numbers in figures or in letters. */
export function spoken(text) {
  return text
    .toLowerCase()
    .replace(/(\d),(\d{3})/g, "$1$2")
    .replace(/\$(\d+)(?:\.(\d\d))?/g, (_, dollars, cents) => `${dollars} dollars ${cents ?? ""} `)
    .replace(/(\d+):00\b/g, "$1 o'clock ")
    .replace(/(\d)[:.](\d\d)\b/g, "$1 $2")
    .replace(/(\d)\.(\d)/g, "$1 point $2")
    .replace(/([a-z])\.([a-z]{2,})/g, "$1 dot $2")
    .replaceAll("%", " percent ")
    .replaceAll("/", " slash ")
    .replace(/\b(1[89]|20)([1-9]\d)\b/g, "$1 $2")
    .replace(/\b(?:1st|2nd|3rd)\b/g, (digits) => ORDINALS[digits])
    .replace(/\bdr\b\.?/g, "doctor")
    .replace(/\d+/g, (digits) => ` ${number(Number(digits))} `)
    .replace(/['’]/g, "")
    .split(/[^a-z]+/)
    .filter((word) => word && word !== "and");
}

/** How many words must be changed, left out or put in to get from one list to the other. */
export function distance(wanted, found) {
  let row = found.map((_, at) => at + 1);
  wanted.forEach((word, line) => {
    let corner = line;
    let left = line + 1;
    row = row.map((above, at) => {
      const best = Math.min(above + 1, left + 1, corner + (word === found[at] ? 0 : 1));
      [corner, left] = [above, best];
      return best;
    });
  });
  return row.at(-1) ?? wanted.length;
}
