// Renders the bootstrap, and writes it only where it is another one than the one that is there.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { renderTemplate, TemplateError } from '../template.ts'
import { bootstrapTemplate } from './bootstrap_template.ts'
import type { AgentNode } from './node.ts'
import type { AgentOptions } from './options.ts'

/** Throws TemplateError where the template asks for what nobody knows. */
export function renderBootstrap(options: AgentOptions, node: AgentNode): string {
  const { templatePath, discoveryAddress } = options
  if (templatePath === undefined && discoveryAddress === '')
    throw new TemplateError('the built-in template needs --discovery-address; or give a --template of your own')
  const template = templatePath === undefined ? bootstrapTemplate : readFileSync(templatePath, 'utf8')
  const values: Readonly<Record<string, unknown>> = {
    node,
    node_id: node.id,
    node_cluster: node.cluster,
    role: options.role,
    admin_port: options.adminPort,
    status_port: options.statusPort,
    ready_port: options.readyPort,
    metrics_port: options.metricsPort,
    discovery_type: discoveryType(discoveryAddress),
    discovery_address: discoveryAddress === '' ? {} : discoveryEndpoint(discoveryAddress),
  }
  return renderTemplate(template, values)
}

/** False where the file says so already. */
export function writeIfChanged(path: string, text: string): boolean {
  if (contentsOf(path) === text) return false
  mkdirSync(dirname(path), { recursive: true })
  // Nobody reads half of it.
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
  return true
}

function contentsOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function discoveryType(address: string): string {
  return isPath(address) || isIP(hostAndPort(address)[0]) !== 0 ? 'STATIC' : 'STRICT_DNS'
}

function discoveryEndpoint(address: string): object {
  if (isPath(address)) return { pipe: { path: address } }
  const [host, port] = hostAndPort(address)
  if (host === '' || !/^\d+$/.test(port))
    throw new TemplateError(`--discovery-address: '${address}' is neither host:port nor a path`)
  return { socket_address: { address: host, port_value: Number(port) } }
}

function isPath(address: string): boolean {
  return address.includes('/')
}

function hostAndPort(address: string): [host: string, port: string] {
  const colon = address.lastIndexOf(':')
  return [address.slice(0, Math.max(colon, 0)).replace(/^\[|\]$/g, ''), address.slice(colon + 1)]
}
