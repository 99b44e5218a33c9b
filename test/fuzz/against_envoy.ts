/**
 * Sends requests of the malformed corpus, changed at random, to Envoy and to Nuncio, and prints where Nuncio is laxer:
 * `node test/fuzz/against_envoy.ts [seconds] [seed]`. What it finds becomes a case of the corpus.
 */

import { framingRequests } from '../parity/malformed/requests_framing.ts'
import { headRequests } from '../parity/malformed/requests_head.ts'
import { bootstrap, cluster, http1Options, httpListener } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { type ProxyProcess, startEnvoy, startNuncio } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'

const seconds = Number(process.argv[2] ?? 60)
const quietMs = 60
const width = 16

/** What the corpus's listeners differ in, as far as it changes what is accepted. */
const listeners: Readonly<Record<string, string>> = {
  plain: '',
  http10: 'http_protocol_options: { accept_http_10: true }',
  trailers: 'http_protocol_options: { enable_trailers: true }',
  lenient: 'normalize_path: true\nmerge_slashes: true\nstrip_trailing_host_dot: true',
}

const pieces = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '%',
  '%2e',
  '#',
  '\\',
  '\x80',
  '\xff',
  '\x0b',
  '\x7f',
  '0',
  '5',
  'a',
  '-',
  '+',
  '_',
  '"',
  "'",
  '[',
  ']',
  '@',
  '..',
  '/',
  '//',
  '?',
  '*',
  '0x',
  'Host: b\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: upgrade\r\nUpgrade: foo\r\n',
  'Expect: 100-continue\r\n',
  'TE: trailers\r\n',
  'HTTP/1.0',
  'http://b',
  '0\r\n\r\n',
  '1\r\nx\r\n',
  'GET / HTTP/1.1\r\n',
  'X: \r\n',
  ' x\r\n',
]

/** A small generator that a seed repeats (mulberry32). */
function randomSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
const random = randomSource(seed)
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]

function mutated(raw: string): string {
  let text = raw
  for (let edits = 1 + Math.floor(random() * 3); edits > 0; edits--) {
    const at = Math.floor(random() * (text.length + 1))
    const removed = random() < 0.3 ? 1 + Math.floor(random() * 4) : 0
    const inserted = random() < 0.85 ? pick(pieces) : ''
    text = text.slice(0, at) + inserted + text.slice(at + removed)
  }
  return text
}

interface Outcome {
  /** Status of each response. */
  statuses: string
  /** The request lines, framing and bodies that reached the backend. */
  forwarded: string
  closed: boolean
}

/** One proxy with backends of its own, one for each lane, so that lanes do not see each other's requests. */
class Target {
  readonly proxy: ProxyProcess
  readonly #backends: readonly EchoBackend[]

  constructor(proxy: ProxyProcess, backends: readonly EchoBackend[]) {
    this.proxy = proxy
    this.#backends = backends
  }

  static async start(start: (yaml: string) => Promise<ProxyProcess>): Promise<Target> {
    const backends: EchoBackend[] = []
    for (let i = 0; i < width; i++) backends.push(await EchoBackend.start())
    const options = http1Options(`
common_http_protocol_options: { max_requests_per_connection: 1 }
explicit_http_config: { http_protocol_options: { enable_trailers: true } }
`)
    const clusters = backends.map((backend, i) => cluster(`lane${i}`, options, String(backend.port)))
    const all = backends.flatMap((_, i) =>
      Object.entries(listeners).map(([name, hcm]) =>
        httpListener({
          name: `${name}${i}`,
          hcm: `delayed_close_timeout: 0.02s\n${hcm}`,
          virtualHosts: `- { name: all, domains: ["*"], routes: [ { match: { prefix: / }, route: { cluster: lane${i} } } ] }`,
        }),
      ),
    )
    return new Target(await start(bootstrap(all, clusters)), backends)
  }

  async send(lane: number, listener: string, raw: string): Promise<Outcome> {
    const backend = this.#backends[lane]
    const seen = backend.connections.length
    const client = await RawClient.connect(this.proxy.port(`${listener}${lane}`))
    client.write(raw)
    await client.waitQuiet(quietMs)
    const closed = client.ended
    client.close()
    const statuses = [...client.text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map((match) => match[1]).join(' ')
    const forwarded = backend.connections.slice(seen).map((connection) => meaning(connection.received))
    for (const connection of backend.connections.slice(seen)) connection.socket.destroy()
    return { statuses, forwarded: forwarded.filter((text) => text !== '').join(' | '), closed }
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    for (const backend of this.#backends) await backend.stop()
  }
}

/** A forwarded request without what differs by right: ids, and how a chunked body was cut. */
function meaning(received: string): string {
  const lines = received.split('\r\n').filter((line) => !/^x-(request-id|envoy-expected-rq-timeout-ms):/.test(line))
  return lines.join('\\r\\n').replace(/\\r\\n[0-9a-f]+\\r\\n/g, '\\r\\n')
}

/** Whether the second lets something through that the first refuses, or reads it in another way. */
function isLaxer(envoy: Outcome, nuncio: Outcome): boolean {
  if (nuncio.forwarded === '' || nuncio.forwarded === envoy.forwarded) return false
  // A part of what Envoy forwards, before a refusal that Envoy does not share, is stricter.
  return !envoy.forwarded.startsWith(nuncio.forwarded)
}

const corpus = [...framingRequests, ...headRequests].filter(
  ({ raw }) => raw.length < 2000 && !/CONNECT|upgrade/i.test(raw),
)
const [envoy, nuncio] = [
  await Target.start((yaml) => startEnvoy(yaml)),
  await Target.start((yaml) => startNuncio(yaml)),
]
const deadline = performance.now() + seconds * 1000
let sent = 0
let laxer = 0
const known = new Set<string>()

async function lane(index: number): Promise<void> {
  while (performance.now() < deadline && !nuncio.proxy.exited) {
    const listener = pick(Object.keys(listeners))
    const raw = mutated(pick(corpus).raw)
    const both = () => Promise.all([envoy.send(index, listener, raw), nuncio.send(index, listener, raw)])
    let [theirs, ours] = await both()
    sent++
    if (!isLaxer(theirs, ours)) continue
    // Once more: a slow machine differs from itself.
    ;[theirs, ours] = await both()
    const key = `${theirs.statuses} ${ours.statuses} ${theirs.forwarded.length - ours.forwarded.length}`
    if (!isLaxer(theirs, ours) || known.has(key)) continue
    known.add(key)
    laxer++
    console.log(
      `\n${listener}: ${JSON.stringify(raw)}\n  - ${theirs.statuses} ${theirs.forwarded}\n  + ${ours.statuses} ${ours.forwarded}`,
    )
  }
}

await Promise.all(Array.from({ length: width }, (_, index) => lane(index)))
console.log(
  `\nseed ${seed}: ${sent} requests, ${laxer} kinds of laxer reading; Nuncio ${nuncio.proxy.exited ? 'ended' : 'lives'}`,
)
const restarts = (await nuncio.proxy.stats('worker_restarts')).get('nuncio.worker_restarts') ?? 0
if (restarts > 0) console.log(`workers that died: ${restarts}\n${nuncio.proxy.tail()}`)
await Promise.all([envoy.stop(), nuncio.stop()])
process.exit(laxer === 0 && restarts === 0 ? 0 : 1)
