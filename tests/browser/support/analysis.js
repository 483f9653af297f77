/** What moving pictures and sound say about each other. Pictures are small and grey, 0..255. */

/** Where the mouth of a presenter is, in shares of the picture. */
export const MOUTH = { left: 0.4, right: 0.6, top: 0.54, bottom: 0.69 };
/** Sound above this level (RMS, full scale = 1) counts as heard. */
export const AUDIBLE = 0.005;

/** Mean of `values`. */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The value below which the share `p` of `values` lies. */
export function quantile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

/** Mean difference of two pictures within a region, grey levels. */
export function difference(a, b, side, region = MOUTH) {
  let sum = 0;
  let count = 0;
  for (let y = Math.floor(region.top * side); y < region.bottom * side; y++) {
    for (let x = Math.floor(region.left * side); x < region.right * side; x++) {
      sum += Math.abs(a[y * side + x] - b[y * side + x]);
      count += 1;
    }
  }
  return sum / count;
}

/** Motion of the mouth at each frame but the first: its change since the frame before. */
export function mouthMotion(frames, side, region = MOUTH) {
  return frames.slice(1).map((frame, index) => ({
    at: frame.at,
    value: difference(frame.pixels, frames[index].pixels, side, region),
  }));
}

/** How far the mouth is from its rest, at each frame. The rest is the median of `restFrames`. */
export function mouthOpening(frames, restFrames, side, region = MOUTH) {
  const rest = new Uint8Array(side * side);
  for (let at = 0; at < rest.length; at++) {
    rest[at] = quantile(
      restFrames.map(({ pixels }) => pixels[at]),
      0.5,
    );
  }
  return frames.map(({ at, pixels }) => ({ at, value: difference(pixels, rest, side, region) }));
}

/** When sound begins after at least `quietMs` of quiet, by `[at, rms]` levels. */
export function soundOnsets(levels, quietMs = 150) {
  const loud = 0.25 * Math.max(...levels.map(([, rms]) => rms));
  const onsets = [];
  let lastLoud = Number.NEGATIVE_INFINITY;
  for (const [at, rms] of levels) {
    if (rms < loud) continue;
    if (at - lastLoud > quietMs) onsets.push(at);
    lastLoud = at;
  }
  return onsets;
}

/**
 * For each onset of sound, how much later the mouth opens, in ms (negative: earlier). It counts as
 * open half way between where it was before and the widest of the syllable, between two pictures
 * by a straight line.
 */
export function mouthLags(opening, onsets) {
  return onsets.flatMap((onset) => {
    const before = opening.filter(({ at }) => at > onset - 250 && at < onset - 100);
    const around = opening.filter(({ at }) => at >= onset - 140 && at < onset + 260);
    if (before.length === 0 || around.length < 3) return [];
    const closed = mean(before.map(({ value }) => value));
    const widest = Math.max(...around.map(({ value }) => value));
    const half = (closed + widest) / 2;
    const index = around.findIndex(({ value }) => value >= half);
    const [open, shut] = [around[index], around[index - 1]];
    if (!shut || widest < 2 * closed) return [];
    const share = (half - shut.value) / (open.value - shut.value);
    return [shut.at + share * (open.at - shut.at) - onset];
  });
}

/** Levels of mono samples in windows of `stepMs`. */
export function levelsOf(samples, rate, stepMs = 5) {
  const size = Math.round((rate * stepMs) / 1000);
  const levels = [];
  for (let at = 0; at + size <= samples.length; at += size) {
    let sum = 0;
    for (let index = at; index < at + size; index++) sum += samples[index] ** 2;
    levels.push([((at + size / 2) * 1000) / rate, Math.sqrt(sum / size)]);
  }
  return levels;
}
