// Runs a project script (a path) or a dependency's command (a name) on the pinned Node: `node bin/run.mjs vitest run`.
import { ensureInstalled, hasPackage, packageCommand, runPinned } from './runtime.mjs'

const [target, ...args] = process.argv.slice(2)
if (target === undefined) {
  console.error('usage: node bin/run.mjs SCRIPT-OR-COMMAND [ARGUMENT...]')
  process.exit(1)
}
// `npm ci` itself runs the generation step through here; where it installs only a part, there is nothing to run.
if (process.env.npm_lifecycle_event !== 'prepare') ensureInstalled()
else if (!hasPackage('protobufjs') || !hasPackage('@grpc/grpc-js-xds')) process.exit(0)
runPinned([packageCommand(target) ?? target, ...args])
