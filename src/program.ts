// The program: becomes a worker where main has started it as one, else reads the command line and is the main process.

import type { ExtensionRegistry } from './config/registry.ts'
import { workerMarker } from './server/channel.ts'

/** What the program does besides being a proxy, by the first word of the command line. */
const commands: ReadonlyMap<string | undefined, (args: readonly string[]) => number | Promise<number>> = new Map([
  ['agent', async (args) => (await import('./commands/agent/command.ts')).runAgent(args)],
  ['inject', async (args) => (await import('./commands/inject/command.ts')).runInject(args)],
  ['iptables', async (args) => (await import('./commands/iptables/command.ts')).runIptables(args)],
  ['supervise', async (args) => (await import('./commands/supervise/command.ts')).runSupervise(args)],
])

/** Each kind of process loads what it needs alone: it starts sooner, and takes less memory. */
export async function run(): Promise<void> {
  const [name, ...args] = process.argv.slice(2)
  const command = process.env[workerMarker] === undefined ? commands.get(name) : undefined
  if (command !== undefined) {
    process.exitCode = await command(args)
    return
  }
  const registry = await registryOfAll()
  if (process.env[workerMarker] !== undefined) {
    const { runWorker } = await import('./server/worker_process.ts')
    runWorker(registry)
  } else {
    const { runCommand } = await import('./command.ts')
    process.exitCode = await runCommand(process.argv.slice(2), registry)
  }
}

async function registryOfAll(): Promise<ExtensionRegistry> {
  const { ExtensionRegistry } = await import('./config/registry.ts')
  const { allExtensions } = await import('./extensions/all_extensions.ts')
  const registry = new ExtensionRegistry()
  for (const factory of allExtensions) registry.register(factory)
  return registry
}
