// `nuncio agent`: what a node agent does for the proxy of a pod.

import { Agent } from './agent.ts'
import { helpText, parseAgentCommand } from './options.ts'

/** The exit code. */
export async function runAgent(args: readonly string[]): Promise<number> {
  const command = parseAgentCommand(args)
  if (command.kind === 'help') {
    console.log(helpText())
    return 0
  }
  if (command.kind === 'error') return refuse(`${command.message}\nFor all options: nuncio agent --help`)
  let agent: Agent
  try {
    agent = new Agent(command.options, process.env)
  } catch (error) {
    return refuse((error as Error).message)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.stop(signal))
  process.on('SIGUSR1', () => agent.signalProxy('SIGUSR1'))
  return agent.run()
}

function refuse(message: string): number {
  console.error(`nuncio agent: ${message}`)
  return 1
}
