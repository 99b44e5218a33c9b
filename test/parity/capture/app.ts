/** The application of a captured sidecar, in the sidecar's network namespace: what it asks for, and what becomes of that. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'

/** Connections of processes of this group are the sidecar's own: nothing redirects them. */
export const SIDECAR_GROUP = 1337
const APP_GROUP = 2000
const GET = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
const LATEST_MS = 20_000
const POLL_MS = 10

export async function startSidecar(kind: ProxyKind, yaml: string): Promise<ProxyProcess> {
  process.setegid?.(SIDECAR_GROUP)
  const proxy = await startProxy(kind, yaml, ['--file-flush-interval-msec', '50'])
  process.setegid?.(APP_GROUP)
  return proxy
}

/**
 * What answers `request`: the body where it is HTTP, `closed` where nothing came, and else the code of the error. Whether a
 * connection ends by a FIN or a RST is chance where bytes of it may be unread.
 */
export async function ask(host: string, port: number, request = GET): Promise<string> {
  const socket = connect(port, host)
  let text = ''
  let failure = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  socket.setTimeout(LATEST_MS, () => socket.destroy(new Error('nothing came')))
  socket.write(request)
  await new Promise((resolve) => socket.on('close', resolve))
  if (text === '') return failure === '' || failure === 'ECONNRESET' || failure === 'EPIPE' ? 'closed' : failure
  const bodyAt = text.indexOf('\r\n\r\n')
  return bodyAt < 0 ? text : text.slice(bodyAt + 4)
}

export async function until<T>(look: () => T | undefined | Promise<T | undefined>, what: () => string): Promise<T> {
  const deadline = performance.now() + LATEST_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not in ${LATEST_MS} ms: ${what()}`)
    await sleep(POLL_MS)
  }
}

/** The lines of the access log once there are so many, in an order of their own: connections end as they like. */
export function logLines(proxy: ProxyProcess, count: number): Promise<string[]> {
  const read = (): string[] => readFileSync(`${proxy.folder}/access.log`, 'utf8').split('\n').slice(0, -1)
  return until(
    () => (read().length < count ? undefined : read().sort()),
    () => `${count} lines of ${JSON.stringify(read())}`,
  )
}

/** Stats whose names match, once `isSettled` of them. */
export function settledStats(
  proxy: ProxyProcess,
  filter: string,
  isSettled: (stats: ReadonlyMap<string, number>) => boolean,
): Promise<Record<string, number>> {
  return until(
    async () => {
      const stats = await proxy.stats(filter)
      return isSettled(stats) ? Object.fromEntries([...stats].sort()) : undefined
    },
    () => `stats ${filter}`,
  )
}

/** Prints what `play` has seen of a proxy of the kind that the command line names. */
export async function playWith(yaml: string, play: (proxy: ProxyProcess) => Promise<unknown>): Promise<void> {
  const proxy = await startSidecar(process.argv[2] as ProxyKind, yaml)
  try {
    console.log(JSON.stringify(await play(proxy)))
  } catch (error) {
    console.error(proxy.tail())
    throw error
  } finally {
    await proxy.stop()
  }
}
