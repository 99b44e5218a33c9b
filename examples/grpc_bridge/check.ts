// Calls a gRPC service over HTTP/1.1, where no trailers come: the status stands among the headers.
import assert from 'node:assert/strict'
import { post } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'
import { frameText, greeter, textFrame } from '../greeter.ts'

const method = '/examples.Greeter/SayHello'
const grpc = { 'content-type': 'application/grpc' }

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('bridge')
  const answer = await post(port, method, textFrame('Ada'), grpc)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['grpc-status'], '0')
  assert.equal(frameText(Buffer.from(answer.body, 'latin1')), 'Hello, Ada!')

  const nameless = await post(port, method, textFrame(''), grpc)
  assert.equal(nameless.headers['grpc-status'], '3')
  assert.equal(nameless.headers['grpc-message'], 'who are you?')

  const stats = await proxy.stats('grpc\\.examples')
  assert.equal(stats.get('cluster.greeter.grpc.examples.Greeter.SayHello.success'), 1)
  assert.equal(stats.get('cluster.greeter.grpc.examples.Greeter.SayHello.failure'), 1)
}

export const example: Example = { backends: { 7001: greeter }, check }
