/** Avatars made of pictures: by the API, by HeyGen's, and by the command line. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { ROOT } from "../../support/program.mjs";
import { probe } from "../../browser/support/media.js";
import { temporaryFolder, visavis } from "../support/command.js";
import { startServer } from "../support/server.js";

const KEY = "a-key-of-the-tests-0123456789";
const STATEMENT = "I am the person in this picture and agree that it speaks.";
const PICTURE = join(ROOT, "models", "faces", "maya", "portrait.jpg");
const bytes = readFileSync(PICTURE);
const auth = { "x-api-key": KEY };

let server;
let folder;
before(async () => {
  folder = join(temporaryFolder(), "avatars");
  server = await startServer({ settings: { VISAVIS_API_KEYS: KEY, VISAVIS_AVATARS: folder } });
});

function form(fields) {
  const all = new FormData();
  for (const [name, value] of Object.entries({ picture: new Blob([bytes]), ...fields })) all.set(name, value);
  return all;
}

/** Sends a request with the key; gives status and answer. */
async function ask(method, path, body, headers = auth) {
  const json = body && !(body instanceof FormData) && !(body instanceof Uint8Array);
  const response = await server.fetch(path, {
    method,
    headers: { ...headers, ...(json && { "content-type": "application/json" }) },
    body: json ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  return { status: response.status, answer: text ? JSON.parse(text) : undefined };
}

const files = () => (existsSync(folder) ? readdirSync(folder) : []);
const ids = async () => (await ask("GET", "/v1/avatars")).answer.avatars.map(({ id }) => id);

/** Lets an avatar speak; gives what is known of the recording. */
async function spoken(avatar) {
  const session = await server.open({ avatar }, auth);
  assert.equal(session.made.avatar, avatar);
  const events = await session.events();
  await session.speak("Hello, this is my new face.");
  await events.until("speak_ended");
  const recording = await session.finish();
  assert.equal(recording.state, "ready");
  const video = await server.fetch(`/v1/recordings/${session.id}/video.mp4`, { headers: auth });
  const path = join(temporaryFolder(), "spoken.mp4");
  writeFileSync(path, Buffer.from(await video.arrayBuffer()));
  return probe(path);
}

test("checked, made, listed, shown, speaking, recorded, deleted", async () => {
  const checked = await ask("POST", "/v1/avatars/check", form({}));
  assert.deepEqual([checked.status, checked.answer.usable, checked.answer.findings], [200, true, []]);
  assert.deepEqual(files(), [], "checking keeps nothing");

  const made = await ask("POST", "/v1/avatars", form({ name: "Ada L.", consent: STATEMENT, consent_by: "Ada Lovelace", voice: "joe" }));
  assert.equal(made.status, 201, JSON.stringify(made.answer));
  assert.equal(made.answer.expires_at, null);
  const { id, deletable, kind, default_voice } = made.answer.avatar;
  assert.deepEqual([id, deletable, kind, default_voice], ["ada-l", true, "photo", "joe"]);
  assert.ok((await ids()).includes(id));
  const record = readFileSync(join(folder, id, "avatar.toml"), "utf8");
  for (const part of [STATEMENT, "Ada Lovelace", new Date().getUTCFullYear()]) assert.ok(record.includes(part));

  const preview = await server.fetch(made.answer.avatar.preview_url);
  assert.deepEqual([preview.status, preview.headers.get("content-type")], [200, "image/png"]);
  assert.match(preview.headers.get("cache-control"), /no-cache/);

  const file = await spoken(id);
  assert.equal(file.complaints, "");
  assert.equal(file.video.codec_name, "h264");

  assert.equal((await ask("DELETE", `/v1/avatars/${id}`)).status, 204);
  assert.deepEqual(files(), [], "picture and consent are gone");
  assert.equal((await ask("GET", `/v1/avatars/${id}`)).status, 404);
  assert.equal((await ask("DELETE", `/v1/avatars/${id}`)).status, 404);
  const { answer } = await ask("POST", "/v1/sessions", { avatar: id });
  assert.equal(answer.code, "unknown_avatar");
});

test("a draft speaks, is listed nowhere, and is kept or gone", async () => {
  const before_ = await ids();
  const wish = { name: "Grace", consent: STATEMENT, draft: "true" };
  const draft = (await ask("POST", "/v1/avatars", form(wish))).answer;
  assert.ok(Date.parse(draft.expires_at) > Date.now());
  assert.deepEqual([await ids(), files()], [before_, []]);
  const session = await server.open({ avatar: draft.avatar.id, record: false }, auth);
  const events = await session.events();
  await session.speak("Hello.");
  await events.until("speak_ended");
  const kept = await ask("POST", `/v1/avatars/${draft.avatar.id}/keep`);
  assert.deepEqual([kept.status, kept.answer.id], [201, "grace"]);
  assert.deepEqual(files(), ["grace"]);
  await session.speak("I am still here.");
  await session.close();
  assert.equal((await ask("POST", `/v1/avatars/${draft.avatar.id}/keep`)).status, 404);
  await ask("DELETE", "/v1/avatars/grace");

  const other = (await ask("POST", "/v1/avatars", form(wish))).answer.avatar.id;
  assert.equal((await ask("DELETE", `/v1/avatars/${other}`)).status, 204);
  assert.equal((await ask("GET", `/v1/avatars/${other}`)).status, 404);
  // The ninth makes the first one go.
  const many = [];
  for (let count = 0; count < 9; count++) {
    many.push((await ask("POST", "/v1/avatars", form(wish))).answer.avatar.id);
  }
  const there = await Promise.all(many.map(async (id) => (await ask("GET", `/v1/avatars/${id}`)).status));
  assert.deepEqual(there, [404, ...Array(8).fill(200)]);
  for (const id of many) await ask("DELETE", `/v1/avatars/${id}`);
  assert.deepEqual([await ids(), files()], [before_, []]);
});

test("what cannot be is refused with advice, and leaves nothing", async () => {
  const wish = { name: "Ada", consent: STATEMENT };
  const cases = [
    [{ ...wish, picture: new Blob(["hello"]) }, 422, "picture_unusable", /JPEG, PNG or WebP/],
    [{ ...wish, picture: new Blob([bytes.subarray(0, bytes.length / 2)]) }, 422, "picture_unusable", /damaged/],
    [{ ...wish, consent: "" }, 400, "consent_needed", /agreed/],
    [{ ...wish, name: "" }, 400, "invalid_request", /name/],
    [{ ...wish, name: "x".repeat(81) }, 400, "invalid_request", /80 characters/],
    [{ ...wish, crop: "0,0,99999" }, 400, "invalid_request", /square within/],
    [{ ...wish, crop: "a" }, 400, "invalid_request", /x,y,size/],
    [{ ...wish, voice: "nobody" }, 400, "unknown_voice", /nobody/],
    [{ ...wish, draft: "perhaps" }, 400, "invalid_request", /true or false/],
    [{ ...wish, colour: "red" }, 400, "invalid_request", /colour/],
  ];
  for (const [fields, status, code, advice] of cases) {
    const refused = await ask("POST", "/v1/avatars", form(fields));
    assert.deepEqual([refused.status, refused.answer.code], [status, code], JSON.stringify(refused.answer));
    assert.match(refused.answer.detail, advice);
  }
  // Without a form, since what is refused for its credentials is not read.
  for (const headers of [{}, { "x-api-key": "not-a-key-of-this-server" }]) {
    assert.equal((await ask("POST", "/v1/avatars", {}, headers)).status, 401);
    assert.equal((await ask("DELETE", "/v1/avatars/nora", undefined, headers)).status, 401);
  }
  const guest = { authorization: `Bearer ${(await server.open({}, auth)).made.token}` };
  assert.equal((await ask("POST", "/v1/avatars", {}, guest)).status, 403);
  assert.equal((await ask("DELETE", "/v1/avatars/nora")).status, 409, "it comes with the product");
  assert.deepEqual(files(), []);
});

test("HeyGen's talking photos: uploaded as they are, listed, streaming, deleted", async () => {
  const without = await ask("POST", "/v1/talking_photo", new Uint8Array(bytes));
  assert.deepEqual([without.status, without.answer.error], [400, "consent_needed"]);
  assert.match(without.answer.message, /X-Consent/);
  const agreed = { ...auth, "x-consent": STATEMENT, "x-consent-by": "Zoë" };
  const bad = await ask("POST", "/v1/talking_photo", new Uint8Array([1, 2, 3]), agreed);
  assert.deepEqual([bad.status, bad.answer.code, bad.answer.data], [422, 422, null]);

  const made = await ask("POST", "/v1/talking_photo?name=Zoe", new Uint8Array(bytes), agreed);
  assert.deepEqual([made.status, made.answer.code], [200, 100], JSON.stringify(made.answer));
  const { talking_photo_id: id, talking_photo_url: url } = made.answer.data;
  assert.equal((await fetch(url)).headers.get("content-type"), "image/png");
  assert.match(readFileSync(join(folder, id, "avatar.toml"), "utf8"), /by = "Zoë"/);
  const listed = (await ask("GET", "/v1/talking_photo.list")).answer.data;
  assert.equal(listed.find((photo) => photo.id === id).is_preset, false);
  const { avatars, talking_photos } = (await ask("GET", "/v2/avatars")).answer.data;
  assert.ok(avatars.some(({ avatar_id }) => avatar_id === "nora"));
  assert.deepEqual(talking_photos.map(({ talking_photo_id }) => talking_photo_id), [id]);

  const opened = await ask("POST", "/v1/streaming.new", { talking_photo_id: id });
  assert.equal(opened.status, 200, JSON.stringify(opened.answer));
  const { session_id } = opened.answer.data;
  assert.equal((await ask("GET", `/v1/sessions/${session_id}`)).answer.avatar, id);
  await ask("POST", "/v1/streaming.task", { session_id, text: "Hello.", task_type: "repeat" });
  await ask("POST", "/v1/streaming.stop", { session_id });

  assert.deepEqual((await ask("DELETE", `/v2/talking_photo/${id}`)).answer, { error: null, data: null });
  const gone = await ask("DELETE", `/v2/talking_photo/${id}`);
  assert.deepEqual([gone.status, gone.answer.error.code], [404, "not_found"]);
  assert.deepEqual(files(), []);
});

test("HeyGen's groups of looks and v3: upload, create, add, list, nothing to train", async () => {
  const upload = async () => (await ask("POST", "/v1/asset", new Uint8Array(bytes), { ...auth, "content-type": "image/jpeg" })).answer.data;
  const { image_key } = await upload();
  assert.match(image_key, /^image\/.+\/original$/);
  const consent = { consent: STATEMENT, consent_by: "Sylvia" };
  const before = Math.floor(Date.now() / 1_000);
  const first = (await ask("POST", "/v2/photo_avatar/avatar_group/create", { name: "Sylvia", image_key, ...consent })).answer;
  const after = Date.now() / 1_000;
  assert.equal(first.error, null);
  assert.deepEqual([first.data.id, first.data.group_id, first.data.status], ["sylvia", "sylvia", "completed"]);
  const added = (await ask("POST", "/v2/photo_avatar/avatar_group/add", { group_id: "sylvia", name: "Red coat", image_keys: [image_key], ...consent })).answer.data;
  assert.deepEqual(added.photo_avatar_list.map(({ id, group_id }) => [id, group_id]), [["red-coat", "sylvia"]]);
  const [group] = (await ask("GET", "/v2/avatar_group.list")).answer.data.avatar_group_list;
  assert.deepEqual([group.id, group.name, group.num_looks, group.train_status], ["sylvia", "Sylvia", 2, "ready"]);
  assert.ok(before <= group.created_at && group.created_at <= after, `${before} ${group.created_at} ${after}`);
  const looks = (await ask("GET", "/v2/avatar_group/sylvia/avatars")).answer.data.avatar_list;
  assert.deepEqual(looks.map(({ id }) => id), ["sylvia", "red-coat"]);
  await ask("POST", "/v2/photo_avatar/train", { group_id: "sylvia" });
  assert.equal((await ask("GET", "/v2/photo_avatar/train/status/sylvia")).answer.data.status, "ready");

  // All or none.
  const broken = (await ask("POST", "/v1/asset", new Uint8Array([1, 2, 3]))).answer.data.image_key;
  const partly = await ask("POST", "/v2/photo_avatar/avatar_group/add", { group_id: "sylvia", image_keys: [image_key, broken], ...consent });
  assert.deepEqual([partly.status, partly.answer.error.code], [422, "picture_unusable"]);
  assert.deepEqual(files().sort(), ["red-coat", "sylvia"]);

  // It is the same group when the server starts again.
  const again = await startServer({ settings: { VISAVIS_API_KEYS: KEY, VISAVIS_AVATARS: folder } });
  const { avatar_group_list } = (await (await again.fetch("/v2/avatar_group.list", { headers: auth })).json()).data;
  assert.deepEqual(
    avatar_group_list.map(({ id, name, created_at }) => [id, name, created_at]),
    [["sylvia", "Sylvia", group.created_at]],
  );
  await again.end();

  const asset = (await ask("POST", "/v3/assets", form({}))).answer.data;
  assert.deepEqual([asset.mime_type, asset.size_bytes], ["image/jpeg", bytes.length]);
  for (const file of [
    { type: "asset_id", asset_id: asset.asset_id },
    { type: "base64", media_type: "image/jpeg", data: bytes.toString("base64") },
  ]) {
    const made = await ask("POST", "/v3/avatars", { type: "photo", name: "Third", file, avatar_group_id: "sylvia", ...consent });
    assert.equal(made.status, 200, JSON.stringify(made.answer));
    const { avatar_item, avatar_group } = made.answer.data;
    assert.deepEqual([avatar_item.avatar_type, avatar_item.status, avatar_group.id], ["photo_avatar", "completed", "sylvia"]);
  }
  const page = (await ask("GET", "/v3/avatars/looks?ownership=private&limit=3")).answer;
  assert.deepEqual([page.data.length, page.has_more], [3, true]);
  const rest = (await ask("GET", `/v3/avatars/looks?ownership=private&limit=3&token=${page.next_token}`)).answer;
  assert.deepEqual([rest.data.map(({ id }) => id), rest.has_more], [["third-2"], false]);
  assert.equal((await ask("GET", "/v3/avatars/sylvia")).answer.data.looks_count, 4);
  assert.equal((await ask("GET", "/v3/avatars?ownership=private")).answer.data.length, 1);

  for (const [path, body] of [
    ["/v2/photo_avatar/photo/generate", { name: "Nobody", age: "Young Adult" }],
    ["/v3/avatars", { type: "prompt", name: "Nobody", prompt: "A knight" }],
    ["/v3/avatars", { type: "photo", file: { type: "url", url: "http://127.0.0.1/" }, ...consent }],
    ["/v2/photo_avatar/avatar_group/add", { group_id: "nora", image_keys: [image_key], ...consent }],
  ]) {
    const refused = await ask("POST", path, body);
    assert.deepEqual([refused.status, refused.answer.error.code], [400, "invalid_request"], path);
  }
  const unknown = await ask("POST", "/v2/photo_avatar/avatar_group/create", { name: "X", image_key: "image/1/original", ...consent });
  assert.equal(unknown.status, 404);
  assert.equal((await ask("GET", "/v2/avatars", undefined, {})).status, 401);

  // The first look goes, the group keeps its name's id, and nobody else gets it.
  await ask("DELETE", "/v2/photo_avatar/sylvia");
  const other = (await ask("POST", "/v2/photo_avatar/avatar_group/create", { name: "Sylvia", image_key, ...consent })).answer.data;
  assert.equal(other.id, "sylvia-2");
  await ask("DELETE", "/v2/photo_avatar_group/sylvia");
  await ask("DELETE", "/v3/avatars/sylvia-2");
  assert.deepEqual(files(), []);
});

test("what the owner of the keys states in the configuration is the record", async () => {
  const own = join(temporaryFolder(), "avatars");
  const stated = await startServer({
    settings: { VISAVIS_AVATARS: own, VISAVIS_CONSENT: "All our users agree.", VISAVIS_CONSENT_BY: "Example Ltd" },
  });
  const response = await stated.fetch("/v1/talking_photo", { method: "POST", body: bytes });
  assert.equal(response.status, 200);
  const record = readFileSync(join(own, "talking-photo", "avatar.toml"), "utf8");
  assert.ok(record.includes("All our users agree.") && record.includes("Example Ltd"));
  await stated.end();
});

test("by the command line, and read again at the next start", async () => {
  const settings = { VISAVIS_AVATARS: join(temporaryFolder(), "avatars") };
  const made = await visavis(["avatar", "create", PICTURE, "--name", "Ada", "--consent", STATEMENT], { settings });
  assert.equal(made.code, 0, made.stderr);
  const listed = await visavis(["avatar", "list"], { settings });
  assert.match(listed.stdout, /^ada\s+user\s+photo\s+Ada$/m);
  const gone = await visavis(["avatar", "delete", "ada"], { settings });
  assert.equal(gone.code, 0, gone.stderr);
  assert.ok(!(await visavis(["avatar", "list"], { settings })).stdout.includes("ada"));
});
