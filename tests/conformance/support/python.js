/** Clients written in Python, each with packages of its own (`requirements/`). */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../support/program.mjs";

const SCRIPTS = fileURLToPath(new URL("../python/", import.meta.url));
/** A client that hangs is ended before the test is, so that what it said is shown. */
const PATIENCE_MS = 50_000;
const ERRORS_SHOWN = 6_000;

/** Where `scripts/conformance` has put the packages. */
function packages(environment) {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  return join(process.env.CONFORMANCE_PACKAGES ?? join(target, "conformance"), environment);
}

/**
 * Runs `python/<script>` with the packages of an environment; `input` is handed to it as JSON.
 * `ready` is called once, when the script prints "ready". Returns the script's report.
 */
export async function runPython(environment, script, input, ready = () => {}) {
  const child = spawn("python3", ["-u", join(SCRIPTS, script)], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, PYTHONPATH: packages(environment), PYTHONDONTWRITEBYTECODE: "1", NO_COLOR: "1" },
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (data) => (errors = (errors + data).slice(-ERRORS_SHOWN)));
  child.stdin.on("error", () => {}).end(JSON.stringify(input));
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const exited = once(child, "close");
  let last = "";
  let fault;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "ready") await Promise.resolve(ready()).catch((error) => (fault ??= error));
    else last = line;
  }
  const [code, signal] = await exited;
  clearTimeout(late);
  if (fault) throw fault;
  if (code !== 0) throw new Error(`${script} ended with ${code ?? signal}:\n${errors}`);
  return read(JSON.parse(last));
}

/** The report with its pictures as bytes. */
function read(report) {
  const bytes = Buffer.from(report.pixels, "base64");
  const size = report.side * report.side;
  const frames = report.frames.map((frame, index) => ({
    ...frame,
    pixels: bytes.subarray(index * size, (index + 1) * size),
  }));
  return { ...report, frames };
}
