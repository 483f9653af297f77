/** The commands that do one thing and end. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { levelsOf } from "../../browser/support/analysis.js";
import { decodeAll, probe, sound } from "../../browser/support/media.js";
import { freePort } from "../../support/program.mjs";
import { temporaryFolder, visavis } from "../support/command.js";
import { bursts, BURSTS_MS, correlation, wav } from "../support/sound.js";

const TEXT = "Rendering twice gives the same video.";

/** A command that must be refused: its message, which ends the program with 1 or 2. */
async function refused(args, options) {
  const { code, stderr, stdout } = await visavis(args, options);
  assert.ok(code === 1 || code === 2, `${args.join(" ")}: ${code} ${stdout}`);
  assert.doesNotMatch(stderr, /panicked|backtrace/i);
  return stderr;
}

/** A command that must do what it is told: what it says. */
async function done(args, options) {
  const { code, stderr, stdout } = await visavis(args, options);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

test("say renders the same bytes again", async () => {
  const folder = temporaryFolder();
  const [one, two, other] = ["one.mp4", "two.mp4", "other.mp4"].map((name) => join(folder, name));
  assert.match(await done(["say", TEXT, "-o", one]), /one\.mp4: .* times real time/);
  // From standard input this time, over a file that is there already.
  writeFileSync(two, "old");
  await done(["say", "-", "-o", two], { input: TEXT });
  await done(["say", TEXT, "-o", other, "--seed", "2"]);
  assert.ok(readFileSync(one).equals(readFileSync(two)), "the same text is the same video");
  assert.ok(!readFileSync(one).equals(readFileSync(other)), "another seed is another video");
  const { video, audio, complaints } = await probe(one);
  assert.equal(complaints, "");
  assert.deepEqual([video.codec_name, video.width, video.height], ["h264", 512, 512]);
  // Pictures of a face that rests may be left out.
  assert.equal(video.r_frame_rate, "25/1");
  assert.deepEqual([audio.codec_name, audio.sample_rate], ["opus", "48000"]);
  assert.equal(await decodeAll(one), "");
});

test("say renders other sizes and faces", async () => {
  const file = join(temporaryFolder(), "wide.mp4");
  const stats = await done(["say", "Yes.", "-o", file, "--size", "1280x720", "--avatar", "leo", "--stats"]);
  const { length_s, stages } = JSON.parse(stats);
  const { video } = await probe(file);
  assert.deepEqual([video.width, video.height], [1_280, 720]);
  assert.ok(Math.abs(length_s - Number(video.duration)) < 0.1);
  assert.ok(Object.values(stages).every((cost) => cost >= 0));
});

test("say speaks along with a file of sound", async () => {
  const folder = temporaryFolder();
  const [clip, file] = [join(folder, "clip.wav"), join(folder, "out.mp4")];
  writeFileSync(clip, wav(bursts(44_100), 44_100, "s24", { channels: 2 }));
  await done(["say", "--audio", clip, "-o", file, "--size", "128x128"]);
  const heard = await sound(file);
  assert.ok(heard.length >= BURSTS_MS * 48, `${heard.length} samples`);
  const levels = (samples) => levelsOf(samples, 48_000).map(([, value]) => value);
  const wanted = levels(bursts(48_000));
  const scores = levels(heard).map((_, shift, all) => {
    const part = all.slice(shift, shift + wanted.length);
    return part.length === wanted.length ? correlation(wanted, part) : -1;
  });
  assert.ok(Math.max(...scores) > 0.97, `${Math.max(...scores)}`);
});

test("say shows an emotion, with a voice and along with sound", async () => {
  const folder = temporaryFolder();
  const clip = join(folder, "clip.wav");
  writeFileSync(clip, wav(bursts(44_100), 44_100, "s16"));
  for (const [name, said] of [["voice", ["Yes."]], ["sound", ["--audio", clip]]]) {
    const rendered = async (...flags) => {
      const file = join(folder, `${name}${flags.length}.mp4`);
      await done(["say", ...said, "-o", file, "--size", "128x128", ...flags]);
      return readFileSync(file);
    };
    const plain = await rendered();
    const happy = await rendered("--emotion", "happy");
    assert.ok(!plain.equals(happy), `${name}: a happy face is another video`);
    const slightly = await rendered("--emotion", "happy", "--intensity", "0.2");
    assert.ok(!slightly.equals(happy) && !slightly.equals(plain), `${name}: so is one that is slightly happy`);
  }
  assert.match(await refused(["say", "Yes.", "--emotion", "angry"]), /no emotion; there are: .*happy/);
  assert.match(await refused(["say", "Yes.", "--emotion", "happy", "--intensity", "2"]), /0 to 1/);
  assert.match(await refused(["say", "Yes.", "--intensity", "0.5"]), /--emotion/);
});

test("say refuses what it cannot do, and says what to do instead", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "out.mp4");
  const broken = join(folder, "broken.wav");
  writeFileSync(broken, "RIFF");
  const table = [
    [["say", "Hi.", "-o", file, "--voice", "nobody"], /nobody.*joe/s],
    [["say", "Hi.", "-o", file, "--avatar", "nobody"], /nobody.*nora/s],
    [["say", "Hi.", "-o", join(folder, "missing", "out.mp4")], /missing.*cannot be written/s],
    [["say", "Hi.", "-o", file, "--size", "511x512"], /even/],
    [["say", "Hi.", "-o", file, "--size", "wide"], /512x512/],
    [["say", "🙂🙂", "-o", file], /nothing to say/],
    [["say", "", "-o", file], /nothing to say/],
    [["say", "-o", file], /TEXT/],
    [["say", "--audio", join(folder, "none.wav"), "-o", file], /none\.wav/],
    [["say", "--audio", broken, "-o", file], /broken\.wav/],
  ];
  for (const [args, message] of table) {
    assert.match(await refused(args), message, args.join(" "));
    assert.ok(!existsSync(file), `${args.join(" ")} leaves no file`);
  }
});

test("doctor says what is there and what is not", async () => {
  const port = await freePort();
  const settings = { VISAVIS_LISTEN: `127.0.0.1:${port}` };
  const good = await done(["doctor"], { settings });
  assert.match(good, /Everything a server needs is here/);
  assert.match(good, new RegExp(`^ok .*${port}`, "m"));
  const { code, stdout, stderr } = await visavis(["doctor"], {
    settings: { ...settings, VISAVIS_PAGE: "/nowhere", VISAVIS_AVATAR: "nobody" },
  });
  assert.equal(code, 1);
  assert.match(stdout, /^problem .*npm run build/m);
  assert.match(stdout, /^problem .*nobody/m);
  assert.match(stderr, /2 of \d+ checks found a problem/);
});

test("models are verified and listed with their licences", async () => {
  assert.match(await done(["models", "verify"]), /^ok .*lipsync\.onnx/m);
  const list = await done(["models", "list"]);
  assert.match(list, /Apache-2\.0/);
  assert.match(list, /joe/);
});

test("lipsync plot draws a picture", async () => {
  const folder = temporaryFolder();
  const [clip, plot] = [join(folder, "clip.wav"), join(folder, "plot.png")];
  writeFileSync(clip, wav(bursts(16_000), 16_000, "s16"));
  await done(["lipsync", "plot", clip, "-o", plot]);
  const png = readFileSync(plot);
  assert.equal(png.toString("latin1", 1, 4), "PNG");
  assert.ok(png.readUInt32BE(16) > 200 && png.readUInt32BE(20) > 200);
  // A plot has lines and colours: more than a blank sheet holds.
  const raw = execFileSync("ffmpeg", ["-v", "error", "-i", plot, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], {
    maxBuffer: 1 << 28,
  });
  const colours = new Set();
  for (let at = 0; at + 3 <= raw.length; at += 3) colours.add(raw.readUIntBE(at, 3));
  assert.ok(colours.size > 20, `${colours.size} colours`);
  await refused(["lipsync", "plot", join(folder, "none.wav"), "-o", plot]);
});

test("help names every setting, with its environment variable", async () => {
  const help = await done(["serve", "--help"]);
  for (const name of ["LISTEN", "MEDIA_LISTEN", "API_KEYS", "MAX_SESSIONS", "RECORDINGS", "DRAIN_S"]) {
    assert.match(help, new RegExp(`VISAVIS_${name}`));
  }
  assert.match(await done(["--version"]), /^visavis \d+\.\d+\.\d+/);
});
