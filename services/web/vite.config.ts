/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

// The platform that `npm run dev` talks to; `make up` serves it on port 8080.
const platform = loadEnv("development", ".", "MOIM_").MOIM_URL ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react()],
  // Everything is a file of our own origin, so that the gateway can serve the client under `default-src 'self'`.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: {
    proxy: {
      "/api": { target: platform, changeOrigin: false },
      "/ws": { target: platform, ws: true, changeOrigin: false },
    },
  },
  test: { environment: "node", setupFiles: ["scripts/test-setup.mjs"], include: ["src/**/*.test.{ts,tsx}"], unstubGlobals: true },
});
