// Has the control plane take one step after the other while the proxy runs, and looks for what each of them brings.
import assert from 'node:assert/strict'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { ServerCredentials } from '@grpc/grpc-js'
import { httpEcho } from '../backends.ts'
import { get, getEcho, once, portOnce } from '../client.ts'
import type { Example, ExampleProxy, PortOf } from '../example.ts'
import { ControlPlane } from './control_plane.ts'
import { type Step, stepsOn } from './steps.ts'

/** Goes through the steps; started anew with the server of its gRPC port. */
let steps: Step[] = []
let controlPlane: ControlPlane
const refused: string[] = []

function next(): Step | undefined {
  const step = steps.shift()
  if (step !== undefined) controlPlane.set(step.resources)
  return step
}

/** The gRPC server on a socket that the example's runner opens. */
function discovery(portOf: PortOf): Server {
  controlPlane = new ControlPlane((typeUrl, version, message) => {
    refused.push(message)
    console.log(`version ${version} of ${typeUrl} is refused: ${message}`)
  })
  steps = stepsOn(portOf)
  next()
  const injector = controlPlane.grpc.createConnectionInjector(ServerCredentials.createInsecure())
  return createServer((socket) => injector.injectConnection(socket))
}

/** Every POST is a step. */
function button(): Server {
  return createHttpServer((request, response) => {
    const step = request.method === 'POST' ? next() : steps[0]
    response.end(`${step?.what ?? 'there is nothing more to come'}\n`)
  })
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const reached = (path: string, backend: string) =>
    once(`${path} reaches ${backend}`, async () => ((await getEcho(port, path)).backend === backend ? true : undefined))
  const cluster = (name: string, count: 0 | 1) =>
    once(`there are ${count} clusters ${name}`, async () => {
      const { body } = await proxy.admin('/clusters')
      return body.includes(`${name}::default_priority`) === (count === 1) ? true : undefined
    })
  assert.equal((await getEcho(port, '/')).backend, 'blue-1')

  next()
  await reached('/', 'blue-2')
  next()
  await cluster('green', 1)
  next()
  await reached('/', 'green')
  assert.match((await getEcho(port, '/old/')).backend, /^blue-/)
  next()
  const second = await portOnce(proxy, 'second')
  await once('the second listener serves', () => getEcho(second, '/'))
  next()
  await reached('/old/', 'green')
  next()
  await cluster('blue', 0)
  await once('the second listener is gone', () =>
    get(second, '/').then(
      () => undefined,
      () => true,
    ),
  )
  assert.equal((await getEcho(port, '/')).backend, 'green')

  next()
  const message = await once('the cluster is refused', async () => refused.at(-1))
  assert.match(message, /cluster provided LB specified but cluster 'broken' did not provide one/)
  assert.equal((await getEcho(port, '/')).backend, 'green')
  const stats = await proxy.stats('update_rejected$')
  assert.equal(stats.get('cluster_manager.cds.update_rejected'), 1)
  refused.length = 0
}

export const example: Example = {
  backends: {
    7001: httpEcho('blue-1'),
    7002: httpEcho('blue-2'),
    7003: httpEcho('green'),
    18000: discovery,
    18001: button,
  },
  check,
}
