// Base ids keep several proxies on one machine apart, and their generations together: see hot_restart/.

import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connectDescriptorChannel } from '../os/descriptor_passing.ts'
import { closeFd } from '../os/socket.ts'
import { HandoverChild, HandoverError } from './hot_restart/child.ts'
import { generationNames } from './hot_restart/messages.ts'
import { HandoverParent } from './hot_restart/parent.ts'
import type { Options } from './options.ts'

const dynamicAttempts = 32
const dynamicLimit = 2 ** 28

/** A process's place among those of its base id. */
export interface Generation {
  readonly baseId: number
  /** Undefined with `--disable-hot-restart`. */
  readonly successors: HandoverParent | undefined
  /** What the process before passes on; undefined for the first. */
  readonly predecessor: HandoverChild | undefined
}

/**
 * Takes the base id that the options name, or a free one, and writes it to `--base-id-path`; with `--restart-epoch` finds
 * the process to take over from. Throws where another process holds the id, and where that process is not there or refuses.
 */
export async function joinGenerations(options: Options): Promise<Generation> {
  const { baseId, restartEpoch } = options
  if (options.disableHotRestart) return { baseId, successors: undefined, predecessor: undefined }
  const predecessor = restartEpoch === 0 ? undefined : await findPredecessor(options)
  const claimed = options.useDynamicBaseId ? claimFree() : claim(baseId, restartEpoch)
  if (claimed === undefined) {
    predecessor?.close()
    throw new Error(
      `unable to bind domain socket with base_id=${baseId}, id=${restartEpoch}, errno=98 (see --base-id option)`,
    )
  }
  if (options.baseIdPath !== '') writeFileSync(options.baseIdPath, String(claimed.baseId))
  return { ...claimed, predecessor }
}

async function findPredecessor(options: Options): Promise<HandoverChild | undefined> {
  const { baseId, restartEpoch, skipHotRestartOnNoParent, skipHotRestartParentStats } = options
  try {
    const found = await HandoverChild.open(baseId, restartEpoch, !skipHotRestartParentStats)
    if (found !== undefined || skipHotRestartOnNoParent) return found
  } catch (error) {
    if (!(error instanceof HandoverError)) throw error
    throw new Error(`--restart-epoch ${restartEpoch}: the process with base id ${baseId} refuses: ${error.message}`)
  }
  throw new Error(`--restart-epoch ${restartEpoch}: no process with base id ${baseId} is running to take over from`)
}

function claimFree(): Pick<Generation, 'baseId' | 'successors'> | undefined {
  for (let attempt = 0; attempt < dynamicAttempts; attempt++) {
    const claimed = claim(randomInt(dynamicLimit), 0)
    if (claimed !== undefined) return claimed
  }
  return undefined
}

/** Undefined where the id is held by another process. */
function claim(baseId: number, epoch: number): Pick<Generation, 'baseId' | 'successors'> | undefined {
  // The first generation is none where a later one runs.
  if (epoch === 0 && generationNames(baseId).some(isHeld)) return undefined
  try {
    return { baseId, successors: new HandoverParent(baseId, epoch) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

function isHeld(name: string): boolean {
  const fd = connectDescriptorChannel(name)
  if (fd !== undefined) closeFd(fd)
  return fd !== undefined
}
