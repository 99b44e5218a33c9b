/** Ports for servers that take no port 0. Another process may be quicker: a moment passes until they are used. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map(portOf)
  await closeAll(servers)
  return ports
}

/** The first of so many ports in a row. */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const [base] = await freePorts(1)
    const servers = Array.from({ length: count }, (_, i) => createServer().listen(base + i, '127.0.0.1'))
    const results = await Promise.allSettled(servers.map((server) => once(server, 'listening')))
    await closeAll(servers.filter((_, i) => results[i].status === 'fulfilled'))
    if (results.every(({ status }) => status === 'fulfilled') && base + count < 65_536) return base
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map((server) => {
      const closed = once(server, 'close')
      server.close()
      return closed
    }),
  )
}
