// Measures every table, one after the other.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { TABLES } from "./table.js";

const failed = TABLES.filter((table) => {
  const script = fileURLToPath(new URL(`${table}.js`, import.meta.url));
  return spawnSync(process.execPath, [script], { stdio: "inherit" }).status !== 0;
});
if (failed.length > 0) {
  console.error(`not measured: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("\nnpm run table puts the figures into the README.");
