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

/** A series of `{ at, value }` on an even grid of `stepMs`, linear between points. */
export function resample(series, fromMs, toMs, stepMs) {
  const values = [];
  let index = 0;
  for (let at = fromMs; at < toMs; at += stepMs) {
    while (index + 1 < series.length && series[index + 1].at <= at) index += 1;
    const here = series[index];
    const next = series[index + 1] ?? here;
    const share = next.at > here.at ? Math.min(1, Math.max(0, (at - here.at) / (next.at - here.at))) : 0;
    values.push(here.value + share * (next.value - here.value));
  }
  return values;
}

/** Pearson's correlation of two series of equal length. */
export function correlation(a, b) {
  const [meanA, meanB] = [mean(a), mean(b)];
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let at = 0; at < a.length; at++) {
    ab += (a[at] - meanA) * (b[at] - meanB);
    aa += (a[at] - meanA) ** 2;
    bb += (b[at] - meanB) ** 2;
  }
  return ab / Math.sqrt(aa * bb || 1);
}

/**
 * How much later the picture is than the sound: the shift in ms that makes the mouth's opening
 * follow the sound's envelope best, and how well it then does (-1..1).
 */
export function pictureLag(opening, envelope, { maxMs = 400, stepMs = 5 } = {}) {
  const from = Math.max(opening[0].at, envelope[0].at) + maxMs;
  const to = Math.min(opening.at(-1).at, envelope.at(-1).at) - maxMs;
  const sound = resample(envelope, from, to, stepMs);
  let best = { lagMs: 0, score: -1 };
  for (let lagMs = -maxMs; lagMs <= maxMs; lagMs += stepMs) {
    const picture = resample(opening, from + lagMs, to + lagMs, stepMs).slice(0, sound.length);
    const score = correlation(sound, picture);
    if (score > best.score) best = { lagMs, score };
  }
  return best;
}

/** The envelope of `[at, rms]` levels, smoothed as a mouth is slower than a waveform. */
export function envelope(levels, smoothMs = 60) {
  const result = [];
  let sum = 0;
  let first = 0;
  levels.forEach(([at, rms], index) => {
    sum += rms;
    while (levels[first][0] < at - smoothMs) sum -= levels[first++][1];
    // The mean of the window belongs to its middle.
    result.push({ at: (levels[first][0] + at) / 2, value: sum / (index - first + 1) });
  });
  return result;
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
