import assert from "node:assert/strict";
import { test } from "node:test";
import { CAP_MS, setStage } from "../support/stage.js";
import { watchSpeech } from "../support/watch.js";
import { whipEndpoint } from "../support/whip.js";

const BEARER = "key-of-the-media-server";

const stage = setStage("whip", { browser: [] });

test("a session is pushed to a WHIP endpoint and received by Chromium", { timeout: CAP_MS }, async (t) => {
  const { server } = stage;
  const { id } = await server.api("POST", "/v1/sessions", { avatar: "leo" });
  const client = await stage.openClient("whip-receiver");
  const endpoint = await whipEndpoint((offer) => client.call("answer", offer), { bearer: BEARER, refusals: 1 });
  t.after(() => endpoint.stop());
  await server.api("POST", `/v1/sessions/${id}/whip`, { url: endpoint.url, bearer: BEARER });
  await client.until("connected");
  await watchSpeech(server, client, id, { width: 512, height: 512 });
  await server.end(id);
  await server.untilFree();
  const [refused, offer, ...after] = endpoint.requests;
  assert.equal(refused.method, "POST", "it tried again after a refusal");
  assert.equal(offer.headers["content-type"], "application/sdp");
  assert.match(offer.body, /^v=0\r\n/);
  const ended = after.find(({ method }) => method === "DELETE");
  assert.equal(ended?.path, "/whip/resource/1", "its end is told to the endpoint");
});
