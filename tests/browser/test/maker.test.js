import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../../support/program.mjs";
import { AUDIBLE, mean, mouthMotion, quantile } from "../support/analysis.js";
import { sessionOf, shot, untilEvent, untilLive, watch, watched } from "../support/browser.js";
import { overhang, violations } from "../support/everybody.js";
import { setStage } from "../support/stage.js";
import { settle } from "../support/text.js";

const PICTURE = join(ROOT, "models", "faces", "test", "glasses.jpg");

/** Where things are once the picture is framed, in shares of it. */
const LIPS = { left: 0.43, right: 0.57, top: 0.45, bottom: 0.54 };
const SHIRT = { left: 0.2, right: 0.4, top: 0.8, bottom: 0.95 };

/** Waits for the report on what is in the frame now. */
const untilJudged = (page) => page.waitForSelector('#maker-report[aria-busy="false"] li');

/** The lines of the report: `{ Eyes: "warning", … }`. */
const report = (page) =>
  page.$$eval("#maker-report li", (items) =>
    Object.fromEntries(items.map((item) => [item.querySelector("strong").textContent, item.dataset.level])),
  );

/** The avatar of the session that the page made last. */
async function avatarOf(stage, page) {
  const { id } = await sessionOf(page);
  return (await stage.server.api("GET", `/v1/sessions/${id}`)).avatar;
}

const faces = (page) => page.$$eval("#avatars .avatar span", (names) => names.map((name) => name.textContent));

describe("making an avatar of a picture", () => {
  const stage = setStage({
    browser: { flags: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] },
  });

  test("choose, frame, consent, see it speak, keep, use, delete", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await page.click("#make-own");
    assert.deepEqual(await violations(page), []);
    await shot(page, "maker-picture");
    const chosen = performance.now();
    await page.setInputFiles("#maker-file", PICTURE);
    await untilJudged(page);
    const judged = performance.now();
    assert.equal((await report(page)).Eyes, "warning", "the glasses are told of");
    await shot(page, "maker-frame");

    // Closer and closer, until the head has no room: the report follows.
    await page.focus("#maker-frame");
    for (let step = 0; step < 14; step++) await page.keyboard.press("+");
    await page.waitForSelector('#maker-report[aria-busy="false"] li:has-text("little room")');
    await page.click("#maker-fit");

    await page.click("#maker-try");
    assert.match(await page.innerText("#maker-wrong"), /name/);
    await page.fill("#maker-name", "Grace");
    await page.click("#maker-try");
    assert.match(await page.innerText("#maker-wrong"), /consent/);
    await page.check("#maker-agreed");
    await untilJudged(page);
    assert.deepEqual(await violations(page), []);
    const wanted = performance.now();
    await page.click("#maker-try");
    await page.waitForSelector('#maker-stage[data-phase="live"]');
    const live = performance.now();
    const took = { report: judged - chosen, preview: live - wanted };
    console.log("ms from the picture to its report, and to a live preview:", JSON.stringify(took));
    await watch(page, "#maker-video");
    const { avatars: listed } = await stage.server.api("GET", "/v1/avatars");
    assert.ok(listed.every(({ deletable }) => !deletable), "a draft is not listed");
    await untilEvent(page, "word", { text: "look" });
    await shot(page, "maker-preview");
    const { frames, side, levels } = await watched(page);
    assert.ok(quantile(levels.map(([, level]) => level), 0.8) > AUDIBLE, "it is heard");
    const motion = (region) => mean(mouthMotion(frames, side, region).map(({ value }) => value));
    const [lips, shirt] = [motion(LIPS), motion(SHIRT)];
    console.log("mean motion of lips and shirt (grey levels):", lips.toFixed(2), shirt.toFixed(2));
    assert.ok(lips > 3 * shirt, "its lips move");
    const preview = (await sessionOf(page)).id;
    assert.deepEqual(await violations(page), []);

    await page.click("#maker-keep");
    await settle(async () => {
      const { sessions } = await stage.server.api("GET", "/v1/sessions");
      return sessions.every(({ id }) => id !== preview) || undefined;
    });
    await page.waitForSelector('#avatars .avatar:has-text("Grace") input:checked');
    await untilLive(page);
    assert.equal(await avatarOf(stage, page), "grace");
    await page.fill("#text", "I am new here.");
    await page.press("#text", "Enter");
    await untilEvent(page, "word", { text: "new" });
    await shot(page, "maker-kept");
    await untilEvent(page, "speak_ended", { session_id: (await sessionOf(page)).id });
    assert.deepEqual(await violations(page), []);

    await page.click('[aria-label="Delete Grace"]');
    await shot(page, "maker-delete");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    assert.ok((await faces(page)).includes("Grace"), "Escape deletes nothing");
    await page.click('[aria-label="Delete Grace"]');
    await page.click("#confirm-yes");
    await page.waitForFunction(() => !document.querySelector("#avatars").innerText.includes("Grace"));
    await untilLive(page);
    assert.equal(await avatarOf(stage, page), "leo");
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("by phone, in the dark, with keys alone; what is discarded is gone", async () => {
    const viewport = { width: 360, height: 740 };
    const page = await stage.browser.open(stage.server.url, { viewport, colorScheme: "dark" });
    await untilLive(page);
    await page.waitForSelector("#make-own");
    const tabTo = async (id) => {
      for (let step = 0; step < 40; step++) {
        if ((await page.evaluate(() => document.activeElement.id)) === id) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`${id} cannot be reached with Tab`);
    };
    // The browser is told late that its chooser is to be caught: wait early.
    const chooser = page.waitForEvent("filechooser");
    await tabTo("make-own");
    await page.keyboard.press("Enter");
    await tabTo("maker-choose");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles(PICTURE);
    await untilJudged(page);
    assert.deepEqual(await violations(page), []);
    assert.equal(await overhang(page, "#maker"), 0);
    await shot(page, "maker-phone-frame");
    await tabTo("maker-turn");
    for (let step = 0; step < 6; step++) await page.keyboard.press("ArrowRight");
    await page.waitForSelector('#maker-report[aria-busy="true"]');
    await tabTo("maker-fit");
    await page.keyboard.press("Space");
    await tabTo("maker-name");
    await page.keyboard.type("Ada");
    await tabTo("maker-agreed");
    await page.keyboard.press("Space");
    await shot(page, "maker-phone-words");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#maker-stage[data-phase="live"]');
    const poster = await page.getAttribute("#maker-poster", "src");
    assert.equal((await fetch(poster)).status, 200);
    await untilEvent(page, "word", { text: "look" });
    assert.deepEqual(await violations(page), []);
    assert.equal(await overhang(page, "#maker"), 0);
    await shot(page, "maker-phone-preview");
    await page.keyboard.press("Escape");
    assert.equal(await page.isVisible("#maker"), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), "make-own");
    await settle(async () => ((await fetch(poster)).status === 404 ? true : undefined));
    assert.ok(!(await faces(page)).includes("Ada"));
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("pictures that cannot be used are told of: no face, another kind of file, dropped or taken", async () => {
    const page = await stage.browser.open(stage.server.url);
    await page.click("#make-own");
    const drop = (name, type, bytes) =>
      page.$eval(
        "#maker-drop",
        (target, [fileName, fileType, content]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([new Uint8Array(content)], fileName, { type: fileType }));
          target.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        },
        [name, type, bytes],
      );
    await drop("me.heic", "image/heic", [0, 0, 0, 24, ...Buffer.from("ftypheic"), 0, 0, 0, 0]);
    await page.waitForSelector('#maker-wrong:has-text("Save it as JPEG")');
    await shot(page, "maker-refused");
    assert.deepEqual(await violations(page), []);

    // What the browser offers for a camera shows nobody.
    await page.click("#maker-camera");
    await page.waitForFunction(() => document.querySelector("#maker-camera-video").videoWidth > 0);
    await shot(page, "maker-camera");
    await page.click("#maker-camera-take");
    await untilJudged(page);
    assert.deepEqual(await report(page), { Face: "error" });
    assert.equal(await page.evaluate(() => document.querySelector("#maker-camera-video").srcObject), null);
    await page.fill("#maker-name", "Nobody");
    await page.check("#maker-agreed");
    await page.click("#maker-try");
    assert.match(await page.innerText("#maker-wrong"), /must change/);
    await shot(page, "maker-no-face");
    assert.deepEqual(page.faults, []);
    await page.close();
  });
});
