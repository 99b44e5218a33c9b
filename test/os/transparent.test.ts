import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { DEBIAN_INSTALL_TIMEOUT_MS } from '../support/ensure_debian_command.ts'
import { ensureNamespaceTools, NetworkNamespace } from '../support/network_namespace.ts'

beforeAll(ensureNamespaceTools, DEBIAN_INSTALL_TIMEOUT_MS)

test('a transparent socket connects from an address of another machine, with its mark', async () => {
  const namespace = await NetworkNamespace.create()
  try {
    // Answers to a foreign address come back here, as original_src needs it.
    namespace.run('ip', 'route', 'add', 'local', '10.9.8.0/24', 'dev', 'lo', 'table', '100')
    namespace.run('ip', 'rule', 'add', 'to', '10.9.8.0/24', 'lookup', '100')
    const text = namespace.run(process.execPath, join(import.meta.dirname, 'transparent_child.ts'))
    expect(text).toBe('mark 42\nfrom 10.9.8.7\n')
  } finally {
    namespace.stop()
  }
})
