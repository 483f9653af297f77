/** Recordings, read by ffprobe and ffmpeg. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX = 512 << 20;

/** Streams and format of a file; whatever ffprobe complains about is in `complaints`. */
export async function probe(path) {
  const { stdout, stderr } = await run("ffprobe", [
    ...["-v", "warning", "-count_packets", "-show_streams", "-show_format", "-of", "json"],
    path,
  ]);
  const { streams, format } = JSON.parse(stdout);
  return {
    complaints: stderr.trim(),
    format,
    video: streams.find(({ codec_type }) => codec_type === "video"),
    audio: streams.find(({ codec_type }) => codec_type === "audio"),
  };
}

/** Decodes every packet; returns what ffmpeg complains about. */
export async function decodeAll(path) {
  const { stderr } = await run("ffmpeg", ["-v", "error", "-i", path, "-f", "null", "-"]);
  return stderr.trim();
}

/** The pictures, grey and small, with their times in ms. */
export async function pictures(path, side) {
  const times = await run(
    "ffprobe",
    [
      ...["-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time"],
      ...["-of", "csv=p=0", path],
    ],
    { maxBuffer: MAX },
  );
  const { stdout } = await run(
    "ffmpeg",
    [
      ...["-v", "error", "-i", path, "-an", "-fps_mode", "passthrough"],
      ...["-vf", `scale=${side}:${side}:flags=area,format=gray`, "-f", "rawvideo", "-"],
    ],
    { maxBuffer: MAX, encoding: "buffer" },
  );
  const size = side * side;
  return times.stdout
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((time, index) => ({
      at: Number(time) * 1000,
      pixels: stdout.subarray(index * size, (index + 1) * size),
    }))
    .filter(({ pixels }) => pixels.length === size);
}

/** The sound as mono floats at 48 kHz from time 0 on. */
export async function sound(path) {
  const { stdout } = await run(
    "ffmpeg",
    [
      ...["-v", "error", "-i", path, "-vn", "-af", "aresample=async=1:first_pts=0"],
      ...["-ac", "1", "-ar", "48000", "-f", "f32le", "-"],
    ],
    { maxBuffer: MAX, encoding: "buffer" },
  );
  const samples = new Float32Array(stdout.length >> 2);
  for (let at = 0; at < samples.length; at++) samples[at] = stdout.readFloatLE(at * 4);
  return samples;
}

/** One picture of a video or a picture file, as `{ width, height, rgba }`; `ms` from its beginning. */
export async function picture(path, ms = 0) {
  const { stdout } = await run("ffprobe", [
    ...["-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height"],
    ...["-of", "csv=p=0", path],
  ]);
  const [width, height] = stdout.toString().trim().split(",").map(Number);
  const seek = ms ? ["-ss", String(ms / 1_000)] : [];
  const pixels = await run(
    "ffmpeg",
    ["-v", "error", "-i", path, ...seek, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
    { maxBuffer: MAX, encoding: "buffer" },
  );
  return { width, height, rgba: pixels.stdout };
}
