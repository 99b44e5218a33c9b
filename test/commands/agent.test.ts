/** `nuncio agent` beside a real management server and a real application, with the proxy below it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { childPids } from '../faults/fault_proxy.ts'
import { liveEpoch } from '../hot_restart/generations.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { RawClient } from '../support/raw_client.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { httpListener, inlineRoute, staticCluster } from '../support/xds/samples.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const pollMs = { timeout: 20_000 }
let folder: string
let plane: ControlPlane
let application: EchoBackend
let ports: { admin: number; status: number; ready: number; metrics: number }
let agent: ChildProcess | undefined
let output: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agent-'))
  plane = await ControlPlane.start()
  application = await EchoBackend.start()
  application.script = {
    onRequest: ({ target, connection }) => {
      const body = target === '/app-metrics' ? 'requests_of_the_application 3\n' : target
      const status = target === '/broken' ? '500 Internal Server Error' : '200 OK'
      connection.send(`HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    },
  }
  const [admin, status, ready, metrics] = await freePorts(4)
  ports = { admin, status, ready, metrics }
  mkdirSync(join(folder, 'pod'))
  writeFileSync(join(folder, 'pod/labels'), 'app="shop"\nversion="v\\"1"\n')
  const annotations = { scrape: 'true', port: String(application.port), path: '/app-metrics' }
  const lines = Object.entries(annotations).map(([name, value]) => `prometheus.io/${name}="${value}"\n`)
  writeFileSync(join(folder, 'pod/annotations'), lines.join(''))
  output = ''
})

afterEach(async () => {
  if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
    agent.kill('SIGTERM')
    await once(agent, 'exit')
  }
  await Promise.all([plane.stop(), application.stop()])
  rmSync(folder, { recursive: true })
})

function start(flags: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): void {
  const probes = {
    '/app-health/shop/readyz': { httpGet: { path: '/health', port: application.port } },
    '/app-health/shop/livez': { httpGet: { path: '/broken', port: application.port } },
    '/app-health/shop/startupz': { tcpSocket: { port: application.port } },
  }
  const own = [
    ...['--admin-port', String(ports.admin), '--status-port', String(ports.status)],
    ...['--ready-port', String(ports.ready), '--metrics-port', String(ports.metrics)],
    ...['--config-dir', join(folder, 'proxy'), '--pod-info-dir', join(folder, 'pod')],
    ...['--drain-time-s', '1', '--parent-shutdown-time-s', '1', '--minimum-drain-s', '0'],
  ]
  agent = spawn(
    process.execPath,
    [program, 'agent', 'sidecar', ...own, ...flags, '--', '-l', 'info', '--concurrency', '1'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        POD_NAME: 'shop-1',
        POD_NAMESPACE: 'market',
        INSTANCE_IP: '10.1.2.3',
        ISTIO_META_CLUSTER_ID: 'east',
        ISTIO_METAJSON_MORE: '{"OWNER": {"name": "shop"}}',
        NUNCIO_APP_PROBERS: JSON.stringify(probes),
        ...environment,
      },
    },
  )
  for (const stream of [agent.stdout, agent.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
}

const withDiscovery = (): string[] => ['--discovery-address', `127.0.0.1:${plane.port}`]

function status(path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return httpRequest(`127.0.0.1:${ports.status}`, path, method)
}

async function readiness(): Promise<string> {
  const { status: code, body } = await status('/healthz/ready').catch(() => ({ status: 0, body: '' }))
  return `${code} ${body}`
}

function serve(): void {
  plane.setAll('1', { CDS: [staticCluster('a', application.port)], LDS: [httpListener('web', inlineRoute('a'))] })
}

const epoch = (): Promise<number | undefined> => liveEpoch(ports.admin)

it('says who the proxy is, and is ready when that has its configuration', async () => {
  start(withDiscovery())
  const { node } = await plane.waitForRequest(({ type }) => type === 'CDS', 'the first request')
  expect(node).toMatchObject({
    id: 'sidecar~10.1.2.3~shop-1.market~market.svc.cluster.local',
    cluster: 'shop.market',
    metadata: {
      NAME: 'shop-1',
      NAMESPACE: 'market',
      INSTANCE_IPS: '10.1.2.3',
      LABELS: { app: 'shop', version: 'v"1' },
      CLUSTER_ID: 'east',
      OWNER: { name: 'shop' },
    },
  })
  await expect.poll(readiness, pollMs).toMatch(/^503 server is not live: /)
  serve()
  await expect.poll(readiness, pollMs).toBe('200 ready\n')
  const ready = await httpRequest(`127.0.0.1:${ports.ready}`, '/healthz/ready')
  expect([ready.status, ready.body]).toEqual([200, 'ready\n'])
})

it('has the metrics of both on one page, and answers probes of the application', async () => {
  start(withDiscovery())
  serve()
  await expect.poll(readiness, pollMs).toBe('200 ready\n')
  const { body } = await status('/stats/prometheus')
  expect(body).toContain('envoy_server_live')
  expect(body).toContain('\nrequests_of_the_application 3\n')
  const own = await httpRequest(`127.0.0.1:${ports.metrics}`, '/stats/prometheus')
  expect(own.body).toContain('envoy_server_live')
  expect(own.body).not.toContain('requests_of_the_application')
  const codes = ['readyz', 'livez', 'startupz', 'other'].map((probe) => status(`/app-health/shop/${probe}`))
  expect((await Promise.all(codes)).map((answer) => answer.status)).toEqual([200, 500, 200, 404])
})

it('starts the proxy again when it is killed', async () => {
  start(withDiscovery())
  serve()
  await expect.poll(readiness, pollMs).toBe('200 ready\n')
  for (const pid of childPids(agent!.pid!)) process.kill(pid, 'SIGKILL')
  await expect.poll(() => output, pollMs).toContain('epoch 0 has ended with SIGKILL')
  await expect.poll(readiness, pollMs).toBe('200 ready\n')
})

it('starts the next generation when what it watches or the template changes, and not for a mistake', async () => {
  const template = join(folder, 'template.yaml')
  const text = (id: string) =>
    `node: { id: "\${node_id}${id}", cluster: "\${node_cluster}" }\nadmin: { address: { socket_address: { address: 127.0.0.1, port_value: \${admin_port} } } }\n`
  writeFileSync(template, text(''))
  writeFileSync(join(folder, 'cert.pem'), 'one')
  start(['--template', template, '--watch', join(folder, 'cert.pem')])
  await expect.poll(epoch, pollMs).toBe(0)
  const rendered = join(folder, 'proxy/bootstrap.yaml')
  expect(readFileSync(rendered, 'utf8')).toContain('sidecar~10.1.2.3~shop-1.market~')
  writeFileSync(join(folder, 'cert.pem'), 'another')
  await expect.poll(epoch, pollMs).toBe(1)
  const { mtimeMs } = statSync(rendered)
  writeFileSync(template, `${text('')}# \${wrong}\n`)
  await expect.poll(() => output, pollMs).toMatch(/line 3: nothing is known of \$\{wrong\}/)
  expect(statSync(rendered).mtimeMs).toBe(mtimeMs)
  writeFileSync(template, text('-2'))
  await expect.poll(epoch, pollMs).toBe(2)
  expect(readFileSync(rendered, 'utf8')).toContain('cluster.local-2')
})

it('drains at SIGTERM until no connection is left', async () => {
  start([...withDiscovery(), '--exit-on-zero-active-connections', '--drain-time-s', '60'])
  serve()
  await expect.poll(readiness, pollMs).toBe('200 ready\n')
  const { body } = await httpRequest(`127.0.0.1:${ports.admin}`, '/listeners?format=json')
  const listeners = JSON.parse(body) as {
    listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[]
  }
  const web = listeners.listener_statuses.find(({ name }) => name === 'web')!.local_address.socket_address.port_value
  const client = await RawClient.connect(web)
  client.write('GET /held HTTP/1.1\r\nhost: a\r\n')
  await expect
    .poll(async () => (await status('/stats/prometheus')).body, pollMs)
    .toMatch(/web.*cx_active.* 1\n|cx_active\{[^}]*web[^}]*\} 1\n/)
  agent!.kill('SIGTERM')
  await expect.poll(readiness, pollMs).toBe('503 draining\n')
  await expect.poll(() => output, pollMs).toContain('1 connections are left')
  const exited = once(agent!, 'exit')
  client.close()
  expect(await exited).toEqual([0, null])
})

it('refuses what is wrong', async () => {
  start([])
  const [code] = await once(agent!, 'exit')
  expect(code).toBe(1)
  expect(output).toContain('the built-in template needs --discovery-address')
})
