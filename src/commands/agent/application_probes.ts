// Probes of the application that kubelet sends to the agent, since the application's own port is the proxy's.

import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'

interface Probe {
  readonly httpGet?: {
    readonly path?: string
    readonly port: number
    readonly scheme?: string
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[]
  }
  readonly tcpSocket?: { readonly port: number }
  readonly timeoutSeconds?: number
}

/** By the path that kubelet asks for: `/app-health/CONTAINER/readyz`. */
export type ApplicationProbes = ReadonlyMap<string, Probe>

const paths = /^\/app-(?:health|lifecycle)\/[^/]+\/(?:livez|readyz|startupz|prestopz|poststartz)$/

/** `json` maps paths to probes as Kubernetes writes them. Throws where it does not. */
export function readApplicationProbes(json: string): ApplicationProbes {
  const probes = Object.entries(JSON.parse(json) as Record<string, Probe>)
  for (const [path, { httpGet, tcpSocket }] of probes) {
    if (!paths.test(path)) throw new Error(`${path} is no path of a probe`)
    if (httpGet === undefined && tcpSocket === undefined)
      throw new Error(`${path}: only httpGet and tcpSocket are supported`)
    if (!Number.isInteger(httpGet?.port ?? tcpSocket?.port)) throw new Error(`${path}: the port is not a number`)
  }
  return new Map(probes)
}

/** The status to answer with. */
export function runProbe({ httpGet, tcpSocket, timeoutSeconds = 1 }: Probe): Promise<number> {
  const timeoutMs = timeoutSeconds * 1000
  return httpGet === undefined ? tryConnect(tcpSocket!.port, timeoutMs) : tryGet(httpGet, timeoutMs)
}

function tryGet(get: NonNullable<Probe['httpGet']>, timeoutMs: number): Promise<number> {
  const { path = '/', port, scheme = 'HTTP', httpHeaders = [] } = get
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]))
  // Kubelet does not verify certificates either.
  const options = { host: '127.0.0.1', port, path, headers, agent: false as const, rejectUnauthorized: false }
  return new Promise((resolve) => {
    const request = (scheme.toUpperCase() === 'HTTPS' ? httpsRequest : httpRequest)(options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 500)
    })
    request.setTimeout(timeoutMs, () => request.destroy(new Error('timeout')))
    request.on('error', () => resolve(503))
    request.end()
  })
}

function tryConnect(port: number, timeoutMs: number): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => end(200))
    const end = (status: number): void => {
      socket.destroy()
      resolve(status)
    }
    socket.setTimeout(timeoutMs, () => end(503))
    socket.on('error', () => end(503))
  })
}
