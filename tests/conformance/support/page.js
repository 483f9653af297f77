/** A web page of somebody else that uses a client: the client from npm, bundled as people do. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { elsewhere } from "../../browser/support/elsewhere.js";
import { untilFrames, watch, watched } from "../../browser/support/browser.js";

const PAGES = new URL("../pages/", import.meta.url);

/** The page `pages/<name>.js` as one script. */
async function bundle(name) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`${name}.js`, PAGES))],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    logLevel: "error",
  });
  // The end of a script element must not stand inside of it (HTML, 4.12.1.3).
  return outputFiles[0].text.replaceAll("</script", "<\\/script");
}

/**
 * Opens `pages/<name>.js` on a site of its own, another origin than the server. What the client
 * tells is in `notes()`, each with the time of the page.
 */
export async function openClient(browser, name) {
  const { url, stop } = await site(name);
  const page = await browser.open(url);
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`.slice(0, 400)));
  page.once("close", stop);
  return new Client(page, said);
}

/** A site with `pages/<name>.js` on it. */
export async function site(name) {
  const script = await bundle(name);
  return elsewhere(
    `<!doctype html><meta charset="utf-8"><title>${name}</title>` +
      `<video autoplay playsinline></video><script>${script}</script>`,
  );
}

/** A client on a page, whatever drives it. */
export class Client {
  constructor(page, said) {
    this.page = page;
    this.said = said;
  }

  /** Calls a function of the page's `window.client`. */
  async call(method, ...args) {
    try {
      return await this.page.evaluate(([name, given]) => window.client[name](...given), [method, args]);
    } catch (error) {
      throw new Error(`${method}: ${error.message}\nthe page said:\n${this.said.slice(-20).join("\n")}`);
    }
  }

  /** Notes that the test did something now; gives the note. */
  mark(name) {
    return this.page.evaluate((what) => window.note(what), name);
  }

  /** Everything noted so far: `{ at, name, … }`. */
  notes() {
    return this.page.evaluate(() => window.notes);
  }

  /** Waits for the `count`-th note of a name, and returns it. */
  async until(name, count = 1) {
    try {
      const found = await this.page.waitForFunction(
        ([wanted, which]) => window.notes.filter((note) => note.name === wanted)[which - 1],
        [name, count],
      );
      return await found.jsonValue();
    } catch (error) {
      const names = (await this.notes()).map((note) => note.name).join(", ");
      throw new Error(
        `${name} (${count}) did not come: ${error.message}\nnoted: ${names}\n` +
          `the page said:\n${this.said.slice(-20).join("\n")}`,
      );
    }
  }

  /** Begins to record what the page shows and plays. */
  watch() {
    return watch(this.page, "video");
  }

  /** Ends the recording: what was seen, heard and noted. */
  async watched() {
    return { ...(await watched(this.page)), notes: await this.notes() };
  }

  /** Waits until `count` more pictures were shown: media time, not that of a busy machine. */
  pictures(count) {
    return untilFrames(this.page, count);
  }
}
