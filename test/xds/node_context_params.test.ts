import { expect, it } from 'vitest'
import type { envoy } from '../../proto/generated/api.d.ts'
import { isNodeContextParam, nodeContextParams } from '../../src/xds/node_context_params.ts'

const node = {
  id: 'i',
  cluster: 'c',
  metadata: { a: 'x', b: { c: [1] } },
  userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40, patch: 0 }, metadata: { 'build.type': 'R' } },
  locality: { region: 'r', zone: '', subZone: '' },
} as unknown as envoy.config.core.v3.Node

it('tells of the node what is asked for, empty where it has none', () => {
  const fields = ['id', 'locality.region', 'locality.zone', 'user_agent_version', 'metadata', 'locality', 'extensions']
  expect(nodeContextParams(fields, node)).toEqual({
    'xds.node.id': 'i',
    'xds.node.locality.region': 'r',
    'xds.node.locality.zone': '',
    'xds.node.user_agent_version': '',
    'xds.node.metadata.a': '"x"',
    'xds.node.metadata.b': '{"c":[1]}',
  })
  const builds = ['user_agent_build_version.version', 'user_agent_build_version.metadata']
  expect(nodeContextParams(builds, node)).toEqual({
    'xds.node.user_agent_build_version.version': '1.40.0',
    'xds.node.user_agent_build_version.metadata.build.type': '"R"',
  })
  expect(['cluster', 'metadata', 'locality', 'nothing'].filter(isNodeContextParam)).toEqual(['cluster', 'metadata'])
})
