// What the figures were measured on, and how busy it was with other things.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

import { binary, ROOT } from "../../tests/support/program.mjs";

function output(command, args) {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}

export function machine() {
  const changed = output("git", ["status", "--porcelain", "--", "server", "Cargo.lock", "models"]);
  const revision = output("git", ["rev-parse", "--short=12", "HEAD"]);
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gib: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    rustc: output("rustc", ["--version"]),
    visavis: output(binary(), ["--version"]),
    revision: changed === "" ? revision : `${revision} with changes`,
    ffmpeg: output("ffmpeg", ["-version"]).split("\n")[0].split(" ").slice(0, 3).join(" "),
    node: process.version,
    load_before: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

/** Seconds of CPU that the whole machine has spent, and that the hypervisor has taken from it. */
export function machineSeconds() {
  const [line] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).slice(1).map(Number);
  return { busy: (user + nice + system + irq + softirq) / 100, steal: (steal ?? 0) / 100 };
}

/** Cores that are busy now, before anything of the measurement runs: over two seconds. */
export function busyCores() {
  const before = machineSeconds();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
  return (machineSeconds().busy - before.busy) / 2;
}

/**
 * A fixed piece of work, to compare machines by: CPU milliseconds that ffmpeg needs to make and
 * encode a second of 512x512 test picture with libx264 ultrafast on one thread. The least of three
 * runs, since other work on the machine only adds.
 */
export function reference() {
  const seconds = 10;
  const source = `testsrc2=size=512x512:rate=25:duration=${seconds}`;
  const encode = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1"];
  const runs = [1, 2, 3].map(() => {
    const { stderr, status } = spawnSync(
      "ffmpeg",
      ["-hide_banner", "-benchmark", "-f", "lavfi", "-i", source, ...encode, "-f", "null", "-"],
      { encoding: "utf8" },
    );
    const times = /bench: utime=([\d.]+)s stime=([\d.]+)s/.exec(stderr);
    if (status !== 0 || times === null) throw new Error(`ffmpeg failed:\n${stderr}`);
    return ((Number(times[1]) + Number(times[2])) * 1000) / seconds;
  });
  return Math.min(...runs);
}
