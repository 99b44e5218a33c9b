// A process that logs and ends, for access_log_manager.test.ts: `exit FILE`, `busy FILE`, or `flood COUNT` to standard
// output.

import { pbkdf2 } from 'node:crypto'
import { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import { createLocalStore } from '../../src/stats/store.ts'

const manager = new AccessLogManager(createLocalStore(), { flushIntervalMs: 3_600_000, flushMinSizeBytes: 4096 })
const [mode, argument] = process.argv.slice(2)
if (mode === 'exit') {
  manager.file(argument).write('file\n')
  manager.file('/dev/stdout').write('out\n')
  manager.file('/dev/stderr').write('err\n')
  process.exit(0)
}
if (mode === 'busy') {
  // The thread pool has other work first, so that writes are still waiting in it when the process exits.
  for (let i = 0; i < 8; i++) pbkdf2('a', 'b', 100_000, 64, 'sha512', () => {})
  for (let i = 0; i < 2000; i++) manager.file(argument).write(`line ${i}\n`)
  process.exit(0)
}
const out = manager.file('/dev/stdout')
for (let i = 0; i < Number(argument); i++) out.write(`line ${i}\n`)
process.stderr.write('written\n')
await manager.flushAll()
