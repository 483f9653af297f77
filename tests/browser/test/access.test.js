import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shot, untilEvent, untilLive } from "../support/browser.js";
import { overhang, violations } from "../support/everybody.js";
import { setStage } from "../support/stage.js";

const VIEWPORTS = {
  phone: { width: 360, height: 740 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1440, height: 900 },
};

describe("a page for everybody", () => {
  const stage = setStage();

  for (const [name, viewport] of Object.entries(VIEWPORTS)) {
    for (const colorScheme of ["light", "dark"]) {
      test(`${name}, ${colorScheme}: nothing that axe objects to, nothing that scrolls sideways`, async () => {
        const page = await stage.browser.open(stage.server.url, { viewport, colorScheme });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await untilLive(page);
        await page.waitForSelector("#voice option", { state: "attached" });
        await page.click("#panel summary");
        await page.fill("#text", "Good evening! I am glad that you came by today.");
        await page.press("#text", "Enter");
        await untilEvent(page, "word", { text: "glad" });
        await page.waitForSelector("#receipt:not([hidden])");
        assert.deepEqual(await violations(page), []);
        assert.equal(await overhang(page), 0);
        await shot(page, `${name}-${colorScheme}`);
        await shot(page, `${name}-${colorScheme}-whole`, { fullPage: true });
        await page.close();
      });
    }
  }

  test("error states have nothing that axe objects to", async () => {
    const page = await stage.browser.open(`${stage.server.url}/?avatar=nobody`);
    await page.waitForSelector("#notice:not([hidden])");
    assert.deepEqual(await violations(page), []);
    await page.close();
  });

  test("everything can be done with the keyboard alone", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await page.waitForSelector("#voice option", { state: "attached" });
    const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
    await page.keyboard.press("Tab");
    assert.equal(await focus(), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await focus(), "text");
    await page.keyboard.type("One line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("and another, and so on and so on, until somebody stops me.");
    assert.match(await page.inputValue("#text"), /line\nand/);
    await page.keyboard.press("Enter");
    await untilEvent(page, "word", { text: "another" });
    await page.keyboard.press("Escape");
    await untilEvent(page, "speak_ended", { interrupted: true });
    assert.equal(await focus(), "text");
    // What was said can be had again.
    await page.keyboard.press("ArrowUp");
    assert.match(await page.inputValue("#text"), /^One line/);
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.inputValue("#text"), "");

    // From here every control can be reached, each with a visible focus.
    const reached = [];
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press("Tab");
      const { name, ring } = await page.evaluate(() => {
        const element = document.activeElement;
        const look = (target) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(target);
          return outlineStyle !== "none" && outlineWidth !== "0px";
        };
        return {
          name: element.id || element.name || element.className || element.tagName.toLowerCase(),
          ring: look(element) || (element.nextElementSibling && look(element.nextElementSibling)),
        };
      });
      if (name === "body") break;
      reached.push(name);
      assert.ok(ring, `${name} shows its focus`);
    }
    for (const name of ["speak", "example", "avatar", "voice", "download", "summary"]) {
      assert.ok(reached.includes(name), `${name} is among ${reached.join(", ")}`);
    }
    await page.focus(".example");
    await page.keyboard.press("Space");
    await untilEvent(page, "speak_ended", { interrupted: false });
    await page.focus("#panel summary");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.querySelector("#panel").open), true);
    assert.deepEqual(page.faults, []);
    await page.close();
  });

  test("screen readers get captions as text, once each", async () => {
    const page = await stage.browser.open(stage.server.url);
    await untilLive(page);
    await page.fill("#text", "Good evening!");
    await page.press("#text", "Enter");
    await untilEvent(page, "speak_ended");
    const log = page.getByRole("log", { name: "Captions" });
    assert.equal(await log.innerText(), "Good evening!");
    await page.close();
  });
});

describe("a browser that wants a gesture before sound", () => {
  const stage = setStage({ browser: { autoplay: false } });

  test("shows the face silently, says so, and takes the first key for a gesture", async () => {
    // Whatever is evaluated in a page counts as a gesture there, so the page itself tells how its
    // first attempt to play ended.
    await stage.browser.context.addInitScript(() => {
      const watch = setInterval(() => {
        const button = document.querySelector("#sound");
        if (!button || button.hidden) return;
        clearInterval(watch);
        console.info(`sound: ${button.textContent.trim()}`);
      }, 50);
    });
    const told = stage.browser.context.waitForEvent("console", (message) => message.text().startsWith("sound: "));
    const page = await stage.browser.open(stage.server.url);
    assert.equal((await told).text(), "sound: Turn sound on");
    await untilLive(page);
    const muted = () => page.evaluate(() => document.querySelector("#video").muted);
    assert.equal(await muted(), true);
    await shot(page, "sound-blocked");
    await page.focus("#text");
    await page.keyboard.type("Hello");
    await page.waitForSelector('#sound:has-text("Turn sound off")', { state: "attached" });
    assert.equal(await muted(), false);
    assert.equal(await page.evaluate(() => document.querySelector("#video").paused), false);
    await page.close();
  });
});
