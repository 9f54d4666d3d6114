import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/setup.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Every file gets a process of its own: the harness counts the sockets that a test leaves open.
    pool: "forks",
    maxWorkers: 2,
  },
});
