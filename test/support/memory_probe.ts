// Loaded into the processes of a proxy by `--import`: on SIGUSR2 one collects its garbage and writes down what is left.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The folder of the files `<pid>`, each with the bytes that live after the last collection, and how many there were. */
export const probeFolderVariable = 'MEMORY_PROBE_FOLDER'

const folder = process.env[probeFolderVariable]
if (folder !== undefined) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let count = 0
  process.on('SIGUSR2', () => {
    // What only finalizers let go is gone after the second time.
    for (let i = 0; i < 2; i++) collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    writeFileSync(join(folder, String(process.pid)), `${++count} ${heapUsed + arrayBuffers}`)
  })
}
