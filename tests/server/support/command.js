/** The binary under test, and its commands that end by themselves. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
export const MODELS = resolve(process.env.VISAVIS_MODELS ?? join(ROOT, "models"));
/** Nothing takes this long: a guard against tests that hang. */
export const PATIENCE_MS = 60_000;

/** The binary to test: `VISAVIS_BIN`, or the release build of this workspace. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const path = resolve(process.env.VISAVIS_BIN ?? join(target, "release", "visavis"));
  if (!existsSync(path)) {
    throw new Error(`${path} is not there: cargo build --release -p visavis, or set VISAVIS_BIN`);
  }
  return path;
}

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

/** A port that is free now, for TCP; media takes the same number for UDP. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
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
