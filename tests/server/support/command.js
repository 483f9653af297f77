/** Commands of the binary under test that end by themselves. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { binary, ROOT } from "../../support/program.mjs";

export const MODELS = resolve(process.env.VISAVIS_MODELS ?? join(ROOT, "models"));
/** Nothing takes this long: a guard against tests that hang. */
export const PATIENCE_MS = 60_000;

/** The environment of a command: that of the tests without settings of somebody's own server. */
export function environment(settings = {}) {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("VISAVIS_"));
  return {
    ...Object.fromEntries(clean),
    NO_COLOR: "1",
    VISAVIS_MODELS: MODELS,
    VISAVIS_PAGE: join(ROOT, "client-js", "dist"),
    ...settings,
  };
}

const folders = [];
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone when the tests are over. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "visavis-server-"));
  folders.push(folder);
  return folder;
}

/** Runs a command to its end, where no configuration lies: `{ code, stdout, stderr }`. */
export async function visavis(args, { settings, cwd = temporaryFolder(), input } = {}) {
  const child = spawn(binary(), args, { cwd, env: environment(settings) });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (data) => (texts[name] += data));
  }
  // A command that refuses its arguments does not read its input.
  child.stdin.on("error", () => {}).end(input);
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const [code, signal] = await once(child, "close");
  clearTimeout(late);
  return { code: code ?? signal, ...texts };
}
