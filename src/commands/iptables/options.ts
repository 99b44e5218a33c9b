// The command line of `nuncio iptables`: the options that a mesh's init container is called with, by the same names.

import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CidrRange } from '../../common/cidr.ts'
import { type Flags, flagLines, type GivenFlags, readFlags, UsageError } from '../flags.ts'

/** Everything, or what is listed; an empty list is nothing. */
export type Selection = 'all' | readonly string[]

export interface TproxyOptions {
  /** Of packets that are for a transparent socket. */
  readonly mark: number
  /** Where they are routed. */
  readonly routeTable: number
}

export interface CaptureOptions {
  readonly outboundPort: number
  readonly inboundPort: number
  /** Names or numbers. */
  readonly proxyUids: readonly string[]
  readonly proxyGids: readonly string[]
  readonly mode: 'REDIRECT' | 'TPROXY'
  readonly tproxy: TproxyOptions
  readonly inboundPorts: Selection
  readonly inboundPortsExcluded: readonly string[]
  /** CIDR ranges of both families. */
  readonly outboundRanges: Selection
  readonly outboundRangesExcluded: readonly string[]
  /** Captured whatever their address is. */
  readonly outboundPorts: readonly string[]
  readonly outboundPortsExcluded: readonly string[]
  readonly interfacesExcluded: readonly string[]
  /** What comes in by them counts as going out: they lead to virtual machines. */
  readonly virtualInterfaces: readonly string[]
  /** Where DNS requests go; undefined: they are left alone. */
  readonly dnsPort: number | undefined
  /** To these alone, or to all. */
  readonly dnsServers: Selection
  readonly ipv6: boolean
}

export type IptablesCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'clean'; readonly dryRun: boolean; readonly tproxy: TproxyOptions }
  | { readonly kind: 'install'; readonly dryRun: boolean; readonly options: CaptureOptions }

const flags: Flags = {
  'envoy-port': { short: 'p', byDefault: '15001', help: 'port that outbound connections are redirected to' },
  'inbound-capture-port': { short: 'z', byDefault: '15006', help: 'port that inbound connections are redirected to' },
  'proxy-uid': { short: 'u', byDefault: '1337', help: 'users whose traffic is not captured: those of the proxy' },
  'proxy-gid': { short: 'g', byDefault: '', help: 'groups whose traffic is not captured (default: as --proxy-uid)' },
  'istio-inbound-interception-mode': { short: 'm', byDefault: 'REDIRECT', help: 'inbound: REDIRECT or TPROXY' },
  'istio-inbound-tproxy-mark': { short: 't', byDefault: '1337', help: 'mark of packets with TPROXY' },
  'istio-inbound-tproxy-route-table': { short: 'r', byDefault: '133', help: 'routing table of marked packets' },
  'istio-inbound-ports': { short: 'b', byDefault: '', help: 'inbound ports to capture, * for all' },
  'istio-local-exclude-ports': { short: 'd', byDefault: '', help: 'inbound ports not to capture, where -b is *' },
  'istio-service-cidr': { short: 'i', byDefault: '', help: 'ranges to capture connections to, * for all' },
  'istio-service-exclude-cidr': { short: 'x', byDefault: '', help: 'ranges not to capture connections to' },
  'istio-outbound-ports': { short: 'q', byDefault: '', help: 'outbound ports to capture whatever the address is' },
  'istio-local-outbound-ports-exclude': { short: 'o', byDefault: '', help: 'outbound ports not to capture' },
  'istio-exclude-interfaces': { short: 'c', byDefault: '', help: 'interfaces whose traffic is not captured' },
  'kube-virt-interfaces': { short: 'k', byDefault: '', help: 'interfaces whose inbound traffic counts as outbound' },
  'redirect-dns': { help: 'capture DNS requests to the servers of /etc/resolv.conf' },
  'capture-all-dns': { help: 'with --redirect-dns: to any server' },
  'dns-port': { byDefault: '15053', help: 'port that DNS requests are redirected to' },
  'ip-family': { byDefault: 'auto', help: 'v4, dual, or auto: dual where an interface has a global IPv6 address' },
  'dry-run': { short: 'n', help: 'print what would be done' },
  'cleanup-only': { help: 'remove the rules' },
  help: { short: 'h', help: 'print this and end' },
}

export function helpText(): string {
  return `nuncio iptables [OPTION...]\n\nRedirects the traffic of this network namespace to the proxy. Lists are separated by commas.\n\n${flagLines(flags, 50)}`
}

/** `resolvConf` is the text of /etc/resolv.conf. */
export function parseIptablesCommand(args: readonly string[], resolvConf: string): IptablesCommand {
  try {
    const { given } = readFlags(flags, args)
    if (given['help'] === true) return { kind: 'help' }
    const dryRun = given['dry-run'] === true
    const options = captureOptions(given, resolvConf)
    if (given['cleanup-only'] === true) return { kind: 'clean', dryRun, tproxy: options.tproxy }
    return { kind: 'install', dryRun, options }
  } catch (error) {
    if (error instanceof UsageError) return { kind: 'error', message: error.message }
    throw error
  }
}

function captureOptions(given: GivenFlags, resolvConf: string): CaptureOptions {
  const text = (name: string) => String(given[name] ?? '').trim()
  const list = (name: string) =>
    text(name)
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
  const number = (name: string, most: number) => numberOf(name, text(name), most)
  const ports = (name: string) => list(name).map((port) => String(numberOf(name, port, maxPort)))
  const ranges = (name: string) => list(name).map((range) => rangeOf(name, range))
  const names = (name: string) => list(name).map((one) => nameOf(name, one))
  const uids = names('proxy-uid')
  const gids = names('proxy-gid')
  return {
    outboundPort: number('envoy-port', maxPort),
    inboundPort: number('inbound-capture-port', maxPort),
    proxyUids: uids,
    proxyGids: gids.length > 0 ? gids : uids,
    mode: oneOf('istio-inbound-interception-mode', text('istio-inbound-interception-mode'), ['REDIRECT', 'TPROXY']),
    tproxy: {
      mark: number('istio-inbound-tproxy-mark', 0xffff_fffe),
      routeTable: number('istio-inbound-tproxy-route-table', 0xffff_ffff),
    },
    inboundPorts: text('istio-inbound-ports') === '*' ? 'all' : ports('istio-inbound-ports'),
    inboundPortsExcluded: ports('istio-local-exclude-ports'),
    outboundRanges: text('istio-service-cidr') === '*' ? 'all' : ranges('istio-service-cidr'),
    outboundRangesExcluded: ranges('istio-service-exclude-cidr'),
    outboundPorts: ports('istio-outbound-ports'),
    outboundPortsExcluded: ports('istio-local-outbound-ports-exclude'),
    interfacesExcluded: names('istio-exclude-interfaces'),
    virtualInterfaces: names('kube-virt-interfaces'),
    dnsPort: given['redirect-dns'] === true ? number('dns-port', maxPort) : undefined,
    dnsServers: given['capture-all-dns'] === true ? 'all' : nameServers(resolvConf),
    ipv6: isIpv6Wanted(oneOf('ip-family', text('ip-family'), ['v4', 'dual', 'auto'])),
  }
}

const maxPort = 65535

function numberOf(name: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new UsageError(`--${name}: '${text}' is not a number from 1 to ${most}`)
  return value
}

function rangeOf(name: string, text: string): string {
  const [address, length, ...more] = text.split('/')
  const bits = isIPv4(address) ? 32 : 128
  const isLength = length === undefined || (/^\d+$/.test(length) && Number(length) <= bits)
  if (more.length > 0 || !isLength || CidrRange.create(address, bits) === undefined)
    throw new UsageError(`--${name}: '${text}' is not a CIDR range`)
  return text
}

/** Of a user, a group or an interface. It becomes a word of a rule. */
function nameOf(name: string, text: string): string {
  if (!/^[\w.@+][\w.@+-]*$/.test(text)) throw new UsageError(`--${name}: '${text}' is not a name`)
  return text
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text)
  if (found === undefined) throw new UsageError(`--${name}: '${text}' is none of ${allowed.join(', ')}`)
  return found
}

function nameServers(resolvConf: string): string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => address)
  return found.filter((address) => CidrRange.create(address, 128) !== undefined && !address.includes('%'))
}

function isIpv6Wanted(family: 'v4' | 'dual' | 'auto'): boolean {
  if (family !== 'auto') return family === 'dual'
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return addresses.some((one) => one.family === 'IPv6' && !one.internal && one.scopeid === 0)
}
