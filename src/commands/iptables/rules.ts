// The rules that capture a namespace's traffic, as `iptables-restore` reads them. All of them are in chains of our own, so
// that what installs them anew, or removes them, knows them by name. What is skipped is what would come back for ever:
// the proxy's own traffic, by its user and group, and what an application says to itself by the loopback address.

import { isIPv4 } from 'node:net'
import type { CaptureOptions, Selection } from './options.ts'

export type Family = 'v4' | 'v6'
export type TableName = 'raw' | 'mangle' | 'nat'

export interface Table {
  readonly name: TableName
  /** Without `-A `. */
  readonly rules: readonly string[]
}

/** What every chain of ours begins with. */
export const chainPrefix = 'NUNCIO_'

const inbound = `${chainPrefix}INBOUND`
const outbound = `${chainPrefix}OUTPUT`
const toOutboundPort = `${chainPrefix}REDIRECT`
const toInboundPort = `${chainPrefix}IN_REDIRECT`
const divert = `${chainPrefix}DIVERT`
const toTransparentPort = `${chainPrefix}TPROXY`
const dns = `${chainPrefix}DNS`

/** The proxy's connections to its application have this source, see `upstream_bind_config` of inbound clusters. */
const inboundSource = { v4: '127.0.0.6/32', v6: '::6/128' }
const localhost = { v4: '127.0.0.1/32', v6: '::1/128' }
/** Of packets by which the proxy calls its own application's service. */
const loopMark = (options: CaptureOptions) => options.tproxy.mark + 1

export function captureTables(options: CaptureOptions, family: Family): Table[] {
  const tables: Table[] = [
    { name: 'raw', rules: dnsZoneRules(options, family) },
    { name: 'mangle', rules: options.mode === 'TPROXY' ? tproxyRules(options, family) : [] },
    { name: 'nat', rules: natRules(options, family) },
  ]
  return tables.filter(({ rules }) => rules.length > 0)
}

function natRules(options: CaptureOptions, family: Family): string[] {
  const isInboundRedirected = options.mode === 'REDIRECT' && isAnything(options.inboundPorts)
  const incoming = [
    ...virtualInterfaceRules(options, family),
    ...(isInboundRedirected ? inboundRules(options, toInboundPort) : []),
  ]
  return [
    ...(incoming.length > 0 ? [`PREROUTING -p tcp -j ${inbound}`, ...incoming] : []),
    `${toOutboundPort} -p tcp -j REDIRECT --to-ports ${options.outboundPort}`,
    `${toInboundPort} -p tcp -j REDIRECT --to-ports ${options.inboundPort}`,
    `OUTPUT -p tcp -j ${outbound}`,
    ...outboundRules(options, family, isInboundRedirected),
    ...dnsRules(options, family),
  ]
}

/** What comes in by them is as if an application here had sent it. */
function virtualInterfaceRules(options: CaptureOptions, family: Family): string[] {
  return options.virtualInterfaces.flatMap((name) => [
    ...outboundDestinations(options, family).map((to) => `${inbound} -i ${name} -p tcp ${to}-j ${toOutboundPort}`),
    `${inbound} -i ${name} -j RETURN`,
  ])
}

function inboundRules(options: CaptureOptions, target: string): string[] {
  const { inboundPorts, inboundPortsExcluded, interfacesExcluded } = options
  const skipped = interfacesExcluded.map((name) => `${inbound} -i ${name} -j RETURN`)
  if (inboundPorts !== 'all')
    return [...skipped, ...inboundPorts.map((port) => `${inbound} -p tcp --dport ${port} -j ${target}`)]
  const excluded = inboundPortsExcluded.map((port) => `${inbound} -p tcp --dport ${port} -j RETURN`)
  return [...skipped, ...excluded, `${inbound} -p tcp -j ${target}`]
}

function outboundRules(options: CaptureOptions, family: Family, isInboundRedirected: boolean): string[] {
  const notDns = options.dnsPort === undefined ? '' : ' ! --dport 53'
  const rules = [
    ...options.interfacesExcluded.map((name) => `-o ${name} -j RETURN`),
    ...options.outboundPortsExcluded.map((port) => `-p tcp --dport ${port} -j RETURN`),
    `-o lo -s ${inboundSource[family]} -j RETURN`,
  ]
  for (const owner of owners(options)) {
    // By the address of its own service the proxy reaches the inbound listener, as others do.
    if (isInboundRedirected)
      rules.push(`-o lo ! -d ${localhost[family]} -p tcp${notDns} -m owner ${owner} -j ${toInboundPort}`)
    rules.push(`-o lo -p tcp${notDns} -m owner ! ${owner} -j RETURN`, `-m owner ${owner} -j RETURN`)
  }
  rules.push(
    ...(options.dnsPort === undefined
      ? []
      : dnsTargets(options, family).map((to) => `-p tcp --dport 53${to} -j REDIRECT --to-ports ${options.dnsPort}`)),
    `-d ${localhost[family]} -j RETURN`,
    ...ofFamily(options.outboundRangesExcluded, family).map((range) => `-d ${range} -j RETURN`),
    ...options.outboundPorts.map((port) => `-p tcp --dport ${port} -j ${toOutboundPort}`),
    ...outboundDestinations(options, family).map((to) => `${to}-j ${toOutboundPort}`),
  )
  return rules.map((rule) => `${outbound} ${rule}`)
}

/** `-d 10.0.0.0/8 ` and so on; an empty text is everything. */
function outboundDestinations({ outboundRanges }: CaptureOptions, family: Family): string[] {
  return outboundRanges === 'all' ? [''] : ofFamily(outboundRanges, family).map((range) => `-d ${range} `)
}

/** Inbound packets come to the transparent socket as they are, and so do answers to what it sends in a client's name. */
function tproxyRules(options: CaptureOptions, family: Family): string[] {
  if (!isAnything(options.inboundPorts)) return []
  const { mark } = options.tproxy
  const own = [
    ...options.virtualInterfaces.map((name) => `-i ${name} -j RETURN`),
    `-p tcp -m mark --mark ${mark} -j CONNMARK --save-mark`,
    `-p tcp -m mark --mark ${mark} -j RETURN`,
    `-p tcp -s ${inboundSource[family]} -i lo -j RETURN`,
    `-p tcp -i lo -m mark ! --mark ${loopMark(options)} -j RETURN`,
  ].map((rule) => `${inbound} ${rule}`)
  const loops = owners(options).map(
    (owner) =>
      `${outbound} -o lo ! -d ${localhost[family]} -p tcp -m owner ${owner} -j MARK --set-mark ${loopMark(options)}`,
  )
  return [
    `${divert} -j MARK --set-mark ${mark}`,
    `${divert} -j ACCEPT`,
    `${toTransparentPort} ! -d ${localhost[family]} -p tcp -j TPROXY --tproxy-mark ${mark}/0xffffffff --on-port ${options.inboundPort}`,
    `PREROUTING -p tcp -j ${inbound}`,
    ...own,
    `${inbound} -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ${divert}`,
    ...inboundRules(options, toTransparentPort),
    `OUTPUT -p tcp -j ${outbound}`,
    `${outbound} -p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark`,
    ...loops,
  ]
}

function dnsRules(options: CaptureOptions, family: Family): string[] {
  const { dnsPort } = options
  if (dnsPort === undefined) return []
  return [
    `OUTPUT -p udp --dport 53 -j ${dns}`,
    ...owners(options).map((owner) => `${dns} -m owner ${owner} -j RETURN`),
    ...dnsTargets(options, family).map((to) => `${dns} -p udp --dport 53${to} -j REDIRECT --to-ports ${dnsPort}`),
  ]
}

/** The proxy asks from the same port that an application may ask from: each side is tracked in a zone of its own. */
function dnsZoneRules(options: CaptureOptions, family: Family): string[] {
  const { dnsPort } = options
  if (dnsPort === undefined) return []
  const proxy = owners(options).flatMap((owner) => [
    `-p udp --dport 53 -m owner ${owner} -j CT --zone 1`,
    `-p udp --sport ${dnsPort} -m owner ${owner} -j CT --zone 2`,
  ])
  const applications = dnsTargets(options, family).map((to) => `-p udp --dport 53${to} -j CT --zone 2`)
  return [
    `OUTPUT -p udp -j ${outbound}`,
    // The first that fits decides.
    ...[...proxy, ...applications].map((rule) => `${outbound} ${rule}`),
    `PREROUTING -p udp -j ${inbound}`,
    `${inbound} -p udp --sport 53 -j CT --zone 1`,
  ]
}

/** ` -d 10.0.0.10/32` and so on; an empty text is every server. */
function dnsTargets({ dnsServers }: CaptureOptions, family: Family): string[] {
  return dnsServers === 'all' ? [''] : ofFamily(dnsServers, family).map((server) => ` -d ${server}`)
}

function owners({ proxyUids, proxyGids }: CaptureOptions): string[] {
  return [...proxyUids.map((uid) => `--uid-owner ${uid}`), ...proxyGids.map((gid) => `--gid-owner ${gid}`)]
}

function ofFamily(ranges: readonly string[], family: Family): string[] {
  return ranges.filter((range) => isIPv4(range.split('/')[0]) === (family === 'v4'))
}

function isAnything(selection: Selection): boolean {
  return selection === 'all' || selection.length > 0
}
