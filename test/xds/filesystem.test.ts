/** Discovery from files that are replaced. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeMessage } from '../../src/config/wire_encode.ts'
import { clusterType } from '../../src/xds/resource_types.ts'
import { configSource, type Receiver, TestClient, xdsCluster } from './support.ts'

let folder: string
let client: TestClient

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xds-files-'))
  client = new TestClient({ cluster: xdsCluster('{pipe: {path: /none}}') })
})

afterEach(() => {
  client.stop()
  rmSync(folder, { recursive: true })
})

function text(version: string, ...clusters: readonly string[]): string {
  const resources = clusters.map((cluster) => `- {"@type": type.googleapis.com/${clusterType}, ${cluster}}`)
  return `version_info: ${version}\nresources:\n${resources.join('\n')}\n`
}

/** As a tool would put it there: whole, by renaming. */
function replace(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
  return path
}

/** Watching is the server's: the test says when something has changed. */
function changed(): void {
  client.context.folders.changed(folder)
}

function subscribe(path: string, more = ''): Receiver {
  return client.subscribe(clusterType, '*', configSource(`{path_config_source: {path: "${path}"${more}}}`), 'cds')
}

describe('a file', () => {
  it('is read, and read again when it is replaced', async () => {
    const path = replace('cds.yaml', text('v1', 'name: a'))
    const clusters = subscribe(path)
    await clusters.updatesReach(1)
    replace('other.yaml', 'x')
    changed()
    replace('cds.yaml', text('v2', 'name: a', 'name: b'))
    changed()
    await clusters.updatesReach(2)
    expect(clusters.lines).toEqual(['v1 +a', 'v2 +a +b'])
    expect(clusters.updates[1].stateOfTheWorld).toBe(true)
    const [before, after] = clusters.updates.map(({ added }) => added[0].hash)
    expect(after).toBe(before)
    expect(client.stat('cds.update_attempt')).toBe(2)
    expect(client.stat('cds.update_success')).toBe(2)
  })

  it('may be a symbolic link in a folder that is swapped as a whole', async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'cds.yaml'), text(version, `name: ${version}`))
    }
    symlinkSync('v1', join(folder, '..data'))
    const path = join(folder, 'cds.yaml')
    symlinkSync('..data/cds.yaml', path)
    const clusters = subscribe(path, `, watched_directory: {path: "${folder}"}`)
    await clusters.updatesReach(1)
    symlinkSync('v2', join(folder, '..next'))
    renameSync(join(folder, '..next'), join(folder, '..data'))
    changed()
    await clusters.updatesReach(2)
    expect(clusters.lines).toEqual(['v1 +v1', 'v2 +v2'])
  })

  it('may be JSON, binary or text protobuf', async () => {
    const any = { '@type': `type.googleapis.com/${clusterType}`, name: 'a' }
    const views = [{ typeUrl: clusterType, value: { name: 'a' } }]
    const binary = encodeMessage('envoy.service.discovery.v3.DiscoveryResponse', {
      versionInfo: 'v1',
      resources: views,
    })
    const textProto = `version_info: "v1"\nresources { [type.googleapis.com/${clusterType}] { name: "a" } }\n`
    const paths = [
      replace('cds.json', JSON.stringify({ version_info: 'v1', resources: [any] })),
      replace('cds.pb', binary),
      replace('cds.pb_text', textProto),
    ]
    const receivers = paths.map((path) => subscribe(path))
    for (const receiver of receivers) await receiver.updatesReach(1)
    expect(receivers.map(({ lines }) => lines)).toEqual([['v1 +a'], ['v1 +a'], ['v1 +a']])
  })

  it('that cannot be read changes nothing', async () => {
    const path = replace('cds.yaml', text('v1', 'name: a'))
    const clusters = subscribe(path)
    await clusters.updatesReach(1)
    replace('cds.yaml', 'version_info: [')
    changed()
    await clusters.until(() => clusters.failures.length === 1)
    expect(clusters.failures[0]).toMatchObject({ reason: 'updateRejected' })
    expect(clusters.failures[0].message).toContain(`${path}:1:`)
    expect(client.stat('cds.update_failure')).toBe(1)
    replace('cds.yaml', text('v3', 'name: c'))
    changed()
    await clusters.updatesReach(2)
    expect(clusters.lines).toEqual(['v1 +a', 'v3 +c'])
  })

  it('with a resource of another type is refused', async () => {
    const other = '- {"@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: a}'
    const path = replace('cds.yaml', `resources:\n${other}\n`)
    const clusters = subscribe(path)
    await clusters.until(() => clusters.failures.length === 1)
    expect(clusters.failures[0].message).toContain(`Unable to unpack as ${clusterType}`)
    expect(client.stat('cds.update_rejected')).toBe(1)
  })

  it('tells line and column of what is wrong in one of its resources', async () => {
    const path = replace('cds.yaml', text('v1', 'name: a', 'name: b, lb_policy: NOPE'))
    const clusters = subscribe(path)
    await clusters.updatesReach(1)
    const [a, b] = clusters.updates[0].added
    expect(a.errors.hasErrors).toBe(false)
    expect(b.errors.issues[0]).toMatchObject({ file: path, line: 4, path: 'resources[1].lb_policy' })
  })

  it('must be there, and so must the folder to watch', () => {
    for (const [source, message] of [
      [
        `{path: "${folder}/none"}`,
        `paths must refer to an existing path in the system: '${folder}/none' does not exist`,
      ],
      [
        `{path: "${replace('x', '')}", watched_directory: {path: "${folder}/none"}}`,
        `unable to add filesystem watch for file ${folder}/none/: No such file or directory`,
      ],
    ]) {
      expect(() => client.subscribe(clusterType, '*', configSource(`{path_config_source: ${source}}`))).toThrow(message)
    }
  })
})
