import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { caresResolver } from '../../../src/upstream/discovery/cares_resolver.ts'
import { candidateNames, HostsFile, ResolvConf } from '../../../src/upstream/discovery/system_files.ts'
import { DnsServer } from '../../support/dns_server.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'system-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(folder, 'file')
  writeFileSync(path, text)
  return path
}

describe('the hosts file', () => {
  it('gives the addresses of a name by version, whatever its case', () => {
    const hosts = new HostsFile(
      file('# comment\n10.0.0.1 a.test b.test # more\n::5\tA.TEST\n10.0.0.2 a.test\nbad a.test\n'),
    )
    expect(hosts.addresses('A.test', 4)).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(hosts.addresses('a.test', 6)).toEqual(['::5'])
    expect(hosts.addresses('b.test', 6)).toEqual([])
    expect(hosts.addresses('more', 4)).toEqual([])
  })

  it('is read again when it has changed, and counts as empty when it is gone', () => {
    const path = file('10.0.0.1 a.test\n')
    const hosts = new HostsFile(path)
    expect(hosts.addresses('a.test', 4)).toEqual(['10.0.0.1'])
    writeFileSync(path, '10.0.0.22 a.test\n')
    expect(hosts.addresses('a.test', 4)).toEqual(['10.0.0.22'])
    rmSync(path)
    expect(hosts.addresses('a.test', 4)).toEqual([])
  })
})

describe('search domains', () => {
  it('of resolv.conf: the last list counts', () => {
    const { searchRules } = new ResolvConf(
      file('domain x.test\nsearch one.test two.test.\noptions timeout:1 ndots:5\n'),
    )
    expect(searchRules).toEqual({ domains: ['one.test', 'two.test'], ndots: 5 })
    expect(new ResolvConf(join(folder, 'none')).searchRules).toEqual({ domains: [], ndots: 1 })
  })

  it.each([
    ['svc', 1, ['svc.one.test', 'svc.two.test', 'svc']],
    ['svc.ns', 1, ['svc.ns', 'svc.ns.one.test', 'svc.ns.two.test']],
    ['svc.ns', 5, ['svc.ns.one.test', 'svc.ns.two.test', 'svc.ns']],
    ['svc.ns.', 5, ['svc.ns.']],
  ])('complete %s with ndots %i', (name, ndots, expected) => {
    expect(candidateNames(name, { domains: ['one.test', 'two.test'], ndots })).toEqual(expected)
  })
})

describe('the cares resolver', () => {
  let dns: DnsServer
  beforeEach(async () => {
    dns = await DnsServer.start()
  })
  afterEach(() => dns.stop())

  const resolver = (hosts = '', resolvConf = '', more = {}) => {
    writeFileSync(join(folder, 'hosts'), hosts)
    writeFileSync(join(folder, 'resolv.conf'), resolvConf)
    const settings = {
      servers: [`127.0.0.1:${dns.port}`],
      queryTimeoutMs: 1000,
      queryTries: 1,
      usesSearchDomains: true,
      filterUnroutableFamilies: false,
      reinitOnTimeout: false,
      hostsPath: join(folder, 'hosts'),
      resolvConfPath: join(folder, 'resolv.conf'),
    }
    return caresResolver({ ...settings, ...more }, undefined)
  }
  const asked = (): string[] => dns.queries.map(({ name, type }) => `${type} ${name}`)

  it('asks the hosts file before any server', async () => {
    const answer = await resolver('10.0.0.1 a.test\n')('a.test', 'V4_ONLY')
    expect(answer).toMatchObject({ kind: 'addresses', addresses: [{ ip: '10.0.0.1' }] })
    expect(asked()).toEqual([])
  })

  it('never asks a server for localhost', async () => {
    expect(await resolver()('localhost', 'V4_ONLY')).toMatchObject({ addresses: [{ ip: '127.0.0.1' }] })
    expect(await resolver()('a.localhost', 'V6_ONLY')).toMatchObject({ addresses: [{ ip: '::1' }] })
    expect(asked()).toEqual([])
  })

  it('completes short names by the search domains, unless told not to', async () => {
    dns.set('svc.two.test', { addresses: ['10.0.0.3'] })
    const search = 'search one.test two.test\n'
    expect(await resolver('', search)('svc', 'V4_ONLY')).toMatchObject({
      addresses: [{ ip: '10.0.0.3', ttlSeconds: 60 }],
    })
    expect(asked()).toEqual(['A svc.one.test', 'A svc.two.test'])
    expect(await resolver('', search, { usesSearchDomains: false })('svc', 'V4_ONLY')).toMatchObject({ kind: 'empty' })
    expect(asked().at(-1)).toBe('A svc')
  })

  it('does not go on to a longer name where a server fails', async () => {
    dns.set('svc.one.test', { responseCode: 'SERVFAIL' })
    dns.set('svc.two.test', { addresses: ['10.0.0.3'] })
    expect(await resolver('', 'search one.test two.test\n')('svc', 'V4_ONLY')).toMatchObject({
      kind: 'failure',
      code: 'ESERVFAIL',
    })
  })

  it.each([
    ['AUTO', ['::5'], ['AAAA a.test']],
    ['V4_PREFERRED', ['10.0.0.1'], ['A a.test']],
    ['V4_ONLY', ['10.0.0.1'], ['A a.test']],
    ['V6_ONLY', ['::5'], ['AAAA a.test']],
  ] as const)('with %s asks for one family', async (family, expected, questions) => {
    dns.set('a.test', { addresses: ['10.0.0.1', '::5'] })
    const answer = await resolver()('a.test', family)
    expect(answer.kind === 'addresses' && answer.addresses.map(({ ip }) => ip)).toEqual(expected)
    expect(asked()).toEqual(questions)
  })

  it.each([
    ['AUTO', ['10.0.0.1'], ['AAAA a.test', 'A a.test'], '10.0.0.1'],
    ['V4_PREFERRED', ['::5'], ['A a.test', 'AAAA a.test'], '::5'],
  ] as const)('with %s falls back to the other family', async (family, addresses, questions, expected) => {
    dns.set('a.test', { addresses })
    expect(await resolver()('a.test', family)).toMatchObject({ addresses: [{ ip: expected }] })
    expect(asked()).toEqual(questions)
  })
})
