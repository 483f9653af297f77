/** The sound that clients push: bursts of an open vowel, which fit themselves at one place only. */

import { bursts } from "../../browser/support/voice.js";

/** Length in ms: six bursts, the shortest that a mouth and an ear can be judged by. */
export const SPEECH_MS = 3_700;

/** The first bursts as signed 16-bit little-endian samples. */
export function speech(rate, lengthMs = SPEECH_MS) {
  return bursts(rate).subarray(0, 2 * Math.round((lengthMs * rate) / 1_000));
}

/** Bytes of signed 16-bit samples as numbers, full scale = 1. */
export function samples(pcm) {
  return Float64Array.from({ length: pcm.length / 2 }, (_, at) => pcm.readInt16LE(2 * at) / 32_768);
}
