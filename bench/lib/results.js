// Prints a table and keeps it as JSON.

import { readFile, writeFile, mkdir } from "node:fs/promises";
import path from "node:path";

import { ROOT } from "../../tests/support/program.mjs";
import { busyCores, machine, machineSeconds, reference } from "./machine.js";

export const RESULTS = path.join(ROOT, "bench/results");

/** Cores that other work may keep busy before the table says so. */
export const QUIET = 0.15;

/** One table being measured. */
export class Table {
  figures = [];
  details = {};

  constructor(name, title) {
    this.name = name;
    this.title = title;
    this.machine = { ...machine(), busy_cores_before: busyCores() };
    this.startedAt = new Date();
    this.before = machineSeconds();
    this.wall = performance.now();
    this.reference = reference();
    console.log(`\n${title}`);
    for (const line of describe(this.machine)) console.log(`  ${line}`);
    if (this.machine.busy_cores_before > QUIET) {
      console.log("  THE MACHINE IS BUSY WITH OTHER WORK: the figures are worse than on a quiet one");
    }
    console.log(`  reference: ${this.reference.toFixed(2)} CPU ms a second (see README.md)\n`);
  }

  /**
   * A figure of the README.
   *
   * `value` is what is printed, `raw` the number in it, `goal` what it is meant to reach, `met`
   * whether it does; both absent where nothing was promised.
   */
  figure(what, value, more = {}) {
    this.figures.push({ what, value, ...more });
    const goal = more.goal === undefined ? "" : `   goal ${more.goal}${more.met ? "" : "  MISSED"}`;
    console.log(`  ${what.padEnd(64)} ${value}${goal}`);
  }

  /** A line of progress. */
  note(text) {
    console.log(`  . ${text}`);
  }

  /** Writes results/<name>.json. */
  async save() {
    const wall = (performance.now() - this.wall) / 1000;
    const after = machineSeconds();
    const result = {
      table: this.name,
      title: this.title,
      command: `npm --prefix bench run ${this.name}`,
      at: this.startedAt.toISOString(),
      machine: this.machine,
      reference_cpu_ms_per_s: this.reference,
      wall_s: wall,
      stolen_cores: (after.steal - this.before.steal) / wall,
      figures: this.figures,
      details: this.details,
    };
    await mkdir(RESULTS, { recursive: true });
    const file = path.join(RESULTS, `${this.name}.json`);
    await writeFile(file, `${JSON.stringify(result, rounded, 2)}\n`);
    console.log(`\n  ${path.relative(ROOT, file)}`);
  }
}

/** Keeps what can be told apart. */
function rounded(_, value) {
  return typeof value === "number" ? Number(value.toPrecision(6)) : value;
}

export function describe(m) {
  return [
    `${m.cpu}, ${m.cores} cores, ${m.memory_gib} GiB, Linux ${m.kernel}`,
    `${m.visavis} at ${m.revision}, ${m.rustc}, ${m.ffmpeg}, node ${m.node}`,
    `before: load ${m.load_before.join(" ")}, ${m.busy_cores_before.toFixed(2)} cores busy`,
  ];
}
