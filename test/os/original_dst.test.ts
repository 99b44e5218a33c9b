import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { DEBIAN_INSTALL_TIMEOUT_MS } from '../support/ensure_debian_command.ts'
import { ensureNamespaceTools, NetworkNamespace } from '../support/network_namespace.ts'

beforeAll(ensureNamespaceTools, DEBIAN_INSTALL_TIMEOUT_MS)

test('a redirected connection tells where it was going', async () => {
  const namespace = await NetworkNamespace.create()
  try {
    const redirect = '-t nat -A OUTPUT -p tcp --dport 9999 -j REDIRECT --to-ports 8888'
    namespace.run('iptables', ...redirect.split(' '))
    const text = namespace.run(process.execPath, join(import.meta.dirname, 'redirected_child.ts'))
    expect(JSON.parse(text)).toEqual({ family: 'ipv4', address: '127.0.0.7', port: 9999 })
  } finally {
    namespace.stop()
  }
})
