// `nuncio supervise`: the first process of a container. Runs the proxy and replaces it without loss when the program changes.

import { resolve } from 'node:path'
import { programPath } from '../../server/channel.ts'
import { FileFollower } from '../../server/file_follower.ts'
import { Supervisor } from './supervisor.ts'

const helpText = `nuncio supervise [--program PATH] [FLAG...]

Runs the proxy with these flags, and when the program's file changes, or at SIGHUP, starts the new one as the next generation,
which takes over from the one that runs. If that fails, the one that runs goes on, and it is tried again later.
SIGTERM and SIGINT end all, SIGUSR1 is passed on. Orphans of the container are reaped.

  --program PATH   what Node runs as the proxy (default: this program)`

/** The flags that say which generation a process is. */
const ownFlags = ['--restart-epoch', '--disable-hot-restart', '--use-dynamic-base-id']

/** The exit code of the last process. */
export async function runSupervise(args: readonly string[]): Promise<number> {
  if (args[0] === '--help' || args[0] === '-h') {
    console.log(helpText)
    return 0
  }
  const hasProgram = args[0] === '--program'
  const program = hasProgram ? args[1] : programPath
  const flags = hasProgram ? args.slice(2) : args
  const refused = flags.find((flag) => ownFlags.includes(flag.split('=')[0]))
  if (program === undefined || refused !== undefined) {
    const problem = refused === undefined ? '--program needs a path' : `${refused} is not for whoever is supervised`
    console.error(`nuncio supervise: ${problem}\nFor all options: nuncio supervise --help`)
    return 1
  }
  return supervise(resolve(program), flags)
}

async function supervise(program: string, flags: readonly string[]): Promise<number> {
  const supervisor = new Supervisor(program, flags)
  const follower = new FileFollower(program, () => supervisor.startNext(`${program} has changed`))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop(signal))
  process.on('SIGUSR1', () => supervisor.signalNewest('SIGUSR1'))
  process.on('SIGHUP', () => supervisor.startNext('caught SIGHUP'))
  supervisor.startNext('first start')
  follower.start()
  const code = await supervisor.ended
  follower.stop()
  return code
}
