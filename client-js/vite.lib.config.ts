import { defineConfig } from "vite";

// The package: plain ES modules for other people's bundlers.
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "dist/lib",
    emptyOutDir: true,
    target: "es2022",
    minify: false,
    lib: {
      entry: {
        index: "src/index.ts",
        element: "src/element.ts",
      },
      formats: ["es"],
    },
  },
});
