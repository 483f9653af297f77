import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

// The start page, as the server serves it: `/` and `/assets/*`. The element is built beside it
// under a name without a hash, so that any page can load it straight from a running server.
const ELEMENT = "visavis-avatar";

/** The server behind `npm run dev`. */
const SERVER = loadEnv("", ".", "VISAVIS_")["VISAVIS_SERVER"] ?? "http://127.0.0.1:8080";

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
          chunk.name === ELEMENT ? "assets/[name].js" : "assets/[name]-[hash].js",
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
