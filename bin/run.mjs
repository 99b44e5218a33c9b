// Runs a project script (a path) or a dependency's command (a name) on the pinned Node: `node bin/run.mjs vitest run`.
import { ensureInstalled, packageCommand, runPinned } from './runtime.mjs'

const [target, ...args] = process.argv.slice(2)
// `npm ci` itself runs the generation step through here.
if (process.env.npm_lifecycle_event !== 'prepare') ensureInstalled()
runPinned([packageCommand(target) ?? target, ...args])
