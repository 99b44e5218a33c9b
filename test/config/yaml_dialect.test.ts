import { describe, expect, test } from 'vitest'
import { cluster, connectionManager, errorsOf, firstCluster, load } from './loading.ts'

describe('what Envoy accepts', () => {
  test.each([
    ['strict_dns', 'STRICT_DNS'],
    ['Strict_Dns', 'STRICT_DNS'],
    ['1', 'STRICT_DNS'],
    ['"1"', 'STRICT_DNS'],
  ])('the enum value %s', (written, type) => {
    expect(firstCluster(cluster(`type: ${written}`)).type).toBe(type)
  })

  test('both spellings of field names, mixed', () => {
    const c = firstCluster(cluster('connectTimeout: 2s\n    lb_policy: RANDOM\n    dnsLookupFamily: V4_ONLY'))
    expect([c.connectTimeout, c.lbPolicy, c.dnsLookupFamily]).toEqual([2000, 'RANDOM', 'V4_ONLY'])
  })

  test('a single map where a list is expected', () => {
    expect(load('static_resources: {clusters: {name: c}}').bootstrap!.staticResources!.clusters[0].name).toBe('c')
  })

  test('a single scalar where a list is expected, and lists in lists', () => {
    const single = connectionManager('route_config: {virtual_hosts: {name: v, domains: "*"}}')
    const nested = connectionManager('route_config: {virtual_hosts: [{name: v, domains: [[a], [b]]}]}')
    const domains = (yaml: string): unknown => {
      const { bootstrap, errors } = load(yaml)
      expect(errors).toEqual([])
      const config = bootstrap!.staticResources!.listeners[0].filterChains[0].filters[0].typedConfig!.value
      return (config as { routeConfig: { virtualHosts: { domains: string[] }[] } }).routeConfig.virtualHosts[0].domains
    }
    expect(domains(single)).toEqual(['*'])
    expect(domains(nested)).toEqual(['a', 'b'])
  })

  test.each([
    ['"80"', 80],
    ['80.0', 80],
    ['0x50', 80],
    ['"0x50"', 80],
    ['0120', 80],
    ['"0120"', 120],
    ['+80', 80],
    ['1e3', 1000],
    ['{value: 4}', 4],
  ])('the number %s', (written, value) => {
    expect(firstCluster(cluster(`per_connection_buffer_limit_bytes: ${written}`)).perConnectionBufferLimitBytes).toBe(
      value,
    )
  })

  test.each([
    ['true', true],
    ['True', true],
    ['"true"', true],
    ['yes', true],
    ['on', true],
    ['y', true],
    ['"1"', true],
    ['"t"', true],
    ['off', false],
    ['NO', false],
    ['nO', false],
  ])('the boolean %s', (written, value) => {
    expect(firstCluster(cluster(`ignore_health_on_host_removal: ${written}`)).ignoreHealthOnHostRemoval).toBe(value)
  })

  test.each(['true', 'yes', '{value: true}', '{value: "t"}'])('the wrapped boolean %s', (written) => {
    const yaml = cluster(`outlier_detection: {successful_active_health_check_uneject_host: ${written}}`)
    expect(firstCluster(yaml).outlierDetection!.successfulActiveHealthCheckUnejectHost).toBe(true)
  })

  test.each(['null', '~', ''])('"%s" for a scalar is the same as absent', (written) => {
    const c = firstCluster(cluster(`connect_timeout: ${written}\n    alt_stat_name: ${written}`))
    expect([c.connectTimeout, c.altStatName]).toEqual([undefined, ''])
  })

  test.each([
    ['0.25s', 250],
    ['{seconds: 1}', 1000],
    ['{seconds: 1, nanos: 500000}', 1000.5],
    ['1.000000001s', 1000.000001],
  ])('the duration %s', (written, ms) => {
    expect(firstCluster(cluster(`connect_timeout: ${written}`)).connectTimeout).toBe(ms)
  })

  test('duplicate keys: the last one wins, whatever the first was', () => {
    expect(firstCluster(cluster('connect_timeout: 0s\n    connect_timeout: 2s')).connectTimeout).toBe(2000)
  })

  test('of several documents only the first is read, however broken the others are', () => {
    expect(load('{node: {id: a}}\n---\n: : :\n [}').bootstrap!.node!.id).toBe('a')
    expect(load('{node: {id: a}}\n...\nfoo').bootstrap!.node!.id).toBe('a')
  })

  test('anchors, aliases and keys tagged !ignore', () => {
    const yaml = '!ignore shared:\n- &name {name: c}\nstatic_resources:\n  !ignore more: {a: b}\n  clusters: [*name]\n'
    expect(firstCluster(yaml).name).toBe('c')
  })

  test('flow collections whose lines begin anywhere', () => {
    const yaml = 'static_resources:\n  clusters: [\n{name: c, # "a" comment ]\nalt_stat_name: "a # b"},\n]\n'
    expect(firstCluster(yaml).altStatName).toBe('a # b')
  })

  test('plain scalars that only look like numbers are strings', () => {
    expect(firstCluster(cluster('alt_stat_name: 1.5')).altStatName).toBe('1.5')
    expect(firstCluster(cluster('alt_stat_name: 12345678901')).altStatName).toBe('12345678901')
    const { metadata } = load('node: {metadata: {a: 1, b: [1.5, {c: yes}], d: null, e: 0x10}}').bootstrap!.node!
    expect(metadata).toEqual({ a: 1, b: ['1.5', { c: true }], d: null, e: 16 })
  })

  test('JSON text, a YAML directive, a byte order mark', () => {
    for (const text of ['{"node": {"id": "a"},}', '%YAML 1.1\n---\nnode: {id: a}', '\ufeffnode: {id: a}']) {
      expect(load(text).bootstrap?.node?.id).toBe('a')
    }
  })
})

describe('what Envoy refuses', () => {
  test.each([
    ['8_0', 'invalid number: the string "8_0"'],
    ['-1', 'uint32 out of range: -1'],
    ['4294967296', 'uint32 out of range: 4294967296'],
    ['1.5', 'expected an integer, but 1.5 has a fractional part'],
    ['" 80"', 'invalid number: the string " 80"'],
    ['""', 'invalid number: the string ""'],
    ['true', 'expected a number, got the boolean true'],
    ['0o17', 'invalid number: the string "0o17"'],
    ['inf', 'invalid number: the string "inf"'],
  ])('the number %s', (written, message) => {
    expect(errorsOf(cluster(`per_connection_buffer_limit_bytes: ${written}`))).toEqual([message])
  })

  test.each(['FOO', '""', 'strict-dns', '1.0', 'true'])('the enum value %s', (written) => {
    expect(errorsOf(cluster(`type: ${written}`))).toEqual([expect.stringMatching(/^unknown enum value/)])
  })

  test('a port over 65535', () => {
    const yaml = 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 65536}}}'
    expect(errorsOf(yaml)).toEqual(['SocketAddress.port_value: value must be less than or equal to 65535'])
  })

  test.each(['1', '""', 'maybe'])('the boolean %s', (written) => {
    expect(errorsOf(cluster(`ignore_health_on_host_removal: ${written}`))[0]).toMatch(/^expected a boolean, got/)
  })

  test.each([
    ['80', '"80"'],
    ['no', '"no"'],
    ['!!str 80', undefined],
  ])('%s for a string', (written, suggestion) => {
    const { errors } = load(cluster(`alt_stat_name: ${written}`))
    expect(errors.map((issue) => issue.message)).toEqual([expect.stringMatching(/^expected a string, got/)])
    if (suggestion !== undefined) expect(errors[0].suggestion).toBe(suggestion)
  })

  test.each([
    ['1000ms', '1s'],
    ['1m', '60s'],
    ['5', '5s'],
    ['5S', '5s'],
  ])('the duration %s, with the right one', (written, suggestion) => {
    const { errors } = load(cluster(`connect_timeout: ${written}`))
    expect(errors.map((issue) => issue.suggestion)).toEqual([suggestion])
  })

  test.each([
    '.5s',
    '1.s',
    '9223372037s',
    '1.0000000001s',
    '1e1s',
    '" 5s"',
    '+1s',
    '-1s',
    '315576000001s',
    '{seconds: 1, minutes: 2}',
    '[1s]',
  ])('the duration %s', (written) => {
    expect(errorsOf(cluster(`connect_timeout: ${written}`))).toHaveLength(1)
  })

  test('a duration of zero where it must be more', () => {
    expect(errorsOf(cluster('connect_timeout: 0s'))).toEqual(['Cluster.connect_timeout: value must be greater than 0s'])
  })

  test('a list or a scalar where a message is expected', () => {
    expect(errorsOf('static_resources: [a]')).toEqual(['expected a map, got a list'])
    expect(errorsOf('static_resources: []')).toEqual(['expected a map, got a list'])
    expect(errorsOf('static_resources: a')).toEqual(['expected a map, got the string "a"'])
  })

  test('two members of a oneof; null does not count', () => {
    expect(errorsOf(cluster('type: STATIC\n    cluster_type: {name: x}'))).toEqual([
      "'cluster_type' cannot be set together with 'type'",
    ])
    expect(errorsOf(cluster('type: STATIC\n    cluster_type: null'))).toEqual([])
  })

  test('unknown fields: wrong letter case, half camelCase, the merge key, an old name', () => {
    for (const name of ['PerConnectionBufferLimitBytes', 'per_connection_bufferLimitBytes', '<<', 'hosts', '!ignore']) {
      expect(errorsOf(cluster(`"${name}": {}`))).toEqual([`unknown field '${name}' in envoy.config.cluster.v3.Cluster`])
    }
  })

  test('a value tagged !ignore: only a tagged key is dropped', () => {
    expect(errorsOf('x: !ignore {a: b}')).toEqual(["unknown field 'x' in envoy.config.bootstrap.v3.Bootstrap"])
  })

  test.each(['', '# a comment', '~'])('an empty document %j', (text) => {
    expect(load(text === '' ? ' ' : text).errors).toHaveLength(1)
  })

  test.each([
    ['[]', 'expected a map, got a list'],
    ['abc', 'expected a map, got the string "abc"'],
    ['admin:\n\taddress: {}', 'Tabs are not allowed as indentation'],
    ['admin: *a', 'the referenced anchor is not defined: a'],
    ['admin: {', 'Flow map must end with a }'],
    ['admin: {}}\nnode: {}', 'Unexpected text after the end of the document'],
    ['node:\n  id: a\n  ]\n  cluster: b', 'Unexpected text after the end of the document'],
    ['? [a]\n: b', 'a key must be a scalar'],
    ['admin: &a [*a]', 'the anchor a contains itself'],
    ['node: {id: "a\\q"}', 'Invalid escape sequence \\q'],
  ])('%j', (text, message) => {
    expect(errorsOf(text)).toEqual([message])
  })

  test('nesting without end and aliases that multiply, quickly and with a place', () => {
    expect(errorsOf('['.repeat(20_000))).toEqual(['YAML is nested too deeply'])
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [index, name] of [...'bcdefghi'].entries()) {
      lines.push(`${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[index]}`).join(',')}]`)
    }
    expect(errorsOf(lines.join('\n'))).toEqual(['aliases make the document too large'])
  })
})
