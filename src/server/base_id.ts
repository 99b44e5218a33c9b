// Base ids keep several proxies on one machine apart: a process holds a name in the abstract socket namespace for its id.

import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import type { Options } from './options.ts'

const dynamicAttempts = 32
const dynamicLimit = 2 ** 28

/** The id in force; `release` frees it. */
export interface BaseId {
  readonly value: number
  release(): void
}

/**
 * Takes the base id that the options name, or a free one, and writes it to `--base-id-path`.
 * Throws where another process holds it, and where `--restart-epoch` asks to take over from a process.
 */
export async function claimBaseId(options: Options): Promise<BaseId> {
  if (options.disableHotRestart) return { value: options.baseId, release: () => {} }
  await checkEpoch(options)
  const claimed = options.useDynamicBaseId ? await claimFree() : await claim(options.baseId)
  if (claimed === undefined)
    throw new Error(
      `unable to bind domain socket with base_id=${options.baseId}, id=0, errno=98 (see --base-id option)`,
    )
  if (options.baseIdPath !== '') writeFileSync(options.baseIdPath, String(claimed.value))
  return claimed
}

async function checkEpoch({ restartEpoch, baseId, skipHotRestartOnNoParent }: Options): Promise<void> {
  if (restartEpoch === 0) return
  const probe = await claim(baseId)
  if (probe === undefined) {
    throw new Error(
      `--restart-epoch ${restartEpoch}: taking over from the running process with base id ${baseId} is not supported; end it first`,
    )
  }
  probe.release()
  if (!skipHotRestartOnNoParent)
    throw new Error(`--restart-epoch ${restartEpoch}: no process with base id ${baseId} is running to take over from`)
}

async function claimFree(): Promise<BaseId | undefined> {
  for (let attempt = 0; attempt < dynamicAttempts; attempt++) {
    const claimed = await claim(randomInt(dynamicLimit))
    if (claimed !== undefined) return claimed
  }
  return undefined
}

/** Undefined where the id is held by another process. */
async function claim(value: number): Promise<BaseId | undefined> {
  const server: Server = createServer((socket) => socket.destroy())
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`\0nuncio_base_id_${value}`, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return { value, release: () => server.close() }
}
