// The entry: turns on the cache of compiled modules, which halves the start of every process but the first, then runs.

import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside the installed packages, not in a folder for all users: what is read from there is run. Where it cannot be
// written there is no cache.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/nuncio', import.meta.url)))
const { run } = await import('./program.ts')
await run()
