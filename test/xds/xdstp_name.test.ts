import { describe, expect, it } from 'vitest'
import { canonicalName, formatXdstpName, globCollectionOf, parseXdstpName } from '../../src/xds/xdstp_name.ts'

describe('xdstp names', () => {
  it('are taken apart', () => {
    expect(parseXdstpName('xdstp://a.test/envoy.config.listener.v3.Listener/foo/b%20r?z=1&a=%26#alt=x')).toEqual({
      authority: 'a.test',
      resourceType: 'envoy.config.listener.v3.Listener',
      id: 'foo/b r',
      contextParams: { z: '1', a: '&' },
      directives: 'alt=x',
    })
  })

  it('may lack authority, context and directives', () => {
    const name = parseXdstpName('xdstp:///envoy.config.cluster.v3.Cluster/c/*')
    expect(name).toEqual({
      authority: '',
      resourceType: 'envoy.config.cluster.v3.Cluster',
      id: 'c/*',
      contextParams: {},
      directives: '',
    })
    expect(formatXdstpName(name!)).toBe('xdstp:///envoy.config.cluster.v3.Cluster/c/*')
  })

  it('are the same whatever the order of their context parameters', () => {
    const sorted = 'xdstp://a/envoy.config.cluster.v3.Cluster/c?a=1&b=2'
    expect(canonicalName('xdstp://a/envoy.config.cluster.v3.Cluster/c?b=2&a=1')).toBe(sorted)
    expect(canonicalName(sorted)).toBe(sorted)
  })

  it('are escaped where a part would end, and where they are not printable', () => {
    const type = 'envoy.config.cluster.v3.Cluster'
    const written = `xdstp://a%2Fb:\u00e9/${type}/a%20b%2Fc%3f%23/~{}|:%zz%4?x=\u00e9 ~%26%3d%3f/&y[]=1=2`
    expect(formatXdstpName(parseXdstpName(written)!)).toBe(
      `xdstp://a%2Fb:%C3%A9/${type}/a b/c%3F%23/%7E{}|:%25zz%254?x=%C3%A9 %7E%26%3D?/&y%5B%5D=1%3D2`,
    )
  })

  it('are part of the collection of all beside them', () => {
    const type = 'xdstp://a/envoy.config.cluster.v3.Cluster'
    expect(globCollectionOf(`${type}/b/c?x=/y`)).toBe(`${type}/b/*?x=/y`)
    expect(globCollectionOf(`${type}/c`)).toBe(`${type}/*`)
    expect(globCollectionOf(`${type}/*`)).toBe(`${type}/*`)
    expect(globCollectionOf('b/c')).toBeUndefined()
  })

  it('are not all names there are', () => {
    for (const name of ['', 'a', 'http://a/b?c=2&a=1', 'xdstp://', 'xdstp://a//?x=%'])
      expect(canonicalName(name)).toBe(name)
    expect(parseXdstpName('outbound|80||a.test')).toBeUndefined()
    expect(() => parseXdstpName('xdstp://a')).toThrow('Resource type missing')
  })
})
