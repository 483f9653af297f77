import { defineConfig } from "vitest/config";

// The start page, as the server serves it: `/` and `/assets/*`. The element is built beside it
// under a name without a hash, so that any page can load it straight from a running server.
const ELEMENT = "visavis-avatar";

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
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
  },
});
