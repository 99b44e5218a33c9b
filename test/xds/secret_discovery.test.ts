/** Secrets over gRPC: asked for when somebody wants them, tried out, and given to all. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { SecretView } from '../../src/network/tls/secret_manager.ts'
import { SecretDiscovery } from '../../src/xds/secret_discovery.ts'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { ads, grpcApi, portAddress, TestClient, xdsCluster } from './support.ts'

type SdsSecretConfig = envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig

let authority: CertificateAuthority
let plane: ControlPlane
let client: TestClient
let discovery: SecretDiscovery
const published: { readonly key: string; readonly secret: SecretView }[] = []

beforeEach(async () => {
  published.length = 0
  authority = new CertificateAuthority()
  plane = await ControlPlane.start()
  client = new TestClient({ cluster: xdsCluster(portAddress(plane.port)), adsConfig: grpcApi('GRPC') })
  client.manager.start()
  discovery = new SecretDiscovery({
    factory: client.manager,
    secrets: client.context.secrets,
    scope: client.context.scope,
    errors: client.errors,
    publish: async (key, secret) => void published.push({ key, secret }),
  })
})

afterEach(async () => {
  discovery.stop()
  client.stop()
  await plane.stop()
  authority.remove()
})

function certificate(name: string, more = '') {
  const { cert, key } = authority.issue({ name: `${name}${more}` })
  const inline = (pem: Buffer) => ({ inline_string: pem.toString() })
  const resource = { name, tls_certificate: { certificate_chain: inline(cert), private_key: inline(key) } }
  return { name, resource }
}

const wanted = (name: string) => ({ name, sdsConfig: ads }) as SdsSecretConfig

describe('a secret of a management server', () => {
  it('comes when it is wanted, and again when it changes', async () => {
    plane.set('SDS', [certificate('server')], 'v1')
    const provider = client.context.secrets.find(wanted('server'), 'tlsCertificate', client.errors)!
    let updates = 0
    provider.onUpdate(() => updates++)
    expect(provider.current()).toBeUndefined()
    discovery.start()
    await plane.waitForAck('SDS', 'v1')
    const first = provider.current()
    expect(first?.certificateChain?.inlineString).toContain('BEGIN CERTIFICATE')
    plane.set('SDS', [certificate('server', '2')], 'v2')
    await plane.waitForAck('SDS', 'v2')
    expect(provider.current()).not.toEqual(first)
    expect([updates, published.length]).toEqual([2, 2])
    expect([...client.context.secrets.discovered()]).toEqual([published[1]])
    expect(client.stat('sds.server.update_success')).toBe(2)
  })

  it('may be wanted later', async () => {
    plane.set('SDS', [certificate('late')], 'v1')
    discovery.start()
    const provider = client.context.secrets.find(wanted('late'), 'tlsCertificate', client.errors)!
    await plane.waitForAck('SDS', 'v1')
    expect(provider.current()).toBeDefined()
  })

  it('that is of no use is refused, and the one before stays', async () => {
    plane.set('SDS', [certificate('server')], 'v1')
    const provider = client.context.secrets.find(wanted('server'), 'tlsCertificate', client.errors)!
    discovery.start()
    await plane.waitForAck('SDS', 'v1')
    const before = provider.current()
    const bad = { certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'y' } }
    plane.set('SDS', [{ name: 'server', resource: { name: 'server', tls_certificate: bad } }], 'v2')
    const nack = await plane.waitForNack('SDS', 'v2')
    expect(nack.error?.message).toContain('Failed to load certificate chain from <inline>')
    plane.set('SDS', [{ name: 'server', resource: '{name: server, validation_context: {}}' }], 'v3')
    expect((await plane.waitForNack('SDS', 'v3')).error?.message).toContain('what is wanted is a tlsCertificate')
    expect(provider.current()).toBe(before)
    expect(published.length).toBe(1)
  })
})
