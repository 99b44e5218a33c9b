import { describe, expect, test } from 'vitest'
import { ConfigErrors, issuesToJson, renderIssues } from '../../src/config/errors.ts'
import { cluster, connectionManager, load } from './loading.ts'

describe('errors of a configuration', () => {
  test('are all reported at once, in the order of their places', () => {
    const yaml = 'static_resources:\n  clusters:\n  - nam: c\n    lb_policy: ROUND_ROBBIN\n    connect_timeout: 5\n'
    const { issues } = load(yaml)
    expect(
      renderIssues(issues.issues),
    ).toBe(`<--config-yaml>:3:5: error: unknown field 'nam' in envoy.config.cluster.v3.Cluster
  at static_resources.clusters[0].nam
  3 |   - nam: c
    |     ^^^
  did you mean 'name'?
<--config-yaml>:3:5: error: Cluster.name: value length must be at least 1 characters
  at static_resources.clusters[0]
  3 |   - nam: c
    |     ^^^^^^
<--config-yaml>:4:16: error: unknown enum value: the string "ROUND_ROBBIN"
  at static_resources.clusters[0].lb_policy
  4 |     lb_policy: ROUND_ROBBIN
    |                ^^^^^^^^^^^^
  expected one of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG
  did you mean 'ROUND_ROBIN'?
<--config-yaml>:5:22: error: invalid duration: the number 5
  at static_resources.clusters[0].connect_timeout
  5 |     connect_timeout: 5
    |                      ^
  expected a duration in seconds, such as 0.25s
  did you mean '5s'?
4 errors`)
  })

  test('inside a typed_config have the path through it', () => {
    const { errors } = load(connectionManager('route_config: {virtual_hosts: [{name: v, domains: ["*"], routs: []}]}'))
    expect(errors.map((issue) => [issue.path, issue.suggestion])).toEqual([
      [
        'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routs',
        'routes',
      ],
    ])
  })

  test('as JSON are one object for tools', () => {
    const { issues } = load(cluster('track_timeout_budgets: true\n    foo: 1'))
    const parsed = JSON.parse(issuesToJson(issues.issues))
    expect(parsed.valid).toBe(false)
    expect(parsed.errors).toHaveLength(1)
    expect(parsed.errors[0]).toMatchObject({
      file: '<--config-yaml>',
      line: 5,
      column: 5,
      path: 'static_resources.clusters[0].foo',
    })
    expect(parsed.warnings[0]).toMatchObject({ severity: 'warning', line: 4 })
  })

  test('of later phases find the place by view and field', () => {
    const { bootstrap, issues } = load(cluster('alt_stat_name: x'))
    const view = bootstrap!.staticResources!.clusters[0]
    issues.add(view, 'altStatName', 'bad name')
    issues.add(view, 'lbPolicy', 'not set, so the message is shown')
    expect(issues.errors.map(({ line, column, path }) => [line, column, path])).toEqual([
      [4, 20, 'static_resources.clusters[0].alt_stat_name'],
      [3, 5, 'static_resources.clusters[0].lb_policy'],
    ])
  })

  test('of views without an origin name the default file', () => {
    const errors = new ConfigErrors('cluster "c"')
    errors.add({}, 'name', 'wrong')
    expect(renderIssues(errors.issues)).toBe('cluster "c": error: wrong\n  at name\n1 error')
  })

  test('show a long line only around the place', () => {
    const { errors } = load(`node: {id: "${'x'.repeat(500)}", foo: 1}`)
    expect(errors[0].column).toBeGreaterThan(500)
    expect(Math.max(...errors[0].frame!.split('\n').map((line) => line.length))).toBeLessThan(200)
    expect(errors[0].frame).toContain('^^^')
  })
})
