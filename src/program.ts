// The program: becomes a worker where main has started it as one, else reads the command line and is the main process.

import { ExtensionRegistry } from './config/registry.ts'
import { allExtensions } from './extensions/all_extensions.ts'
import { workerMarker } from './server/channel.ts'

/** Each kind of process loads what it needs alone: it starts sooner, and takes less memory. */
export async function run(): Promise<void> {
  const registry = new ExtensionRegistry()
  for (const factory of allExtensions) registry.register(factory)
  if (process.env[workerMarker] !== undefined) {
    const { runWorker } = await import('./server/worker_process.ts')
    runWorker(registry)
  } else {
    const { runCommand } = await import('./command.ts')
    process.exitCode = await runCommand(process.argv.slice(2), registry)
  }
}
