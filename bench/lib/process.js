// CPU time and memory of a process, from /proc (proc(5)).

import { readdirSync, readFileSync } from "node:fs";

/** Ticks of a second in /proc; Linux fixes it for programs. */
const TICKS = 100;

/** What each thread of the server is for, by the name it runs under. */
const GROUPS = [
  [/^pacer/, "pacer"],
  [/^voice/, "voice"],
  [/^recorder/, "recorder"],
  [/^(transport|media)/, "transport"],
  [/^(tokio|visavis)/, "http"],
];

function group(name) {
  return GROUPS.find(([pattern]) => pattern.test(name))?.[1] ?? name;
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The thread has ended meanwhile.
    return undefined;
  }
}

/** CPU seconds of a process so far. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** CPU seconds of the living threads, by thread: id -> { group, seconds }. */
function threads(pid) {
  const found = new Map();
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const name = read(`/proc/${pid}/task/${tid}/comm`)?.trim();
    // Time on a CPU in nanoseconds; finer than the ticks of stat.
    const run = read(`/proc/${pid}/task/${tid}/schedstat`)?.split(" ")[0];
    if (name !== undefined && run !== undefined) {
      found.set(tid, { group: group(name), seconds: Number(run) / 1e9 });
    }
  }
  return found;
}

/** A moment to measure CPU time from. */
export class CpuMark {
  constructor(pid) {
    this.pid = pid;
    this.total = cpuSeconds(pid);
    this.threads = threads(pid);
    this.wall = performance.now();
  }

  /**
   * CPU seconds since the mark: of the whole process, and by what its threads are for. Threads
   * that ended meanwhile are in the sum only; those of turns are the only ones that come and go, so
   * what no living thread explains is counted as theirs.
   */
  since() {
    const wall = (performance.now() - this.wall) / 1000;
    const total = cpuSeconds(this.pid) - this.total;
    const groups = {};
    for (const [tid, { group: name, seconds }] of threads(this.pid)) {
      groups[name] = (groups[name] ?? 0) + seconds - (this.threads.get(tid)?.seconds ?? 0);
    }
    const explained = Object.values(groups).reduce((sum, seconds) => sum + seconds, 0);
    groups.voice = (groups.voice ?? 0) + Math.max(0, total - explained);
    return { wall, total, groups };
  }
}

/** Resident memory, MiB: all of it, and what is not backed by files (models, library, program). */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024;
  return { rss: mib("VmRSS"), anonymous: mib("RssAnon"), peak: mib("VmHWM") };
}
