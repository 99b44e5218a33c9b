/**
 * Control planes at their worst: half messages, garbage, wrong types, nonces that are none, streams and connections that end
 * at every step. The proxy serves what it has, comes back by itself, and takes the next good update.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyProcess, spawnProxy, startProxy } from '../support/proxy_process.ts'
import type { ControlPlaneConnection } from '../support/xds/connection.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { discoveryProxies } from '../support/xds/proxies.ts'
import type { TypeName } from '../support/xds/resource_types.ts'
import {
  type ApiMode,
  configSource,
  discoveryBootstrap,
  edsCluster,
  endpoints,
  httpListener,
  rds,
  routes,
  staticCluster,
} from '../support/xds/samples.ts'

const modes: readonly ApiMode[] = ['ads', 'delta ads', 'grpc', 'delta grpc']
const unavailable = 14
const unauthenticated = 16
/** Two back-offs in a row may each be of a second. */
const recoveryMs = 20_000
const silenceMs = 300
const garbage = Buffer.from([0xff, 0xff, 0xff, 0xff])
const types = 'type.googleapis.com/envoy'

interface Fault {
  readonly name: string
  readonly inflict: (plane: ControlPlane) => void
  /** The stream of the routes ends, and another one comes. */
  readonly endsStream: boolean
}

const faults: readonly Fault[] = [
  { name: 'an end of the stream', endsStream: true, inflict: (plane) => plane.streamOf('RDS').end() },
  {
    name: 'an end of the stream with UNAVAILABLE',
    endsStream: true,
    inflict: (plane) => plane.streamOf('RDS').fail(unavailable, 'not now'),
  },
  {
    name: 'an end of the stream with UNAUTHENTICATED',
    endsStream: true,
    inflict: (plane) => plane.streamOf('RDS').fail(unauthenticated, 'who are you?'),
  },
  { name: 'a message of garbage', endsStream: true, inflict: (plane) => plane.streamOf('RDS').sendBytes(garbage) },
  { name: 'an empty message', endsStream: false, inflict: (plane) => plane.streamOf('RDS').sendBytes(Buffer.alloc(0)) },
  { name: 'a reset of the connection', endsStream: true, inflict: (plane) => plane.disconnect() },
  { name: 'an end of the connection', endsStream: true, inflict: (plane) => lastConnection(plane).finish() },
  {
    name: 'silence for a while',
    endsStream: false,
    inflict: (plane) => {
      const connection = lastConnection(plane)
      connection.hold()
      plane.streamOf('RDS').respond('RDS')
      setTimeout(() => connection.release(), silenceMs)
    },
  },
  {
    name: 'half a message',
    endsStream: true,
    inflict: (plane) => {
      lastConnection(plane).cutAfter(40)
      plane.streamOf('RDS').respond('RDS')
    },
  },
  {
    name: 'garbage on the connection',
    endsStream: true,
    inflict: (plane) => lastConnection(plane).writeGarbage(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  },
  {
    name: 'an empty nonce',
    endsStream: false,
    inflict: (plane) => void plane.streamOf('RDS').respond('RDS', { nonce: '' }),
  },
  {
    name: 'a nonce for the second time',
    endsStream: false,
    inflict: (plane) => {
      const nonce = plane.streamOf('RDS').respond('RDS')
      plane.streamOf('RDS').respond('RDS', { nonce })
    },
  },
  {
    name: 'a type that nobody asked for',
    endsStream: false,
    inflict: (plane) =>
      void plane.streamOf('RDS').respond('RDS', {
        typeUrl: `${types}.extensions.transport_sockets.tls.v3.Secret`,
        resources: [],
      }),
  },
  {
    name: 'a type that is none',
    endsStream: false,
    inflict: (plane) => void plane.streamOf('RDS').respond('RDS', { typeUrl: `${types}.no.Such`, resources: [] }),
  },
  {
    name: 'a response with nothing in it',
    endsStream: false,
    inflict: (plane) => void plane.streamOf('RDS').respond('RDS', { resources: [] }),
  },
  {
    name: 'two hundred responses at once',
    endsStream: false,
    inflict: (plane) => {
      for (let i = 0; i < 200; i++) plane.streamOf('RDS').respond('RDS', { version: `burst-${i}` })
    },
  },
]

function lastConnection(plane: ControlPlane): ControlPlaneConnection {
  return plane.connections.filter((connection) => !connection.closed).at(-1)!
}

function setAll(plane: ControlPlane, mode: ApiMode, port: number): void {
  const source = configSource(mode)
  plane.setAll('1', {
    CDS: [edsCluster('a', source), staticCluster('b', port)],
    EDS: [endpoints('a', port)],
    LDS: [httpListener('main', rds('r', source))],
    RDS: [routes('r', 'a')],
  })
}

describe.each(discoveryProxies)('%s', (kind) => {
  describe.each(modes)('%s', (mode) => {
    let backend: EchoBackend
    let plane: ControlPlane
    let proxy: ProxyProcess

    beforeAll(async () => {
      backend = await EchoBackend.start()
      plane = await ControlPlane.start()
      setAll(plane, mode, backend.port)
      proxy = await startProxy(kind, discoveryBootstrap(plane, mode), ['-l', 'error'])
    })

    afterAll(async () => {
      await proxy?.stop()
      await plane.stop()
      await backend.stop()
    })

    const ask = async (path = '/') => (await httpRequest(`127.0.0.1:${proxy.port('main')}`, path)).status

    it.each(faults)('$name', { timeout: 60_000 }, async ({ name, endsStream, inflict }) => {
      const before = plane.streamOf('RDS')
      inflict(plane)
      expect(await ask()).toBe(200)
      const isBack = () =>
        plane.openStreams.some((stream) => stream !== before && stream.subscribed('RDS') !== undefined)
      if (endsStream) await plane.until(isBack, `another stream after ${name}`, recoveryMs)
      expect(await ask()).toBe(200)
      // The route changes to and fro: an update that changes nothing would prove nothing.
      plane.set('RDS', [routes('r', 'a', `["*", "after-${faults.findIndex((one) => one.name === name)}"]`)], name)
      await plane.waitForAck('RDS', name, recoveryMs)
      const { body } = await proxy.admin('/config_dump?resource=dynamic_route_configs&mask=version_info')
      expect(body).toContain(`"version_info": "${name}"`)
      expect(await ask()).toBe(200)
    })
  })

  describe.each(modes)('%s, the connection is lost', (mode) => {
    const steps: readonly TypeName[] = ['CDS', 'EDS', 'LDS', 'RDS']
    const moments = steps.flatMap((type) => [
      { type, when: 'before the answer' },
      { type, when: 'after the answer' },
    ])

    it.each(moments)('at the first request for $type, $when', { timeout: 60_000 }, async ({ type, when }) => {
      const backend = await EchoBackend.start()
      const plane = await ControlPlane.start()
      setAll(plane, mode, backend.port)
      let isLost = false
      plane.script.onRequest = (record, stream) => {
        if (record.type !== type || isLost) return false
        isLost = true
        if (when === 'after the answer') stream.respond(type)
        // Later, so that an answer leaves before.
        setImmediate(() => plane.disconnect())
        return true
      }
      const proxy = spawnProxy(kind, discoveryBootstrap(plane, mode), ['-l', 'error'])
      try {
        await proxy.waitReady()
        expect(isLost).toBe(true)
        await plane.until(() => plane.connections.length > 1, 'another connection', recoveryMs)
        expect((await httpRequest(`127.0.0.1:${proxy.port('main')}`, '/')).status).toBe(200)
      } finally {
        await proxy.stop()
        await plane.stop()
        await backend.stop()
      }
    })
  })
})
