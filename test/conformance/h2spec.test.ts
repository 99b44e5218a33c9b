/** h2spec, the conformance suite of HTTP/2: every case passes, on answers of the proxy's own and on both kinds of backends. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureGoTool, INSTALL_TIMEOUT_MS } from '../support/ensure_go_tool.ts'
import { Http2Backend } from '../support/http2_backend.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const h2spec = { package: 'github.com/summerwind/h2spec/cmd/h2spec', version: 'v2.2.1+incompatible' }
const caseCount = 145
const targets = ['direct', 'http1', 'http2'] as const
const run = promisify(execFile)

let http1Backend: Server
let http2Backend: Http2Backend
let binary: string
const proxies = new Map<ProxyKind, ProxyProcess>()

beforeAll(async () => {
  binary = ensureGoTool(h2spec)
  // Answers before the request is whole, as many a backend does with a request that it does not like.
  http1Backend = createServer((request, response) => {
    request.resume()
    response.end('an answer that does not wait')
  })
  http1Backend.listen(0, '127.0.0.1')
  await once(http1Backend, 'listening')
  http2Backend = await Http2Backend.start({
    onHead: ({ stream }) => {
      stream.respond({ ':status': 200 })
      stream.end('an answer that does not wait')
    },
  })
  const yaml = proxyYaml(
    [
      httpListener('direct', {
        hcm: 'codec_type: HTTP2',
        route: 'direct_response: { status: 200, body: { inline_string: "an answer of the proxy\'s own" } }',
      }),
      httpListener('http1', { hcm: 'codec_type: HTTP2', route: 'route: { cluster: http1 }' }),
      httpListener('http2', { hcm: 'codec_type: HTTP2', route: 'route: { cluster: http2 }' }),
    ],
    [
      cluster('http1', (http1Backend.address() as AddressInfo).port, 'http_protocol_options: {}'),
      cluster('http2', http2Backend.port, 'http2_protocol_options: {}'),
    ],
  )
  for (const kind of ['nuncio', 'envoy'] as const) proxies.set(kind, await startProxy(kind, yaml))
}, INSTALL_TIMEOUT_MS)

afterAll(async () => {
  for (const proxy of proxies.values()) await proxy.stop()
  http1Backend?.close()
  await http2Backend?.stop()
})

interface Verdict {
  readonly passed: number
  readonly total: number
  readonly failures: string[]
}

/** `timeoutS`: how long a case waits for what it wants to see. */
async function judge(kind: ProxyKind, listener: string, timeoutS: number): Promise<Verdict> {
  const proxy = proxies.get(kind)
  if (proxy === undefined) throw new Error(`${kind} did not start`)
  const report = join(proxy.folder, `h2spec_${listener}.xml`)
  const address = ['-h', '127.0.0.1', '-p', String(proxy.port(listener))]
  // Exit code 1 says that a case has failed: the report names it.
  await run(binary, [...address, '-o', String(timeoutS), '-j', report], { timeout: 120_000 }).catch(() => undefined)
  const cases = readFileSync(report, 'utf8').split('<testcase ').slice(1)
  const failures = cases.filter(
    (text) => text.includes('<failure') || text.includes('<error') || text.includes('<skipped'),
  )
  return { passed: cases.length - failures.length, total: cases.length, failures }
}

const envoyVerdicts: Promise<void>[] = []

describe('h2spec', () => {
  it.each(targets)('%s', { timeout: 150_000 }, async (target) => {
    envoyVerdicts.push(
      judge('envoy', target, 1).then(({ passed, total }) =>
        console.log(`h2spec on ${target}: Envoy passes ${passed} of ${total} cases`),
      ),
    )
    const { passed, total, failures } = await judge('nuncio', target, 5)
    console.log(`h2spec on ${target}: Nuncio passes ${passed} of ${total} cases`)
    expect(failures).toEqual([])
    expect(total).toBe(caseCount)
  })

  it('leaves Nuncio alive, and finishes on Envoy for comparison', { timeout: 150_000 }, async () => {
    await Promise.all(envoyVerdicts)
    for (const target of targets) {
      const socket = connect(proxies.get('nuncio')?.port(target) ?? 0, '127.0.0.1')
      await once(socket, 'connect')
      socket.destroy()
    }
    expect(proxies.get('nuncio')?.exited).toBe(false)
  })
})
