// Numbers about numbers.

/** The smallest value that at least `share` of the values do not exceed (nearest rank). */
export function percentile(values, share) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(values) {
  return percentile(values, 0.5);
}

/** What is kept of a series of measurements, ms. */
export function summary(values) {
  return {
    count: values.length,
    min: Math.min(...values),
    p50: percentile(values, 0.5),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
    max: Math.max(...values),
  };
}

/** The slope of a line through points [x, y], by least squares. */
export function slope(points) {
  const mean = (index) => points.reduce((sum, p) => sum + p[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, p) => sum + (p[0] - x) * (p[1] - y), 0);
  return above / points.reduce((sum, p) => sum + (p[0] - x) ** 2, 0);
}

/** Chance that is the same in every run (mulberry32): 0..1. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Percentile of a histogram of cumulative buckets [[upper edge, count]...], linear within the
 * bucket. What lies beyond the last finite edge counts as that edge.
 */
export function histogramPercentile(buckets, share) {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  const rank = share * total;
  let [edge, count] = [0, 0];
  for (const [upper, cumulative] of buckets) {
    if (cumulative >= rank) {
      if (!Number.isFinite(upper)) return edge;
      return edge + ((upper - edge) * (rank - count)) / (cumulative - count || 1);
    }
    [edge, count] = [upper, cumulative];
  }
  return edge;
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
