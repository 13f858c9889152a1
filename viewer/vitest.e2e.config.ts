/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The browser tests of tests/e2e: a real Chromium against a real `triage view`. They lie outside this folder, so packages are named. */
export default defineConfig({
  root: here("../tests/e2e"),
  resolve: { alias: { "playwright-core": here("./node_modules/playwright-core"), vitest: here("./node_modules/vitest") } },
  server: { fs: { allow: [here("..")] } },
  test: {
    environment: "node",
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
