import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AUDIBLE } from "../support/analysis.js";
import { sessionOf, shot, untilEvent, untilFrames, untilLive, watch, watched } from "../support/browser.js";
import { startServer } from "../support/server.js";
import { setStage } from "../support/stage.js";

const KEY = "open-sesame-and-close-it-again";

describe("what can go wrong", () => {
  const stage = setStage({ settings: { VISAVIS_MAX_TEXT_BYTES: "200", VISAVIS_MAX_SESSIONS: "3" } });

  const notice = (page, text) => page.waitForSelector(`#notice:has-text("${text}")`);

  /** Waits until the recording plays in the place of the face; returns its length in s. */
  const untilRecording = async (page) => {
    const found = await page.waitForFunction(() => {
      const { src, videoWidth, currentTime, duration } = document.querySelector("#video");
      return src.startsWith("blob:") && videoWidth === 512 && currentTime > 0 && duration;
    });
    return found.jsonValue();
  };

  test("an unknown face is named, and the usual one is a click away", async () => {
    const page = await stage.browser.open(`${stage.server.url}/?avatar=nobody`);
    await notice(page, "There is no such face");
    assert.match(await page.innerText("#notice"), /nobody/);
    await shot(page, "error-avatar");
    await page.click("#notice button");
    await untilLive(page);
    assert.equal(new URL(page.url()).search, "");
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("text that cannot be said stays in the box with a reason", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    const note = () => page.innerText("#text-note");
    await page.fill("#text", "  \n ");
    await page.press("#text", "Enter");
    assert.match(await note(), /Write something/);
    await page.fill("#text", "long ".repeat(50));
    assert.match(await note(), /50 letters too long/);
    await shot(page, "error-text");
    await page.press("#text", "Enter");
    assert.equal(await page.inputValue("#text"), "long ".repeat(50));
    // Emoji only: the server finds nothing to say, and says so.
    await page.fill("#text", "🙂🙃");
    await page.press("#text", "Enter");
    await page.waitForSelector('#toast:has-text("nothing that can be spoken")');
    // None of it has harmed the session.
    await page.fill("#text", "Fine.");
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended", { interrupted: false });
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("a full server says so", async () => {
    const made = [];
    for (;;) {
      const response = await fetch(`${stage.server.url}/v1/sessions`, { method: "POST" });
      if (response.status === 503) break;
      assert.equal(response.status, 201);
      assert.ok(made.push((await response.json()).id) <= 3);
    }
    const page = await stage.browser.open(stage.server.url);
    await notice(page, "Every place is taken");
    await shot(page, "error-full");
    for (const id of made) await stage.server.api("DELETE", `/v1/sessions/${id}`);
    await page.click("#notice button");
    await untilLive(page);
    await page.close();
  });

  test("a session that is ended elsewhere says why and can be begun again", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    const { id } = await sessionOf(page);
    await stage.server.api("DELETE", `/v1/sessions/${id}`);
    await notice(page, "The session has ended");
    await shot(page, "error-closed");
    // What was recorded can be watched in place.
    await page.click('#notice button:has-text("Watch the recording")');
    await untilRecording(page);
    await page.close();
  });

  test("without a media path the session goes on and the recording is the result", async () => {
    const page = await stage.browser.open("about:blank");
    // A network that lets no media through: the answer names a place where nobody is.
    await page.route("**/whep", async (route) => {
      const response = await route.fetch();
      const sdp = (await response.text())
        .replace(/^a=candidate:.*\r\n/gm, "")
        .replace(/^a=ice-pwd:.*$/gm, "a=ice-pwd:nobodynobodynobodynobody");
      await route.fulfill({ response, body: sdp });
    });
    await page.goto(stage.server.url);
    await notice(page, "No live picture reaches you");
    await shot(page, "error-no-media");
    await page.fill("#text", "Nobody sees me, but I am recorded.");
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended", { interrupted: false });
    await page.click('#notice button:has-text("Watch the recording")');
    assert.ok((await untilRecording(page)) > 2);
    await page.close();
  });

  test("an offer without H.264 is refused by name, and the page plays the sound alone", async () => {
    const page = await stage.browser.open("about:blank");
    await page.addInitScript(() => {
      const original = RTCPeerConnection.prototype.addTransceiver;
      RTCPeerConnection.prototype.addTransceiver = function (kind, options) {
        const transceiver = original.call(this, kind, options);
        const { codecs } = RTCRtpReceiver.getCapabilities(kind);
        transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => !/h264/i.test(mimeType)));
        return transceiver;
      };
    });
    await page.goto(stage.server.url);
    await notice(page, "This browser cannot play the video");
    assert.equal(await page.innerText("#status-text"), "Sound only");
    await watch(page);
    await page.fill("#text", "Somebody hears me.");
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended", { interrupted: false });
    const { levels } = await watched(page);
    assert.ok(Math.max(...levels.map(([, rms]) => rms)) > AUDIBLE, "it is heard");
    assert.equal(await page.innerText("#status-text"), "Sound only");
    await page.close();
  });

  test("with keys, the page asks for one and works with it", async () => {
    const closed = await startServer({ VISAVIS_API_KEYS: KEY });
    try {
      const page = await stage.browser.open(closed.url);
      await notice(page, "This server asks for a key");
      await shot(page, "key");
      await page.fill("#key", "guess");
      await page.press("#key", "Enter");
      await notice(page, "That key does not fit");
      await page.fill("#key", KEY);
      await page.press("#key", "Enter");
      await untilLive(page);
      await page.waitForSelector("#voice option", { state: "attached" });
      await page.fill("#text", "Thank you.");
      await page.press("#text", "Enter");
      await untilEvent(page, "speak_ended", { interrupted: false });
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
      assert.match(download.suggestedFilename(), /^visavis-.*\.mp4$/);
      assert.equal(await download.failure(), null);
      assert.deepEqual(page.faults, []);

      // Somebody else with a token that does not fit gets nothing of it.
      const { id, token } = await sessionOf(page);
      const stranger = await stage.browser.open(`${closed.url}/#session=${id}&token=${token}x`);
      await notice(stranger, "Not allowed in");
      await shot(stranger, "error-token");
      // And with the right one, the face.
      const guest = await stage.browser.open(`${closed.url}/#session=${id}&token=${token}`);
      await untilLive(guest);
      await Promise.all([page, stranger, guest].map((each) => each.close()));
    } finally {
      await closed.stop();
    }
  });

  test("limits are announced before they strike, and the end names its reason", async () => {
    const short = await startServer({ VISAVIS_IDLE_TIMEOUT_S: "8" });
    try {
      const page = await stage.browser.open(short.url);
      await untilLive(page);
      await page.waitForSelector('#toast:has-text("unless something is said")');
      await notice(page, "Nothing was said for a while");
      await shot(page, "error-idle");
      await page.click('#notice button:has-text("Start again")');
      await untilLive(page);
      await page.close();
    } finally {
      await short.stop();
    }
  });

  test("a server that dies is missed at once, and found again when it is back", async () => {
    const doomed = await startServer();
    const page = await stage.browser.open(doomed.url);
    await untilLive(page);
    await untilFrames(page, 25);
    await doomed.kill();
    await notice(page, "The server does not answer");
    await shot(page, "error-gone");
    assert.equal(await page.innerText("#status-text"), "Reconnecting…");
    await page.fill("#text", "Are you there?");
    await page.press("#text", "Enter");
    await page.waitForSelector('#text-note:has-text("does not answer")');
    assert.equal(await page.inputValue("#text"), "Are you there?");
    const again = await startServer({}, Number(new URL(doomed.url).port));
    try {
      // The new server knows nothing of the old session.
      await notice(page, "The session has ended");
      await page.click('#notice button:has-text("Start again")');
      await untilLive(page);
    } finally {
      await page.close();
      await again.stop();
      await doomed.stop();
    }
  });
});
