// Calls a gRPC service by URL and by JSON, and looks how its errors come out.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDescriptorSet } from '../../test/support/descriptor_set.ts'
import { get, post } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'
import { greeter, greeterProto } from '../greeter.ts'

function prepare(parent: string): void {
  const folder = join(parent, 'grpc_json')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'greeter.pb'), buildDescriptorSet(greeterProto))
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('json')
  const byUrl = await get(port, '/hello/Ada')
  assert.equal(byUrl.status, 200)
  assert.equal(byUrl.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(byUrl.body), { message: 'Hello, Ada!' })

  const byBody = await post(port, '/hello', '{"name":"Grace"}', { 'content-type': 'application/json' })
  assert.deepEqual(JSON.parse(byBody.body), { message: 'Hello, Grace!' })

  const nameless = await post(port, '/hello', '{}', { 'content-type': 'application/json' })
  assert.equal(nameless.status, 400)
  assert.deepEqual(JSON.parse(nameless.body), { code: 3, message: 'who are you?' })

  const broken = await post(port, '/hello', '{"name":', { 'content-type': 'application/json' })
  assert.equal(broken.status, 400)
}

export const example: Example = { prepare, backends: { 7001: greeter }, check }
