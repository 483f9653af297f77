// Sound to push, all of it made here: speech by the server's own voice, and a tone.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { binary, ROOT } from "../../tests/support/program.mjs";
import { environment, withFolder } from "./server.js";
import { STORY } from "./texts.js";

const run = promisify(execFile);

/** Rate of pushed sound, Hz: what speech services send. */
export const RATE = 24_000;

/** Most that ffmpeg may print: an hour of decoded sound. */
const MOST_OUTPUT = 2 ** 29;

/** Decodes the sound of a file to mono s16le, as a player would hear it. */
export async function decode(file, rate) {
  const { stdout } = await run(
    "ffmpeg",
    ["-v", "error", "-i", file, "-vn", "-ac", "1", "-ar", `${rate}`, "-f", "s16le", "-"],
    { encoding: "buffer", maxBuffer: MOST_OUTPUT },
  );
  return stdout;
}

/** Runs `visavis say` with the given arguments. */
export async function say(args, { prefix = [] } = {}) {
  const [command, ...rest] = [...prefix, binary(), "say", ...args];
  try {
    return await run(command, rest, { cwd: ROOT, env: environment(), maxBuffer: MOST_OUTPUT });
  } catch (error) {
    // What it says itself is enough; the whole text that it was to say is not needed here.
    throw new Error(`visavis say failed: ${error.stderr}`);
  }
}

/** Speech as s16le at RATE, without the stillness around it. */
export function speech() {
  return withFolder(async (folder) => {
    const file = path.join(folder, "speech.mp4");
    await say([STORY, "--output", file, "--size", "128x128"]);
    return trim(await decode(file, RATE));
  });
}

/** The same as a WAV file, whose bytes are returned. */
export function speechWav(pcm) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); // PCM
  head.writeUInt16LE(1, 22); // channels
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([head, pcm]);
}

/** A tone at half of full scale: unmistakable where it is, and nothing where it is not. */
export function tone(seconds, rate = RATE) {
  const pcm = Buffer.alloc(2 * Math.round(seconds * rate));
  for (let i = 0; i < pcm.length / 2; i += 1) {
    pcm.writeInt16LE(Math.round(16_384 * Math.sin((2 * Math.PI * 440 * i) / rate)), 2 * i);
  }
  return pcm;
}

/** Level from which a sample counts as audible: -40 dBFS. */
export const AUDIBLE = 328;

/** Level that a tone has at once and its smear has not: -18 dBFS. */
export const CLEAR = 4_096;

/** Cuts off what cannot be heard at both ends. */
export function trim(pcm) {
  const audible = (i) => Math.abs(pcm.readInt16LE(2 * i)) >= AUDIBLE;
  let [from, to] = [0, pcm.length / 2];
  while (from < to && !audible(from)) from += 1;
  while (to > from && !audible(to - 1)) to -= 1;
  return pcm.subarray(2 * from, 2 * to);
}

/** Index of the first sample in [from, to) that reaches a level, or -1. */
export function firstAudible(pcm, from, to, level = AUDIBLE) {
  const end = Math.min(to, pcm.length / 2);
  for (let i = Math.max(0, from); i < end; i += 1) {
    if (Math.abs(pcm.readInt16LE(2 * i)) >= level) return i;
  }
  return -1;
}

/** Index of the last audible sample in [from, to), or -1. */
export function lastAudible(pcm, from, to) {
  const start = Math.max(0, from);
  for (let i = Math.min(to, pcm.length / 2) - 1; i >= start; i -= 1) {
    if (Math.abs(pcm.readInt16LE(2 * i)) >= AUDIBLE) return i;
  }
  return -1;
}
