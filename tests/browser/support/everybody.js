/** Whether a page is one for everybody. */

import { createRequire } from "node:module";

const { source: AXE } = createRequire(import.meta.url)("axe-core");

/** What axe finds wrong with the page, in short. */
export async function violations(page) {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate(() => window.axe.run());
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** How many pixels of the page, or of an element, lie beyond its width. */
export function overhang(page, selector = "html") {
  return page.$eval(selector, ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
}
