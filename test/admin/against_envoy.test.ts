// Every endpoint whose answer is settled by the configuration, beside real Envoy's.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ProxyProcess, startEnvoy, startNuncio } from '../support/proxy_process.ts'
import { comparable, richYaml } from './support.ts'

let envoy: ProxyProcess
let nuncio: ProxyProcess

beforeAll(async () => {
  ;[envoy, nuncio] = await Promise.all([startEnvoy(richYaml), startNuncio(richYaml)])
})

afterAll(async () => {
  await Promise.all([envoy?.stop(), nuncio?.stop()])
})

/** Status, content type and body as one text. */
async function asked(proxy: ProxyProcess, request: string): Promise<string> {
  const [method, path] = request.split(' ')
  const { status, headers, body } = await proxy.admin(path, method)
  return `${status} ${headers['content-type']}\n${comparable(proxy, body)}`
}

async function statusAndType(proxy: ProxyProcess, request: string): Promise<string> {
  return (await asked(proxy, request)).split('\n')[0]
}

/** One after the other on each: some change what the next shows. */
const same = [
  'GET /ready',
  'PUT /ready',
  'DELETE /ready',
  'POST /ready',
  'GET //ready',
  'GET ///ready?x=y',
  'GET /ready?verbose',
  'HEAD /ready',
  'GET /clusters',
  'GET /clusters?filter=ec',
  'GET /clusters?filter=%5Emain$',
  'GET /clusters?filter=',
  'GET /clusters?filter=%28',
  'GET /clusters?format=bad&filter=none',
  'GET /clusters?format=json',
  'GET /clusters?format=json&filter=em',
  'GET /listeners',
  'GET /listeners?format=json',
  'GET /listeners?format=bad',
  'GET /init_dump',
  'GET /init_dump?mask=listener',
  'GET /certs',
  'GET /hot_restart_version',
  'GET /runtime',
  'POST /runtime_modify',
  'POST /runtime_modify?a=2&new=x%20y&b.c=',
  'GET /runtime',
  'POST /runtime_modify?a=&a=5',
  'POST /runtime_modify?flag=false&odd%=1%2',
  'GET /runtime',
  'GET /runtime_modify?a=1',
  'GET /quitquitquit',
  'PUT /quitquitquit',
  'GET /healthcheck/fail',
  'POST /healthcheck/fail',
  'GET /ready',
  'HEAD /ready',
  'GET /stats?filter=%5Eserver.live$',
  'POST /healthcheck/ok',
  'GET /ready',
  'GET /logging',
  'POST /logging',
  'POST /logging?level=bogus',
  'POST /logging?level=',
  'POST /logging?level=debug',
  'POST /logging?level=warn',
  'POST /logging?paths=admin:debug,main:info',
  'POST /logging?paths=bogus:debug',
  'POST /logging?paths=admin:bogus',
  'POST /logging?paths=admin',
  'POST /logging?paths=:info',
  'POST /logging?paths=',
  'POST /logging?group=x',
  'POST /logging?admin=trace',
  'POST /logging?nothing=info',
  'POST /logging?admin=info&main=info',
  'POST /logging?level=info',
  'POST /reopen_logs',
  'GET /reset_counters',
  'POST /reset_counters',
  'GET /stats/recentlookups',
  'POST /stats/recentlookups/enable',
  'POST /stats/recentlookups/clear',
  'GET /stats/recentlookups',
  'POST /stats/recentlookups/disable',
  'GET /stats/recentlookups/enable',
  'POST /cpuprofiler',
  'POST /cpuprofiler?enable=z',
  'POST /cpuprofiler?enable=n',
  'POST /allocprofiler',
  'POST /allocprofiler?enable=n',
  'POST /allocprofiler?enable=y',
  'POST /allocprofiler?enable=y',
  'GET /stats?format=bad',
  'GET /stats?type=bad',
  'GET /stats?histogram_buckets=bad',
  'GET /stats?format=prometheus&histogram_buckets=detailed',
  'GET /stats/prometheus?histogram_buckets=disjoint',
  'GET /stats?filter=server.concurrency',
  'GET /stats?filter=concurrency&type=Counters',
  'GET /stats?format=json&filter=server.concurrency',
  'GET /stats?format=prometheus&filter=concurrency&type=Counters',
  'GET /stats/prometheus?filter=%5Ecluster.main.membership_(healthy%7Ctotal)&usedonly',
  'GET /stats?filter=nothing.at.all',
  'GET /config_dump?resource=static_clusters',
  'GET /config_dump?resource=static_clusters&mask=cluster.name',
  'GET /config_dump?resource=static_clusters&mask=cluster.circuit_breakers,cluster.name',
  'GET /config_dump?resource=static_clusters&name_regex=sec.*',
  'GET /config_dump?resource=static_clusters&name_regex=sec',
  'GET /config_dump?resource=static_listeners',
  'GET /config_dump?resource=static_listeners&mask=listener.name',
  'GET /config_dump?resource=static_route_configs',
  'GET /config_dump?resource=static_route_configs&name_regex=none',
  'GET /config_dump?resource=dynamic_active_clusters',
  'GET /config_dump?resource=dynamic_listeners',
  'GET /config_dump?resource=dynamic_active_secrets',
  'GET /config_dump?resource=static_endpoint_configs',
  'GET /config_dump?resource=static_endpoint_configs&include_eds',
  'GET /config_dump?resource=dynamic_endpoint_configs&include_eds',
  'GET /config_dump?resource=bootstrap',
  'GET /config_dump?resource=bad',
  'GET /config_dump?mask=bad',
  'GET /config_dump?mask=configs',
  'GET /config_dump?mask=bootstrap.node.id',
  'GET /config_dump?mask=bootstrap.node.locality',
  'GET /config_dump?mask=bootstrap.static_resources.listeners',
  'GET /config_dump?mask=bootstrap.admin,bootstrap.layered_runtime',
  'GET /config_dump?mask=static_listeners',
]

test.each(same)('%s answers the same', async (request) => {
  const expected = await asked(envoy, request)
  expect(await asked(nuncio, request)).toBe(expected)
})

/** What lists what only one of the two has, measures itself, or is worded by each in its own way. */
const sameStatus = [
  'GET /',
  'GET /help',
  'POST /help',
  'GET /nothing',
  'GET /ready/',
  'GET /READY',
  'GET /tap',
  'GET /server_info',
  'HEAD /server_info',
  'GET //server_info',
  'GET /stats',
  'GET //stats?format=json',
  'GET /stats?format=html',
  'GET /stats?format=active-html',
  'GET /stats?filter=%28',
  'GET /stats/',
  'GET /stats/prometheus',
  'GET /config_dump',
  'GET /config_dump?name_regex=(',
  'GET /config_dump?resource=static_clusters&mask=cluster.bad',
  'GET /memory',
  'GET /memory/tcmalloc',
  'GET /contention',
  'GET /cpuprofiler',
  'GET /heapprofiler',
  'GET /allocprofiler?enable=y',
  'GET /drain_listeners',
]

test.each(sameStatus)('%s answers with the same status and type', async (request) => {
  const expected = await statusAndType(envoy, request)
  expect(await statusAndType(nuncio, request)).toBe(expected)
})

test.each(['GET /ready', 'GET /clusters', 'GET /config_dump?resource=bad', 'GET /nothing', 'GET /quitquitquit'])(
  '%s has the same headers',
  async (request) => {
    const [method, path] = request.split(' ')
    const [expected, got] = await Promise.all([envoy.admin(path, method), nuncio.admin(path, method)])
    expect(Object.keys(got.headers).sort()).toEqual(Object.keys(expected.headers).sort())
    for (const name of ['server', 'cache-control', 'transfer-encoding', 'content-type']) {
      expect(got.headers[name]).toBe(expected.headers[name])
    }
  },
)

test('/server_info has the same fields', async () => {
  const [expected, got] = await Promise.all([envoy.admin('/server_info'), nuncio.admin('/server_info')])
  const theirs = JSON.parse(expected.body) as ServerInfo
  const ours = JSON.parse(got.body) as ServerInfo
  expect(Object.keys(ours)).toEqual(Object.keys(theirs))
  expect(Object.keys(ours.command_line_options)).toEqual(Object.keys(theirs.command_line_options))
  expect(Object.keys(ours.node)).toEqual(Object.keys(theirs.node))
  expect(ours.state).toBe('LIVE')
  expect(ours.version.split('/')[1]).toBe(theirs.version.split('/')[1])
  expect(ours.uptime_current_epoch).toMatch(/^\d+s$/)
  for (const extension of ours.node.extensions)
    expect(Object.keys(extension)).toEqual(Object.keys(theirs.node.extensions[0]))
})

interface ServerInfo {
  version: string
  state: string
  uptime_current_epoch: string
  command_line_options: object
  node: { extensions: object[] }
}

test('/config_dump has the same parts, and the same bootstrap but for the node', async () => {
  const [expected, got] = await Promise.all([
    envoy.admin('/config_dump?include_eds'),
    nuncio.admin('/config_dump?include_eds'),
  ])
  const theirs = configsOf(expected.body)
  const ours = configsOf(got.body)
  expect(ours.map((config) => Object.keys(config))).toEqual(theirs.map((config) => Object.keys(config)))
  expect(ours.map((config) => config['@type'])).toEqual(theirs.map((config) => config['@type']))
  const bootstraps = [theirs, ours].map(([{ bootstrap }]) => ({ ...(bootstrap as object), node: undefined }))
  expect(comparable(nuncio, JSON.stringify(bootstraps[1]))).toBe(comparable(envoy, JSON.stringify(bootstraps[0])))
})

function configsOf(body: string): Record<string, unknown>[] {
  return (JSON.parse(body) as { configs: Record<string, unknown>[] }).configs
}

test('the admin interface has the same stats of its own', async () => {
  const path = '/stats?filter=%5E(http%7Clistener).admin'
  const [expected, got] = await Promise.all([envoy.admin(path), nuncio.admin(path)])
  expect(namesOf(got.body)).toEqual(namesOf(expected.body))
})

function namesOf(body: string): string[] {
  return [...new Set(body.split('\n').map((line) => line.split(': ')[0]))].sort()
}

test('draining the inbound listeners stops those alone', async () => {
  for (const path of ['/drain_listeners?skip_exit&graceful', '/drain_listeners?inboundonly']) {
    expect(await asked(nuncio, `POST ${path}`)).toBe(await asked(envoy, `POST ${path}`))
  }
  const path = '/stats?filter=listener_manager.(listener_stopped%7Ctotal_listeners_active)'
  // Both answer before their workers have stopped listening.
  for (const proxy of [envoy, nuncio]) {
    await expect
      .poll(async () => (await proxy.admin(path)).body)
      .toBe('listener_manager.listener_stopped: 1\nlistener_manager.total_listeners_active: 2\n')
  }
  expect(await asked(nuncio, 'GET /listeners')).toBe(await asked(envoy, 'GET /listeners'))
  expect(await asked(nuncio, 'GET /ready')).toBe(await asked(envoy, 'GET /ready'))
})
