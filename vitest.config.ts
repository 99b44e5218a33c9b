import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/prepare_envoy.ts'],
    pool: 'forks',
    // Most tests wait for sockets, so that two files at once are quicker even on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A machine that others use too may be late: a further try tells that from a fault, and the report names it.
    retry: process.env['CI'] === undefined ? 0 : 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
