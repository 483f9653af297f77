/** What keeps a server from starting: each is told in a way that helps. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../support/program.mjs";
import { MODELS, temporaryFolder, visavis } from "../support/command.js";

/** A server that must not start: what it says. */
async function refused(args, settings = {}) {
  const { code, stderr } = await visavis(["serve", ...args], {
    settings: { VISAVIS_LISTEN: `127.0.0.1:${await freePort()}`, ...settings },
  });
  assert.ok(code === 1 || code === 2, `${code}: ${stderr}`);
  assert.doesNotMatch(stderr, /panicked|backtrace/i);
  return stderr;
}

/** A configuration file. */
function config(text) {
  const file = join(temporaryFolder(), "visavis.toml");
  writeFileSync(file, text);
  return file;
}

/** A folder of models like the real one, but for what `change` does to it. */
function models(change) {
  const folder = join(temporaryFolder(), "models");
  const link = (from, to) => {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      const [source, place] = [join(from, name), join(to, name)];
      if (statSync(source).isDirectory()) link(source, place);
      // What is noted of earlier checks is a file of each folder.
      else if (!name.startsWith(".")) symlinkSync(source, place);
    }
  };
  link(MODELS, folder);
  change(folder);
  return folder;
}

test("a port in use is named, with what to do", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address();
  const said = await refused(["--listen", `127.0.0.1:${port}`]);
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}.*--listen`, "s"));
  taken.close();
});

test("configurations that are wrong are refused by key", async () => {
  assert.match(await refused(["--config", config("max_session = 5")]), /max_session\b.*|unknown field/s);
  assert.match(await refused(["--config", config("max_sessions = 'many'")]), /max_sessions/);
  assert.match(await refused(["--config", config("listen = ")]), /visavis\.toml/);
  assert.match(await refused(["--config", "/nowhere/visavis.toml"]), /\/nowhere\/visavis\.toml/);
  assert.match(await refused(["--colour", "red"]), /--colour/);
  assert.match(await refused([], { VISAVIS_BITRATE: "5" }), /bitrate/);
  assert.match(await refused([], { VISAVIS_MAX_SESSIONS: "many" }), /many/);
  assert.match(await refused(["--voice", "nobody"]), /nobody.*joe/s);
  assert.match(await refused(["--avatar", "nobody"]), /nobody.*nora/s);
});

test("a server that others reach needs keys", async () => {
  const said = await refused(["--listen", `0.0.0.0:${await freePort()}`]);
  assert.match(said, /--api-keys.*127\.0\.0\.1/s);
  assert.match(await refused(["--api-keys", "short"]), /at least 16/);
  assert.match(await refused(["--token-secret", "short"]), /at least 32/);
});

test("a good configuration is found good without starting", async () => {
  const file = config('voice = "joe"\nmax_sessions = 5\nrecord = false\n');
  const { code, stdout, stderr } = await visavis(["serve", "--check", "--config", file]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /good/);
  const wrong = await visavis(["serve", "--check", "--config", config("colour = 1")]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /colour/);
});

test("weights that are missing or wrong are told by file, with what to do", async () => {
  const model = "lipsync/lipsync.onnx";
  const missing = models((folder) => rmSync(join(folder, model)));
  assert.match(await refused(["--models", missing]), /lipsync\.onnx is missing\. .*git checkout/s);

  const changed = models((folder) => {
    const bytes = readFileSync(join(folder, model));
    bytes[bytes.length >> 1] ^= 1;
    // Only the link is replaced, not what it leads to.
    rmSync(join(folder, model));
    writeFileSync(join(folder, model), bytes);
  });
  assert.match(await refused(["--models", changed]), /lipsync\.onnx is not the file .*git checkout/s);
  const verified = await visavis(["models", "verify"], { settings: { VISAVIS_MODELS: changed } });
  assert.equal(verified.code, 1);
  assert.match(verified.stdout, /^problem .*lipsync\.onnx/m);

  const mute = models((folder) => rmSync(join(folder, "weights", "piper-joe"), { recursive: true }));
  assert.match(await refused(["--models", mute]), /joe.*visavis models verify/s);
  const deaf = models((folder) => rmSync(join(folder, "lib"), { recursive: true }));
  assert.match(await refused(["--models", deaf]), /onnxruntime.*fetch/is);
  assert.match(await refused(["--models", "/nowhere"]), /\/nowhere/);
});

test("recordings that cannot be kept are told by folder", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  assert.match(await refused(["--recordings", join(file, "below")]), /recordings cannot be kept in .*below/s);
});
