/**
 * What makes a client's session a good one. All times are ms on the client's own clock; `seen` is
 * what it recorded: `frames` (at, pixels, width, height), `levels` ([at, rms]), `notes` (at, name).
 */

import assert from "node:assert/strict";
import { AUDIBLE, levelsOf, mean, mouthMotion } from "../../browser/support/analysis.js";
import { correlation } from "../../server/support/sound.js";
import { samples } from "./speech.js";

/** Pictures of a session, per second. */
const RATE = 25;
/** Share of the pictures that must be seen; a busy machine may leave out the others. */
const SEEN = 0.5;
/** Grid on which loudness is compared, ms: half a frame of sound. */
const GRID_MS = 10;
/**
 * A jitter buffer plays sound a little faster or slower to keep up with a busy machine, up to some
 * tens of ms in a speech. So it is compared in pieces of this length (of the grid), each of which may
 * be heard earlier or later than the one before it by so many steps.
 */
const PIECE = 37;
const DRIFT = 3;
/**
 * Least correlation of loudness as pushed and as heard, so aligned. Computed for this speech: in
 * reverse it has 0.73, without one of its bursts 0.85, and stretched at 20 random places by 10 ms
 * each at least 0.94, at 30 places 0.91. (Without pieces, 20 places bring it down to 0.71.)
 */
const ALIKE = 0.9;
/** The level heard may differ from the one pushed by this factor. */
const LEVEL = 2;
/** A speaking mouth moves at least this many times as much as a silent one. */
const LIVELY = 3;
/**
 * Events come by another way than sound, which waits in the client's jitter buffer for 50 to
 * 300 ms on a busy machine: how far an event may be from what it tells.
 */
const IN_TIME_MS = 700;
/** Length of silence, ms, that ends a speech; the pauses within one are shorter. */
const PAUSE_MS = 800;
/** Sound that was sent before an interrupt, and waits in the client's jitter buffer. */
const BUFFERED_MS = 600;

/** Pictures came, of the right size, at about the right rate. */
export function checkPictures({ frames }, { width, height }) {
  assert.ok(frames.length > RATE, `${frames.length} pictures`);
  const sizes = [...new Set(frames.map((frame) => `${frame.width}x${frame.height}`))];
  assert.deepEqual(sizes, [`${width}x${height}`], "the size of the pictures");
  const seconds = (frames.at(-1).at - frames[0].at) / 1_000;
  const rate = (frames.length - 1) / seconds;
  assert.ok(rate > SEEN * RATE && rate < 1.1 * RATE, `${rate.toFixed(1)} pictures a second`);
}

/** Share of a moving camera's pictures that differ from the one before; a busy machine may show one twice. */
const CHANGING = 0.5;

/** At least `least` pictures of a moving camera came, and most differ from the one before. */
export function checkSteady({ frames }, least) {
  assert.ok(frames.length >= least, `${frames.length} of ${least} pictures`);
  const pictures = frames.map(({ pixels }) => Buffer.from(pixels));
  const changes = pictures.slice(1).filter((picture, index) => !picture.equals(pictures[index])).length;
  assert.ok(changes >= CHANGING * (pictures.length - 1), `${changes} changes in ${pictures.length} pictures`);
}

/** Loudness on an even grid from the first to the last level: `{ from, values }`. */
function grid(levels) {
  const from = levels[0][0];
  const values = [];
  let next = 0;
  for (let at = from; at < levels.at(-1)[0]; at += GRID_MS) {
    const within = [];
    while (next < levels.length && levels[next][0] < at + GRID_MS) within.push(levels[next++][1]);
    values.push(within.length > 0 ? mean(within) : (values.at(-1) ?? 0));
  }
  return { from, values };
}

/**
 * What was pushed is what is heard between `from` and `to`: its loudness over time, and its level.
 * Returns when its beginning and its end were heard.
 */
export function checkHeard({ levels }, pcm, rate, { from = -Infinity, to = Infinity } = {}) {
  const heard = grid(levels.filter(([at]) => at >= from && at <= to));
  const pushed = levelsOf(samples(pcm), rate, GRID_MS).map(([, rms]) => rms);
  let best = { alike: -1 };
  for (let shift = 0; shift + pushed.length <= heard.values.length; shift++) {
    const part = heard.values.slice(shift, shift + pushed.length);
    const alike = correlation(pushed, part);
    if (alike > best.alike) best = { alike, shift, part };
  }
  const aligned = align(pushed, heard.values, best.shift ?? 0);
  const alike = aligned.length === pushed.length ? correlation(pushed, aligned) : -1;
  assert.ok(alike >= ALIKE, `what was heard is not what was pushed: loudness correlates by ${alike.toFixed(2)}`);
  const loud = (values) => Math.max(...values.map((_, at) => mean(values.slice(at, at + 5))));
  const factor = loud(best.part) / loud(pushed);
  assert.ok(factor > 1 / LEVEL && factor < LEVEL, `it is ${factor.toFixed(2)} times as loud as pushed`);
  const begin = heard.from + best.shift * GRID_MS;
  // The silence at both ends of what was pushed is nothing that could be heard.
  const audible = pushed.map((rms) => rms > AUDIBLE);
  return {
    begin: begin + audible.indexOf(true) * GRID_MS,
    end: begin + (audible.lastIndexOf(true) + 1) * GRID_MS,
    alike,
  };
}

/** What of `heard` goes with `pushed` from about `shift` on, piece by piece. */
function align(pushed, heard, shift) {
  const aligned = [];
  for (let at = 0; at < pushed.length; at += PIECE) {
    const piece = pushed.slice(at, at + PIECE);
    let best = { difference: Infinity, shift };
    for (let to = shift - DRIFT; to <= shift + DRIFT; to++) {
      if (to + at < 0 || to + at + piece.length > heard.length) continue;
      const difference = piece.reduce((sum, value, index) => sum + (value - heard[to + at + index]) ** 2, 0);
      if (difference < best.difference) best = { difference, shift: to };
    }
    shift = best.shift;
    aligned.push(...heard.slice(Math.max(0, shift + at), shift + at + piece.length));
  }
  return aligned;
}

/** The stretches of speech between `from` and `to`: `{ begin, end }`, apart by real pauses. */
export function spoken({ levels }, { from = -Infinity, to = Infinity } = {}) {
  const stretches = [];
  for (const [at, rms] of levels) {
    if (at < from || at > to || rms < AUDIBLE) continue;
    const last = stretches.at(-1);
    if (last && at - last.end < PAUSE_MS) last.end = at;
    else stretches.push({ begin: at, end: at });
  }
  return stretches;
}

/** Nothing is heard between `from` and `to`. */
export function checkSilent({ levels }, from, to, what) {
  const within = levels.filter(([at]) => at >= from && at <= to);
  assert.ok(within.length > 0, `${what}: nothing was listened to`);
  const loudest = Math.max(...within.map(([, rms]) => rms));
  assert.ok(loudest < AUDIBLE, `${what}: a level of ${loudest.toFixed(3)} is heard`);
}

/** The mouth moves while it speaks, and is still while it is silent. */
export function checkMouth({ frames, side }, talking, silent) {
  const motion = mouthMotion(frames, side);
  const during = (name, { begin, end }) => {
    const values = motion.filter(({ at }) => at > begin && at < end).map(({ value }) => value);
    assert.ok(values.length >= 10, `${values.length} pictures while ${name}`);
    return mean(values);
  };
  const [moving, still] = [during("speaking", talking), during("silent", silent)];
  assert.ok(
    moving > LIVELY * Math.max(still, 0.05),
    `the mouth moves by ${moving.toFixed(2)} while speaking and by ${still.toFixed(2)} while silent`,
  );
}

/** Each of these notes came exactly once, in this order; returns them. */
export function checkOnce(notes, names) {
  const wanted = new Set(names);
  const came = notes.filter(({ name }) => wanted.has(name));
  assert.deepEqual(came.map(({ name }) => name), names, "each event once, and in order");
  return came;
}

/** `started` and `ended` are told when the speech is really heard to begin and to end. */
export function checkInTime({ started, ended }, heard) {
  const [early, late] = [started.at - heard.begin, ended.at - heard.end];
  assert.ok(Math.abs(early) < IN_TIME_MS, `its start is told ${Math.round(early)} ms after it is heard`);
  assert.ok(Math.abs(late) < IN_TIME_MS, `its end is told ${Math.round(late)} ms after it is heard`);
}

/** After an interrupt at `at`, nothing is heard up to `until` but what was under way. */
export function checkInterrupted(seen, at, until) {
  const before = seen.levels.filter(([time]) => time > at - 1_000 && time < at);
  assert.ok(Math.max(...before.map(([, rms]) => rms)) > AUDIBLE, "it was speaking when it was interrupted");
  checkSilent(seen, at + BUFFERED_MS, until, "after the interrupt");
}
