#!/usr/bin/env node
// The `nuncio` command: the compiled entry of a published package, or the TypeScript one of a checkout.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, packageRoot, runPinned } from './runtime.mjs'

const compiled = join(packageRoot, 'dist', 'src', 'main.js')
const source = join(packageRoot, 'src', 'main.ts')
if (existsSync(source)) ensureInstalled()
runPinned([existsSync(source) ? source : compiled, ...process.argv.slice(2)])
