/** Firefox on a page of a client, driven over WebDriver BiDi. */

import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { Client, site } from "./page.js";

const EXECUTABLE = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path));

/** Why its tests are left out; false where Firefox is installed. */
export const NO_FIREFOX = EXECUTABLE === undefined && "Firefox is not installed";

/** A microphone that needs no permission, sound without a gesture, and media over loopback. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.peerconnection.ice.loopback": true,
};
const PATIENCE_MS = 30_000;

/** Keeps the peer connections of a page where a test finds them; runs in the page, before its own. */
function keepPeers() {
  window.peers = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...settings) {
      super(...settings);
      window.peers.push(this);
    }
  };
}

/** Opens an address; `close` ends the browser. */
export async function openAddressInFirefox(url) {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: EXECUTABLE,
    headless: true,
    extraPrefsFirefox: PREFERENCES,
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.evaluateOnNewDocument(keepPeers);
  await page.goto(url);
  return { page, close: () => browser.close() };
}

/** Opens `pages/<name>.js`; `stop` ends the browser. */
export async function openInFirefox(name) {
  const elsewhere = await site(name);
  const { page, close } = await openAddressInFirefox(elsewhere.url);
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`.slice(0, 400)));
  const driven = {
    evaluate: (work, given) => page.evaluate(work, given),
    waitForFunction: (work, given) => page.waitForFunction(work, { timeout: PATIENCE_MS }, given),
  };
  return {
    client: new Client(driven, said),
    async stop() {
      await close();
      elsewhere.stop();
    },
  };
}
