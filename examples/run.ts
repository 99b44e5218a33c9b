// Starts an example's backends and the proxy in front of them: `npm run example front_proxy`. Ctrl-C ends both.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { exampleNames, loadExample } from './example.ts'

const [name, ...flags] = process.argv.slice(2)
if (name === undefined) {
  console.error(`usage: npm run example NAME, one of ${exampleNames.join(', ')}`)
  process.exit(1)
}
const example = await loadExample(name)
example.prepare?.('/tmp')
for (const [port, backend] of Object.entries(example.backends)) {
  const server = backend((named) => named)
  server.listen(Number(port), '127.0.0.1')
  await once(server, 'listening')
  console.log(`backend on 127.0.0.1:${port}`)
}
example.configure?.('/tmp', (text) => text)
const program = join(import.meta.dirname, '../src/main.ts')
const own = join(import.meta.dirname, name, 'envoy.yaml')
const config = example.isNuncioOnly === true ? copyTo(join('/tmp', name)) : own
// Another proxy on this machine may have the usual base id.
const allFlags = [...(example.flags ?? []), ...flags]
const baseId = allFlags.includes('--base-id') ? [] : ['--use-dynamic-base-id']
const proxy = spawn(process.execPath, [program, '-c', config, ...baseId, ...allFlags], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => proxy.kill(signal))
const [code] = await once(proxy, 'exit')
process.exit(code ?? 1)

function copyTo(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const copy = join(folder, 'envoy.yaml')
  copyFileSync(own, copy)
  return copy
}
