/** Sound that a mouth can follow: bursts like an open vowel, made by rule. */

/** Starts and lengths of the bursts in ms; uneven, so that they fit themselves at one shift only. */
export const BURSTS = [
  [300, 260],
  [900, 180],
  [1390, 320],
  [2150, 220],
  [2600, 240],
  [3260, 300],
  [3990, 200],
  [4410, 260],
  [5180, 240],
  [5660, 320],
  [6350, 200],
  [6890, 280],
];
/** Length of the whole, ms. */
export const BURSTS_MS = 7600;

const PITCH_HZ = 140;
/** Formants of an open “a” of a man (Peterson and Barney 1952) and their bandwidths, Hz. */
const FORMANTS = [
  [730, 90],
  [1090, 110],
  [2440, 160],
];
/** The edges of a burst rise and fall for this long. */
const EDGE_MS = 25;

/** The bursts as signed 16-bit little-endian samples. */
export function bursts(rate) {
  const samples = new Float64Array(Math.round((BURSTS_MS * rate) / 1000));
  for (const [start, length] of BURSTS) {
    const first = Math.round((start * rate) / 1000);
    const count = Math.round((length * rate) / 1000);
    for (let at = 0; at < count; at++) {
      const ms = (at * 1000) / rate;
      const edge = Math.min(1, ms / EDGE_MS, (length - ms) / EDGE_MS);
      const phase = (at * PITCH_HZ) / rate;
      // One pulse for each period: a source with all harmonics.
      const pulse = phase % 1 < PITCH_HZ / rate ? 1 : 0;
      samples[first + at] = pulse * edge;
    }
  }
  for (const [centre, width] of FORMANTS) resonate(samples, rate, centre, width);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const bytes = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, at) => bytes.writeInt16LE(Math.round((sample / peak) * 20_000), at * 2));
  return bytes;
}

/** A resonance of two poles, in place. */
function resonate(samples, rate, centre, width) {
  const radius = Math.exp((-Math.PI * width) / rate);
  const turn = 2 * radius * Math.cos((2 * Math.PI * centre) / rate);
  let [last, before] = [0, 0];
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] + turn * last - radius * radius * before;
    [last, before] = [value, last];
    samples[at] = value;
  }
}
