// /reload: who may ask for it, and what it answers.

import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'

const type = 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo'
const yaml = (name: string): string => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains: [{ filters: [{ name: echo, typed_config: { "@type": ${type} } }] }]
`
let proxy: ProxyProcess

beforeAll(async () => {
  proxy = await startNuncio(yaml('first'))
})

beforeEach(() => writeFileSync(proxy.configPath, yaml('second')))

afterAll(() => proxy?.stop())

async function listeners(): Promise<string[]> {
  return (await proxy.admin('/listeners')).body.split('\n').map((line) => line.split('::')[0])
}

/** As the button of the home page sends it. */
function submit(form: string): Promise<string> {
  const [host, port] = proxy.adminAddress.split(':')
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path: '/reload', method: 'POST', headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve(body))
    })
    sent.on('error', reject).end(form)
  })
}

test('a change needs POST, and none comes from elsewhere', async () => {
  const page = `http://${proxy.adminAddress}`
  expect((await proxy.admin('/reload')).status).toBe(405)
  expect((await proxy.admin('/reload?dry_run')).status).toBe(405)
  expect((await proxy.admin('/reload', 'POST', { origin: 'http://evil.example' })).status).toBe(403)
  expect((await proxy.admin('/reload', 'POST', { host: 'evil.example' })).status).toBe(403)
  expect((await proxy.admin('/reload', 'POST', { 'sec-fetch-site': 'cross-site', origin: page })).status).toBe(403)
  expect(await listeners()).toContain('first')
})

test('the home page has a button for it', async () => {
  const { body } = await proxy.admin('/')
  const form = /<form action="reload" method="post">.*?<\/form>/.exec(body)?.[0]
  expect(form).toContain('<button>reload</button>')
  expect(form).toContain('<input type="checkbox" name="dry_run" value="on">')
  expect(JSON.parse(await submit('dry_run=on'))).toMatchObject({ result: 'valid' })
  expect(await listeners()).toContain('first')
})

test('a mistake is told with its place', async () => {
  writeFileSync(proxy.configPath, yaml('second').replace('filter_chains:', 'filter_chain:'))
  const { status, body } = await proxy.admin('/reload', 'POST')
  expect(status).toBe(400)
  const { result, issues } = JSON.parse(body)
  expect(result).toBe('refused')
  expect(issues[0]).toMatchObject({
    severity: 'error',
    file: proxy.configPath,
    line: 7,
    column: 5,
    path: 'static_resources.listeners[0].filter_chain',
    suggestion: 'filter_chains',
  })
  const ready = await proxy.admin('/ready?verbose')
  expect(ready.status).toBe(200)
  expect(ready.body).toContain(`${proxy.configPath}:7:5`)
})

test('what has changed is named', async () => {
  const { status, body } = await proxy.admin('/reload', 'POST')
  expect(status).toBe(200)
  expect(JSON.parse(body)).toEqual({
    result: 'applied',
    listeners: { added: ['second'], modified: [], removed: ['first'] },
    clusters: { added: [], modified: [], removed: [] },
    secrets_changed: false,
    runtime_changed: false,
    needs_restart: [],
  })
  expect(await listeners()).toContain('second')
  expect((await proxy.admin('/ready?verbose')).body).toBe('LIVE\n')
  expect(JSON.parse((await proxy.admin('/reload', 'POST')).body)).toMatchObject({ result: 'unchanged' })
})
