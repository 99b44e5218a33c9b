// Drives mutual TLS: a client that is known, one of another domain, one without a certificate, and what the backend hears.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { type Echo, echoRequest } from '../backends.ts'
import { writeSigned } from '../certificates.ts'
import { getSecurely } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

let folder = ''
const file = (name: string): Buffer => readFileSync(join(folder, name))

function prepare(parent: string): void {
  folder = join(parent, 'mtls')
  writeSigned(folder, {
    proxy: 'DNS:proxy.example.com',
    backend: 'DNS:backend.example.com',
    client: 'URI:spiffe://example.com/client',
    stranger: 'URI:spiffe://elsewhere.example/client',
  })
}

function asClient(name: string | undefined): RequestOptions {
  const shown = name === undefined ? {} : { cert: file(`${name}.pem`), key: file(`${name}.key`) }
  return { ca: file('ca.pem'), servername: 'proxy.example.com', ...shown }
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('mtls')
  const claim = { 'x-forwarded-client-cert': 'URI=spiffe://example.com/admin' }
  const known = await getSecurely(port, '/', { ...asClient('client'), headers: claim })
  assert.equal(known.status, 200)
  const heard = String((JSON.parse(known.body) as Echo).headers['x-forwarded-client-cert'])
  assert.match(heard, /^Hash=[0-9a-f]{64};URI=spiffe:\/\/example\.com\/client$/)

  await assert.rejects(getSecurely(port, '/', asClient('stranger')))
  await assert.rejects(getSecurely(port, '/', asClient(undefined)))
  const stats = await proxy.stats('ssl\\.fail_verify')
  const count = (name: string) => [...stats].find(([each]) => each.startsWith('listener') && each.endsWith(name))?.[1]
  assert.equal(count('fail_verify_san'), 1)
  assert.equal(count('fail_verify_no_cert'), 1)
}

export const example: Example = {
  prepare,
  backends: {
    7001: () => {
      const tls = { cert: file('backend.pem'), key: file('backend.key'), ca: file('ca.pem') }
      return createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, echoRequest('backend'))
    },
  },
  check,
}
