// Clients in headless Chromium: those of tests/conformance, whose packages they need
// (npm ci in tests/browser and tests/conformance).

import { startBrowser } from "../../tests/browser/support/browser.js";
import { openClient } from "../../tests/conformance/support/page.js";

/** Starts Chromium for `use`, which gets a function that opens the page of a client. */
export async function withClient(name, use) {
  const browser = await startBrowser();
  try {
    return await use(async () => {
      const client = await openClient(browser, name);
      return Object.assign(client, {
        close: () => client.page.close(),
        /** Its process dies: no goodbye of any kind reaches the server. */
        crash: () => client.page.goto("chrome://crash").catch(() => undefined),
      });
    });
  } finally {
    await browser.stop();
  }
}
