import { expect, test } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { forgetPositions, originOf } from '../../src/config/view_origin.ts'

const typeUrl = 'type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin'
const yaml = `static_resources:
  clusters:
  - name: a
    load_balancing_policy:
      policies: [{ typed_extension_config: { name: p, typed_config: { "@type": ${typeUrl} } } }]
`

test('positions that are forgotten are told no more, and the types stay as they were written', () => {
  const { bootstrap } = loadBootstrap({ configYaml: yaml })
  const cluster = bootstrap!.staticResources!.clusters[0]
  const typed = cluster.loadBalancingPolicy!.policies[0].typedExtensionConfig!.typedConfig!
  const lineOf = (view: object): number => {
    const errors = new ConfigErrors()
    errors.add(view, 'name', 'wrong')
    return errors.errors[0].line
  }
  expect(lineOf(cluster)).toBe(3)
  forgetPositions(cluster)
  expect(lineOf(cluster)).toBe(0)
  expect(originOf(typed)?.anyTypeUrl).toBe(typeUrl)
  expect(originOf(typed)?.parent).toBeUndefined()
})
