import assert from "node:assert/strict";
import { test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { watchSpeech } from "../support/watch.js";

const stage = setStage("whep-player", { browser: [] });

test("@eyevinn/webrtc-player plays a session over WHEP", { timeout: CAP_MS }, async () => {
  const { server } = stage;
  const { id, token, urls } = await server.api("POST", "/v1/sessions", { avatar: "leo" });
  const client = await stage.openClient("whep-player");
  await client.call("play", new URL(urls.whep, server.url).href, `Bearer ${token}`);
  const seen = await watchSpeech(server, client, id, { width: 512, height: 512 });
  assert.deepEqual(seen.notes.map(({ name }) => name), ["play", "playing", "push"], "no complaint of the player");

  await client.call("stop");
  await server.untilUnwatched();
  await server.end(id);
  await server.untilFree();
});
