/** Adds one to the first word of the shared memory on descriptor 3, as often as its argument says. */
import { mapSharedMemory, PAGE_BYTES } from '../../src/os/shared_memory.ts'

const words = new Int32Array(mapSharedMemory(3, PAGE_BYTES))
const rounds = Number(process.argv[2])
for (let i = 0; i < rounds; i++) Atomics.add(words, 0, 1)
