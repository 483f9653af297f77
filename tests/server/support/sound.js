/** Sound made by rule, and written in all the ways in which clients send it. */

/** Starts, lengths (ms) and levels of the bursts: they fit themselves at one shift only. */
const BURSTS = [
  [60, 120, 1],
  [260, 70, 0.5],
  [430, 180, 0.8],
  [700, 60, 1],
  [840, 140, 0.6],
];
/** Length of the whole, ms. */
export const BURSTS_MS = 1_100;
/** A voice-like buzz that fits into 4 kHz. */
const PARTIALS = [
  [180, 1],
  [540, 0.6],
  [1_260, 0.3],
];
/** Far from clipping, and well above the noise of 8 bits. */
const PEAK = 0.6;
const EDGE_MS = 12;

/** The bursts as samples at `rate`, -1..1. */
export function bursts(rate) {
  const samples = new Float64Array(Math.round((BURSTS_MS * rate) / 1_000));
  const whole = PARTIALS.reduce((sum, [, level]) => sum + level, 0);
  samples.forEach((_, at) => {
    const ms = (at * 1_000) / rate;
    const burst = BURSTS.find(([start, length]) => ms >= start && ms < start + length);
    if (!burst) return;
    const [start, length, level] = burst;
    const edge = Math.min(1, (ms - start) / EDGE_MS, (start + length - ms) / EDGE_MS);
    for (const [hz, share] of PARTIALS) {
      samples[at] += Math.sin(2 * Math.PI * hz * (at / rate)) * (share / whole) * edge * level * PEAK;
    }
  });
  return samples;
}

const clip = (value, most) => Math.max(-most - 1, Math.min(most, Math.round(value * (most + 1))));

/** How a sample is written: bytes, format tag of WAV, and the writing. */
const ENCODINGS = {
  u8: [1, 1, (buffer, at, value) => buffer.writeUInt8(clip(value, 127) + 128, at)],
  s16: [2, 1, (buffer, at, value) => buffer.writeInt16LE(clip(value, 32_767), at)],
  s16be: [2, undefined, (buffer, at, value) => buffer.writeInt16BE(clip(value, 32_767), at)],
  s24: [3, 1, (buffer, at, value) => buffer.writeIntLE(clip(value, 8_388_607), at, 3)],
  s32: [4, 1, (buffer, at, value) => buffer.writeInt32LE(clip(value, 2_147_483_647), at)],
  f32: [4, 3, (buffer, at, value) => buffer.writeFloatLE(value, at)],
  f64: [8, 3, (buffer, at, value) => buffer.writeDoubleLE(value, at)],
};

/** Samples as raw bytes; several channels hold the same. */
export function raw(samples, encoding, channels = 1) {
  const [size, , write] = ENCODINGS[encoding];
  const bytes = Buffer.alloc(samples.length * size * channels);
  samples.forEach((value, index) => {
    for (let channel = 0; channel < channels; channel++) {
      write(bytes, (index * channels + channel) * size, value);
    }
  });
  return bytes;
}

/** A chunk of a RIFF file, padded to an even length. */
export function chunk(name, data, size = data.length) {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

/**
 * Samples as a WAV file. `size` is what its head announces; `before` are chunks in front of the
 * sound; `extensible` writes the longer kind of format.
 */
export function wav(samples, rate, encoding, { channels = 1, size, before = [], extensible } = {}) {
  const [bytes, tag] = ENCODINGS[encoding];
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(rate * channels * bytes, 8);
  format.writeUInt16LE(channels * bytes, 12);
  format.writeUInt16LE(bytes * 8, 14);
  if (extensible) {
    format.writeUInt16LE(22, 16);
    format.writeUInt16LE(bytes * 8, 18);
    format.writeUInt16LE(tag, 24);
    // The rest of the identifier of PCM and float (KSDATAFORMAT_SUBTYPE).
    Buffer.from("000000001000800000aa00389b71", "hex").copy(format, 26);
  }
  const data = raw(samples, encoding, channels);
  const chunks = [chunk("fmt ", format), ...before, chunk("data", data, size ?? data.length)];
  const body = Buffer.concat([Buffer.from("WAVE"), ...chunks]);
  const head = Buffer.alloc(8);
  head.write("RIFF", "latin1");
  head.writeUInt32LE(size === undefined ? body.length : 0xffff_ffff, 4);
  return Buffer.concat([head, body]);
}

/** Level of samples, RMS. */
export function level(samples) {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}

/** Pearson's correlation of two series of equal length. */
export function correlation(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, at) => {
    ab += (value - meanA) * (b[at] - meanB);
    aa += (value - meanA) ** 2;
    bb += (b[at] - meanB) ** 2;
  });
  return ab / Math.sqrt(aa * bb || 1);
}
