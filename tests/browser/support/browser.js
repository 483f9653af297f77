/** Chromium, as a viewer would run it, with the probe that tells what is seen and heard. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { AUTOPLAY, executable, FLAGS } from "../../support/chromium.mjs";

export const OUTPUT = fileURLToPath(new URL("../output/", import.meta.url));
mkdirSync(OUTPUT, { recursive: true });

const PROBE = readFileSync(new URL("./probe.js", import.meta.url), "utf8");

/** Long for a machine that is busy with other things; a pass never takes this long. */
export const PATIENCE_MS = 30_000;

/**
 * Starts a browser with a fresh profile. `autoplay: false` keeps the browser's rule that sound
 * needs a gesture; `flags` are further flags of Chromium.
 */
export async function startBrowser({ autoplay = true, flags = [] } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "visavis-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    args: [...FLAGS, ...(autoplay ? [AUTOPLAY] : []), ...flags],
    ignoreDefaultArgs: ["--mute-audio"],
    acceptDownloads: true,
    viewport: { width: 1280, height: 800 },
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(PROBE);
  return {
    context,
    /** Opens a page; its uncaught errors are collected in `page.faults`. */
    async open(url, { viewport, colorScheme = "light" } = {}) {
      const page = await context.newPage();
      page.faults = [];
      page.on("pageerror", (error) => page.faults.push(String(error.stack ?? error)));
      if (viewport) await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.goto(url);
      return page;
    },
    /** Closes what a test has left open, so that it does not weigh on the next. */
    async closePages() {
      // The first one came with the browser and holds its window open.
      await Promise.all(context.pages().slice(1).map((page) => page.close()));
    },
    async stop() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Waits until the start page is live and has shown a picture. */
export async function untilLive(page) {
  await page.waitForSelector('#status[data-tone="good"]');
  await page.waitForFunction(() => document.querySelector("#video").videoWidth > 0);
}

/** Begins to record what a video of the page shows and plays, and which events come. */
export async function watch(page, selector = "#video") {
  await page.evaluate((which) => window.visavisProbe.start(document.querySelector(which)), selector);
}

/** What was seen and heard since `watch`; ends the watching. */
export async function watched(page) {
  const raw = await page.evaluate(() => window.visavisProbe.stop());
  const bytes = Buffer.from(raw.pixels, "base64");
  const size = raw.side * raw.side;
  return {
    side: raw.side,
    frames: raw.frames.map((frame, index) => ({
      ...frame,
      pixels: bytes.subarray(index * size, (index + 1) * size),
    })),
    levels: raw.levels,
    captions: raw.captions,
  };
}

/** Id and token of the session that the page runs, taken from its requests. */
export async function sessionOf(page) {
  return page.evaluate(() => window.visavisProbe.session);
}

/** Everything the page was told so far, or the events of one type. */
export async function eventsOf(page, type) {
  const events = await page.evaluate(() => window.visavisProbe.events);
  return type ? events.filter((event) => event.type === type) : events;
}

/** Waits for an event that the page is told, and returns it. */
export async function untilEvent(page, type, fields = {}) {
  const found = await page.waitForFunction(
    ([wanted, match]) =>
      window.visavisProbe.events.find(
        (event) =>
          event.type === wanted && Object.entries(match).every(([name, value]) => event[name] === value),
      ),
    [type, fields],
  );
  return found.jsonValue();
}

/** Waits until `count` more pictures have been shown: media time, and not that of a busy machine. */
export async function untilFrames(page, count, selector = "video") {
  await page.evaluate(
    ([which, wanted]) =>
      new Promise((resolve) => {
        const video = document.querySelector(which);
        let left = wanted;
        const seen = () => (--left > 0 ? video.requestVideoFrameCallback(seen) : resolve());
        video.requestVideoFrameCallback(seen);
      }),
    [selector, count],
  );
}

/** Saves a screenshot for people to look at. */
export async function shot(page, name, options = {}) {
  await page.screenshot({ path: join(OUTPUT, `${name}.png`), ...options });
}
