import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

// The start page, as the server serves it. The element is built beside it, so that any page can
// load it straight from a running server: under a name without a hash, and therefore not below
// `assets/`, which browsers may keep for ever.
const ELEMENT = "visavis-avatar";

/** The server behind `npm run dev`. */
const SERVER = loadEnv("", ".", "VISAVIS_")["VISAVIS_SERVER"] ?? "http://127.0.0.1:8747";

export default defineConfig({
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { page: "index.html", [ELEMENT]: "src/element.ts" },
      output: {
        entryFileNames: (chunk) =>
          chunk.name === ELEMENT ? "[name].js" : "assets/[name]-[hash].js",
      },
    },
  },
  server: {
    // Only the API: the page itself comes from here.
    proxy: Object.fromEntries(
      ["/v1", "/openapi.json"].map((path) => [path, { target: SERVER, ws: true }]),
    ),
  },
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
  },
});
