/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": here("./src") } },
  // Relative addresses: the page works below any path, as a static export may need.
  base: "./",
  build: {
    outDir: here("../triage/server/page"),
    emptyOutDir: true,
    target: "es2023",
    // The server's Content-Security-Policy allows neither inline scripts nor data: URLs for them.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765" } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: [here("./src/testing/setup.ts")],
    restoreMocks: true,
    // Shared machines: a test that types takes its time.
    testTimeout: 20_000,
    css: { modules: { classNameStrategy: "non-scoped" } },
  },
});
