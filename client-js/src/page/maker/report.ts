import type { PictureFinding, PictureReport } from "../../types.js";
import { make } from "../dom.js";

/** What people look at in a picture, and the findings that belong to it. */
const ASPECTS: [aspect: string, codes: string[]][] = [
  ["Face", ["no_face", "several_faces", "drawing"]],
  ["Size", ["face_too_small", "face_small", "face_cut", "tight"]],
  ["Pose", ["profile", "lying", "turned"]],
  ["Eyes", ["eyes_closed", "eyes_hidden", "glasses"]],
  ["Mouth", ["mouth_open", "expression"]],
  ["Light", ["too_dark", "dark", "too_bright", "uneven"]],
  ["Sharpness", ["blurred", "soft"]],
];

const TONES = {
  good: { sign: "✓", word: "good" },
  warning: { sign: "!", word: "could be better" },
  error: { sign: "✕", word: "must change" },
};

/** One line of the report. */
export interface Verdict {
  aspect: string;
  level: "good" | "warning" | "error";
  advice: string[];
}

/** The report as one verdict for each aspect; without a face, there is nothing to say of the rest. */
export function verdicts({ face, findings }: PictureReport): Verdict[] {
  const known = new Set(ASPECTS.flatMap(([, codes]) => codes));
  const all: Verdict[] = ASPECTS.map(([aspect, codes]) =>
    verdict(aspect, findings.filter(({ code }) => codes.includes(code))),
  );
  const rest = findings.filter(({ code }) => !known.has(code));
  const shown = face ? all : all.filter(({ level }) => level !== "good");
  return rest.length > 0 ? [verdict("Picture", rest), ...shown] : shown;
}

function verdict(aspect: string, findings: PictureFinding[]): Verdict {
  const level = findings.some((finding) => finding.level === "error") ? "error" : "warning";
  return {
    aspect,
    level: findings.length > 0 ? level : "good",
    advice: findings.map(({ advice }) => advice),
  };
}

/** The report in a sentence. */
export function summary({ usable, findings }: PictureReport): string {
  if (!usable) return "This picture cannot be used yet.";
  const [first] = findings;
  if (!first) return "This picture is well suited.";
  return findings.length === 1
    ? "This picture can be used. One thing would make it better."
    : `This picture can be used. ${findings.length} things would make it better.`;
}

/** The lines of the report, what must change first. */
export function lines(report: PictureReport): HTMLElement[] {
  const urgency = ["error", "warning", "good"];
  const rank = ({ level }: Verdict): number => urgency.indexOf(level);
  const all = verdicts(report).sort((a, b) => rank(a) - rank(b));
  return all.map(({ aspect, level, advice }) => {
    const { sign, word } = TONES[level];
    const mark = make("span", { className: "sign", textContent: sign });
    mark.setAttribute("aria-hidden", "true");
    const item = make(
      "li",
      {},
      mark,
      make("strong", { textContent: aspect }),
      make("span", { className: "visually-hidden", textContent: `: ${word}. ` }),
      ...(advice.length > 0 ? [make("span", { className: "advice", textContent: advice.join(" ") })] : []),
    );
    item.dataset["level"] = level;
    return item;
  });
}
