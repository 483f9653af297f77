/** How avatars are shown by `visavis say`: framing, backgrounds, transparency. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeAll, picture, probe } from "../../browser/support/media.js";
import { ROOT } from "../../support/program.mjs";
import { temporaryFolder, visavis } from "../support/command.js";

const FIXTURES = join(ROOT, "server", "engine", "tests", "fixtures");
const GREEN = [0x20, 0xa0, 0x40];
/** A moment at which somebody talks. */
const TALKING_MS = 800;

/** Renders a short video of Maya. */
async function said(file, ...flags) {
  const size = flags.includes("--size") ? [] : ["--size", "256x144"];
  const args = ["say", "Yes, of course.", "-o", file, "--avatar", "maya", ...size, ...flags];
  const { code, stderr } = await visavis(args);
  assert.equal(code, 0, `${flags.join(" ")}: ${stderr}`);
  return file;
}

/** A picture whose pixels can be asked for. */
async function seen(file, ms) {
  const { width, height, rgba } = await picture(file, ms);
  const at = (x, y) => [...rgba.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
  const is = (x, y, colour) => colour.every((value, k) => Math.abs(at(x, y)[k] - value) <= 12);
  /** The columns of the head in a row. */
  const head = (y = Math.floor(height * 0.4)) =>
    Array.from({ length: width }, (_, x) => x).filter((x) => !is(x, y, GREEN));
  return { width, height, at, is, head };
}

test("say frames the person as it is told", async () => {
  const folder = temporaryFolder();
  const shots = {
    normal: [],
    near: ["--shot", "close_up"],
    far: ["--scale", "0.7"],
    right: ["--position", "0.25,0"],
    upright: ["--size", "144x256"],
    circle: ["--shot", "circle"],
  };
  const shown = {};
  for (const [name, flags] of Object.entries(shots)) {
    const file = await said(join(folder, `${name}.mp4`), "--background", "#20a040", ...flags);
    shown[name] = await seen(file, TALKING_MS);
    const { at, is, width } = shown[name];
    for (const x of [2, width - 3]) assert.ok(is(x, 2, GREEN), `${name}: ${at(x, 2)} in a corner`);
  }
  const width = (name) => shown[name].head().length;
  const middle = (name) => shown[name].head().reduce((a, b) => a + b, 0) / width(name);
  assert.ok(width("near") > 1.3 * width("normal"), `${width("near")} and ${width("normal")}`);
  const area = ({ width, height, head }) =>
    Array.from({ length: height }, (_, y) => head(y).length).reduce((a, b) => a + b) / (width * height);
  const share = area(shown.far) / area(shown.normal);
  assert.ok(share > 0.4 && share < 0.6, `${share} of the area for 0.7 of the size`);
  assert.ok(Math.abs(middle("right") - middle("normal") - 64) < 4, `${middle("right")}`);
  assert.deepEqual([shown.upright.width, shown.upright.height], [144, 256]);
  const { circle } = shown;
  assert.ok(circle.is(48, 72, GREEN) && !circle.is(64, 72, GREEN), "what the avatar brings along is in the circle");
});

test("say puts a picture or a video behind the person", async () => {
  const folder = temporaryFolder();
  const image = join(folder, "halves.png");
  execFileSync("ffmpeg", [
    ...["-v", "error", "-f", "lavfi", "-i", "color=#c81e1e:s=32x36", "-f", "lavfi", "-i", "color=#1e1ec8:s=32x36"],
    ...["-filter_complex", "hstack,format=rgb24", "-frames:v", "1", image],
  ]);
  const still = await seen(await said(join(folder, "still.mp4"), "--background", image), TALKING_MS);
  assert.ok(still.is(4, 4, [0xc8, 0x1e, 0x1e]), `${still.at(4, 4)}`);
  assert.ok(still.is(251, 4, [0x1e, 0x1e, 0xc8]), `${still.at(251, 4)}`);

  const file = await said(join(folder, "moving.mp4"), "--background", join(FIXTURES, "swing.mp4"));
  assert.equal(await decodeAll(file), "");
  // It becomes brighter with every picture for a second.
  const lights = [];
  for (const ms of [160, 480, 800]) lights.push((await seen(file, ms)).at(4, 4)[1]);
  assert.ok(lights[1] > lights[0] + 40 && lights[2] > lights[1] + 40, `${lights}`);
  // The same again: nothing depends on when it is decoded.
  const again = await said(join(folder, "again.mp4"), "--background", join(FIXTURES, "swing.mp4"));
  assert.ok(readFileSync(file).equals(readFileSync(again)));
});

test("say cuts the person out into files with an alpha", async () => {
  const folder = temporaryFolder();
  const frames = await said(join(folder, "frames"), "--background", "transparent");
  const names = readdirSync(frames).sort();
  assert.equal(names.pop(), "sound.wav");
  assert.deepEqual(names, names.map((_, n) => `${String(n).padStart(5, "0")}.png`));
  const { audio } = await probe(join(frames, "sound.wav"));
  assert.deepEqual([audio.codec_name, audio.sample_rate, audio.channels], ["pcm_s16le", "48000", 1]);
  assert.ok(Math.abs(Number(audio.duration) - names.length / 25) <= 0.04, `${audio.duration} s of ${names.length}`);
  const { at } = await seen(join(frames, "00020.png"));
  for (const [x, y] of [[2, 2], [253, 2], [2, 80]]) assert.deepEqual(at(x, y), [0, 0, 0, 0]);
  assert.equal(at(128, 60)[3], 255, "the face is opaque");
  const row = Array.from({ length: 256 }, (_, x) => at(x, 40)[3]);
  assert.ok(row.some((alpha) => alpha > 0 && alpha < 255), "edges are soft");
  // Over green it is what is rendered before green.
  const over = join(folder, "over.png");
  execFileSync("ffmpeg", [
    ...["-v", "error", "-f", "lavfi", "-i", "color=#20a040:s=256x144", "-i", join(frames, "00020.png")],
    ...["-filter_complex", "overlay=format=rgb,format=rgb24", "-frames:v", "1", over],
  ]);
  const laid = await seen(over);
  const green = await seen(await said(join(folder, "green.mp4"), "--background", "#20a040"), TALKING_MS);
  let differs = 0;
  for (let y = 0; y < 144; y += 3) {
    for (let x = 0; x < 256; x += 3) if (!laid.is(x, y, green.at(x, y).slice(0, 3))) differs++;
  }
  assert.ok(differs < 60, `${differs} of 4128 pixels differ`);
  // What stands there stays.
  for (const [target, message] of [[frames, /is there already/], [join(folder, "a.mp4"), /name a folder/]]) {
    const { code, stderr } = await visavis(["say", "Yes.", "-o", target, "--background", "transparent"]);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
  assert.deepEqual(readdirSync(folder).sort(), ["frames", "green.mp4", "over.png"]);
});

test("say refuses what cannot be shown, and leaves nothing", async () => {
  const folder = temporaryFolder();
  const out = join(folder, "out.mp4");
  const file = (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const swing = readFileSync(join(FIXTURES, "swing.mp4"));
  const cut = file("cut.mp4", swing.subarray(0, swing.length / 2));
  const text = file("text.png", "no picture");
  const table = [
    [["--shot", "wide"], /no shot; there are: normal, close_up, circle/],
    [["--scale", "3"], /0\.5 to 2/],
    [["--scale", "big"], /invalid/],
    [["--position", "0.9,0"], /-0\.5 to 0\.5/],
    [["--position", "left"], /0\.2,-0\.1/],
    [["--background", "green"], /#204060/],
    [["--background", join(folder, "none.png")], /none\.png/],
    [["--background", text], /neither PNG nor JPEG/],
    [["--background", cut], /damaged/],
    [["--background", join(FIXTURES, "hevc.mp4")], /HEVC/],
    [["--background", join(FIXTURES, "sound.mp4")], /sound/],
  ];
  for (const [flags, message] of table) {
    const { code, stderr } = await visavis(["say", "Yes.", "-o", out, ...flags]);
    assert.ok(code === 1 || code === 2, `${flags.join(" ")}: ${code}`);
    assert.match(stderr, message, flags.join(" "));
    assert.doesNotMatch(stderr, /panicked/);
    assert.ok(!existsSync(out));
  }
  assert.deepEqual(readdirSync(folder).sort(), ["cut.mp4", "text.png"]);
});
