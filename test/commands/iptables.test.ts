/** `nuncio iptables` in namespaces of the tests' own: what the kernel does with connections then, by real connections. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEBIAN_INSTALL_TIMEOUT_MS } from '../support/ensure_debian_command.ts'
import { ensureNamespaceTools, type NamespaceUser, NetworkNamespace } from '../support/network_namespace.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const servers = join(import.meta.dirname, 'naming_servers.ts')
const application: NamespaceUser = { uid: 2000, gid: 2000 }
const proxy: NamespaceUser = { uid: 1337, gid: 2000 }
const proxyGroup: NamespaceUser = { uid: 2000, gid: 1337 }
const everything = ['-p', '15001', '-z', '15006', '-u', '1337', '-g', '1337', '-m', 'REDIRECT', '-i', '*', '-b', '*']
const pod = { v4: '10.77.0.1', v6: 'fd77::1' }
const outside = { v4: '10.77.0.2', v6: 'fd77::2' }

beforeAll(ensureNamespaceTools, DEBIAN_INSTALL_TIMEOUT_MS)

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0).reverse()) close()
})

async function namespace(): Promise<NetworkNamespace> {
  const made = await NetworkNamespace.create()
  opened.push(() => made.stop())
  return made
}

/** Servers in it, `NAME=PORT`, once they listen. */
async function serve(where: NetworkNamespace, ...names: string[]): Promise<void> {
  const child: ChildProcess = where.spawn(process.execPath, [servers, ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  opened.push(() => child.kill('SIGKILL'))
  let listening = 0
  for await (const _ of createInterface({ input: child.stdout! })) if (++listening === names.length) return
  throw new Error('the servers ended')
}

/** A pod with an application and the proxy's ports, and a machine outside. */
async function twoMachines(captured = '15006'): Promise<{ inside: NetworkNamespace; other: NetworkNamespace }> {
  const inside = await namespace()
  const other = await namespace()
  inside.connect(other, [`${pod.v4}/24`, `${pod.v6}/64`], [`${outside.v4}/24`, `${outside.v6}/64`])
  inside.run('ip', 'route', 'add', 'default', 'via', outside.v4)
  await serve(inside, 'outbound=15001', `inbound=${captured}`, 'application=8080', 'other=8081')
  await serve(other, 'outside=9000', 'mail=25')
  return { inside, other }
}

function install(where: NetworkNamespace, ...args: string[]): string {
  return where.run(process.execPath, program, 'iptables', ...args)
}

/** Who answers: the name alone. */
function reached(where: NetworkNamespace, user: NamespaceUser, address: string, port: number): string {
  return answer(where, user, address, port).split(' ')[0]
}

function answer(where: NetworkNamespace, user: NamespaceUser, address: string, port: number): string {
  const talk = `exec 3<>/dev/tcp/${address}/${port}; timeout 20 cat <&3`
  return where.runAs(user, 'timeout', '20', 'bash', '-c', talk).trim()
}

function rules(where: NetworkNamespace): string[] {
  return ['iptables-save', 'ip6tables-save'].flatMap((save) =>
    where
      .run(save)
      .split('\n')
      .filter((line) => line.startsWith('-A') || line.includes('NUNCIO')),
  )
}

describe.each(['v4', 'v6'] as const)('connections of %s', (family) => {
  it('go through the proxy, but for its own', async () => {
    const { inside, other } = await twoMachines()
    install(inside, ...everything, '--ip-family', 'dual')
    const service = pod[family]
    const localhost = family === 'v4' ? '127.0.0.1' : '::1'
    expect({
      'application to outside': reached(inside, application, outside[family], 9000),
      'outside to application': reached(other, application, service, 8080),
      'application to itself, by its address': reached(inside, application, service, 8080),
      'application to itself, by localhost': reached(inside, application, localhost, 8080),
      'proxy to outside': reached(inside, proxy, outside[family], 9000),
      "proxy's group to outside": reached(inside, proxyGroup, outside[family], 9000),
      'proxy to the application': reached(inside, proxy, localhost, 8080),
      'proxy to its own service': reached(inside, proxy, service, 8080),
    }).toEqual({
      'application to outside': 'outbound',
      'outside to application': 'inbound',
      'application to itself, by its address': 'application',
      'application to itself, by localhost': 'application',
      'proxy to outside': 'outside',
      "proxy's group to outside": 'outside',
      'proxy to the application': 'application',
      'proxy to its own service': 'inbound',
    })
  })

  it('are left alone when the rules are gone', async () => {
    const { inside, other } = await twoMachines()
    install(inside, ...everything, '--ip-family', 'dual', '--redirect-dns')
    install(inside, '--cleanup-only')
    expect(rules(inside)).toEqual([])
    expect(reached(inside, application, outside[family], 9000)).toBe('outside')
    expect(reached(other, application, pod[family], 8080)).toBe('application')
  })
})

describe('what is captured', () => {
  it('is not what is excluded', async () => {
    const { inside, other } = await twoMachines()
    install(inside, ...everything, '-d', '8081', '-o', '25')
    expect(reached(other, application, pod.v4, 8081)).toBe('other')
    expect(reached(other, application, pod.v4, 8080)).toBe('inbound')
    expect(reached(inside, application, outside.v4, 25)).toBe('mail')
    install(inside, ...everything, '-x', `${outside.v4}/32`)
    expect(reached(inside, application, outside.v4, 9000)).toBe('outside')
    install(inside, ...everything, '-c', 'eth0')
    expect(reached(inside, application, outside.v4, 9000)).toBe('outside')
    expect(reached(other, application, pod.v4, 8080)).toBe('application')
  })

  it('is what is listed', async () => {
    const { inside, other } = await twoMachines()
    install(inside, '-b', '8081', '-i', '10.99.0.0/16', '-q', '25')
    expect(reached(other, application, pod.v4, 8081)).toBe('inbound')
    expect(reached(other, application, pod.v4, 8080)).toBe('application')
    expect(reached(inside, application, outside.v4, 9000)).toBe('outside')
    expect(reached(inside, application, '10.99.3.4', 9000)).toBe('outbound')
    expect(reached(inside, application, outside.v4, 25)).toBe('outbound')
  })

  it('comes with its own addresses to a transparent socket', async () => {
    const { inside, other } = await twoMachines('15006:transparent')
    install(inside, ...everything, '-m', 'TPROXY')
    expect(answer(other, application, pod.v4, 8080)).toBe(`inbound ${pod.v4} 8080`)
    expect(reached(inside, application, outside.v4, 9000)).toBe('outbound')
    expect(answer(inside, proxy, pod.v4, 8080)).toBe(`inbound ${pod.v4} 8080`)
    expect(reached(inside, application, pod.v4, 8080)).toBe('application')
    install(inside, '--cleanup-only')
    expect(reached(other, application, pod.v4, 8080)).toBe('application')
    expect(inside.run('ip', 'rule', 'show')).not.toContain('fwmark')
    expect(inside.run('ip', 'route', 'show', 'table', 'all')).not.toContain('table 133')
  })
})

describe('the rules', () => {
  it('are the same when they are installed again, and those of others stay', async () => {
    const where = await namespace()
    where.run('iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '--dport', '4242', '-j', 'ACCEPT')
    const before = rules(where)
    install(where, ...everything, '--redirect-dns', '--capture-all-dns', '--ip-family', 'dual')
    const once = rules(where)
    install(where, ...everything, '--redirect-dns', '--capture-all-dns', '--ip-family', 'dual')
    expect(rules(where)).toEqual(once)
    install(where, ...everything, '-m', 'TPROXY', '--ip-family', 'dual')
    install(where, ...everything, '-m', 'TPROXY', '--ip-family', 'dual')
    expect(where.run('ip', 'rule', 'show').match(/fwmark/g)).toHaveLength(1)
    install(where, '--cleanup-only')
    expect(rules(where)).toEqual(before)
  })

  it('are printed and not installed by --dry-run', async () => {
    const where = await namespace()
    const text = install(where, ...everything, '--dry-run')
    expect(text).toContain('-A NUNCIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001')
    expect(rules(where)).toEqual([])
  })

  it('are refused with what is wrong', async () => {
    const where = await namespace()
    expect(() => install(where, '-b', '80,99999')).toThrow(
      "--istio-inbound-ports: '99999' is not a number from 1 to 65535",
    )
    expect(() => install(where, '-i', '10.0.0.0/33')).toThrow("--istio-service-cidr: '10.0.0.0/33' is not a CIDR range")
    expect(() => install(where, '-u', '1 -j ACCEPT')).toThrow("--proxy-uid: '1 -j ACCEPT' is not a name")
    expect(() => install(where, '-m', 'NONE')).toThrow("'NONE' is none of REDIRECT, TPROXY")
    expect(() => install(where, '--wrong')).toThrow("Unknown option '--wrong'")
    expect(rules(where)).toEqual([])
  })
})
