import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// A network namespace of its own, in which the kernel redirects as it does for a sidecar.
const redirect = 'ip link set lo up && iptables -t nat -A OUTPUT -p tcp --dport 9999 -j REDIRECT --to-ports 8888'
const canRedirect = spawnSync('unshare', ['-n', 'sh', '-c', redirect]).status === 0

test.skipIf(!canRedirect)('a redirected connection tells where it was going', async () => {
  const script = `${redirect} && exec "$0" "$1"`
  const child = spawn('unshare', [
    '-n',
    'sh',
    '-c',
    script,
    process.execPath,
    join(import.meta.dirname, 'redirected_child.ts'),
  ])
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  expect(await once(child, 'close')).toEqual([0, null])
  expect(JSON.parse(text)).toEqual({ family: 'ipv4', address: '127.0.0.7', port: 9999 })
})
