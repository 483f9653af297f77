import { expect, test } from "vitest";
import { summary, verdicts } from "../src/page/maker/report.js";
import type { PictureFinding, PictureReport } from "../src/types.js";

const FACE = { x: 0, y: 0, width: 100, height: 130, yaw: 0, pitch: 0, roll: 0 };

function report(findings: PictureFinding[], face: PictureReport["face"] = FACE): PictureReport {
  const usable = findings.every(({ level }) => level !== "error");
  return { usable, width: 512, height: 512, face, crop: null, findings };
}

const levels = (of: PictureReport) =>
  Object.fromEntries(verdicts(of).map(({ aspect, level }) => [aspect, level]));

test("every aspect has a verdict, the worst of what was found", () => {
  const found = report([
    { level: "error", code: "blurred", advice: "Hold still." },
    { level: "warning", code: "glasses", advice: "Take them off." },
  ]);
  expect(levels(found)).toEqual({
    ...{ Face: "good", Size: "good", Pose: "good", Mouth: "good", Light: "good" },
    ...{ Eyes: "warning", Sharpness: "error" },
  });
  expect(verdicts(found).find(({ aspect }) => aspect === "Eyes")?.advice).toEqual(["Take them off."]);
});

test("without a face nothing is said of it", () => {
  expect(levels(report([{ level: "error", code: "no_face", advice: "…" }], null))).toEqual({ Face: "error" });
});

test("codes of later servers are shown, too", () => {
  const [first] = verdicts(report([{ level: "warning", code: "hat", advice: "Take it off." }]));
  expect(first).toEqual({ aspect: "Picture", level: "warning", advice: ["Take it off."] });
});

test("the sentence says whether it can be used", () => {
  expect(summary(report([]))).toMatch(/well suited/);
  expect(summary(report([{ level: "warning", code: "soft", advice: "" }]))).toMatch(/can be used/);
  expect(summary(report([{ level: "error", code: "dark", advice: "" }]))).toMatch(/cannot be used/);
});
