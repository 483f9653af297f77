// Puts the figures of results/*.json into the README, between its markers.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT } from "../tests/support/program.mjs";
import { QUIET, RESULTS } from "./lib/results.js";

/** All tables, in the order of the README. */
export const TABLES = ["latency", "sessions", "cpu", "offline", "clients"];

const BEGIN = "<!-- figures -->";
const END = "<!-- /figures -->";

function machineLine({ machine: m, at }) {
  const busy =
    m.busy_cores_before > QUIET
      ? ` **${m.busy_cores_before.toFixed(1)} of the cores were busy with other work.**`
      : "";
  return (
    `${m.cpu}, ${m.cores} cores, Linux ${m.kernel}, ${m.rustc.split(" (")[0]}, ` +
    `revision ${m.revision}, ${at.slice(0, 10)}.${busy}`
  );
}

function section(result) {
  const rows = result.figures.map(({ what, value, goal, met }) => {
    const wanted = goal === undefined ? "" : `${goal}${met ? "" : " (missed)"}`;
    return `| ${what} | ${value} | ${wanted} |`;
  });
  return [
    `**${result.title}** – \`${result.command}\``,
    "",
    "| what | measured | goal |",
    "|---|---|---|",
    ...rows,
    "",
    machineLine(result),
    "",
  ];
}

/** The block of figures from results. */
export function figures(results) {
  return results.flatMap(section).join("\n");
}

/** The README with its block of figures replaced. */
export function replaced(readme, block) {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) {
    throw new Error(`README.md needs the lines ${BEGIN} and ${END}, with the figures between them`);
  }
  return `${readme.slice(0, from + BEGIN.length)}\n\n${block}\n${readme.slice(to)}`;
}

async function main() {
  const results = [];
  for (const table of TABLES) {
    const file = path.join(RESULTS, `${table}.json`);
    const text = await readFile(file, "utf8").catch(() => {
      throw new Error(`there is no ${path.relative(ROOT, file)}; run npm run ${table} first`);
    });
    results.push(JSON.parse(text));
  }
  const readme = path.join(ROOT, "README.md");
  await writeFile(readme, replaced(await readFile(readme, "utf8"), figures(results)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
