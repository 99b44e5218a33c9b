// Which virtual host a request belongs to. The verdicts follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { answer, outcome, request, routeTable } from './support.ts'

function hosts(entries: Readonly<Record<string, string>>): string {
  const list = Object.entries(entries).map(
    ([name, domain]) => `{name: ${name}, domains: ['${domain}'], routes: [${answer('prefix: /', name)}]}`,
  )
  return `virtual_hosts: [${list.join(', ')}]`
}

const all = hosts({
  exact: 'a.test',
  port: 'b.test:8080',
  suffix: '*.a.test',
  longerSuffix: '*.x.a.test',
  prefix: 'foo.*',
  dashPrefix: 'bar-*',
  v6: '[::1]',
  dashSuffix: '*-x',
  noDotPrefix: 'pfx*',
  any: '*',
})
const cases: [host: string, plain: string, portIgnored: string][] = [
  ['a.test', 'exact', 'exact'],
  ['A.TEST', 'exact', 'exact'],
  ['a.test:80', 'any', 'exact'],
  ['b.test:8080', 'port', 'any'],
  ['b.test', 'any', 'any'],
  ['x.a.test', 'suffix', 'suffix'],
  ['foo.x.a.test', 'longerSuffix', 'longerSuffix'],
  ['.a.test', 'any', 'any'],
  ['x.a.test:90', 'any', 'suffix'],
  ['foo.bar', 'prefix', 'prefix'],
  ['foo.', 'any', 'any'],
  ['foo.bar:1', 'prefix', 'prefix'],
  ['bar-x', 'dashSuffix', 'dashSuffix'],
  ['zz', 'any', 'any'],
  ['[::1]', 'v6', 'v6'],
  ['[::1]:80', 'any', 'v6'],
  ['a.test.', 'any', 'any'],
  ['pfx', 'any', 'any'],
  ['pfxy', 'noDotPrefix', 'noDotPrefix'],
]

describe('domains', () => {
  test.each(cases)('%s: %s, and %s with ignore_port_in_host_matching', (host, plain, portIgnored) => {
    const headers = request('GET /', `host: ${host}`)
    expect(outcome(routeTable(`{${all}}`).config, headers)).toBe(plain)
    expect(outcome(routeTable(`{ignore_port_in_host_matching: true, ${all}}`).config, headers)).toBe(portIgnored)
  })

  test('without a wildcard other hosts have no route', () => {
    const { config } = routeTable(hosts({ exact: 'a.test' }))
    expect(outcome(config, request('GET /'))).toBe('no route')
  })
})

describe('vhost_header', () => {
  const { config } = routeTable(`{vhost_header: X-VH, ${all}}`)
  test.each([
    [[], 'no route'],
    [['x-vh: a.test'], 'exact'],
    [['x-vh: a.test', 'x-vh: foo.x'], 'exact'],
    [['x-vh: '], 'any'],
    [['x-vh: a.test,foo.b'], 'any'],
    [['x-vh: A.test:80'], 'any'],
  ])('%j: %s', (headers, expected) => {
    expect(outcome(config, request('GET /', ...headers))).toBe(expected)
  })

  test('its port is ignored as that of the host', () => {
    const table = routeTable(`{vhost_header: x-vh, ignore_port_in_host_matching: true, ${all}}`)
    expect(outcome(table.config, request('GET /', 'x-vh: A.test:80'))).toBe('exact')
  })
})

describe('errors', () => {
  test.each([
    ['a', 'A', 'Only unique values for domains are permitted. Duplicate entry of domain a in route r'],
    ['*.a', '*.A', 'Only unique values for domains are permitted. Duplicate entry of domain *.a in route r'],
    ['a*', 'a*', 'Only unique values for domains are permitted. Duplicate entry of domain a* in route r'],
    ['*', '*', 'Only a single wildcard domain is permitted in route r'],
  ])('%s and %s', (one, two, message) => {
    const yaml = `name: r\nvirtual_hosts:\n- {name: one, domains: ['${one}']}\n- {name: two, domains: ['${two}']}`
    expect(routeTable(yaml).errors).toEqual([`4: ${message}`])
  })

  test.each(['a*b', '**', '*.*', '', 'a b'])('the domain %j is accepted', (domain) => {
    expect(routeTable(`virtual_hosts: [{name: x, domains: ['${domain}']}]`).errors).toEqual([])
  })
})
