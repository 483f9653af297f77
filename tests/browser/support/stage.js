/** A server and a browser for the tests of one `describe`. */

import { after, afterEach, before } from "node:test";
import { startBrowser } from "./browser.js";
import { startServer } from "./server.js";

/**
 * Starts a server with `settings` and a browser before the tests, closes the pages that each of
 * them leaves open, and stops both in the end. They are there once the tests run, not before.
 */
export function setStage({ settings, browser } = {}) {
  const stage = { server: undefined, browser: undefined };
  before(async () => {
    stage.server = await startServer(settings);
    stage.browser = await startBrowser(browser);
  });
  afterEach(() => stage.browser?.closePages());
  after(async () => {
    await stage.browser?.stop();
    await stage.server?.stop();
  });
  return stage;
}
