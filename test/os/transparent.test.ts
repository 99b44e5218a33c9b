import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// A network namespace of its own, in which answers to a foreign address come back here, as original_src needs it.
const route =
  'ip link set lo up && ip route add local 10.9.8.0/24 dev lo table 100 && ip rule add to 10.9.8.0/24 lookup 100'
const canRoute = spawnSync('unshare', ['-n', 'sh', '-c', route]).status === 0

test.skipIf(!canRoute)('a transparent socket connects from an address of another machine, with its mark', () => {
  const child = join(import.meta.dirname, 'transparent_child.ts')
  const args = ['-n', 'sh', '-c', `${route} && exec "$0" "$1"`, process.execPath, child]
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 20_000 })
  expect(stderr).toBe('')
  expect(stdout).toBe('mark 42\nfrom 10.9.8.7\n')
})
