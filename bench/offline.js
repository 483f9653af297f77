// How fast videos are rendered on one core. Definitions: README.md.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { Table } from "./lib/results.js";
import { withFolder } from "./lib/server.js";
import { say, speech, speechWav } from "./lib/sound.js";
import { PARAGRAPHS } from "./lib/texts.js";

const CASES = [
  { size: "512x512", from: "text", goal: 6 },
  { size: "512x512", from: "sound", goal: 6 },
  { size: "1280x720", from: "text", goal: 2 },
  { size: "1280x720", from: "sound", goal: 2 },
];

/** One rendering, pinned to the first core. `cpu_s` is all of the process, its start included. */
async function render(what, size, file) {
  const begun = performance.now();
  const { stdout, stderr } = await say([...what, "--output", file, "--size", size, "--stats"], {
    // `time -p` of the shell reports the CPU time of what it ran.
    prefix: ["bash", "-c", 'time -p taskset -c 0 "$@"', "render"],
  });
  const stats = JSON.parse(stdout.trim().split("\n").at(-1));
  const time = (name) => Number(new RegExp(`^${name} ([\\d.]+)$`, "m").exec(stderr)?.[1]);
  return {
    ...stats,
    wall_s: (performance.now() - begun) / 1000,
    cpu_s: time("user") + time("sys"),
    sha256: createHash("sha256").update(await readFile(file)).digest("hex"),
  };
}

const table = new Table("offline", "Rendering videos on one core (visavis say)");
await withFolder(async (folder) => {
  const wav = path.join(folder, "speech.wav");
  await writeFile(wav, speechWav(await speech()));
  const text = PARAGRAPHS.join("\n\n");
  table.details.runs = [];
  let same = true;
  for (const { size, from, goal } of CASES) {
    const what = from === "text" ? [text] : ["--audio", wav];
    const runs = [];
    for (const n of [1, 2]) runs.push(await render(what, size, path.join(folder, `${n}.mp4`)));
    same &&= runs[0].sha256 === runs[1].sha256;
    table.details.runs.push(...runs.map((run) => ({ size, from, ...run })));
    const speed = Math.max(...runs.map((run) => run.speed));
    const stages = Object.entries(runs[0].stages)
      .map(([stage, seconds]) => `${stage} ${(1000 * seconds).toFixed(0)}`)
      .join(", ");
    table.note(
      `${size} from ${from}: ${runs.map((r) => r.speed.toFixed(1)).join(" and ")} × real time; ` +
        `CPU ${(1000 * runs[0].cpu_s / runs[0].length_s).toFixed(0)} ms/s; ms/s: ${stages}`,
    );
    table.figure(`rendering on one core, ${size.replace("x", "×")}, from ${from}`, `${speed.toFixed(1)} × real time`, {
      raw: speed,
      goal: `≥ ${goal}`,
      met: speed >= goal,
    });
  }
  table.figure("two renderings are the same bytes", same ? "yes" : "NO", {
    raw: same,
    goal: "yes",
    met: same,
  });
});
await table.save();
